# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from odoo.exceptions import ValidationError
from odoo.tests import tagged

from .common import GatewayCase


@tagged("post_install", "-at_install")
class TestMailParameters(GatewayCase):
    """System parameters that mail depends on: brought into one form or refused, whatever way they are written."""

    def ways(self, key, value):
        parameters = self.env["ir.config_parameter"]
        yield "set_param", lambda: parameters.set_param(key, value)
        yield "create", lambda: parameters.create({"key": key, "value": value})
        other = {"mail.gateway.loop.minutes": "1", "mail.catchall.domain.allowed": "x.org"}.get(key, "1")

        def write():
            parameters.search([("key", "=", key)]).unlink()
            parameters.create({"key": key, "value": other if key != "mail.default.from_filter" else "x.org"})
            parameters.search([("key", "=", key)]).write({"value": value})

        yield "write", write

        def rename():
            parameters.create({"key": "some.key", "value": value}).write({"key": key})

        yield "rename", rename

    def test_what_is_normalised(self):
        for key, value, expected in (
            ("mail.gateway.loop.minutes", " 060 ", "60"),
            ("mail.gateway.loop.threshold", " 7", "7"),
            ("spp_email_gateway.loop_threshold_domain", "0", "0"),
            ("mail.catchall.domain.allowed", " A.org, b.ORG,", "a.org,b.org"),
            ("mail.default.from_filter", "A.org , Out@B.org", "a.org,out@b.org"),
        ):
            for way, act in self.ways(key, value):
                with self.subTest(key=key, way=way):
                    self.env["ir.config_parameter"].search([("key", "in", (key, "some.key"))]).unlink()
                    act()
                    self.assertEqual(self.env["ir.config_parameter"].get_param(key), expected)
        for key in ("mail.force.smtp.from", "mail.dynamic.smtp.from"):
            self.env["ir.config_parameter"].set_param(key, " out@your-domain.org ")
            self.assertEqual(self.env["ir.config_parameter"].get_param(key), "out@your-domain.org")

    def test_what_is_refused(self):
        number = "“%s” is not a number for %s, which takes a whole number from %s to %s."
        for key, value, words in (
            ("mail.gateway.loop.minutes", "two hours", number % ("two hours", "mail.gateway.loop.minutes", 1, 43200)),
            ("mail.gateway.loop.minutes", "0", "takes a whole number from 1 to"),
            ("mail.gateway.loop.threshold", "0", "takes a whole number from 1 to"),
            ("mail.gateway.loop.threshold", "-1", "“-1” is not a number for mail.gateway.loop.threshold"),
            ("spp_email_gateway.loop_threshold_replies", "many", "takes a whole number from 0 to 100000."),
            ("spp_email_gateway.loop_hops", "1001", "takes a whole number from 0 to 1000."),
            ("mail.catchall.domain.allowed", "a.org b.org", "“a.org b.org” is not a domain. mail.catchall.domain"),
            ("mail.catchall.domain.allowed", "a.org,@b.org", "“@b.org” is not a domain."),
            ("mail.default.from_filter", "a.org;b.org", "“a.org;b.org” is neither a domain nor an email address."),
        ):
            for way, act in self.ways(key, value):
                with self.subTest(key=key, value=value, way=way):
                    with self.assertRaises(ValidationError) as caught, self.cr.savepoint():
                        act()
                    self.assertIn(words, str(caught.exception))

    def test_other_parameters_are_left_alone(self):
        self.env["ir.config_parameter"].set_param("some.key", " Any Thing ")
        self.assertEqual(self.env["ir.config_parameter"].get_param("some.key"), " Any Thing ")
        self.env["ir.config_parameter"].set_param("mail.gateway.loop.threshold", False)
        self.assertFalse(self.env["ir.config_parameter"].get_param("mail.gateway.loop.threshold"))
