# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..models.spp_email_check import MOST_OF_A_SERVER
from .common import GatewayCase
from .engine.scripted_server import Close, Expect, ScriptedServer, Send

SECRET = "planted-Secret/42"  # noqa: S105
GREETING = Send(b"220 mx.example.com ESMTP\r\n")
EHLO = Expect("(?i)^ehlo ", b"250-mx.example.com\r\n250-SIZE 1000000\r\n250 AUTH PLAIN\r\n")
REFUSED = [
    GREETING,
    EHLO,
    Expect("^AUTH", f"535 5.7.8 {SECRET} is wrong\r\n".encode()),
    Expect("", b"535 no\r\n"),
    Close(),
]
NO_BASIC = [
    GREETING,
    EHLO,
    Expect("^AUTH", b"535 5.7.139 Authentication unsuccessful, basic authentication is disabled.\r\n"),
    Expect("", b"535 5.7.139 Authentication unsuccessful, basic authentication is disabled.\r\n"),
    Close(),
]
WELL = [
    GREETING,
    EHLO,
    Expect("^AUTH", b"235 2.7.0 in\r\n"),
    *(Expect(word, b"250 ok\r\n") for word in ("^MAIL", "^RCPT", "^RSET", "^QUIT")),
]


@tagged("post_install", "-at_install")
class TestConnectionCheck(GatewayCase):
    def setUp(self):
        super().setUp()
        self.server = self.env["ir.mail_server"].create(
            {
                "name": "Out",
                "smtp_host": "127.0.0.1",
                "smtp_port": 25,
                "smtp_encryption": "none",
                "smtp_user": "ann@example.com",
                "smtp_pass": SECRET,
                "company_id": self.company.id,
            }
        )

    def check(self, script, user=None):
        """Have a manager check the server, which plays ``script``; return the row."""
        with ScriptedServer(script) as server:
            self.server.smtp_port = server.port
            with self.own_cursors():
                action = self.server.with_user(user or self.manager).action_check_connection()
        self.assertEqual(action["res_model"], "spp.email.check")
        return self.env[action["res_model"]].with_user(user or self.manager).browse(action["res_id"])

    def test_what_is_well_is_kept_with_its_steps(self):
        check = self.check(WELL)
        self.assertEqual((check.state, check.company_id), ("well", self.company))
        self.assertEqual(
            [step["name"] for step in check.steps],
            ["name", "connect", "greeting", "hello", "encryption", "login", "sender", "size", "extensions"],
        )
        self.assertIn("1000000 bytes", check.steps_html)
        self.assertIn("< 235 2.7.0 in", check.transcript)
        self.assertNotIn(SECRET, check.transcript)
        server = self.server.with_user(self.manager)
        self.assertEqual((server.gateway_check_id, server.gateway_check_state), (check, "well"))

    def test_a_failure_says_what_helps_and_raises_nothing(self):
        check = self.check(NO_BASIC)
        self.assertEqual((check.state, check.summary), ("failed", "Failed at: Login"))
        self.assertIn("switched off passwords", check.failure_text)
        self.assertIn("OAuth", check.failure_cure)
        self.assertEqual(check.steps[-1]["name"], "login")
        self.assertFalse(self.server.gateway_breaker_state not in (False, "closed"))

    def test_a_server_that_quotes_the_password(self):
        check = self.check(REFUSED)
        self.assertEqual(check.state, "failed")
        for text in (str(check.steps), check.transcript, str(check.steps_html)):
            self.assertNotIn(SECRET, text)

    def test_the_test_that_raises_keeps_it_too(self):
        with ScriptedServer(NO_BASIC) as server:
            self.server.smtp_port = server.port
            with self.own_cursors():
                try:
                    self.server.with_user(self.manager).test_smtp_connection()
                except UserError as error:
                    self.assertIn("OAuth", str(error))
                else:
                    self.fail("nothing was raised")
        self.assertEqual(self.server.gateway_check_state, "failed")

    def test_only_the_last_ones_are_kept_and_what_was_said_for_a_week(self):
        for _number in range(3):
            self.check(NO_BASIC)
        rows = self.env["spp.email.check"].search([("mail_server_id", "=", self.server.id)])
        self.assertEqual(len(rows), 3)
        for _number in range(MOST_OF_A_SERVER):
            values = {"mail_server_id": self.server.id, "date": fields.Datetime.now(), "state": "well", "steps": []}
            rows._make(values, "x")
        rows = self.env["spp.email.check"].search([("mail_server_id", "=", self.server.id)])
        self.assertEqual(len(rows), MOST_OF_A_SERVER)
        old = rows[1]
        old.write({"transcript": "said", "date": fields.Datetime.now() - timedelta(days=8)})
        self.env["spp.email.check"]._gc_check_transcripts()
        self.assertFalse(old.transcript)
        self.assertTrue(rows[0].transcript)

    def test_who_may(self):
        check = self.check(NO_BASIC)
        for user in (self.viewer, self.officer, self.plain):
            with self.subTest(user.login):
                with self.assertRaises(AccessError):
                    self.server.with_user(user).action_check_connection()
                with self.assertRaises(AccessError):
                    check.with_user(user).read(["transcript"])

    def test_what_cannot_be_checked_says_so(self):
        self.server.smtp_authentication = "cli"
        with self.assertRaisesRegex(UserError, "odoo.conf"):
            self.server.with_user(self.manager).action_check_connection()
        local = self.env["fetchmail.server"].create({"name": "Local", "server_type": "local"})
        with self.assertRaisesRegex(UserError, "no connection"):
            local.with_user(self.manager).action_check_connection()

    def test_a_record_in_the_context_of_a_call_is_none(self):
        recorder = self.server.with_context(gateway_check_record={"transcripts": []})._gateway_recorder()
        self.assertIsNone(recorder)
