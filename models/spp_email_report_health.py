# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Too many mails come back: providers stop taking mail from who writes to many dead addresses."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine.health import HealthFinding, HealthState
from .spp_email_delivery_health import MOST_OPENED

# Amazon SES and others put accounts under review from this share on; of few mails it says nothing.
HIGHEST_SHARE = 0.05
LEAST_BOUNCED = 20


class SppEmailDelivery(models.Model):
    _inherit = "spp.email.delivery"

    # The few that came back, so that health need not read a week's mail to count them.
    _bounced_index = models.Index("(created_date) WHERE state = 'bounced'")

    @api.model
    def _gateway_health(self):
        return [*super()._gateway_health(), *self._bounce_rate_findings()]

    @api.model
    def _bounce_rate_findings(self):
        """Return a finding if too many of the mails of the last seven days had dead addresses.

        What came back is counted by its own index. Of all others only so many are read as make the share harmless:
        whether there are a thousand or a million does not matter then.
        """
        self.flush_model(["state", "created_date"])
        week = SQL("created_date > now() AT TIME ZONE 'UTC' - interval '7 days'")
        ((bounced,),) = self.env.execute_query(
            SQL("SELECT count(*) FROM spp_email_delivery WHERE state = 'bounced' AND %s", week)
        )
        if bounced < LEAST_BOUNCED:
            return []
        since = fields.Datetime.now() - timedelta(days=7)
        enough = int(bounced / HIGHEST_SHARE) + 1
        ((reached,),) = self.env.execute_query(
            SQL(
                "SELECT count(*) FROM (SELECT 1 FROM spp_email_delivery"
                " WHERE %s AND state IN ('sent', 'bounced', 'failed') LIMIT %s) AS counted",
                week,
                enough,
            )
        )
        if bounced < reached * HIGHEST_SHARE:
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
                self._name,
                tuple(self.search([("state", "=", "bounced"), ("created_date", ">", since)], limit=MOST_OPENED).ids),
            )
        ]
