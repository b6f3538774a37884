# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import psycopg2

from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import GatewayCase


@tagged("post_install", "-at_install")
class TestDomains(GatewayCase):
    def test_a_domain_is_kept_as_the_dns_has_it(self):
        domains = self.env["spp.email.domain"].with_user(self.manager)
        for typed, kept in (
            ("Your-NGO.org.", "your-ngo.org"),
            ("ann@mail.your-ngo.org", "mail.your-ngo.org"),
            ("bücher.gateway.test", "xn--bcher-kva.gateway.test"),
        ):
            with self.subTest(typed=typed):
                self.assertEqual(domains.create({"name": typed}).name, kept)

    def test_what_is_no_domain_is_refused_with_its_words(self):
        domain = self.env["spp.email.domain"].create({"name": "your-ngo.org"})
        for typed in ("org", "192.0.2.1", "a b.org", "", "_dmarc.example.org"):
            words = f"“{typed}” is no domain. Type what stands after the @, such as your-domain.org."
            with self.subTest(typed=typed):
                with self.assertRaises(ValidationError) as caught:
                    self.env["spp.email.domain"].create({"name": typed})
                self.assertEqual(caught.exception.args[0], words)
                with self.assertRaises(ValidationError) as caught:
                    domain.name = typed
                self.assertEqual(caught.exception.args[0], words)

    @mute_logger("odoo.sql_db")
    def test_a_domain_stands_once_in_the_list(self):
        self.env["spp.email.domain"].create({"name": "your-ngo.org", "active": False})
        with self.assertRaises(psycopg2.errors.UniqueViolation), self.env.cr.savepoint():
            self.env["spp.email.domain"].create({"name": "YOUR-NGO.org"})
