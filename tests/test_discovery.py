# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from ..engine.connection import Security
from ..engine.discovery import Candidate, Discovery
from ..engine.errors import ConfigurationError
from ..wizards import spp_email_discovery
from .common import GatewayCase

FOUND = [
    Candidate("smtp", "smtp.found.test", 465, Security.TLS, "srv", "ann@found.test"),
    Candidate("smtp", "smtp.gmail.com", 587, Security.STARTTLS, "provider", "ann@found.test", "gmail"),
]
INCOMING = [Candidate("pop", "pop.found.test", 110, Security.STARTTLS, "autoconfig", "ann", is_elsewhere=True)]


@tagged("post_install", "-at_install")
class TestDiscovery(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.env["ir.mail_server"].create(
            {
                "name": "Mine",
                "smtp_host": "old.gateway.test",
                "smtp_user": "ann@found.test",
                "smtp_pass": "secret",
                "from_filter": "found.test",
            }
        )

    def search_for(self, record, candidates=(), notes=(), user=None):
        """Press Find Settings, then Find; return the wizard."""
        action = record.with_user(user or self.manager).action_find_settings()
        wizards = self.env[action["res_model"]].with_user(user or self.manager)
        with Form(wizards.with_context(**action["context"])) as form:
            if not form.address:
                form.address = "ann@found.test"
        wizard = form.record
        discovery = Discovery(list(candidates or FOUND), list(notes))
        with patch.object(spp_email_discovery, "discover", return_value=discovery) as ask:
            wizard.action_find()
        self.asked = ask.call_args.args
        return wizard

    def test_a_copy_of_the_database_asks_nobody(self):
        self.env["spp.email.binding"]._bind()
        self.env["ir.config_parameter"].set_param("database.uuid", "another")
        action = self.server.with_user(self.manager).action_find_settings()
        wizards = self.env[action["res_model"]].with_user(self.manager).with_context(**action["context"])
        wizard = wizards.create({"address": "ann@found.test"})
        with patch.object(spp_email_discovery, "discover", side_effect=AssertionError("the copy asked")):
            with self.assertRaisesRegex(UserError, "^This database may be a copy: "):
                wizard.action_find()
        self.env["spp.email.binding"]._bind()
        with patch.object(spp_email_discovery, "discover", return_value=Discovery([], [])) as ask:
            wizard.action_find()
        self.assertTrue(ask.called)

    def test_nobody_is_asked_before_the_click(self):
        with patch.object(spp_email_discovery, "discover", side_effect=AssertionError):
            action = self.server.with_user(self.manager).action_find_settings()
            wizard = self.env["spp.email.discovery"].with_user(self.manager).with_context(**action["context"])
            self.assertEqual(wizard.create({}).address, "ann@found.test")

    def test_what_is_found_is_shown_with_where_it_comes_from(self):
        wizard = self.search_for(self.server, notes=["The DNS did not answer every question."])
        self.assertEqual(self.asked, ("ann@found.test", ("smtp",)))
        self.assertEqual(
            wizard.line_ids.mapped(lambda line: (line.host, line.port, line.security, line.origin)),
            [("smtp.found.test", 465, "tls", "srv"), ("smtp.gmail.com", 587, "starttls", "provider")],
        )
        self.assertEqual(wizard.note, "The DNS did not answer every question.")

    def test_it_fills_the_server_and_takes_the_password_to_nobody_else(self):
        wizard = self.search_for(self.server)
        wizard.line_ids[0].action_use()
        server = self.server
        self.assertEqual(
            (server.smtp_host, server.smtp_port, server.smtp_encryption, server.smtp_user),
            ("smtp.found.test", 465, "ssl_strict", "ann@found.test"),
        )
        self.assertFalse(server._credential().secret)
        self.assertEqual(server.from_filter, "found.test")
        server.smtp_pass = "new"
        self.search_for(server).line_ids[0].action_use()
        self.assertEqual(server._credential().secret, "new")

    def test_it_fills_a_new_form(self):
        wizard = self.search_for(self.env["ir.mail_server"])
        action = wizard.line_ids[1].action_use()
        with Form(self.env["ir.mail_server"].with_user(self.manager).with_context(**action["context"])) as form:
            self.assertEqual(form.smtp_host, "smtp.gmail.com")
        server = form.record
        self.assertEqual(
            (server.name, server.smtp_port, server.smtp_encryption, server.smtp_user, server.gateway_provider),
            (wizard.address, 587, "starttls_strict", "ann@found.test", "gmail"),
        )
        # The provider's limits come with it.
        self.assertEqual(server.gateway_quota_day, 500)

    def test_incoming(self):
        box = self.mailbox(password="secret")
        wizard = self.search_for(box, INCOMING)
        self.assertEqual(self.asked, ("box@gateway.test", ("imap", "pop")))
        self.assertTrue(wizard.line_ids.is_elsewhere)
        wizard.line_ids.action_use()
        self.assertEqual(
            (box.server_type, box.server, box.port, box.is_ssl, box.gateway_use_starttls, box.user, box.state),
            ("pop", "pop.found.test", 110, False, True, "ann", "draft"),
        )
        self.assertFalse(box._credential().secret)
        action = self.search_for(self.env["fetchmail.server"], INCOMING).line_ids.action_use()
        with Form(self.env["fetchmail.server"].with_user(self.manager).with_context(**action["context"])) as form:
            form.password = "secret"
        self.assertEqual((form.record.server_type, form.record.port), ("pop", 110))

    def test_what_is_no_address(self):
        wizard = self.env["spp.email.discovery"].with_user(self.manager).create(
            {"kind": "outgoing", "address": "nonsense"}
        )
        with self.assertRaises(UserError) as caught:
            wizard.action_find()
        self.assertEqual(str(caught.exception), "This is no email address.")
        self.assertIsInstance(caught.exception.__cause__, ConfigurationError)

    def test_only_managers(self):
        for user in (self.plain, self.viewer, self.officer, self.portal):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.search_for(self.env["ir.mail_server"], user=user)
