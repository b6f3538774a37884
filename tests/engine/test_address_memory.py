# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from __future__ import annotations

import unittest
from email.policy import SMTP
from email.utils import getaddresses

from ...engine.address_memory import LONGEST, remembering


class TestAddressMemory(unittest.TestCase):
    def setUp(self):
        self.asked = []

        def split(text):
            self.asked.append(text)
            return getaddresses([text]) if text else []

        self.split = remembering(split)

    def test_a_text_is_taken_apart_once(self):
        for _time in range(2):
            self.assertEqual(self.split("Ann <ann@remote.test>"), [("Ann", "ann@remote.test")])
        self.assertEqual(self.asked, ["Ann <ann@remote.test>"])

    def test_who_changes_the_list_changes_nobody_elses(self):
        self.split("ann@remote.test").clear()
        self.assertEqual(self.split("ann@remote.test"), [("", "ann@remote.test")])

    def test_a_header_field_is_its_text(self):
        field = SMTP.header_factory("To", "Ann <ann@remote.test>")
        self.assertEqual(self.split(field), self.split("Ann <ann@remote.test>"))
        self.assertIs(type(self.asked[0]), str)

    def test_what_is_long_or_no_text_is_not_kept(self):
        for value in ("a" * LONGEST + "@remote.test", "", None, False):
            before = len(self.asked)
            self.split(value)
            self.split(value)
            with self.subTest(value=value):
                self.assertEqual(len(self.asked), before + 2)

    def test_it_is_put_in_once(self):
        self.assertIs(remembering(self.split), self.split)
