# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.confirmation import asks_to_confirm
from ...engine.message_kind import Classification, MessageKind
from ...engine.not_for_writing import hold_unbidden
from ...engine.outcome import InboundReason, InboundState
from ...engine.pipeline import walk
from ...engine.recipient import recipients
from ...engine.summary import summarize
from .case import EngineCase

RESERVED = ("bounce@gateway.test", "catchall@gateway.test", "notifications@gateway.test")
LINK = "Click https://provider.test/confirm?key=1 to confirm."


def mail(subject="Confirm your address", body=LINK, to="catchall@gateway.test", **fields):
    headers = "".join(f"{name}: {value}\r\n" for name, value in {"Subject": subject, "To": to, **fields}.items())
    content = f"From: team@provider.test\r\n{headers}\r\n{body}".encode()
    return summarize(content), content


class TestConfirmation(EngineCase):
    def test_what_asks_to_confirm(self):
        for subject, body, expected in (
            ("Confirm your email address", LINK, True),
            ("(#12345) Gmail Forwarding Confirmation", "code: 123456789", True),
            ("Amazon SES – Email Address Verification Request", LINK, True),
            ("Vérifiez votre adresse", LINK, True),
            ("Bitte bestätigen Sie Ihre Adresse", LINK, True),
            ("Activa tu cuenta", LINK, True),
            ("تأكيد العنوان", LINK, True),
            ("Your verification code is 123456", "Welcome", True),
            ("Confirm your email address", "Call me", False),
            ("My pension", LINK, False),
            ("Unconfirmed rumours", LINK, False),
            ("", "", False),
            ("Confirm the date", "It is on 2026-05-04, page 1.2345", False),
        ):
            with self.subTest(subject=subject):
                self.assertEqual(asks_to_confirm(*mail(subject, body)), expected)

    def test_a_link_in_markup(self):
        markup = "<p>Welcome</p><a href='https://provider.test/confirm'>Confirm</a>"
        self.assertTrue(asks_to_confirm(*mail(body=markup, **{"Content-Type": "text/html"})))


class TestNotForWriting(EngineCase):
    def ends(self, kind=MessageKind.AUTO_GENERATED, *, delivered_for=(), expected=False, facts=None, **fields):
        summary, content = mail(**fields)
        asked = []
        step = hold_unbidden(
            content,
            lambda message: delivered_for or recipients(message),
            lambda: RESERVED,
            lambda *question: asked.append(question) or expected,
        )
        passage = walk([step], summary, {"kind": Classification(kind), **(facts or {})})
        verdict = passage.verdict
        return bool(
            verdict and (verdict.state, verdict.reason) == (InboundState.QUARANTINED, InboundReason.NOT_FOR_WRITING)
        )

    def test_whose_mail_is_held(self):
        person = {"subject": "A question", "body": "Who are you?"}
        for case, expected, kind, options in (
            ("a machine to catchall", True, MessageKind.AUTO_GENERATED, {}),
            ("to bounce", True, MessageKind.AUTO_GENERATED, {"to": "Bounce+x@gateway.test"}),
            ("to notifications", True, MessageKind.AUTO_GENERATED, {"to": "N <notifications@gateway.test>"}),
            ("in Cc", True, MessageKind.AUTO_GENERATED, {"to": "x@remote.test", "Cc": "catchall@gateway.test"}),
            ("a list", True, MessageKind.MAILING_LIST, {}),
            ("what asks to confirm", True, MessageKind.PERSON, {}),
            ("delivered for it", True, MessageKind.AUTO_GENERATED, {"to": "", "delivered_for": [RESERVED[0]]}),
            ("a person", False, MessageKind.PERSON, person),
            ("an automatic reply", False, MessageKind.AUTOMATIC_REPLY, {}),
            ("a failure", False, MessageKind.DELIVERY_FAILURE, {}),
            ("to an alias", False, MessageKind.AUTO_GENERATED, {"to": "help@gateway.test"}),
            ("delivered for an alias", False, MessageKind.AUTO_GENERATED, {"delivered_for": ["help@gateway.test"]}),
            ("an answer, or to an alias too", False, MessageKind.AUTO_GENERATED, {"expected": True}),
            ("our own", False, MessageKind.AUTO_GENERATED, {"facts": {"own_mark": True}}),
            ("with a valid key", False, MessageKind.AUTO_GENERATED, {"facts": {"reply_key": {"model": "x"}}}),
            ("another domain", False, MessageKind.AUTO_GENERATED, {"to": "catchall@remote.test"}),
        ):
            with self.subTest(case=case):
                self.assertEqual(self.ends(kind, **options), expected)

    def test_mail_of_people_asks_nothing(self):
        def never(*_arguments):
            raise AssertionError("it was asked")

        summary, content = mail(subject="A question")
        passage = walk([hold_unbidden(content, never, never, never)], summary)
        self.assertIsNone(passage.verdict)
