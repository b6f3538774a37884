# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from __future__ import annotations

import unittest
from datetime import datetime

from ...engine.mail_fate import Recipient, failure_type, mail_fate
from ...engine.outcome import OutboundReason, OutboundState

NOON, ONE = datetime(2026, 1, 1, 12), datetime(2026, 1, 1, 13)


def one(state, reason=None, due=None, code=0, enhanced="", text=""):
    reason = OutboundReason(reason) if reason else None
    return Recipient("a@remote.test", None, OutboundState(state), reason, due, text, code, enhanced)


SENT, REFUSED = one("sent", "accepted"), one("failed", "refused", code=550, enhanced="5.1.1", text="no such user")
FATES = (
    # recipients, state, due, failure type
    ([SENT], "sent", None, ""),
    ([SENT, SENT], "sent", None, ""),
    ([REFUSED], "exception", None, "mail_email_invalid"),
    ([SENT, REFUSED], "exception", None, "mail_email_invalid"),
    ([REFUSED, one("failed", "expired")], "exception", None, "unknown"),
    ([one("failed", "expired")], "exception", None, "mail_smtp"),
    ([one("unknown", "process_died")], "exception", None, "unknown"),
    ([one("bounced")], "sent", None, ""),
    ([SENT, one("deferred", "try_later", NOON)], "outgoing", NOON, ""),
    ([one("deferred", "try_later", ONE), one("deferred", "try_later", NOON)], "outgoing", NOON, ""),
    ([one("deferred", "try_later", ONE), one("queued")], "outgoing", None, ""),
    ([REFUSED, one("sending")], "outgoing", None, ""),
    ([one("suppressed", "suppressed")], "cancel", None, "mail_bl"),
    ([SENT, one("suppressed", "suppressed")], "sent", None, ""),
    ([one("cancelled", "by_hand")], "cancel", None, ""),
    ([SENT, one("cancelled", "by_hand")], "sent", None, ""),
)
KINDS = (
    (one("failed", "refused", code=550), "mail_email_invalid"),
    (one("failed", "refused", code=550, enhanced="5.0.0"), "mail_email_invalid"),
    (one("failed", "refused", code=550, enhanced="5.7.1"), "unknown"),
    (one("failed", "refused", code=552), "unknown"),
    (one("failed", "refused", code=554, enhanced="5.1.8"), "mail_email_invalid"),
    (one("failed", "no_recipient"), "mail_email_invalid"),
    (one("failed", "no_sender"), "mail_from_invalid"),
    (one("failed", "no_login"), "mail_smtp"),
    (one("failed", "not_built"), "unknown"),
)


class TestMailFate(unittest.TestCase):
    def test_what_recipients_make_of_the_mail(self):
        for recipients, state, due, kind in FATES:
            fate = mail_fate(recipients)
            with self.subTest([(each.state.value, each.reason) for each in recipients]):
                self.assertEqual((fate.state, fate.due, fate.failure_type), (state, due, kind))

    def test_kinds_of_failure(self):
        for recipient, kind in KINDS:
            with self.subTest(recipient):
                self.assertEqual(failure_type(recipient.reason, recipient.code, recipient.enhanced), kind)

    def test_reasons_in_words(self):
        for recipients, words in (
            ([REFUSED], "The server refused it: 550 5.1.1 no such user"),
            ([SENT, REFUSED], "1 of 2: The server refused it: 550 5.1.1 no such user"),
            (
                [REFUSED, REFUSED, one("failed", "expired"), SENT],
                "2 of 4: The server refused it: 550 5.1.1 no such user\n"
                "1 of 4: It could not be delivered in the time allowed",
            ),
            ([one("queued", "quota", NOON, text="Daily limit")], "A limit of the server is reached: Daily limit"),
            ([one("queued")], ""),
            ([SENT], ""),
        ):
            with self.subTest(words):
                self.assertEqual(mail_fate(recipients).failure_reason, words)
