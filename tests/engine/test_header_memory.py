# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from __future__ import annotations

import copy
import pickle
import unittest
from email.message import EmailMessage
from email.policy import SMTP

from ...engine.header_memory import LONGEST, remembering

FIELDS = (
    ("From", "Office Größe <office@example.org>"),
    ("To", '"Diallo, Amina" <amina@remote.test>, b@remote.test'),
    ("Subject", "Ihr Fall – naïve"),
    ("Message-Id", "<1@example.org>"),
    ("References", "<1@example.org> <2@example.org>"),
    ("X-Own", "words " * 60),
)


class Counting:
    def __init__(self, registry):
        self.registry, self.calls = registry, 0

    def __call__(self, name, value):
        self.calls += 1
        return self.registry(name, value)

    def __getitem__(self, name):
        return self.registry[name]


def message(policy):
    made = EmailMessage(policy=policy)
    for name, value in FIELDS:
        made[name] = value
    made.set_content("Größe, naïve.", subtype="html", charset="utf-8")
    return made


class TestHeaderMemory(unittest.TestCase):
    def setUp(self):
        self.counting = Counting(SMTP.header_factory)
        self.policy = remembering(SMTP.clone(header_factory=self.counting))

    def test_the_bytes_are_the_same(self):
        for _time in range(2):
            self.assertEqual(message(self.policy).as_bytes(), message(SMTP).as_bytes())

    def test_a_field_is_parsed_once(self):
        message(self.policy)
        before = self.counting.calls
        message(self.policy)
        self.assertEqual(self.counting.calls, before)

    def test_addresses_of_one_are_not_those_of_another(self):
        first, second = message(self.policy), message(self.policy)
        second.replace_header("To", "c@remote.test")
        self.assertEqual(first["To"].addresses[0].display_name, "Diallo, Amina")
        self.assertEqual(second["To"].addresses[0].addr_spec, "c@remote.test")

    def test_what_is_long_or_parsed_already_is_not_kept(self):
        for value in ("x" * (LONGEST + 1), SMTP.header_factory("Subject", "parsed")):
            before = self.counting.calls
            self.policy.header_factory("Subject", value)
            self.policy.header_factory("Subject", value)
            with self.subTest(value=value[:10]):
                self.assertEqual(self.counting.calls, before + 2)

    def test_fields_have_their_kinds_all_the_same(self):
        made = message(self.policy)
        made.set_param("charset", "iso-8859-1")
        self.assertEqual(made["Content-Type"].params["charset"], "iso-8859-1")
        with self.assertRaises(ValueError):
            made["Subject"] = "There may be one only."

    def test_a_message_can_be_copied(self):
        policy = remembering(SMTP)
        for duplicate in (copy.copy, copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))):  # noqa: S301
            self.assertEqual(duplicate(message(policy)).as_bytes(), message(SMTP).as_bytes())
        self.assertNotIn(b"\xc3", message(policy.clone(cte_type="7bit")).as_bytes())

    def test_fields_are_folded_as_python_folds_them(self):
        long = "x" * 60
        for name, value in (
            *FIELDS,
            ("To", "a@remote.test"),
            ("To", f"{long}@remote.test, {long}@remote.test"),
            ("To", "(comment) Ann <a@remote.test>"),
            ("From", "Größe <office@example.org>"),
            ("Subject", "plain"),
            ("Subject", "=?utf-8?q?gr=C3=B6=C3=9Fe?="),
            ("Subject", "=?utf-8?q?ascii?="),
            ("Subject", f"{long} {long}"),
            ("Subject", "x" * 200),
            ("Subject", ""),
            ("Message-Id", f"<{long}{long}@example.org>"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Disposition", 'attachment; filename="Größe.pdf"'),
            ("Content-Disposition", f'attachment; filename="{long}{long}.pdf"'),
            ("MIME-Version", "1.0"),
            ("X-Own", "a\tb  c"),
        ):
            for policy in (SMTP, SMTP.clone(utf8=True), SMTP.clone(max_line_length=None), SMTP.clone(linesep="\n")):
                field = remembering(policy).header_factory(name, value)
                with self.subTest(name=name, value=value[:20]):
                    expected = policy.header_factory(name, value).fold(policy=policy)
                    self.assertEqual([field.fold(policy=policy) for _time in range(2)], [expected, expected])

    def test_a_field_is_folded_for_each_policy(self):
        field = remembering(SMTP).header_factory("Subject", "Größe")
        self.assertIn("=?utf-8?", field.fold(policy=SMTP))
        self.assertIn("Größe", field.fold(policy=SMTP.clone(utf8=True)))

    def test_it_is_put_in_once(self):
        self.assertIs(remembering(self.policy), self.policy)
