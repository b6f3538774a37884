# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Too many mails come back: providers stop taking mail from who writes to many dead addresses."""

from odoo import api, models
from odoo.tools import SQL

from ..engine.health import HealthFinding, HealthState

# Amazon SES and others put accounts under review from this share on; of few mails it says nothing.
HIGHEST_SHARE = 0.05
LEAST_BOUNCED = 20


class SppEmailDelivery(models.Model):
    _inherit = "spp.email.delivery"

    @api.model
    def _gateway_health(self):
        return [*super()._gateway_health(), *self._bounce_rate_findings()]

    @api.model
    def _bounce_rate_findings(self):
        """Return a finding if too many of the mails of the last seven days had dead addresses; one query by index."""
        self.flush_model(["state", "created_date"])
        ((bounced, reached),) = self.env.execute_query(
            SQL(
                "SELECT count(*) FILTER (WHERE state = 'bounced'), count(*) FROM spp_email_delivery"
                " WHERE created_date > now() AT TIME ZONE 'UTC' - interval '7 days'"
                "   AND state IN ('sent', 'bounced', 'failed')"
            )
        )
        if bounced < LEAST_BOUNCED or bounced < reached * HIGHEST_SHARE:
            return []
        return [
            HealthFinding(
                "bounce_rate",
                HealthState.WARNING,
                self.env._("Many emails come back because their addresses do not exist"),
                self.env._(
                    "%(bounced)s of %(reached)s recipients of the last seven days (%(share)s %%).",
                    bounced=bounced,
                    reached=reached,
                    share=round(100 * bounced / reached),
                ),
                self.env._(
                    "Open Email Gateway, Outgoing, Deliveries with the filter Bounced, and correct or empty the "
                    "addresses of these contacts. Mail providers stop taking mail from who writes to many dead "
                    "addresses."
                ),
            )
        ]
