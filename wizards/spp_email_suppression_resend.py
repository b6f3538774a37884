# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Recipients on the suppression list, in the dialogue behind a red envelope."""

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine.suppression import MailClass
from ..engine.suppression_address import suppression_address
from ..engine.suppression_words import CURE


class SppEmailResend(models.TransientModel):
    _inherit = "spp.email.resend"

    has_suppressed = fields.Boolean(compute="_compute_has_suppressed")
    can_remove = fields.Boolean(compute="_compute_has_suppressed")

    @api.depends("line_ids.is_suppressed", "line_ids.can_remove")
    def _compute_has_suppressed(self):
        for wizard in self:
            wizard.has_suppressed = any(wizard.line_ids.mapped("is_suppressed"))
            wizard.can_remove = any(wizard.line_ids.mapped("can_remove"))

    def action_send(self):
        """Send again; addresses that are to be taken off the suppression list are, before anything else.

        Raises:
            AccessError: the user may not take them off.
            UserError: an address is listed, and stays so.
        """
        self._check_may()
        again = self.line_ids.filtered("is_again")
        listed = again.filtered(lambda line: not line.is_removal and line._refusal(line.email))
        if listed:
            raise UserError(
                self.env._(
                    "These addresses are on the suppression list. Correct them, have an officer of the email gateway "
                    "remove them, or turn Try Again off for them:\n%(names)s",
                    names="\n".join(f"{line.name}: {line.email}" for line in listed),
                )
            )
        for line in again.filtered("is_removal"):
            line._remove_from_list()
        return super().action_send()


class SppEmailResendLine(models.TransientModel):
    _inherit = "spp.email.resend.line"

    is_suppressed = fields.Boolean("On the Suppression List", readonly=True)
    can_remove = fields.Boolean(readonly=True)
    is_removal = fields.Boolean("Remove from List", help="Take the address off the suppression list, and try again.")

    @api.model
    def _values(self, notification, rows):
        values = super()._values(notification, rows)
        refusal = self._refusal_of(values["email"], notification.mail_message_id, rows)
        if refusal:
            entries = self._entries_of(values["email"], notification.mail_message_id, rows)
            is_officer = self.env.user.has_group("spp_email_gateway.group_email_gateway_officer")
            values |= {
                "is_suppressed": True,
                "is_again": False,
                "can_remove": is_officer and bool(entries) and entries.has_access("write"),
                "reason": self.env._("On the suppression list"),
                # The reason has one line, this as many as it needs. How to remove it is said below.
                "cure": refusal.removesuffix(CURE).replace("On the suppression list since", "Since").strip(),
            }
        return values

    def _refusal(self, email):
        """Return why an address would not be written to now, in words; "" when it would."""
        # sudo: which mail it was; the wizard has checked who asks.
        notification = self.sudo().notification_id  # nosemgrep
        rows = notification._gateway_deliveries()[notification]
        return self._refusal_of(email, notification.mail_message_id, rows)

    def _refusal_of(self, email, message, rows):
        address = suppression_address(email or "")
        company = self._company_of(message, rows)
        mail_class = MailClass.LEGAL.value if message.gateway_overrides_suppression else rows[:1].mail_class
        refusals = self.env["spp.email.suppression"]._refusals(
            [address], company.id, mail_class or MailClass.TRANSACTIONAL.value
        )
        return refusals.get(address, "")

    def _company_of(self, message, rows):
        return rows[:1].company_id or message.record_company_id or message.author_id.company_id or self.env.company

    def _entries_of(self, email, message, rows):
        """Return the entries that keep mail from an address, as the user sees them."""
        listed = self.env["spp.email.suppression"].with_env(self.env)
        domain = listed._of_company(self._company_of(message, rows).id)
        if not listed.has_access("read"):
            return listed
        return listed.search([("address", "=", suppression_address(email or "")), *domain])

    def _remove_from_list(self):
        # sudo: which mail it was. The entries are the user's to remove, or not.
        notification = self.sudo().notification_id  # nosemgrep
        rows = notification._gateway_deliveries()[notification]
        if self._refusal(self.email):
            entries = self._entries_of(self.email, notification.mail_message_id, rows)
            entries._remove_by_hand(self.env._("Sent again to it"))
