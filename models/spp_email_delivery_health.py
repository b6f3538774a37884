# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Failed emails that nobody would hear of: without a red envelope in a chatter, or without an author to see it."""

from odoo import api, fields, models

from ..engine.health import HealthFinding, HealthState
from .spp_email_delivery import FAILURES

# Shown in the finding; the rest is counted.
MOST_SHOWN = 20
# Opened by the finding's button.
MOST_OPENED = 1000


class SppEmailHealth(models.Model):
    _inherit = "spp.email.health"

    @api.model
    def _health_models(self):
        return [*super()._health_models(), "spp.email.delivery"]


class SppEmailDelivery(models.Model):
    _inherit = "spp.email.delivery"

    # For the form of a user: few rows of many.
    _user_index = models.Index("(res_id) WHERE model = 'res.users'")

    @api.model
    def _unheard_domain(self):
        """Return the domain of failures whose red envelope nobody sees."""
        return [
            ("state", "in", FAILURES),
            ("is_settled", "=", False),
            # The mailing shows what became of its own.
            ("mail_class", "!=", "mass"),
            "|",
            "&",
            ("mail_message_id", "=", False),
            ("model", "=", False),
            "&",
            ("mail_message_id", "!=", False),
            "|",
            ("mail_message_id.author_id", "=", False),
            ("mail_message_id.notification_ids", "=", False),
        ]

    @api.model
    def _gateway_health(self):
        """One finding about all of them, for as long as nobody retried them or said that they are dealt with."""
        domain = self._unheard_domain()
        count = self.search_count(domain)
        if not count:
            return []
        found = self.search(domain, limit=MOST_OPENED)
        shown = found[:MOST_SHOWN]
        lines = [f"{fields.Datetime.to_string(row.created_date)} {row.recipient}: {row.answer_words}" for row in shown]
        if count > MOST_SHOWN:
            lines.append(self.env._("and %s more", count - MOST_SHOWN))
        return [
            HealthFinding(
                "failed_mails",
                HealthState.FAILURE,
                self.env._("Emails that nobody hears of were not delivered"),
                "\n".join(lines),
                self.env._(
                    "Open Email Gateway, Outgoing, Deliveries with the filter Failed. Correct what is wrong and press "
                    "Retry, or press Dealt With."
                ),
                self._name,
                tuple(found.ids),
            )
        ]
