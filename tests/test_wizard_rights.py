# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What dialogs must not tell or do for people who may not see or do it themselves."""

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from .common import eml
from .deciding import DecisionCase


@tagged("post_install", "-at_install")
class TestWizardRights(DecisionCase):
    def foreign(self, **fields):
        return self.waiting(eml(Subject="Foreign secret", **fields), company=self.other_company)

    def test_an_answer_tells_nothing_of_another_companys_message(self):
        inbound = self.foreign()
        with self.assertRaises(AccessError):
            wizard = self.wizard("answer", inbound)
            self.env.flush_all()
            wizard.read(["subject", "body", "recipient_text", "refusal_text"])

    def test_an_answer_being_typed_tells_nothing_of_another_companys_message(self):
        inbound = self.foreign()
        wizard = self.env["spp.email.inbound.answer"].with_user(self.officer)
        spec = {"inbound_ids": {}, "recipient_text": {}, "refusal_text": {}}
        with self.assertRaises(AccessError):
            wizard.onchange({"inbound_ids": [[6, 0, inbound.ids]]}, ["inbound_ids"], spec)

    def test_an_answer_is_made_of_no_template_of_another_model(self):
        inbound = self.waiting()
        template = self.env["mail.template"].create(
            {
                "name": "Users",
                "model_id": self.env["ir.model"]._get("res.users").id,
                "subject": "{{ object.id }}",
                "body_html": "<p>x</p>",
            }
        )
        with self.assertRaisesRegex(UserError, "This template is not for incoming emails"):
            wizard = self.wizard("answer", inbound, template_id=template.id)
            self.env.flush_all()
            wizard.read(["subject"])

    def test_an_answer_is_rendered_with_the_rights_of_the_officer(self):
        inbound = self.waiting(eml(Subject="Mine"))
        template = self.env["mail.template"].create(
            {
                "name": "As whom",
                "model_id": self.env["ir.model"]._get("spp.email.inbound").id,
                "subject": "{{ 'system' if object.env.su else 'officer' }}",
                "body_html": "<p>x</p>",
            }
        )
        wizard = self.wizard("answer", inbound, template_id=template.id)
        self.env.flush_all()
        wizard.invalidate_recordset()
        self.assertEqual(wizard.subject, "officer")

    def test_dialogs_are_their_users_own(self):
        other = self.officer.copy({"login": "gateway_officer_two"})
        for kind, values in (
            ("answer", {"body": "<p>Private</p>"}),
            ("discard", {"why": "Private"}),
            ("route", {"target_model": "res.partner"}),
            ("attach", {"record": f"res.partner,{self.company.partner_id.id}"}),
        ):
            with self.subTest(kind):
                wizard = self.wizard(kind, self.waiting(), **values)
                self.env.flush_all()
                self.env.invalidate_all()
                with self.assertRaises(AccessError):
                    wizard.with_user(other).read(["inbound_count"])

    def test_dialogs_about_a_mailbox_are_their_managers_own(self):
        box = self.mailbox()
        other = self.manager.copy({"login": "gateway_manager_two"})
        folder = {"name": "INBOX", "is_chosen": True}
        for kind, values, field in (
            ("folder.choice", {"line_ids": [(0, 0, folder)]}, "line_ids"),
            ("start", {}, "server_id"),
        ):
            with self.subTest(kind):
                dialog = self.env[f"spp.email.{kind}"].with_user(self.manager).create({"server_id": box.id, **values})
                self.env.flush_all()
                self.env.invalidate_all()
                with self.assertRaises(AccessError):
                    dialog.with_user(other).read([field])
                if kind == "folder.choice":
                    with self.assertRaises(AccessError):
                        dialog.line_ids.with_user(other).write({"is_chosen": False})
                    dialog.line_ids.is_chosen = False

    def test_values_name_no_record_that_the_person_may_not_see(self):
        hidden = self.env["res.partner"].create({"name": "Hidden", "company_id": self.other_company.id})
        wizard = self.wizard("route", self.waiting(), target_model="res.partner")
        wizard.value_ids = [(5,), (0, 0, {"field_name": "parent_id", "value": str(hidden.id)})]
        with self.assertRaisesRegex(ValidationError, "does not fit the field"):
            self.confirm(wizard)

    def test_an_alias_replays_messages_of_the_own_companies_only(self):
        mine = self.waiting(eml(To="new@gateway.test"))
        also = self.waiting(eml(To="new@gateway.test"))
        self.foreign(To="new@gateway.test")
        wizard = self.wizard(
            "alias",
            mine,
            self.manager,
            alias_name="new",
            alias_domain_id=self.alias_domain.id,
            target_model="res.partner",
        )
        self.env.flush_all()
        self.assertEqual(wizard.sudo().other_ids, also)

    def test_a_mailboxs_values_are_checked_with_the_rights_of_who_writes_them(self):
        box = self.mailbox(gateway_action="create").with_user(self.manager)
        field = self.env["res.partner"]._fields["comment"]
        self.patch(field, "groups", "base.group_system")
        with self.assertRaisesRegex(ValidationError, "cannot be given a value"):
            box.gateway_defaults = "{'comment': '<p>x</p>'}"

    def test_values_of_a_mailbox_make_or_change_no_other_record(self):
        box = self.mailbox(gateway_action="create").with_user(self.manager)
        login = {"name": "Evil", "login": "evil", "group_ids": [[4, self.env.ref("base.group_system").id]]}
        for values in (
            {"user_ids": [[0, 0, login]]},
            {"user_ids": [[4, self.env.ref("base.user_admin").id]]},
            {"category_id": [[0, 0, {"name": "New"}]]},
            {"category_id": [[1, 1, {"name": "New"}]]},
            {"category_id": [[2, 1]]},
            {"category_id": "x"},
            {"category_id": [["4", 1]]},
        ):
            with self.subTest(values), self.assertRaisesRegex(ValidationError, "does not fit|cannot be given"):
                box.gateway_defaults = repr(values)
        tag = self.env["res.partner.category"].create({"name": "Tag"})
        for values in ({"category_id": [tag.id]}, {"category_id": [[6, 0, [tag.id]]]}, {"category_id": [[4, tag.id]]}):
            box.gateway_defaults = repr(values)

    def test_a_dry_run_does_not_tell_what_became_of_the_record_since(self):
        self.officer.group_ids -= self.env.ref("base.group_partner_manager")
        inbound = self.receive(eml(Subject="As it came"), self.mailbox())
        record = self.env["res.partner"].browse(inbound.res_id)
        record.write({"name": "Renamed in confidence", "company_id": self.other_company.id})
        with self.own_cursors():
            action = inbound.with_user(self.officer).action_dry_run()
        run = self.env["spp.email.dry.run"].browse(action["res_id"])
        self.assertNotIn("in confidence", run.record_html)
        self.assertIn("you may not see it", run.record_html)
