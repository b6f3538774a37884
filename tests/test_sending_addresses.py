# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The page of addresses that this database sends from, and what Health says of those who send without a usable one."""

import time
from unittest.mock import patch

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from ..models import spp_email_sending_address
from .common import GatewayCase


@tagged("post_install", "-at_install")
class TestSendingAddresses(GatewayCase):
    def setUp(self):
        super().setUp()
        self.env["ir.mail_server"].search([]).active = False
        self.server = self.env["ir.mail_server"].create(
            {"name": "out", "smtp_host": "localhost", "smtp_encryption": "none", "from_filter": "gateway.test"}
        )
        self.alias_domain.default_from = "office"

    def page(self, user=None):
        pages = self.env["spp.email.addresses"].with_user(user or self.manager)
        return pages.browse(pages._open()["res_id"])

    def row(self, page, address, kind=None):
        found = page.line_ids.filtered(lambda line: line.address == address and kind in (None, line.kind))
        return found[:1]

    def right(self, address, kind=None):
        return self.row(self.page(), address, kind).right

    def finding(self, name):
        found = self.env["spp.email.sending.address"]._gateway_health()
        return next((one for one in found if one.code == f"senders_{name}"), None)

    def user(self, email, login=None):
        return new_test_user(self.env, login or f"user_{time.monotonic_ns()}", "base.group_user", email=email)

    def test_each_kind_stands_on_the_page_with_its_server(self):
        self.user("ann@gateway.test")
        self.env.company.email = "info@gateway.test"
        self.env["mail.template"].create(
            {"name": "Letter", "model_id": self.partner_model.id, "email_from": "Desk <desk@gateway.test>"}
        )
        page = self.page()
        for address, kind in (
            ("ann@gateway.test", "user"),
            ("info@gateway.test", "company"),
            ("desk@gateway.test", "template"),
            (self.alias_domain.default_from_email, "notification"),
            (self.alias_domain.bounce_email, "bounce"),
        ):
            with self.subTest(kind=kind):
                line = self.row(page, address, kind)
                self.assertEqual((line.leaves_as, line.server_id, line.right), (address, self.server, "named"))
                self.assertIn(address, page.copy_text.split("\n"))
        line = self.row(page, self.alias_domain.catchall_email, "catchall")
        self.assertEqual((line.right, line.server_id.ids), ("answers", []))
        self.assertNotIn(self.alias_domain.catchall_email, page.copy_text)
        self.assertTrue(page.line_ids.filtered(lambda line: line.kind == "bot"))
        opened = self.row(page, "desk@gateway.test").action_open()
        self.assertEqual(opened["res_model"], "mail.template")

    def test_what_becomes_of_an_address_follows_the_settings(self):
        self.user("bob@elsewhere.test")
        self.assertEqual(self.right("bob@elsewhere.test"), "replaced")
        self.server.gateway_from_policy = "keep"
        self.assertEqual(self.right("bob@elsewhere.test"), "refused")
        self.server.from_filter = False
        self.assertEqual(self.right("bob@elsewhere.test"), "any")
        self.server.from_filter = "gateway.test, bob@elsewhere.test"
        self.assertEqual(self.right("bob@elsewhere.test"), "named")
        self.user("eve@elsewhere.test")
        self.assertEqual(self.right("eve@elsewhere.test"), "refused")

    def test_the_list_for_one_provider(self):
        other = self.env["ir.mail_server"].create(
            {"name": "two", "smtp_host": "localhost", "smtp_encryption": "none", "from_filter": "two.test"}
        )
        self.user("ann@gateway.test")
        self.user("bob@two.test")
        page = self.page()
        page.server_id = other
        self.assertEqual(page.copy_text, "bob@two.test")

    def test_a_page_of_one_company_shows_that_company(self):
        self.env["res.company"].search([("name", "=", "Nobody's")])
        other = self.env["res.company"].create({"name": "Another", "email": "info@another.test"})
        self.assertFalse(self.row(self.page(), "info@another.test"))
        self.manager.company_ids |= other
        pages = self.env["spp.email.addresses"].with_user(self.manager).with_context(allowed_company_ids=other.ids)
        page = pages.browse(pages._open()["res_id"])
        self.assertTrue(self.row(page, "info@another.test"))

    def test_many_users_are_few_questions(self):
        users = self.env["res.users"].with_context(no_reset_password=True)
        with mute_logger("odoo.models"):
            users.create([{"name": f"u{n}", "login": f"many{n}", "email": f"many{n}@gateway.test"} for n in range(60)])
        self.env.flush_all()
        with self.patched_limit(40):
            page = self.page()
        shown = page.line_ids.filtered(lambda line: line.kind == "user")
        self.assertEqual(len(shown), 40)
        self.assertGreater(page.left_out_count, 20)
        before = self.env.cr.sql_log_count
        choices = spp_email_sending_address.Choices(self.env)
        places = self.env["res.users"].search([("login", "=like", "many%")])
        kind = spp_email_sending_address.AddressKind.USER
        for user in places:
            self.assertEqual(choices.chosen(kind, user.email, user, "email", user.company_id).right.value, "named")
        self.assertLess(self.env.cr.sql_log_count - before, 60)

    def patched_limit(self, most):
        return patch.object(spp_email_sending_address, "MOST_USERS", most)

    def test_only_managers_open_the_page(self):
        for user in (self.plain, self.viewer, self.officer):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.page(user)

    # ------------------------------------------------------------------
    # Health
    # ------------------------------------------------------------------

    def test_users_without_a_usable_address_are_named(self):
        self.env["res.users"].search([("share", "=", False)]).email = "somebody@gateway.test"
        self.assertFalse(self.finding("users"))
        nobody, placeholder = self.user(False), self.user("ann@example.com")
        nobody.email = False
        # The Default From takes the placeholder's place.
        found = self.finding("users")
        self.assertEqual((found.model, found.ids, found.field), ("res.users", (nobody.id,), "email"))
        self.alias_domain.default_from = False
        self.server.from_filter = False
        self.assertEqual(set(self.finding("users").ids), {nobody.id, placeholder.id})
        (nobody | placeholder).email = "ann@gateway.test"
        self.assertFalse(self.finding("users"))

    def test_odoobot_companies_and_templates_are_named(self):
        self.alias_domain.default_from = False
        self.server.from_filter = False
        bot = self.env.ref("base.user_root").partner_id
        bot.email = "odoobot@example.com"
        found = self.finding("bot")
        self.assertEqual((found.model, found.ids, found.field), ("res.partner", (bot.id,), "email"))
        bot.email = "robot@gateway.test"
        self.assertFalse(self.finding("bot"))

        self.env["res.company"].search([]).email = "info@gateway.test"
        self.assertFalse(self.finding("companies"))
        self.other_company.email = "info@example.org"
        self.assertEqual(self.finding("companies").ids, (self.other_company.id,))

        template = self.env["mail.template"].create(
            {"name": "Letter", "model_id": self.partner_model.id, "email_from": '"Desk" <desk@example.com>'}
        )
        found = self.finding("templates")
        self.assertEqual((found.model, found.field), ("mail.template", "email_from"))
        self.assertIn(template.id, found.ids)
        template.email_from = "{{ object.user_id.email_formatted }}"
        self.assertNotIn(template.id, getattr(self.finding("templates"), "ids", ()))
