# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.parameter_value import ParameterError, address_or_domain_list, domain_list, whole_number
from .case import EngineCase


class TestParameterValue(EngineCase):
    def test_whole_numbers(self):
        for value, expected in (
            ("20", "20"),
            (" 20 ", "20"),
            ("020", "20"),
            ("1", "1"),
            ("100", "100"),
            ("0", None),
            ("101", None),
            ("-5", None),
            ("2.5", None),
            ("1e2", None),
            ("twenty", None),
            ("", None),
            ("٢٠", None),
            ("9" * 5000, None),
        ):
            with self.subTest(value=value[:20]):
                self.check(lambda value=value: whole_number(value, 1, 100), expected, value)

    def test_domains(self):
        for value, expected, part in (
            ("a.org", "a.org", ""),
            (" A.org , b.ORG ,", "a.org,b.org", ""),
            ("a.org,A.org", "a.org", ""),
            ("münchen.de", "münchen.de", ""),
            ("localhost", "localhost", ""),
            ("a.org b.org", None, "a.org b.org"),
            ("a.org; b.org", None, "a.org; b.org"),
            ("a.org,@b.org", None, "@b.org"),
            ("a.org,x@b.org", None, "x@b.org"),
            ("a..org", None, "a..org"),
            (".a.org", None, ".a.org"),
            ("https://a.org", None, "https://a.org"),
            (" , ", None, " , "),
            ("", None, ""),
        ):
            with self.subTest(value=value):
                self.check(lambda value=value: domain_list(value), expected, part)

    def test_addresses_and_domains(self):
        for value, expected, part in (
            ("A.org, Out@b.org", "a.org,out@b.org", ""),
            (".a.org", ".a.org", ""),
            ("Out <out@b.org>", None, "Out <out@b.org>"),
            ("a.org,out@", None, "out@"),
            (",", None, ","),
        ):
            with self.subTest(value=value):
                self.check(lambda value=value: address_or_domain_list(value), expected, part)

    def check(self, act, expected, part):
        if expected is not None:
            self.assertEqual(act(), expected)
            return
        with self.assertRaises(ParameterError) as caught:
            act()
        self.assertEqual(caught.exception.part, part)
