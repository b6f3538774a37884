# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Tells managers before a server's limit is met."""

from odoo import api, fields, models
from odoo.fields import Domain

from ..engine.health import HealthFinding, HealthState
from ..engine.quota import Window
from .ir_mail_server_quota import LIMIT_FIELDS
from .spp_email_gate_quota import WARNED_WINDOWS, WARNING_SHARE

# A warning ends well below the mark at which it began: an hourly limit would raise and clear it all day.
CALM_SHARE = 0.75


class SppEmailQuotaUse(models.Model):
    _inherit = "spp.email.quota.use"

    @api.model
    def _gateway_health(self):
        """Findings about servers that used most of a limit. Called by the job, which sees all servers."""
        limited = Domain.OR([(name, ">", 0)] for name in LIMIT_FIELDS.values())
        servers = self.env["ir.mail_server"].search(limited)
        counts = self._used(servers.ids, fields.Datetime.now())
        warned = set(self.env["spp.email.health"].search([("code", "=like", r"quota\_%")]).mapped("code"))
        findings = []
        for server in servers:
            limits = server._gateway_limits()
            for window in WARNED_WINDOWS:
                code = f"quota_{server.id}_{window.value}"
                share = counts[server.id].get(window, 0) / limits[window] if window in limits else 0
                if share >= (CALM_SHARE if code in warned else WARNING_SHARE):
                    findings.append(self._finding(server, window, code, counts[server.id][window], limits[window]))
        return findings

    def _finding(self, server, window, code, used, limit):
        titles = {
            Window.HOUR: self.env._("The hourly limit of an outgoing server is nearly used up: %s", server.name),
            Window.DAY: self.env._("The daily limit of an outgoing server is nearly used up: %s", server.name),
            Window.MASS_DAY: self.env._(
                "The daily limit for mass mail of an outgoing server is nearly used up: %s", server.name
            ),
        }
        return HealthFinding(
            code,
            HealthState.WARNING,
            titles[window],
            self.env._("%(used)s of %(limit)s are used.", used=used, limit=limit),
            self.env._(
                "Mail over the limit waits and leaves by itself once there is room. If your provider allows more, "
                "raise the limit on the server's form under Limits; else send campaigns through another server."
            ),
            server._name,
            (server.id,),
            LIMIT_FIELDS[window],
        )
