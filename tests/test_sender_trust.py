# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Settings of the sender check, what is suggested for them, and what its health says."""

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from ..models.spp_email_sender_resolver import SERVERS_PARAMETER
from .common import eml
from .engine.name_server import NameServer
from .test_unproved_senders import MX, SenderCase, noted


@tagged("post_install", "-at_install")
class TestSenderTrust(SenderCase):
    def findings(self):
        self.env.flush_all()
        return {one.code: one for one in self.env["spp.email.sender.trust"]._gateway_health()}

    def fill(self, box, *values, count=3):
        for number in range(count):
            for value in values:
                head = f"Authentication-Results: {value}\r\n".encode() if value else b""
                self.journal(head + eml(Subject=f"{number}"), box)

    def test_the_default_marks(self):
        self.assertEqual(self.env["mail.alias.domain"].create({"name": "new.test"}).gateway_sender_policy, "mark")
        self.assertFalse(self.box.gateway_sender_policy)

    def test_names_of_servers(self):
        for text in ("mx.example.org", "MX.example.org, mx2.example.org", "microsoft", "", False):
            with self.subTest(text=text):
                self.box.gateway_trusted_servers = text
        for text in ("mx example/org", "http://mx.example.org", "ann@example.org", "mx..example.org"):
            for name in ("gateway_trusted_servers", "gateway_trusted_sealers"):
                with self.subTest(text=text), self.assertRaisesRegex(ValidationError, "no name of a server"):
                    self.box[name] = text

    def test_a_server_is_suggested(self):
        box = self.mailbox(user="fresh@gateway.test")
        self.assertFalse(box.gateway_trust_hint)
        self.fill(box, noted("pass"))
        box.invalidate_recordset()
        self.assertEqual(box.gateway_suggested_server, MX)
        self.assertIn(MX, box.gateway_trust_hint)
        box.with_user(self.manager).action_gateway_trust_suggested()
        self.assertEqual(box.gateway_trusted_servers, MX)
        self.assertFalse(box.gateway_trust_hint)
        with self.assertRaisesRegex(UserError, "no server to suggest"):
            box.action_gateway_trust_suggested()
        with self.assertRaises(AccessError):
            box.with_user(self.officer).action_gateway_trust_suggested()

    def test_a_name_that_no_message_has(self):
        self.fill(self.box, "mx.other.test; none")
        self.box.invalidate_recordset()
        self.assertIn("Is the name right?", self.box.gateway_trust_hint)

    def test_nothing_is_suggested_where_only_some_messages_bring_it(self):
        box = self.mailbox(user="fresh@gateway.test")
        self.fill(box, "mx.evil.test; none", "")
        box.invalidate_recordset()
        self.assertFalse(box.gateway_suggested_server)

    def test_an_intake_has_its_own(self):
        intake, _token = self.intake(gateway_trusted_servers=MX)
        processing = self.env["spp.email.processing"]
        inbound = self.journal(eml())
        inbound.sudo().write({"intake_id": intake.id, "server_id": self.mailbox(user="x@gateway.test").id})
        self.assertEqual(processing._sender_trust(inbound).servers, (MX,))
        intake.gateway_trusted_servers = False
        self.assertEqual(processing._sender_trust(inbound).servers, ())

    # ------------------------------------------------------------------
    # Health
    # ------------------------------------------------------------------

    def test_nothing_can_be_proved(self):
        self.assertNotIn("sender_not_provable", self.findings())
        self.mailbox(name="Blind", user="blind@gateway.test")
        finding = self.findings()["sender_not_provable"]
        self.assertIn("Blind", finding.text)
        self.assertIn("Trusted Servers", finding.cure)
        with NameServer({}) as server:
            address, port = server._socket.getsockname()
            self.env["ir.config_parameter"].set_param(SERVERS_PARAMETER, f"{address}:{port}")
            self.assertNotIn("sender_not_provable", self.findings())

    def test_a_wrong_setting_is_told_and_stops_no_mail(self):
        self.env["ir.config_parameter"].set_param(SERVERS_PARAMETER, "dns.example.org")
        self.assertIn("dns.example.org", self.findings()["sender_dns_setting"].text)
        self.assertOutcome(self.take(), "done", "record_created")

    def test_replies_that_lost_their_author(self):
        first = self.thread()
        self.assertNotIn("sender_replies_without_author", self.findings())
        for result in (None, None, "pass", "fail"):
            self.answer(first, "boss@gateway.test", result)
        # A new record has lost no thread.
        self.take("boss@gateway.test")
        finding = self.findings()["sender_replies_without_author"]
        self.assertIn("2 replies of the last 7 days", finding.text)
        self.assertIn(f"{self.box.name}: 2", finding.text)
        self.sql("UPDATE spp_email_inbound SET received_date = received_date - interval '8 days' RETURNING id")
        self.env.invalidate_all()
        self.assertNotIn("sender_replies_without_author", self.findings())
