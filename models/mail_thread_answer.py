# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Answers to mail whose Message-ID a provider changed on the way."""

from odoo import api, models
from odoo.tools.mail import unfold_references


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

    @api.model
    def message_parse(self, message, save_original=False):
        """Add our own Message-ID to the references of an answer that names the provider's.

        Amazon SES and Mailjet put an identifier of theirs in the place of ours: without this an answer finds no
        record, and makes a new one.
        """
        values = super().message_parse(message, save_original=save_original)
        named = " ".join(filter(None, (values.get("references"), values.get("in_reply_to"))))
        identifiers = unfold_references(named)
        if identifiers:
            # sudo: whose answer it is does not matter; only the Message-ID is looked up.
            rows = self.env["spp.email.delivery"].sudo().search(  # nosemgrep
                [("remote_message_id", "in", identifiers[-32:])], limit=32
            )
            ours = [row.message_id for row in rows if row.message_id and row.message_id not in identifiers]
            if ours:
                values["references"] = " ".join([values.get("references") or "", *dict.fromkeys(ours)]).strip()
                if not values.get("parent_id"):
                    # An answer to an internal note is one, too.
                    values.update(self._message_parse_extract_from_parent(self._get_parent_message(values)))
        return values
