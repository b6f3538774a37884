# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from contextlib import contextmanager
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged
from odoo.tools import config

from ..engine.diagnosis import Diagnosis, Step
from .test_mail_server_from import NOTIFICATIONS, FromCase

WARNING = f"No server's FROM filter has the Default From {NOTIFICATIONS}. “%s” is used instead, and may refuse it."
WIZARD = "odoo.addons.spp_email_gateway.wizards.spp_email_configuration_server"


@tagged("post_install", "-at_install")
class TestSenderHealth(FromCase):
    def findings(self):
        found = self.env["spp.email.sender.health"]._gateway_health()
        return {finding.code: finding for finding in found}

    @contextmanager
    def configured(self, **options):
        with patch.dict(config.options, {"smtp_server": "mx.conf.test", "smtp_port": 2525, **options}):
            yield

    def test_a_default_from_that_no_filter_has_is_said(self):
        code = f"default_from_{self.alias_domain.id}"
        used = self.server(from_filter="other.org", name="Used", sequence=1)
        self.server(from_filter="third.org", name="Third", sequence=2)
        self.assertEqual(self.alias_domain.gateway_from_warning, WARNING % "Used")
        self.assertEqual(used.gateway_default_from_warning, WARNING % "Used")
        self.assertEqual(self.findings()[code].text, WARNING % "Used")
        for from_filter in ("gateway.test", NOTIFICATIONS, ".gateway.test", False):
            with self.subTest(from_filter=from_filter):
                used.from_filter = from_filter
                self.alias_domain.invalidate_recordset()
                self.assertFalse(self.alias_domain.gateway_from_warning)
                self.assertFalse(used.gateway_default_from_warning)
                self.assertNotIn(code, self.findings())
        used.active = False
        self.alias_domain.invalidate_recordset()
        self.assertEqual(self.alias_domain.gateway_from_warning, WARNING % "Third")

    def test_the_form_says_it_while_the_filter_is_typed(self):
        with Form(self.server(from_filter="gateway.test", name="Out")) as form:
            self.assertFalse(form.gateway_default_from_warning)

    def test_servers_of_other_companies_do_not_count(self):
        self.server(company_id=self.env["res.company"].create({"name": "Third"}).id, from_filter="gateway.test")
        self.server(from_filter="other.org", name="Used")
        self.assertEqual(self.alias_domain.gateway_from_warning, WARNING % "Used")

    def test_without_default_from_there_is_nothing_to_say(self):
        self.server(from_filter="other.org")
        self.alias_domain.default_from = False
        self.assertFalse(self.alias_domain.gateway_from_warning)

    def test_without_a_server_health_names_that_of_the_configuration_file(self):
        with self.configured():
            finding = self.findings()["no_outgoing_server"]
            self.assertEqual(finding.text, "Mail leaves through: Server of odoo.conf (mx.conf.test:2525).")
            self.parameter("mail.default.from_filter", "other.org")
            self.assertEqual(
                self.alias_domain.gateway_from_warning, WARNING % "Server of odoo.conf (mx.conf.test:2525)"
            )
        self.server()
        self.assertNotIn("no_outgoing_server", self.findings())

    def test_a_personal_server_is_nobody_elses(self):
        self.server(from_filter=self.plain.email_normalized, owner_user_id=self.plain.id)
        self.assertIn("no_outgoing_server", self.findings())

    def test_the_server_of_the_configuration_file_is_shown_and_tested(self):
        wizard = self.env["spp.email.configuration.server"].with_user(self.manager).create({})
        with self.configured(smtp_ssl=True, smtp_user="relay", smtp_password="secret"):
            self.assertEqual((wizard.host, wizard.port, wizard.user_name), ("mx.conf.test", "2525", "relay"))
            self.assertEqual(wizard.encryption, "TLS (STARTTLS), not verified")
            self.assertTrue(wizard.is_used)
            self.assertNotIn("secret", str(wizard.read()))
            with patch(f"{WIZARD}.diagnose_smtp") as diagnose:
                diagnose.return_value = Diagnosis((Step("login", True, "The server let us in."),))
                told = wizard.action_test()["params"]
                self.assertEqual((told["type"], told["message"]), ("success", "Login: The server let us in."))
                connection, _log_in, sender = diagnose.call_args.args
                self.assertEqual((connection.host, connection.port, sender), ("mx.conf.test", 2525, NOTIFICATIONS))
                diagnose.return_value = Diagnosis((Step("login", False, "It was refused.", cure="Ask."),))
                with self.assertRaises(UserError) as caught:
                    wizard.action_test()
                self.assertEqual(
                    str(caught.exception), "Change odoo.conf, or add a server here.\nIt was refused.\nAsk."
                )

    def test_only_managers_see_it(self):
        for user in (self.plain, self.viewer, self.officer):
            with self.assertRaises(AccessError):
                self.env["spp.email.configuration.server"].with_user(user).create({})
