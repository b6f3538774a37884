# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.bearer import bearer_prefix, is_bearer, new_bearer, read_authorization
from .case import EngineCase


def counting(count):
    return bytes(range(count))


class TestBearer(EngineCase):
    def test_a_token_has_256_random_bits_beside_its_prefix(self):
        asked = []
        new_bearer(lambda count: asked.append(count) or counting(count))
        self.assertEqual(asked, [6, 32])

    def test_the_digest_is_all_that_is_needed_to_know_it_again(self):
        bearer = new_bearer(counting)
        self.assertEqual(bearer_prefix(bearer.text), bearer.prefix)
        self.assertTrue(is_bearer(bearer.text, bearer.digest))
        self.assertNotIn(bearer.text.partition(".")[2], bearer.digest)

    def test_any_other_text_is_not_it(self):
        bearer = new_bearer(counting)
        for name, text in (
            ("shorter", bearer.text[:-1]),
            ("longer", bearer.text + "A"),
            ("other secret", bearer.prefix + ".x"),
            ("other case", bearer.text.swapcase()),
            ("nothing", ""),
            ("a lone surrogate", bearer.prefix + ".\udcff"),
        ):
            with self.subTest(name):
                self.assertFalse(is_bearer(text, bearer.digest))

    def test_nobody_has_an_empty_digest(self):
        for text in ("", "0" * 64, new_bearer(counting).text):
            self.assertFalse(is_bearer(text, ""))

    def test_prefix_of_what_is_no_token(self):
        for text in ("", ".", "abc", "000102030405", "000102030405.", "short.secret", "much-too-long-a-prefix.secret"):
            with self.subTest(text):
                self.assertEqual(bearer_prefix(text), "")

    def test_authorization_header(self):
        for header, text in (
            ("Bearer abc.def", "abc.def"),
            ("bearer  abc.def ", "abc.def"),
            ("Basic abc", ""),
            ("Bearer", ""),
            ("", ""),
            ("Bearer " + "x" * 101, ""),
        ):
            with self.subTest(header):
                self.assertEqual(read_authorization(header), text)
