# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What own mail says of itself: that a program wrote it, where one did."""

import ast

from odoo import SUPERUSER_ID, api, models

from ..engine.automatic_header import OwnMail, automatic_headers
from .mail_thread import ATTEMPT

# Context key of Odoo's automation rules while they run.
AUTOMATION = "__action_done"


class MailMail(models.Model):
    _inherit = "mail.mail"

    @api.model_create_multi
    def create(self, vals_list):
        """Note what only the moment tells: an automation made it, or an incoming mail that is being processed."""
        mails = super().create(vals_list)
        attempt = self.env.context.get(ATTEMPT)
        if attempt is not None or AUTOMATION in self.env.context:
            for mail in mails:
                mail._gateway_note_automatic(attempt)
        return mails

    def _gateway_note_automatic(self, attempt):
        try:
            present = ast.literal_eval(self.headers or "{}")
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            # Odoo leaves such headers out when it sends.
            return
        known = self._gateway_own_mail(
            is_by_system=AUTOMATION in self.env.context,
            is_answer=attempt is not None,
            is_relayed_machine=bool(attempt is not None and attempt.facts.get("automatic")),
        )
        added = automatic_headers(known, present) if isinstance(present, dict) else {}
        if added:
            self.headers = repr({**present, **added})

    def _prepare_outgoing_list(self, mail_server=False, doc_to_followers=None):
        emails = super()._prepare_outgoing_list(mail_server=mail_server, doc_to_followers=doc_to_followers)
        for email in emails:
            headers = email.get("headers")
            if isinstance(headers, dict):
                headers.update(automatic_headers(self._gateway_own_mail(), headers))
        return emails

    def _gateway_own_mail(self, **known):
        """Return the OwnMail of this mail; ``known`` are values of it that the moment tells."""
        self.ensure_one()
        # sudo: who wrote it and how, for header fields; no content.
        message = self.mail_message_id.sudo()  # nosemgrep
        find = self.env["ir.model.data"]._xmlid_to_res_id
        nobody = {
            find("base.partner_root", raise_if_not_found=False),
            find("base.public_partner", raise_if_not_found=False),
        }
        values = {
            "message_type": message.message_type or "",
            "has_person": bool(message.author_guest_id or (message.author_id and message.author_id.id not in nobody)),
            "is_by_system": message.create_uid.id == SUPERUSER_ID,
            "is_mass": self._gateway_is_mass(),
            "is_secret": self.gateway_is_secret,
        }
        return OwnMail(**{**values, **{name: value or values.get(name, False) for name, value in known.items()}})
