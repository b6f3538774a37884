# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The page that says what each reason means knows all of them, in the words that people see."""

import re
from pathlib import Path

from ...engine.bounce_reason import BOUNCE_REASON_WORDS
from ...engine.breaker import BREAKER_STATE_WORDS
from ...engine.health import HEALTH_STATE_WORDS
from ...engine.loop import LOOP_LIMIT_WORDS
from ...engine.message_kind import MESSAGE_KIND_WORDS
from ...engine.outcome import (
    INBOUND_REASON_WORDS,
    INBOUND_SOURCE_WORDS,
    INBOUND_STATE_WORDS,
    OUTBOUND_REASON_WORDS,
    OUTBOUND_STATE_WORDS,
)
from ...engine.report import CONSEQUENCE_WORDS
from ...engine.sender_policy import SENDER_MARK_WORDS
from ...engine.sender_verdict import SENDER_RESULT_WORDS
from ...engine.suppression import SUPPRESSION_REASON_WORDS, SUPPRESSION_SOURCE_WORDS
from .case import EngineCase

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reasons.md"

# In the order of the page: each table's first row stands for the table.
TABLES = (
    INBOUND_STATE_WORDS,
    INBOUND_REASON_WORDS,
    INBOUND_SOURCE_WORDS,
    MESSAGE_KIND_WORDS,
    SENDER_RESULT_WORDS,
    OUTBOUND_STATE_WORDS,
    OUTBOUND_REASON_WORDS,
    BOUNCE_REASON_WORDS,
    CONSEQUENCE_WORDS,
    SUPPRESSION_REASON_WORDS,
    SUPPRESSION_SOURCE_WORDS,
    LOOP_LIMIT_WORDS,
    HEALTH_STATE_WORDS,
    BREAKER_STATE_WORDS,
)


def tables(text):
    """Return the rows (words, value, rest of the cells) of each table whose first cell is "words<br>`value`"."""
    found, rows = [], []
    for line in [*text.splitlines(), ""]:
        if match := re.match(r"\| (.+?)<br>`(\w+)` \| (.+) \|$", line):
            rows.append((match[1], match[2], [cell.strip() for cell in match[3].split(" | ")]))
        elif not line.startswith("|") and rows:
            found.append(rows)
            rows = []
    return found


class TestReasonsPage(EngineCase):
    def test_every_reason_has_its_row_and_no_row_is_stale(self):
        found = tables(PAGE.read_text(encoding="utf-8"))
        self.assertEqual(len(found), len(TABLES))
        for rows, words in zip(found, TABLES, strict=True):
            wanted = {key.value: label for key, label in words.items()}
            with self.subTest(table=type(next(iter(words))).__name__):
                self.assertEqual({value: label for label, value, _cells in rows}, wanted)
                self.assertEqual(len(rows), len(wanted), "a row stands there twice")

    def test_every_row_says_something(self):
        for rows in tables(PAGE.read_text(encoding="utf-8")):
            for label, _value, cells in rows:
                for cell in cells:
                    self.assertTrue(re.search(r"[a-z]{2}", cell), f"{label}: an empty cell")

    def test_every_mark_of_the_chatter_is_named(self):
        text = " ".join(PAGE.read_text(encoding="utf-8").split())
        for mark, label in SENDER_MARK_WORDS.items():
            self.assertIn(f"**{label}** (`{mark.value}`)", text)

    def test_a_missing_row_would_be_seen(self):
        # The reader of tables itself: a row that it does not understand is no row.
        self.assertEqual(tables("| Done<br>`done` | all is well | nothing |\n| Odd | x |\n")[0][0][1], "done")
        self.assertEqual(len(tables("| A<br>`a` | x |\n\n| B<br>`b` | y |\n")), 2)
