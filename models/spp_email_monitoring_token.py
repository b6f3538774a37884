# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Who may read the gateway's health and figures: one token for each program that watches."""

import os

from odoo import api, fields, models

from ..engine.bearer import bearer_prefix, is_bearer, new_bearer

HEALTH_PATH = "/spp_email_gateway/health"
METRICS_PATH = "/spp_email_gateway/metrics"


class SppEmailMonitoringToken(models.Model):
    _name = "spp.email.monitoring.token"
    _inherit = ["spp.email.change.mixin"]
    _description = "Token for Monitoring"
    _order = "name, id"

    _gateway_kept = ("name", "token_digest")

    name = fields.Char("Program", required=True)
    # The prefix only finds the digest; the digest is nobody's to read.
    token_prefix = fields.Char("Token", readonly=True, copy=False, index=True, help="Beginning of the token in force.")
    token_digest = fields.Char(readonly=True, copy=False, groups=fields.NO_ACCESS)
    token_date = fields.Datetime("Token Made", readonly=True, copy=False)
    health_url = fields.Char("Health", compute="_compute_urls")
    metrics_url = fields.Char("Metrics", compute="_compute_urls")

    def _compute_urls(self):
        for token in self:
            base = token.get_base_url()
            token.health_url = base + HEALTH_PATH
            token.metrics_url = base + METRICS_PATH

    def _gateway_is_kept_secret(self, name):
        return name == "token_digest"

    def action_renew_token(self):
        """Make a token, show it once, and let the one before be void from now on."""
        self.ensure_one().check_access("write")
        bearer = new_bearer(os.urandom)
        # sudo: the digest is no field that anybody may write; the right was checked above.
        self.sudo().write(  # nosemgrep
            {"token_prefix": bearer.prefix, "token_digest": bearer.digest, "token_date": fields.Datetime.now()}
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Token of %s", self.name),
            "res_model": "spp.email.monitoring.secret",
            "views": [(False, "form")],
            "target": "new",
            # Nowhere stored: it travels in this answer only.
            "context": {"default_token": bearer.text, "default_url": self.metrics_url},
        }

    def action_revoke_token(self):
        self.check_access("write")
        # sudo: as in action_renew_token.
        self.sudo().write({"token_prefix": False, "token_digest": False, "token_date": False})  # nosemgrep
        return True

    @api.model
    def _is_known(self, text):
        """Return whether ``text`` is a token in force; it takes the same time when it is not."""
        prefix = bearer_prefix(text)
        # sudo: the caller is nobody yet.
        token = self.sudo().search([("token_prefix", "=", prefix)], limit=1) if prefix else self.browse()  # nosemgrep
        return is_bearer(text, token.token_digest or "")


class SppEmailMonitoringSecret(models.AbstractModel):
    """Without a table: the token is on its way to one person, and is kept nowhere."""

    _name = "spp.email.monitoring.secret"
    _description = "New Token for Monitoring"

    # Odoo's form asks for the default values of a model that has an id.
    id = fields.Id()
    token = fields.Char(readonly=True)
    url = fields.Char("Metrics", readonly=True)
