# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.reply_policy import REPLY_POLICY_WORDS, ReplyPolicy, ReplyRequest, may_reply
from ...engine.sender_verdict import SenderResult, SenderVerdict
from .case import EngineCase

ANYONE, PARTICIPANTS, HOLDERS = ReplyPolicy
KEY, TAKES_PART, OLD = "key", "takes part", "old"
NONE, PASS, FAIL = SenderVerdict(), SenderVerdict(SenderResult.PASS), SenderVerdict(SenderResult.FAIL)


class TestReplyPolicy(EngineCase):
    def test_who_may(self):
        for policy, has, verdict, allowed in (
            (ANYONE, (), None, True),
            (ANYONE, (), FAIL, True),
            (PARTICIPANTS, (), None, False),
            (PARTICIPANTS, (), PASS, False),
            (PARTICIPANTS, (TAKES_PART,), None, True),
            (PARTICIPANTS, (TAKES_PART,), NONE, True),
            (PARTICIPANTS, (TAKES_PART,), PASS, True),
            (PARTICIPANTS, (TAKES_PART,), FAIL, False),
            (PARTICIPANTS, (KEY,), None, True),
            # A list in between breaks signatures; the address is nobody else's.
            (PARTICIPANTS, (KEY,), FAIL, True),
            (HOLDERS, (), None, False),
            (HOLDERS, (TAKES_PART,), PASS, False),
            (HOLDERS, (KEY,), None, True),
            (HOLDERS, (KEY,), FAIL, True),
            (HOLDERS, (OLD,), PASS, False),
            (HOLDERS, (OLD, TAKES_PART), NONE, True),
            (HOLDERS, (OLD, TAKES_PART), FAIL, False),
        ):
            with self.subTest(policy=policy, has=has, verdict=verdict):
                request = ReplyRequest(KEY in has, lambda has=has: TAKES_PART in has, verdict, OLD in has)
                found, step = may_reply(policy, request)
                self.assertIs(found, allowed)
                self.assertEqual(step.followed, "allowed" if allowed else "not posted")

    def test_who_takes_part_is_asked_only_when_it_decides(self):
        def forbidden():
            raise AssertionError("asked")

        for policy, holds_key, verdict in (
            (ANYONE, False, None),
            (PARTICIPANTS, True, None),
            (PARTICIPANTS, False, FAIL),
            (HOLDERS, False, None),
        ):
            with self.subTest(policy=policy):
                may_reply(policy, ReplyRequest(holds_key, forbidden, verdict))

    def test_all_have_words(self):
        self.assertEqual(set(REPLY_POLICY_WORDS), set(ReplyPolicy))
