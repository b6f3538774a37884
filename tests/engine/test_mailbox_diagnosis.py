# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import datetime

from ...engine.connection import Connection, Password, Security
from ...engine.mailbox import After, AfterKind
from ...engine.mailbox_diagnosis import diagnose_mailbox
from . import certificates
from .case import EngineCase
from .scripted_server import Close, Encrypt, Expect, Hang, ScriptedServer, Send, Stopwatch, unused_port

PASSWORD = Password("someone", "hush")
NAMES = ["name", "connect", "encryption", "login", "folder"]
IMAP_NAMES = [*NAMES, "rights", "size", "extensions"]
CAPABILITY = Expect("CAPABILITY", b"* CAPABILITY IMAP4rev1\r\n<tag> OK done\r\n")
HELLO = [Send(b"* OK ready\r\n"), CAPABILITY]
LOGIN = Expect("LOGIN", b"<tag> OK in\r\n")
SELECT = Expect("SELECT", b"* 3 EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n<tag> OK [READ-WRITE] done\r\n")
LOGOUT = Expect("LOGOUT", b"* BYE bye\r\n<tag> OK bye\r\n")
SEARCH = Expect("SEARCH", b"* SEARCH 5 9\r\n<tag> OK done\r\n")
POP_HELLO = [Send(b"+OK ready\r\n"), Expect("CAPA", b"+OK\r\nUIDL\r\nSTLS\r\n.\r\n")]


class TestMailboxDiagnosis(EngineCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        patch = certificates.without_system_authorities()
        patch.start()
        cls.addClassCleanup(patch.stop)

    def diagnose(self, *scripts, protocol="imap", security=Security.NONE, port=None, host="127.0.0.1", **options):
        ca = options.pop("ca", certificates.authority_pem())
        with ScriptedServer(*scripts) as server:
            connection = Connection(host, port or server.port, security, ca_certificate=ca, read_timeout=1.0)
            self.port = server.port
            if "other_ports" in options:
                options["other_ports"] = (server.port,)
            return diagnose_mailbox(protocol, connection, PASSWORD, patience=0.1, **options)

    def assertFails(self, diagnosis, step, field):  # noqa: N802
        self.assertFalse(diagnosis.ok)
        self.assertEqual((diagnosis.failure.name, diagnosis.failure.field), (step, field), diagnosis.steps)
        self.assertEqual([s.name for s in diagnosis.steps], NAMES[: NAMES.index(step) + 1])
        self.assertIsNone(diagnosis.status)

    def test_imap(self):
        size = Expect("UID FETCH 5 .RFC822.SIZE", b"* 1 FETCH (UID 5 RFC822.SIZE 50)\r\n<tag> OK done\r\n")
        date = Expect(
            "UID FETCH 5 .INTERNALDATE",
            b'* 1 FETCH (UID 5 INTERNALDATE "05-Nov-2025 10:20:30 +0100")\r\n<tag> OK done\r\n',
        )
        noop = Expect("NOOP", b"<tag> OK done\r\n")
        able = Expect("CAPABILITY", b"* CAPABILITY IMAP4rev1 AUTH=PLAIN MOVE\r\n<tag> OK done\r\n")
        diagnosis = self.diagnose([*HELLO, LOGIN, SELECT, SEARCH, noop, SEARCH, size, date, able, LOGOUT])
        self.assertTrue(diagnosis.ok, diagnosis.steps)
        self.assertEqual([step.name for step in diagnosis.steps], IMAP_NAMES)
        self.assertEqual(diagnosis.steps[-1].text, "IMAP4REV1, MOVE")
        self.assertEqual(diagnosis.warnings, ())
        self.assertEqual((diagnosis.status.messages, diagnosis.status.unread, diagnosis.first_size), (3, 2, 50))
        zone = datetime.timezone(datetime.timedelta(hours=1))
        self.assertEqual(diagnosis.first_date, datetime.datetime(2025, 11, 5, 10, 20, 30, tzinfo=zone))

    def test_pop(self):
        diagnosis = self.diagnose(
            [
                *POP_HELLO,
                Expect("USER", b"+OK\r\n"),
                Expect("PASS", b"+OK\r\n"),
                Expect("STAT", b"+OK 1 50\r\n"),
                Expect("LIST", b"+OK\r\n1 50\r\n.\r\n"),
                Expect("UIDL", b"+OK\r\n1 aa\r\n.\r\n"),
                Expect("QUIT", b"+OK\r\n"),
            ],
            protocol="pop",
        )
        self.assertTrue(diagnosis.ok, diagnosis.steps)
        self.assertEqual((diagnosis.status.messages, diagnosis.first_size, diagnosis.first_date), (1, 50, None))

    def test_name(self):
        self.assertFails(self.diagnose([Hang()], host="a..b"), "name", "host")
        self.assertFails(self.diagnose([Hang()], host=""), "name", "host")

    def test_port(self):
        probed = [*HELLO, Hang()]
        diagnosis = self.diagnose(probed, port=unused_port(), other_ports=True)
        self.assertFails(diagnosis, "connect", "port")
        self.assertIn(f"{self.port} (IMAP", diagnosis.failure.text)
        self.assertEqual((diagnosis.suggestion.port, diagnosis.suggestion.security), (self.port, Security.NONE))

    def test_never_suggests_less_security(self):
        diagnosis = self.diagnose([*HELLO, Hang()], port=unused_port(), other_ports=True, security=Security.TLS)
        self.assertIsNone(diagnosis.suggestion)
        diagnosis = self.diagnose([*HELLO, Hang()], security=Security.TLS)
        self.assertFails(diagnosis, "encryption", "security")
        self.assertIsNone(diagnosis.suggestion)

    def test_other_protocol(self):
        for protocol, script in (
            ("pop", HELLO),
            ("imap", POP_HELLO),
            ("imap", [Send(b"220 mx ESMTP\r\n"), Expect("EHLO", b"250 mx\r\n")]),
            ("imap", [Send(b"SSH-2.0-x\r\n")]),
        ):
            with self.subTest(protocol=protocol, script=script):
                diagnosis = self.diagnose([*script, Hang()], protocol=protocol)
                self.assertFails(diagnosis, "encryption", "port")

    def test_tls_on_a_port_for_starttls(self):
        capability = Expect("CAPABILITY", b"* CAPABILITY IMAP4rev1 STARTTLS\r\na OK done\r\n")
        for protocol, script in (("imap", [HELLO[0], capability]), ("pop", POP_HELLO)):
            with self.subTest(protocol):
                diagnosis = self.diagnose([*script, Hang()], protocol=protocol, security=Security.TLS)
                self.assertFails(diagnosis, "encryption", "security")
                self.assertEqual(diagnosis.suggestion.security, Security.STARTTLS)

    def test_starttls_on_a_port_for_tls(self):
        encrypt = Encrypt(certificates.server_context())
        for security in (Security.STARTTLS, Security.NONE):
            with self.subTest(security), Stopwatch() as watch:
                diagnosis = self.diagnose([encrypt, HELLO[0], Hang()], security=security)
                self.assertFails(diagnosis, "encryption", "security")
                self.assertEqual(diagnosis.suggestion.security, Security.TLS)
            self.assertLess(watch.seconds, 1)

    def test_certificate(self):
        other = Encrypt(certificates.server_context("mail.example.org"))
        for script, security in (
            ([other, HELLO[0], CAPABILITY, Hang()], Security.TLS),
            (
                [
                    HELLO[0],
                    Expect("CAPABILITY", b"* CAPABILITY IMAP4rev1 STARTTLS\r\n<tag> OK done\r\n"),
                    Expect("STARTTLS", b"<tag> OK go\r\n"),
                    other,
                    CAPABILITY,
                    Hang(),
                ],
                Security.STARTTLS,
            ),
        ):
            with self.subTest(security):
                diagnosis = self.diagnose(script, security=security)
                self.assertFails(diagnosis, "encryption", "host")
                self.assertIn("mail.example.org", diagnosis.failure.text)
        diagnosis = self.diagnose([Encrypt(certificates.server_context()), Hang()], security=Security.TLS, ca="")
        self.assertFails(diagnosis, "encryption", "certificate")
        diagnosis = self.diagnose([Hang()], security=Security.TLS, ca="nonsense")
        self.assertFails(diagnosis, "encryption", "certificate")

    def test_password(self):
        no = Expect("LOGIN", b"<tag> NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)\r\n")
        diagnosis = self.diagnose([*HELLO, no, LOGOUT])
        self.assertFails(diagnosis, "login", "password")
        self.assertIn("app password", diagnosis.failure.cure)
        self.assertNotIn("hush", repr(diagnosis))

    def abilities(self, *script, **options):
        """Return the steps by name of a mailbox without mail, whose server then plays ``script``."""
        nothing = Expect("SEARCH", b"* SEARCH\r\n<tag> OK done\r\n")
        diagnosis = self.diagnose([*HELLO, LOGIN, SELECT, nothing, *script], **options)
        self.assertTrue(diagnosis.ok, diagnosis.steps)
        self.assertEqual([step.name for step in diagnosis.steps], IMAP_NAMES)
        return {step.name: step for step in diagnosis.steps}

    def test_rights_that_are_missing(self):
        able = Expect("CAPABILITY", b"* CAPABILITY IMAP4rev1 ACL APPENDLIMIT=2097152\r\n<tag> OK done\r\n")
        inbox = Expect("MYRIGHTS .INBOX", b"* MYRIGHTS INBOX lrs\r\n<tag> OK done\r\n")
        done = Expect("MYRIGHTS .Done", b"* MYRIGHTS Done lr\r\n<tag> OK done\r\n")
        after = After(AfterKind.MOVE, "Done")
        steps = self.abilities(able, inbox, done, LOGOUT, after=after)
        self.assertEqual(steps["rights"].text, "INBOX: lrs. Done: lr.")
        for words in ("INBOX the account may not: mark messages as deleted, remove", "Done the account may not: put"):
            self.assertIn(words, steps["rights"].warning)
        self.assertEqual(steps["size"].text, "Messages up to 2.0 MB (2097152 bytes).")

    def test_rights_that_are_enough(self):
        able = Expect("CAPABILITY", b"* CAPABILITY IMAP4rev1 ACL APPENDLIMIT\r\n<tag> OK done\r\n")
        inbox = Expect("MYRIGHTS .INBOX", b"* MYRIGHTS INBOX lrswd\r\n<tag> OK done\r\n")
        gone = Expect("MYRIGHTS .Done", b"<tag> NO no such folder\r\n")
        limit = Expect("STATUS .INBOX. .APPENDLIMIT", b"* STATUS INBOX (APPENDLIMIT 1048576)\r\n<tag> OK done\r\n")
        steps = self.abilities(able, inbox, gone, limit, LOGOUT, after=After(AfterKind.MOVE, "Done"))
        self.assertIn("Done: not told.", steps["rights"].text)
        self.assertEqual(steps["rights"].warning, "")
        self.assertIn("(1048576 bytes)", steps["size"].text)

    def test_a_server_that_breaks_off_when_asked_is_well_all_the_same(self):
        steps = self.abilities(Expect("CAPABILITY", b"* BYE"), Close())
        self.assertIn("did not answer", steps["extensions"].text)
        self.assertTrue(steps["extensions"].warning)

    def test_a_certificate_that_expires_soon(self):
        script = [*HELLO, LOGIN, SELECT, Expect("SEARCH", b"* SEARCH\r\n<tag> OK done\r\n"), LOGOUT]
        for days, words in ((10, "expires in 9 days"), (30, "")):
            with self.subTest(days):
                encrypt = Encrypt(certificates.server_context(days=days))
                diagnosis = self.diagnose([encrypt, *script], security=Security.TLS)
                self.assertTrue(diagnosis.ok, diagnosis.steps)
                self.assertIn(words, diagnosis.steps[2].warning)
                self.assertEqual(bool(diagnosis.steps[2].warning), bool(words))
                self.assertIn("issued by Test CA", diagnosis.steps[2].text)

    def test_folder(self):
        no = Expect("SELECT", b"<tag> NO [NONEXISTENT] no such mailbox\r\n")
        diagnosis = self.diagnose([*HELLO, LOGIN, no, LOGOUT], folder="Nowhere")
        self.assertFails(diagnosis, "folder", "folder")
        self.assertTrue(diagnosis.failure.cure)
