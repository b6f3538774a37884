# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The reply address that each recipient of a mail gets."""

from datetime import timedelta

from odoo import fields, models
from odoo.tools.mail import email_normalize

from ..engine.errors import SealError
from ..engine.reply_address import DEFAULT_DAYS, ReplyKey, sign_reply_address, with_reply_address

DAYS_PARAMETER = "spp_email_gateway.reply_address_days"


class MailMail(models.Model):
    _inherit = "mail.mail"

    def _prepare_outgoing_list(self, mail_server=False, doc_to_followers=None):
        """Give each message the reply address that names its one recipient, where the alias domain signs them.

        Messages for contacts have one recipient each. One message for free addresses has a reply address that names no
        holder: it finds the thread and shows that its bearer got the mail, and says nothing of who that is.
        """
        emails = super()._prepare_outgoing_list(mail_server=mail_server, doc_to_followers=doc_to_followers)
        domain = self._gateway_reply_domain()
        if not domain:
            return emails
        try:
            ring = self.env["spp.email.token.key"]._ring()
        except SealError:
            # Without the credential key nothing can be signed; the plain address works as it always did.
            return emails
        days = self.env["ir.config_parameter"]._gateway_number(DAYS_PARAMETER, DEFAULT_DAYS) or DEFAULT_DAYS
        expires = fields.Datetime.now() + timedelta(days=days)
        for email in emails:
            key = ReplyKey(self.mail_message_id.id, email["partner_id"].id if email["partner_id"] else 0)
            signed = sign_reply_address(ring, domain.catchall_email, key, expires)
            if signed != domain.catchall_email:
                email["reply_to"] = with_reply_address(self.reply_to, signed)
        return emails

    def _gateway_reply_domain(self):
        """Return the alias domain that signs the reply address of this mail; empty when it stays as it is."""
        none = self.env["mail.alias.domain"]
        if not (self.reply_to and self.model and self.res_id and self.mail_message_id):
            return none
        if self.reply_to_force_new or (self.auto_delete and not self.is_notification):
            # An answer is to become a record of its own, or the message is gone by the time that it is answered.
            return none
        reply_to = email_normalize(self.reply_to)
        return none._gateway_signing_domain(reply_to) if reply_to else none
