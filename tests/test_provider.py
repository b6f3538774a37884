# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from odoo.exceptions import UserError
from odoo.tests import Form, tagged

from ..engine.provider import PROVIDERS
from .common import GatewayCase


@tagged("post_install", "-at_install")
class TestProvider(GatewayCase):
    def outgoing(self, server=None):
        return Form((server or self.env["ir.mail_server"]).with_user(self.manager))

    def test_each_outgoing_preset_fills_the_form(self):
        for provider in PROVIDERS.values():
            if not provider.outgoing:
                continue
            with self.subTest(provider.code):
                form = self.outgoing()
                form.gateway_provider = provider.code
                self.assertEqual(
                    (form.smtp_host, form.smtp_port, form.gateway_encryption, form.gateway_skip_verification),
                    (provider.outgoing.host, provider.outgoing.port, provider.outgoing.security.value, False),
                )
                self.assertEqual(form.smtp_user or "", provider.user)
                self.assertIn(provider.secret, form.gateway_provider_text)
                server = form.save()
                self.assertEqual(server.smtp_port, provider.outgoing.port)
                self.assertEqual(server._gateway_limits(), dict(provider.limits))
                self.assertEqual(server.name, provider.name)

    def test_what_a_person_entered_stays(self):
        form = self.outgoing()
        form.name = "Mine"
        form.smtp_user = "me@gateway.test"
        form.smtp_pass = "secret"
        form.gateway_provider = "gmail"
        form.gateway_quota_day = 2000
        server = form.save()
        self.assertEqual((server.name, server.smtp_user, server.gateway_quota_day), ("Mine", "me@gateway.test", 2000))
        self.assertEqual(server._credential().secret, "secret")
        # Another choice clears the limits of the one before.
        form = self.outgoing(server)
        form.gateway_provider = "generic"
        self.assertEqual((form.smtp_host, form.gateway_quota_day), ("smtp.gmail.com", 2000))
        form.gateway_provider = "mailjet"
        self.assertEqual(form.gateway_quota_day, 0)

    def test_a_stored_password_is_not_given_to_another_provider(self):
        server = self.env["ir.mail_server"].create(
            {"name": "Mine", "smtp_host": "smtp.gateway.test", "smtp_user": "me", "smtp_pass": "secret"}
        )
        form = self.outgoing(server)
        form.gateway_provider = "mailjet"
        with self.assertRaises(UserError) as caught:
            form.save()
        self.assertIn("Enter the password again", str(caught.exception))

    def test_each_incoming_preset_fills_the_form(self):
        for provider in PROVIDERS.values():
            if not provider.incoming:
                continue
            with self.subTest(provider.code):
                form = Form(self.env["fetchmail.server"].with_user(self.manager))
                form.gateway_provider = provider.code
                self.assertEqual(
                    (form.server_type, form.server, form.port, form.is_ssl),
                    ("imap", provider.incoming.host, provider.incoming.port, True),
                )
                form.user = "box@gateway.test"
                form.password = "secret"
                self.assertEqual(form.save().gateway_provider, provider.code)
