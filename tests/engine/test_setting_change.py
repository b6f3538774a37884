# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import unittest

from ...engine.setting_change import (
    LONGEST,
    Setting,
    SettingChange,
    is_secret_name,
    setting_changes,
    shortened,
)

HIDDEN = " (it differs in what is not shown)"


def plain(value, words=None):
    return Setting(value, str(value or "") if words is None else words)


def secret(is_set):
    return Setting(is_set, is_secret=True)


class TestSettingChanges(unittest.TestCase):
    def test_one_setting(self):
        for name, before, after, expected in (
            ("the same", plain(1), plain(1), None),
            ("another", plain(1), plain(2), ("1", "2")),
            ("set", plain(False), plain("x"), ("", "x")),
            ("emptied", plain("x"), plain(False), ("x", "")),
            ("blank of another kind", plain(False), plain(""), None),
            ("zero is no value", plain(0, "0"), plain(False), None),
            ("from a number to zero", plain(5), plain(0, "0"), ("5", "0")),
            ("switched off", plain(True, "Yes"), plain(False, "No"), ("Yes", "No")),
            ("the same words", plain("<b>x</b>", "x"), plain("<i>x</i>", "x"), ("x", "x" + HIDDEN)),
        ):
            with self.subTest(name=name):
                expected = [SettingChange("a", *expected)] if expected else []
                self.assertEqual(setting_changes({"a": before}, {"a": after}), expected)

    def test_a_secret_is_never_told(self):
        for name, had, has, entered, expected in (
            ("first", False, True, True, ("", "set")),
            ("another one", True, True, True, ("set", "changed")),
            ("not touched", True, True, False, None),
            ("removed", True, False, True, ("set", "removed")),
            ("none", False, False, True, None),
            ("computed elsewhere", False, True, False, ("", "set")),
        ):
            with self.subTest(name=name):
                expected = [SettingChange("p", *expected)] if expected else []
                found = setting_changes({"p": secret(had)}, {"p": secret(has)}, {"p"} if entered else ())
                self.assertEqual(found, expected)

    def test_of_a_record_that_was_made_what_is_there_is_told(self):
        after = {"a": plain("x"), "b": plain(False), "c": plain(0, "0"), "p": secret(True), "q": secret(False)}
        self.assertEqual(setting_changes({}, after), [SettingChange("a", "", "x"), SettingChange("p", "", "set")])

    def test_of_a_record_that_was_removed_what_was_there_is_told(self):
        before = {"a": plain("x"), "b": plain(False), "p": secret(True)}
        self.assertEqual(
            setting_changes(before, {}), [SettingChange("a", "x", ""), SettingChange("p", "set", "removed")]
        )

    def test_a_long_value_is_cut(self):
        self.assertEqual(shortened("x" * LONGEST), "x" * LONGEST)
        self.assertEqual(shortened("x" * (LONGEST + 1)), "x" * LONGEST + f"… ({LONGEST + 1} characters in all)")

    def test_what_changed_behind_the_cut_is_told(self):
        before, after = plain("x" * LONGEST + "a"), plain("x" * LONGEST + "b")
        (change,) = setting_changes({"a": before}, {"a": after})
        self.assertTrue(change.new.endswith(HIDDEN))

    def test_names_of_secrets(self):
        for name, expected in (
            ("google_gmail_client_secret", True),
            ("microsoft_outlook_client_secret", True),
            ("mail.sfu_server_PASSWORD", True),
            ("mail.web_push_vapid_private_key", True),
            ("spp_email_gateway.some_token", True),
            ("google_gmail_client_id", False),
            ("mail.catchall.domain", False),
            ("web.base.url", False),
        ):
            with self.subTest(name=name):
                self.assertEqual(is_secret_name(name), expected)
