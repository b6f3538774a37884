# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Failed emails of which the ledger knows nothing: from before the addon, or sent past it by another one."""

from datetime import timedelta

from odoo import api, fields, models

from ..engine.health import HealthFinding, HealthState

# What failed before is no news, and a database may hold years of it.
RECENT = timedelta(days=30)
MOST_COUNTED = 1000


class SppEmailHealth(models.Model):
    _inherit = "spp.email.health"

    @api.model
    def _health_models(self):
        return [*super()._health_models(), "mail.mail"]


class MailMail(models.Model):
    _inherit = "mail.mail"

    _failed_index = models.Index("(id) WHERE state = 'exception'")

    @api.model
    def _gateway_health(self):
        """One finding about all of them, until somebody presses Retry or Cancel. Called by the job, which sees all."""
        failed = self.search(
            [
                ("state", "=", "exception"),
                ("create_date", ">", fields.Datetime.now() - RECENT),
                ("gateway_delivery_ids", "=", False),
                # Others have a red envelope in a chatter, which their author sees.
                "|",
                ("mail_message_id.author_id", "=", False),
                ("mail_message_id.notification_ids", "=", False),
            ],
            limit=MOST_COUNTED,
        )
        # A mailing shows what became of its own.
        failed = failed.filtered(lambda mail: not mail._gateway_is_mass())
        if not failed:
            return []
        return [
            HealthFinding(
                "failed_mails_unlisted",
                HealthState.WARNING,
                self.env._("Emails failed that are not among the deliveries"),
                self.env._("%s of the last 30 days, from before the email gateway, or sent past it.", len(failed)),
                self.env._("Open them, correct what is wrong and press Retry, or press Cancel."),
                model=self._name,
                ids=tuple(failed.ids),
            )
        ]
