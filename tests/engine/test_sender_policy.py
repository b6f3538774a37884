# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.sender_policy import SenderMark, decide, strictest
from ...engine.sender_verdict import SenderPolicy, SenderResult
from .case import EngineCase

PASS, FAIL, NONE = SenderResult.PASS, SenderResult.FAIL, SenderResult.NONE
ACCEPT, MARK, QUARANTINE, REFUSE = SenderPolicy
PROVED, UNPROVED, FORGED = SenderMark


class TestDecision(EngineCase):
    def test_the_strictest(self):
        for policies, expected in (
            ((), ""),
            (("mark",), "mark"),
            (("quarantine", "accept", "mark"), "quarantine"),
            (("accept", "refuse", "quarantine"), "refuse"),
        ):
            with self.subTest(policies=policies):
                self.assertEqual(strictest(policies), expected)

    def test_every_case(self):
        """(result, policy, what is known) -> (may be the author, opens restricted aliases, mark, state)"""
        for result, policy, known, expected in (
            (PASS, ACCEPT, {}, (True, True, None, None)),
            (PASS, MARK, {}, (True, True, PROVED, None)),
            (PASS, QUARANTINE, {"is_ours": True}, (True, True, PROVED, None)),
            (NONE, ACCEPT, {}, (True, True, None, None)),
            (NONE, MARK, {}, (True, True, None, None)),
            (NONE, QUARANTINE, {}, (True, True, None, None)),
            (NONE, REFUSE, {}, (True, True, None, None)),
            (FAIL, ACCEPT, {}, (True, False, None, None)),
            (FAIL, MARK, {}, (True, False, FORGED, None)),
            (FAIL, QUARANTINE, {}, (True, False, FORGED, "quarantined")),
            (FAIL, REFUSE, {}, (True, False, FORGED, "discarded")),
            # Only our own look at a signature says so: nothing is thrown away by it.
            (FAIL, REFUSE, {"is_noted": False}, (True, False, FORGED, "quarantined")),
            # It claims to be of ours: whatever the policy is, it acts as nobody.
            (NONE, ACCEPT, {"is_ours": True}, (False, False, None, None)),
            (NONE, MARK, {"is_ours": True}, (False, False, UNPROVED, None)),
            (NONE, QUARANTINE, {"is_ours": True}, (False, False, UNPROVED, "quarantined")),
            (NONE, REFUSE, {"is_ours": True}, (False, False, UNPROVED, "quarantined")),
            (FAIL, ACCEPT, {"is_ours": True}, (False, False, None, None)),
            (FAIL, MARK, {"is_ours": True}, (False, False, FORGED, None)),
            # none is not fail
            (NONE, MARK, {"is_ours": True, "authenticates_users": True}, (True, True, None, None)),
            (NONE, REFUSE, {"is_ours": True, "authenticates_users": True}, (True, True, None, None)),
            (FAIL, MARK, {"is_ours": True, "authenticates_users": True}, (False, False, FORGED, None)),
            # A reply stays in its thread.
            (NONE, QUARANTINE, {"is_ours": True, "is_reply": True}, (False, False, UNPROVED, None)),
            (NONE, REFUSE, {"is_ours": True, "is_reply": True}, (False, False, UNPROVED, None)),
            (FAIL, REFUSE, {"is_ours": True, "is_reply": True}, (False, False, FORGED, "discarded")),
            # A person has looked at it.
            (FAIL, REFUSE, {"is_ours": True, "is_accepted": True}, (True, True, None, None)),
            (NONE, QUARANTINE, {"is_ours": True, "is_accepted": True}, (True, True, None, None)),
        ):
            with self.subTest(result=result.value, policy=policy.value, known=known):
                found = decide(result, policy, **{"is_ours": False, **known})
                state = found.state and found.state.value
                self.assertEqual((found.is_author, found.opens_restricted, found.mark, state), expected)
                self.assertEqual(bool(found.state), bool(found.reason))
                self.assertTrue(found.words)
