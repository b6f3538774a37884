# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import datetime

from ...engine.certificate import Certificate, Encryption, describe_encryption, read_certificate
from . import certificates
from .case import EngineCase

NOW = datetime.datetime(2026, 5, 4, 12, tzinfo=datetime.timezone.utc)


def encryption(days, *names, **values):
    expires = NOW + datetime.timedelta(days=days, hours=1)
    own = Certificate(names or ("mx.x.test",), "mx.x.test", values.get("issuer", "Good CA"), expires)
    return Encryption("TLSv1.3", "AES", (own, Certificate((), "Good CA", "Good CA", expires)))


class TestCertificate(EngineCase):
    def test_when_a_person_is_warned(self):
        for days, verified, words in (
            (90, True, ""),
            (21, True, ""),
            (20, True, "expires in 20 days"),
            (1, True, "expires in 1 day:"),
            (-3, False, "expired 3 days ago"),
            (90, False, "was not checked"),
        ):
            with self.subTest(days, verified=verified):
                _text, warning = describe_encryption(encryption(days), is_verified=verified, now=NOW)
                self.assertIn(words, warning)
                self.assertEqual(bool(warning), bool(words))

    def test_what_is_said(self):
        text, _warning = describe_encryption(encryption(90), is_verified=True, now=NOW)
        self.assertEqual(
            text,
            "TLSv1.3, AES. Certificate for mx.x.test, issued by Good CA, until 2026-08-02. Chain: mx.x.test → Good CA.",
        )
        many, _warning = describe_encryption(encryption(90, *"abcdefg"), is_verified=True, now=NOW)
        self.assertIn("for a, b, c, d, e…, issued", many)
        none, warning = describe_encryption(Encryption("TLSv1.2", "X", ()), is_verified=False, now=NOW)
        self.assertIn("could not be read", none)
        self.assertIn("not checked", warning)

    def test_certificates_as_they_come(self):
        from cryptography.hazmat.primitives.serialization import Encoding

        found = read_certificate(certificates.authority()[1].public_bytes(Encoding.DER))
        self.assertEqual((found.names, found.subject, found.issuer), (("Test CA",), "Test CA", "Test CA"))
        for content in (b"", b"\x00", b"0\x82\x01\x00nonsense", b"-----BEGIN CERTIFICATE-----"):
            with self.subTest(content):
                self.assertIsNone(read_certificate(content))
