# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Until when the certificates of the mail servers are valid: who renews them is told before mail stops."""

import logging
import time
from datetime import datetime, timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ..engine.certificate_expiry import look_at_certificate
from ..engine.connection import for_a_test
from ..engine.errors import ConfigurationError, GatewayError
from ..engine.health import HealthFinding, HealthState

_logger = logging.getLogger(__name__)

# Most authorities renew 30 days before the end: what is left at 14 was forgotten.
WARNING = timedelta(days=14)
# Servers that one run looks at; the next one goes on.
MOST = 50
# What has to be left of the scheduler's time for one look.
LOOK_SECONDS = 5
# Of a run, as other jobs wait: silent servers take ten seconds each.
RUN_SECONDS = 120
# One that was looked at within so much time is not due.
DAY = timedelta(hours=20)


class FetchmailServer(models.Model):
    _inherit = "fetchmail.server"

    gateway_certificate_until = fields.Datetime("Certificate Valid Until", readonly=True, copy=False)
    gateway_certificate_date = fields.Datetime(readonly=True, copy=False, export_string_translation=False)


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    gateway_certificate_until = fields.Datetime("Certificate Valid Until", readonly=True, copy=False)
    gateway_certificate_date = fields.Datetime(readonly=True, copy=False, export_string_translation=False)


class SppEmailCertificate(models.AbstractModel):
    _name = "spp.email.certificate"
    _inherit = ["spp.email.transaction"]
    _description = "Certificates of Mail Servers"

    @api.model
    def _servers(self):
        """Return the records of both kinds that are in use, as a list."""
        mailboxes = self.env["fetchmail.server"].search([("state", "=", "done"), ("server_type", "!=", "local")])
        senders = self.env["ir.mail_server"].search([("smtp_authentication", "!=", "cli")])
        return [*mailboxes, *senders]

    @api.model
    def _cron_look(self):
        """Look at the certificate of each server in use, once a day: nobody logs in, nothing is read."""
        if self.env["spp.email.binding"]._held():
            return
        servers = self._due()
        job = self.env["ir.cron"]
        left = job._commit_progress(remaining=len(servers))
        end = time.monotonic() + RUN_SECONDS
        for server in servers:
            # A silent server must not use up the time of the others.
            if left < LOOK_SECONDS or time.monotonic() > end:
                break
            # Before it is looked at: one that ends the run comes last in the next one.
            self._keep(server, {"gateway_certificate_date": fields.Datetime.now()})
            self._look(server)
            left = job._commit_progress(1)

    @api.model
    def _due(self):
        """Return the servers of the next run, the longest ago first."""
        before = fields.Datetime.now() - DAY
        due = [server for server in self._servers() if (server.gateway_certificate_date or datetime.min) < before]
        return sorted(due, key=lambda server: server.gateway_certificate_date or datetime.min)[:MOST]

    @api.model
    def _look(self, server):
        """Look at one server's certificate and note until when it is valid; one that is away is others' concern."""
        protocol = server._get_connection_type() if server._name == "fetchmail.server" else "smtp"
        try:
            until = look_at_certificate(protocol, for_a_test(server._gateway_connection()))
        except (GatewayError, ConfigurationError, UserError) as error:
            reason = type(error).__name__
            _logger.info("Certificate of %s %s was not seen: %s.", server._name, server.id, reason)
            return
        self._note(server, until)

    @api.model
    def _note(self, server, until):
        """Write until when a server's certificate is valid, in a transaction of its own.

        Args:
            server: ``fetchmail.server`` or ``ir.mail_server``.
            until: naive UTC, or None where nothing is encrypted.
        """
        if until != (server.gateway_certificate_until or None):
            self._keep(server, {"gateway_certificate_until": until or False})

    @api.model
    def _keep(self, server, values):
        with self._gateway_cursor(read_committed=True) as env:
            server.with_env(env).exists().with_context(fetchmail_cron_running=True).write(values)
        server.invalidate_recordset(list(values))

    @api.model
    def _gateway_health(self):
        now = fields.Datetime.now()
        findings = []
        for server in self._servers():
            until = server.gateway_certificate_until
            if not until or until > now + WARNING:
                continue
            kind = "mailbox" if server._name == "fetchmail.server" else "outgoing_server"
            findings.append(
                HealthFinding(
                    f"{kind}_{server.id}_certificate",
                    HealthState.FAILURE if until <= now else HealthState.WARNING,
                    self.env._("The certificate of a mail server has expired: %s", server.name)
                    if until <= now
                    else self.env._("The certificate of a mail server is about to expire: %s", server.name),
                    self.env._("It is valid until %s.", format_date(self.env, until.date())),
                    self.env._(
                        "Whoever runs the server has to renew it. Then press Test on the server: until then it may "
                        "be refused, and no mail comes or goes."
                    ),
                    server._name,
                    (server.id,),
                    "gateway_certificate_until",
                )
            )
        return findings


class SppEmailHealth(models.Model):
    _inherit = "spp.email.health"

    @api.model
    def _health_models(self):
        return [*super()._health_models(), "spp.email.certificate"]
