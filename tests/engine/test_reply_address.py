# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import random
import time
from datetime import datetime, timedelta

from ...engine.pipeline import Verdict
from ...engine.reply_address import (
    MOST_KEYS,
    ReplyKey,
    find_reply_key,
    read_reply_address,
    sign_reply_address,
    with_reply_address,
)
from ...engine.return_path import sign_return_path
from ...engine.subaddress import proof_address
from ...engine.summary import summarize
from ...engine.token import TokenRing
from .case import EngineCase

NOW = datetime(2026, 5, 4, 12)
LATER = NOW + timedelta(days=180)
RING, OTHER = TokenRing({1: b"k" * 32}), TokenRing({1: b"o" * 32})
CATCHALL = "catchall@example.org"
LARGEST = 2**32 - 1
KEY = ReplyKey(77, 5)
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def signed(key=KEY, address=CATCHALL, ring=RING):
    return sign_reply_address(ring, address, key, LATER)


class TestReplyAddress(EngineCase):
    def test_what_is_signed_can_be_read(self):
        for key in (ReplyKey(1), KEY, ReplyKey(LARGEST, LARGEST)):
            with self.subTest(key=key):
                address = signed(key)
                self.assertRegex(address, r"^catchall\+[a-z2-7]{40}@example\.org$")
                self.assertEqual(read_reply_address(RING, address, NOW), key)
                self.assertEqual(read_reply_address(RING, address.upper(), NOW), key)

    def test_a_former_name_before_the_token_is_as_good(self):
        token = signed().partition("+")[2]
        self.assertEqual(read_reply_address(RING, f"former+{token}", NOW), KEY)

    def test_what_cannot_be_signed_stays_plain(self):
        for name, key, address in (
            ("no message", ReplyKey(0, 5), CATCHALL),
            ("a row beyond the value", ReplyKey(LARGEST + 1), CATCHALL),
            ("a contact beyond the value", ReplyKey(1, LARGEST + 1), CATCHALL),
            ("a local part that would be too long", KEY, "c" * 24 + "@example.org"),
        ):
            with self.subTest(name=name):
                self.assertEqual(signed(key, address), address)

    def test_nobody_else_can_make_one(self):
        address = signed()
        token = address.partition("+")[2].partition("@")[0]
        swapped = sign_reply_address(OTHER, CATCHALL, KEY, LATER)
        for name, other, now in (
            ("plain", CATCHALL, NOW),
            ("empty", "", NOW),
            ("a tag of a person", "catchall+water@example.org", NOW),
            ("another database's", swapped, NOW),
            ("expired", address, LATER + timedelta(seconds=1)),
            ("a return path's", sign_return_path(RING, CATCHALL, 77 << 32 | 5, NOW), NOW),
            ("a proof's", proof_address(RING, CATCHALL, 77, NOW), NOW),
            ("cut", f"catchall+{token[:-1]}@example.org", NOW),
            ("longer", f"catchall+{token}a@example.org", NOW),
            ("in the domain", f"catchall@{token}.example.org", NOW),
            ("not ASCII", "catchall+" + "ž" * 40 + "@example.org", NOW),
            ("zero bytes", "catchall+" + "\0" * 40 + "@example.org", NOW),
        ):
            with self.subTest(name=name):
                self.assertIsNone(read_reply_address(RING, other, now))

    def test_each_character_counts(self):
        """Guessing from a token that is known, one's own: of all that differ in one place none is valid."""
        token = signed().partition("+")[2].partition("@")[0]
        valid = []
        for place in range(len(token)):
            for letter in ALPHABET:
                guess = token[:place] + letter + token[place + 1 :]
                if guess != token and read_reply_address(RING, f"catchall+{guess}@example.org", NOW):
                    valid.append(guess)
        self.assertEqual(valid, [])

    def test_guesses_fail_alike(self):
        """Nothing tells a guesser how near a guess is: no answer, no exception, no time worth the name."""
        chance = random.Random(5)
        right = signed()
        token = right.partition("+")[2].partition("@")[0]
        kinds = {
            "forged at the end": token[:-3] + "aaa",
            "forged at the beginning of the signature": token[:22] + "zzzzz" + token[27:],
            "another contact": token[:12] + "zzzz" + token[16:],
            "random": "".join(chance.choice(ALPHABET) for _ in range(40)),
        }
        seconds = {}
        for name, guess in kinds.items():
            address = f"catchall+{guess}@example.org"
            self.assertIsNone(read_reply_address(RING, address, NOW), name)
            runs = []
            for _run in range(30):
                begin = time.perf_counter()
                for _look in range(20):
                    read_reply_address(RING, address, NOW)
                runs.append(time.perf_counter() - begin)
            seconds[name] = min(runs) / 20
        # One with a known key number costs one signature, wherever it goes wrong.
        near = [seconds[name] for name in kinds if name != "random"]
        self.assertLess(max(near) - min(near), 20e-6, seconds)


class TestFindReplyKey(EngineCase):
    def find(self, headers, resolve=None, envelope=()):
        asked = []

        def default(keys, message):
            asked.append(keys)
            return {"message": keys[0].message, "partner_id": keys[0].holder, "is_holder": False}

        facts = {}
        verdict = find_reply_key(RING, NOW, resolve or default, envelope)(
            summarize(headers.encode() + b"\r\n\r\nx"), facts
        )
        self.assertIsNone(verdict.state)
        return facts["reply_key"], verdict, asked

    def test_where_it_is_found(self):
        one = signed()
        for name, headers, envelope in (
            ("To", f"To: {one}", ()),
            ("To, with a name", f'To: "Ann, OpenSPP" <{one}>', ()),
            ("Cc", f"To: x@y.org\r\nCc: z@y.org, {one}", ()),
            ("Delivered-To", f"To: x@y.org\r\nDelivered-To: {one}", ()),
            ("envelope", "To: x@y.org", (one,)),
        ):
            with self.subTest(name=name):
                fact, verdict, _asked = self.find(headers, envelope=envelope)
                self.assertEqual((fact["message"], fact["partner_id"]), (77, 5))
                self.assertEqual(verdict.steps[0].followed, "its thread is known")

    def test_a_message_without_one_asks_nothing(self):
        for headers in ("To: catchall@example.org", "To: catchall+water@example.org", f"From: {signed()}", "X: y"):
            with self.subTest(headers=headers):
                fact, verdict, asked = self.find(headers)
                self.assertEqual((fact, verdict, asked), (None, Verdict(), []))

    def test_the_envelope_comes_first_and_the_number_is_bounded(self):
        many = [signed(ReplyKey(number)) for number in range(1, 30)]
        _fact, _verdict, asked = self.find("To: " + ", ".join(many), envelope=[signed(ReplyKey(99))])
        self.assertEqual(asked[0][:2], (ReplyKey(99), ReplyKey(1)))
        self.assertEqual(len(asked[0]), MOST_KEYS)

    def test_what_it_names_may_be_gone(self):
        fact, verdict, _asked = self.find(f"To: {signed()}", resolve=lambda keys, message: None)
        self.assertIsNone(fact)
        self.assertEqual(verdict.steps[0].found, "the message that it names is gone")

    def test_the_words_name_no_address(self):
        fact = {"message": 77, "partner_id": 5, "is_holder": True}
        _fact, verdict, _asked = self.find(f"To: {signed()}", resolve=lambda keys, message: fact)
        self.assertEqual(verdict.steps[0].found, "valid, of message 77, given to contact 5, who is the sender")


class TestWithReplyAddress(EngineCase):
    def test_the_name_is_kept(self):
        for reply_to, result in (
            ("catchall@x.org", "n+t@x.org"),
            ("Ann <catchall@x.org>", "Ann <n+t@x.org>"),
            ('"OpenSPP, Ann" <catchall@x.org>', '"OpenSPP, Ann" <n+t@x.org>'),
            ("Änna <catchall@x.org>", "=?utf-8?b?w4RubmE=?= <n+t@x.org>"),
            ("A" * 80 + " <catchall@x.org>", "n+t@x.org"),
            ("", "n+t@x.org"),
            ("Ann\r\nBcc: x@y.org <catchall@x.org>", "n+t@x.org"),
        ):
            with self.subTest(reply_to=reply_to):
                value = with_reply_address(reply_to, "n+t@x.org")
                self.assertNotIn("\n", value)
                if "\n" not in reply_to:
                    self.assertEqual(value, result)
