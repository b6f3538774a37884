# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from odoo.exceptions import AccessError
from odoo.tests import tagged

from ..engine.outcome import InboundSource
from .common import GatewayCase, eml


@tagged("post_install", "-at_install")
class TestFormerAddress(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.thread = cls.env["res.partner"].create({"name": "Thread"})
        cls.ours = cls.thread.message_post(body="Question", message_type="comment", subtype_xmlid="mail.mt_comment")

    def formers(self):
        return [(former.kind, former.email) for former in self.alias_domain.gateway_former_ids.sorted("email")]

    def receive_for(self, recipient, content, **values):
        intake, _token = self.intake(**values)
        with self.own_cursors():
            row, _is_new = self.env["spp.email.reception"]._receive(
                intake, content, "ann@example.com", recipient, InboundSource.HTTP, ""
            )
        self.process()
        return self.env["spp.email.inbound"].browse(row)

    def test_a_changed_name_is_remembered_until_it_is_taken_again(self):
        self.alias_domain.write({"catchall_alias": "answers", "bounce_alias": "returns"})
        self.assertEqual(self.formers(), [("bounce", "bounce@gateway.test"), ("catchall", "catchall@gateway.test")])
        self.alias_domain.catchall_alias = "third"
        self.alias_domain.catchall_alias = "catchall"
        self.assertEqual(
            self.formers(),
            [
                ("catchall", "answers@gateway.test"),
                ("bounce", "bounce@gateway.test"),
                ("catchall", "third@gateway.test"),
            ],
        )
        self.alias_domain.name = "renamed.test"
        self.assertIn(("catchall", "catchall@gateway.test"), self.formers())
        self.assertIn(("bounce", "returns@gateway.test"), self.formers())

    def test_the_parameters_remember_too(self):
        self.env["ir.config_parameter"].set_param("mail.catchall.alias", "answers")
        self.assertEqual(self.formers(), [("catchall", "catchall@gateway.test")])

    def test_an_answer_to_old_mail_reaches_its_thread(self):
        self.alias_domain.catchall_alias = "answers"
        inbound = self.receive_for(
            "catchall@gateway.test", eml(To="catchall@gateway.test", In_Reply_To=self.ours.message_id)
        )
        self.assertOutcome(inbound, "done", "record_updated")
        self.assertEqual((inbound.res_model, inbound.res_id), ("res.partner", self.thread.id))
        # The former address is nobody's contact.
        message = self.thread.message_ids.filtered(lambda one: one.message_type == "email")
        self.assertFalse(message.incoming_email_to)
        self.assertFalse(self.env["res.partner"].search([("email", "=", "catchall@gateway.test")]))

    def test_other_mail_is_not_taken_there(self):
        self.alias_domain.catchall_alias = "answers"
        for headers in ({}, {"In_Reply_To": "<foreign@example.com>"}):
            inbound = self.receive_for(
                "catchall@gateway.test", eml(To="catchall@gateway.test", **headers), unknown_policy="quarantine"
            )
            self.assertOutcome(inbound, "quarantined", "unknown_recipient")

    def test_a_living_alias_wins(self):
        self.alias_domain.catchall_alias = "answers"
        self.alias("catchall", alias_defaults="{'function': 'Living'}")
        self.assertEqual(self.env["spp.email.former.address"]._former({"catchall@gateway.test"}), set())
        inbound = self.receive_for("catchall@gateway.test", eml(To="catchall@gateway.test"))
        self.assertOutcome(inbound, "done", "record_created")
        self.assertEqual(self.env["res.partner"].browse(inbound.res_id).function, "Living")

    def test_what_is_written_to_the_former_bounce_address(self):
        """Reports on old mail are in test_bounce_address.py."""
        self.alias_domain.bounce_alias = "returns"
        # An answer reaches its thread, and a person who writes there is not swallowed.
        answer = eml(To="bounce@gateway.test", From="someone@remote.test", References=self.ours.message_id)
        self.assertOutcome(self.receive(answer, self.mailbox()), "done", "record_updated")
        written = self.receive(eml(To="bounce@gateway.test", From="someone@remote.test"), self.mailbox())
        self.assertOutcome(written, "done", "record_created")

    def test_a_living_alias_wins_over_a_former_bounce_address(self):
        self.alias_domain.bounce_alias = "returns"
        self.alias("bounce")
        inbound = self.receive(eml(To="bounce@gateway.test", References="<x@y>"), self.mailbox(object_id=False))
        self.assertOutcome(inbound, "done", "record_created")

    def test_a_removed_one_is_unknown(self):
        self.alias_domain.catchall_alias = "answers"
        intake, _token = self.intake()
        self.assertEqual(intake._judge("catchall@gateway.test").value, "accept")
        self.alias_domain.with_user(self.system).gateway_former_ids.unlink()
        self.assertEqual(intake._judge("catchall@gateway.test").value, "refuse")

    def test_who_may_remove_them(self):
        self.alias_domain.catchall_alias = "answers"
        former = self.alias_domain.gateway_former_ids
        for user in (self.plain, self.viewer, self.officer):
            with self.assertRaises(AccessError):
                former.with_user(user).unlink()
        with self.assertRaises(AccessError):
            former.with_user(self.manager).local_part = "x"
        former.with_user(self.manager).unlink()
