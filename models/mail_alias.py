# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Aliases, and failures of their targets, while the gateway processes messages."""

from odoo import api, models
from odoo.tools import plaintext2html

from .mail_thread import ATTEMPT
from .transaction_answers import forget


class MailAlias(models.Model):
    _inherit = "mail.alias"

    @api.model_create_multi
    def create(self, vals_list):
        aliases = super().create(vals_list)
        forget(self.env, "aliases")
        return aliases

    def write(self, vals):
        result = super().write(vals)
        forget(self.env, "aliases")
        return result

    def unlink(self):
        forget(self.env, "aliases")
        return super().unlink()

    @api.model
    def _gateway_aliases_among(self, addresses):
        """Return those of ``addresses`` (lower-case) that are aliases of records: no bounce or catchall address."""
        domains = self.env["mail.alias.domain"]
        found = domains._find_aliases(addresses)
        if not found:
            return []
        reserved = domains._gateway_domain_addresses("bounce", "catchall")
        return [address for address in found if address not in reserved]

    def _alias_bounce_incoming_email(self, message, message_dict, set_invalid=True):
        """While the gateway processes, a target that fails is only noted.

        Odoo mails the sender "try again later" over a cursor of its own and marks the alias invalid at once, also
        for a passing database conflict. Here the message waits in quarantine and nothing is lost, so there is
        nothing to tell the sender; the alias is marked with the final state. A refusal by the alias's own policy
        still makes a notice.
        """
        attempt = self.env.context.get(ATTEMPT)
        if attempt is None or not set_invalid:
            if attempt is not None:
                quoted = self.env["mail.thread"]._gateway_quoted(message, message_dict)
                message_dict = {**message_dict, "body": plaintext2html(quoted)}
            return super()._alias_bounce_incoming_email(message, message_dict, set_invalid=set_invalid)
        attempt.invalid_aliases.extend(self.ids)
        return None
