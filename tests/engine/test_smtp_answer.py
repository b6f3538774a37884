# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import smtplib

from ...engine.errors import ConfigurationError, GatewayError
from ...engine.outcome import OutboundReason, OutboundState
from ...engine.smtp_answer import as_text, judge, no_session, provider_message_id, remote_id, requested_wait
from .case import EngineCase

SES = "0102018f2c3d4e5f-6a7b8c9d-0e1f-2a3b-4c5d-6e7f8091a2b3-000000"


class TestSmtpAnswer(EngineCase):
    def test_states_and_reasons(self):
        for code, reply, phase, state, reason in (
            (250, "2.0.0 Ok", "message", "sent", "accepted"),
            (550, "5.1.1 who?", "recipient", "failed", "refused"),
            (554, "spam", "message", "failed", "refused"),
            (500, "", "data", "failed", "refused"),
            (552, "5.3.4 too big", "sender", "failed", "too_large"),
            (552, "5.2.3 too big", "message", "failed", "too_large"),
            (552, "message size exceeds fixed limit", "sender", "failed", "too_large"),
            (552, "5.2.2 mailbox full", "recipient", "failed", "refused"),
            (552, "mailbox full", "recipient", "failed", "refused"),
            (530, "5.7.0 authentication required", "sender", "failed", "no_login"),
            (535, "5.7.8 no", "login", "failed", "no_login"),
            (530, "5.7.0 authentication required", "recipient", "failed", "refused"),
            (421, "bye", "sender", "deferred", "try_later"),
            (450, "4.2.0 later", "recipient", "deferred", "try_later"),
            (452, "4.2.2 full", "recipient", "deferred", "try_later"),
            (550, "5.4.5 Daily user sending limit exceeded", "message", "deferred", "quota"),
            (554, "5.2.0 SubmissionQuotaExceededException", "message", "deferred", "quota"),
            (550, "5.2.1 the user's daily limit", "recipient", "failed", "refused"),
        ):
            with self.subTest(f"{code} {reply}"):
                result = judge(code, reply, phase)
                self.assertEqual((result.state.value, result.reason.value, result.phase), (state, reason, phase))
                self.assertEqual(result.code, code)

    def test_status_and_text_are_apart(self):
        result = judge(550, b"5.1.1 no\n5.1.1 such user", "recipient")
        self.assertEqual((result.enhanced, result.text), ("5.1.1", "no such user"))

    def test_what_is_no_text_is_bounded_and_made_readable(self):
        self.assertEqual(as_text(b"\xff\0\x1b[31m ok"), "\ufffd\ufffd\ufffd[31m ok")
        self.assertEqual(len(judge(550, b"x" * 100_000, "recipient").text), 1000)

    def test_greylisting_does_not_count(self):
        for code, reply, counts in (
            (450, "4.2.0 Greylisted, see http://x.test", False),
            (451, "Graylisted", False),
            (451, "4.7.1 Greylisting in action", False),
            (450, "grey-listed", False),
            (451, "4.7.1 try again later", False),
            (450, "4.7.1 try again later", False),
            (421, "4.7.1 too many connections", True),
            (452, "4.2.2 full", True),
            (451, "4.3.0 later", True),
            (550, "5.7.1 greylisted for good", True),
        ):
            with self.subTest(f"{code} {reply}"):
                self.assertEqual(judge(code, reply, "recipient").counts, counts)

    def test_the_wait_that_was_asked_for(self):
        for text, seconds in (
            ("try again in 300 seconds", 300),
            ("Please try again in 5 minutes", 300),
            ("please retry after 90 sec", 90),
            ("try later, wait 2 hours", 7200),
            ("Greylisted for 60 seconds", 60),
            ("Greylisting in action, please come back in 00:04:59", 299),
            ("come back in 1:00:00", 3600),
            ("try again in 2 minutes and 30 seconds", 150),
            ("try again in 1 hour, 5 min", 3900),
            ("deferred, retry in at least 10s", 10),
            ("temporarily rejected, try again in 15m", 900),
            ("try again later", None),
            ("over quota for 3 hours", None),
            ("try again in a few minutes", None),
            ("the message of 300 seconds ago", None),
            ("", None),
        ):
            with self.subTest(text):
                self.assertEqual(requested_wait(text), seconds)
                self.assertEqual(judge(451, text, "recipient").wait, seconds)

    def test_the_name_that_the_server_gave_it(self):
        for reply, name in (
            (b"2.0.0 Ok: queued as 4XyZ1234abc", "4XyZ1234abc"),
            (b"2.0.0 Ok: queued as 7", "7"),
            (b"OK queued as 8b0fdab1-7f26-4e0a-9b2a-2a0e7e7a4d11", "8b0fdab1-7f26-4e0a-9b2a-2a0e7e7a4d11"),
            (b"Ok: queued as sG3kYBqWQJm1rFvKJ8ZxLw", "sG3kYBqWQJm1rFvKJ8ZxLw"),
            (b"2.0.0 OK: queued as <202605041200.123@smtp-relay.mailin.fr>", "202605041200.123@smtp-relay.mailin.fr"),
            (b"OK id=1rABCD-000123-4E", "1rABCD-000123-4E"),
            (
                b"2.6.0 <a@b.test> [InternalId=68719476737, Hostname=X.PROD.OUTLOOK.COM] 9 bytes"
                b" Queued mail for delivery",
                "68719476737",
            ),
            (
                b"2.0.0 OK  1714824000 a640c23a62f3a-a59b1a2c3d4si1234567.1 - gsmtp",
                "a640c23a62f3a-a59b1a2c3d4si1234567.1",
            ),
            (b"2.0.0 44C0s1Xy012345 Message accepted for delivery", "44C0s1Xy012345"),
            (b"ok 1714824000 qp 12345", "1714824000 qp 12345"),
            (b"Message Queued (8F3A2B1C-0D4E-4F5A.1)", "8F3A2B1C-0D4E-4F5A.1"),
            (f"Ok {SES}".encode(), SES),
            (b"Ok", ""),
            (b"2.0.0 Ok", ""),
            (b"Queued (0.004 seconds)", ""),
            (b"Great success", ""),
            (b"Message accepted for delivery", ""),
            (b"\xff\0", ""),
            (b"", ""),
        ):
            with self.subTest(reply):
                self.assertEqual(remote_id(reply), name)

    def test_the_message_id_of_the_provider(self):
        for host, reply, message_id in (
            ("email-smtp.eu-west-1.amazonaws.com", f"Ok {SES}", f"<{SES}@eu-west-1.amazonses.com>"),
            ("email-smtp.us-east-1.amazonaws.com", f"Ok {SES}", f"<{SES}@email.amazonses.com>"),
            ("mx.example.com", f"Ok {SES}", ""),
            ("email-smtp.eu-west-1.amazonaws.com", "Ok: queued as 4XyZ1234", ""),
            ("in-v3.mailjet.com", "OK queued as 8b0fdab1-7f26", "<8b0fdab1-7f26@mailjet.com>"),
            ("in-v3.notmailjet.com", "OK queued as 8b0fdab1-7f26", ""),
            (
                "smtp-relay.brevo.com",
                "2.0.0 OK: queued as <2026.1@smtp-relay.mailin.fr>",
                "<2026.1@smtp-relay.mailin.fr>",
            ),
            (
                "smtp.office365.com",
                "2.6.0 <x@eur.prod.outlook.com> [InternalId=1, Hostname=X] Queued",
                "<x@eur.prod.outlook.com>",
            ),
            ("mx.example.com", "2.0.0 Ok: queued as 4XyZ1234", ""),
            ("", "", ""),
        ):  # fmt: skip
            with self.subTest(host=host, reply=reply):
                self.assertEqual(provider_message_id(host, reply.encode()), message_id)

    def test_no_session_is_nobodys_fault_but_the_servers(self):
        for error, reason, phase, code in (
            (GatewayError("no", phase="connect"), "no_connection", "connect", 0),
            (GatewayError("no", phase="resolve", permanent=True, code="-2"), "no_connection", "connect", 0),
            (GatewayError("no", phase="greeting", code="554"), "no_connection", "connect", 554),
            (GatewayError("no", phase="tls", permanent=True), "no_connection", "tls", 0),
            (GatewayError("no", phase="login", code="535 5.7.8", permanent=True), "no_login", "login", 535),
            (ConfigurationError("no", field="password"), "no_login", "login", 0),
            (ConfigurationError("no", field="certificate"), "no_connection", "tls", 0),
            (ConfigurationError("no", field="host"), "no_connection", "connect", 0),
            (smtplib.SMTPAuthenticationError(535, b"5.7.8 no"), "no_login", "login", 535),
            (smtplib.SMTPConnectError(421, b"no"), "no_connection", "connect", 421),
            (smtplib.SMTPServerDisconnected("no"), "no_connection", "connect", 0),
            (TimeoutError("no"), "no_connection", "connect", 0),
        ):
            with self.subTest(repr(error)):
                result = no_session(error)
                self.assertIs(result.state, OutboundState.DEFERRED)
                self.assertEqual((result.reason, result.phase, result.code), (OutboundReason(reason), phase, code))
                self.assertIn("no", result.text)

    def test_a_greeting_may_ask_to_wait(self):
        error = GatewayError("no", phase="greeting", code="421", detail="421 busy, try again in 60 seconds")
        self.assertEqual(no_session(error).wait, 60)
