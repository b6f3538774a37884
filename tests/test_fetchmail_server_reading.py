# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import date, timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..engine.errors import GatewayError
from ..engine.mailbox import After, AfterKind, Entry, Folder, Selection, Take
from ..hooks import post_init_hook
from .common import GatewayCase, ScriptedMailbox, eml


class ReadingCase(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.box = cls.mailbox(company_id=cls.company.id)

    def serving(self, mailbox):
        return patch.object(type(self.env["fetchmail.server"]), "_gateway_open_mailbox", lambda server: mailbox)

    def fetch(self, mailbox, server=None):
        server = server or self.box
        with (
            self.serving(mailbox),
            self.committing() as env,
            mute_logger("odoo.addons.spp_email_gateway.models.spp_email_fetching"),
        ):
            return env["spp.email.fetching"]._fetch(server.with_env(env))

    def rows(self, server=None):
        return self.env["spp.email.inbound"].search([("server_id", "=", (server or self.box).id)], order="id")


@tagged("post_install", "-at_install")
class TestPlan(ReadingCase):
    def test_defaults_are_the_guides(self):
        selections, rules = self.box._gateway_reading_plan()
        self.assertEqual(selections, (Selection("INBOX", Take.UNREAD, is_new=True),))
        self.assertEqual(rules.after, After(AfterKind.SEEN))
        self.assertEqual((rules.size_limit, rules.most_at_first, rules.tells), (50 * 1024**2, 200, True))
        self.assertIsNone(rules.told_before)
        pop = self.mailbox(server_type="pop", user="pop@gateway.test")
        _selections, rules = pop._gateway_reading_plan()
        left = fields.Datetime.now() - rules.told_before
        self.assertAlmostEqual(left / timedelta(days=1), 14, places=3)

    def test_servers_from_before_keep_stocks_behaviour(self):
        box, pop = self.mailbox(user="a@gateway.test"), self.mailbox(server_type="pop", user="b@gateway.test")
        with self.own_cursors():
            post_init_hook(self.env)
        self.env.invalidate_all()
        selections, rules = box._gateway_reading_plan()
        self.assertEqual(selections, (Selection("INBOX", Take.UNREAD),))
        self.assertEqual((rules.size_limit, rules.after), (0, After(AfterKind.SEEN)))
        _selections, rules = pop._gateway_reading_plan()
        self.assertIsNone(rules.told_before)
        self.assertTrue(rules.tells)

    def test_settings(self):
        day, start = date(2026, 5, 1), date(2026, 6, 1)
        all_ = {"take": Take.ALL, "keeps_floor": True}
        for values, expected in (
            ({"gateway_take": "all"}, {**all_, "is_new": True}),
            ({"gateway_take": "since", "gateway_take_since": day}, {**all_, "since": day}),
            ({"gateway_after": "leave"}, {"keeps_floor": True, "is_new": True}),
            ({"gateway_start": "everything"}, {}),
            ({"gateway_start": "now", "gateway_start_date": start}, {"begin": start}),
            ({"gateway_start": "since", "gateway_start_date": start}, {"since": start}),
            (
                {
                    "gateway_start": "since",
                    "gateway_start_date": start,
                    "gateway_take": "since",
                    "gateway_take_since": day,
                },
                {**all_, "since": start},
            ),
        ):
            with self.subTest(values=values):
                box = self.mailbox(user=f"{hash(str(values))}@gateway.test", **values)
                self.assertEqual(box._gateway_reading_plan()[0], (Selection("INBOX", **expected),))

    def test_folders(self):
        self.box.gateway_folder_ids = [(0, 0, {"name": name, "active": name != "Old"}) for name in ("B", "Old", "A")]
        self.assertEqual([selection.folder for selection in self.box._gateway_selections()], ["B", "A"])
        self.assertEqual(self.box._gateway_folder("A").name, "A")

    def test_connection_bounds(self):
        self.box.write(
            {"gateway_connect_timeout": 5, "gateway_read_timeout": 7, "gateway_session_timeout": 30}
        )
        connection = self.box._gateway_connection()
        self.assertEqual(
            (connection.connect_timeout, connection.read_timeout, connection.session_timeout), (5, 7, 30)
        )

    def test_what_cannot_be(self):
        for values, words in (
            ({"gateway_take": "since"}, "Say since which date"),
            ({"gateway_after": "keyword"}, "The keyword needs"),
            ({"gateway_after": "keyword", "gateway_keyword": "a b"}, "The keyword needs"),
            ({"gateway_after": "move"}, "Enter the name of the folder in “Processed Folder”."),
            ({"gateway_after": "move", "gateway_processed_folder": "inbox"}, "again without end"),
            ({"gateway_after": "move", "gateway_processed_folder": "a\nb"}, "Enter the name"),
            ({"gateway_after_failure": "move"}, "Enter the name of the folder in “Failed Folder”."),
            (
                {"gateway_after": "delete", "gateway_after_failure": "move", "gateway_failed_folder": "F"},
                "deleted cannot be moved",
            ),
            ({"gateway_connect_timeout": 0}, "“Connect Within (Seconds)” must be between 1 and 60."),
            ({"gateway_read_timeout": 301}, "must be between 1 and 300"),
            ({"gateway_session_timeout": 111}, "must be between 10 and 110"),
            ({"gateway_size_limit": -1}, "must be between 0 and 250"),
            ({"gateway_pop_leave_days": -1}, "must be between 0 and 3650"),
            ({"gateway_folder_ids": [(0, 0, {"name": " "})]}, "A folder needs a name"),
            (
                {"gateway_folder_ids": [(0, 0, {"name": "A", "gateway_action": "create"})]},
                "The folder “A” needs a value in the field “Create a New Record”.",
            ),
            (
                {"gateway_folder_ids": [(0, 0, {"name": "A", "gateway_action": "attach"})]},
                "The folder “A” needs a value in the field “Attach to”.",
            ),
            (
                {
                    "gateway_folder_ids": [(0, 0, {"name": "Done"})],
                    "gateway_after": "move",
                    "gateway_processed_folder": "Done",
                },
                "which is read itself",
            ),
        ):
            with self.subTest(values=values), self.assertRaises(ValidationError) as caught, self.cr.savepoint():
                self.box.write(values)
                self.env.flush_all()
            self.assertIn(words, str(caught.exception))

    def test_warnings(self):
        for values, words in (
            ({}, False),
            ({"gateway_after": "delete"}, "only copy"),
            ({"gateway_size_limit": 0}, "very large"),
            ({"server_type": "pop", "gateway_pop_leave_days": 0}, "deleted from the mail server as soon as"),
            ({"server_type": "pop"}, False),
            ({"server_type": "local"}, False),
        ):
            with self.subTest(values=values):
                warning = self.mailbox(user=f"{hash(str(values))}@gateway.test", **values).gateway_reading_warning
                self.assertIn(words, warning) if words else self.assertFalse(warning)


@tagged("post_install", "-at_install")
class TestFolderTargets(ReadingCase):
    def test_a_folder_has_a_target_of_its_own(self):
        record = self.env["res.partner"].create({"name": "Box of complaints"})
        self.box.gateway_folder_ids = [
            (0, 0, {"name": "INBOX"}),
            (0, 0, {"name": "C", "gateway_action": "attach", "gateway_record": f"res.partner,{record.id}"}),
        ]

        class Folders(ScriptedMailbox):
            def enter(self, selection):
                self.folder = selection.folder

            def waiting(self, limit=None):
                uid = "1" if self.folder == "INBOX" else "2"
                return [Entry(self.folder, "1", uid, len(self.contents[uid]))]

        self.fetch(Folders(eml(Subject="To the inbox"), eml(Subject="To the folder")))
        self.assertEqual(self.rows().mapped("folder"), ["INBOX", "C"])
        self.assertEqual(self.rows().mapped("folder_id.name"), ["INBOX", "C"])
        self.assertEqual(len(self.partners("To the inbox")), 1)
        self.assertFalse(self.partners("To the folder"))
        self.assertIn("To the folder", record.message_ids.mapped("subject"))

    def test_choosing(self):
        mailbox = ScriptedMailbox()
        mailbox.folders = lambda: [Folder("INBOX"), Folder("Büro"), Folder("Sent", "Sent")]
        server = self.box.with_user(self.manager)

        def choose(*names):
            with self.serving(mailbox):
                choice = self.env["spp.email.folder.choice"].with_user(self.manager).browse(
                    server.action_gateway_choose_folders()["res_id"]
                )
            before = choice.line_ids.filtered("is_chosen").mapped("name")
            for line in choice.line_ids:
                line.is_chosen = line.name in names
            choice.action_apply()
            return before

        self.assertEqual(choose("INBOX", "Büro"), ["INBOX"])
        self.assertEqual([s.folder for s in self.box._gateway_selections()], ["INBOX", "Büro"])
        target = self.box._gateway_folder("Büro")
        target.write({"gateway_action": "create", "object_id": self.partner_model.id})
        self.assertEqual(choose("INBOX"), ["INBOX", "Büro"])
        self.assertEqual([s.folder for s in self.box._gateway_selections()], ["INBOX"])
        # What was set up for it is kept.
        choose("INBOX", "Büro")
        self.assertTrue(target.active)
        self.assertEqual(target.object_id, self.partner_model)
        mailbox.folders = lambda: [Folder("INBOX")]
        self.assertEqual(choose("INBOX", "Büro"), ["INBOX", "Büro"])

    def test_only_managers_choose(self):
        for user in (self.viewer, self.officer, self.plain):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.box.with_user(user).action_gateway_choose_folders()

    def test_what_the_server_refuses_is_said(self):
        mailbox = ScriptedMailbox(error=GatewayError("The login was refused.", field="password"))
        with self.serving(mailbox), self.assertRaises(UserError) as caught:
            self.box.action_gateway_choose_folders()
        self.assertIn("The login was refused.", str(caught.exception))


@tagged("post_install", "-at_install")
class TestStart(ReadingCase):
    def full(self, count=201):
        return ScriptedMailbox(*(b"Subject: %d\r\n\r\nbody" % number for number in range(count)))

    def test_a_full_mailbox_waits_for_a_person(self):
        mailbox = self.full()
        error, new, _outcomes = self.fetch(mailbox)
        self.assertEqual((error, new, mailbox.told), (None, 0, []))
        self.assertEqual(self.box.gateway_waiting_count, 201)
        self.assertEqual(self.box.gateway_problem, "201 messages wait: say where to start.")
        self.assertEqual(self.box.gateway_failures, 0)
        findings = {finding.code for finding in self.env["fetchmail.server"]._gateway_health()}
        self.assertIn(f"mailbox_{self.box.id}_start", findings)
        with self.serving(mailbox), self.committing(self.manager) as env:
            params = self.box.with_env(env).fetch_mail()["params"]
        self.assertEqual(params["type"], "warning")
        self.assertIn("201 messages wait.", params["message"])

    def test_two_hundred_are_no_question_nor_are_more_later(self):
        mailbox = self.full(200)
        with patch("odoo.addons.spp_email_gateway.models.spp_email_fetching.READ_LIMIT", 3):
            self.fetch(ScriptedMailbox())
        self.assertFalse(self.box.gateway_waiting_count)
        mailbox.contents.update({str(number): eml() for number in range(201, 260)})
        with self.serving(mailbox), self.own_cursors():
            new, more = self.env["spp.email.reading"]._read_mailbox(self.box, 5)
        self.assertEqual((new, more), (5, True))

    def start(self, mailbox, **values):
        with self.serving(mailbox), self.own_cursors():
            wizard = self.env["spp.email.start"].with_user(self.manager)
            wizard.create({"server_id": self.box.id, **values}).action_apply()
        self.env.invalidate_all()

    def test_from_now_on(self):
        mailbox = self.full()
        self.fetch(mailbox)
        self.start(mailbox, start="now")
        self.assertEqual(self.box.gateway_waiting_count, 0)
        (selection,), _rules = self.box._gateway_reading_plan()
        self.assertEqual(selection.floor, ("1", 201))
        self.assertEqual(selection.begin, fields.Date.today())
        self.assertFalse(selection.is_new)

    def test_from_now_on_by_pop(self):
        class Maildrop(ScriptedMailbox):
            def last_uid(self):
                return None

            def waiting(self, limit=None):
                return [Entry("", "", entry.uid, entry.size) for entry in super().waiting(limit)]

        self.box.server_type = "pop"
        mailbox = Maildrop(*(eml() for _number in range(3)))
        self.start(mailbox, start="now")
        mailbox.contents["9"] = eml(Subject="New")
        self.assertEqual(self.fetch(mailbox)[1], 1)
        self.assertEqual(self.rows().mapped("uid"), ["9"])
        # It is left on the server for a while; what was passed over for ever.
        self.assertEqual(mailbox.told, [])

    def test_since_and_everything(self):
        mailbox = self.full()
        self.start(mailbox, start="since", since="2026-05-01")
        self.assertEqual(self.box._gateway_selections()[0].since, date(2026, 5, 1))
        self.start(mailbox, start="everything")
        self.assertEqual(self.box._gateway_selections()[0], Selection())
        with self.serving(mailbox), self.own_cursors():
            self.assertEqual(self.env["spp.email.reading"]._read_mailbox(self.box, 3), (3, True))

    def test_a_date_is_needed(self):
        with self.assertRaisesRegex(UserError, "Enter the date"):
            self.start(self.full(), start="since")

    def test_a_server_that_is_away_decides_nothing(self):
        with self.assertRaisesRegex(UserError, "no way"), self.cr.savepoint():
            self.start(ScriptedMailbox(error=GatewayError("no way")), start="now")
        self.assertEqual(self.box.gateway_start, "ask")

    def test_another_mailbox_is_another_question(self):
        self.box.gateway_start = "everything"
        self.box.name = "Renamed"
        self.assertEqual(self.box.gateway_start, "everything")
        self.box.user = "another@gateway.test"
        self.assertEqual(self.box.gateway_start, "ask")

    def test_taking_all_asks_anew(self):
        self.box.gateway_start = "everything"
        self.fetch(ScriptedMailbox())
        self.box.gateway_take = "all"
        self.assertTrue(self.box._gateway_reading_plan()[0][0].is_new)

    def test_only_managers_decide(self):
        for user in (self.viewer, self.officer, self.plain):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.env["spp.email.start"].with_user(user).create({"server_id": self.box.id, "start": "now"})
