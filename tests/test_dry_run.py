# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import base64
import threading
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.sql_db import db_connect
from odoo.tests import Form, tagged
from odoo.tools import SQL, mute_logger

from odoo.addons.mail.models import mail_thread
from odoo.addons.mail.models.mail_thread import MailThread

from ..wizards import spp_email_dry_run
from .common import eml
from .test_rule_values import FORM, line
from .test_rules import RuleCase

message_new = MailThread.message_new


@tagged("post_install", "-at_install")
class TestDryRun(RuleCase):
    def setUp(self):
        super().setUp()
        self.box.gateway_takes_values = True

    def dry_run(self, content, server=None, user=None, **values):
        """Try a message as an officer; return the wizard."""
        run = (
            self.env["spp.email.dry.run"]
            .with_user(user or self.officer)
            .create(
                {
                    "message_file": base64.b64encode(content),
                    "mailbox": str(server.id) if server else False,
                    **values,
                }
            )
        )
        with self.own_cursors():
            run.action_try()
        return run

    def counts(self):
        """The number of rows of every table but the wizard's own, and a sum over what is in them."""
        self.env.flush_all()
        tables = [
            name
            for (name,) in self.env.execute_query(
                SQL("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'spp_email_dry_run'")
            )
        ]
        query = SQL(" UNION ALL ").join(
            SQL("SELECT %s, count(*), COALESCE(sum(hashtext(t::text)), 0) FROM %s t", name, SQL.identifier(name))
            for name in tables
        )
        return {name: (count, content) for name, count, content in self.env.execute_query(query)}

    def nothing_written(self, but=()):
        """Context: all rows of all tables ``but`` these are the same before and after."""
        case = self

        class Unchanged:
            def __enter__(self):
                self.before = case.counts()

            def __exit__(self, *exception):
                if exception[0] is None:
                    after = case.counts()
                    changed = {name for name in after if after[name] != self.before[name]}
                    case.assertEqual(changed, set(but))

        return Unchanged()

    # ------------------------------------------------------------------
    # Nothing is written
    # ------------------------------------------------------------------

    def test_nothing_is_written_whatever_becomes_of_the_message(self):
        tag = self.env["spp.email.tag"].create({"name": "Tag"})
        follower = self.env["res.partner"].create({"name": "Follower", "email": "follower@example.org"})
        known = self.env["res.partner"].create({"name": "Known", "ref": "GRM-1"})
        known.message_subscribe(follower.ids)
        first = self.receive(eml(Message_ID="<known@example.com>"), self.box)
        self.alias("refusing", alias_contact="partners")
        self.rule(("subject", "contains", "form"), values=[line("phone", value="Phone")], tag_ids=tag.ids)
        self.rule(
            ("subject", "contains", "GRM"),
            target="find",
            values=[line("ref", "expression", r"(GRM-\d+)", use="key"), line("phone", value="Phone")],
        )
        self.rule(("subject", "contains", "hold"), quarantine=True)
        self.rule(("subject", "contains", "slow"), ("text", "matches", "(a+)+$"))
        attachment = (
            b"--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b\r\nContent-Type: image/png; name=a.png\r\n\r\nx\r\n--b--"
        )
        for content, outcome, reason in (
            (eml(Subject="A form", body=FORM), "Done", "A record was created"),
            (eml(Subject="GRM-1", body=FORM), "Done", "Added to an existing record"),
            (eml(Subject="hold"), "Quarantined", "A rule says so"),
            (
                eml(Message_ID="<known@example.com>", X_Way="2"),
                "Duplicate",
                "A message with this Message-ID is known already",
            ),
            (
                eml(To="refusing@gateway.test", From="x@y.test"),
                "Quarantined",
                "The address does not accept mail from this sender",
            ),
            (eml(Subject="slow", body=b"a" * 5000 + b"b"), "Done", "A record was created"),
            (eml(Content_Type="multipart/mixed; boundary=b", body=attachment), "Done", "A record was created"),
            (b"\r\n", "Quarantined", "The message is empty"),
        ):
            with self.subTest(reason=reason, content=content[-40:]), self.nothing_written():
                run = self.dry_run(content, self.box)
                self.assertEqual((run.outcome, run.reason), (outcome, reason), run.detail)
        self.assertEqual(known.phone, False)
        self.assertEqual(first.state, "done")

    def test_a_target_that_commits_commits_nothing(self):
        def commit(model, *arguments, **options):
            record = message_new(model, *arguments, **options)
            model.env.cr.commit()
            record.write({"function": "after the commit"})
            model.env.cr.commit()
            return record

        with patch.object(MailThread, "message_new", commit), self.nothing_written():
            run = self.dry_run(eml(Subject="Committing"), self.box)
        self.assertEqual(run.outcome, "Done")
        self.assertIn("Committing", run.record_html)

    def test_a_target_that_commits_and_fails_commits_nothing(self):
        for then in ("rollback", "raise", "only rollback"):

            def commit(model, *arguments, then=then, **options):
                if then == "only rollback":
                    model.env.cr.rollback()
                    return message_new(model, *arguments, **options)
                record = message_new(model, *arguments, **options)
                model.env.cr.commit()
                if then == "rollback":
                    record.write({"name": "lost"})
                    model.env.cr.rollback()
                    return record
                raise ValueError("no")

            with (
                self.subTest(then=then),
                patch.object(MailThread, "message_new", commit),
                self.nothing_written(),
                mute_logger("odoo.addons.spp_email_gateway.models.spp_email_batch"),
            ):
                run = self.dry_run(eml(Subject="Committing"), self.box)
                self.assertEqual(run.outcome, "Quarantined" if then == "raise" else "Done", run.detail)

    def test_a_target_with_a_connection_of_its_own_is_stopped(self):
        database = self.env.cr.dbname

        def insert(model, *arguments, **options):
            with db_connect(database).cursor() as cr:
                cr.execute('INSERT INTO spp_email_tag (name, color) VALUES (\'{"en_US": "Written apart"}\', 1)')
            return message_new(model, *arguments, **options)

        def read_first(model, *arguments, **options):
            with db_connect(database).cursor() as cr:
                cr.execute("SELECT 1")
                cr.execute('INSERT INTO spp_email_tag (name, color) VALUES (\'{"en_US": "Written apart"}\', 1)')
            return message_new(model, *arguments, **options)

        for callee, words in (
            (insert, "RehearsalError: the record's model writes over a database connection of its own"),
            (read_first, "ReadOnlySqlTransaction: cannot execute INSERT in a read-only transaction"),
        ):
            with (
                self.subTest(callee=callee.__name__),
                patch.object(MailThread, "message_new", callee),
                mute_logger("odoo.addons.spp_email_gateway.models.spp_email_batch", "odoo.sql_db"),
            ):
                run = self.dry_run(eml(Subject="Apart"), self.box)
                self.assertEqual(run.outcome, "Quarantined")
                self.assertIn(words, run.detail)
        with db_connect(database).cursor() as cr:
            cr.execute("SELECT count(*) FROM spp_email_tag WHERE name->>'en_US' = 'Written apart'")
            self.assertEqual(cr.fetchone(), (0,))
        self.assertEqual(getattr(threading.current_thread(), "query_hooks", []), [])

    def test_no_mail_leaves_and_nobody_is_told(self):
        called = []

        def tell(model, *arguments, **options):
            record = message_new(model, *arguments, **options)
            model.env.cr.postcommit.add(lambda: called.append("after the commit"))
            model.env["mail.mail"].create({"email_to": "x@example.org", "subject": "x", "body_html": "x"}).send()
            model.env.user._bus_send("spp_email_test", {})
            model.env.ref("mail.ir_cron_mail_scheduler_action")._trigger()
            model.env.cr.commit()
            return record

        with (
            patch.object(MailThread, "message_new", tell),
            patch("smtplib.SMTP.connect", side_effect=AssertionError("sent")),
            # In a test Odoo sends nothing by itself; what is said here is that the rehearsal does not either.
            patch.object(type(self.env["ir.mail_server"]), "send_email", side_effect=AssertionError("sent")),
            self.nothing_written(),
        ):
            run = self.dry_run(eml(), self.box)
        self.assertEqual((run.outcome, called), ("Done", []))
        self.assertIn("Mail to followers or users that would be queued: 1", run.notice_html)

    def test_no_file_is_left_in_the_filestore(self):
        attachments = self.env["ir.attachment"]
        stored = []
        write = type(attachments)._file_write
        with patch.object(
            type(attachments), "_file_write", lambda *arguments: stored.append(arguments) or write(*arguments)
        ):
            body = b"--b\r\nContent-Type: image/png; name=a.png\r\n\r\nx\r\n--b--"
            self.dry_run(eml(Content_Type="multipart/mixed; boundary=b", body=body), self.box)
        self.assertEqual(stored, [])

    # ------------------------------------------------------------------
    # What is shown
    # ------------------------------------------------------------------

    def test_it_shows_what_would_be_made(self):
        rule = self.rule(
            values=[line("phone", value="Phone"), line("country_id", value="Country"), ("function", "Ruled")],
            tag_ids=self.env["spp.email.tag"].create({"name": "Seen"}).ids,
        )
        run = self.dry_run(eml(Subject="<b>A form</b>", body=FORM), self.box)
        self.assertTrue(run.is_tried)
        for words in ("New: Contact", "&lt;b&gt;A form&lt;/b&gt;", "+1 234", "Kenya", "Job Position", "Ruled"):
            self.assertIn(words, run.record_html)
        self.assertIn("Kenya", run.value_html)
        self.assertNotIn("Ruled", run.value_html)
        self.assertEqual((run.tags, run.rules), ("Seen", f"Rule ({rule.id})"))
        self.assertIn(f"rule {rule.id}", run.trace_html)
        self.assertIn("ann@example.com", run.header_html)
        self.assertIn("Amina Diallo", run.preview_html)
        self.assertIn("No mail would be sent.", run.notice_html)
        # What is shown is what happens.
        inbound = self.receive(eml(Subject="A form", body=FORM), self.box)
        self.assertOutcome(inbound, "done", "record_created")

    def test_the_envelope_recipient_takes_part(self):
        self.alias("hidden", alias_defaults="{'function': 'By alias'}")
        nowhere = self.mailbox(user="nowhere@gateway.test", object_id=False)
        run = self.dry_run(eml(Subject="Bcc"), nowhere)
        self.assertEqual(run.reason, "No alias, reply or mailbox setting fits")
        run = self.dry_run(eml(Subject="Bcc"), nowhere, envelope_recipient="Hidden@gateway.test ")
        self.assertEqual(run.reason, "A record was created")

    def test_a_refusal_says_what_the_sender_would_be_told(self):
        self.alias("refusing", alias_contact="partners")
        run = self.dry_run(eml(To="refusing@gateway.test", Subject="May I?"), self.box)
        self.assertIn("The sender would be told: “Re: May I?”", run.notice_html)
        self.assertIn("No record would be made or reached.", run.record_html)

    def test_a_misfit_is_shown(self):
        self.rule(values=[line("color", value="Color")])
        run = self.dry_run(eml(body=b"Color: red"), self.box)
        self.assertEqual(
            (run.outcome, run.detail), ("Quarantined", "Field “Color Index”: it is not a number such as 1234.50.")
        )

    def test_of_a_known_record_only_what_the_message_sets_is_shown(self):
        secret = self.env["res.partner"].create({"name": "Secret Name", "ref": "GRM-9", "city": "Secret City"})
        self.rule(target="find", values=[line("ref", "subject", use="key"), line("phone", value="Phone")])
        run = self.dry_run(eml(Subject="GRM-9", body=FORM), self.box)
        self.assertIn("Secret Name", run.record_html)  # an officer is an employee, and may read contacts
        self.assertIn("+1 234", run.record_html)
        self.assertNotIn("Secret City", "".join(str(value) for value in run.read()[0].values()))
        readable = type(secret).has_access

        def refused(records, operation):
            return False if records == secret and not records.env.su else readable(records, operation)

        with patch.object(type(secret), "has_access", refused):
            run = self.dry_run(eml(Subject="GRM-9", body=FORM), self.box)
        self.assertNotIn("Secret Name", "".join(str(value) for value in run.read()[0].values()))
        self.assertIn(f"Contact {secret.id} (you may not see it)", run.record_html)

    # ------------------------------------------------------------------
    # A message in the journal
    # ------------------------------------------------------------------

    def test_what_would_happen_to_a_message_in_quarantine(self):
        box = self.mailbox(user="nowhere@gateway.test", object_id=False)
        inbound = self.receive(eml(Subject="Waiting"), box)
        self.assertOutcome(inbound, "quarantined", "no_route")
        box.object_id = self.partner_model
        # Who read what it says is kept, also where nothing else is.
        with self.nothing_written(but=["spp_email_audit"]), self.own_cursors():
            action = inbound.with_user(self.officer).action_dry_run()
        self.assertEqual(self.env["spp.email.audit"].search([("inbound_id", "=", inbound.id)]).action, "opened")
        run = self.env["spp.email.dry.run"].browse(action["res_id"])
        self.assertEqual((run.outcome, run.reason), ("Done", "A record was created"))
        self.assertOutcome(inbound, "quarantined", "no_route")
        self.assertFalse(self.partners("Waiting"))

    def test_a_message_that_killed_its_process_can_be_tried(self):
        inbound = self.journal(eml(Subject="Deadly"), self.box)
        inbound.write({"state": "quarantined", "reason": "process_died", "starts": 9, "attempts": 9})
        with self.own_cursors():
            action = inbound.with_user(self.officer).action_dry_run()
        self.assertEqual(self.env["spp.email.dry.run"].browse(action["res_id"]).reason, "A record was created")
        self.assertEqual((inbound.starts, inbound.attempts), (9, 9))

    def test_a_message_in_work_is_left_alone(self):
        inbound = self.journal(eml(), self.box)
        inbound.state = "processing"
        with self.assertRaises(UserError) as caught:
            inbound.with_user(self.officer).action_dry_run()
        self.assertEqual(str(caught.exception), "This message is in work just now. Try again in a moment.")

    # ------------------------------------------------------------------
    # Who, and what not
    # ------------------------------------------------------------------

    def test_who_may_try(self):
        inbound = self.journal(eml(), self.box)
        inbound.state = "quarantined"
        for user, allowed in (
            (self.plain, False),
            (self.portal, False),
            (self.viewer, False),
            (self.officer, True),
            (self.manager, True),
            (self.system, True),
        ):
            with self.subTest(user=user.login):
                if allowed:
                    self.assertTrue(self.dry_run(eml(), self.box, user=user).is_tried)
                    with self.own_cursors():
                        self.assertTrue(inbound.with_user(user).action_dry_run())
                else:
                    with self.assertRaises(AccessError):
                        self.dry_run(eml(), self.box, user=user)
                    with self.assertRaises(AccessError):
                        inbound.with_user(user).action_dry_run()

    def test_mailboxes_of_one_name_are_told_apart(self):
        first = self.mailbox(name="Support", user="first@gateway.test", priority=9)
        second = self.mailbox(name="Support", user="second@gateway.test", priority=1)
        only = self.mailbox(name="Service", user="only@gateway.test", priority=9)
        offered = self.env["spp.email.dry.run"].with_user(self.officer)._selection_mailbox()
        self.assertEqual(
            [choice for choice in offered if choice[1].startswith("S")],
            [
                (str(only.id), "Service"),
                (str(first.id), f"Support ({first.id})"),
                (str(second.id), f"Support ({second.id})"),
            ],
        )

    def test_another_companys_mail_is_not_ones_to_try(self):
        self.officer.company_ids = self.company
        inbound = self.journal(eml(), company=self.other_company)
        inbound.state = "quarantined"
        with self.assertRaises(AccessError):
            inbound.with_user(self.officer).action_dry_run()
        run = self.env["spp.email.dry.run"].with_user(self.officer)
        theirs = self.mailbox(user="theirs@gateway.test", company_id=self.other_company.id)
        offered = dict(run._selection_mailbox())
        self.assertNotIn(str(theirs.id), offered)
        self.assertIn(str(self.box.id), offered)
        with self.assertRaises(AccessError) as caught:
            run.create({"message_text": "Subject: x", "company_id": self.other_company.id}).action_try()
        self.assertEqual(str(caught.exception), "Choose one of your own companies.")
        with self.assertRaises(AccessError):
            # The wizard cannot be made to read a journal row that its user does not see.
            run.create({"inbound_id": inbound.id}).action_try()

    def test_another_persons_result_is_not_shown(self):
        run = self.dry_run(eml(), self.box)
        with self.assertRaises(AccessError):
            run.with_user(self.manager).read(["preview_html"])

    def test_without_a_message_it_says_so(self):
        for values, words in (
            ({}, "Paste the source of a message, or upload an .eml file."),
            ({"message_text": " \n "}, "Paste the source of a message, or upload an .eml file."),
            ({"message_text": "x" * 50}, "The message is too large to be tried: 40 bytes at most."),
        ):
            run = self.env["spp.email.dry.run"].with_user(self.officer).create(values)
            with (
                self.subTest(values=values),
                patch.object(spp_email_dry_run, "LARGEST_MESSAGE", 40),
                self.assertRaises(UserError) as caught,
            ):
                run.action_try()
            self.assertEqual(str(caught.exception), words)

    def test_a_person_pastes_a_message(self):
        with Form(self.env["spp.email.dry.run"].with_user(self.officer)) as form:
            form.message_text = "\nFrom: ann@example.com\nTo: box@gateway.test\nSubject: Pasted\n\nCafé"
            form.mailbox = str(self.box.id)
        run = form.record
        with self.own_cursors():
            self.assertTrue(run.action_try())
        self.assertEqual((run.display_name, run.reason), ("Try a Message", "A record was created"))
        self.assertIn("Café", run.preview_html)
        run.action_again()
        self.assertFalse(run.is_tried)
        self.assertIn("Subject: Pasted", run.message_text)

    def test_nobodys_browser_is_told(self):
        with patch.object(mail_thread, "push_to_end_point") as push, self.own_cursors():
            partner = self.env["res.partner"].create({"name": "Follower"})
            self.env["ir.config_parameter"].set_param("mail.web_push_vapid_private_key", "x")
            self.env["ir.config_parameter"].set_param("mail.web_push_vapid_public_key", "x")
            device = self.env["mail.push.device"].create(
                {"partner_id": partner.id, "endpoint": "https://push.test/x", "keys": "{}"}
            )
            with self.env["spp.email.rehearsal"]._rehearse() as env:
                env["mail.thread"]._web_push_send_notification(
                    env["mail.push.device"].browse(device.id), "x", "x", payload={}
                )
            push.assert_not_called()
            self.env["mail.thread"]._web_push_send_notification(device, "x", "x", payload={})
            push.assert_called_once()
