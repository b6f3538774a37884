# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import base64
import json
import logging
from dataclasses import replace

from ...engine.connection import Connection, Password, Security, XOAuth2
from ...engine.errors import ConfigurationError, GatewayError
from ...engine.imap import ImapReader
from ...engine.mailbox import Entry, open_mailbox
from . import certificates
from .case import EngineCase
from .scripted_server import Close, Drip, Encrypt, Expect, Hang, ScriptedServer, Send, Stopwatch

GREETING = Send(b"* OK ready\r\n")
PASSWORD = Password("someone", "hush")


def capability(words=b""):
    return Expect("CAPABILITY", b"* CAPABILITY IMAP4rev1 " + words + b"\r\n<tag> OK done\r\n")


HELLO = [GREETING, capability()]
LOGIN = Expect('LOGIN "someone" "hush"$', b"<tag> OK [CAPABILITY IMAP4rev1] in\r\n")
SELECT = Expect(
    'SELECT "?INBOX"?$',
    b"* 3 EXISTS\r\n* FLAGS (\\Seen)\r\n* OK [UIDVALIDITY 7] valid\r\n<tag> OK [READ-WRITE] done\r\n",
)
LOGOUT = Expect("LOGOUT", b"* BYE bye\r\n<tag> OK bye\r\n")
OPEN = [*HELLO, LOGIN, SELECT]


def search(*uids):
    found = b" ".join(b"%d" % uid for uid in uids)
    return Expect("UID SEARCH UNSEEN UNDELETED$", b"* SEARCH " + found + b"\r\n<tag> OK done\r\n")


def body(sequence, uid, content):
    return b"* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n" % (sequence, uid, len(content), content)


def answer(*parts):
    return b"".join(parts) + b"<tag> OK done\r\n"


def entry(uid, size=10, validity="7", folder="INBOX"):
    return Entry(folder, validity, str(uid), size)


def impatient(reader):
    """From here on the server gets little time: opening had plenty, so that a slow machine changes nothing."""
    reader.connection = replace(reader.connection, read_timeout=0.05)
    reader._socket.idle = 0.05
    return reader


class ImapCase(EngineCase):
    def reader(self, server, credential=PASSWORD, security=Security.NONE, read_timeout=2.0, **options):
        connection = Connection(
            "127.0.0.1", server.port, security, ca_certificate=certificates.authority_pem(), read_timeout=read_timeout
        )
        return ImapReader(connection, credential, **options)

    def served(self, *scripts, surprises=0):
        server = ScriptedServer(*scripts)
        self.addCleanup(lambda: self.assertEqual(len(server.surprises), surprises, server.surprises))
        return server

    def refusal(self, script, act=None, **options):
        """The GatewayError that `act` (by default opening alone) ends in."""
        with self.served(script) as server:
            self.server = server
            reader = self.reader(server, **options)
            with self.assertRaises(GatewayError) as caught:
                with reader:
                    act(reader)
            return caught.exception


class TestOpening(ImapCase):
    def test_open_and_close(self):
        with self.served([*OPEN, search(1, 2), LOGOUT]) as server:
            connection = Connection("127.0.0.1", server.port, Security.NONE, read_timeout=0.5)
            with open_mailbox("imap", connection, PASSWORD, folder="INBOX") as reader:
                status = reader.status()
        self.assertEqual((status.folder, status.messages, status.unread), ("INBOX", 3, 2))

    def test_passwords(self):
        plain = base64.b64encode('\0some"one\0pässwört\\'.encode()).decode()
        for words, password, dialogue in (
            (b"", 'hu"sh\\', [Expect(r'LOGIN "some\\"one" "hu\\"sh\\\\"$')]),
            (
                b"",
                "pässwört\\",
                [
                    Expect(r'LOGIN "some\\"one" \{11\}$', b"+ go\r\n"),
                    Expect(r"^pässwört\\$"),
                ],
            ),
            (
                b"AUTH=PLAIN",
                "pässwört\\",
                [Expect("AUTHENTICATE PLAIN$", b"+ \r\n"), Expect("^" + plain.replace("+", r"\+") + "$")],
            ),
        ):
            with self.subTest(words=words, password=password):
                error = self.refusal(
                    [GREETING, capability(words), *dialogue, Close()], credential=Password('some"one', password)
                )
                self.assertEqual(len(self.server.lines), 1 + len(dialogue))
                self.assertEqual(error.phase, "login")

    def test_login_refused(self):
        for reply, permanent, field in (
            (b"[AUTHENTICATIONFAILED] Authentication failed.", True, "password"),
            (b"[AUTHENTICATIONFAILED] Invalid credentials (Failure)", True, "password"),
            (b"LOGIN failed.", True, "password"),
            (b"[EXPIRED] change it", True, "password"),
            (b"[AUTHORIZATIONFAILED] not for you", True, "user"),
            (b"[PRIVACYREQUIRED] Plaintext authentication disallowed", True, "security"),
            (b"[UNAVAILABLE] Temporary authentication failure", False, ""),
            (b"Server Unavailable. 15", False, ""),
            (b"[LIMIT] too many", False, ""),
        ):
            with self.subTest(reply=reply):
                error = self.refusal([*HELLO, Expect("LOGIN", b"<tag> NO " + reply + b"\r\n"), LOGOUT])
                self.assertEqual((error.phase, error.permanent, error.field), ("login", permanent, field))
                self.assertNotIn("hush", f"{error} {error.detail}")

    def test_google_wants_an_app_password(self):
        reply = b"<tag> NO [ALERT] Application-specific password required: https://example.org (Failure)\r\n"
        self.assertIn("app password", str(self.refusal([*HELLO, Expect("LOGIN", reply)])))

    def test_no_second_command_in_a_credential(self):
        for credential in (
            Password("someone\r\na LOGOUT", "hush"),
            Password("someone", "hush\n"),
            Password("someone", "\0"),
            Password("", "hush"),
            XOAuth2("someone", ""),
        ):
            with self.subTest(credential=credential), self.served(HELLO) as server:
                with self.assertRaises(ConfigurationError):
                    self.reader(server, credential).open()
                self.assertEqual(len(server.lines), 1)

    def test_login_disabled(self):
        error = self.refusal([GREETING, capability(b"LOGINDISABLED")])
        self.assertEqual((error.permanent, error.field), (True, "security"))
        self.assertEqual(len(self.server.lines), 1)

    def test_xoauth2(self):
        credential = XOAuth2("someone", "user=someone\1auth=Bearer " + "t" * 3000 + "\1\1")
        sent = base64.b64encode(credential.initial_response.encode()).decode()
        with (
            self.served([*HELLO, Expect("AUTHENTICATE XOAUTH2$", b"+ \r\n"), Expect(f"^{sent}$"), Close()]) as server,
            self.assertRaises(GatewayError),
        ):
            self.reader(server, credential).open()

    def test_xoauth2_refused(self):
        challenge = base64.b64encode(json.dumps({"status": "400", "schemes": "Bearer"}).encode())
        error = self.refusal(
            [
                *HELLO,
                Expect("AUTHENTICATE XOAUTH2$", b"+ \r\n"),
                Expect(".", b"+ " + challenge + b"\r\n"),
                Expect("^$", b"<previous> NO AUTHENTICATE failed.\r\n"),
                LOGOUT,
            ],
            credential=XOAuth2("someone", "user=someone\1auth=Bearer token\1\1"),
        )
        self.assertEqual((error.permanent, error.field), (True, "token"))
        self.assertIn("400", str(error))
        self.assertIn('"schemes": "Bearer"', error.detail)
        self.assertNotIn("token", error.detail)

    def test_challenges_without_end(self):
        script = [*HELLO, Expect("AUTHENTICATE", b"+ \r\n"), *[Expect(".*", b"+ e30=\r\n")] * 50]
        with Stopwatch() as watch:
            self.refusal(script, credential=XOAuth2("someone", "user=someone\1auth=Bearer token\1\1"))
        self.assertLess(watch.seconds, 2)

    def test_greetings(self):
        for greeting in (
            b"* BYE [UNAVAILABLE] go away\r\n",
            b"* PREAUTH welcome\r\n",
            b"220 mx ESMTP\r\n",
            b"+OK ready\r\n",
            b"\xff\xfe\x00\r\n",
            b"",
        ):
            with self.subTest(greeting=greeting):
                error = self.refusal([Send(greeting), capability(), Close()], read_timeout=0.1)
                self.assertEqual(error.phase, "greeting")

    def test_folders(self):
        for reply, permanent in (
            (b"NO [NONEXISTENT] none", True),
            (b"NO no such", True),
            (b"NO [UNAVAILABLE] try later", False),
            (b"NO [INUSE] locked", False),
        ):
            with self.subTest(reply=reply):
                error = self.refusal(
                    [*HELLO, LOGIN, Expect('SELECT "B&APw-ro/Post"$', b"<tag> " + reply + b"\r\n"), LOGOUT],
                    folder="Büro/Post",
                )
                self.assertEqual((error.phase, error.permanent, error.field), ("folder", permanent, "folder"))

    def test_folder_for_reading_only(self):
        reply = b"* 0 EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n<tag> OK [READ-ONLY] done\r\n"
        error = self.refusal([*HELLO, LOGIN, Expect("SELECT", reply)])
        self.assertEqual((error.code, error.permanent, error.field), ("READ-ONLY", True, "folder"))

    def test_folder_without_lasting_numbers(self):
        error = self.refusal([*HELLO, LOGIN, Expect("SELECT", b"* 0 EXISTS\r\n<tag> OK [READ-WRITE] done\r\n"), LOGOUT])
        self.assertEqual(error.phase, "folder")

    def test_folder_with_control_characters(self):
        with self.served([*HELLO, LOGIN]) as server, self.assertRaises(ConfigurationError):
            self.reader(server, folder="INBOX\r\na DELETE INBOX").open()


class TestStartTls(ImapCase):
    def test_starttls(self):
        script = [
            GREETING,
            capability(b"STARTTLS LOGINDISABLED"),
            Expect("STARTTLS$", b"<tag> OK go\r\n"),
            Encrypt(certificates.server_context()),
            capability(),
            LOGIN,
            SELECT,
            LOGOUT,
        ]
        with self.served(script) as server, self.reader(server, security=Security.STARTTLS):
            self.assertIn(b"STARTTLS", server.lines[1])

    def test_nothing_goes_in_the_clear(self):
        wrong = certificates.server_context("mail.example.org")
        for name, script in (
            ("not offered", [GREETING, capability()]),
            ("refused", [GREETING, capability(b"STARTTLS"), Expect("STARTTLS", b"<tag> NO no\r\n")]),
            ("bad", [GREETING, capability(b"STARTTLS"), Expect("STARTTLS", b"<tag> BAD what\r\n")]),
            ("preauth", [Send(b"* PREAUTH hello\r\n"), capability(b"STARTTLS")]),
            (
                "wrong certificate",
                [GREETING, capability(b"STARTTLS"), Expect("STARTTLS", b"<tag> OK go\r\n"), Encrypt(wrong)],
            ),
            (
                "injected",
                [
                    GREETING,
                    capability(b"STARTTLS"),
                    Expect("STARTTLS", b"<tag> OK go\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n"),
                    Hang(),
                ],
            ),
        ):
            with self.subTest(name):
                error = self.refusal([*script, Expect("LOGOUT", b"")], security=Security.STARTTLS)
                self.assertIn(error.phase, ("tls", "greeting"))
                self.assertFalse([line for line in self.server.lines if b"LOGIN" in line or b"AUTH" in line])

    def test_wrong_certificate(self):
        error = self.refusal([Encrypt(certificates.server_context("mail.example.org"))], security=Security.TLS)
        self.assertEqual((error.phase, error.field, error.permanent), ("tls", "host", True))


class TestReading(ImapCase):
    def test_waiting(self):
        sizes = b"* 1 FETCH (UID 4 RFC822.SIZE 40)\r\n* 2 FETCH (UID 9 RFC822.SIZE 90)\r\n* 9 FETCH (FLAGS ())\r\n"
        script = [*OPEN, search(30, 9, 4, 12), Expect("UID FETCH 4,9,12 .RFC822.SIZE.$", answer(sizes)), LOGOUT]
        with self.served(script) as server, self.reader(server) as reader:
            # 12 vanished between the two commands
            self.assertEqual(reader.waiting(3), [entry(4, 40), entry(9, 90)])

    def test_nothing_waiting(self):
        for found in (b"* SEARCH\r\n", b""):
            script = [*OPEN, Expect("UID SEARCH", found + b"<tag> OK done\r\n"), LOGOUT]
            with self.subTest(found=found), self.served(script) as server, self.reader(server) as reader:
                self.assertEqual(reader.waiting(), [])

    def test_search_over_many(self):
        uids = range(1, 200_001)
        with self.served([*OPEN, search(*uids), LOGOUT]) as server, self.reader(server) as reader:
            self.assertEqual(reader.status().unread, 200_000)

    def test_second_question_sees_what_is_new(self):
        script = [*OPEN, search(), Expect("NOOP", b"* 4 EXISTS\r\n<tag> OK done\r\n"), search(), LOGOUT]
        with self.served(script) as server, self.reader(server) as reader:
            reader.waiting()
            reader.waiting()

    def test_contents_are_exact(self):
        contents = {
            1: b"",
            2: bytes(range(256)) * 3,
            3: b"Subject: line\r\n\r\n" + b"x" * 1_000_000 + b"\r\n",
            4: b"bare\nline\rends\r\n)\r\n* 5 FETCH (UID 5 BODY[] {3}\r\nabc)\r\nA1 OK done\r\n",
        }
        reply = answer(*(body(uid, uid, content) for uid, content in contents.items()))
        script = [*OPEN, Expect(r"UID FETCH 1,2,3,4 .BODY\.PEEK\[\]\)$", reply), LOGOUT]
        with self.served(script) as server, self.reader(server) as reader:
            fetched = {int(f.entry.uid): f.content for f in reader.fetch([entry(uid) for uid in contents])}
        self.assertEqual(fetched, contents)

    def test_quoted_contents(self):
        reply = answer(b'* 1 FETCH (BODY[] "12" UID 1)\r\n* 2 FETCH (UID 2 BODY[] "")\r\n')
        with self.served([*OPEN, Expect("FETCH", reply), LOGOUT]) as server, self.reader(server) as reader:
            self.assertEqual([f.content for f in reader.fetch([entry(1), entry(2)])], [b"12", b""])

    def test_large_message(self):
        content = b"Subject: large\r\n\r\n" + b"z" * 25_000_000
        size = len(content)
        with self.served([*OPEN, Expect("FETCH", answer(body(1, 1, content))), LOGOUT]) as server:
            with self.reader(server) as reader, Stopwatch() as watch:
                (fetched,) = reader.fetch([entry(1, size)])
        self.assertTrue(fetched.content == content)
        self.assertLess(watch.seconds, 10)  # a second at most, but this machine may be busy

    def test_batches(self):
        megabyte = 1024 * 1024
        for sizes, commands in (
            ([10] * 60, [25, 25, 10]),
            ([3 * megabyte] * 4, [2, 2]),
            ([10, 20 * megabyte, 10], [1, 1, 1]),
            ([], []),
        ):
            entries = [entry(uid + 1, size) for uid, size in enumerate(sizes)]
            script = [*OPEN, *[Expect("UID FETCH", answer())] * len(commands), LOGOUT]
            with self.subTest(sizes=sizes), self.served(script) as server:
                with self.reader(server) as reader:
                    self.assertEqual(list(reader.fetch(entries)), [])
                fetches = [line for line in server.lines if b"UID FETCH" in line]
                self.assertEqual([line.split()[3].count(b",") + 1 for line in fetches], commands)

    def test_what_is_no_message(self):
        for name, reply in (
            ("vanished", answer()),
            ("only flags", answer(b"* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n")),
            ("flags without UID", answer(b"* 1 FETCH (FLAGS (\\Seen))\r\n")),
            ("nil", answer(b"* 1 FETCH (UID 1 BODY[] NIL)\r\n")),
            ("of another", answer(body(1, 8, b"not asked for"))),
        ):
            with self.subTest(name), self.served([*OPEN, Expect("FETCH", reply), LOGOUT]) as server:
                with self.reader(server) as reader:
                    self.assertEqual(list(reader.fetch([entry(1)])), [])

    def test_vanished_among_others(self):
        script = [*OPEN, Expect("FETCH", answer(body(1, 1, b"a"), b"* 2 EXPUNGE\r\n", body(2, 3, b"c"))), LOGOUT]
        with self.served(script) as server, self.reader(server) as reader:
            self.assertEqual([f.content for f in reader.fetch([entry(1), entry(2), entry(3)])], [b"a", b"c"])

    def test_fetch_refused(self):
        for status in (b"NO [UNAVAILABLE] disk", b"NO failed", b"BAD what"):
            with self.subTest(status=status):
                error = self.refusal(
                    [*OPEN, Expect("FETCH", b"<tag> " + status + b"\r\n"), LOGOUT],
                    lambda reader: list(reader.fetch([entry(1)])),
                )
                self.assertEqual((error.phase, error.permanent), ("fetch", False))
                self.assertFalse([line for line in self.server.lines if b"STORE" in line])

    def test_one_refused_message_does_not_stop_others(self):
        no = Expect("FETCH", b"<tag> NO [SERVERBUG] cannot read\r\n")
        script = [
            *OPEN,
            no,
            Expect("UID FETCH 1 ", answer(body(1, 1, b"a"))),
            Expect("UID FETCH 2 ", no.answer),
            Expect("UID FETCH 3 ", answer(body(3, 3, b"c"))),
            LOGOUT,
        ]
        with self.served(script) as server, self.reader(server) as reader:
            contents = []
            with self.assertRaises(GatewayError) as caught:
                for fetched in reader.fetch([entry(1), entry(2), entry(3)]):
                    contents.append(fetched.content)
        self.assertEqual(contents, [b"a", b"c"])
        self.assertEqual(caught.exception.code, "SERVERBUG")

    def test_ill_server_is_left_alone(self):
        no = Expect("FETCH", b"<tag> NO [UNAVAILABLE] ill\r\n")
        last = Expect("UID FETCH 25 ", no.answer)
        self.refusal([*OPEN, no, no, no, no, last, LOGOUT], lambda r: list(r.fetch([entry(n) for n in range(1, 26)])))

    def test_refused_messages_at_the_head_do_not_hold_up_the_rest(self):
        no = Expect("FETCH", b"<tag> NO [SERVERBUG] cannot read\r\n")
        script = [
            *OPEN,
            *(no, no, no, no),
            Expect("UID FETCH 5 ", answer(body(5, 5, b"e"))),
            Expect("UID FETCH 4 ", answer(body(4, 4, b"d"))),
            LOGOUT,
        ]
        with self.served(script) as server, self.reader(server) as reader:
            contents = []
            with self.assertRaises(GatewayError):
                for fetched in reader.fetch([entry(number) for number in range(1, 6)]):
                    contents.append(fetched.content)
        self.assertEqual(contents, [b"e", b"d"])

    def test_broken_connections(self):
        literal = b"* 1 FETCH (UID 1 BODY[] {1000}\r\nhalf of"
        for name, actions in (
            ("closes in a message", [Expect("FETCH", literal), Close()]),
            ("hangs in a message", [Expect("FETCH", literal), Hang()]),
            ("hangs", [Expect("FETCH"), Hang()]),
            ("closes", [Expect("FETCH"), Close()]),
            ("drips", [Expect("FETCH", literal), Drip(b"x")]),
            ("talks without end", [Expect("FETCH"), Drip(b"* OK still here\r\n")]),
            ("says goodbye", [Expect("FETCH", b"* BYE [UNAVAILABLE] shutting down\r\n"), Close()]),
            ("line too long", [Expect("FETCH", b"* " + b"x" * (17 * 1024 * 1024)), Hang()]),
            ("literal too long", [Expect("FETCH", b"* 1 FETCH (UID 1 BODY[] {99999999999}\r\n"), Hang()]),
            ("foreign tag", [Expect("FETCH", b"ZZZZ9 OK done\r\n"), Hang()]),
            ("no IMAP", [Expect("FETCH", b"\xff\x00 nonsense\r\n"), Hang()]),
            ("odd list", [Expect("FETCH", answer(b"* 1 FETCH (UID)\r\n")), Hang()]),
            ("no number", [Expect("FETCH", answer(b"* 1 FETCH (UID x BODY[] NIL)\r\n")), Hang()]),
            ("number for a message", [Expect("FETCH", answer(b"* 1 FETCH (UID 1 BODY[] 12)\r\n")), Hang()]),
            ("deeply nested", [Expect("FETCH", answer(b"* 1 FETCH " + b"(" * 100_000 + b"\r\n")), Hang()]),
            ("unclosed", [Expect("FETCH", answer(b'* 1 FETCH (UID 1 BODY[] "abc\r\n')), Hang()]),
        ):
            with self.subTest(name), Stopwatch() as watch:
                error = self.refusal([*OPEN, *actions], lambda r: list(impatient(r).fetch([entry(1)])))
                self.assertEqual((error.phase, error.permanent), ("fetch", False))
            self.assertLess(watch.seconds, 1.5)

    def test_hangs_elsewhere(self):
        for length in range(len(OPEN) + 1):
            script = [*OPEN[:length], *([] if length == 0 or length > 3 else [Expect(".")]), Hang()]
            with self.subTest(length=length), Stopwatch() as watch:
                error = self.refusal(script, lambda reader: reader.status(), read_timeout=0.06)
                self.assertFalse(error.permanent)
            self.assertLess(watch.seconds, 1)

    def test_acknowledge(self):
        done = Expect(r"UID STORE \S+ \+FLAGS\.SILENT \(\\Seen\)$", b"<tag> OK done\r\n")
        with self.served([*OPEN, done, done, done, LOGOUT]) as server:
            with self.reader(server) as reader:
                reader.acknowledge([entry(uid) for uid in range(1, 251)])
                reader.acknowledge([])
            stores = [line.split()[3] for line in server.lines if b"STORE" in line]
        self.assertEqual([store.count(b",") + 1 for store in stores], [100, 100, 50])

    def test_acknowledge_refused(self):
        error = self.refusal(
            [*OPEN, Expect("STORE", b"<tag> NO [NOPERM] not yours\r\n"), LOGOUT], lambda r: r.acknowledge([entry(1)])
        )
        self.assertEqual((error.phase, error.permanent), ("acknowledge", True))

    def test_renumbered_mailbox(self):
        for act in (
            lambda reader, entries: reader.acknowledge(entries),
            lambda reader, entries: list(reader.fetch(entries)),
        ):
            for other in (entry(2, validity="6"), entry(2, folder="Other")):
                with self.subTest(other=other):
                    error = self.refusal([*OPEN, LOGOUT], lambda r: act(r, [entry(1), other]))  # noqa: B023
                    self.assertEqual((error.code, error.permanent), ("UIDVALIDITY", False))

    def test_renumbered_while_open(self):
        script = [*OPEN, Expect("SEARCH", b"* OK [UIDVALIDITY 8] new\r\n* SEARCH 1\r\n<tag> OK done\r\n")]
        script.append(Expect("FETCH", answer(b"* 1 FETCH (UID 1 RFC822.SIZE 5)\r\n")))

        def act(reader):
            reader.acknowledge(reader.waiting())

        self.assertEqual(self.refusal([*script, LOGOUT], act).code, "UIDVALIDITY")

    def test_closing_never_fails(self):
        for ending in (Hang(), Close(), Send(b"* BYE\r\n"), Send(b"nonsense\r\n")):
            with self.subTest(ending=ending), self.served([*OPEN, ending]) as server:
                reader = self.reader(server)
                reader.open()
                impatient(reader).close()
                reader.close()
                with self.assertRaises(GatewayError):
                    reader.status()

    def test_nothing_is_logged(self):
        with self.assertLogs(level=logging.DEBUG) as logs:
            logging.getLogger("engine.test").debug("something must be logged for assertLogs")
            script = [*OPEN, Expect("FETCH", answer(body(1, 1, b"private"))), LOGOUT]
            with self.served(script) as server, self.reader(server) as reader:
                list(reader.fetch([entry(1)]))
        for secret in ("hush", "someone", "127.0.0.1", "private"):
            self.assertNotIn(secret, "\n".join(logs.output))
