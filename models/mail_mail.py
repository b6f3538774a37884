# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Outgoing mail: Odoo's model and queue, with the gateway's lanes behind it."""

from odoo import api, fields, models
from odoo.tools import str2bool

from ..engine.errors import ConfigurationError, GatewayError

# Odoo's own way: whoever presses Send waits until the server has answered.
IN_REQUEST_PARAMETER = "spp_email_gateway.send_in_request"


class MailMail(models.Model):
    _inherit = "mail.mail"

    # What the queue looks at; the table holds years of what was sent.
    _gateway_outgoing_index = models.Index("(scheduled_date) WHERE state = 'outgoing'")

    # ------------------------------------------------------------------
    # Ways to send
    # ------------------------------------------------------------------

    @api.model
    def process_email_queue(self, email_ids=(), batch_size=1000):
        """Send what is due by the gateway's queue; Odoo's scheduled action calls this, and so do other addons."""
        sending = self.env["spp.email.sending"]
        if not sending._is_active():
            return super().process_email_queue(email_ids=email_ids, batch_size=batch_size)
        mail_ids = list(email_ids) or None
        if "filters" in self.env.context:
            domain = [("state", "=", "outgoing"), *self.env.context["filters"]]
            found = self.search(domain, limit=batch_size, order="id").ids
            mail_ids = [mail_id for mail_id in found if not email_ids or mail_id in email_ids]
        if mail_ids is None and self.env.context.get("cron_id"):
            sending._send_due(self.env["ir.cron"]._commit_progress())
        else:
            sending._send_due(mail_ids=mail_ids)
        self.env.invalidate_all()
        return True

    def send_after_commit(self):
        """Have the queue send once the transaction is committed: whoever writes a message does not wait for SMTP."""
        if not self._gateway_sends_in_background():
            return super().send_after_commit()
        self._gateway_enqueue()
        return None

    def send(self, auto_commit=False, raise_exception=False, post_send_callback=None):
        """Queue and have it sent at once; with ``raise_exception`` wait for the server, for a short time.

        Whoever wants an exception, as sign-up and two-factor mail do, needs to know; all others have the ledger.
        """
        if not self.env["spp.email.sending"]._is_active():
            return super().send(auto_commit, raise_exception, post_send_callback)
        if raise_exception or not self._gateway_sends_in_background():
            return self._gateway_send_now(auto_commit, raise_exception, post_send_callback)
        self._gateway_enqueue()
        if post_send_callback:
            post_send_callback(self.ids)
        return True

    @api.model
    def _gateway_sends_in_background(self):
        if not self.env["spp.email.sending"]._is_active():
            return False
        # sudo: a setting, no content.
        return not str2bool(self.env["ir.config_parameter"].sudo().get_param(IN_REQUEST_PARAMETER), False)  # nosemgrep

    def _gateway_enqueue(self):
        """Put these mails in front, due at once, and wake the queue when the transaction is committed."""
        waiting = self.filtered(lambda mail: mail.state == "outgoing" and not mail._gateway_is_mass())
        later = waiting.filtered(lambda mail: mail.scheduled_date and mail.scheduled_date > fields.Datetime.now())
        if later:
            # Odoo's send() looks at no date.
            later.scheduled_date = False
        self.env["spp.email.sending"]._call(1)

    def _gateway_send_now(self, auto_commit, raise_exception, post_send_callback):
        """Send within the request by Odoo's code; what may pass is queued instead of failing."""
        try:
            return super().send(auto_commit, raise_exception, post_send_callback)
        except ConfigurationError:
            raise
        except GatewayError as error:
            if error.permanent:
                raise
        self._gateway_enqueue()
        return True

    # ------------------------------------------------------------------
    # What kind of mail it is
    # ------------------------------------------------------------------

    def _gateway_is_mass(self):
        """Return whether it is part of a mass mailing, where that module is there."""
        return "mailing_id" in self._fields and bool(self.mailing_id)

    def _gateway_class(self):
        return "mass" if self._gateway_is_mass() else "transactional"

    def _gateway_company(self):
        """Return the company that a mail belongs to: its record's, by the alias domain or the author otherwise."""
        self.ensure_one()
        message = self.mail_message_id
        return message.record_company_id or message.author_id.company_id or self.env.company
