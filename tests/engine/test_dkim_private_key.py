# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import base64
from functools import cache

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa, utils

from ...engine.dkim_key import key_refusal
from ...engine.dkim_private_key import KeyAlgorithm, make_private_key, read_private_key
from ...engine.errors import ConfigurationError
from .case import EngineCase

DAMAGED = "This private key is damaged, or a part of it is missing."
NEITHER = "DKIM knows RSA and Ed25519 keys; this is neither."
# 512 bits: cryptography makes none that short any more.
SHORT = """-----BEGIN RSA PRIVATE KEY-----
MIIBOgIBAAJBAMu8+F4aMJ6a4fw+hEdevH4RiGYjLMrSF0sVeZRBIX6J8Ehk9Rga
zu/UYDiKxh+nhWEFfprkjLIsNSuarP41yOsCAwEAAQJAMd7dxNsQT6KF8qKy6m1s
IkfUZXvyuOrYPM7S5dFTi490Q66Z/N/RWK/d9BfeiCm7hGVkLV28rNiFVQb76Zat
oQIhAPEJKfh/80q8fpq3OHYPPHJKzRsc9c327+VHNN9VDJ7TAiEA2GMGzxcWmOf2
I+n6RyCIH5iNNnpb/lzvnVQA7uBdzokCIEOsLvx17/irs1/80P1UicQM/EkAeIK7
Md9Nfqq1VjXBAiAMiI/YZun0KVtkcSUCAaxgyCFFyoiRjyiB4F+9dll4oQIhANZa
b69a+FCuM17s4AJQIC2UxVx58X8zMXiIxGabk0Ic
-----END RSA PRIVATE KEY-----"""


def pem(key, form=serialization.PrivateFormat.PKCS8, lock=None):
    return key.private_bytes(serialization.Encoding.PEM, form, lock or serialization.NoEncryption()).decode()


@cache
def rsa_key(bits=2048):
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


class TestPrivateKey(EngineCase):
    def test_a_key_survives_being_written_and_read(self):
        for algorithm, bits in ((KeyAlgorithm.RSA, 2048), (KeyAlgorithm.ED25519, 256)):
            with self.subTest(algorithm=algorithm):
                key = make_private_key(algorithm)
                again = read_private_key(key.pem())
                self.assertEqual((again.algorithm, again.bits), (algorithm, bits))
                self.assertEqual(again.record(), key.record())
                self.assertEqual(read_private_key(key.pem(), is_own=True).record(), key.record())

    def test_what_people_paste_is_read(self):
        ed = ed25519.Ed25519PrivateKey.generate()
        old = serialization.PrivateFormat.TraditionalOpenSSL
        for name, text, algorithm in (
            ("PKCS #8", pem(rsa_key()), "rsa"),
            ("PKCS #1", pem(rsa_key(), old), "rsa"),
            ("1024 bits", pem(rsa_key(1024), old), "rsa"),
            ("Ed25519", pem(ed), "ed25519"),
            ("words around it", "Bag Attributes\n" + pem(rsa_key()) + "\n\n", "rsa"),
            ("line ends of Windows", pem(rsa_key()).replace("\n", "\r\n"), "rsa"),
        ):
            with self.subTest(name=name):
                self.assertEqual(read_private_key(text).algorithm.value, algorithm)

    def test_what_is_no_key_is_refused_in_words(self):
        key, form = rsa_key(), serialization.PrivateFormat
        lock = serialization.BestAvailableEncryption(b"secret")
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        passphrase = "This key is protected by a passphrase. Take it off first: openssl pkey -in key.pem -out open.pem"
        for name, text, words in (
            ("nothing", " \n", "Paste the private key, with its lines BEGIN and END."),
            ("too long", "x" * 20_001, "This is longer than any private key."),
            (
                "base64 alone",
                "MIIEvQIBADANBg",
                "This is no private key in PEM form: its line “-----BEGIN PRIVATE KEY-----” is missing.",
            ),
            ("two keys", pem(key) * 2, "Paste one private key and nothing else."),
            ("public", public.decode(), "This is a public key. Paste the private key that belongs to it."),
            (
                "certificate",
                "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
                "This is a certificate. DKIM needs a private key.",
            ),
            ("encrypted PKCS #8", pem(key, lock=lock), passphrase),
            ("encrypted PKCS #1", pem(key, form.TraditionalOpenSSL, lock), passphrase),
            (
                "SSH",
                pem(ed25519.Ed25519PrivateKey.generate(), form.OpenSSH),
                "This is a key for SSH. DKIM needs one in PKCS #1 or PKCS #8.",
            ),
            ("cut", pem(key)[:600] + "\n-----END PRIVATE KEY-----", DAMAGED),
            ("no end", pem(key)[:900], DAMAGED),
            ("letters", "-----BEGIN PRIVATE KEY-----\n!!!\n-----END PRIVATE KEY-----", DAMAGED),
            ("elliptic curve", pem(ec.generate_private_key(ec.SECP256R1())), NEITHER),
            ("DSA", pem(dsa.generate_private_key(1024)), NEITHER),
            ("short", SHORT, "This key has 512 bits. Receivers believe none with less than 1024 bits."),
        ):
            with self.subTest(name=name), self.assertRaises(ConfigurationError) as caught:
                read_private_key(text)
            self.assertEqual((str(caught.exception), caught.exception.field), (words, "private_key"), name)

    def test_a_key_that_is_too_long_is_refused(self):
        with self.assertRaises(ConfigurationError) as caught:
            read_private_key(LONG)
        self.assertEqual(str(caught.exception), "This key has 5120 bits. Receivers read none with more than 4096 bits.")

    def test_what_is_signed_is_verified_by_the_public_part(self):
        digest = bytes(range(32))
        key = read_private_key(pem(rsa_key()))
        rsa_key().public_key().verify(key.sign(digest), digest, padding.PKCS1v15(), utils.Prehashed(hashes.SHA256()))
        plain = ed25519.Ed25519PrivateKey.generate()
        plain.public_key().verify(read_private_key(pem(plain)).sign(digest), digest)

    def test_the_record_is_what_receivers_read(self):
        record = make_private_key(KeyAlgorithm.RSA).record()
        self.assertTrue(record.startswith("v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"))
        self.assertEqual(key_refusal(record, {}), "")
        # RFC 8463 §4: the bare 32 octets.
        record = make_private_key(KeyAlgorithm.ED25519).record()
        self.assertEqual(len(base64.b64decode(record.partition("p=")[2])), 32)

    def test_no_key_shows_itself(self):
        key = make_private_key(KeyAlgorithm.ED25519)
        self.assertNotIn("_key", repr(key))


LONG = """-----BEGIN RSA PRIVATE KEY-----
MIILZwIBAAKCAoEAvHd1+f38CpD4Qr+Vxhx0+GO25nbMwSS+f1xiSCEIV1PHsVQG
1UCTAvAtsTGd0UIGgPkw0X1PvwTt/TZg+wrPdK6BAXpgzrJfUjR6aXqm49D+giRG
GBWQzmsMyDvJsWg2FL9iZltjKMkcnG9TNP6Y/uIYKZ9Unxqh5dhsvX6fwhz2LrmW
grL5nJLAeJw7R1x+qIo5s9jcBnjCZsV2TPedYlJ5w+W8kNeqmfMWOBRj5EzcZAmN
qh21G554VL5TAJyxepynFMYubnBd8SUeUvso8d/4Xr0zzrmIdM0pElhGeumPJbZT
H2kDZ/W3F+j06naP50pAgLs3oIrilwLVwbDluf60zO+K8k4oFdZG/FVJsU4tsSix
A0WK2ZCHEP8IVi++ZhJ02FENQgTnGJYOQAf8I21NWXX5FxmxMj57gn/fPnQwWKdH
Nu1i/vdwr6orfe5eRxCEpGGLl1gChy0YJA0THjDkoxki9iDfa2rMg4Y+BpEwfeBF
lpX1boC3wg2BMDXzUMHmg4mqCiPE7X1K5jH5ztbkyqRM9Wan7zl82CeTjIPAJUnw
FblO6SHTE4QgbpTl8gIz1DydHURsBcQzMB+rB1j4TtCRSOLjBa6EviHsxuA0b1wD
G3uz09JT1370cWXyQSK+ieje5uJWgVZ4OSuPIlqAeXdBg5+XQmTFSGjkccHHE2z1
cr2bJlczrIvEufXg06MifS9E/SnlxWqR/lLHUWol3tgbiSyCvxOuSv+tWSCKoHTi
uMM0InyIaweXTs5kWPWzBEGshoT8dpIFL23UoKrD++QywGOSXDqmmb4YZUflFITF
b3gfeY70Xq4A9dNZqHezv2teQcpqx7UfGJo13QIDAQABAoICgAe+LrIlHag/eXug
jGI1xBZ6XkbMpa/ftxXbcUw+Uy3nSsJ9zcQQIZoSzQXFIJM6z7KXykopCFA0PyTS
iZx2vrwv+Sva38ROLr1dW5QezmF4siQdomWV6TuZyU4mqqwnuGUU0dGbupCv5oWE
y1nXheie2FhJa/wXZ4ReZmVIoP6kGvcjd8wJ11h37QFnhcXyRl/dQe6iH7QCXRZE
0Y3q9GPYOJl0RFF9Esy9YHHQYKQ+BiX0AIZ3LvwiABaXNSjGx0He0rx3QewWoL1q
BXtqRy3cwkL+KfU5ySHnVeMjjk25b8CgY3zcXx/zx+BrGTjSwynA8rJ3PptRaWrD
2o1ZG68PCFWNF9vJmzr+cS8nv93RdO4c2lzkjAZROkNX/vsvffaKlpNWjSFjuyzW
6WH3EgRQlsdwodmxnAaQ65kacM0Lfb6eMIVghDquPCWiAxtgq3gJ3HmZy/l8E1lp
CBlEzKPVbZeR2rTtYFRhsTVvb7tfZaWQwCN8Y54kTY8o2Zbc0U73GFBNTgNq15ni
/RvstDp7c6VYliK2vPVfmV4FeC5tiRGpDUvIcTDMyEZDCRV0o+QrI7J2blpH3N6i
8lSYXutO5H29VU1gzuj7lnH+9cpK/ENu0TjOYhfM+wJYwvXUD86tx+1sfbGW2e/N
JOmYUIn/fBV5Vp658Faye6UOBVfO9/bvjoHoEfDj0DG8yzuKBy7xmnZrdIAt+H9A
kXNoLFOnKHcB3qkKbkFL+1IsSD3T3ZkQaIaSOxuz8vSuuwxCVpiPcrXRqkLXPfdW
Piz9WyMbZAJwW1Feetlrx2mNbZhSVJD5Z5TpQUkwSxE3CMA6UABTqM3NSMFiwLmF
261fuu8CggFBAP2n8fbrhOQMwtfnJRpHw+et76VGB92HF9Nn9Ae8nHHQi28jjQre
u13G6kXaEPVq/r10DE90Hvq7P7XsWKfNj8+tJLEHlAGqvg+MUm7k9rO/Zs0UY/c7
iGXBunPcNPYsugwbx80XI1RiwUFljcUGESfZVYSp7Ky2MZsgdLUyUoaWYJEyIZnW
kF2VVS9ooPS72ryOJKGgOhOTSoQ0yy7HFreX43YRezezl02SwUCHd0sC1k5worYs
9mbqASRABPcSixVKv966uX4WYqHWDb0hg9ZAgGaRYUAyLVF1T8fwDlNfoBfVA6yY
5WLTIcwJHNcOc/3/bIlvlGPvIkPm+y6tIWC/BTXrhGpyGdbAapfPrvHJdcKQF1xQ
Tg1gyoIFKsmh6qlzyPG6qpf01TQPtmpWNeXDaj4vrh/hxvpCw5ssEOuzAoIBQQC+
NU1U5knGeWk9SEpto4ch3O+SpLr8beYQpogS5STcYdgYdrXCiod5A2+wPzGST+CB
39AXY8gGM6piDuexVkACGM7cc93bpYggFXne0WCHsdDGlM8Y/Va1Bb9tnR88Km2S
dKaahj2nHiAxjPDDF7lJW49FJIARCsdndAqcUU8dJpbGmzPiCKGx0CQkvZ/LeXoT
xPhgVCs+lqo/atFP/x4n0Afv4otOe+3a5jVPZMODdqdqFmLqgaGHYIkOwBErtl8T
uWn36q+OKZo8mEOncGR4rcculYdJngRb6PAUXL5GOmIrf0ScTLvCJvdjH0R9w0V9
qSlI+1Ycgfo5C9naNExhT623r/ljTy1RG4kqy/FED/duTXuRe/DMWSx2aWy9OJqF
nitZZ51CEZPWgjR9WuocsbHWl9wvt3w6D3ctYU1QLwKCAUA1IB2fV4iHstyEF5c/
v9QaC+XrOZWgIhEtZ9JGZIxnkgQCDPIXWrrnUyfx5VAz9mrQByQk5+8tGFappYyT
6Iu8NUlAApRPHRGddAg3zaCV2PqQ7Tpap49TsJV6ep5lCM0WiCL6o2P04pITPk/I
+hJRxEUS+fvl2GrfUJbg9F8wbQJgpp0++R9XWlVzDnjXiRiw8Rxe9Y30V579vYjo
jS4G2br8GYEzE1wXFSuAdl7XyQpVd2W8vgIFX/FJRFdF4A5dMUCqR3VeIRYbSxep
iwFvuCasVLqHlXrEWsuQ1ohJkfeXxjd0yLkST6H+d9IggJhulDaJOmNb4tPMYO4u
wngBKUDQIDmliaw7vCUXEppTbZxKWZ9q6C7QwnrnbGmfvVfGkcd+SVg9ZzvYIYpV
DyVOr/TqfVX8u27PL3iEYWBR3QKCAUBPaO91L4PDgfLG7ARuy6PiJlw6691JABTa
BLywrsv52jue0wjFRJKUmjOp8GggvoprjmZRLY5X0IAk2jYu2mR0u6i5bwJD7lLr
miu8M8vKOxl/nqbrtvDZOKIYAE4HD2uZhmv7/WmF+NTV+xKVULVBhCFHa5qwAsEH
VvILGwMdl3vBRRCfIJ1pIA3G7QfmqjumP0i25sz7H2nKei0S6d7MHlUB+KHSTXkb
N5swH1Bk9UelydzYLPCkFVCDQPqqNkRxdqpgH7HVd1b2T1eHcyvvGhYbQ8AsovUM
7i41QhcKONu9by/U1VBaGWyVDHvKyZicguBCoPPtiPJPmLwGFmmBAwPyuVwz8t1n
jEhy/pwmn0fc3Cpnrcf1eJFQimkkgpo4iLVuaQzFhZMkLk39u9Qb0K//eH0ryr3p
e4V1A7eEbwKCAUBEkGPxUlyu6RGqHya0A8vooEiTDmJ/1D8DGxVQexyU1NLIQU/c
MFyB+KgnNT70cnzNq2Nr7zitjgB60azJOSybO/FMHctEEEY/MRrlBCJKicRqw1UT
k/z00LjmYSQrBSLjxrSlKtxAysTAft17fGh9ZkqbZnZVNrnBbmNbixCLIp5hiI0E
FnwHwvv2X1Hu4vB/Oxg6lbnHh0wrvfMVZehaJiyV06DHYOP7fUQQZO5pAMbMvEnr
8f1ZskkW3LNPRI1OcixED1yBx1ahg1653w1E6GjxWg0UdPwA2D3spjhbIljHmJS5
GWvjh8BZxAdcl899OspPmPVBQK7ZPjbNHcXBuJfYpLFzPEbXMZ2Y51JpTukGIiWn
dNiDEYxfBbholC+ZeBOH6TNgT06htfTg+py9vWIAX1RDpra9CAomxczjdg==
-----END RSA PRIVATE KEY-----"""
