# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""How much an outgoing server may send, and how much of that is used."""

from odoo import api, fields, models

from ..engine.quota import QuotaUnit, Window, describe_use
from .engine_text import EngineChar

# Field of each window's limit.
LIMIT_FIELDS = {
    Window.MINUTE: "gateway_quota_minute",
    Window.HOUR: "gateway_quota_hour",
    Window.DAY: "gateway_quota_day",
    Window.MASS_DAY: "gateway_quota_mass_day",
    Window.DOMAIN_MINUTE: "gateway_quota_domain_minute",
    Window.DOMAIN_HOUR: "gateway_quota_domain_hour",
}
# In the context of whoever sends a mass mailing.
IS_MASS = "gateway_is_mass"


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    gateway_quota_minute = fields.Integer("Limit a Minute", help="0 for no limit.")
    gateway_quota_hour = fields.Integer("Limit an Hour", help="Counted over the last 60 minutes. 0 for no limit.")
    gateway_quota_day = fields.Integer("Limit a Day", help="Counted over the last 24 hours. 0 for no limit.")
    gateway_quota_domain_minute = fields.Integer(
        "Limit a Minute and Domain", help="For each domain of recipients. 0 for no limit."
    )
    gateway_quota_domain_hour = fields.Integer(
        "Limit an Hour and Domain", help="For each domain of recipients. 0 for no limit."
    )
    gateway_quota_mass_day = fields.Integer(
        "Mass Mail a Day",
        help="What mass mailings may use of the limit a day, so that the rest stays for people's mail. "
        "0 for no limit of their own.",
    )
    gateway_quota_unit = fields.Selection(
        [(QuotaUnit.RECIPIENTS.value, "Each recipient"), (QuotaUnit.MESSAGES.value, "Each message")],
        string="What Is Counted",
        # Not required by the database: Odoo's neutralization inserts a server of its own by SQL.
        default=QuotaUnit.RECIPIENTS.value,
        help="Most providers count each recipient of a message.",
    )
    gateway_mass_only = fields.Boolean(
        "Only for Mass Mailings",
        help="Other mail goes through this server only if there is no other one, and mass mailings through no other "
        "unless they name it.",
    )
    gateway_quota_text = EngineChar(
        "Used", compute="_compute_gateway_quota_text", help="What counts towards the limits now."
    )

    _gateway_quota_not_negative = models.Constraint(
        "CHECK(LEAST(gateway_quota_minute, gateway_quota_hour, gateway_quota_day, gateway_quota_domain_minute, "
        "gateway_quota_domain_hour, gateway_quota_mass_day, 0) >= 0)",
        "A limit is a number of 0 or more; 0 means that there is none.",
    )

    def _gateway_limits(self):
        """Return the engine's limits: {Window: uses}, without those that are not set."""
        self.ensure_one()
        return {window: self[name] for window, name in LIMIT_FIELDS.items() if self[name] > 0}

    def _gateway_unit(self):
        return QuotaUnit(self.gateway_quota_unit or QuotaUnit.RECIPIENTS)

    @api.depends(*LIMIT_FIELDS.values())
    def _compute_gateway_quota_text(self):
        # Many servers have none: nothing is asked for them.
        limited = self.filtered(lambda server: server._gateway_limits())
        used = self.env["spp.email.quota.use"]._used(limited._origin.ids, fields.Datetime.now())
        for server in self:
            server.gateway_quota_text = describe_use(server._gateway_limits(), used.get(server._origin.id, {}))

    def _gateway_choice(self, email_from, mail_servers=None, *arguments, **options):
        if mail_servers is None:
            # sudo: as in Odoo, sending looks at all servers that anybody may use.
            mail_servers = self.sudo().search(self._find_mail_server_allowed_domain())  # nosemgrep
        is_mass = self.env.context.get(IS_MASS)
        return super()._gateway_choice(email_from, mail_servers._gateway_of_class(is_mass), *arguments, **options)

    def _gateway_of_class(self, is_mass):
        """Return those of these servers that are for mass mailings, or for other mail; all if none is."""
        fitting = self.filtered(lambda server: server.active and not server.gateway_mass_only)
        if is_mass:
            fitting = self.filtered(lambda server: server.active and server.gateway_mass_only) or fitting
        return fitting or self
