# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.modules.neutralize import neutralize_database
from odoo.tests import tagged

from odoo.addons.base.tests.common import MockSmtplibCase

from ..engine.errors import ConfigurationError
from ..engine.gate import Departure
from ..engine.outcome import OutboundReason
from .common import GatewayCase, eml

DEPARTURE = Departure(1, None, "a@gateway.test", ("ann@a.org",))


@tagged("post_install", "-at_install")
class TestDatabaseBinding(GatewayCase, MockSmtplibCase):
    def setUp(self):
        super().setUp()
        self.binding = self.env["spp.email.binding"]
        self.binding._bind()

    def copied(self):
        """As Odoo does with a database that it duplicates."""
        self.env["ir.config_parameter"].set_param("database.uuid", "another")

    def finding(self):
        self.env["spp.email.health"]._check()
        return self.env["spp.email.health"].search([("code", "=", "other_database")])

    def test_the_addon_binds_when_it_is_installed(self):
        self.binding.search([]).unlink()
        self.binding.init()
        bound = self.binding.search([])
        self.assertEqual(bound.database_name, self.env.cr.dbname)
        self.assertEqual(bound.database_uuid, self.env["ir.config_parameter"].get_param("database.uuid"))
        # This test's user may read it; where it may not, the other two have to do.
        self.assertRegex(bound.system_identifier, r"^\d{15,}$")
        # An update of a copy does not make it the original.
        self.copied()
        self.binding.init()
        self.assertTrue(self.binding._held())

    def test_the_original_sends_and_reads(self):
        self.assertEqual(self.binding._held(), "")
        self.assertIsNone(self.env["spp.email.gate"]._ask(DEPARTURE).hold)
        self.assertFalse(self.finding())

    def test_a_copy_holds_its_mail_and_says_why(self):
        self.copied()
        permit = self.env["spp.email.gate"]._ask(DEPARTURE)
        self.assertEqual(permit.hold.reason, OutboundReason.OTHER_DATABASE)
        self.assertAlmostEqual(
            permit.hold.until, fields.Datetime.now() + timedelta(minutes=15), delta=timedelta(minutes=1)
        )
        self.assertEqual(
            permit.hold.text,
            "This database may be a copy: its identifier (database.uuid) is another one. It sends and reads no mail "
            "until a manager confirms under Email Gateway → Health that it may. Nothing is lost meanwhile.",
        )

    def test_a_database_with_another_name_or_on_another_server_is_one_too(self):
        bound = self.binding.search([])
        bound.database_name = "production"
        self.assertIn("its name was “production”", self.binding._held())
        self.binding._bind()
        bound.system_identifier = "7"
        self.assertIn("it lies on another PostgreSQL server", self.binding._held())
        with patch.object(type(self.binding), "_system_identifier", lambda _self: ""):
            self.assertEqual(self.binding._held(), "")

    def test_a_copy_does_not_read(self):
        box = self.mailbox()
        self.copied()
        with patch.object(type(box), "_connect__", side_effect=AssertionError("the copy read")):
            with self.assertRaisesRegex(UserError, "^This database may be a copy: "):
                box.fetch_mail()
            self.assertRegex(str(box._fetch_mail()), "^This database may be a copy: ")
        for way in (box._gateway_open_mailbox, box._gateway_opening):
            with self.assertRaisesRegex(ConfigurationError, "^This database may be a copy: "):
                way()
        self.assertEqual(self.env["spp.email.watch"]._watched(), [])
        self.assertFalse(box.error_message)
        self.assertFalse(box.gateway_failures)

    def test_a_copy_tests_no_connection(self):
        out = self.env["ir.mail_server"].create({"name": "Out", "smtp_host": "mx.gateway.test"})
        box = self.mailbox()
        self.copied()
        with patch("socket.create_connection", side_effect=AssertionError("the copy connected")):
            for way in (out.test_smtp_connection, box.button_confirm_login, box._connect__):
                with self.assertRaisesRegex(UserError, "^This database may be a copy: "):
                    way()

    def test_what_was_journaled_waits_but_for_what_a_person_tries(self):
        waiting = self.journal(eml(), self.mailbox())
        self.copied()
        with self.own_cursors():
            self.env["spp.email.lane"]._cron_process()
            self.env["spp.email.lane"]._queue_process(1)
        self.assertFalse(self.process())
        self.assertEqual(waiting.state, "received")
        with self.own_cursors():
            self.env["spp.email.lane"]._process_due(inbound_ids=waiting.ids)
        waiting.invalidate_recordset()
        self.assertEqual(waiting.state, "done")
        self.binding._bind()
        self.assertEqual(self.receive(eml(), self.mailbox()).state, "done")

    def test_a_copy_takes_no_mail_and_asks_no_name_server(self):
        intake, _token = self.intake()
        self.env["ir.config_parameter"].set_param("spp_email_gateway.dns_servers", "127.0.0.1:5353")
        resolver = self.env["spp.email.sender.resolver"]
        with self.own_cursors():
            self.assertEqual((intake._admit(), resolver._resolver_servers()), (0, "127.0.0.1:5353"))
        self.copied()
        self.env.cr.cache.clear()
        with self.own_cursors():
            self.assertEqual((intake._admit(), resolver._resolver_servers()), (900, "none"))

    def test_mail_past_the_queue_is_not_sent_either(self):
        self.copied()
        servers = self.env["ir.mail_server"]
        with self.mock_smtplib_connection():
            with self.assertRaisesRegex(UserError, "^This database may be a copy: "):
                servers.send_email(servers._build_email__("x@gateway.test", ["ann@a.org"], "S", "T"))
            self.assertEqual(self.emails, [])

    def test_managers_are_told_and_may_say_that_it_is_the_original(self):
        self.copied()
        finding = self.finding()
        self.assertEqual(finding.title, "This database may be a copy, and sends and reads no mail")
        self.assertTrue(finding.is_other_database)
        self.assertIn(self.manager, finding.activity_ids.user_id)
        for user in (self.plain, self.viewer, self.officer):
            with self.assertRaises(AccessError):
                finding.with_user(user).action_confirm_database()
        finding.with_user(self.manager).action_confirm_database()
        self.assertEqual(self.binding._held(), "")
        self.assertFalse(finding.active)
        self.assertEqual(self.binding.search([]).bound_uid, self.manager)

    def test_a_neutralized_copy_neither_sends_nor_reads(self):
        out = self.env["ir.mail_server"].create({"name": "Out", "smtp_host": "mx.gateway.test"})
        box, (intake, _token) = self.mailbox(), self.intake()
        self.env.flush_all()
        neutralize_database(self.env.cr)
        self.env.invalidate_all()
        self.env.registry.clear_cache("stable")
        self.assertFalse(out.active or box.active or intake.active)
        # Odoo's stand-in stays, or the server of the configuration file would be used.
        self.assertEqual(self.env["ir.mail_server"].search([]).mapped("smtp_host"), ["invalid"])
        jobs = self.env["ir.model.data"].search(
            [("model", "=", "ir.cron"), ("module", "=", "spp_email_gateway")]
        )
        self.assertTrue(jobs)
        self.assertFalse(self.env["ir.cron"].browse(jobs.mapped("res_id")).filtered("active"))
        self.assertTrue(self.env["spp.email.gate"]._ask(DEPARTURE).hold)
        # Nor when somebody switches it all on again without thinking.
        (out | self.env["ir.mail_server"].search([])).active = True
        self.assertIn("database.uuid", self.binding._held())

    def test_a_database_without_a_binding_is_neutralized_as_well(self):
        self.binding.search([]).unlink()
        self.env.flush_all()
        neutralize_database(self.env.cr)
        self.env.invalidate_all()
        self.assertTrue(self.binding._held())
