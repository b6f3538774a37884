# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import time

from ...engine.pseudonym import Pseudonyms
from .case import EngineCase

MESSAGE = b"\r\n".join(
    (
        b"Received: from mx.plover.example (mx.plover.example [203.0.113.7]) by us for <box@gateway.test>; now",
        b"Authentication-Results: us; spf=pass smtp.mailfrom=zyx@plover.example; dkim=pass header.d=plover.example",
        b"From: Zyxwanja Quill <zyx@plover.example>",
        b"To: =?utf-8?q?The_Box?= <box@gateway.test>",
        b"Subject: Marzipan kettle",
        b"X-Mailer: Zyxwanja's own",
        b'Content-Type: application/pdf; name="zyxwanja.pdf"',
        b"Message-ID: <1@plover.example>",
        b"",
        b"secret words of a body",
    )
)
NEEDLES = ("zyx", "quill", "plover", "marzipan", "kettle", "box", "secret words", "gateway.test")


class TestPseudonyms(EngineCase):
    def test_a_header_that_names_nobody(self):
        shown = Pseudonyms(["Marzipan kettle", "Zyxwanja Quill"]).headers(MESSAGE)
        for needle in NEEDLES:
            self.assertNotIn(needle, shown.lower())
        for words in ("spf=pass", "dkim=pass", "203.0.113.7", "content-type: application/pdf\n", "subject: (15 char"):
            self.assertIn(words, shown)

    def test_the_same_one_is_the_same_everywhere(self):
        names = Pseudonyms(known_domains=["gmail.com"])
        one = names.text("from zyx@plover.example to ann@gmail.com")
        self.assertEqual(one, "from address-1@domain-1 to address-2@gmail.com")
        self.assertEqual(names.text("ZYX@PLOVER.EXAMPLE, mx.plover.example"), "address-1@domain-1, mx.domain-1")
        self.assertEqual(names.text("explover.example"), "explover.example")

    def test_values(self):
        names = Pseudonyms(["Big Case"])
        value = {"a": ["zyx@plover.example", 3, None, True], "b": {"c": "the big  case."}}
        self.assertEqual(names.value(value), {"a": ["address-1@domain-1", 3, None, True], "b": {"c": "the (hidden)."}})

    def test_hidden_words_that_would_hide_everything(self):
        self.assertEqual(Pseudonyms(["a", "", " ", "of"]).text("a bag of cats"), "a bag of cats")

    def test_any_bytes(self):
        for content in (b"", b"\xff\xfe\x00", b"From: " + b"@" * 5000, b"a" * 100_000):
            with self.subTest(content[:20]):
                self.assertIsInstance(Pseudonyms().headers(content), str)

    def test_many_words_and_many_texts(self):
        words = [f"Person{number} Family{number % 50}" for number in range(2_000)]
        texts = [f"{words[n % 2_000]} wrote to <a{n}@d{n % 400}.example>; waits" for n in range(5_000)]
        names = Pseudonyms(words)
        begun = time.process_time()
        shown = names.value(texts)
        self.assertLess(time.process_time() - begun, 2)
        self.assertEqual(shown[0], "(hidden) wrote to <address-1@domain-1>; waits")
        self.assertNotIn("Person", "".join(shown))

    def test_words_that_lie_over_each_other_are_hidden_whole(self):
        names = Pseudonyms(["Big Case", "Case Manager Ann", "[Secret]", "Big"])
        for text, shown in (
            ("Big Case Manager Ann came", "(hidden) came"),
            ("big deal", "(hidden) deal"),
            ("Bigger case", "Bigger case"),
            ("about [secret], Big\n case", "about (hidden), (hidden)"),
        ):
            with self.subTest(text):
                self.assertEqual(names.text(text), shown)

    def test_a_long_run_without_an_address(self):
        begun = time.process_time()
        Pseudonyms().text("a" * 100_000)
        self.assertLess(time.process_time() - begun, 1)
