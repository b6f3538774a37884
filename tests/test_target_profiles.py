# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from psycopg2.errors import NotNullViolation

from odoo.exceptions import ValidationError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .common import eml
from .stand_ins import StandInCase

PROCESSING_LOGGER = "odoo.addons.spp_email_gateway.models.spp_email_processing"


@tagged("post_install", "-at_install")
class TestTargetProfiles(StandInCase):
    def received(self, model, content=None, **values):
        box = self.mailbox(object_id=model.id, **values)
        inbound = self.receive(content or eml(Subject="No payment", From="Amina Diallo <Amina@Remote.test>"), box)
        return inbound, self.env[model.model].browse(inbound.res_id)

    # Grievances

    def test_a_stranger_makes_an_anonymous_grievance_and_is_told_nothing(self):
        mails = self.env["mail.mail"].search_count([])
        inbound, ticket = self.received(self.grievances)
        self.assertOutcome(inbound, "done", "record_created")
        self.assertEqual(ticket.name, "No payment")
        self.assertEqual(ticket.complainant_type, "anonymous")
        self.assertEqual((ticket.contact_name, ticket.contact_email), ("Amina Diallo", "amina@remote.test"))
        self.assertIn("hello", ticket.description)
        self.assertFalse(ticket.partner_id.email)
        self.assertEqual(ticket.number, "G-1")
        self.assertFalse(ticket.user_id)
        self.assertEqual(self.env["mail.mail"].search_count([]), mails)
        self.assertEqual(inbound.mail_message_id.model, "spp.grm.ticket")

    def test_strangers_share_one_contact(self):
        first = self.received(self.grievances)[1]
        second = self.received(self.grievances, eml(From="joseph@remote.test"))[1]
        self.assertEqual(first.partner_id, second.partner_id)
        self.assertEqual(second.contact_name, "joseph@remote.test")

    def test_a_registrant_is_known_whatever_the_case_of_the_address(self):
        known = self.env["res.partner"].create({"name": "Amina", "email": "AMINA@remote.test", "is_registrant": True})
        mails = self.env["mail.mail"].search_count([])
        _inbound, ticket = self.received(self.grievances)
        self.assertEqual((ticket.partner_id, ticket.complainant_type), (known, "beneficiary"))
        self.assertEqual(self.env["mail.mail"].search_count([]), mails)

    def test_who_is_not_taken_for_the_sender(self):
        partners = self.env["res.partner"]
        for name, made in (
            ("no registrant", [{}]),
            ("a family", [{"is_registrant": True}, {"is_registrant": True}]),
            ("of another company", [{"is_registrant": True, "company_id": self.other_company.id}]),
        ):
            with self.subTest(name=name):
                people = partners.create([{"name": name, "email": "amina@remote.test", **values} for values in made])
                _inbound, ticket = self.received(self.grievances)
                self.assertNotIn(ticket.partner_id, people)
                self.assertEqual(ticket.complainant_type, "anonymous")
                people.active = False

    def test_a_mail_without_subject_and_text_is_a_grievance_too(self):
        _inbound, ticket = self.received(self.grievances, eml(Subject=None, body=b"\r\n "))
        self.assertEqual(ticket.name, "No subject")

    def test_defaults_of_the_mailbox_win_but_for_the_number(self):
        _inbound, ticket = self.received(
            self.grievances, gateway_defaults="{'severity': 'low', 'contact_name': 'Front desk', 'number': 'mine'}"
        )
        self.assertEqual((ticket.severity, ticket.contact_name, ticket.number), ("low", "Front desk", "G-1"))

    def test_outside_the_gateway_the_model_does_as_ever(self):
        with self.assertRaises(NotNullViolation), mute_logger("odoo.sql_db"), self.env.cr.savepoint():
            self.env["spp.grm.ticket"].message_new({"subject": "x", "email_from": "nobody@remote.test"})

    # Change requests

    def test_a_change_request_is_a_draft_with_its_own_reference(self):
        inbound, request = self.received(
            self.change_requests,
            eml(Subject="New address", Message_ID="<move@remote.test>", body=b"We moved."),
            gateway_defaults=f"{{'request_type_id': {self.request_type.id}, 'approval_state': 'approved'}}",
        )
        self.assertOutcome(inbound, "done", "record_created")
        self.assertEqual((request.name, request.approval_state), ("CR/1", "draft"))
        self.assertEqual(request.request_type_id, self.request_type)
        self.assertEqual(request.source_reference, "<move@remote.test>")
        self.assertEqual(request.description, "New address\n\nWe moved.")
        self.assertFalse(request.registrant_id)

    @mute_logger("odoo.sql_db", PROCESSING_LOGGER)
    def test_a_change_request_without_type_waits_and_can_be_played_again(self):
        box = self.mailbox(object_id=self.change_requests.id)
        inbound = self.receive(eml(), box)
        self.assertOutcome(inbound, "quarantined", "creation_failed")
        box.gateway_defaults = f"{{'request_type_id': {self.request_type.id}}}"
        inbound.action_retry()
        self.process()
        self.assertOutcome(inbound, "done", "record_created")

    def test_a_reply_to_a_grievance_adds_to_it(self):
        _inbound, ticket = self.received(self.grievances, eml(Message_ID="<first@remote.test>"))
        # Odoo routes by the Message-ID of its own outgoing message, here of the incoming one.
        inbound, same = self.received(
            self.grievances, eml(In_Reply_To="<first@remote.test>", References="<first@remote.test>", Subject="Re: it")
        )
        self.assertOutcome(inbound, "done", "record_updated")
        self.assertEqual(same, ticket)

    # What people see

    def test_models_are_called_by_the_names_people_know(self):
        names = self.env["spp.email.target.model"]._names()
        self.assertEqual((names["spp.grm.ticket"], names["spp.change.request"]), ("Grievance", "Change Request"))
        self.assertEqual(self.grievances.with_context(gateway_target_names=True).display_name, "Grievance")
        self.assertEqual(self.grievances.display_name, "Grievance Redress Mechanism Ticket")

    def test_the_mailbox_says_what_is_missing(self):
        box = self.mailbox(object_id=self.change_requests.id)
        self.assertIn("A mail becomes a draft", box.gateway_target_hint)
        self.assertEqual(
            box.gateway_target_warning,
            "“Change Request” cannot be made from a mail alone: it needs values for “Request Type” (request_type_id).",
        )
        box.gateway_defaults = f"{{'request_type_id': {self.request_type.id}}}"
        self.assertFalse(box.gateway_target_warning)
        self.assertFalse(self.mailbox(object_id=self.grievances.id).gateway_target_warning)
        self.assertFalse(self.mailbox(object_id=self.partner_model.id).gateway_target_hint)

    def test_the_mailbox_form_follows_the_choice(self):
        form = Form(self.mailbox().with_user(self.system))
        form.object_id = self.change_requests
        self.assertIn("“Request Type”", form.gateway_target_warning)

    def test_defaults_are_checked_when_saved(self):
        box = self.mailbox(object_id=self.change_requests.id)
        for text, words in (
            ("{'nothing': 1}", "“nothing” is no field of “Change Request”."),
            ("{'request_type_id': 'x'}", "“x” does not fit the field “request_type_id”."),
            ("{'request_type_id': 99999999}", "“99999999” does not fit the field “request_type_id”."),
            ("{'request_type_id': true}", "“True” does not fit the field “request_type_id”."),
            ("{'approval_state': 'gone'}", "“gone” does not fit the field “approval_state”."),
            ("{'approval_state': 7}", "“7” does not fit the field “approval_state”."),
            ("{'id': 7}", "The field “id” cannot be given a value."),
            ("{'create_uid': 7}", "The field “create_uid” cannot be given a value."),
            ("{'display_name': 'x'}", "The field “display_name” cannot be given a value."),
            ("{1: 2}", "Every field of the default values is named by a text, such as 'priority'."),
            ("['x']", "Write the default values as {'field': value, …}, such as {'priority': '1'}."),
            ("__import__('os')", "Write the default values as {'field': value, …}, such as {'priority': '1'}."),
        ):
            with self.subTest(text=text), self.assertRaises(ValidationError) as caught:
                box.gateway_defaults = text.replace("true", "True")
            self.assertEqual(str(caught.exception), words)

    def test_the_virus_scan_is_heeded(self):
        body = b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
        body += b"--b\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\n1234\r\n--b--"
        inbound, _ticket = self.received(self.grievances, eml(Content_Type="multipart/mixed; boundary=b", body=body))
        self.assertIn("1 attachments are not known to be clean yet", inbound.with_user(self.viewer).attachment_note)
        inbound.mail_message_id.attachment_ids.scan_status = "clean"
        inbound.invalidate_recordset()
        self.assertFalse(inbound.attachment_note)

    # The route wizard

    def route(self, user, inbound, model, *values):
        wizard = (
            self.env["spp.email.inbound.route"]
            .with_user(user)
            .create(
                {
                    "inbound_ids": inbound.ids,
                    "target_model": model,
                    "value_ids": [(0, 0, {"field_name": name, "value": value}) for name, value in values],
                }
            )
        )
        with self.own_cursors():
            return wizard.action_confirm()

    def test_an_officer_gives_the_request_type_by_its_name(self):
        inbound = self.journal(eml(Subject="New name"))
        inbound.state = "quarantined"
        form = Form(
            self.env["spp.email.inbound.route"].with_user(self.manager).with_context(default_inbound_ids=inbound.ids)
        )
        form.target_model = "spp.change.request"
        self.assertIn("“Request Type”", form.missing)
        self.assertIn("A mail becomes a draft", form.hint)
        with form.value_ids.edit(0) as line:
            self.assertEqual(line.field_name, "Request Type")
            line.value = "Change of Address"
        self.assertFalse(form.missing)
        with self.own_cursors():
            action = form.save().action_confirm()
        self.assertEqual(action["res_model"], "spp.change.request")
        request = self.env["spp.change.request"].browse(action["res_id"])
        self.assertEqual((request.name, request.request_type_id), ("CR/1", self.request_type))

    def test_a_grievance_made_by_hand_stays_unassigned(self):
        inbound = self.journal(eml(From="stranger@remote.test"))
        inbound.state = "quarantined"
        action = self.route(self.manager, inbound, "spp.grm.ticket")
        ticket = self.env["spp.grm.ticket"].browse(action["res_id"])
        self.assertFalse(ticket.user_id)
        self.assertNotEqual(ticket.intake_user_id, self.manager)
        self.assertEqual(ticket.complainant_type, "anonymous")

    def test_values_that_do_not_fit_are_refused_and_nothing_changes(self):
        inbound = self.journal(eml())
        inbound.state = "quarantined"
        for name, value, words in (
            ("Request Type", "Nothing", "“Nothing” does not fit the field “request_type_id”."),
            ("Request Typ", "x", "“Request Typ” is no field of “Change Request”."),
            ("approval_state", "gone", "“gone” does not fit the field “approval_state”."),
            ("id", "7", "The field “id” cannot be given a value."),
        ):
            with self.subTest(name=name), self.assertRaises(ValidationError) as caught:
                self.route(self.manager, inbound, "spp.change.request", (name, value))
            self.assertEqual(str(caught.exception), words)
        self.assertEqual(inbound.state, "quarantined")

    def test_a_manager_who_is_no_administrator_sees_what_a_mailbox_makes(self):
        box = self.mailbox(object_id=self.change_requests.id).with_user(self.manager)
        self.assertIn("“Request Type”", box.gateway_target_warning)
        box.gateway_defaults = f"{{'request_type_id': {self.request_type.id}}}"
        self.assertFalse(box.gateway_target_warning)
