# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Every door to what messages say, tried by each role and at a confidential mailbox."""

from unittest.mock import patch

from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.mail.tools.discuss import Store

from ..engine.outcome import InboundState
from .common import eml
from .deciding import DecisionCase

SECRET = "the-neighbour-takes-the-money"


def text_of(value):
    return str(value)


@tagged("post_install", "-at_install")
class TestContentAccess(DecisionCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.public = cls.env.ref("base.public_user")
        cls.named_officer, cls.named_viewer, cls.named_manager = (
            new_test_user(cls.env, f"gateway_named_{role}", f"spp_email_gateway.group_email_gateway_{role}")
            for role in ("officer", "viewer", "manager")
        )
        cls.team = cls.env["spp.email.team"].create(
            {"name": "Committee", "member_ids": (cls.named_officer | cls.named_viewer | cls.named_manager).ids}
        )
        # Whoever may export at all.
        everybody = (cls.viewer, cls.officer, cls.manager, cls.system, cls.named_officer, cls.named_viewer)
        for user in (*everybody, cls.named_manager):
            user.group_ids += cls.env.ref("base.group_allow_export")
        cls.box = cls.mailbox(name="Complaints", company_id=cls.company.id, object_id=False)

    def confide(self, door=None):
        (door or self.box).write({"gateway_team_id": self.team.id, "gateway_is_confidential": True})

    def message(self, state="quarantined", **options):
        content = eml(Subject="Grievance", body=SECRET.encode())
        inbound = self.journal(content, self.box, company=self.company, **options)
        reports = [
            {
                "recipient": "bob@example.com",
                "action": "failed",
                "reason": "address_unknown",
                "text": SECRET,
                "deliveries": [],
            }
        ]
        inbound.write({"state": state, "reason": "no_route", "reports": reports})
        self.env.flush_all()
        return inbound

    # ------------------------------------------------------------------
    # The doors: each returns what it lets out, as text
    # ------------------------------------------------------------------

    def preview(self, inbound):
        return inbound.read(["preview_html"])[0]["preview_html"]

    def web_preview(self, inbound):
        return inbound.web_read({"preview_html": {}, "attachment_list": {}})

    def preview_by_search(self, inbound):
        return inbound.search_read([("id", "=", inbound.id)], ["preview_html"])

    def preview_by_path(self, inbound):
        record = inbound.env["spp.email.inbound.record"].sudo().search([("inbound_id", "=", inbound.id)])
        record = record or record.create({"inbound_id": inbound.id, "res_model": "res.partner", "res_id": 1})
        return record.sudo(False).export_data(["inbound_id/preview_html", "inbound_id/reports_text"])

    def reports(self, inbound):
        return inbound.read(["reports", "reports_text"])

    def web_reports(self, inbound):
        return inbound.web_read({"reports": {}, "reports_text": {}})

    def export(self, inbound):
        return inbound.export_data(["subject", "preview_html", "reports", "reports_text", "attachment_list"])

    def export_reports(self, inbound):
        return inbound.export_data(["reports", "reports_text"])

    def search_reports(self, inbound):
        return SECRET if inbound.search([("reports", "ilike", SECRET)]) else ""

    def group_reports(self, inbound):
        return inbound.formatted_read_group([("id", "=", inbound.id)], ["reports"], ["__count"])

    def group_by_path(self, inbound):
        return inbound.env["spp.email.inbound.record"].formatted_read_group([], ["inbound_id.reports"], ["__count"])

    def aggregate_reports(self, inbound):
        return inbound.formatted_read_group([("id", "=", inbound.id)], [], ["reports:array_agg"])

    def sort_by_reports(self, inbound):
        return SECRET if inbound.search([], order="reports") else ""

    def search_by_path(self, inbound):
        found = inbound.env["spp.email.inbound.record"].search([("inbound_id.reports", "ilike", SECRET)])
        return SECRET if found else ""

    def equal_reports(self, inbound):
        return SECRET if inbound.search([("reports", "in", [SECRET])]) else ""

    def loaded(self, inbound):
        return inbound.env["spp.email.content"]._load(inbound.id)

    def content_rows(self, inbound):
        rows = inbound.env["spp.email.content"].search_read([("inbound_id", "=", inbound.id)])
        return SECRET if rows else ""

    def download(self, inbound):
        return SECRET if inbound.action_download() else ""

    def dry_run(self, inbound):
        inbound.action_dry_run()
        return SECRET

    def dry_run_dialog(self, inbound):
        run = inbound.env["spp.email.dry.run"].create({"inbound_id": inbound.id})
        run.action_try()
        return SECRET

    def answer_dialog(self, inbound):
        dialog = inbound.env["spp.email.inbound.answer"].create({"inbound_ids": [Command.set(inbound.ids)]})
        # Address and References come out of the header.
        return SECRET if dialog.read(["recipient_text", "refusal_text"]) else ""

    def alias_dialog(self, inbound):
        dialogs = inbound.env["spp.email.inbound.alias"].with_context(default_inbound_ids=inbound.ids)
        return SECRET if dialogs.default_get(["inbound_ids", "alias_name"]).get("alias_name") else ""

    def template(self, inbound):
        template = (
            inbound.env["mail.template"]
            .sudo()
            .create(
                {
                    "name": "Out",
                    "model_id": self.env["ir.model"]._get("spp.email.inbound").id,
                    "body_html": "<t t-out='object.preview_html'/>",
                }
            )
        )
        return template.sudo(False)._render_field("body_html", inbound.ids)[inbound.id]

    DOORS = (
        "preview",
        "web_preview",
        "preview_by_search",
        "preview_by_path",
        "reports",
        "web_reports",
        "export",
        "export_reports",
        "search_reports",
        "group_reports",
        "group_by_path",
        "aggregate_reports",
        "sort_by_reports",
        "search_by_path",
        "equal_reports",
        "loaded",
        "content_rows",
        "download",
        "dry_run",
        "dry_run_dialog",
        "answer_dialog",
        "alias_dialog",
        "template",
    )

    # Queries answer for many rows at once, and ask nobody's rights for each.
    FOR_NOBODY = frozenset(
        (
            "search_reports",
            "group_reports",
            "group_by_path",
            "aggregate_reports",
            "sort_by_reports",
            "search_by_path",
            "equal_reports",
        )
    )

    def let_out(self, door, inbound, user):
        """Return whether a door lets out what the message says: not when it refuses, and not when it is silent."""
        mine = inbound.with_user(user)
        self.env.invalidate_all()
        with mute_logger("odoo.models", "odoo.addons.base.models.ir_rule", "odoo.addons.mail.models.mail_render_mixin"):
            try:
                with self.env.cr.savepoint(), self.own_cursors():
                    return SECRET in text_of(getattr(self, door)(mine))
            except (AccessError, ValueError, KeyError) as error:
                self.assertNotIn(SECRET, str(error))
                return False
            except Exception as error:
                # A door that fails for another reason shows nothing about rights.
                if isinstance(error, AssertionError):
                    raise
                self.assertNotIn(SECRET, str(error))
                self.assertTrue(
                    type(error).__name__ in ("UserError", "NotImplementedError", "QWebError"), f"{door}: {error!r}"
                )
                return False

    def test_viewers_and_others_have_no_door(self):
        inbound = self.message()
        for user in (self.viewer, self.plain, self.portal, self.public):
            for door in self.DOORS:
                with self.subTest(user=user.login, door=door):
                    self.assertFalse(self.let_out(door, inbound, user))

    def test_officers_have_every_door_that_is_theirs(self):
        """Else the tests of what is closed would show nothing."""
        inbound = self.message()
        # Grouping and searching by what is said is for nobody; aliases are the managers'.
        for door in set(self.DOORS) - self.FOR_NOBODY - {"alias_dialog"}:
            with self.subTest(door=door):
                self.assertTrue(self.let_out(door, inbound, self.officer))
        self.assertTrue(self.let_out("alias_dialog", inbound, self.manager))

    def test_a_confidential_mailbox_is_closed_to_who_is_not_named(self):
        inbound = self.message()
        self.confide()
        for user in (self.viewer, self.officer, self.manager, self.system, self.named_viewer, self.plain, self.portal):
            for door in self.DOORS:
                with self.subTest(user=user.login, door=door):
                    self.assertFalse(self.let_out(door, inbound, user))

    def test_a_confidential_mailbox_is_open_to_named_officers_and_managers(self):
        inbound = self.message()
        self.confide()
        for user in (self.named_officer, self.named_manager):
            for door in ("preview", "reports", "loaded", "content_rows", "download", "dry_run", "answer_dialog"):
                with self.subTest(user=user.login, door=door):
                    self.assertTrue(self.let_out(door, inbound, user))

    def test_a_confidential_intake(self):
        intake, _token = self.intake(company_id=self.company.id)
        inbound = self.message()
        inbound.write({"server_id": False, "intake_id": intake.id})
        self.confide(intake)
        for user, expected in ((self.manager, False), (self.officer, False), (self.named_officer, True)):
            for door in ("preview", "reports", "loaded", "download"):
                with self.subTest(user=user.login, door=door):
                    self.assertEqual(self.let_out(door, inbound, user), expected)

    def test_an_unnamed_manager_sees_that_there_is_mail(self):
        inbound = self.message()
        self.confide()
        found = inbound.with_user(self.manager).read(["subject", "email_from", "state", "is_content_shown"])[0]
        self.assertEqual((found["subject"], found["state"]), ("Grievance", "quarantined"))
        self.assertFalse(found["is_content_shown"])
        self.assertTrue(inbound.with_user(self.named_officer).is_content_shown)

    def test_who_may_not_read_it_decides_nothing_about_it(self):
        inbound = self.message()
        self.confide()
        for action in (
            "action_retry",
            "action_discard",
            "action_hold",
            "action_ask_route",
            "action_ask_attach",
            "action_ask_alias",
            "action_ask_answer",
            "action_ask_discard",
            "action_dry_run",
            "action_download",
        ):
            for user in (self.manager, self.system):
                with (
                    self.subTest(action=action, user=user.login),
                    self.assertRaisesRegex(AccessError, "confidential"),
                    self.own_cursors(),
                ):
                    getattr(inbound.with_user(user), action)()
        self.assertEqual(inbound.state, "quarantined")

    def test_an_unnamed_manager_cannot_have_it_made_a_record(self):
        inbound = self.message()
        self.confide()
        wizard = self.wizard("route", inbound, self.manager, target_model="res.partner")
        with self.assertRaisesRegex(AccessError, "confidential"):
            self.confirm(wizard)
        self.assertFalse(inbound.record_ids)

    def test_an_unnamed_manager_does_not_sweep_it_up_with_others(self):
        """The dialog for an alias offers what waits for the same address: not what its user may not read."""
        closed = self.message()
        self.confide()
        other_box = self.mailbox(user="other@gateway.test", company_id=self.company.id, object_id=False)
        mine = self.journal(eml(To="box@gateway.test"), other_box, company=self.company)
        mine.write({"state": "quarantined", "reason": "no_route"})
        wizard = (
            self.env["spp.email.inbound.alias"]
            .with_user(self.manager)
            .create(
                {
                    "inbound_ids": [Command.set(mine.ids)],
                    "alias_name": "box",
                    "alias_domain_id": self.alias_domain.id,
                    "target_model": "res.partner",
                }
            )
        )
        self.assertNotIn(closed, wizard.other_ids)

    def test_the_named_officer_decides(self):
        inbound = self.message()
        self.confide()
        inbound.with_user(self.named_officer).action_discard("not for us")
        self.assertEqual(inbound.state, "discarded")

    def test_the_system_goes_on_processing_it(self):
        partner_box = self.mailbox(user="closed@gateway.test", company_id=self.company.id)
        self.confide(partner_box)
        inbound = self.receive(eml(Subject="Made a record", body=SECRET.encode()), partner_box, company=self.company)
        self.assertEqual(inbound.state, InboundState.DONE.value)
        self.assertIn(SECRET, str(inbound.mail_message_id.body))

    @mute_logger("odoo.http")
    def test_the_download(self):
        inbound = self.message()
        self.env.flush_all()
        address = f"/spp_email_gateway/inbound/{inbound.id}/eml"
        for is_confidential, allowed in (
            (False, (self.officer, self.manager)),
            (True, (self.named_officer, self.named_manager)),
        ):
            if is_confidential:
                self.confide()
                self.env.flush_all()
            for user in (
                self.plain,
                self.portal,
                self.viewer,
                self.named_viewer,
                self.officer,
                self.manager,
                self.named_officer,
                self.named_manager,
            ):
                with self.subTest(confidential=is_confidential, user=user.login):
                    expected = user in allowed or (
                        not is_confidential and user in (self.named_officer, self.named_manager)
                    )
                    self.authenticate(user.login, user.login)
                    answer = self.url_open(address, allow_redirects=False)
                    self.assertEqual(answer.status_code, 200 if expected else 403)
                    self.assertEqual(SECRET in answer.text, expected)

    def test_original_email_leads_nowhere_for_who_may_not_read_it(self):
        box = self.mailbox(user="records@gateway.test", company_id=self.company.id)
        inbound = self.receive(eml(Subject="Original"), box, company=self.company)
        message = inbound.mail_message_id

        def told(user):
            return Store().add(message.with_user(user)).get_result()["mail.message"][0].get("gateway_inbound_id")

        for user, expected in ((self.viewer, False), (self.officer, inbound.id), (self.manager, inbound.id)):
            with self.subTest(user=user.login):
                self.assertEqual(told(user), expected)
        self.confide(box)
        self.env.invalidate_all()
        for user, expected in ((self.officer, False), (self.manager, False), (self.named_officer, inbound.id)):
            with self.subTest(user=user.login, confidential=True):
                self.assertEqual(told(user), expected)

    def test_fields_that_hold_content_are_not_offered_to_viewers(self):
        offered = self.env["spp.email.inbound"].with_user(self.viewer).fields_get()
        for name in ("preview_html", "attachment_list"):
            self.assertNotIn(name, offered)
        # The list and its search have the metadata.
        for name in ("subject", "email_from", "state", "received_date"):
            self.assertIn(name, offered)

    def test_the_columns_of_the_journal_are_decided_about(self):
        """A new field of the journal is metadata, or it asks. Whoever adds one says which."""
        fields = self.env["spp.email.inbound"]._fields
        content = {"preview_html", "attachment_list", "reports", "reports_text"}
        unknown = {
            name
            for name, field in fields.items()
            if field.type in ("html", "text", "json", "binary") and name not in content
        } - {
            # The gateway's own words: fields, ids and results of steps (see models/rule_work.py).
            "trace",
            "trace_text",
            "decisions",
            "detail",
            "sender_reasons",
            # Where it is to go, as a person or program said.
            "route",
            "fallback",
        }
        self.assertEqual(unknown, set())

    # ------------------------------------------------------------------
    # Mail as sent
    # ------------------------------------------------------------------

    def test_sent_content(self):
        contents = self.env["spp.email.sent.content"]
        mail = self.env["mail.mail"].create({"body_html": "hello", "email_to": "ann@example.com"})
        contents._keep(self.env, mail.id, "<a@b>", ["ann@example.com"], f"Subject: x\r\n\r\n{SECRET}".encode())
        content = contents.search([], order="id desc", limit=1)
        content.company_id = self.company
        self.env.flush_all()
        for user in (self.portal, self.plain, self.viewer):
            with self.subTest(user=user.login):
                self.assertFalse(content.with_user(user)._may_see_content())
                with self.assertRaises(AccessError):
                    content.with_user(user)._load()
        for user in (self.officer, self.manager):
            with self.subTest(user=user.login):
                self.assertIn(SECRET.encode(), content.with_user(user)._load())
        content.company_id = self.other_company
        with self.assertRaises(AccessError):
            content.with_user(self.officer)._load()

    def test_headers_as_sent_are_no_viewers_matter(self):
        offered = self.env["spp.email.delivery"].with_user(self.viewer).fields_get()
        for name in ("sent_content_ids", "has_sent_content", "sent_headers"):
            self.assertNotIn(name, offered)

    def test_the_loader_asks_even_if_a_door_forgets(self):
        inbound = self.message()
        self.confide()
        with (
            patch.object(type(inbound), "action_download", lambda mine: mine.env["spp.email.content"]._load(mine.id)),
            self.assertRaises(AccessError),
        ):
            inbound.with_user(self.manager).action_download()
