# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Alias domains, while the gateway processes a message."""

from odoo import api, models

from .mail_thread import ATTEMPT


class MailAliasDomain(models.Model):
    _inherit = "mail.alias.domain"

    @api.model
    def _find_aliases(self, email_list):
        """Answer a question that Odoo asks several times a message only once."""
        attempt = self.env.context.get(ATTEMPT)
        if attempt is None:
            return super()._find_aliases(email_list)
        key = tuple(email_list)
        if key not in attempt.aliases:
            attempt.aliases[key] = super()._find_aliases(email_list)
        return list(attempt.aliases[key])
