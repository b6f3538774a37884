# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Transcripts of sessions as they are: what goes through the sockets, encrypted or not."""

from email.message import EmailMessage

from ...engine.connection import Connection, Password, Security
from ...engine.errors import GatewayError
from ...engine.mailbox import Entry, open_mailbox
from ...engine.smtp_session import open_session
from ...engine.transcript import Recorder
from .case import EngineCase
from .certificates import authority_pem, server_context, without_system_authorities
from .scripted_server import Close, Encrypt, Expect, Hang, ScriptedServer, Send, unused_port

SECRET = "planted-Secret/42"  # noqa: S105
CONTENT = b"Subject: planted subject\r\n\r\nplanted content\r\n"
EHLO = b"250-mx.example.com\r\n250-STARTTLS\r\n250-PIPELINING\r\n250 AUTH PLAIN\r\n"

SMTP = [
    Send(b"220 mx.example.com ESMTP\r\n"),
    Expect("(?i)^ehlo ", EHLO),
    Expect("^STARTTLS$", b"220 go\r\n"),
    Encrypt(server_context()),
    Expect("(?i)^ehlo ", EHLO),
    Expect("^AUTH PLAIN ", b"235 in\r\n"),
    Expect("^MAIL FROM", b"250 ok\r\n"),
    Expect("^RCPT TO", b"250 ok\r\n"),
    Expect("^DATA", b"354 go on\r\n"),
    *[Expect("")] * 8,
    Expect(r"^\.$", b"250 ok\r\n"),
    Expect("(?i)^quit", b"221 bye\r\n"),
]
IMAP = [
    Encrypt(server_context()),
    Send(b"* OK ready\r\n"),
    Expect("CAPABILITY", b"* CAPABILITY IMAP4rev1\r\n<tag> OK done\r\n"),
    Expect("LOGIN", b"<tag> OK [CAPABILITY IMAP4rev1] in\r\n"),
    Expect("SELECT", b"* 1 EXISTS\r\n* FLAGS (\\Seen)\r\n* OK [UIDVALIDITY 7] valid\r\n<tag> OK [READ-WRITE] done\r\n"),
    Expect("FETCH", b"* 1 FETCH (UID 5 BODY[] {%d}\r\n%s)\r\n<tag> OK done\r\n" % (len(CONTENT), CONTENT)),
    Expect("LOGOUT", b"* BYE bye\r\n<tag> OK bye\r\n"),
]
POP = [
    Send(b"+OK ready\r\n"),
    Expect("^CAPA$", b"+OK\r\nUIDL\r\nUSER\r\n.\r\n"),
    Expect("^USER", b"+OK\r\n"),
    Expect("^PASS", b"+OK\r\n"),
    Expect("^LIST$", b"+OK\r\n1 10\r\n.\r\n"),
    Expect("^UIDL$", b"+OK\r\n1 aa\r\n.\r\n"),
    Expect("^RETR 1$", b"+OK\r\n" + CONTENT + b".\r\n"),
    Expect("^QUIT$", b"+OK\r\n"),
]


class TestTranscriptOfSessions(EngineCase):
    def setUp(self):
        super().setUp()
        patcher = without_system_authorities()
        patcher.start()
        self.addCleanup(patcher.stop)
        self.kept = []

    def connection(self, protocol, port, security, **values):
        values.setdefault("ca_certificate", authority_pem())
        recorder = Recorder(protocol, self.kept.append, 60)
        return Connection(
            "127.0.0.1", port, security, connect_timeout=2, read_timeout=2, recorder=recorder, **values
        )

    def lines(self):
        """The transcript, without times and the words of the certificate."""
        self.assertEqual(len(self.kept), 1)
        self.assertNotIn("planted", self.kept[0].text)
        return [line[10:] for line in self.kept[0].text.split("\n")]

    def assert_shown(self, *expected):
        lines = self.lines()
        for line in expected:
            with self.subTest(line=line):
                self.assertTrue([found for found in lines if found.startswith(line)], "\n".join(lines))

    def test_smtp(self):
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "ann@example.com", "bob@example.com", "planted subject"
        message.set_content("planted content\n")
        with ScriptedServer(SMTP) as server:
            session = open_session(self.connection("smtp", server.port, Security.STARTTLS))
            session.login("ann", SECRET)
            session.send_message(message, "ann@example.com", ["bob@example.com"])
            self.assertEqual(self.kept, [], "it is kept when the session is over")
            session.quit()
        self.assertEqual(server.surprises, [])
        self.assert_shown(
            "* Connected to 127.0.0.1, port ",
            "< 220 mx.example.com ESMTP",
            "> STARTTLS",
            "< 220 go",
            "* Encrypted: TLSv1.3, TLS_AES_",
            "> AUTH PLAIN [secret]",
            "< 235 in",
            "> MAIL FROM:<***@example.com>",
            "> RCPT TO:<***@example.com>",
            "> DATA",
            "> [",
            "< 250 ok",
            "> QUIT",
            "< 221 bye",
            "* The connection is closed.",
        )
        self.assertIn("The certificate is valid, for 127.0.0.1, issued by Test CA, until ", self.kept[0].text)

    def mailbox(self, protocol, server, security):
        connection = self.connection(protocol, server.port, security)
        with open_mailbox(protocol, connection, Password("ann", SECRET), folder="INBOX") as reader:
            entry = Entry("INBOX", "7", "5", 10) if protocol == "imap" else reader.waiting()[0]
            self.assertEqual([fetched.content for fetched in reader.fetch([entry])], [CONTENT])
        self.assertEqual(server.surprises, [])

    def test_imap(self):
        with ScriptedServer(IMAP) as server:
            self.mailbox("imap", server, Security.TLS)
        self.assert_shown("* Encrypted: TLS", "< * OK ready", f"< [{len(CONTENT)} bytes]", "< * BYE bye")
        self.assertTrue([line for line in self.lines() if line.endswith(" LOGIN [secret]")])

    def test_pop(self):
        with ScriptedServer(POP) as server:
            self.mailbox("pop", server, Security.NONE)
        self.assert_shown("> USER ***", "> PASS [secret]", "> RETR 1", f"< [3 lines, {len(CONTENT)} bytes]", "> QUIT")

    def failing(self, script, security=Security.NONE, **values):
        with ScriptedServer(script) as server, self.assertRaises(GatewayError):
            open_session(self.connection("smtp", server.port, security, **values))

    def test_failures_are_in_it(self):
        self.failing([Encrypt(server_context()), Hang()], Security.TLS, ca_certificate="")
        self.assert_shown("* No encryption: The certificate was issued by an authority that is not trusted here.")
        self.kept.clear()
        self.failing([Send(b"220 hi\r\n"), Expect("(?i)^ehlo", b""), Close()], Security.STARTTLS)
        self.assert_shown("* The server ended the connection.", "* The connection is closed.")
        self.kept.clear()
        with self.assertRaises(GatewayError):
            open_session(self.connection("smtp", unused_port(), Security.NONE))
        self.assert_shown("* No connection to 127.0.0.1, port ")

    def test_an_unverified_connection_says_so(self):
        with ScriptedServer([Encrypt(server_context()), Send(b"220 hi\r\n"), Hang()]) as server:
            open_session(self.connection("smtp", server.port, Security.TLS, verify=False)).close()
        self.assertIn("The certificate was not checked, as chosen.", self.kept[0].text)

    def test_nothing_is_seen_without_a_recorder(self):
        with ScriptedServer([Send(b"220 hi\r\n"), Hang()]) as server:
            session = open_session(Connection("127.0.0.1", server.port, Security.NONE))
            self.assertIsNone(session.sock.conversation)
            session.close()
