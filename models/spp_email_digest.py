# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A mail to the managers who want one: what came and went, and what needs attention."""

import logging
from datetime import timedelta

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .res_users_roles import MANAGER

_logger = logging.getLogger(__name__)

TEMPLATE = "spp_email_gateway.mail_template_digest"
DAYS = {"daily": 1, "weekly": 7}
# The job is never exactly on time.
TOLERANCE = timedelta(hours=6)


class SppEmailDigest(models.Model):
    """One row for each manager who gets it; nobody does without."""

    _name = "spp.email.digest"
    _inherit = ["spp.email.change.mixin"]
    _description = "Digest of the Email Gateway"
    _order = "id"
    _rec_name = "user_id"

    _gateway_kept = ("user_id", "period")

    user_id = fields.Many2one(
        "res.users",
        string="Manager",
        required=True,
        ondelete="cascade",
        default=lambda self: self.env.user,
        domain=lambda self: [("share", "=", False), ("all_group_ids", "in", self.env.ref(MANAGER).ids)],
    )
    period = fields.Selection(
        [("daily", "Every day"), ("weekly", "Every week")], string="How Often", required=True, default="weekly"
    )
    sent_date = fields.Datetime("Last Sent", readonly=True, copy=False)

    _user_unique = models.UniqueIndex("(user_id)", "This manager gets a digest already.")

    @api.constrains("user_id")
    def _check_user(self):
        for digest in self:
            if not digest.user_id.has_group(MANAGER):
                raise ValidationError(self.env._("Only managers of the email gateway get a digest."))

    @api.model
    def _cron_send(self):
        """Queue the digests that are due. Who is no manager any more gets none."""
        now = fields.Datetime.now()
        for digest in self.search([("user_id.active", "=", True)]):
            user = digest.user_id
            due = digest.sent_date and digest.sent_date + timedelta(days=DAYS[digest.period]) - TOLERANCE
            if user.email and user.has_group(MANAGER) and (not due or due <= now):
                digest._send_alone(now)

    def _send_alone(self, now):
        """Queue the digest; one that cannot be made keeps nobody else from theirs."""
        try:
            with self.env.cr.savepoint():
                self._send()
                self.sent_date = now
        except psycopg2.Error:
            raise
        except Exception as error:
            _logger.error("Digest %s could not be made: %s.", self.id, type(error).__name__)

    def action_send(self):
        """Send these digests now, whether they are due or not."""
        self.check_access("write")
        for digest in self:
            # sudo: the template and its mail are the system's; the figures are asked for as the one who gets them.
            digest.sudo()._send()  # nosemgrep
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {"type": "success", "message": self.env._("The digest is in the queue.")},
        }

    def _send(self):
        """Queue the digest, in the manager's language and of what the manager may see."""
        self.ensure_one()
        user, days = self.user_id, DAYS[self.period]
        asked = self.env["spp.email.overview"].with_user(user)
        asked = asked.with_context(lang=user.lang, tz=user.tz, allowed_company_ids=user.company_ids.ids)
        figures = asked.read_figures(days)
        template = self.env.ref(TEMPLATE).with_context(
            figures=figures,
            # As text: Odoo's templates show no 0.
            findings=str(figures["finding_count"]),
            link=f"{self.get_base_url()}/odoo/email-overview",
        )
        template.send_mail(self.id)
