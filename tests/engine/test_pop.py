# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import base64
import hashlib
from dataclasses import replace

from ...engine.connection import Connection, Password, Security, XOAuth2
from ...engine.errors import ConfigurationError, GatewayError
from ...engine.mailbox import Entry, open_mailbox
from ...engine.pop import PopReader
from . import certificates
from .case import EngineCase
from .scripted_server import Close, Drip, Encrypt, Expect, Hang, ScriptedServer, Send, Stopwatch

PASSWORD = Password("someone", "hush hush")
GREETING = Send(b"+OK ready\r\n")
OK = b"+OK\r\n"


def capa(*words):
    return Expect("^CAPA$", b"+OK\r\n" + b"".join(word + b"\r\n" for word in (b"UIDL", b"USER", *words)) + b".\r\n")


LOGIN = [Expect("^USER someone$", OK), Expect("^PASS hush hush$", OK)]
OPEN = [GREETING, capa(), *LOGIN]
QUIT = Expect("^QUIT$", OK)
LIST = Expect("^LIST$", b"+OK\r\n1 10\r\n2 20\r\n3 30\r\n.\r\n")
UIDL = Expect("^UIDL$", b"+OK\r\n1 aa\r\n2 bb\r\n3 cc\r\n.\r\n")
LISTED = [*OPEN, LIST, UIDL]


def retr(number, content):
    return Expect(f"^RETR {number}$", b"+OK\r\n" + content + b".\r\n")


def entry(uid, size=10):
    return Entry("", "", uid, size)


def impatient(reader):
    """From here on the server gets little time: opening had plenty, so that a slow machine changes nothing."""
    reader.waiting(1)
    reader.connection = replace(reader.connection, read_timeout=0.05)
    reader._socket.idle = 0.05
    return reader


class PopCase(EngineCase):
    def reader(self, server, credential=PASSWORD, security=Security.NONE, read_timeout=2.0):
        connection = Connection(
            "127.0.0.1", server.port, security, ca_certificate=certificates.authority_pem(), read_timeout=read_timeout
        )
        return PopReader(connection, credential)

    def served(self, *scripts):
        server = ScriptedServer(*scripts)
        self.addCleanup(lambda: self.assertEqual(server.surprises, []))
        return server

    def refusal(self, script, act=None, **options):
        """The GatewayError that `act` (by default opening alone) ends in."""
        with self.served(script) as server:
            self.server = server
            self.popped = reader = self.reader(server, **options)
            with self.assertRaises(GatewayError) as caught:
                with reader:
                    if act:
                        act(reader)
            return caught.exception


class TestOpening(PopCase):
    def test_open_and_close(self):
        with self.served([*OPEN, Expect("STAT", b"+OK 3 60\r\n"), QUIT]) as server:
            connection = Connection("127.0.0.1", server.port, Security.NONE)
            with open_mailbox("pop", connection, PASSWORD) as reader:
                status = reader.status()
        self.assertEqual((status.messages, status.unread), (3, 3))
        self.assertIsNone(reader.deletions_confirmed)

    def test_without_capabilities(self):
        with self.served([GREETING, Expect("CAPA", b"-ERR what\r\n"), *LOGIN, QUIT]) as server:
            self.reader(server).open()

    def test_password_beyond_ascii(self):
        plain = base64.b64encode("\0someone\0pässwört".encode()).decode()
        for words, dialogue in (
            (b"SASL PLAIN", [Expect("^AUTH PLAIN$", b"+ \r\n"), Expect(f"^{plain}$", OK)]),
            (b"TOP", [Expect("^USER", OK), Expect("^PASS pässwört$", OK)]),
        ):
            with self.subTest(words=words), self.served([GREETING, capa(words), *dialogue, QUIT]) as server:
                with self.reader(server, Password("someone", "pässwört")):
                    self.assertEqual(len(server.lines), 3)

    def test_login_refused(self):
        for reply, permanent, field in (
            (b"-ERR [AUTH] no", True, "password"),
            (b"-ERR Invalid login", True, "password"),
            (b"-ERR [SYS/PERM] disabled", True, "user"),
            (b"-ERR [AUTH] Plaintext authentication disallowed on non-secure connections.", True, "security"),
            (b"-ERR [SYS/TEMP] later", False, ""),
            (b"-ERR [IN-USE] locked", False, ""),
            (b"-ERR [LOGIN-DELAY] wait", False, ""),
            (b"-ERR mailbox is locked", False, ""),
        ):
            with self.subTest(reply=reply):
                error = self.refusal([GREETING, capa(), Expect("USER", OK), Expect("PASS", reply + b"\r\n"), QUIT])
                self.assertEqual((error.phase, error.permanent, error.field), ("login", permanent, field))

    def test_no_second_command_in_a_credential(self):
        for credential in (Password("someone\r\nDELE 1", "hush"), Password("someone", "hush\r\nDELE 1")):
            with self.served([GREETING, capa()]) as server, self.assertRaises(ConfigurationError):
                self.reader(server, credential).open()

    def test_xoauth2(self):
        credential = XOAuth2("someone", "user=someone\1auth=Bearer " + "t" * 2000 + "\1\1")
        sent = base64.b64encode(credential.initial_response.encode()).decode()
        script = [GREETING, capa(), Expect("^AUTH XOAUTH2$", b"+ \r\n"), Expect(f"^{sent}$", OK), QUIT]
        with self.served(script) as server, self.reader(server, credential):
            self.assertEqual(len(server.lines), 3)

    def test_xoauth2_refused(self):
        challenge = base64.b64encode(b'{"status":"401"}')
        script = [GREETING, capa(), Expect("^AUTH XOAUTH2$", b"+ \r\n"), Expect(".", b"+ " + challenge + b"\r\n")]
        script += [Expect("^$", b"-ERR [AUTH] no\r\n"), QUIT]
        error = self.refusal(script, credential=XOAuth2("someone", "user=someone\1auth=Bearer token\1\1"))
        self.assertEqual((error.permanent, error.field), (True, "token"))
        self.assertIn("401", str(error))

    def test_challenges_without_end(self):
        script = [GREETING, capa(), *[Expect("", b"+ e30=\r\n")] * 50]
        self.refusal(script, credential=XOAuth2("someone", "user=someone\1auth=Bearer token\1\1"))
        self.assertLess(len(self.server.lines), 10)

    def test_greetings(self):
        for greeting in (b"-ERR busy\r\n", b"* OK imap\r\n", b"220 smtp\r\n", b"", b"\xff\x00\r\n"):
            with self.subTest(greeting=greeting):
                self.assertEqual(self.refusal([Send(greeting), Close()]).phase, "greeting")


class TestStls(PopCase):
    def test_stls(self):
        script = [GREETING, capa(b"STLS"), Expect("STLS", OK), Encrypt(certificates.server_context())]
        with self.served([*script, capa(), *LOGIN, QUIT]) as server, self.reader(server, security=Security.STARTTLS):
            self.assertEqual(server.lines[1], b"STLS")

    def test_nothing_goes_in_the_clear(self):
        wrong = certificates.server_context("mail.example.org")
        offered = [GREETING, capa(b"STLS")]
        for name, script in (
            ("not offered", [GREETING, capa()]),
            ("no capabilities", [GREETING, Expect("CAPA", b"-ERR\r\n")]),
            ("refused", [*offered, Expect("STLS", b"-ERR no\r\n")]),
            ("wrong certificate", [*offered, Expect("STLS", OK), Encrypt(wrong)]),
            ("injected", [*offered, Expect("STLS", OK + b"+OK logged in\r\n"), Hang()]),
        ):
            with self.subTest(name):
                error = self.refusal([*script, Expect("QUIT", OK)], security=Security.STARTTLS)
                self.assertEqual(error.phase, "tls")
                self.assertFalse([line for line in self.server.lines if line[:4] in (b"USER", b"PASS", b"AUTH")])

    def test_pop3s(self):
        script = [Encrypt(certificates.server_context()), *OPEN, QUIT]
        with self.served(script) as server, self.reader(server, security=Security.TLS):
            self.assertEqual(len(server.lines), 3)


class TestReading(PopCase):
    def test_waiting(self):
        with self.served([*LISTED, QUIT]) as server, self.reader(server) as reader:
            self.assertEqual(reader.waiting(2), [entry("aa", 10), entry("bb", 20)])
            self.assertEqual(len(reader.waiting()), 3)

    def test_contents_are_exact(self):
        for name, sent, content in (
            ("nothing", b"", b""),
            ("dots", b"..\r\n...a\r\n..b\r\n", b".\r\n..a\r\n.b\r\n"),
            ("8 bit", bytes(range(128, 256)) + b"\0\r\n", bytes(range(128, 256)) + b"\0\r\n"),
            ("bare line ends", b"a\nb\rc\n.\nd\r\n", b"a\nb\rc\n.\nd\r\n"),
            ("long line", b"x" * 1_000_000 + b"\r\n..y\r\n", b"x" * 1_000_000 + b"\r\n.y\r\n"),
            ("piece ends before LF", b"x" * 65535 + b"\r\n..y\r\n", b"x" * 65535 + b"\r\n.y\r\n"),
            ("piece ends before dot", b"x" * 65534 + b"\r\n..y\r\n", b"x" * 65534 + b"\r\n.y\r\n"),
            ("dot within", b"x" * 65536 + b".\r\n", b"x" * 65536 + b".\r\n"),
        ):
            with self.subTest(name), self.served([*LISTED, retr(1, sent), QUIT]) as server:
                with self.reader(server) as reader:
                    (fetched,) = reader.fetch(reader.waiting(1))
                self.assertTrue(fetched.content == content)

    def test_large_message(self):
        content = b"Subject: large\r\n\r\n" + (b"z" * 74 + b"\r\n") * 330_000
        with self.served([*LISTED, retr(1, content), QUIT]) as server, self.reader(server) as reader:
            with Stopwatch() as watch:
                (fetched,) = reader.fetch(reader.waiting(1))
        self.assertTrue(fetched.content == content)
        self.assertLess(watch.seconds, 10)  # a second at most, but this machine may be busy

    def test_vanished(self):
        with self.served([*LISTED, retr(2, b"b\r\n"), QUIT]) as server, self.reader(server) as reader:
            self.assertEqual([f.entry.uid for f in reader.fetch([entry("gone"), entry("bb")])], ["bb"])
            reader.acknowledge([entry("gone")])
        self.assertIsNone(reader.deletions_confirmed)

    def test_one_refused_message_does_not_stop_others(self):
        script = [*LISTED, retr(1, b"a\r\n"), Expect("RETR 2", b"-ERR cannot\r\n"), retr(3, b"c\r\n"), QUIT]
        with self.served(script) as server, self.reader(server) as reader:
            contents = []
            with self.assertRaises(GatewayError) as caught:
                for fetched in reader.fetch(reader.waiting()):
                    contents.append(fetched.content)
        self.assertEqual(contents, [b"a\r\n", b"c\r\n"])
        self.assertEqual((caught.exception.phase, caught.exception.permanent), ("fetch", False))

    def test_server_without_uidl(self):
        contents = {1: b"one\r\n", 2: b"two\r\n", 3: b"one\r\n"}
        names = ["sha256:" + hashlib.sha256(contents[number]).hexdigest() for number in (1, 2)]
        reads = [retr(number, content) for number, content in contents.items()]
        script = [*OPEN, LIST, Expect("UIDL", b"-ERR what\r\n"), *reads, retr(1, contents[1]), Expect("DELE 1", OK)]
        with self.served([*script, QUIT]) as server, self.reader(server) as reader:
            entries = reader.waiting()
            # the third is the first once more: it is taken in the next session
            self.assertEqual([e.uid for e in entries], names)
            self.assertEqual([f.content for f in reader.fetch(entries[:1])], [b"one\r\n"])
            reader.acknowledge(entries[:1])
        # named in an earlier session
        script = [*OPEN, LIST, Expect("UIDL", b"-ERR what\r\n"), *reads, Expect("DELE 2", OK), QUIT]
        with self.served(script) as server, self.reader(server) as reader:
            reader.acknowledge([entry(names[1])])
        self.assertTrue(reader.deletions_confirmed)

    def test_same_uidl_twice(self):
        uidl = Expect("UIDL", b"+OK\r\n1 same\r\n2 bb\r\n3 same\r\n.\r\n")
        with self.served([*OPEN, LIST, uidl, retr(1, b"one\r\n"), retr(3, b"three\r\n"), QUIT]) as server:
            with self.reader(server) as reader:
                uids = [e.uid for e in reader.waiting()]
        self.assertEqual(len(set(uids)), 3)
        self.assertNotIn("same", uids)

    def test_a_uidl_that_no_table_could_keep_stops_nobody(self):
        for name in (b"\xff\xfe", b"x" * 3000, b"a\x00b", b"\x7f"):
            with self.subTest(name=name):
                uidl = Expect("UIDL", b"+OK\r\n1 " + name + b"\r\n2 bb\r\n3 cc\r\n.\r\n")
                with self.served([*OPEN, LIST, uidl, retr(1, b"one\r\n"), QUIT]) as server:
                    with self.reader(server) as reader:
                        uids = [e.uid for e in reader.waiting()]
                self.assertEqual(uids, ["sha256:" + hashlib.sha256(b"one\r\n").hexdigest(), "bb", "cc"])

    def test_broken_connections(self):
        for name, actions in (
            ("closes in a message", [Expect("RETR", b"+OK\r\nhalf"), Close()]),
            ("hangs in a message", [Expect("RETR", b"+OK\r\nhalf"), Hang()]),
            ("hangs", [Expect("RETR"), Hang()]),
            ("drips", [Expect("RETR", b"+OK\r\n"), Drip(b"x")]),
            ("answer too long", [Expect("RETR", b"+OK" + b"x" * 100_000), Hang()]),
            ("no POP", [Expect("RETR", b"\xff\x00\r\n"), Hang()]),
        ):
            with self.subTest(name), Stopwatch() as watch:
                error = self.refusal(
                    [*LISTED, *actions], lambda reader: list(impatient(reader).fetch(reader.waiting(1)))
                )
                self.assertEqual((error.phase, error.permanent), ("fetch", False))
            self.assertLess(watch.seconds, 1.5)

    def test_odd_listings(self):
        for listing in (b"+OK\r\nx y\r\n.\r\n", b"+OK\r\n1\r\n.\r\n", b"+OK\r\n\xff 1\r\n.\r\n"):
            with self.subTest(listing=listing):
                error = self.refusal([*OPEN, Expect("LIST", listing), Hang()], lambda reader: reader.waiting())
                self.assertEqual(error.phase, "list")


class TestDeleting(PopCase):
    DELETE = (Expect("^DELE 1$", OK), Expect("^DELE 2$", OK))

    def _delete(self, reader):
        reader.acknowledge(reader.waiting(2))
        self.assertIs(reader.deletions_confirmed, False)

    def test_confirmed_by_quit(self):
        with self.served([*LISTED, *self.DELETE, QUIT]) as server:
            with self.reader(server) as reader:
                self._delete(reader)
            reader.close()
        self.assertIs(reader.deletions_confirmed, True)

    def test_what_is_deleted_is_not_waiting(self):
        with self.served([*LISTED, *self.DELETE, QUIT]) as server, self.reader(server) as reader:
            self._delete(reader)
            self.assertEqual([e.uid for e in reader.waiting()], ["cc"])

    def test_quit_fails(self):
        for name, ending in (
            ("refused", [Expect("QUIT", b"-ERR [SYS/TEMP] some deleted messages not removed\r\n")]),
            ("closes", [Expect("QUIT"), Close()]),
            ("hangs", [Expect("QUIT"), Hang()]),
            ("is not there", [Close()]),
        ):
            with self.subTest(name):
                error = self.refusal([*LISTED, *self.DELETE, *ending], self._delete, read_timeout=0.1)
                self.assertEqual((error.phase, error.permanent), ("close", False))
                self.assertIs(self.popped.deletions_confirmed, False)

    def test_connection_breaks_before_quit(self):
        def act(reader):
            self._delete(reader)
            list(reader.fetch([entry("cc")]))

        error = self.refusal([*LISTED, *self.DELETE, Expect("RETR 3"), Close()], act)
        self.assertEqual(error.phase, "fetch")
        self.assertIs(self.popped.deletions_confirmed, False)
        self.popped.close()

    def test_one_refusal_does_not_stop_others(self):
        script = [*LISTED, Expect("DELE 1", b"-ERR no\r\n"), Expect("DELE 2", OK), QUIT]
        error = self.refusal(script, lambda reader: reader.acknowledge(reader.waiting(2)))
        self.assertEqual(error.phase, "acknowledge")
        self.assertIs(self.popped.deletions_confirmed, True)

    def test_quit_that_confirms_nothing_may_fail(self):
        for ending in (Close(), Hang(), Send(b"-ERR\r\n")):
            with self.served([*OPEN, ending]) as server, self.reader(server, read_timeout=0.1) as reader:
                self.assertIsNone(reader.deletions_confirmed)
