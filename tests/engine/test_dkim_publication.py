# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.dkim_private_key import KeyAlgorithm, make_private_key
from ...engine.dkim_publication import Publication, is_selector, next_selector, publication, strings_of, zone_value
from .case import EngineCase

RECORD = make_private_key(KeyAlgorithm.RSA).record()
ED25519 = make_private_key(KeyAlgorithm.ED25519).record()
VALUE = RECORD.partition("p=")[2]


class TestPublication(EngineCase):
    def test_what_the_dns_shows_is_told_apart(self):
        other = make_private_key(KeyAlgorithm.RSA, 1024).record()
        for name, texts, found in (
            ("as it was given", [RECORD], "right"),
            ("without v= and k=", [f"p={VALUE}"], "right"),
            ("spaces", [f"v=DKIM1;k=rsa;p={VALUE[:100]} {VALUE[100:]};"], "right"),
            ("beside other texts", ["v=spf1 -all", RECORD], "right"),
            ("nothing", [], "missing"),
            ("another text", ["v=spf1 -all"], "missing"),
            ("another key", [other], "other"),
            ("cut off", [RECORD[:200]], "other"),
            ("of another kind", [RECORD.replace("k=rsa", "k=ed25519")], "other"),
            ("no base64", ["v=DKIM1; p=%%%"], "other"),
            ("taken back", ["v=DKIM1; k=rsa; p="], "revoked"),
            ("two", [RECORD, other], "several"),
            ("trial", [RECORD.replace("k=rsa", "k=rsa; t=s:y")], "trial"),
            ("characters beyond ASCII", ["v=DKIM1; p=ü"], "other"),
        ):
            with self.subTest(name=name):
                self.assertEqual(publication(texts, RECORD), Publication(found))
        self.assertEqual(publication([ED25519], ED25519), Publication.RIGHT)

    def test_a_long_record_is_several_strings(self):
        parts = strings_of(RECORD)
        self.assertEqual(("".join(parts), [len(part) <= 255 for part in parts]), (RECORD, [True, True]))
        self.assertEqual(zone_value(ED25519), f'"{ED25519}"')
        self.assertRegex(zone_value(RECORD), r'^"[^"]{255}" "[^"]+"$')

    def test_selectors(self):
        for used, name in (((), "odoo"), (["odoo"], "odoo2"), (["ODOO", "odoo2", "odoo4"], "odoo3"), (["s1"], "odoo")):
            self.assertEqual(next_selector(used), name)
        for text, is_one in (
            ("odoo", True),
            ("2026-01", True),
            ("s1.mail", True),
            ("", False),
            ("a b", False),
            ("-a", False),
            ("a_b", False),
            ("a..b", False),
            ("x" * 64, False),
            ("ü", False),
        ):
            with self.subTest(text=text):
                self.assertEqual(is_selector(text), is_one)
