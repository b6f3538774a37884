# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine import outcome
from ...engine.outcome import InboundReason, InboundState, OutboundReason, OutboundState, selection
from .case import EngineCase


class TestOutcome(EngineCase):
    def test_every_state_and_reason_has_words(self):
        for values, words in (
            (InboundState, outcome.INBOUND_STATE_WORDS),
            (InboundReason, outcome.INBOUND_REASON_WORDS),
            (OutboundState, outcome.OUTBOUND_STATE_WORDS),
            (OutboundReason, outcome.OUTBOUND_REASON_WORDS),
        ):
            with self.subTest(values=values.__name__):
                self.assertEqual(list(words), list(values))

    def test_words_are_distinct(self):
        # Two fates with one name could not be told apart in a list or a filter.
        for words in (
            outcome.INBOUND_STATE_WORDS,
            outcome.INBOUND_REASON_WORDS,
            outcome.OUTBOUND_STATE_WORDS,
            outcome.OUTBOUND_REASON_WORDS,
        ):
            self.assertEqual(len(set(words.values())), len(words))

    def test_values_are_what_the_database_holds(self):
        # A renamed value would orphan stored rows: such a change needs a migration, and this list.
        for values, stored in (
            (InboundState, "received processing done duplicate retry quarantined discarded"),
            (
                InboundReason,
                "record_created record_updated action_run bounce_handled notice_sent known_entry known_message_id "
                "no_route route_refused loop empty creation_failed database_busy process_died too_many_attempts "
                "by_hand",
            ),
            (OutboundState, "queued sending sent deferred failed bounced unknown suppressed cancelled"),
        ):
            with self.subTest(values=values.__name__):
                self.assertLessEqual(set(stored.split()), {member.value for member in values})

    def test_selection_gives_values_and_labels_in_order(self):
        self.assertEqual(
            selection({InboundState.DONE: "Done", InboundState.RETRY: "Waiting"}),
            [("done", "Done"), ("retry", "Waiting")],
        )
