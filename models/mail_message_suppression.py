# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Legal notices: messages that are sent to addresses on the suppression list as well."""

from odoo import fields, models

from ..engine.suppression import MailClass

OVERRIDES = "gateway_overrides_suppression"
HELP = (
    "It is sent to addresses on the suppression list as well: the law asks for an attempt, whatever became of earlier "
    "mail."
)


class MailMessage(models.Model):
    _inherit = "mail.message"

    gateway_overrides_suppression = fields.Boolean("Legal Notice", readonly=True, help=HELP)


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

    def _get_message_create_valid_field_names(self):
        """Let ``message_post`` and ``message_notify`` take the mark."""
        return super()._get_message_create_valid_field_names() | {OVERRIDES}


class MailScheduledMessage(models.Model):
    _inherit = "mail.scheduled.message"

    def _notification_parameters_whitelist(self):
        """Let a message that is to be posted later keep the mark."""
        return super()._notification_parameters_whitelist() | {OVERRIDES}


class MailTemplate(models.Model):
    _inherit = "mail.template"

    gateway_overrides_suppression = fields.Boolean("Legal Notice", help=HELP)

    def send_mail_batch(self, res_ids, force_send=False, raise_exception=False, email_values=None, **options):
        if self.gateway_overrides_suppression:
            email_values = {OVERRIDES: True, **(email_values or {})}
        return super().send_mail_batch(
            res_ids, force_send=force_send, raise_exception=raise_exception, email_values=email_values, **options
        )


class MailMail(models.Model):
    _inherit = "mail.mail"

    def _gateway_class(self):
        """What overrides the list is a legal notice, a mailing or not; what lets its reader log in is awaited."""
        # sudo: whoever sends does not read all fields of the message.
        if self.sudo().gateway_overrides_suppression:  # nosemgrep
            return MailClass.LEGAL.value
        mail_class = super()._gateway_class()
        if mail_class == MailClass.TRANSACTIONAL.value and self.gateway_is_secret:
            return MailClass.LOGIN.value
        return mail_class
