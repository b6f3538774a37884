# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.dmarc import is_aligned, parse_record, walk
from ...engine.errors import GatewayError
from .case import EngineCase

RECORDS = {
    "example.org": ["v=DMARC1; p=reject; sp=quarantine"],
    "relaxed.test": ["v=DMARC1; p=none"],
    "strict.test": ["v=DMARC1; p=reject; adkim=s; aspf=r"],
    "city.gov.test": ["v=DMARC1; p=reject"],
    "gov.test": ["v=DMARC1; p=none; psd=y"],
    "own.big.test": ["v=DMARC1; p=reject; psd=n"],
    "big.test": ["v=DMARC1; p=none"],
    "twice.test": ["v=DMARC1; p=reject", "v=DMARC1; p=none"],
    "other.test": ["v=spf1 -all", "hello"],
}


class Names:
    def __init__(self):
        self.asked = []

    def __call__(self, name):
        assert name.startswith("_dmarc.")
        self.asked.append(name[7:])
        return tuple(RECORDS.get(name[7:], ()))


class TestDmarc(EngineCase):
    def test_records(self):
        for text, expected in (
            ("v=DMARC1; p=reject", ("reject", "reject", False, False, None)),
            ("v=DMARC1;p=quarantine;sp=none;adkim=s;aspf=s;psd=y", ("quarantine", "none", True, True, True)),
            ("v=DMARC1; p=REJECT ; psd=n", ("reject", "reject", False, False, False)),
            ("v=DMARC1; p=reject; t=y", ("none", "none", False, False, None)),
            ("v=DMARC1; p=reject; pct=0", ("none", "none", False, False, None)),
            ("v=DMARC1; p=nonsense; rua=mailto:x@y.z", ("none", "none", False, False, None)),
            ("v=DMARC1", ("none", "none", False, False, None)),
            ("v=DMARC2; p=reject", None),
            ("p=reject; v=DMARC1", None),
            ("v=spf1 -all", None),
            ("", None),
        ):
            with self.subTest(text=text):
                found = parse_record(text)
                got = found and (
                    found.policy,
                    found.subdomain_policy,
                    found.is_strict_dkim,
                    found.is_strict_spf,
                    found.is_public_suffix,
                )
                self.assertEqual(got, expected)

    def test_policy_and_organization(self):
        for domain, policy, organization in (
            ("example.org", "reject", "example.org"),
            ("mail.example.org", "quarantine", "example.org"),
            ("a.b.mail.example.org", "quarantine", "example.org"),
            ("nothing.test", "", "nothing.test"),
            ("x.nothing.test", "", "x.nothing.test"),
            ("twice.test", "", "twice.test"),
            ("other.test", "", "other.test"),
            ("city.gov.test", "reject", "city.gov.test"),
            ("tax.city.gov.test", "reject", "city.gov.test"),
            ("gov.test", "none", "gov.test"),
            ("mail.own.big.test", "reject", "own.big.test"),
            ("mail.big.test", "none", "big.test"),
        ):
            with self.subTest(domain=domain):
                found = walk(domain, Names())
                self.assertEqual((found.policy, found.organizational_domain), (policy, organization))

    def test_the_walk_is_short(self):
        names = Names()
        walk(".".join("abcdefghijkl") + ".example.org", names)
        self.assertEqual(len(names.asked), 8)
        self.assertEqual(names.asked[1], "h.i.j.k.l.example.org")
        self.assertEqual(names.asked[-1], "org")

    def test_alignment(self):
        for domain, other, expected in (
            ("example.org", "example.org", True),
            ("nothing.test", "nothing.test", True),
            ("example.org", "mail.example.org", True),
            ("mail.example.org", "example.org", True),
            ("a.example.org", "b.example.org", True),
            ("strict.test", "mail.strict.test", False),
            ("nothing.test", "mail.nothing.test", False),
            ("city.gov.test", "town.gov.test", False),
            ("city.gov.test", "gov.test", False),
            ("own.big.test", "big.test", False),
            ("example.org", "example.com", False),
            ("example.org", "notexample.org", False),
            ("example.org", "org", False),
            ("example.org", "", False),
        ):
            with self.subTest(domain=domain, other=other):
                self.assertEqual(is_aligned(domain, other, Names()), expected)
        self.assertTrue(is_aligned("strict.test", "mail.strict.test", Names(), for_spf=True))

    def test_the_dns_is_not_asked_without_need(self):
        names = Names()
        is_aligned("example.org", "example.org", names)
        is_aligned("example.org", "example.com", names)
        self.assertEqual(names.asked, [])

    def test_a_dns_that_does_not_answer_is_no_answer(self):
        def silent(name):
            raise GatewayError("silence", phase="resolve")

        with self.assertRaises(GatewayError):
            is_aligned("example.org", "mail.example.org", silent)
