# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import unittest

from ...engine.audit_action import AUDIT_ACTION_WORDS, LONGEST_DETAIL, AuditAction, safe_detail


class TestAuditAction(unittest.TestCase):
    def test_every_action_has_words(self):
        self.assertEqual(list(AUDIT_ACTION_WORDS), list(AuditAction))
        self.assertEqual(len(set(AUDIT_ACTION_WORDS.values())), len(AuditAction))

    def test_a_detail_holds_no_address(self):
        for text, expected in (
            ("", ""),
            (None, ""),
            ("res.partner,12", "res.partner,12"),
            ("for ann@example.com now", "for (address) now"),
            ("Ann <ann@example.com>,\n<bob@example.com>", "Ann (address) (address)"),
            ("x" * 500, "x" * LONGEST_DETAIL),
        ):
            with self.subTest(text=text):
                self.assertEqual(safe_detail(text), expected)
