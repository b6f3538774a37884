# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import smtplib

from ...engine.connection import Connection, Security
from ...engine.errors import GatewayError
from ...engine.smtp_diagnosis import diagnose_smtp
from . import certificates
from .case import EngineCase
from .scripted_server import Close, Encrypt, Expect, Hang, ScriptedServer, Send, Stopwatch, unused_port

GREETING = Send(b"220 mx.example.org ESMTP\r\n")
EHLO = Expect("^ehlo ", b"250-mx.example.org\r\n250-SIZE 1000\r\n250 AUTH PLAIN\r\n")
EHLO_STARTTLS = Expect("^(ehlo|EHLO) ", b"250-mx.example.org\r\n250 STARTTLS\r\n")
HELLO = [GREETING, EHLO]
AUTH = Expect("^AUTH PLAIN", b"235 2.7.0 in\r\n")
MAIL = Expect("^MAIL FROM:<me@example.org>$", b"250 ok\r\n")
RCPT = Expect("^RCPT TO:<me@example.org>$", b"250 ok\r\n")
END = [Expect("^RSET$", b"250 ok\r\n"), Expect("^QUIT$", b"221 bye\r\n")]
SENDER = [MAIL, RCPT, *END]


def login(session):
    session.login("someone", "hush")


class TestSmtpDiagnosis(EngineCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        patch = certificates.without_system_authorities()
        patch.start()
        cls.addClassCleanup(patch.stop)

    def diagnose(self, *scripts, security=Security.NONE, login=None, sender="me@example.org", port=None, **options):
        ca = options.pop("ca", certificates.authority_pem())
        host = options.pop("host", "127.0.0.1")
        with ScriptedServer(*scripts) as server:
            self.server = server
            connection = Connection(
                host, port or server.port, security, ca_certificate=ca, read_timeout=options.pop("read_timeout", 2.0)
            )
            ports = options.pop("other_ports", (server.port,))
            diagnosis = diagnose_smtp(connection, login, sender, ports, patience=0.1, **options)
        self.assertFalse([line for line in server.lines if line.upper().startswith(b"DATA")])
        return diagnosis

    def assertFails(self, diagnosis, step, field):  # noqa: N802
        self.assertFalse(diagnosis.ok)
        self.assertEqual((diagnosis.failure.name, diagnosis.failure.field), (step, field), diagnosis.steps)
        self.assertIs(diagnosis.failure, diagnosis.steps[-1])
        self.assertNotIn("hush", repr(diagnosis))

    def test_all_is_well(self):
        encrypt = Encrypt(certificates.server_context())
        start = [EHLO_STARTTLS, Expect("^STARTTLS$", b"220 go\r\n"), encrypt]
        for security, script, names in (
            (Security.NONE, [*HELLO, AUTH, *SENDER], "name connect greeting hello encryption login sender"),
            (
                Security.STARTTLS,
                [GREETING, *start, EHLO, AUTH, *SENDER],
                "name connect greeting hello encryption login sender",
            ),
            (Security.TLS, [encrypt, *HELLO, AUTH, *SENDER], "name connect encryption greeting hello login sender"),
        ):
            with self.subTest(security):
                diagnosis = self.diagnose(script, security=security, login=login)
                self.assertTrue(diagnosis.ok, diagnosis.steps)
                self.assertEqual([step.name for step in diagnosis.steps], [*names.split(), "size", "extensions"])
                self.assertEqual(self.server.surprises, [])
                self.assertIsNone(diagnosis.suggestion)

    def test_what_the_server_is_and_takes(self):
        encrypt = Encrypt(certificates.server_context(days=10))
        steps = {step.name: step for step in self.diagnose([encrypt, *HELLO, *SENDER], security=Security.TLS).steps}
        self.assertEqual(steps["name"].text, "The name leads to 1 address(es): 127.0.0.1.")
        for words in ("TLSv1.3, TLS_", "for 127.0.0.1, issued by Test CA, until ", "127.0.0.1 → Test CA."):
            self.assertIn(words, steps["encryption"].text)
        self.assertIn("expires in 9 days", steps["encryption"].warning)
        self.assertIn("(1000 bytes)", steps["size"].text)
        self.assertEqual(steps["extensions"].text, "AUTH PLAIN, SIZE 1000")
        self.assertTrue(all(step.seconds >= 0 for step in steps.values()))

    def test_a_sender_that_the_provider_does_not_know(self):
        no = b"550 The from address does not match a verified Sender Identity. Mail cannot be sent\r\n"
        diagnosis = self.diagnose([*HELLO, Expect("^MAIL", no), Hang()])
        self.assertFails(diagnosis, "sender", "sender")
        self.assertIn("Sender Authentication", diagnosis.failure.cure)
        self.assertIn("does not match a verified", diagnosis.failure.text)
        self.assertNotIn(diagnosis.failure.cure, diagnosis.failure.text)

    def test_without_login(self):
        self.assertTrue(self.diagnose([*HELLO, *SENDER]).ok)

    def test_name(self):
        self.assertFails(self.diagnose([Hang()], host="a..b"), "name", "host")

    def test_port_with_others_that_answer(self):
        encrypt = Encrypt(certificates.server_context())
        for script, security, words in (
            ([GREETING, EHLO_STARTTLS, Hang()], Security.STARTTLS, "SMTP with STARTTLS"),
            ([encrypt, GREETING, Hang()], Security.TLS, "SMTP with TLS"),
        ):
            with self.subTest(words), Stopwatch() as watch:
                diagnosis = self.diagnose(script, security=Security.TLS, port=unused_port())
                self.assertFails(diagnosis, "connect", "port")
                self.assertIn(f"{self.server.port} ({words})", diagnosis.failure.text)
                self.assertEqual(
                    (diagnosis.suggestion.port, diagnosis.suggestion.security), (self.server.port, security)
                )
            self.assertLess(watch.seconds, 1)

    def test_no_port_answers(self):
        diagnosis = self.diagnose([Hang()], port=unused_port(), other_ports=(unused_port(), unused_port()))
        self.assertFails(diagnosis, "connect", "port")
        self.assertIsNone(diagnosis.suggestion)

    def test_tls_on_a_port_for_starttls(self):
        diagnosis = self.diagnose([GREETING, EHLO_STARTTLS, Hang()], security=Security.TLS)
        self.assertFails(diagnosis, "encryption", "security")
        self.assertEqual(
            (diagnosis.suggestion.port, diagnosis.suggestion.security), (self.server.port, Security.STARTTLS)
        )

    def test_starttls_on_a_port_for_tls(self):
        script = [Encrypt(certificates.server_context()), GREETING, Hang()]
        for security in (Security.STARTTLS, Security.NONE):
            with self.subTest(security), Stopwatch() as watch:
                diagnosis = self.diagnose(script, security=security)
                self.assertFails(diagnosis, "greeting", "security")
                self.assertEqual(diagnosis.suggestion.security, Security.TLS)
            self.assertLess(watch.seconds, 1)

    def test_never_suggests_less_security(self):
        diagnosis = self.diagnose([GREETING, Expect("EHLO", b"250 mx\r\n"), Hang()], security=Security.TLS)
        self.assertFails(diagnosis, "encryption", "security")
        self.assertIsNone(diagnosis.suggestion)

    def test_starttls_stripped(self):
        diagnosis = self.diagnose([*HELLO, Hang()], security=Security.STARTTLS, login=login)
        self.assertFails(diagnosis, "encryption", "security")
        self.assertFalse([line for line in self.server.lines if line.startswith(b"AUTH")])

    def test_greetings(self):
        for greeting, field in (
            (b"554 5.7.1 no service for you\r\n", "host"),
            (b"421 busy\r\n", "host"),
            (b"* OK IMAP4rev1\r\n", "port"),
            (b"+OK POP3\r\n", "port"),
            (b"SSH-2.0-x\r\n", "port"),
            (b"HTTP/1.1 400 Bad Request\r\n", "port"),
        ):
            with self.subTest(greeting=greeting):
                self.assertFails(self.diagnose([Send(greeting), Expect(".", b"x\r\n"), Hang()]), "greeting", field)

    def test_hangs_and_breaks(self):
        for script, step in (
            ([Hang()], "greeting"),
            ([Close()], "greeting"),
            ([GREETING, Hang()], "hello"),
            ([GREETING, Close()], "hello"),
            ([*HELLO, Expect("AUTH"), Hang()], "login"),
            ([*HELLO, AUTH, Expect("MAIL"), Close()], "sender"),
            ([*HELLO, AUTH, Expect("MAIL", b"\xff nonsense\r\n")], "sender"),
        ):
            with self.subTest(script=script), Stopwatch() as watch:
                diagnosis = self.diagnose(script, login=login, read_timeout=0.1)
                self.assertEqual(diagnosis.failure.name, step)
            self.assertLess(watch.seconds, 1.5)

    def test_certificate(self):
        other = Encrypt(certificates.server_context("mail.example.org"))
        start = [GREETING, EHLO_STARTTLS, Expect("STARTTLS", b"220 go\r\n"), other, Hang()]
        for script, security in (([other, Hang()], Security.TLS), (start, Security.STARTTLS)):
            with self.subTest(security):
                diagnosis = self.diagnose(script, security=security)
                self.assertFails(diagnosis, "encryption", "host")
                self.assertIn("mail.example.org", diagnosis.failure.text)

    def test_login_refused(self):
        for reply, field, words in (
            (b"535 5.7.8 authentication failed", "password", "wrong"),
            (b"535 5.7.139 Authentication unsuccessful, basic authentication is disabled.", "password", "OAuth"),
            (b"534 5.7.9 Application-specific password required", "password", "app password"),
            (b"535 5.7.8 Username and Password not accepted. x - gsmtp", "password", "app password"),
            (b"530 5.7.0 Must issue a STARTTLS command first", "security", "STARTTLS"),
            (b"538 5.7.11 Encryption required", "security", "unencrypted"),
            (b"454 4.7.0 Temporary authentication failure", "", "moment"),
            (b"535 5.7.57 Client not authenticated to send mail", "user", "administrator"),
        ):
            with self.subTest(reply=reply):
                diagnosis = self.diagnose([*HELLO, Expect("AUTH", reply + b"\r\n"), Hang()], login=login)
                self.assertFails(diagnosis, "login", field)
                self.assertIn(words, f"{diagnosis.failure.text} {diagnosis.failure.cure}")

    def test_login_before_encryption(self):
        diagnosis = self.diagnose([GREETING, EHLO_STARTTLS, Hang()], login=login)
        self.assertFails(diagnosis, "login", "security")
        self.assertEqual(diagnosis.suggestion.security, Security.STARTTLS)
        diagnosis = self.diagnose([GREETING, Expect("ehlo", b"250 mx\r\n"), Hang()], login=login)
        self.assertFails(diagnosis, "login", "port")

    def test_failures_of_the_given_login(self):
        def token(session):
            raise GatewayError("The token cannot be renewed.", permanent=True, phase="login", field="password")

        def odd(session):
            raise smtplib.SMTPException("No suitable authentication method found.")

        def umlauts(session):
            "pässwört".encode("ascii")

        for given, field in ((token, "password"), (odd, "user"), (umlauts, "password")):
            with self.subTest(field=field):
                self.assertFails(self.diagnose([*HELLO, Hang()], login=given), "login", field)
        with self.assertRaises(ZeroDivisionError):
            self.diagnose([*HELLO, Hang()], login=lambda session: 1 / 0)

    def test_sender(self):
        for script, login_, field in (
            ([Expect("MAIL", b"553 5.7.1 Sender address rejected: not owned by user someone\r\n")], login, "sender"),
            ([MAIL, Expect("RCPT", b"553 5.7.1 Sender address rejected: not owned by user\r\n")], login, "sender"),
            ([Expect("MAIL", b"550 5.7.60 SendAsDenied\r\n")], login, "sender"),
            ([Expect("MAIL", b"530 5.7.0 Authentication Required\r\n")], None, "user"),
            ([Expect("MAIL", b"451 4.3.0 later\r\n")], None, "sender"),
        ):
            with self.subTest(script=script):
                hello = [*HELLO, AUTH] if login_ else HELLO
                self.assertFails(self.diagnose([*hello, *script, Hang()], login=login_), "sender", field)

    def test_recipient_is_not_what_is_tried(self):
        for reply in (b"550 5.1.1 no such user\r\n", b"450 4.2.0 greylisted\r\n"):
            with self.subTest(reply=reply):
                self.assertTrue(self.diagnose([*HELLO, MAIL, Expect("RCPT", reply), *END]).ok)

    def test_sender_that_is_none(self):
        for sender in ("", "me@example.org>\r\nDATA", "a b@example.org", "<me@example.org>", "müller@example.org"):
            with self.subTest(sender=sender):
                self.assertFails(self.diagnose([*HELLO, Hang()], sender=sender), "sender", "sender")
