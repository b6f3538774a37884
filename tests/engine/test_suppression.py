# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import unittest
from datetime import datetime, timedelta

from ...engine.bounce_reason import BounceReason
from ...engine.delivery import RecipientResult
from ...engine.message_kind import RecipientReport, ReportAction
from ...engine.outcome import OutboundReason, OutboundState
from ...engine.suppression import (
    BOUNCES,
    REACH_WORDS,
    SUPPRESSION_REASON_WORDS,
    SUPPRESSION_SOURCE_WORDS,
    Entry,
    Lesson,
    MailClass,
    Reach,
    SuppressionPolicy,
    SuppressionReason,
    SuppressionSource,
    after_hearing,
    are_enough,
    binds,
    entry_of,
    expiry,
    learn,
    merged,
    refusal_report,
)
from ...engine.suppression_words import CURE, describe, refusal_text

NOW = datetime(2026, 11, 20, 12, 0)
TODAY = NOW.date()
DAY = timedelta(days=1)
POLICY = SuppressionPolicy()
HARD, SOFT = SuppressionReason.HARD_BOUNCE, SuppressionReason.SOFT_BOUNCES
COMPLAINT, BY_HAND, IMPORTED = SuppressionReason.COMPLAINT, SuppressionReason.BY_HAND, SuppressionReason.IMPORTED


def report(action="failed", hard=False, reason="undefined"):
    return RecipientReport("ann@a.org", ReportAction(action), is_hard=hard, reason=BounceReason(reason))


def entry(reason=HARD, until=None, reach=Reach.ALL, bounced=None, why=None, since=NOW):
    bounced = reason in BOUNCES if bounced is None else bounced
    return Entry(reason, since, until, reach, bounced, BounceReason(why) if why else None)


LESSONS = (
    (report(hard=True, reason="address_unknown"), Lesson.ENTER),
    (report(hard=True), Lesson.ENTER),
    (report("complained"), Lesson.ENTER),
    (report("delivered"), Lesson.ALIVE),
    (report("delayed"), Lesson.NOTHING),
    (report("delayed", hard=True), Lesson.NOTHING),
    (report(), Lesson.COUNT),
    (report(reason="mailbox_full"), Lesson.COUNT),
    (report(reason="expired"), Lesson.COUNT),
    (report(reason="network"), Lesson.COUNT),
    (report(reason="blocked"), Lesson.NOTHING),
    (report(reason="spam"), Lesson.NOTHING),
    (report(reason="too_large"), Lesson.NOTHING),
    (report(reason="authentication"), Lesson.NOTHING),
    (report(reason="policy"), Lesson.NOTHING),
    (report(reason="rate_limited"), Lesson.NOTHING),
)


def days(*counts):
    """{day: count}, the last one today."""
    return {TODAY - (len(counts) - 1 - number) * DAY: count for number, count in enumerate(counts)}


ENOUGH = (
    ("nothing", {}, False),
    ("four on four days", days(1, 1, 1, 1), False),
    ("five on five days", days(1, 1, 1, 1, 1), True),
    ("five on three days", days(2, 2, 1), True),
    ("five on two days", days(3, 2), False),
    ("fifty on one day", days(50), False),
    ("five, one of them 29 days ago", {**days(2, 2), TODAY - 29 * DAY: 1}, True),
    ("five, one of them 30 days ago", {**days(2, 2), TODAY - 30 * DAY: 1}, False),
    ("days without any do not count", days(0, 0, 5), False),
    ("a clock that went back", {TODAY + DAY: 9, **days(1, 1, 1)}, False),
)

ALL, MASS, TRANSACTIONAL, LEGAL, LOGIN = "all", "mass", "transactional", "legal", "login"
BINDS = (
    (entry(), TRANSACTIONAL, True),
    (entry(), MASS, True),
    (entry(), LEGAL, False),
    (entry(), LOGIN, False),
    (entry(), "another addon's", True),
    (entry(COMPLAINT), LEGAL, False),
    (entry(COMPLAINT, reach=Reach.MASS), MASS, True),
    (entry(COMPLAINT, reach=Reach.MASS), TRANSACTIONAL, False),
    (entry(COMPLAINT, reach=Reach.MASS, bounced=True), TRANSACTIONAL, True),
    (entry(until=NOW + DAY), TRANSACTIONAL, True),
    (entry(until=NOW), TRANSACTIONAL, False),
    (entry(until=NOW - DAY), MASS, False),
)

# What was, what comes, what is: (reason, reach, whether mail came back, until).
MERGES = (
    (None, entry(), (HARD, Reach.ALL, True, None)),
    (entry(COMPLAINT, until=NOW - DAY), entry(), (HARD, Reach.ALL, True, None)),
    (entry(SOFT, NOW + DAY), entry(HARD, NOW + 2 * DAY), (HARD, Reach.ALL, True, NOW + 2 * DAY)),
    (entry(HARD, NOW + 2 * DAY), entry(SOFT, NOW + DAY), (HARD, Reach.ALL, True, NOW + 2 * DAY)),
    (entry(COMPLAINT, reach=Reach.MASS), entry(HARD, NOW + DAY), (COMPLAINT, Reach.MASS, True, None)),
    (entry(HARD, NOW + DAY), entry(COMPLAINT, reach=Reach.MASS), (COMPLAINT, Reach.MASS, True, None)),
    (entry(BY_HAND), entry(COMPLAINT, reach=Reach.MASS), (COMPLAINT, Reach.ALL, False, None)),
    (entry(BY_HAND, reach=Reach.MASS), entry(COMPLAINT, reach=Reach.MASS), (COMPLAINT, Reach.MASS, False, None)),
    (entry(BY_HAND, NOW + DAY), entry(IMPORTED), (BY_HAND, Reach.ALL, False, None)),
)

HEARD = (
    (entry(HARD), None),
    (entry(SOFT), None),
    (entry(BY_HAND), entry(BY_HAND)),
    (entry(IMPORTED), entry(IMPORTED)),
    (entry(COMPLAINT), entry(COMPLAINT)),
    (
        entry(COMPLAINT, reach=Reach.MASS, bounced=True, why="mailbox_full"),
        entry(COMPLAINT, reach=Reach.MASS, bounced=False),
    ),
)

WORDS = (
    (entry(why="address_unknown"), "mail to it came back for good (the address does not exist)."),
    (entry(why="undefined"), "mail to it came back for good."),
    (entry(SOFT, why="mailbox_full"), "mail to it came back several times (the mailbox is full)."),
    (entry(COMPLAINT), "its owner reported our mail as unwanted."),
    (
        entry(COMPLAINT, bounced=True, why="mailbox_full"),
        "its owner reported our mail as unwanted, and mail to it came back (the mailbox is full).",
    ),
    (entry(BY_HAND), "a person entered it."),
    (entry(IMPORTED), "it was imported from a file."),
)


def refused(enhanced, state="failed", reason="refused", phase="recipient"):
    return RecipientResult(OutboundState(state), OutboundReason(reason), phase, 550, enhanced, "no")


# What a server said to us, and whether it is hard, soft (False) or no word about the address (None).
REFUSALS = (
    (refused("5.1.1"), True),
    (refused("5.1.10"), True),
    (refused("5.2.1"), True),
    (refused("5.2.2"), False),
    (refused(""), None),
    (refused("5.7.1"), None),
    (refused("5.1.8"), None),
    (refused("5.1.1", phase="data"), None),
    (refused("5.1.1", phase="sender"), None),
    (refused("5.1.1", state="deferred"), None),
    (refused("5.1.1", state="failed", reason="not_allowed"), None),
)


class TestSuppression(unittest.TestCase):
    def test_what_follows_from_a_report(self):
        for one, expected in LESSONS:
            with self.subTest(action=one.action, reason=one.reason, hard=one.is_hard):
                self.assertIs(learn(one), expected)

    def test_when_soft_bounces_are_enough(self):
        for name, counts, expected in ENOUGH:
            with self.subTest(name):
                self.assertIs(are_enough(counts, TODAY, POLICY), expected)

    def test_a_count_of_nought_means_never(self):
        self.assertFalse(are_enough(days(9, 9, 9, 9), TODAY, SuppressionPolicy(soft_count=0)))

    def test_whom_an_entry_binds(self):
        for one, mail_class, expected in BINDS:
            with self.subTest(reason=one.reason, reach=one.reach, until=one.until, mail_class=mail_class):
                self.assertIs(binds(one, mail_class, POLICY, NOW), expected)

    def test_a_company_says_which_mail_obeys(self):
        nobody, legal = SuppressionPolicy(obeying=frozenset()), SuppressionPolicy(obeying=frozenset({MailClass.LEGAL}))
        self.assertFalse(any(binds(entry(), kind.value, nobody, NOW) for kind in MailClass))
        self.assertEqual([kind for kind in MailClass if binds(entry(), kind.value, legal, NOW)], [MailClass.LEGAL])

    def test_a_further_reason(self):
        for old, new, expected in MERGES:
            found = merged(old, new, NOW)
            with self.subTest(old=old and old.reason, new=new.reason):
                self.assertEqual((found.reason, found.reach, found.has_bounced, found.until), expected)

    def test_since_stays_when_a_further_reason_comes(self):
        self.assertEqual(merged(entry(SOFT, since=NOW - 9 * DAY), entry(), NOW).since, NOW - 9 * DAY)
        self.assertEqual(merged(entry(SOFT, since=NOW - 9 * DAY, until=NOW - DAY), entry(), NOW).since, NOW)

    def test_what_is_left_when_the_person_writes(self):
        for one, expected in HEARD:
            with self.subTest(reason=one.reason, bounced=one.has_bounced):
                self.assertEqual(after_hearing(one), expected)

    def test_each_reason_has_its_lifetime(self):
        expected = {HARD: NOW + 180 * DAY, SOFT: NOW + 30 * DAY, COMPLAINT: None, BY_HAND: None, IMPORTED: None}
        self.assertEqual({reason: expiry(reason, NOW, POLICY) for reason in SuppressionReason}, expected)

    def test_the_entry_that_a_report_makes(self):
        for one, mail_class, expected in (
            (report(hard=True, reason="domain_unknown"), MASS, entry(HARD, NOW + 180 * DAY, why="domain_unknown")),
            (report(reason="mailbox_full"), MASS, entry(SOFT, NOW + 30 * DAY, why="mailbox_full")),
            (report("complained"), MASS, entry(COMPLAINT, reach=Reach.MASS)),
            (report("complained"), TRANSACTIONAL, entry(COMPLAINT)),
        ):
            with self.subTest(action=one.action, mail_class=mail_class):
                self.assertEqual(entry_of(one, mail_class, NOW, POLICY), expected)

    def test_words(self):
        for one, expected in WORDS:
            with self.subTest(expected):
                self.assertEqual(describe(one), f"On the suppression list since 2026-11-20: {expected}")

    def test_the_words_of_a_refusal_say_until_when_and_how_to_remove_it(self):
        self.assertEqual(
            refusal_text(entry(until=datetime(2027, 1, 2))),
            f"On the suppression list since 2026-11-20, until 2027-01-02: mail to it came back for good. {CURE}",
        )

    def test_what_a_server_says_at_rcpt(self):
        for result, expected in REFUSALS:
            found = refusal_report("ann@a.org", result)
            with self.subTest(enhanced=result.enhanced, phase=result.phase, state=result.state):
                self.assertIs(found and found.is_hard, expected)

    def test_each_value_has_its_words(self):
        for words, values in (
            (SUPPRESSION_REASON_WORDS, SuppressionReason),
            (SUPPRESSION_SOURCE_WORDS, SuppressionSource),
            (REACH_WORDS, Reach),
        ):
            self.assertEqual(set(words), set(values))
