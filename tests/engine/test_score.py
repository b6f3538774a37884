# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""`./dev score`. It is no part of the addon, so these tests run by `./dev test engine` alone, and not in Odoo."""

import contextlib
import io
import json
import tempfile
from pathlib import Path
from unittest.mock import patch

from tools import score
from tools.report import Failure

from .case import EngineCase

FAILED = (
    b"From: MAILER-DAEMON@mx.example.org\r\nSubject: failure notice\r\nX-Failed-Recipients: jo@example.net\r\n\r\n"
    b"<jo@example.net>: 550 5.1.1 no such user\r\n"
)
AWAY = b"From: Jo <jo@example.net>\r\nAuto-Submitted: auto-replied\r\n\r\nI am away.\r\n"


class TestScore(EngineCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def fill(self, expected, **mails):
        (self.folder / "expected.json").write_text(expected if isinstance(expected, str) else json.dumps(expected))
        for name, content in mails.items():
            (self.folder / f"{name}.eml").write_bytes(content)

    def run_json(self):
        with contextlib.redirect_stdout(io.StringIO()) as output:
            self.assertEqual(score.main([str(self.folder), "--json"]), 0)
        return json.loads(output.getvalue())

    def test_one_object_with_five_shares(self):
        self.fill(
            {"a.eml": [["5.1.1", "550", "userunknown", True]], "b.eml": [["", "", "vacation", False]]}, a=FAILED, b=AWAY
        )
        self.assertEqual(self.run_json(), {"mails": 2, "exceptions": 0, "kind": 1.0, "hard_soft": 1.0, "status": 1.0})

    def test_what_is_wrong_counts(self):
        for rows, kind, hard_soft, status in (
            ([["5.1.1", "550", "userunknown", True]], 1.0, 1.0, 1.0),
            ([["5.1.1", "550", "filtered", False]], 1.0, 0.0, 1.0),
            ([["5.2.2", "550", "mailboxfull", False]], 1.0, 0.0, 0.0),
            ([["5.0.911", "550", "userunknown", True]], 1.0, 1.0, 1.0),
            ([["4.0.911", "550", "userunknown", True]], 1.0, 1.0, 0.0),
            ([["5.0.922", "550", "mailboxfull", False]], 1.0, 0.0, 0.0),
            ([["5.1.1", "550", "userunknown", True], ["5.1.1", "550", "userunknown", True]], 1.0, 0.5, 0.5),
            ([["2.1.5", "250", "delivered", False]], 0.0, 0.0, 0.0),
            ([["", "", "vacation", False]], 0.0, 0.0, 0.0),
            ([], 0.0, 1.0, 1.0),
        ):
            with self.subTest(rows=rows):
                self.fill({"a.eml": rows}, a=FAILED)
                found = self.run_json()
                self.assertEqual((found["kind"], found["hard_soft"], found["status"]), (kind, hard_soft, status))

    def test_an_exception_is_counted_and_named(self):
        self.fill(
            {"a.eml": [["5.1.1", "550", "userunknown", True]], "b.eml": [["", "", "vacation", False]]}, a=FAILED, b=AWAY
        )
        classify, summarize = score._engine()

        def fails(content, summary):
            if content == FAILED:
                raise KeyError("broken")
            return classify(content, summary)

        with patch.object(score, "_engine", return_value=(fails, summarize)):
            result = score.count(self.folder)
        self.assertEqual((result.exceptions, result.kind.right, result.hard_soft.right), (1, 1, 1))
        self.assertIn("a.eml: KeyError: 'broken'", score.table(result))

    def test_the_table_lists_the_misses(self):
        self.fill({"a.eml": [["5.2.2", "550", "mailboxfull", False]]}, a=FAILED)
        table = score.table(score.count(self.folder))
        self.assertIn("a.eml #1: hard (address_unknown, 5.1.1), expected soft (mailboxfull, 5.2.2)", table)
        self.assertRegex(table, r"mailboxfull +1 of +1 +100\.0 % +0 of +1 +0\.0 %")

    def test_bad_folders_are_told_in_plain_words(self):
        for expected, words in (
            ("{", "is no valid JSON"),
            ("[" * 100_000, "is no valid JSON"),
            ("[]", "must be an object with at least one mail"),
            ("{}", "must be an object with at least one mail"),
            ('{"a.eml": 1}', "the rows of a.eml must be lists of"),
            ('{"a.eml": [["5.1.1", "550", "userunknown"]]}', "the rows of a.eml must be lists of"),
            ('{"a.eml": [["5.1.1", 550, "userunknown", true]]}', "the rows of a.eml must be lists of"),
            ('{"../a.eml": []}', "which is no name of a file in the folder"),
            ('{"missing.eml": []}', "names missing.eml, which is not in the folder"),
        ):
            with self.subTest(expected=expected[:30]):
                self.fill(expected)
                with self.assertRaises(Failure) as caught:
                    score.count(self.folder)
                self.assertIn(words, str(caught.exception))

    def test_no_folder_and_no_table(self):
        with self.assertRaises(Failure) as caught:
            score.count(self.folder / "nothing")
        self.assertIn("is no folder", str(caught.exception))
        with self.assertRaises(Failure) as caught:
            score.count(self.folder)
        self.assertIn("has no expected.json", str(caught.exception))
