# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import GatewayCase, eml

# Notes what it was given as a contact's job.
CODE = """
message = env.context["gateway_message"]
env["res.partner"].create({
    "name": "Action: " + message["subject"],
    "function": "|".join([
        message["email_from"], message["email_to"], message["message_id"], message["text"].strip(),
        str(record.res_model), str(record.res_id),
    ]),
})
"""


@tagged("post_install", "-at_install")
class TestServerAction(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.action = cls.env["ir.actions.server"].create(
            {
                "name": "Note",
                "model_id": cls.env["ir.model"]._get("spp.email.inbound").id,
                "state": "code",
                "code": CODE,
            }
        )
        cls.box = cls.mailbox(object_id=False, gateway_action="server_action", gateway_server_action_id=cls.action.id)

    def noted(self, subject):
        return self.partners(f"Action: {subject}").function

    def test_the_action_gets_the_message(self):
        inbound = self.receive(eml(Subject="Alone", Message_ID="<alone@example.com>", body=b"the text"), self.box)
        self.assertOutcome(inbound, "done", "action_run")
        self.assertEqual(
            self.noted("Alone"), "Ann <ann@example.com>|box@gateway.test|<alone@example.com>|the text|False|0"
        )

    def test_the_action_gets_the_record_that_a_reply_reached(self):
        partner = self.env["res.partner"].create({"name": "Known"})
        message = partner.message_post(body="start", message_type="comment", subtype_xmlid="mail.mt_comment")
        inbound = self.receive(
            eml(Subject="A reply", In_Reply_To=message.message_id, References=message.message_id), self.box
        )
        self.assertOutcome(inbound, "done", "action_run")
        self.assertTrue(self.noted("A reply").endswith(f"|res.partner|{partner.id}"))
        self.assertEqual((inbound.res_model, inbound.res_id), ("res.partner", partner.id))
        self.assertIn(inbound.mail_message_id, partner.message_ids)

    def test_the_action_gets_the_record_that_an_alias_made(self):
        self.alias("by-alias")
        inbound = self.receive(eml(Subject="Alias first", To="by-alias@gateway.test"), self.box)
        self.assertOutcome(inbound, "done", "action_run")
        made = self.partners("Alias first")
        self.assertTrue(self.noted("Alias first").endswith(f"|res.partner|{made.id}"))
        self.assertEqual(inbound.res_id, made.id)

    @mute_logger("odoo.addons.spp_email_gateway.models.spp_email_processing")
    def test_an_action_that_fails_puts_the_message_aside(self):
        self.action.code = "raise UserError('not today')"
        self.alias("by-alias")
        inbound = self.receive(eml(Subject="Fails", To="by-alias@gateway.test"), self.box)
        self.assertOutcome(inbound, "quarantined", "creation_failed")
        self.assertIn("not today", inbound.detail)
        # What the alias made belongs to the attempt that failed.
        self.assertFalse(self.partners("Fails"))

    def test_a_duplicate_does_not_run_the_action(self):
        self.alias("by-alias")
        for _count in range(2):
            inbound = self.receive(
                eml(Subject="Once", To="by-alias@gateway.test", Message_ID="<once@example.com>", X_Copy=str(_count)),
                self.box,
            )
        self.assertOutcome(inbound, "duplicate", "known_message_id")
        self.assertEqual(len(self.partners("Action: Once")), 1)

    @mute_logger("odoo.addons.mail.models.mail_thread")
    def test_a_refused_message_does_not_run_the_action(self):
        self.alias("members", alias_contact="partners")
        inbound = self.receive(eml(Subject="Refused", To="members@gateway.test"), self.box)
        self.assertOutcome(inbound, "quarantined", "route_refused")
        self.assertFalse(self.partners("Action: Refused"))
