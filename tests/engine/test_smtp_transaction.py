# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Transactions against servers that play a part: what goes over the wire, and what each recipient's result is."""

import email.policy
import smtplib
from email.message import EmailMessage

from ...engine.connection import Connection, Security
from ...engine.errors import GatewayError
from ...engine.outcome import OutboundReason, OutboundState
from ...engine.smtp_session import adopt_session, open_session
from .case import EngineCase
from .scripted_server import Close, Expect, Hang, ScriptedServer, Send, Stopwatch

ANN, BOB, EVE = "ann@example.com", "bob@example.com", "eve@example.com"
SENDER = "box@gateway.test"
GREETING = Send(b"220 mx.example.com ESMTP\r\n")


def ehlo(*extensions):
    lines = ["mx.example.com", *extensions]
    answer = "".join(f"250{' ' if number == len(lines) else '-'}{line}\r\n" for number, line in enumerate(lines, 1))
    return Expect("^ehlo ", answer.encode())


HELLO = [GREETING, ehlo("PIPELINING", "8BITMIME")]
STEPWISE = [GREETING, ehlo("8BITMIME")]
UNTIL_DOT = [Expect(r"^(?!\.$)")]
LONE_DOT = r"^\.$"


def commands(*recipients, last=b"", mail="^MAIL FROM:", data="^DATA$"):
    """Pipelined commands that get all their answers only after the last one."""
    return [Expect(mail), *(Expect(f"^RCPT TO:<{name}>") for name in recipients), Expect(data, last)]


def body(message):
    """Expect each line of a message's content, up to the dot."""
    return [Expect("") for _line in message.as_bytes(policy=email.policy.SMTP).split(b"\r\n")[:-1]]


def letter(text="hello\n", **fields):
    message = EmailMessage(policy=email.policy.SMTP)
    for name, value in {"From": SENDER, "To": ANN, "Subject": "x", **fields}.items():
        message[name] = value
    message.set_content(text, cte="8bit" if not text.isascii() else None)
    return message


class TransactionCase(EngineCase):
    message = None

    def setUp(self):
        super().setUp()
        self.message = letter()

    def opened(self, server, timeout=2.0):
        session = open_session(
            Connection("127.0.0.1", server.port, Security.NONE, connect_timeout=2, read_timeout=timeout)
        )
        self.addCleanup(session.close)
        return session

    def send(self, script, to=(ANN, BOB, EVE), sender=SENDER, timeout=2.0, **options):
        """Play a script; leave session, server, refused (or error) in self; return {recipient: (state, reason)}."""
        self.refused = self.error = None
        with ScriptedServer(script) as self.server:
            self.session = self.opened(self.server, timeout)
            for name, value in options.items():
                setattr(self.session, name, value)
            try:
                self.refused = self.session.send_message(self.message, sender, list(to))
            except (smtplib.SMTPException, GatewayError) as error:
                self.error = error
        self.assertEqual(self.server.surprises, [])
        return self.outcomes()

    def outcomes(self):
        return {name: (result.state.value, result.reason.value) for name, result in self.session.results.items()}

    def content(self):
        """The lines of the message as the server got them, without the dot."""
        lines = self.server.lines
        return lines[lines.index(b"DATA") + 1 : lines.index(b".")]


SENT = ("sent", "accepted")
REFUSED = ("failed", "refused")
LATER = ("deferred", "try_later")
LOST = ("deferred", "connection_lost")
UNKNOWN = ("unknown", "lost_after_data")


class TestSmtpTransaction(TransactionCase):
    def script(self, answers, *, data=b"354 go on\r\n", end=b"250 2.0.0 Ok: queued as 4XyZ\r\n"):
        """A whole pipelined transaction with three recipients."""
        last = b"250 ok\r\n" + b"".join(answers) + data
        return [*HELLO, *commands(ANN, BOB, EVE, last=last), *body(self.message), Expect(LONE_DOT, end)]

    # ------------------------------------------------------------------
    # Answers
    # ------------------------------------------------------------------

    def test_all_commands_go_in_one_write_and_all_are_accepted(self):
        outcome = self.send(self.script([b"250 ok\r\n"] * 3))
        self.assertEqual(outcome, {ANN: SENT, BOB: SENT, EVE: SENT})
        self.assertEqual((self.refused, self.error), ({}, None))
        result = self.session.results[ANN]
        self.assertEqual((result.remote_id, result.enhanced, result.phase), ("4XyZ", "2.0.0", "message"))

    def test_one_refused_among_several_never_stops_the_others(self):
        for answer, outcome in ((b"550 5.1.1 who?\r\n", REFUSED), (b"451 4.3.0 later\r\n", LATER)):
            with self.subTest(answer):
                found = self.send(self.script([b"250 ok\r\n", answer, b"250 ok\r\n"]))
                self.assertEqual(found, {ANN: SENT, BOB: outcome, EVE: SENT})
                self.assertEqual(self.refused, {BOB: (int(answer[:3]), answer[4:-2])})

    def test_any_2xx_to_a_recipient_is_a_yes(self):
        found = self.send(self.script([b"250 ok\r\n", b"251 forwarding\r\n", b"252 cannot check\r\n"]))
        self.assertEqual(found, {ANN: SENT, BOB: SENT, EVE: SENT})

    def test_all_refused_but_the_server_wants_the_message(self):
        # RFC 2920 §3.1: a lone dot. The next message begins by tidying up.
        last = b"250 ok\r\n" + b"550 no\r\n" * 3 + b"354 go on\r\n"
        first = [*HELLO, *commands(ANN, BOB, EVE, last=last), Expect(LONE_DOT, b"554 no valid recipients\r\n")]
        second = [
            Expect("^RSET$"),
            *commands(ANN, last=b"250 reset\r\n250 ok\r\n250 ok\r\n354 go\r\n"),
            *body(self.message),
            Expect(LONE_DOT, b"250 ok\r\n"),
        ]
        with ScriptedServer([*first, *second]) as server:
            self.session = self.opened(server)
            with self.assertRaises(smtplib.SMTPRecipientsRefused) as caught:
                self.session.send_message(self.message, SENDER, [ANN, BOB, EVE])
            self.assertEqual(set(caught.exception.recipients), {ANN, BOB, EVE})
            self.assertEqual(self.outcomes(), {ANN: REFUSED, BOB: REFUSED, EVE: REFUSED})
            self.assertEqual(self.session.send_message(self.message, SENDER, [ANN]), {})
            self.assertEqual(self.outcomes(), {ANN: SENT})
        self.assertEqual(server.surprises, [])

    def test_all_refused_and_data_too(self):
        found = self.send(self.script([b"550 no\r\n"] * 3, data=b"503 5.5.1 no recipients\r\n")[:7])
        self.assertEqual(found, {ANN: REFUSED, BOB: REFUSED, EVE: REFUSED})
        self.assertIsInstance(self.error, smtplib.SMTPRecipientsRefused)
        self.assertTrue(self.session.is_open)

    def test_the_sender_is_refused(self):
        for answer, outcome in ((b"550 5.1.8 no\r\n", REFUSED), (b"451 4.3.2 later\r\n", LATER)):
            for data, end in ((b"503 no\r\n", []), (b"354 go\r\n", [Expect(LONE_DOT, b"503 no\r\n")])):
                with self.subTest(answer=answer, data=data):
                    last = answer + b"503 no\r\n" * 3 + data
                    found = self.send([*HELLO, *commands(ANN, BOB, EVE, last=last), *end])
                    self.assertEqual(found, {ANN: outcome, BOB: outcome, EVE: outcome})
                    self.assertIsInstance(self.error, smtplib.SMTPSenderRefused)
                    self.assertEqual(self.session.results[ANN].phase, "sender")
                    self.assertTrue(self.session.is_open)

    def test_data_is_refused(self):
        for data, outcome in ((b"451 4.3.0 later\r\n", LATER), (b"554 no\r\n", REFUSED)):
            with self.subTest(data):
                script = self.script([b"250 ok\r\n", b"550 who?\r\n", b"250 ok\r\n"], data=data)[:7]
                self.assertEqual(self.send(script), {ANN: outcome, BOB: REFUSED, EVE: outcome})
                self.assertIsInstance(self.error, smtplib.SMTPDataError)
                self.assertEqual(self.session.results[ANN].phase, "data")

    def test_the_message_is_refused(self):
        for end, outcome in (
            (b"451 4.3.0 later\r\n", LATER),
            (b"554 5.7.1 spam\r\n", REFUSED),
            (b"552 5.3.4 too big\r\n", ("failed", "too_large")),
            (b"550 5.4.5 Daily sending quota exceeded\r\n", ("deferred", "quota")),
        ):
            with self.subTest(end):
                found = self.send(self.script([b"250 ok\r\n", b"550 who?\r\n", b"250 ok\r\n"], end=end))
                self.assertEqual(found, {ANN: outcome, BOB: REFUSED, EVE: outcome})
                self.assertIsInstance(self.error, smtplib.SMTPDataError)
                self.assertEqual(self.session.results[ANN].phase, "message")

    def test_421_wherever_it_comes(self):
        farewell = b"421 4.3.2 shutting down\r\n"
        for name, script, outcomes, error, phase in (
            ("MAIL", [*HELLO, *commands(ANN, BOB, EVE, last=farewell), Close()],
             {ANN: LATER, BOB: LATER, EVE: LATER}, smtplib.SMTPSenderRefused, "sender"),
            ("RCPT", [*HELLO, *commands(ANN, BOB, EVE, last=b"250 ok\r\n550 who?\r\n" + farewell), Close()],
             {ANN: REFUSED, BOB: LATER, EVE: LATER}, smtplib.SMTPRecipientsRefused, "recipient"),
            ("DATA", self.script([b"550 who?\r\n", b"250 ok\r\n", b"250 ok\r\n"], data=farewell)[:7],
             {ANN: REFUSED, BOB: LATER, EVE: LATER}, smtplib.SMTPDataError, "data"),
            ("the dot", self.script([b"550 who?\r\n", b"250 ok\r\n", b"250 ok\r\n"], end=farewell),
             {ANN: REFUSED, BOB: LATER, EVE: LATER}, smtplib.SMTPDataError, "message"),
        ):  # fmt: skip
            with self.subTest(name):
                self.assertEqual(self.send(script), outcomes)
                self.assertIs(type(self.error), error)
                self.assertFalse(self.session.is_open)
                result = self.session.results[EVE]
                self.assertEqual((result.code, result.enhanced, result.phase), (421, "4.3.2", phase))

    def test_without_pipelining_each_answer_is_awaited(self):
        script = [
            *STEPWISE,
            Expect("^MAIL FROM:", b"250 ok\r\n"),
            Expect(f"^RCPT TO:<{ANN}>", b"250 ok\r\n"),
            Expect(f"^RCPT TO:<{BOB}>", b"550 5.1.1 who?\r\n"),
            Expect(f"^RCPT TO:<{EVE}>", b"250 ok\r\n"),
            Expect("^DATA$", b"354 go on\r\n"),
            *body(self.message),
            Expect(LONE_DOT, b"250 ok\r\n"),
        ]
        self.assertEqual(self.send(script), {ANN: SENT, BOB: REFUSED, EVE: SENT})

    def test_without_pipelining_what_is_of_no_use_is_not_sent(self):
        refused = [*STEPWISE, Expect("^MAIL FROM:", b"550 no\r\n"), Expect("^quit", b"221 bye\r\n")]
        with ScriptedServer(refused) as server:
            self.session = self.opened(server)
            with self.assertRaises(smtplib.SMTPSenderRefused):
                self.session.send_message(self.message, SENDER, [ANN, BOB])
            self.session.quit()
        self.assertEqual(server.surprises, [])
        nobody = [*STEPWISE, Expect("^MAIL", b"250 ok\r\n"), Expect("^RCPT", b"550 no\r\n"), Expect("^QUIT")]
        with ScriptedServer(nobody) as server:
            self.session = self.opened(server)
            with self.assertRaises(smtplib.SMTPRecipientsRefused):
                self.session.send_message(self.message, SENDER, [ANN])
            self.session.say_goodbye()
        self.assertEqual(server.surprises, [])

    def test_a_greylisted_recipient_with_the_servers_wait(self):
        self.send(self.script([b"450 4.2.0 Greylisted, try again in 5 minutes\r\n", b"250 ok\r\n", b"250 ok\r\n"]))
        result = self.session.results[ANN]
        self.assertEqual((result.counts, result.wait, result.state), (False, 300, OutboundState.DEFERRED))

    # ------------------------------------------------------------------
    # Broken connections
    # ------------------------------------------------------------------

    def test_lost_before_the_dot_it_may_be_tried_again(self):
        said = b"250 ok\r\n550 who?\r\n250 ok\r\n"
        for name, script in (
            ("at MAIL", [*HELLO, *commands(ANN, BOB, EVE), Close()]),
            ("hanging at MAIL", [*HELLO, *commands(ANN, BOB, EVE), Hang()]),
            ("nonsense", [*HELLO, *commands(ANN, BOB, EVE, last=b"hello?\r\n")]),
            ("a code that is none", [*HELLO, *commands(ANN, BOB, EVE, last=b"150 hm\r\n")]),
            ("a line without end", [*HELLO, *commands(ANN, BOB, EVE, last=b"2" * 20_000)]),
            ("lines without end", [*HELLO, *commands(ANN, BOB, EVE, last=b"250-x\r\n" * 1000)]),
        ):
            with self.subTest(name):
                self.assertEqual(self.send(script, timeout=0.2), {ANN: LOST, BOB: LOST, EVE: LOST})
                self.assertIsInstance(self.error, smtplib.SMTPServerDisconnected)
                self.assertFalse(self.session.is_open)
        for name, script in (
            ("at RCPT", [*HELLO, *commands(ANN, BOB, EVE, last=said), Close()]),
            ("at DATA", [*HELLO, *commands(ANN, BOB, EVE, last=said + b"250 ok\r\n"), Close()]),
            ("250 to DATA", [*HELLO, *commands(ANN, BOB, EVE, last=said + b"250 ok\r\n250 ok\r\n")]),
        ):
            with self.subTest(name):
                found = self.send(script)
                # What the server refused before stays refused.
                self.assertEqual(found, {ANN: REFUSED, BOB: LOST, EVE: LOST})
                self.assertIsInstance(self.error, smtplib.SMTPServerDisconnected)

    def test_lost_after_the_dot_nobody_knows(self):
        for name, last in (("closed", Close()), ("hangs", Hang()), ("nonsense", Send(b"hm\r\n"))):
            with self.subTest(name):
                script = [*self.script([b"250 ok\r\n", b"550 who?\r\n", b"250 ok\r\n"], end=b""), last]
                self.assertEqual(self.send(script, timeout=0.05), {ANN: UNKNOWN, BOB: REFUSED, EVE: UNKNOWN})
                self.assertIsInstance(self.error, smtplib.SMTPServerDisconnected)
                self.assertFalse(self.session.is_open)

    def test_lost_in_the_middle_of_a_large_message(self):
        self.message = letter("x" * 70 + "\n")
        self.message.add_attachment(bytes(12_000_000), maintype="application", subtype="zip")
        found = self.send([*HELLO, *commands(ANN, last=b"250 ok\r\n250 ok\r\n354 go\r\n"), Expect(""), Close()], [ANN])
        self.assertEqual(found, {ANN: LOST})
        self.assertEqual(self.session.results[ANN].phase, "message")

    def test_a_server_is_given_longer_after_the_dot_than_for_other_answers(self):
        script = self.script([b"250 ok\r\n"] * 3, end=b"")
        with ScriptedServer([*script, Hang()]) as server, Stopwatch() as watch:
            self.session = self.opened(server, 0.1)
            with self.assertRaises(smtplib.SMTPServerDisconnected):
                self.session.send_message(self.message, SENDER, [ANN, BOB, EVE])
        self.assertGreater(watch.seconds, 0.35)

    # ------------------------------------------------------------------
    # Kept connections
    # ------------------------------------------------------------------

    def kept(self, *scripts):
        """Send one message on the first connection of a server, then another; return what self.send() returns."""
        good = [
            *commands(ANN, last=b"250 ok\r\n250 ok\r\n354 go\r\n"),
            *body(self.message),
            Expect(LONE_DOT, b"250 ok\r\n"),
        ]
        scripts = [[*HELLO, *good, *scripts[0]], *([*HELLO, *script] for script in scripts[1:])]
        self.begun, self.reopened, self.error = [], 0, None
        with ScriptedServer(*scripts) as self.server:
            self.session = self.opened(self.server)
            self.session.send_message(self.message, SENDER, [ANN])
            self.session.on_begin = lambda sender, to, message: self.begun.append((sender, to, message))

            def reopen():
                self.reopened += 1
                return self.opened(self.server)

            self.session.reopen = reopen
            try:
                self.session.send_message(self.message, SENDER, [BOB])
            except smtplib.SMTPException as error:
                self.error = error
        self.assertEqual(self.server.surprises, [])
        return self.outcomes()

    def good(self):
        return [
            *commands(BOB, last=b"250 ok\r\n250 ok\r\n354 go\r\n"),
            *body(self.message),
            Expect(LONE_DOT, b"250 ok\r\n"),
        ]

    def test_a_kept_connection_that_died_is_replaced_in_silence(self):
        for name, ending in (
            ("closed while idle", [Close()]),
            ("closed at MAIL", [*commands(BOB), Close()]),
            ("421 at MAIL", [*commands(BOB, last=b"421 idle for too long\r\n"), Close()]),
            ("421 while idle", [Send(b"421 idle for too long\r\n"), Close()]),
        ):
            with self.subTest(name):
                self.assertEqual(self.kept(ending, self.good()), {BOB: SENT})
                self.assertEqual((self.reopened, self.error), (1, None))
                # Told once, before anything.
                self.assertEqual(self.begun, [(SENDER, [BOB], self.message)])

    def test_it_is_replaced_once(self):
        self.assertEqual(self.kept([Close()], [*commands(BOB), Close()]), {BOB: LOST})
        self.assertEqual(self.reopened, 1)
        self.assertIsInstance(self.error, smtplib.SMTPServerDisconnected)

    def test_once_the_server_has_answered_nothing_is_repeated(self):
        found = self.kept([*commands(BOB, last=b"250 ok\r\n250 ok\r\n"), Close()], self.good())
        self.assertEqual((found, self.reopened), ({BOB: LOST}, 0))
        script = [
            *commands(BOB, last=b"250 ok\r\n250 ok\r\n354 go\r\n"),
            *body(self.message),
            Expect(LONE_DOT),
            Close(),
        ]
        self.assertEqual((self.kept(script, self.good()), self.reopened), ({BOB: UNKNOWN}, 0))

    def test_a_fresh_connection_that_dies_is_the_servers_failure(self):
        self.assertEqual(
            self.send([*HELLO, *commands(ANN), Close()], [ANN], reopen=lambda: self.fail("not kept")), {ANN: LOST}
        )

    def test_a_connection_that_cannot_be_replaced(self):
        refused = GatewayError("The host does not answer.", phase="connect")

        def fail():
            raise refused

        self.send([GREETING, Hang()], [ANN], timeout=0.05)
        self.session.reopen = fail
        with self.assertRaises(GatewayError):
            self.session.send_message(self.message, SENDER, [ANN, BOB])
        self.assertEqual(self.outcomes(), {name: ("deferred", "no_connection") for name in (ANN, BOB)})
        self.session.reopen = None
        with self.assertRaises(smtplib.SMTPServerDisconnected):
            self.session.send_message(self.message, SENDER, [ANN])
        self.assertEqual(self.outcomes(), {ANN: LOST})

    # ------------------------------------------------------------------
    # Before the first command
    # ------------------------------------------------------------------

    def test_who_is_told_first(self):
        lines = []
        self.send(
            self.script([b"250 ok\r\n"] * 3),
            on_begin=lambda sender, to, message: lines.extend([sender, to, len(self.server.lines)]),
        )
        # Only EHLO at the most was said by then.
        self.assertEqual(lines[:2], [SENDER, [ANN, BOB, EVE]])
        self.assertLessEqual(lines[2], 1)

    def test_who_is_told_may_stop_it(self):
        def stop(*_arguments):
            raise ZeroDivisionError

        with ScriptedServer([*HELLO, Hang()]) as server:
            self.session = self.opened(server)
            self.session.on_begin = stop
            with self.assertRaises(ZeroDivisionError):
                self.session.send_message(self.message, SENDER, [ANN])
            self.assertTrue(self.session.is_open)
        self.assertFalse([line for line in server.lines if line.startswith(b"MAIL")])
        result = self.session.results[ANN]
        self.assertEqual(
            (result.state, result.reason, result.counts), (OutboundState.DEFERRED, OutboundReason.TRY_LATER, False)
        )

    def test_a_message_over_the_limit_is_refused_here(self):
        found = self.send([GREETING, ehlo("SIZE 100"), Hang()], [ANN, BOB])
        self.assertEqual(found, {name: ("failed", "too_large") for name in (ANN, BOB)})
        self.assertEqual(type(self.error), smtplib.SMTPSenderRefused)
        self.assertEqual((self.error.smtp_code, self.session.results[ANN].enhanced), (552, "5.3.4"))
        self.assertEqual(len(self.server.lines), 1)

    def test_what_the_server_offers_is_used(self):
        umlaut = "Gr\u00fc\u00dfe"
        for extensions, text, to, expected in (
            ((), "hello\n", ANN, r"^MAIL FROM:<box@gateway.test>$"),
            (("SIZE 0",), "hello\n", ANN, r"^MAIL FROM:<box@gateway.test> SIZE=\d+$"),
            (("SIZE 5000",), "hello\n", ANN, r"^MAIL FROM:<box@gateway.test> SIZE=\d+$"),
            (("SIZE",), "hello\n", ANN, r"^MAIL FROM:<box@gateway.test> SIZE=\d+$"),
            (("SIZE what",), "hello\n", ANN, r"^MAIL FROM:<box@gateway.test> SIZE=\d+$"),
            (("8BITMIME",), "hello\n", ANN, r"^MAIL FROM:<box@gateway.test>$"),
            (("8BITMIME",), umlaut, ANN, r"^MAIL FROM:<box@gateway.test> BODY=8BITMIME$"),
            (("8BITMIME", "SMTPUTF8"), "hello\n", ANN, r"^MAIL FROM:<box@gateway.test>$"),
            (("8BITMIME", "SMTPUTF8"), "hello\n", "\u00fc@example.com", r"^MAIL FROM:<box@gateway.test> SMTPUTF8$"),
            ((), "hello\n", "a@\u00fc.example", r"^MAIL FROM:<box@gateway.test>$"),
        ):
            with self.subTest(extensions=extensions, text=text, to=to):
                self.message = letter(text)
                script = [
                    GREETING,
                    ehlo(*extensions),
                    Expect(expected, b"250 ok\r\n"),
                    Expect("^RCPT TO:<(\u00fc@example.com|ann@example.com|a@xn--tda.example)>$", b"250 ok\r\n"),
                    Expect("^DATA", b"354 go\r\n"),
                    *body(self.message),
                    Expect(LONE_DOT, b"250 ok\r\n"),
                ]
                self.assertEqual(self.send(script, [to]), {to: SENT})

    def test_eight_bits_only_where_they_are_taken(self):
        self.message = letter("Gr\u00fc\u00dfe\n")
        simple = [Expect("^MAIL", b"250 ok\r\n"), Expect("^RCPT", b"250 ok\r\n"), Expect("^DATA", b"354 go\r\n")]
        for extensions, encoding in ((("8BITMIME",), b"8bit"), ((), b"base64|quoted-printable")):
            with self.subTest(extensions=extensions):
                script = [GREETING, ehlo(*extensions), *simple, *body(self.message), Expect(LONE_DOT, b"250 ok\r\n")]
                self.assertEqual(self.send(script, [ANN]), {ANN: SENT})
                self.assertRegex(b"\n".join(self.content()), b"(?i)content-transfer-encoding: (%s)" % encoding)
                self.assertEqual(b"\n".join(self.content()).isascii(), encoding != b"8bit")

    def test_an_address_that_the_server_cannot_take_fails_alone(self):
        foreign = "\u00fc@example.com"
        script = [*HELLO, *commands(ANN, last=b"250 ok\r\n250 ok\r\n354 go\r\n"), *body(self.message)]
        found = self.send([*script, Expect(LONE_DOT, b"250 ok\r\n")], [ANN, foreign])
        self.assertEqual(found, {ANN: SENT, foreign: REFUSED})
        self.assertEqual(list(self.refused), [foreign])
        self.assertIn("SMTPUTF8", self.session.results[foreign].text)
        self.assertEqual(self.session.results[foreign].enhanced, "5.6.7")
        # Alone, and as a sender.
        self.assertEqual(self.send([*HELLO, Hang()], [foreign]), {foreign: REFUSED})
        self.assertIsInstance(self.error, smtplib.SMTPRecipientsRefused)
        self.assertEqual(self.send([*HELLO, Hang()], [ANN], sender=foreign), {ANN: REFUSED})
        self.assertIsInstance(self.error, smtplib.SMTPNotSupportedError)

    def test_a_line_end_in_an_address_is_no_command(self):
        evil = "ann@example.com>\r\nRCPT TO:<eve@example.com"
        script = [*HELLO, *commands(BOB, last=b"250 ok\r\n250 ok\r\n354 go\r\n"), *body(self.message)]
        found = self.send([*script, Expect(LONE_DOT, b"250 ok\r\n")], [evil, BOB])
        self.assertEqual(found, {evil: REFUSED, BOB: SENT})
        self.assertEqual(self.send([*HELLO, Hang()], [ANN], sender=evil), {ANN: REFUSED})
        self.assertIsInstance(self.error, smtplib.SMTPSenderRefused)

    def test_an_address_that_is_no_text_fails_alone(self):
        for odd in ("\udcff@example.com", "a\0@example.com", "a\x7f@example.com", "a\x85@example.com"):
            with self.subTest(repr(odd)):
                self.assertEqual(self.send([*HELLO, Hang()], [odd]), {odd: REFUSED})

    def test_a_message_that_cannot_be_written_fails_for_good(self):
        self.message.set_payload(b"\xff".decode("ascii", "surrogateescape"), None)
        del self.message["Content-Type"]
        self.message["Content-Type"] = "multipart/mixed"
        self.assertEqual(self.send([*HELLO, Hang()], [ANN]), {ANN: ("failed", "not_built")})
        self.assertIsInstance(self.error, smtplib.SMTPDataError)
        self.assertFalse([line for line in self.server.lines if line.startswith(b"MAIL")])

    def test_the_bytes_as_sent_can_be_had(self):
        self.send(self.script([b"250 ok\r\n"] * 3))
        self.assertEqual(self.session.content, b"\r\n".join([*self.content(), b""]))

    def test_options_of_the_caller_are_not_named_twice(self):
        self.message = letter("Gr\u00fc\u00dfe\n")
        mail = r"^MAIL FROM:<box@gateway.test> BODY=8BITMIME RET=HDRS$"
        script = [*HELLO, *commands(ANN, last=b"250 ok\r\n250 ok\r\n354 go\r\n", mail=mail), *body(self.message)]
        with ScriptedServer([*script, Expect(LONE_DOT, b"250 ok\r\n")]) as server:
            session = self.opened(server)
            session.send_message(self.message, SENDER, [ANN], ["body=8bitmime", "RET=HDRS"])
        self.assertEqual(server.surprises, [])

    def test_an_address_is_named_once(self):
        script = [*HELLO, *commands(ANN, last=b"250 ok\r\n250 ok\r\n354 go\r\n"), *body(self.message)]
        self.assertEqual(self.send([*script, Expect(LONE_DOT, b"250 ok\r\n")], [ANN, ANN]), {ANN: SENT})

    def test_more_recipients_than_go_into_one_write(self):
        names = [f"r{number}@example.com" for number in range(250)]
        steps = [Expect("^MAIL", b"250 ok\r\n"), *(Expect(f"^RCPT TO:<{name}>", b"250 ok\r\n") for name in names)]
        script = [*HELLO, *steps, Expect("^DATA", b"354 go\r\n"), *body(self.message), Expect(LONE_DOT, b"250 ok\r\n")]
        self.assertEqual(self.send(script, names), dict.fromkeys(names, SENT))

    def test_a_null_sender(self):
        script = [*HELLO, *commands(ANN, last=b"250 ok\r\n250 ok\r\n354 go\r\n", mail="^MAIL FROM:<>$")]
        self.assertEqual(
            self.send([*script, *body(self.message), Expect(LONE_DOT, b"250 ok\r\n")], [ANN], ""), {ANN: SENT}
        )

    def test_dots_at_line_beginnings_are_doubled(self):
        self.message = letter(".\n.a\nb.\n..\n")
        self.assertEqual(self.send(self.script([b"250 ok\r\n"] * 3)), {ANN: SENT, BOB: SENT, EVE: SENT})
        self.assertEqual(self.content()[-4:], [b"..", b"..a", b"b.", b"..."])

    def test_sender_and_recipients_from_the_header_and_no_bcc(self):
        self.message = letter(Cc=BOB)
        script = self.script([b"250 ok\r\n"] * 3)
        self.message["Bcc"] = EVE
        with ScriptedServer(script) as self.server:
            session = self.opened(self.server)
            self.assertEqual(session.send_message(self.message), {})
        self.assertEqual(set(session.results), {ANN, BOB, EVE})
        self.assertFalse([line for line in self.content() if line.startswith(b"Bcc")])
        self.assertEqual(self.message["Bcc"], EVE)

    def test_a_session_that_odoo_opened(self):
        with ScriptedServer(self.script([b"250 ok\r\n", b"550 who?\r\n", b"250 ok\r\n"])) as server:
            plain = smtplib.SMTP("127.0.0.1", server.port, "here", timeout=2)
            self.session = adopt_session(plain)
            self.assertEqual(set(self.session.send_message(self.message, SENDER, [ANN, BOB, EVE])), {BOB})
            self.assertEqual(self.outcomes(), {ANN: SENT, BOB: REFUSED, EVE: SENT})
            self.session.say_goodbye()
        # What is not plain smtplib stays what it is.
        self.assertIs(adopt_session(server), server)
