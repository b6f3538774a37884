# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import base64
import binascii
import random
import re
from urllib.parse import quote

from ...engine.transcript import Recorder
from ...engine.transcript_secret import Secrets
from .case import EngineCase

PASSWORD = 'pla"nted p\\ss wörd'
TOKEN = "ya29.planted-token_0123456789-" + "x" * 900
CONTENT = "Dear Mr. Secretary, the planted content of it."


def encodings(secret):
    """What a secret may look like; of base64 the part that is the same whatever stands around it."""
    raw = secret.encode()
    forms = {secret, quote(secret), raw.hex(), binascii.hexlify(raw, " ").decode(), binascii.hexlify(raw, ":").decode()}
    for before in range(3):
        text = base64.b64encode(b"\0" * before + raw).decode()
        forms.add(text[4 if before else 0 : len(text) - 4])
    return {form.lower() for form in forms}


def b64(text):
    return base64.b64encode(text.encode())


def record(protocol, *dialogue, **options):
    """Return the lines of a transcript, without times. Sent is what begins with ">", received with "<"."""
    kept = []
    recorder = Recorder(protocol, kept.append, 60, **options)
    conversation = recorder.begin()
    pieces = options.get("pieces")
    for direction, data in dialogue:
        tell = conversation.sent if direction == ">" else conversation.received
        size = pieces() if pieces else len(data) or 1
        for start in range(0, len(data), size):
            tell(data[start : start + size])
    conversation.close()
    return [line[10:] for line in kept[0].text.split("\n")[:-1]]


SMTP_LOGIN = [
    ("<", b"220 mx.example.com ESMTP\r\n"),
    (">", b"ehlo odoo.example.com\r\n"),
    ("<", b"250-mx.example.com\r\n250-PIPELINING\r\n250 AUTH PLAIN LOGIN\r\n"),
]
SMTP_LOGIN_SHOWN = [
    "< 220 mx.example.com ESMTP",
    "> ehlo odoo.example.com",
    "< 250-mx.example.com",
    "< 250-PIPELINING",
    "< 250 AUTH PLAIN LOGIN",
]

DIALOGUES = {
    "smtp, AUTH PLAIN with an initial response": (
        "smtp",
        [
            *SMTP_LOGIN,
            (">", b"AUTH PLAIN " + b64(f"\0ann@example.com\0{PASSWORD}") + b"\r\n"),
            ("<", b"235 2.7.0 in\r\n"),
        ],
        [*SMTP_LOGIN_SHOWN, "> AUTH PLAIN [secret]", "< 235 2.7.0 in"],
    ),
    "smtp, AUTH LOGIN": (
        "smtp",
        [
            *SMTP_LOGIN,
            (">", b"auth login\r\n"),
            ("<", b"334 VXNlcm5hbWU6\r\n"),
            (">", b64("ann@example.com") + b"\r\n"),
            ("<", b"334 UGFzc3dvcmQ6\r\n"),
            (">", b64(PASSWORD) + b"\r\n"),
            ("<", b"235 in\r\n"),
            (">", b"NOOP\r\n"),
            ("<", b"250 ok\r\n"),
        ],
        [
            *SMTP_LOGIN_SHOWN,
            "> AUTH LOGIN",
            "< 334 [challenge]",
            "> [secret]",
            "< 334 [challenge]",
            "> [secret]",
            "< 235 in",
            "> NOOP",
            "< 250 ok",
        ],
    ),
    "smtp, CRAM-MD5, given up": (
        "smtp",
        [
            *SMTP_LOGIN,
            (">", b"AUTH CRAM-MD5\r\n"),
            ("<", b"334 PDEyMzQ1Njc4OTBAbXguZXhhbXBsZS5jb20+\r\n"),
            (">", b64("ann 8b8a2b0a9a4b7b0a9c9d0e0f0a0b0c0d") + b"\r\n"),
            ("<", b"334 \r\n"),
            (">", b"*\r\n"),
            ("<", b"501 given up\r\n"),
            (">", b"QUIT\r\n"),
        ],
        [
            *SMTP_LOGIN_SHOWN,
            "> AUTH CRAM-MD5",
            "< 334 [challenge]",
            "> [secret]",
            "< 334",
            "> *",
            "< 501 given up",
            "> QUIT",
        ],
    ),
    "smtp, XOAUTH2 refused, and the server repeats the token": (
        "smtp",
        [
            *SMTP_LOGIN,
            (">", b"AUTH XOAUTH2 " + b64(f"user=ann@example.com\1auth=Bearer {TOKEN}\1\1") + b"\r\n"),
            ("<", b"334 " + b64('{"status":"400"}') + b"\r\n"),
            (">", b"\r\n"),
            ("<", b"535 5.7.8 bad " + TOKEN.encode() + b" and " + b64(TOKEN) + b"\r\n"),
        ],
        [
            *SMTP_LOGIN_SHOWN,
            "> AUTH XOAUTH2 [secret]",
            "< 334 [challenge]",
            "> [secret]",
            "< 535 5.7.8 bad [secret] and [secret]",
        ],
    ),
    "smtp, answers that a hostile server puts into one packet do not open anything": (
        "smtp",
        [
            *SMTP_LOGIN,
            (">", b"AUTH LOGIN\r\n"),
            ("<", b"334 VXNlcm5hbWU6\r\n250 ok\r\n235 in\r\n"),
            (">", b64("ann") + b"\r\n"),
            ("<", b"235 in\r\n"),
            # The client did not see that one as an answer.
            (">", b64(PASSWORD) + b"\r\n"),
        ],
        [
            *SMTP_LOGIN_SHOWN,
            "> AUTH LOGIN",
            "< 334 [challenge]",
            "< 250 ok",
            "< 235 in",
            "> [secret]",
            "< 235 in",
            f"> [{len(b64(PASSWORD))} bytes]",
        ],
    ),
    "smtp, a message, pipelined": (
        "smtp",
        [
            *SMTP_LOGIN,
            (
                ">",
                b"MAIL FROM:<ann@example.com> SIZE=100 AUTH=<bob@example.com>\r\n"
                b"RCPT TO:<Bob+x@example.org> NOTIFY=NEVER ORCPT=rfc822;bob@example.org\r\n"
                b"RCPT TO:<r\xc3\xb6b@example.org>\r\nDATA\r\n",
            ),
            ("<", b"250 ok\r\n250 ok\r\n550 5.1.1 <r\xc3\xb6b@example.org>: no such user\r\n354 go on\r\n"),
            (">", f"Subject: planted\r\n\r\n{CONTENT}\r\n..\r\n.x\r\nEHLO me\r\n.\r\n".encode()),
            ("<", b"250 2.0.0 queued as 4bXyZ\r\n"),
            (">", b"MAIL FROM:<>\r\n"),
            ("<", b"250 ok\r\n"),
        ],
        [
            *SMTP_LOGIN_SHOWN,
            "> MAIL FROM:<***@example.com> SIZE=100 [parameter]",
            "> RCPT TO:<***@example.org> NOTIFY=NEVER [parameter]",
            "> RCPT TO:<***@example.org>",
            "> DATA",
            "< 250 ok",
            "< 250 ok",
            "< 550 5.1.1 <***@example.org>: no such user",
            "< 354 go on",
            "> [6 lines, 85 bytes]",
            "< 250 2.0.0 queued as 4bXyZ",
            "> MAIL FROM:<>",
            "< 250 ok",
        ],
    ),
    "smtp, an empty message and BDAT": (
        "smtp",
        [
            (">", b"DATA\r\n"),
            ("<", b"354 go\r\n"),
            (">", b".\r\n"),
            ("<", b"250 ok\r\n"),
            (">", b"BDAT 9 LAST\r\nplanted\r\nQUIT\r\n"),
            ("<", b"250 ok\r\n221 bye\r\n"),
        ],
        [
            "> DATA",
            "< 354 go",
            "> [0 lines, 0 bytes]",
            "< 250 ok",
            "> BDAT 9 LAST",
            "> [9 bytes]",
            "> QUIT",
            "< 250 ok",
            "< 221 bye",
        ],
    ),
    "smtp, what is not known is counted": (
        "smtp",
        [
            (">", b"XPASS planted\r\n"),
            ("<", b"planted\r\n"),
            (">", b"QUIT planted\r\n"),
            (">", b"EHLO pla nted\r\n"),
            (">", b"AUTH pla.nted PLAIN\r\n"),
        ],
        ["> [13 bytes]", "< [7 bytes]", "> [12 bytes]", "> [13 bytes]", "> AUTH [secret]"],
    ),
    "imap, LOGIN": (
        "imap",
        [
            ("<", b"* OK [CAPABILITY IMAP4rev1] ready\r\n"),
            (">", rb'AB1 LOGIN "ann@example.com" "pla\"nted p\\ss w' + "ö".encode() + b'rd"\r\n'),
            ("<", b'AB1 NO [AUTHENTICATIONFAILED] not with pla"nted p\\ss w\xc3\xb6rd\r\n'),
            (">", b"AB2 LOGOUT\r\n"),
            ("<", b"* BYE bye\r\nAB2 OK done\r\n"),
        ],
        [
            "< * OK [CAPABILITY IMAP4rev1] ready",
            "> AB1 LOGIN [secret]",
            "< AB1 NO [AUTHENTICATIONFAILED] not with [secret]",
            "> AB2 LOGOUT",
            "< * BYE bye",
            "< AB2 OK done",
        ],
    ),
    "imap, LOGIN with literals": (
        "imap",
        [
            (">", b"A1 LOGIN {3}\r\n"),
            ("<", b"+ go on\r\n"),
            (">", b"ann {%d+}\r\n" % len(PASSWORD.encode())),
            (">", PASSWORD.encode() + b"\r\n"),
            ("<", b"A1 OK hello " + PASSWORD.encode() + b"\r\n"),
            (">", b"A2 NOOP\r\n"),
        ],
        [
            "> A1 LOGIN [secret]",
            "< + go on",
            "> [secret]",
            "> [secret]",
            "> [secret]",
            "< A1 OK hello [secret]",
            "> A2 NOOP",
        ],
    ),
    "imap, a literal that the server does not want": (
        "imap",
        [
            (">", b"A1 LOGIN ann {7}\r\n"),
            ("<", b"A1 NO no\r\n"),
            (">", b"A2 LOGOUT\r\n"),
        ],
        ["> A1 LOGIN [secret]", "< A1 NO no", "> A2 LOGOUT"],
    ),
    "imap, AUTHENTICATE": (
        "imap",
        [
            (">", b"A1 AUTHENTICATE PLAIN\r\n"),
            ("<", b"+ \r\n"),
            (">", b64(f"\0ann\0{PASSWORD}")),
            (">", b"\r\n"),
            ("<", b"* CAPABILITY IMAP4rev1\r\nA1 OK in\r\n"),
            (">", b"A2 AUTHENTICATE XOAUTH2 " + b64(f"user=ann\1auth=Bearer {TOKEN}\1\1") + b"\r\n"),
            ("<", b"+ " + b64('{"status":"400"}') + b"\r\n"),
            (">", b"\r\n"),
            ("<", b"A2 NO no\r\n"),
        ],
        [
            "> A1 AUTHENTICATE PLAIN",
            "< +",
            "> [secret]",
            "< * CAPABILITY IMAP4rev1",
            "< A1 OK in",
            "> A2 AUTHENTICATE XOAUTH2 [secret]",
            "< + [challenge]",
            "> [secret]",
            "< A2 NO no",
        ],
    ),
    "imap, OAUTHBEARER with an initial response": (
        "imap",
        [
            (">", b"A1 AUTHENTICATE OAUTHBEARER " + b64(f"n,a=ann,\1host=h\1auth=Bearer {TOKEN}\1\1") + b"\r\n"),
            ("<", b"+ " + b64('{"status":"invalid_token"}') + b"\r\n"),
            (">", b"AQ==\r\n"),
            ("<", b"A1 NO " + TOKEN.encode() + b"\r\n"),
        ],
        ["> A1 AUTHENTICATE OAUTHBEARER [secret]", "< + [challenge]", "> [secret]", "< A1 NO [secret]"],
    ),
    "imap, messages": (
        "imap",
        [
            (">", b"A1 SELECT INBOX\r\n"),
            ("<", b"* 3 EXISTS\r\n* FLAGS (\\Seen)\r\n* OK [UIDVALIDITY 7] valid\r\nA1 OK [READ-WRITE] done\r\n"),
            (">", b"A2 UID SEARCH UNSEEN SINCE 1-Jan-2026 HEADER Message-ID planted@example.com\r\n"),
            ("<", b"* SEARCH 1 2 3\r\nA2 OK done\r\n"),
            (">", b'A3 UID SEARCH OR FROM "planted" SUBJECT {7}\r\n'),
            ("<", b"+ ok\r\n"),
            (">", b"planted\r\n"),
            ("<", b"* SEARCH\r\nA3 OK done\r\n"),
            (">", b"A4 UID FETCH 1:2 (UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)] BODY.PEEK[])\r\n"),
            (
                "<",
                b'* 1 FETCH (UID 1 FLAGS (\\Seen $Forwarded) RFC822.SIZE 50 INTERNALDATE " 1-Jan-2026 10:00:00 +0000"'
                b" BODY[] {%d}\r\n%s)\r\n" % (len(CONTENT) + 20, b"A4 OK planted\r\nx: y\r\n" + CONTENT.encode()[1:]),
            ),
            ("<", b'* 2 FETCH (UID 2 BODY[] "planted content" ENVELOPE ("date" "planted" NIL))\r\nA4 OK done\r\n'),
            (">", b"A5 UID STORE 1:2 +FLAGS.SILENT (\\Seen)\r\n"),
            ("<", b"A5 OK done\r\n"),
            ("<", b"* 4 EXISTS planted\r\nplanted\r\nA5 planted\r\n* PLANTED planted\r\n"),
        ],
        [
            "> A1 SELECT INBOX",
            "< * 3 EXISTS",
            "< * FLAGS (\\Seen)",
            "< * OK [UIDVALIDITY 7] valid",
            "< A1 OK [READ-WRITE] done",
            "> A2 UID SEARCH UNSEEN SINCE 1-Jan-2026 HEADER Message-ID [19 bytes]",
            "< * SEARCH 1 2 3",
            "< A2 OK done",
            "> A3 UID SEARCH OR FROM [9 bytes] SUBJECT {7}",
            "< + ok",
            "> [7 bytes]",
            "< * SEARCH",
            "< A3 OK done",
            "> A4 UID FETCH 1:2 (UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)] BODY.PEEK[])",
            '< * 1 FETCH (UID 1 FLAGS (\\Seen $Forwarded) RFC822.SIZE 50 INTERNALDATE " 1-Jan-2026 10:00:00 +0000"'
            " BODY[] {66}",
            "< [66 bytes]",
            "< )",
            "< * 2 FETCH (UID 2 BODY[] [17 bytes] ENVELOPE ([6 bytes] [9 bytes] NIL))",
            "< A4 OK done",
            "> A5 UID STORE 1:2 +FLAGS.SILENT (\\Seen)",
            "< A5 OK done",
            "< * [16 bytes]",
            "< [7 bytes]",
            "< [10 bytes]",
            "< * [15 bytes]",
        ],
    ),
    "imap, APPEND and IDLE": (
        "imap",
        [
            (">", b"A1 APPEND Sent (\\Seen) {7}\r\n"),
            ("<", b"+ go\r\n"),
            (">", b"planted\r\n"),
            ("<", b"A1 OK done\r\n"),
            (">", b"A2 IDLE\r\n"),
            ("<", b"+ idling\r\n"),
            (">", b"DONE\r\n"),
            (">", b"DONE\r\n"),
        ],
        [
            "> A1 APPEND Sent (\\Seen) {7}",
            "< + go",
            "> [7 bytes]",
            "< A1 OK done",
            "> A2 IDLE",
            "< + idling",
            "> DONE",
            "> [4 bytes]",
        ],
    ),
    "pop": (
        "pop",
        [
            ("<", b"+OK ready <1896.697170952@dbc.mtview.ca.us>\r\n"),
            (">", b"CAPA\r\n"),
            ("<", b"+OK\r\nUIDL\r\nSASL PLAIN\r\n.\r\n"),
            (">", b"USER ann\r\n"),
            ("<", b"+OK\r\n"),
            (">", b"PASS " + PASSWORD.encode() + b"\r\n"),
            ("<", b"-ERR [AUTH] wrong: " + PASSWORD.encode() + b"\r\n"),
            (">", b"AUTH PLAIN\r\n"),
            ("<", b"+ \r\n"),
            (">", b64(f"\0ann\0{PASSWORD}") + b"\r\n"),
            ("<", b"+OK in\r\n"),
            (">", b"STAT\r\n"),
            ("<", b"+OK 2 100\r\n"),
            (">", b"LIST\r\n"),
            ("<", b"+OK\r\n1 50\r\n2 50\r\n.\r\n"),
            (">", b"RETR 1\r\n"),
            ("<", f"+OK 50 octets\r\nSubject: planted\r\n\r\n{CONTENT}\r\n..\r\n+OK planted\r\n.\r\n".encode()),
            (">", b"TOP 2 0\r\n"),
            ("<", b"+OK\r\nSubject: planted\r\n\r\n.\r\n"),
            (">", b"RETR 9\r\n"),
            ("<", b"-ERR no such message\r\n"),
            (">", b"APOP ann planted\r\n"),
            (">", b"XTND planted\r\n"),
        ],
        [
            "< +OK ready <***@dbc.mtview.ca.us>",
            "> CAPA",
            "< +OK",
            "< UIDL",
            "< SASL PLAIN",
            "< .",
            "> USER ***",
            "< +OK",
            "> PASS [secret]",
            "< -ERR [AUTH] wrong: [secret]",
            "> AUTH PLAIN",
            "< +",
            "> [secret]",
            "< +OK in",
            "> STAT",
            "< +OK 2 100",
            "> LIST",
            "< +OK",
            "< [2 lines, 12 bytes]",
            "> RETR 1",
            "< +OK 50 octets",
            "< [5 lines, 85 bytes]",
            "> TOP 2 0",
            "< +OK",
            "< [2 lines, 20 bytes]",
            "> RETR 9",
            "< -ERR no such message",
            "> APOP [secret]",
            "> [12 bytes]",
        ],
    ),
}


class TestTranscript(EngineCase):
    maxDiff = None

    def test_dialogues(self):
        for name, (protocol, dialogue, shown) in DIALOGUES.items():
            with self.subTest(name):
                self.assertEqual(record(protocol, *dialogue), shown)

    def test_how_bytes_arrive_changes_nothing(self):
        pieces = random.Random(6)
        for name, (protocol, dialogue, shown) in DIALOGUES.items():
            for size in (1, 2, 3, 7):
                with self.subTest(name, size=size):
                    cut = [
                        (direction, data[start : start + step])
                        for direction, data in dialogue
                        for step in [size if size < 7 else pieces.randint(4, 20)]
                        for start in range(0, len(data), step)
                    ]
                    self.assertEqual(record(protocol, *cut), shown)

    def test_no_secret_and_no_content_in_any_encoding(self):
        for name, (protocol, dialogue, _shown) in DIALOGUES.items():
            for keep in (False, True):
                text = "\n".join(record(protocol, *dialogue, keep_addresses=keep)).lower()
                for secret in (PASSWORD, TOKEN, CONTENT, "planted"):
                    for form in encodings(secret):
                        with self.subTest(name, form=form[:30]):
                            self.assertNotIn(form, text)

    def test_addresses_by_choice(self):
        _protocol, dialogue, _shown = DIALOGUES["smtp, a message, pipelined"]
        masked = "\n".join(record("smtp", *dialogue))
        for name in ("ann@", "bob", "Bob", "röb"):
            self.assertNotIn(name, masked)
        kept = record("smtp", *dialogue, keep_addresses=True)
        self.assertIn("> MAIL FROM:<ann@example.com> SIZE=100 [parameter]", kept)
        self.assertIn("< 550 5.1.1 <röb@example.org>: no such user", kept)

    def test_secrets_are_found_in_what_is_said_later(self):
        secret = "s3cr?t>pass/word+ü"
        for around in ("", "x", "xy", "xyz"):
            for form in (
                secret,
                base64.b64encode(f"{around}{secret}{around}".encode()).decode(),
                base64.urlsafe_b64encode(f"{around}{secret}{around}".encode()).decode(),
                secret.encode().hex(),
                secret.encode().hex().upper(),
                quote(secret),
            ):
                secrets = Secrets()
                secrets.learn(secret.encode())
                with self.subTest(form=form):
                    self.assertRegex(secrets.hide(f"so {form} it is"), r"^so .{0,8}\[secret\].{0,8} it is$")

    def test_short_secrets_do_not_blot_out_everything(self):
        secrets = Secrets()
        secrets.learn(b"ok")
        self.assertEqual(secrets.hide("looks ok to me, okay"), "looks [secret] to me, okay")

    def test_lines_and_bytes_are_bounded(self):
        for options, most in (({"most_lines": 10}, 11), ({"most_bytes": 200}, 12)):
            kept = []
            conversation = Recorder("smtp", kept.append, 60, **options).begin()
            for _line in range(1000):
                conversation.sent(b"NOOP\r\n")
            conversation.close()
            self.assertLessEqual(kept[0].text.count("\n"), most)
            self.assertIn("More was said, and is not kept.", kept[0].text)
            self.assertTrue(kept[0].is_cut)

    def test_a_long_line_is_shortened_and_an_endless_one_not_followed(self):
        lines = record("imap", ("<", b"* SEARCH " + b"1 " * 5000 + b"\r\n"))
        self.assertLess(len(lines[0]), 600)
        lines = record("imap", ("<", b"* SEARCH " + b"1 " * 2_000_000), ("<", b"\r\n* OK planted\r\n"))
        self.assertEqual(len(lines), 2)
        self.assertNotIn("planted", "".join(lines))

    def test_time_is_bounded(self):
        now, kept = [0.0], []
        recorder = Recorder("smtp", kept.append, 60, clock=lambda: now[0])
        conversation = recorder.begin()
        conversation.sent(b"NOOP\r\n")
        now[0] = 61
        conversation.sent(b"RSET\r\n")
        self.assertIn("The time for recording is over.", kept[0].text)
        self.assertNotIn("RSET", kept[0].text)
        conversation.close()
        self.assertEqual(len(kept), 1)
        self.assertIsNone(recorder.begin())

    def test_control_characters_do_not_reach_a_terminal_or_a_form(self):
        text = record("smtp", ("<", b"220 hi \x1b[31m \xe2\x80\xae\xff\x00\r\n"))[0]
        self.assertTrue(text.isprintable(), text)

    def test_nothing_breaks_it(self):
        """Random bytes in both directions: no error, and nothing of what we said that is not known."""
        generator = random.Random(7)
        words = [b"AUTH LOGIN", b"LOGIN", b"{5}", b"\r\n", b"* 1 FETCH (", b"+OK", b"334 x", b"354", b".", b"A1 ", b'"']
        for protocol in ("smtp", "imap", "pop"):
            for _round in range(300):
                dialogue = [
                    (generator.choice("<>"), b"".join(generator.choices(words, k=5))) for _turn in range(12)
                ]
                lines = record(protocol, *dialogue)
                self.assertFalse([line for line in lines if "transcript ends here" in line], dialogue)

    def test_offsets_and_notes(self):
        now, kept = [5.0], []
        conversation = Recorder("smtp", kept.append, 60, clock=lambda: now[0]).begin()
        conversation.note("Connected to 192.0.2.1, port 25.")
        now[0] = 6.25
        conversation.received(b"220 hi\r\n")
        conversation.received(b"half a li")
        conversation.received(b"")
        conversation.close()
        self.assertEqual(
            kept[0].text.split("\n"),
            [
                "    0.000 * Connected to 192.0.2.1, port 25.",
                "    1.250 < 220 hi",
                "    1.250 * The server ended the connection.",
                "    1.250 < [9 bytes, unfinished]",
                "    1.250 * The connection is closed.",
            ],
        )
        self.assertEqual((kept[0].protocol, kept[0].seconds), ("smtp", 1.25))
        self.assertTrue(all(re.match(r" *\d+\.\d{3} [<>*] ", line) for line in kept[0].text.split("\n")))
