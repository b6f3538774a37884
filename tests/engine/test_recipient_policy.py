# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.outcome import InboundReason, InboundState
from ...engine.pipeline import walk
from ...engine.recipient_policy import RecipientPolicy, RecipientVerdict, judge_recipient
from ...engine.summary import summarize
from ...engine.unknown_recipient import hold_unknown_recipient
from .case import EngineCase

OURS, REFUSE, QUARANTINE = RecipientPolicy.OURS, RecipientPolicy.REFUSE, RecipientPolicy.QUARANTINE
# Recipient, whether the intake has a target of its own, policy; what follows.
CASES = [
    ("help@ours.org", False, OURS, "accept"),
    ("HELP@Ours.ORG", False, REFUSE, "accept"),
    ("", False, REFUSE, "accept"),
    ("nobody@ours.org", False, OURS, "refuse"),
    ("Nobody@OURS.org", False, OURS, "refuse"),
    ("nobody@ours.org", False, REFUSE, "refuse"),
    ("nobody@ours.org", False, QUARANTINE, "hold"),
    ("nobody@ours.org", True, OURS, "accept"),
    ("nobody@ours.org", True, REFUSE, "refuse"),
    ("nobody@ours.org", True, QUARANTINE, "accept"),
    ("odoo@internal.host", False, OURS, "accept"),
    ("odoo@internal.host", False, REFUSE, "refuse"),
    ("odoo@internal.host", False, QUARANTINE, "accept"),
    ("odoo", False, OURS, "accept"),
    ("help@sub.ours.org", False, OURS, "accept"),
    ("help+tag@ours.org", False, OURS, "refuse"),
    ("Postmaster@ours.org", False, REFUSE, "hold"),
    ("postmaster@ours.org", True, REFUSE, "accept"),
    ("postmaster@other.org", False, REFUSE, "refuse"),
]


class TestRecipient(EngineCase):
    def test_verdicts(self):
        for recipient, has_target, policy, verdict in CASES:
            with self.subTest(recipient=recipient, has_target=has_target, policy=policy):
                found = judge_recipient(
                    recipient, known={"help@ours.org"}, domains={"ours.org"}, has_target=has_target, policy=policy
                )
                self.assertEqual(found.value, verdict)

    def test_only_what_is_accepted_is_routed(self):
        for verdict in RecipientVerdict:
            with self.subTest(verdict):
                passage = walk([hold_unknown_recipient(verdict)], summarize(b"Subject: x\r\n\r\nx"))
                if verdict is RecipientVerdict.ACCEPT:
                    self.assertIsNone(passage.verdict)
                else:
                    self.assertEqual(
                        (passage.verdict.state, passage.verdict.reason),
                        (InboundState.QUARANTINED, InboundReason.UNKNOWN_RECIPIENT),
                    )
