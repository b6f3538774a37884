# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import base64

from ...engine.connection import BearerToken, Connection, Password, Security, XOAuth2
from ...engine.errors import ConfigurationError, GatewayError
from ...engine.imap import ImapReader
from ...engine.login_refusal import secrets_of
from ...engine.pop import PopReader
from ...engine.sasl_bearer import bearer_login
from ...engine.smtp_session import open_session
from . import certificates
from .case import EngineCase
from .scripted_server import Encrypt, Expect, ScriptedServer, Send

TOKEN = "ya29." + "t" * 2000
MAILBOX = BearerToken("box@example.test", TOKEN)
REFUSED = b'{"status":"invalid_token","schemes":"bearer","scope":"mail"}'
IMAP_IN = b"<previous> OK [CAPABILITY IMAP4rev1] in\r\n"


def b64(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def xoauth2(user="box@example.test"):
    return b64(f"user={user}\1auth=Bearer {TOKEN}\1\1")


def oauthbearer(port, user="box@example.test"):
    return b64(f"n,a={user},\1host=127.0.0.1\1port={port}\1auth=Bearer {TOKEN}\1\1")


def exactly(text):
    return "^" + text.replace("+", r"\+") + "$"


class TestMechanism(EngineCase):
    def test_which(self):
        for wanted, offered, found in (
            ("", ["PLAIN", "XOAUTH2"], "XOAUTH2"),
            ("", ["plain", "oauthbearer"], "OAUTHBEARER"),
            ("", ["XOAUTH2", "OAUTHBEARER"], "OAUTHBEARER"),
            ("XOAUTH2", ["XOAUTH2", "OAUTHBEARER"], "XOAUTH2"),
            ("XOAUTH2", ["OAUTHBEARER"], "OAUTHBEARER"),
            ("OAUTHBEARER", ["XOAUTH2"], "XOAUTH2"),
            ("", None, "XOAUTH2"),
            ("OAUTHBEARER", None, "OAUTHBEARER"),
        ):
            with self.subTest(wanted=wanted, offered=offered):
                credential = BearerToken("u", "t", wanted)
                self.assertEqual(bearer_login(credential, offered, host="h", port=1, is_encrypted=True)[0], found)

    def test_none_fits(self):
        with self.assertRaises(GatewayError) as caught:
            bearer_login(MAILBOX, ["PLAIN", "LOGIN"], host="h", port=1, is_encrypted=True)
        error = caught.exception
        self.assertEqual((error.phase, error.field, error.detail), ("login", "host", "LOGIN PLAIN"))
        self.assertEqual(
            str(error), "This server takes no access tokens. Check its name and port, or use a password here."
        )

    def test_a_user_with_the_characters_of_the_header(self):
        _name, response = bearer_login(
            BearerToken("a=b,c@x.test", "t"), ["OAUTHBEARER"], host="mx.test", port=993, is_encrypted=True
        )
        self.assertEqual(response, "n,a=a=3Db=2Cc@x.test,\1host=mx.test\1port=993\1auth=Bearer t\1\1")

    def test_no_token_in_a_repr(self):
        self.assertEqual(repr(MAILBOX), "BearerToken(user='box@example.test', mechanism='')")

    def test_what_a_server_is_not_quoted_with(self):
        self.assertEqual(secrets_of(Password("u", "hush")), ("hush", "aHVzaA=="))
        self.assertEqual(secrets_of(XOAuth2("u", "x")), ("x", "eA=="))
        self.assertEqual(secrets_of(MAILBOX), (TOKEN, b64(TOKEN)))


class BearerCase(EngineCase):
    def served(self, *script, clear=False):
        head = [] if clear else [Encrypt(certificates.server_context())]
        server = self.enterContext(ScriptedServer([*head, *script]))
        self.addCleanup(lambda: self.assertEqual(server.surprises, []))
        return server

    def connection(self, server, security=Security.TLS):
        return Connection(
            "127.0.0.1", server.port, security, ca_certificate=certificates.authority_pem(), read_timeout=2
        )

    def refused(self, act, *arguments, **options):
        with self.assertRaises(GatewayError) as caught:
            act(*arguments, **options)
        self.assertNotIn(TOKEN, f"{caught.exception}{caught.exception.detail}{caught.exception.__cause__}")
        return caught.exception


class TestImap(BearerCase):
    def hello(self, *offered):
        words = " ".join(f"AUTH={name}" for name in offered).encode()
        return [Send(b"* OK in\r\n"), Expect("CAP", b"* CAPABILITY IMAP4rev1 " + words + b"\r\n<tag> OK done\r\n")]

    def open(self, server, credential=MAILBOX, security=Security.TLS):
        reader = ImapReader(self.connection(server, security), credential, folder=None)
        self.addCleanup(reader._abandon)
        reader.open()

    def test_xoauth2(self):
        steps = [Expect("AUTHENTICATE XOAUTH2$", b"+ \r\n"), Expect(exactly(xoauth2()), IMAP_IN)]
        self.open(self.served(*self.hello("PLAIN", "XOAUTH2"), *steps))

    def test_oauthbearer(self):
        steps = [Expect("AUTHENTICATE OAUTHBEARER$", b"+ \r\n"), Expect(".", IMAP_IN)]
        server = self.served(*self.hello("OAUTHBEARER", "XOAUTH2"), *steps)
        self.open(server)
        self.assertEqual(server.lines[-1].decode(), oauthbearer(server.port))

    def test_refusals_are_answered_as_each_mechanism_wants(self):
        for mechanism, dummy in (("XOAUTH2", "^$"), ("OAUTHBEARER", "^AQ==$")):
            with self.subTest(mechanism):
                server = self.served(
                    *self.hello(mechanism),
                    Expect(f"AUTHENTICATE {mechanism}$", b"+ \r\n"),
                    Expect(".", f"+ {b64(REFUSED)}\r\n".encode()),
                    # <previous>: the tag stands in the first line only
                    Expect(dummy, b"<previous> NO [AUTHENTICATIONFAILED] Authentication failed.\r\n"),
                )
                error = self.refused(self.open, server)
                self.assertEqual((error.phase, error.field, error.permanent), ("login", "token", True))
                self.assertIn("The server said: status invalid_token, schemes bearer, scope mail.", str(error))

    def test_a_token_that_opens_no_mailbox(self):
        steps = [Expect("AUTHENTICATE", b"+ \r\n"), Expect(".", IMAP_IN)]
        steps.append(Expect("SELECT", b"<tag> BAD User is authenticated but not connected.\r\n"))
        server = self.served(*self.hello("XOAUTH2"), *steps)
        reader = ImapReader(self.connection(server), MAILBOX)
        error = self.refused(reader.open)
        self.assertEqual((error.phase, error.field, error.permanent), ("login", "user", True))
        self.assertIn("The token is right, but it opens no mailbox", str(error))

    def test_the_provider_of_the_server_is_down(self):
        reply = b"<previous> NO [UNAVAILABLE] Temporary authentication failure.\r\n"
        server = self.served(
            *self.hello("XOAUTH2"), Expect("AUTHENTICATE", b"+ \r\n"), Expect(".", b"+ e30=\r\n"), Expect("", reply)
        )
        error = self.refused(self.open, server)
        self.assertEqual((error.permanent, error.field), (False, ""))

    def test_never_unencrypted(self):
        server = self.served(*self.hello("XOAUTH2"), clear=True)
        error = self.refused(self.open, server, security=Security.NONE)
        self.assertEqual((error.field, error.code), ("security", "PLAINTEXT"))
        self.assertEqual(len(server.lines), 1)

    def test_no_second_command_in_a_token(self):
        for credential, words in (
            (BearerToken("box", "t\r\na LOGOUT"), "The token contains control characters."),
            (BearerToken("box", "t\1auth=Bearer x"), "The token contains control characters."),
            (BearerToken("box\1", "t"), "The user contains control characters."),
            (BearerToken("", "t"), "The user is missing."),
            (BearerToken("box", ""), "The token is missing."),
        ):
            with self.subTest(words), self.assertRaises(ConfigurationError) as caught:
                self.open(self.served(*self.hello("XOAUTH2")), credential)
            self.assertEqual(str(caught.exception), words)


class TestPop(BearerCase):
    def hello(self, *offered):
        words = f"SASL {' '.join(offered)}\r\n" if offered else ""
        return [Send(b"+OK in\r\n"), Expect("^CAPA$", f"+OK\r\nUIDL\r\n{words}.\r\n".encode())]

    def open(self, server, security=Security.TLS):
        reader = PopReader(self.connection(server, security), MAILBOX)
        self.addCleanup(reader._abandon)
        reader.open()

    def test_mechanisms(self):
        for offered, mechanism in (
            (("XOAUTH2",), "XOAUTH2"),
            (("PLAIN", "OAUTHBEARER"), "OAUTHBEARER"),
            ((), "XOAUTH2"),
        ):
            with self.subTest(offered):
                steps = [Expect(f"^AUTH {mechanism}$", b"+ \r\n"), Expect(".", b"+OK\r\n")]
                server = self.served(*self.hello(*offered), *steps)
                self.open(server)
                sent = xoauth2() if mechanism == "XOAUTH2" else oauthbearer(server.port)
                self.assertEqual(server.lines[-1].decode(), sent)

    def test_refusals_are_answered_as_each_mechanism_wants(self):
        for mechanism, dummy in (("XOAUTH2", "^$"), ("OAUTHBEARER", "^AQ==$")):
            with self.subTest(mechanism):
                server = self.served(
                    *self.hello(mechanism),
                    Expect("^AUTH ", b"+ \r\n"),
                    Expect(".", f"+ {b64(REFUSED)}\r\n".encode()),
                    Expect(dummy, b"-ERR [AUTH] Authentication failed.\r\n"),
                )
                error = self.refused(self.open, server)
                self.assertEqual((error.phase, error.field, error.permanent), ("login", "token", True))
                self.assertIn("scope mail", str(error))

    def test_never_unencrypted(self):
        server = self.served(*self.hello("XOAUTH2"), clear=True)
        self.assertEqual(self.refused(self.open, server, Security.NONE).code, "PLAINTEXT")
        self.assertEqual(len(server.lines), 1)


class TestSmtp(BearerCase):
    def hello(self, offered):
        return [Send(b"220 mx ESMTP\r\n"), Expect("^ehlo", f"250-mx\r\n250 {offered}\r\n".encode())]

    def login(self, server, security=Security.TLS):
        session = open_session(self.connection(server, security))
        self.addCleanup(session.close)
        session.login_token(MAILBOX)
        return session

    def test_mechanisms(self):
        for offered, mechanism in (
            ("AUTH PLAIN XOAUTH2", "XOAUTH2"),
            ("AUTH OAUTHBEARER XOAUTH2", "OAUTHBEARER"),
            ("AUTH=XOAUTH2", "XOAUTH2"),
        ):
            with self.subTest(offered):
                server = self.served(*self.hello(offered), Expect("^AUTH", b"235 2.7.0 in\r\n"))
                self.login(server)
                sent = xoauth2() if mechanism == "XOAUTH2" else oauthbearer(server.port)
                self.assertEqual(server.lines[-1].decode(), f"AUTH {mechanism} {sent}")

    def test_refusals_are_answered_as_each_mechanism_wants(self):
        for mechanism, dummy in (("XOAUTH2", "^$"), ("OAUTHBEARER", "^AQ==$")):
            with self.subTest(mechanism):
                server = self.served(
                    *self.hello(f"AUTH {mechanism}"),
                    Expect("^AUTH ", f"334 {b64(REFUSED)}\r\n".encode()),
                    Expect(dummy, b"535 5.7.8 no\r\n"),
                )
                error = self.refused(self.login, server)
                self.assertEqual((error.phase, error.field, error.permanent), ("login", "token", True))
                self.assertEqual(error.code, "535 5.7.8")
                self.assertIn("The server said: status invalid_token, schemes bearer, scope mail.", str(error))

    def test_a_server_that_repeats_what_it_was_sent(self):
        server = self.served(*self.hello("AUTH XOAUTH2"), Expect("^AUTH", f"535 5.7.8 no: {b64(TOKEN)}\r\n".encode()))
        self.assertEqual(self.refused(self.login, server).detail, "535 5.7.8 no: ***")

    def test_a_challenge_that_is_no_base64(self):
        server = self.served(
            *self.hello("AUTH XOAUTH2"), Expect("^AUTH", b"334 {oops\r\n"), Expect("^$", b"535 5.7.8 no\r\n")
        )
        self.assertEqual(self.refused(self.login, server).field, "token")

    def test_what_the_server_does_not_offer(self):
        for offered in ("AUTH PLAIN LOGIN", "SIZE 1000"):
            with self.subTest(offered):
                self.assertEqual(self.refused(self.login, self.served(*self.hello(offered))).code, "MECHANISM")

    def test_never_unencrypted(self):
        server = self.served(*self.hello("AUTH XOAUTH2"), clear=True)
        self.assertEqual(self.refused(self.login, server, Security.NONE).code, "PLAINTEXT")
        self.assertEqual(len(server.lines), 1)


class TestManInTheMiddle(BearerCase):
    """Nothing of a token leaves for a server that did not prove who it is."""

    def open(self, protocol, server, security):
        connection = self.connection(server, security)
        if protocol == "smtp":
            session = open_session(connection)
            self.addCleanup(session.close)
            session.login_token(MAILBOX)
            return
        reader = {"imap": ImapReader, "pop": PopReader}[protocol](connection, MAILBOX)
        self.addCleanup(reader._abandon)
        reader.open()

    def test_false_certificates(self):
        for name, context in (
            ("another host's", certificates.server_context("other.test")),
            ("expired", certificates.server_context(days=-1)),
            ("self-signed", certificates.server_context(self_signed=True)),
        ):
            for protocol in ("imap", "pop", "smtp"):
                with self.subTest(f"{protocol}, {name}"):
                    server = self.enterContext(ScriptedServer([Encrypt(context), Send(b"+OK\r\n"), Expect("")]))
                    self.assertEqual(self.refused(self.open, protocol, server, Security.TLS).phase, "tls")
                    self.assertEqual(server.lines, [])

    def test_starttls_that_was_stripped(self):
        for protocol, script in (
            ("imap", [Send(b"* OK x\r\n"), Expect("CAP", b"* CAPABILITY IMAP4rev1 AUTH=XOAUTH2\r\n<tag> OK x\r\n")]),
            ("pop", [Send(b"+OK\r\n"), Expect("^CAPA$", b"+OK\r\nSASL XOAUTH2\r\n.\r\n")]),
            ("smtp", [Send(b"220 mx\r\n"), Expect("^ehlo", b"250-mx\r\n250 AUTH XOAUTH2\r\n")]),
        ):
            with self.subTest(protocol):
                server = self.served(*script, clear=True)
                self.assertEqual(self.refused(self.open, protocol, server, Security.STARTTLS).phase, "tls")
                self.assertEqual(len(server.lines), 1)
