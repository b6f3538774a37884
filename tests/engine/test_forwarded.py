# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import random
import time

from ...engine.classify import find_kind
from ...engine.errors import ConfigurationError
from ...engine.forwarded import Forwarding, find_forwarding, find_original_sender
from ...engine.forwarded_text import forwarded_by_hand
from ...engine.forwarder import is_forwarder, read_forwarders
from ...engine.message_kind import Classification, MessageKind
from ...engine.pipeline import walk
from ...engine.rewritten_sender import rewritten_from
from ...engine.summary import summarize
from .case import EngineCase

CLERK = "clerk@office.test"
INNER = (
    "From: Ann Lee <Ann@Remote.test>\r\nTo: clerk@office.test\r\nSubject: Card\r\nMessage-ID: <1@remote.test>\r\n"
    "Date: Mon, 04 May 2026 12:00:00 +0000\r\n\r\nThe card is refused.\r\n"
)


def mail(body="hello", **fields):
    """Return (summary, bytes) of a message from the clerk."""
    values = {"From": f"The Clerk <{CLERK}>", "To": "help@gateway.test", "Subject": "A card"}
    values |= {name.replace("_", "-"): value for name, value in fields.items()}
    lines = [f"{name}: {value}" for name, value in values.items() if value is not None]
    content = "\r\n".join([*lines, "", body]).encode("utf-8", "surrogatepass")
    return summarize(content), content


def mixed(*parts, boundary="b"):
    """Return (Content-Type, body) of a multipart/mixed of (media type, text)."""
    body = "".join(f"--{boundary}\r\nContent-Type: {kind}\r\n\r\n{text}\r\n" for kind, text in parts)
    return {"Content_Type": f'multipart/mixed; boundary="{boundary}"', "body": f"{body}--{boundary}--\r\n"}


def found(forwarders=(), return_path="", is_machine=False, **fields):
    summary, content = mail(**fields)
    forwarding = find_forwarding(summary, content, return_path, forwarders, is_machine=is_machine)
    return forwarding.sign, forwarding.forwarder, forwarding.sender


ATTACHED = "the attached message is all it has"


class TestForwarder(EngineCase):
    def test_entries(self):
        for text, expected in (
            ("", ()),
            ("clerk@Office.test", ("clerk@office.test",)),
            ("a@b.test, b.test;.c.test\n @d.test a@b.test", ("a@b.test", "b.test", ".c.test", "d.test")),
        ):
            self.assertEqual(read_forwarders(text), expected)

    def test_what_is_no_forwarder(self):
        for text, words in (
            ("*", "Not everybody can be a forwarder: who forwards says who wrote."),
            ("clerk@", "“clerk@” is neither an address"),
            ("clerk", "“clerk” is neither an address (desk@your-domain.org) nor a domain."),
            ("<clerk@office.test>", "“<clerk@office.test>” is neither an address"),
            (" ".join(f"a{number}.test" for number in range(201)), "More than 200 forwarders"),
        ):
            with self.subTest(text=text[:20]), self.assertRaises(ConfigurationError) as caught:
                read_forwarders(text)
            self.assertTrue(str(caught.exception).startswith(words), str(caught.exception))

    def test_matches(self):
        for address, entries, expected in (
            ("clerk@office.test", ("clerk@office.test",), True),
            ("clerk@office.test", ("office.test",), True),
            ("clerk@eu.office.test", ("office.test",), False),
            ("clerk@eu.office.test", (".office.test",), True),
            ("clerk@myoffice.test", ("office.test", ".office.test"), False),
            ("xclerk@office.test", ("clerk@office.test",), False),
            ("", ("office.test",), False),
            ("clerk@office.test", (), False),
        ):
            self.assertEqual(is_forwarder(address, entries), expected, address)


class TestRewrittenSender(EngineCase):
    def test_paths(self):
        for path, expected in (
            ("<SRS0=HHH=TT=remote.test=ann@fwd.test>", ("ann@remote.test", "fwd.test")),
            ("srs0+HHH=TT=remote.test=ann@fwd.test", ("ann@remote.test", "fwd.test")),
            ("SRS0=H=T=remote.test=ann=lee@fwd.test", ("ann=lee@remote.test", "fwd.test")),
            ("SRS1=HHH=first.test==XXX=TT=remote.test=ann@fwd.test", ("ann@remote.test", "fwd.test")),
            ("bounces+SRS=44ldt=IX=remote.test=ann@tenant.test", ("ann@remote.test", "tenant.test")),
            ("clerk+caf_=help=gateway.test@office.test", ("", "clerk@office.test")),
            ("ann@remote.test", ("", "")),
            ("ann+srs@remote.test", ("", "")),
            ("SRS0=HHH=TT=remote.test@fwd.test", ("", "")),
            ("SRS0=HHH=TT=re mote=ann@fwd.test", ("", "")),
            ("<>", ("", "")),
            ("", ("", "")),
            ("SRS0=" + "a=" * 5000 + "@fwd.test", ("", "")),
        ):
            with self.subTest(path=path[:40]):
                self.assertEqual(rewritten_from(path), expected)


class TestForwarded(EngineCase):
    def test_signs_that_leave_from_alone(self):
        for expected, fields in (
            (("", "", ""), {}),
            (("Resent-From header", "hq@office.test", ""), {"Resent_From": "HQ <hq@office.test>"}),
            (("Resent-Sender header", "hq@office.test", ""), {"Resent_Sender": "hq@office.test"}),
            (("X-Forwarded-For header", "me@gmail.test", ""), {"X_Forwarded_For": "me@gmail.test box@x.test"}),
            (("X-Forwarded-To header", "", ""), {"X_Forwarded_To": "box@x.test"}),
            (("return path (SRS)", "fwd.test", ""), {"Return_Path": "<SRS0=H=T=office.test=clerk@fwd.test>"}),
            (("return path (SRS)", "fwd.test", ""), {"return_path": "SRS0=H=T=other.test=x@fwd.test"}),
            (("return path", "me@gmail.test", ""), {"Return_Path": "<me+caf_=box=x.test@gmail.test>"}),
            # Put in by mail programs for other ends.
            (("", "", ""), {"X_Forwarded_Encrypted": "i=1; x"}),
            (("", "", ""), {"X_Original_From": CLERK}),
            (("", "", ""), {"X_Original_From": "nobody"}),
            (("", "", ""), {"Reply_To": "ann@remote.test"}),
            (("", "", ""), {"Subject": "FW: card", "body": "From: ann@remote.test\r\nSent: today\r\n"}),
        ):
            with self.subTest(fields=fields):
                self.assertEqual(found(**fields), expected)

    def test_signs_of_strangers_that_name_a_sender(self):
        for expected, fields in (
            (("X-Original-From header", CLERK, "ann@remote.test"), {"X_Original_From": "Ann <ann@remote.test>"}),
            (("X-Original-Sender header", CLERK, "ann@remote.test"), {"X_Original_Sender": "ann@remote.test"}),
            (("X-Forwarded-Sender header", CLERK, "ann@remote.test"), {"X_Forwarded_Sender": "ann@remote.test"}),
            (
                ("return path (SRS)", CLERK, "ann@remote.test"),
                {"Return_Path": "<SRS0=H=T=remote.test=ann@office.test>"},
            ),
            ((ATTACHED, CLERK, "ann@remote.test"), mixed(("message/rfc822", INNER))),
            ((ATTACHED, CLERK, "ann@remote.test"), {"Content_Type": "message/rfc822", "body": INNER}),
        ):
            with self.subTest(fields=list(fields)):
                self.assertEqual(found(**fields), expected)

    def test_a_lone_attached_message(self):
        letter = ("message/rfc822", INNER)
        short = ("text/plain", "Please see to it.\r\n\r\n-- \r\nThe Clerk, Room 7")
        for case, expected, fields in (
            ("alone", True, mixed(letter)),
            ("with a short text", True, mixed(short, letter)),
            ("with a text below", True, mixed(letter, short)),
            (
                "both forms of a text",
                True,
                mixed(("multipart/alternative; boundary=bb", "--bb\r\n\r\nsee\r\n--bb--"), letter),
            ),
            (
                "markup that says little",
                True,
                mixed(("text/html", "<style>" + "p{}" * 999 + "</style><p>see</p>"), letter),
            ),
            (
                "a boundary that begins like the outer",
                True,
                mixed(("multipart/alternative; boundary=b2", "--b2\r\n\r\nx\r\n--b2--"), letter),
            ),
            ("a long text", False, mixed(("text/plain", "word " * 300), letter)),
            ("a file too", False, mixed(short, letter, ("application/pdf", "x"))),
            ("a text file too", False, mixed(short, letter, ("text/csv\r\nContent-Disposition: attachment", "x"))),
            ("two messages", False, mixed(letter, letter)),
            ("no message", False, mixed(short)),
            ("many parts", False, mixed(letter, *[short] * 5)),
            ("an attachment that is no message", False, mixed(("message/rfc822", "hello"))),
            ("a message without a sender", False, mixed(("message/rfc822", "Message-ID: <1@x>\r\n\r\nx"))),
            ("no boundary", False, {"Content_Type": "multipart/mixed", "body": mixed(letter)["body"]}),
            ("no multipart", False, {"Content_Type": "text/plain", "body": mixed(letter)["body"]}),
            ("a report", False, mixed(short, letter) | {"Content_Type": "multipart/report; boundary=b"}),
        ):
            with self.subTest(case=case):
                self.assertEqual(found(**fields) == (ATTACHED, CLERK, "ann@remote.test"), expected)

    def test_what_a_machine_carries_is_not_looked_at(self):
        self.assertEqual(found(is_machine=True, **mixed(("message/rfc822", INNER))), ("", "", ""))

    def test_what_a_named_forwarder_says(self):
        block = "Please see to it.\n\nFrom: Ann Lee <ann@remote.test>\nSent: Monday\nTo: Clerk\n\nThe card."
        markup = "<p>see</p><div><b>From:</b> Ann &lt;ann@remote.test&gt;<br><b>Sent:</b> Monday<br></div>"
        by_hand = "block of fields above the forwarded text"
        for expected, fields in (
            ((by_hand, CLERK, "ann@remote.test"), {"Subject": "FW: Card", "body": block}),
            ((by_hand, CLERK, "ann@remote.test"), {"Subject": "WG: Card", "body": markup, "Content_Type": "text/html"}),
            (
                ("X-Original-From header", CLERK, "ann@remote.test"),
                {"X_Original_From": "ann@remote.test", "body": block},
            ),
            ((ATTACHED, CLERK, "ann@remote.test"), mixed(("message/rfc822", INNER))),
            (("Reply-To header", CLERK, "ann@remote.test"), {"Reply_To": "Ann <ann@remote.test>"}),
            (("the mailbox's list of forwarders", CLERK, ""), {}),
            # An answer has such a block too.
            (("the mailbox's list of forwarders", CLERK, ""), {"Subject": "RE: Card", "body": block}),
        ):
            for entry in (CLERK, "office.test"):
                with self.subTest(fields=list(fields), entry=entry):
                    self.assertEqual(found(forwarders=(entry,), **fields), expected)

    def test_only_from_makes_a_named_forwarder(self):
        for fields in (
            {"Resent_From": CLERK},
            {"Sender": CLERK},
            {"X_Forwarded_For": CLERK},
            {"Return_Path": f"<{CLERK}>"},
            {"Reply_To": CLERK},
            {"X_Original_From": "boss@gateway.test"},
        ):
            summary, content = mail(From="eve@evil.test", **fields)
            with self.subTest(fields=fields):
                self.assertFalse(find_forwarding(summary, content, "", (CLERK,)).is_named)


class TestForwardedByHand(EngineCase):
    def test_blocks(self):
        for case, subject, text, expected in (
            ("Outlook", "FW: x", "hi\n\nFrom: Ann Lee <a@x.test>\nSent: now\nTo: b\n", ("Ann Lee", "a@x.test")),
            ("bold", "Fwd: x", "*From:* Ann <A@X.test>\n*Date:* now\n", ("Ann", "a@x.test")),
            ("mailto", "Fw: x", "From: Ann [mailto:a@x.test]\nSent: now\n", ("Ann", "a@x.test")),
            ("bare", "Fwd: x", "From: a@x.test\nSubject: y\n", ("", "a@x.test")),
            ("quoted", "Fwd: x", "> From: Ann <a@x.test>\n> Date: now\n", ("Ann", "a@x.test")),
            ("French", "TR: x", "De : Ann <a@x.test>\nEnvoyé : hier\nÀ : b\n", ("Ann", "a@x.test")),
            ("German", "WG: x", "Von: Ann <a@x.test>\nGesendet: heute\n", ("Ann", "a@x.test")),
            ("Spanish", "RV: x", "De: Ann <a@x.test>\nEnviado el: hoy\nPara: b\n", ("Ann", "a@x.test")),
            ("Portuguese", "ENC: x", "De: Ann <a@x.test>\nData: hoje\n", ("Ann", "a@x.test")),
            ("Arabic", "إعادة توجيه: x", "من: Ann <a@x.test>\nالتاريخ: x\n", ("Ann", "a@x.test")),
            ("separator", "x", "---------- Forwarded message ---------\nFrom: <a@x.test>\nDate: n\n", ("", "a@x.test")),
            ("Apple", "x", "Begin forwarded message:\n\n> From: Ann <a@x.test>\n> Subject: y\n", ("Ann", "a@x.test")),
            ("an answer", "Re: x", "From: Ann <a@x.test>\nSent: now\n", ("", "")),
            ("no other field", "Fwd: x", "From: Ann <a@x.test>\nhello\n", ("", "")),
            ("a name alone", "FW: x", "From: Ann Lee\nSent: now\n\nFrom: Bob <b@x.test>\nSent: now\n", ("", "")),
            ("no domain", "FW: x", "From: ann@localhost\nSent: now\n", ("", "")),
            ("far below", "FW: x", "a\n" * 300 + "From: a@x.test\nSent: now\n", ("", "")),
            ("empty", "", "", ("", "")),
        ):
            with self.subTest(case=case):
                self.assertEqual(forwarded_by_hand(subject, text), expected)


class TestOriginalSender(EngineCase):
    def walk(self, *steps, **fields):
        summary, content = mail(**fields)
        return walk([*steps, find_original_sender(content, "", ())], summary)

    def test_facts_and_trace(self):
        passage = self.walk(**mixed(("message/rfc822", INNER)))
        self.assertEqual(passage.facts["original_sender"], "ann@remote.test")
        self.assertEqual(passage.facts["forwarding"].name, "Ann Lee")
        self.assertEqual(passage.trace.steps[-1].found, f"passed on by {CLERK}, written by ann@remote.test")
        self.assertIsNone(passage.verdict)

    def test_a_mail_that_nobody_passed_on(self):
        passage = self.walk()
        self.assertEqual((passage.facts["original_sender"], passage.trace.steps), ("", []))
        self.assertEqual(passage.facts["forwarding"], Forwarding())

    def test_reports_are_left_alone(self):
        def is_report(_message, facts):
            facts["kind"] = Classification(MessageKind.DELIVERY_FAILURE)
            return find_kind(b"")(summarize(b""), {})

        passage = self.walk(is_report, **mixed(("message/rfc822", INNER)))
        self.assertEqual(passage.facts["original_sender"], "")


class TestForwardedAttacks(EngineCase):
    def test_time_is_bounded(self):
        deep = "".join(
            f"--b{depth}\r\nContent-Type: multipart/mixed; boundary=b{depth + 1}\r\n\r\n" for depth in range(3000)
        )
        for case, fields in (
            ("many parts", mixed(*[("text/plain", "x")] * 20_000)),
            ("deep", {"Content_Type": "multipart/mixed; boundary=b0", "body": deep}),
            (
                "inner of the same boundary",
                {"Content_Type": "multipart/mixed; boundary=b", "body": "--bx\r\n" * 200_000},
            ),
            ("a huge text", mixed(("text/plain", "word " * 2_000_000), ("message/rfc822", INNER))),
            ("a huge header within", mixed(("message/rfc822", "From: a@b.test\r\nX: " + "y" * 5_000_000))),
            ("markup", mixed(("text/html", "<" * 60_000), ("message/rfc822", INNER))),
            ("nested markup", mixed(("text/html", "<div>" * 12_000), ("message/rfc822", INNER))),
            ("fields by hand", {"Subject": "FW:" * 500, "body": "From: \n" * 100_000}),
            ("spaces by hand", {"Subject": "FW: x", "body": ("From:" + " " * 490 + "\n") * 1000}),
            ("at signs", {"Subject": "FW: x", "body": ("From:" + "@a" * 240 + "\nTo: x\n") * 1000}),
            ("dashes", {"Subject": "x", "body": "-" * 200_000}),
            ("groups", {"X_Original_From": "a:" * 50_000}),
        ):
            summary, content = mail(**fields)
            with self.subTest(case=case):
                began = time.monotonic()
                find_forwarding(summary, content, "", (CLERK,))
                self.assertLess(time.monotonic() - began, 2.0)

    def test_no_bytes_make_it_fail(self):
        rng = random.Random(20261121)
        pieces = [b"\r\n", b"\n", b"--b", b"--", b"From: ", b"a@b.test", b"<", b">", b"message/rfc822", b": ", b"\0"]
        pieces += [b"Content-Type: multipart/mixed; boundary=b", b"\xff\xfe", b"Resent-From: ", b"SRS0=a=b=c.test=d@e"]
        pieces += [
            b"Subject: FW:",
            b"Return-Path: ",
            b"X-Original-From: ",
            b"=?utf-8?b?",
            b"?=",
            b";",
            b'"',
            b" ",
            b"\t",
        ]
        for _round in range(3000):
            content = b"".join(rng.choice(pieces) for _count in range(rng.randrange(30)))
            forwarding = find_forwarding(summarize(content), content, "", ("b.test",))
            self.assertEqual(forwarding.sender, forwarding.sender.lower())
            self.assertNotIn("\n", forwarding.name + forwarding.sender)
