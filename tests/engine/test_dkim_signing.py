# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import email
import email.policy
import re
import time
from email.message import EmailMessage
from types import SimpleNamespace
from unittest.mock import patch

import dkim
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ...engine.dkim_private_key import KeyAlgorithm, make_private_key, read_private_key
from ...engine.dkim_signature import SignedMessage
from ...engine.dkim_signing import (
    DkimSigner,
    DomainSigning,
    SigningKey,
    UnsignedError,
    domain_of_from,
    from_domain,
    parents_of,
)
from ...engine.outcome import OutboundReason, OutboundState
from ...engine.smtp_message import flatten
from ...engine.watched_session import WatchedSession
from .case import EngineCase
from .scripted_server import Expect
from .signed import key_pair
from .test_smtp_transaction import ANN, HELLO, LONE_DOT, SENT, TransactionCase, commands

RSA = SigningKey(1, "gateway.test", "odoo", read_private_key(key_pair()[0].decode()))
ED25519 = SigningKey(2, "gateway.test", "odoo2", make_private_key(KeyAlgorithm.ED25519))
RECORDS = {f"{key.selector}._domainkey.{key.domain}": key.private.record() for key in (RSA, ED25519)}


class BadSignatureError(Exception):
    pass


class VerifyKey:
    """dkimpy reads Ed25519 by PyNaCl, which is not here; its place is taken by `cryptography`."""

    def __init__(self, encoded, encoder):
        self.key = Ed25519PublicKey.from_public_bytes(encoder(encoded))

    def verify(self, digest, signature):
        try:
            self.key.verify(signature, digest)
        except InvalidSignature as error:
            raise BadSignatureError from error


NACL = SimpleNamespace(
    signing=SimpleNamespace(VerifyKey=VerifyKey),
    encoding=SimpleNamespace(Base64Encoder=__import__("base64").b64decode),
    exceptions=SimpleNamespace(BadSignatureError=BadSignatureError, ValueError=ValueError),
)


def verdicts(content):
    """Return what dkimpy's verifier says of each signature, from the top."""

    def record(name, timeout=5):
        return RECORDS.get(name.decode().rstrip("."), "").encode()

    message = dkim.DKIM(content)
    count = sum(name.lower() == b"dkim-signature" for name, _value in message.headers)
    with patch.object(dkim, "nacl", NACL, create=True):
        return [dkim.DKIM(content).verify(index, dnsfunc=record) for index in range(count)]


def signer(*keys, **options):
    return DkimSigner(lambda domain: DomainSigning(keys if domain == "gateway.test" else (), **options))


def message(text="hello\n", sender="Box <box@gateway.test>", **fields):
    """Return the bytes of a mail as a session writes them."""
    made = EmailMessage(policy=email.policy.SMTP)
    for name, value in {
        "From": sender,
        "To": "ann@example.com",
        "Subject": "A question",
        "Date": "Mon, 04 May 2026 12:00:00 +0000",
        "Message-Id": "<1@gateway.test>",
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }.items():
        made[name] = value
    made.set_content(text)
    return flatten(made)


def signed_names(content):
    """Return the names of h= of the signature on top."""
    value = email.message_from_bytes(content)["DKIM-Signature"]
    return re.search(r"h=([^;]*);", re.sub(r"\s", "", value))[1].split(":")


class TestSigning(EngineCase):
    def test_both_verifiers_accept_what_either_key_signed(self):
        texts = {
            "plain": message(),
            "no text": message(""),
            "spaces": message("a  b \t \n\n c\n\n\n"),
            "trailing lines": message("a\n\n\n\n"),
            "beyond ASCII": message("Zoë schrieb\n", Subject="Grüße"),
            "long lines": message("x" * 5000 + "\n"),
            "folded": message(Subject="word " * 100, References=" ".join(f"<{n}@gateway.test>" for n in range(40))),
            "no name": message(sender="box@gateway.test"),
            "dots": message(".\n..\n. a\n"),
            "a line feed alone in the text": message() + b"a\nb\r\n",
        }
        for name, content in texts.items():
            for keys in ((RSA,), (ED25519,), (RSA, ED25519)):
                with self.subTest(name=name, keys=len(keys)):
                    done = signer(*keys).sign(content)
                    self.assertTrue(done.endswith(content))
                    self.assertEqual(verdicts(done), [True] * len(keys))
            # The gateway's own reader of incoming mail, which is stricter.
            read = SignedMessage(signer(RSA).sign(content), time.time())
            (first,) = read.signatures("gateway.test")
            self.assertTrue(read.check(first, lambda name: (RECORDS[name],)).is_valid)

    def test_a_byte_that_is_changed_later_breaks_it(self):
        done = signer(RSA, ED25519).sign(message(List_Unsubscribe="<https://gateway.test/u>"))
        for name, altered in (
            ("text", done.replace(b"hello", b"Hello")),
            ("subject", done.replace(b"A question", b"An answer")),
            ("another From", b"From: eve@example.org\r\n" + done),
            ("another Subject", b"Subject: pay now\r\n" + done),
            ("another Reply-To", b"Reply-To: eve@example.org\r\n" + done),
            ("another List-Unsubscribe", b"List-Unsubscribe: <https://example.org>\r\n" + done),
            ("another type", b"Content-Type: text/html\r\n" + done),
            ("recipient", done.replace(b"ann@example.com", b"bob@example.com")),
        ):
            with self.subTest(name=name):
                self.assertNotEqual(altered, done)
                found = []
                try:
                    found = verdicts(altered)
                except dkim.ValidationError:
                    found = [False, False]
                self.assertEqual(found, [False, False])

    def test_what_servers_add_and_fold_breaks_nothing(self):
        done = signer(RSA, ED25519).sign(message("a\n"))
        received = b"Received: from x by y;\r\n\tMon, 04 May 2026 12:00:00 +0000\r\nX-Spam: no\r\n"
        for name, altered in (
            ("trace", received + done),
            ("mailing list", b"List-Id: <l.example.org>\r\nSender: l@example.org\r\n" + done),
            ("folding", done.replace(b"Subject: A question", b"Subject:  A\r\n question ")),
            ("trailing blanks", done.replace(b"\r\na\r\n", b"\r\na  \r\n\r\n\r\n")),
        ):
            with self.subTest(name=name):
                self.assertNotEqual(altered, done)
                self.assertEqual(verdicts(altered), [True, True])

    def test_fields_are_signed_once_more_than_they_stand(self):
        names = signed_names(signer(RSA).sign(message(List_Unsubscribe="<x>", List_Unsubscribe_Post="y")))
        for name in ("from", "to", "subject", "date", "message-id", "list-unsubscribe", "list-unsubscribe-post"):
            self.assertEqual(names.count(name), 2, name)
        for name in ("cc", "reply-to"):
            self.assertEqual(names.count(name), 1, name)
        # Who adds a missing one further on does no harm.
        self.assertFalse({"sender", "list-id", "return-path", "received", "bcc"} & set(names))

    def test_ses_puts_date_and_message_id_anew(self):
        names = signed_names(signer(RSA).sign(message(), "email-smtp.eu-west-1.amazonaws.com"))
        self.assertFalse({"date", "message-id"} & set(names))
        self.assertIn("date", signed_names(signer(RSA).sign(message(), "email-smtp.example.com")))

    def test_mail_of_other_domains_stays_as_it_is(self):
        for sender in ("ann@example.org", "ann@sub.gateway.test", "ann@gateway.test.example.org", "nobody"):
            with self.subTest(sender=sender):
                content = message(sender=sender)
                self.assertEqual(signer(RSA).sign(content), content)

    def test_the_first_address_of_from_says_whose_mail_it_is(self):
        for value, domain in (
            ("ann@Example.ORG", "example.org"),
            ('"eve@example.com" <ann@example.org>', "example.org"),
            ("ann@example.org, bob@example.com", "example.org"),
            ("Ann <ann@bücher.example>", "xn--bcher-kva.example"),
            ("Friends: ann@example.org;", "example.org"),
            ("undisclosed:;", ""),
            ("nobody", ""),
            ("", ""),
        ):
            with self.subTest(value=value):
                self.assertEqual(domain_of_from(value), domain)
        self.assertEqual(from_domain(b"To: x\r\nfrom: =?utf-8?q?Z=C3=B6?=\r\n <z@example.org>\r\n\r\n"), "example.org")
        self.assertEqual(from_domain(b"To: x\r\n\r\nFrom: ann@example.org\r\n"), "")

    def test_mail_is_not_lost_where_it_cannot_be_signed(self):
        broken = SigningKey(3, "gateway.test", "odoo", SimpleNamespace(algorithm=KeyAlgorithm.RSA, sign=None))
        content = message()
        for name, made in (
            ("key", signer(broken)),
            ("closed", signer(problem="its key cannot be opened")),
        ):
            with self.subTest(name=name):
                self.assertEqual(made.sign(content), content)
                self.assertEqual(list(made.problems), ["gateway.test"])
        fine = signer(RSA)
        fine.sign(content)
        self.assertEqual((fine.problems, fine.signed), ({}, 1))

    def test_a_domain_may_ask_that_nothing_leaves_unsigned(self):
        broken = SigningKey(3, "gateway.test", "odoo", SimpleNamespace(algorithm=KeyAlgorithm.RSA, sign=None))
        begin = "Mail of this domain leaves only signed (DKIM), and "
        for made, words in (
            (signer(is_required=True), "no key of it may sign now."),
            (signer(is_required=True, problem="its key cannot be opened"), "its key cannot be opened."),
            (signer(broken, is_required=True), "the message could not be signed (TypeError)."),
        ):
            with self.subTest(words=words), self.assertRaises(UnsignedError) as caught:
                made.sign(message())
            self.assertEqual(str(caught.exception), begin + words)

    def test_a_database_error_is_not_swallowed(self):
        def find(domain):
            raise RuntimeError("the transaction is aborted")

        with self.assertRaises(RuntimeError):
            DkimSigner(find).sign(message())

    def test_spaces_without_end_cost_no_time(self):
        content = message().replace(b"hello", b"a" + b" " * 1_000_000 + b"b")
        begun = time.monotonic()
        done = signer(RSA).sign(content)
        self.assertLess(time.monotonic() - begun, 3)
        self.assertNotEqual(done, content)

    def test_the_domains_above(self):
        self.assertEqual(parents_of("a.b.example.org"), ["b.example.org", "example.org"])
        self.assertEqual(parents_of("example.org"), [])


class TestSigningSession(TransactionCase):
    """What the server gets."""

    def taken(self, script, **options):
        found = self.send(script, [ANN], **options)
        return found, b"\r\n".join(self.content()) + b"\r\n"

    def script(self, greeting, lines, at_once=True):
        # Each line of the message, however many the signatures have.
        talk = commands(ANN, last=b"250 ok\r\n250 ok\r\n354 go on\r\n")
        return [*greeting, *talk, *[Expect(r"^(?!\.$)")] * lines, Expect(LONE_DOT, b"250 2.0.0 ok\r\n")]

    def lines_of(self, *keys):
        """Return how many lines a message has once it is signed; the time in it changes none."""
        content = flatten(self.message, seven_bit=True)
        return signer(*keys).sign(content).count(b"\r\n")

    def test_the_bytes_that_leave_are_the_bytes_that_were_signed(self):
        made = signer(RSA, ED25519)
        found, content = self.taken(self.script(HELLO, self.lines_of(RSA, ED25519)), signer=made)
        self.assertEqual(found, {ANN: SENT})
        self.assertEqual(verdicts(content), [True, True])
        # What is kept of it is what left.
        self.assertEqual(self.session.content, content)

    def test_what_is_signed_travels_in_seven_bits(self):
        # RFC 6376 §5.3: a server further on that takes no eight bits would break the signature.
        self.message.set_content("Zoë\n", cte="8bit")
        found, content = self.taken(self.script(HELLO, self.lines_of(RSA)), signer=signer(RSA))
        self.assertEqual(found, {ANN: SENT})
        self.assertTrue(content.isascii())
        self.assertEqual(verdicts(content), [True])

    def test_nothing_is_said_to_the_server_about_mail_that_must_be_signed(self):
        found = self.send(HELLO, [ANN], signer=signer(is_required=True))
        self.assertEqual(found, {ANN: ("deferred", "not_signed")})
        self.assertFalse(self.session.results[ANN].counts)
        self.assertNotIn(b"MAIL", b"".join(self.server.lines))

    def test_the_session_of_another_addon_sends_what_may_leave_unsigned(self):
        sent = []
        other = SimpleNamespace(send_message=lambda *args: sent.append(args))
        session = WatchedSession(other)
        session.signer = signer(RSA)
        session.send_message(self.message, "box@gateway.test", [ANN])
        self.assertEqual((len(sent), list(session.signer.problems)), (1, ["gateway.test"]))
        session.signer = signer(RSA, is_required=True)
        with self.assertRaisesRegex(Exception, "leaves only signed"):
            session.send_message(self.message, "box@gateway.test", [ANN])
        result = session.results[ANN]
        self.assertEqual(
            (len(sent), result.state, result.reason), (1, OutboundState.DEFERRED, OutboundReason.NOT_SIGNED)
        )
