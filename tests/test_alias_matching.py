# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..engine.outcome import InboundSource
from ..models.mail_thread import ATTEMPT
from .common import GatewayCase, eml


@tagged("post_install", "-at_install")
class TestAliasMatching(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.box = cls.mailbox(object_id=False)
        cls.alias("water", alias_defaults="{'function': 'Water'}")

    def made(self, inbound):
        self.assertOutcome(inbound, "done", "record_created")
        return self.env["res.partner"].browse(inbound.res_id).function

    def receive_for(self, recipient, content):
        intake, _token = self.intake(unknown_policy="quarantine")
        with self.own_cursors():
            row, _new = self.env["spp.email.reception"]._receive(
                intake, content, "ann@example.com", recipient, InboundSource.LMTP
            )
        self.process()
        return self.env["spp.email.inbound"].browse(row)

    def test_an_alias_takes_mail_with_a_detail(self):
        for name in ("water", "water+leak", "Water+Leak", "water+a+b"):
            to = f"{name}@gateway.test"
            with self.subTest(to=to):
                inbound = self.receive(eml(To=f"Water <{to}>"), self.box)
                self.assertEqual(self.made(inbound), "Water")
                message = self.env["mail.message"].browse(inbound.mail_message_id.id)
                # Ours: no contact, and no recipient of an answer.
                self.assertFalse(message.incoming_email_to)
                self.assertFalse(self.env["res.partner"].search([("email", "ilike", "water+")]))

    def test_for_the_envelope_too(self):
        inbound = self.receive_for("water+leak@gateway.test", eml(To="undisclosed:;"))
        self.assertEqual(self.made(inbound), "Water")

    def test_an_alias_of_that_very_name_wins(self):
        self.alias("water+leak", alias_defaults="{'function': 'Leak'}")
        self.assertEqual(self.made(self.receive(eml(To="water+leak@gateway.test"), self.box)), "Leak")
        self.assertEqual(self.made(self.receive(eml(To="water+leak+x@gateway.test"), self.box)), "Leak")
        self.assertEqual(self.made(self.receive(eml(To="water+other@gateway.test"), self.box)), "Water")
        self.assertEqual(self.made(self.receive_for("water+leak@gateway.test", eml(To="x@y.test"))), "Leak")

    def test_what_is_no_subaddress(self):
        for to in ("fire+water@gateway.test", "+water@gateway.test", "water+x@elsewhere.test", "water-x@gateway.test"):
            with self.subTest(to=to):
                self.assertOutcome(self.receive(eml(To=to), self.box), "quarantined", "no_route")

    def test_copies_for_details_of_one_alias_are_one_message(self):
        content = eml(To="water+a@gateway.test, water+b@gateway.test")
        self.assertEqual(self.made(self.receive_for("water+a@gateway.test", content)), "Water")
        self.assertOutcome(self.receive_for("water+b@gateway.test", content), "duplicate", "known_message_id")

    def test_at_the_door(self):
        self.alias_domain.catchall_alias = "answers"
        intake, _token = self.intake(unknown_policy="refuse")
        for recipient, verdict in (
            ("water@gateway.test", "accept"),
            ("water+leak@gateway.test", "accept"),
            ("WATER+Leak@Gateway.test", "accept"),
            ("answers+x@gateway.test", "accept"),
            ("catchall+x@gateway.test", "accept"),
            ("bounce+x@gateway.test", "accept"),
            ("fire+water@gateway.test", "refuse"),
            ("water+leak@elsewhere.test", "refuse"),
            ("+@gateway.test", "refuse"),
        ):
            with self.subTest(recipient=recipient):
                self.assertEqual(intake._judge(recipient).value, verdict)

    def test_the_bounce_address_is_no_alias(self):
        aliases = self.env["mail.alias"]
        self.assertEqual(aliases._gateway_aliases_among(["bounce+abc@gateway.test"]), [])
        self.assertEqual(aliases._gateway_aliases_among(["catchall+abc@gateway.test"]), [])
        self.assertEqual(aliases._gateway_aliases_among(["water+abc@gateway.test"]), ["water@gateway.test"])

    # Foreign domains, odoo#244272

    def test_a_local_part_at_a_foreign_domain_is_not_ours(self):
        self.alias("office", alias_incoming_local=True)
        find = self.env["mail.alias.domain"]._find_aliases
        ours, foreign = "office@allowed.test", "office@other.com"
        # Without the parameter Odoo takes the local part for ours everywhere.
        self.assertEqual(find([ours, foreign]), [ours, foreign])
        self.env["ir.config_parameter"].set_param("mail.catchall.domain.allowed", "allowed.test,second.test")
        for emails, found in (
            ([ours], [ours]),
            ([foreign], []),
            ([ours, foreign], [ours]),
            ([foreign, ours, "office@second.test", "x@allowed.test"], [ours, "office@second.test"]),
            (["office@gateway.test", foreign], ["office@gateway.test"]),
            (["water@gateway.test", "water@other.com", ours], ["water@gateway.test", ours]),
            (["office+x@allowed.test", "office+x@other.com", ours], ["office+x@allowed.test", ours]),
        ):
            with self.subTest(emails=emails):
                self.assertEqual(find(emails), found)

    def test_a_foreign_recipient_is_not_dropped(self):
        """Where mail comes in, and where it is sent."""
        self.alias("office", alias_incoming_local=True)
        self.env["ir.config_parameter"].set_param("mail.catchall.domain.allowed", "allowed.test")
        inbound = self.receive(eml(To="office@allowed.test, office@other.com, Ben <ben@other.com>"), self.box)
        self.assertOutcome(inbound, "done", "record_created")
        self.assertIn("office@other.com", inbound.mail_message_id.incoming_email_to)
        self.assertNotIn("office@allowed.test", inbound.mail_message_id.incoming_email_to)
        thread = self.env["res.partner"].create({"name": "Thread"})
        found = thread._partner_find_from_emails_single(["office@allowed.test", "office@other.com"])
        self.assertEqual(found.mapped("email"), ["office@other.com"])

    @mute_logger("odoo.addons.mail.models.mail_thread")
    def test_a_foreign_domain_makes_no_record(self):
        self.alias("office", alias_incoming_local=True)
        self.env["ir.config_parameter"].set_param("mail.catchall.domain.allowed", "allowed.test")
        self.assertEqual(self.receive(eml(To="office@allowed.test"), self.box).state, "done")
        self.assertEqual(self.receive(eml(To="office+x@allowed.test"), self.box).state, "done")
        for to in ("office@other.com", "office+x@other.com"):
            self.assertOutcome(self.receive(eml(To=to), self.box), "quarantined", "no_route")

    # Cost

    def test_what_is_known_of_a_batch_is_not_asked_again(self):
        domains = self.env["mail.alias.domain"].with_context(**{ATTEMPT: True})
        emails = ["a@b.test", "water@gateway.test", "water+leak@gateway.test", "x+y@other.test"]
        self.assertEqual(domains._find_aliases(emails), ["water@gateway.test", "water+leak@gateway.test"])
        with self.assertQueryCount(0):
            domains._find_aliases(emails)
            domains._gateway_without_detail(emails)
