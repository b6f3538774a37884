# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The email's own buttons, with a row for each recipient behind them."""

from odoo import api, fields, models
from odoo.exceptions import UserError

from .spp_email_delivery import FAILURES, WAITING


class MailMail(models.Model):
    _inherit = "mail.mail"

    gateway_delivery_ids = fields.One2many("spp.email.delivery", "mail_id", string="Deliveries", copy=False)
    gateway_delivery_count = fields.Integer("Number of Deliveries", compute="_compute_gateway_delivery_count")

    @api.depends("gateway_delivery_ids")
    def _compute_gateway_delivery_count(self):
        counts = self.env["spp.email.delivery"]._read_group([("mail_id", "in", self.ids)], ["mail_id"], ["__count"])
        counts = {mail.id: count for mail, count in counts}
        for mail in self:
            mail.gateway_delivery_count = counts.get(mail.id, 0)

    def action_open_deliveries(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("spp_email_gateway.action_spp_email_delivery")
        return {**action, "domain": [("mail_id", "=", self.id)], "context": {"create": False}}

    def mark_outgoing(self):
        """Retry: of mails with rows only those who were not reached; who has the mail does not get it again."""
        self.check_access("write")
        retried = self.browse()
        for mail in self:
            # sudo: the right to write on the mail was checked above.
            rows = mail.sudo().gateway_delivery_ids  # nosemgrep
            missed = (
                rows.filtered(lambda row: row.state in FAILURES)
                or rows.filtered(lambda row: row.state == "cancelled")
                or rows.filtered(lambda row: row.state == "suppressed")
            )
            if missed:
                missed._retry()
                retried |= mail
        rest = self - retried
        return super(MailMail, rest).mark_outgoing() if rest else True

    def cancel(self):
        """Cancel what waits. A recipient that is being sent to at this moment cannot be called back.

        Raises:
            UserError: nothing of the only mail can be cancelled any more.
        """
        self.check_access("write")
        cancelled = self.browse()
        for mail in self:
            # sudo: the right to write on the mail was checked above.
            rows = mail.sudo().gateway_delivery_ids  # nosemgrep
            if rows.filtered(lambda row: row.state in WAITING):
                rows._cancel()
                cancelled |= mail
            # Of one that is sent the mail itself says so a moment later, at the end of the batch.
            elif mail.state == "outgoing" and rows.filtered(lambda row: row.state in ("sending", "sent")):
                if len(self) == 1:
                    raise UserError(self.env._("It is being sent at this moment, and cannot be called back."))
                cancelled |= mail
        rest = self - cancelled
        return super(MailMail, rest).cancel() if rest else True
