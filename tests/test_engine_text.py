# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import GatewayCase


@tagged("post_install", "-at_install")
class TestEngineText(GatewayCase):
    """What the engine said is stored in English, and read in the language of whoever looks."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("fr_FR")
        cls.french = cls.env(context={**cls.env.context, "lang": "fr_FR"})

    def test_a_stored_text_is_read_in_two_languages(self):
        server = self.env["ir.mail_server"].create({"name": "Relay", "smtp_host": "mx.example.org"})
        breaker = self.env["spp.email.breaker"].create(
            {"server_id": server.id, "cause": "The host cannot be reached from here."}
        )
        self.assertEqual(breaker.read(["cause"])[0]["cause"], "The host cannot be reached from here.")
        self.assertEqual(
            breaker.with_env(self.french).read(["cause"])[0]["cause"], "L’hôte n’est pas accessible d’ici."
        )

    def test_an_error_is_said_in_the_language_of_who_caused_it(self):
        discovery = self.french["spp.email.discovery"].create({"kind": "incoming", "address": "not an address"})
        with self.assertRaisesRegex(UserError, "Ce n’est pas une adresse e-mail."):
            discovery.action_find()

    def test_what_was_put_into_a_text_stays(self):
        inbound = self.env["spp.email.inbound"]
        said = inbound.with_env(self.french)._fields["detail"].convert_to_read(
            "its name was “one” and is “two”", inbound.with_env(self.french)
        )
        self.assertEqual(said, "son nom était « one » et est « two »")
