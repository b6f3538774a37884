# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import logging
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged

from ..engine.errors import GatewayError
from ..engine.health import HealthState
from ..models import spp_email_certificate
from .common import GatewayCase


@tagged("post_install", "-at_install")
class TestCertificate(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["fetchmail.server"].search([]).state = "draft"
        cls.env["ir.mail_server"].search([]).active = False
        cls.box = cls.mailbox()
        cls.relay = cls.env["ir.mail_server"].create({"name": "Relay", "smtp_host": "relay.gateway.test"})
        cls.certificates = cls.env["spp.email.certificate"]

    def look(self, server, answer):
        """Look at a server's certificate; answer is what the engine returns or raises."""
        effect = {"side_effect": answer} if isinstance(answer, Exception) else {"return_value": answer}
        with self.own_cursors(), patch.object(spp_email_certificate, "look_at_certificate", **effect) as asked:
            self.certificates._look(server)
        return asked.call_args.args[0]

    def test_it_warns_before_the_end_and_clears_when_renewed(self):
        now = fields.Datetime.now()
        for server, kind, protocol in ((self.box, "mailbox", "imap"), (self.relay, "outgoing_server", "smtp")):
            for days, state in ((60, None), (13, HealthState.WARNING), (-1, HealthState.FAILURE), (90, None)):
                with self.subTest(server=server._name, days=days):
                    self.assertEqual(self.look(server, now + timedelta(days=days)), protocol)
                    self.assertEqual(server.gateway_certificate_until, now + timedelta(days=days))
                    found = self.certificates._gateway_health()
                    self.assertEqual([finding.state for finding in found], [state] if state else [])
                    if found:
                        self.assertEqual(found[0].code, f"{kind}_{server.id}_certificate")
                        self.assertEqual((found[0].model, found[0].ids), (server._name, (server.id,)))

    def test_a_server_that_is_away_keeps_what_is_known(self):
        until = fields.Datetime.now() + timedelta(days=60)
        self.look(self.box, until)
        with self.assertLogs("odoo.addons.spp_email_gateway.models.spp_email_certificate", logging.INFO) as log:
            self.look(self.box, GatewayError("mail.gateway.test is away", phase="connect"))
        self.assertEqual(self.box.gateway_certificate_until, until)
        self.assertNotIn("gateway.test", "".join(log.output))

    def run_job(self, answers):
        """Run the job; return the servers that were looked at. ``answers``: {server: what the look raises}."""
        looked = []

        def look(_protocol, connection):
            looked.append(connection.host)
            if answers.get(connection.host):
                raise answers[connection.host]
            return fields.Datetime.now() + timedelta(days=60)

        with (
            self.own_cursors(),
            patch.object(spp_email_certificate, "look_at_certificate", look),
            patch.object(type(self.env["ir.cron"]), "_commit_progress", lambda *_done, **_named: 60),
        ):
            self.certificates._cron_look()
        return looked

    def test_silent_servers_do_not_shut_out_the_others(self):
        relays = self.relay.browse()
        for number in range(4):
            relays += self.relay.copy({"smtp_host": f"relay{number}.gateway.test", "active": True})
        self.box.state = "draft"
        self.relay.active = False
        silent = GatewayError("away", phase="connect")
        with patch.object(spp_email_certificate, "MOST", 2):
            rounds = [self.run_job({"relay0.gateway.test": silent, "relay1.gateway.test": silent}) for _run in range(3)]
        hosts = relays.mapped("smtp_host")
        self.assertEqual([sorted(hosts_of) for hosts_of in rounds], [hosts[:2], hosts[2:], []])
        self.assertEqual([bool(relay.gateway_certificate_until) for relay in relays], [False, False, True, True])
        # The next day: the longest ago first.
        for number, hours in enumerate((30, 40, 21, 50)):
            relays[number].gateway_certificate_date = fields.Datetime.now() - timedelta(hours=hours)
        with patch.object(spp_email_certificate, "MOST", 3):
            self.assertEqual(self.run_job({}), [hosts[3], hosts[1], hosts[0]])

    def test_a_server_that_breaks_a_run_is_the_last_of_the_next_one(self):
        with self.assertRaisesRegex(ZeroDivisionError, ""):
            self.run_job({self.box.server: ZeroDivisionError()})
        self.assertTrue(self.box.gateway_certificate_date)
        self.assertEqual(self.run_job({}), [self.relay.smtp_host])

    def test_a_run_comes_to_an_end(self):
        with patch.object(spp_email_certificate, "RUN_SECONDS", -1):
            self.assertEqual(len(self.run_job({})), 0)

    def test_what_is_not_used_is_not_told(self):
        self.box.gateway_certificate_until = fields.Datetime.now()
        self.assertEqual(len(self.certificates._gateway_health()), 1)
        self.box.state = "draft"
        self.assertEqual(self.certificates._gateway_health(), [])

    def test_where_nothing_is_encrypted_there_is_none(self):
        self.look(self.box, fields.Datetime.now())
        self.look(self.box, None)
        self.assertFalse(self.box.gateway_certificate_until)
