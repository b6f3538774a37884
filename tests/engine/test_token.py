# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import datetime, timedelta, timezone

from ...engine.errors import TokenError
from ...engine.token import TokenRing
from .case import EngineCase

NOW = datetime(2026, 5, 4, 12, 0, 0)
LATER = NOW + timedelta(days=1)
RING = TokenRing({1: b"k" * 32})


class TestToken(EngineCase):
    def test_a_token_gives_its_value_back(self):
        for value in (0, 1, 2**32, 2**64 - 1):
            with self.subTest(value=value):
                self.assertEqual(RING.verify("reply", RING.sign("reply", value, LATER), NOW), value)

    def test_a_token_fits_a_local_part(self):
        # RFC 5321 §4.5.3.1.1: 64 octets, of which a reply address needs some for its own.
        token = RING.sign("reply", 2**64 - 1, LATER)
        self.assertEqual(len(token), 40)
        self.assertRegex(token, "^[a-z2-7]+$")

    def test_case_and_surrounding_space_do_not_matter(self):
        token = RING.sign("reply", 7, LATER)
        for changed in (token.upper(), token.capitalize(), f" {token}\n"):
            with self.subTest(changed=changed):
                self.assertEqual(RING.verify("reply", changed, NOW), 7)

    def test_bad_tokens_are_refused_in_words(self):
        token = RING.sign("reply", 7, LATER)
        forged = ("b" if token[0] != "b" else "c") + token[1:]
        for name, text, words in (
            ("empty", "", "The token is malformed."),
            ("too short", token[:-2], "The token is malformed."),
            ("too long", token + "aa", "The token is malformed."),
            ("not base32", "1" * 40, "The token is malformed."),
            ("not ASCII", "ž" * 40, "The token is malformed."),
            ("unknown key number", forged, "The token is not one of ours."),
            ("another signature", token[:-1] + ("a" if token[-1] != "a" else "b"), "The token is not one of ours."),
        ):
            with self.subTest(name=name), self.assertRaises(TokenError) as caught:
                RING.verify("reply", text, NOW)
            self.assertEqual(str(caught.exception), words)

    def test_a_token_of_another_purpose_is_refused(self):
        with self.assertRaisesRegex(TokenError, "^The token is not one of ours.$"):
            RING.verify("own-mark", RING.sign("reply", 7, LATER), NOW)

    def test_a_token_of_another_database_is_refused(self):
        with self.assertRaisesRegex(TokenError, "^The token is not one of ours.$"):
            TokenRing({1: b"x" * 32}).verify("reply", RING.sign("reply", 7, LATER), NOW)

    def test_a_token_expires(self):
        token = RING.sign("reply", 7, LATER)
        self.assertEqual(RING.verify("reply", token, LATER), 7)
        with self.assertRaisesRegex(TokenError, "^The token has expired.$"):
            RING.verify("reply", token, LATER + timedelta(seconds=1))

    def test_naive_times_are_utc(self):
        aware = LATER.replace(tzinfo=timezone.utc)
        self.assertEqual(RING.sign("reply", 7, LATER), RING.sign("reply", 7, aware))
        east = aware.astimezone(timezone(timedelta(hours=9)))
        self.assertEqual(RING.sign("reply", 7, LATER), RING.sign("reply", 7, east))

    def test_the_newest_key_signs_and_older_ones_stay_valid(self):
        old = RING.sign("reply", 7, LATER)
        both = TokenRing({1: b"k" * 32, 2: b"n" * 32})
        self.assertEqual(both.verify("reply", old, NOW), 7)
        with self.assertRaisesRegex(TokenError, "^The token is not one of ours.$"):
            RING.verify("reply", both.sign("reply", 7, LATER), NOW)

    def test_a_ring_without_keys_is_refused(self):
        with self.assertRaisesRegex(ValueError, "^a token ring needs at least one key$"):
            TokenRing({})
