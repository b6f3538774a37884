# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import base64

from ...engine.errors import ConfigurationError, GatewayError, SealError, UnknownKeyError
from ...engine.seal import MASK, PREFIX, Place, Sealer, is_sealed, key_id, new_key, parse_key, sealed_with
from .case import EngineCase

KEY = bytes(range(32))
OTHER_KEY = bytes(reversed(range(32)))
PLACE = Place("fetchmail.server", "password", "7")


class TestSeal(EngineCase):
    def test_what_was_sealed_opens(self):
        sealer = Sealer([KEY])
        for plain in ("s3cret", "", "žluťoučký kůň", "x" * 10_000, "with\nnew line\0and NUL", "sealed:1:not really"):
            with self.subTest(plain=plain[:20]):
                sealed = sealer.seal(plain, PLACE)
                self.assertTrue(sealed.startswith(f"{PREFIX}{key_id(KEY)}:"))
                self.assertTrue(sealed.isascii())
                self.assertEqual(sealer.open(sealed, PLACE), plain)

    def test_the_same_secret_is_sealed_differently_each_time(self):
        sealer = Sealer([KEY])
        self.assertNotEqual(sealer.seal("s3cret", PLACE), sealer.seal("s3cret", PLACE))

    def test_the_format_does_not_change(self):
        # A stored value: if it no longer opens, every database in the field has lost its passwords.
        stored = "sealed:2:56a60d05:AQEBAQEBAQEBAQEBBPCGRw3xB42TwnQuDiJpX+rBU1o8QQ=="
        self.assertEqual(Sealer([KEY]).open(stored, PLACE), "s3cret")
        self.assertEqual(Sealer([KEY], random_bytes=lambda count: b"\1" * count).seal("s3cret", PLACE), stored)

    def test_the_older_form_opens_and_is_not_current(self):
        stored = "sealed:1:56a60d05:AQEBAQEBAQEBAQEBBPCGRw3xfdmageLu31x+ALevoPf7bA=="
        ring = Sealer([KEY])
        self.assertEqual(ring.open(stored, PLACE), "s3cret")
        self.assertEqual(ring.open(stored, Place("fetchmail.server", "password", "8")), "s3cret")
        self.assertFalse(ring.is_current(stored))
        with self.assertRaises(SealError):
            ring.open(stored, Place("ir.mail_server", "smtp_pass", "7"))
        for forged in (stored.replace(":1:", ":2:"), ring.seal("s3cret", PLACE).replace("sealed:2:", "sealed:1:")):
            with self.subTest(forged=forged), self.assertRaises(SealError):
                ring.open(forged, PLACE)

    def test_current_is_what_the_first_key_made(self):
        old = Sealer([KEY]).seal("s3cret", PLACE)
        ring = Sealer([OTHER_KEY, KEY])
        self.assertFalse(ring.is_current(old))
        self.assertTrue(ring.is_current(ring.seal("s3cret", PLACE)))
        self.assertFalse(Sealer([]).is_current(old))
        self.assertEqual(sealed_with(old), key_id(KEY))
        self.assertEqual(ring.key_ids, (key_id(OTHER_KEY), key_id(KEY)))

    def test_the_first_key_seals_and_all_open(self):
        old = Sealer([KEY]).seal("s3cret", PLACE)
        ring = Sealer([OTHER_KEY, KEY])
        self.assertEqual(ring.open(old, PLACE), "s3cret")
        self.assertEqual(ring.current_key_id, key_id(OTHER_KEY))
        self.assertIn(f":{key_id(OTHER_KEY)}:", ring.seal("s3cret", PLACE))

    def test_a_value_of_an_unknown_key_names_that_key(self):
        sealed = Sealer([KEY]).seal("s3cret", PLACE)
        with self.assertRaises(UnknownKeyError) as caught:
            Sealer([OTHER_KEY]).open(sealed, PLACE)
        self.assertEqual(
            str(caught.exception),
            f"This credential was sealed with key {key_id(KEY)}, which is not configured. "
            "Put the key back into odoo.conf, the environment or the key file.",
        )
        self.assertEqual(caught.exception.field, "key")

    def test_a_value_moved_elsewhere_does_not_open(self):
        sealed = Sealer([KEY]).seal("s3cret", PLACE)
        for name, elsewhere in (
            ("row", Place("fetchmail.server", "password", "8")),
            ("field", Place("fetchmail.server", "user", "7")),
            ("model", Place("ir.mail_server", "password", "7")),
            ("no row", Place("fetchmail.server", "password", "")),
        ):
            with self.subTest(name=name), self.assertRaises(SealError) as caught:
                Sealer([KEY]).open(sealed, elsewhere)
            self.assertEqual(
                str(caught.exception), "This credential was altered or moved and cannot be opened. Enter it anew."
            )

    def test_a_ring_does_not_print_its_keys(self):
        self.assertEqual(repr(Sealer([KEY])), f"Sealer({key_id(KEY)})")

    def test_an_altered_value_does_not_open(self):
        head, _colon, box = Sealer([KEY]).seal("s3cret", PLACE).rpartition(":")
        raw = bytearray(base64.b64decode(box))
        flipped = bytes([*raw[:-1], raw[-1] ^ 1])
        for name, altered in (
            ("one bit", base64.b64encode(flipped).decode()),
            ("cut", base64.b64encode(raw[:-1]).decode()),
            ("nonce alone", base64.b64encode(raw[:12]).decode()),
            ("shorter than a nonce", base64.b64encode(raw[:5]).decode()),
            ("empty", ""),
            ("no base64", "!!!!"),
            ("not ASCII", "ž"),
        ):
            with self.subTest(name=name), self.assertRaises(SealError):
                Sealer([KEY]).open(f"{head}:{altered}", PLACE)

    def test_nothing_is_sealed_without_a_key(self):
        self.assertEqual(Sealer([]).current_key_id, "")
        with self.assertRaises(SealError) as caught:
            Sealer([]).seal("s3cret", PLACE)
        self.assertEqual(str(caught.exception), "There is no credential key to seal with.")

    def test_a_new_key_can_be_parsed(self):
        self.assertEqual(parse_key(new_key(lambda count: KEY[:count])), KEY)
        self.assertEqual(parse_key(f"  {new_key(lambda count: KEY)}\n"), KEY)
        self.assertNotEqual(new_key(), new_key())

    def test_malformed_keys_are_refused_in_words(self):
        for text, words in (
            ("", "The credential key must be 32 bytes (256 bits) in base64."),
            ("c2hvcnQ=", "The credential key must be 32 bytes (256 bits) in base64."),
            (base64.b64encode(b"x" * 33).decode(), "The credential key must be 32 bytes (256 bits) in base64."),
            ("abc", "The credential key is not base64 text."),
            ("ž", None),
        ):
            with self.subTest(text=text), self.assertRaises(SealError) as caught:
                parse_key(text)
            if words:
                self.assertEqual(str(caught.exception), words)

    def test_the_key_id_does_not_tell_the_key(self):
        self.assertRegex(key_id(KEY), "^[0-9a-f]{8}$")
        self.assertNotIn(key_id(KEY), KEY.hex())

    def test_what_is_sealed_is_told_by_its_prefix(self):
        for value, expected in (
            ("sealed:1:abc:def", True),
            ("sealed:2:abc:def", True),
            ("sealed:3:abc:def", False),
            ("s3cret", False),
            (MASK, False),
            ("", False),
            (False, False),
            (None, False),
        ):
            with self.subTest(value=value):
                self.assertIs(is_sealed(value), expected)

    def test_no_retry_can_swallow_a_seal_error(self):
        self.assertTrue(issubclass(SealError, ConfigurationError))
        self.assertFalse(issubclass(SealError, GatewayError))
