# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import base64
import hmac
import smtplib

from ...engine.connection import Connection, Security
from ...engine.errors import GatewayError
from ...engine.smtp_session import open_session
from .case import EngineCase
from .scripted_server import Close, Expect, ScriptedServer, Send

GREETING = Send(b"220 mx.example.com ESMTP\r\n")
USER, PASSWORD = "b\u00fcro@example.com", "p\u00e4ssw\u00f6rt \u20ac"
TOKEN = base64.b64encode(b"user=box@example.com\1auth=Bearer token\1\1").decode()
# What Google says to a token that is no good.
CHALLENGE = base64.b64encode(b'{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}')


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def hello(methods):
    return Expect("^ehlo", f"250-mx.example.com\r\n250 AUTH {methods}\r\n".encode())


class TestSmtpLogin(EngineCase):
    def session(self, script):
        server = self.enterContext(ScriptedServer([GREETING, *script]))
        self.addCleanup(lambda: self.assertEqual(server.surprises, []))
        session = open_session(Connection("127.0.0.1", server.port, Security.NONE, connect_timeout=2, read_timeout=2))
        self.addCleanup(session.close)
        return session

    def test_any_characters_in_user_and_password(self):
        challenge = b"<1.2@mx>"
        digest = hmac.new(PASSWORD.encode(), challenge, "md5").hexdigest()
        plain = encoded(f"\0{USER}\0{PASSWORD}")
        for methods, steps in (
            ("PLAIN", [Expect(f"^AUTH PLAIN {plain}$".replace("+", r"\+"), b"235 in\r\n")]),
            ("LOGIN", [Expect(f"^AUTH LOGIN {encoded(USER)}$", b"334 UGFzc3dvcmQ6\r\n"),
                       Expect(f"^{encoded(PASSWORD)}$".replace("+", r"\+"), b"235 in\r\n")]),
            ("CRAM-MD5", [Expect("^AUTH CRAM-MD5$", b"334 " + base64.b64encode(challenge) + b"\r\n"),
                          Expect(f"^{encoded(f'{USER} {digest}')}$".replace("+", r"\+"), b"235 in\r\n")]),
        ):  # fmt: skip
            with self.subTest(methods):
                session = self.session([hello(methods), *steps])
                self.assertEqual(session.login(USER, PASSWORD)[0], 235)
                session.confirm_login()

    def test_a_refused_password_is_smtplibs_error(self):
        session = self.session([hello("PLAIN"), Expect("^AUTH", b"535 5.7.8 no\r\n")])
        with self.assertRaises(smtplib.SMTPAuthenticationError) as caught:
            session.login(USER, PASSWORD)
        self.assertEqual(caught.exception.smtp_code, 535)

    def test_a_server_that_asks_without_end(self):
        session = self.session([hello("LOGIN"), Expect("^AUTH", b"334 x\r\n"), *[Expect("", b"334 eA==\r\n")] * 20])
        with self.assertRaises(smtplib.SMTPAuthenticationError):
            session.login(USER, PASSWORD)

    def confirm(self, *steps):
        """Log in as Odoo's addons for OAuth do, which look at no answer; then confirm."""
        session = self.session([hello("XOAUTH2"), *steps])
        session.ehlo()
        session.docmd("AUTH", f"XOAUTH2 {TOKEN}")
        session.confirm_login()
        return session

    def test_an_accepted_token(self):
        for answer in (b"235 2.7.0 Accepted\r\n", b"503 5.5.1 already\r\n"):
            with self.subTest(answer):
                self.confirm(Expect("^AUTH XOAUTH2 ", answer))

    def test_a_refused_token_is_noticed(self):
        first = Expect("^AUTH XOAUTH2 ", b"334 " + CHALLENGE + b"\r\n")
        for name, steps, text, code, permanent in (
            (
                "Google",
                [first, Expect("^$", b"535 5.7.8 Username and Password not accepted. x - gsmtp\r\n")],
                "status 400, schemes Bearer, scope https://mail.google.com/",
                "535 5.7.8",
                True,
            ),
            (
                "Microsoft",
                [Expect("^AUTH", b"535 5.7.3 Authentication unsuccessful [X.PROD.OUTLOOK.COM]\r\n")],
                "The access token was refused. Usual reasons at Microsoft",
                "535 5.7.3",
                True,
            ),
            (
                "switched off",
                [Expect("^AUTH", b"535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled\r\n")],
                "Microsoft has switched off sending with a login for the whole organization.",
                "535 5.7.139",
                True,
            ),
            ("a broken token", [Expect("^AUTH", b"501 5.5.4 Invalid argument\r\n")], "", "501 5.5.4", True),
            ("unknown", [Expect("^AUTH", b"504 5.5.4 unknown mechanism\r\n")], "no access tokens", "504 5.5.4", True),
            ("for the moment", [Expect("^AUTH", b"454 4.7.0 try later\r\n")], "cannot check", "454 4.7.0", False),
            (
                "for the moment, after a challenge",
                [first, Expect("^$", b"454 4.7.0 Temporary authentication failure\r\n")],
                "The server cannot check logins at the moment.",
                "454 4.7.0",
                False,
            ),
            ("challenges without end", [first, *[Expect("^$", b"334 x\r\n")] * 9], "The access token", "334", True),
        ):
            with self.subTest(name):
                with self.assertRaises(GatewayError) as caught:
                    self.confirm(*steps)
                error = caught.exception
                self.assertEqual((error.phase, error.code, error.permanent), ("login", code, permanent))
                self.assertIn(text, str(error))
                self.assertNotIn("token\1", str(error) + error.detail)

    def test_a_connection_that_breaks_in_the_challenge(self):
        with self.assertRaises(smtplib.SMTPServerDisconnected):
            self.confirm(Expect("^AUTH", b"334 x\r\n"), Expect("^$"), Close())

    def test_without_a_login_there_is_nothing_to_confirm(self):
        session = self.session([hello("XOAUTH2")])
        session.ehlo()
        session.confirm_login()
