# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Reports that come to a signed return path."""

from odoo import api, fields, models
from odoo.tools.mail import email_normalize_all

from ..engine.errors import SealError
from ..engine.return_path import read_return_path


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

    @api.model
    def _detect_is_bounce(self, message, message_dict):
        """Odoo knows the bare bounce address; a signed one is the same, and nobody else can make one.

        For mail that Odoo's own code reads; while the gateway processes, its kind decides (mail_thread_report.py).
        """
        if super()._detect_is_bounce(message, message_dict):
            return True
        addresses = [one for one in email_normalize_all(message_dict.get("to") or "") if "+" in one]
        if not addresses:
            return False
        try:
            ring = self.env["spp.email.token.key"]._ring()
        except SealError:
            return False
        now = fields.Datetime.now()
        return any(read_return_path(ring, address, now) for address in addresses)
