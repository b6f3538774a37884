# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Alias domains, while the gateway processes messages."""

from odoo import SUPERUSER_ID, api, models

from .mail_thread import ATTEMPT
from .transaction_answers import answers, forget


class MailAliasDomain(models.Model):
    _inherit = "mail.alias.domain"

    @api.model
    def search(self, domain, offset=0, limit=None, order=None):
        """Answer "all alias domains", which Odoo asks five times a message, once a transaction."""
        if self.env.context.get(ATTEMPT) is None or domain or offset or order or self.env.uid != SUPERUSER_ID:
            return super().search(domain, offset=offset, limit=limit, order=order)
        known = answers(self.env)
        if "alias domains" not in known:
            known["alias domains"] = super().search(domain).ids
        return self.browse(known["alias domains"][:limit])

    @api.model
    def _find_aliases(self, email_list):
        """Answer "which of these addresses are aliases" once a transaction for each address.

        The answer for one address does not depend on the others. Those of all messages of a batch are asked for at
        once, see spp.email.preparation.
        """
        if self.env.context.get(ATTEMPT) is None:
            return super()._find_aliases(email_list)
        known = answers(self.env).setdefault("aliases", {})
        unknown = [email for email in email_list if email not in known]
        if unknown:
            found = set(super()._find_aliases(unknown))
            known.update({email: email in found for email in unknown})
        return [email for email in email_list if known[email]]

    @api.model_create_multi
    def create(self, vals_list):
        self._forget_answers()
        return super().create(vals_list)

    def write(self, vals):
        self._forget_answers()
        return super().write(vals)

    def unlink(self):
        self._forget_answers()
        return super().unlink()

    @api.model
    def _gateway_domain_of(self, addresses, company):
        """Return the alias domain whose policies hold for a message; empty when there is none at all.

        Args:
            addresses: those that it was delivered for or is addressed to, lower-case, the surest first.
            company: whose mail it is when none of the addresses is at a domain of ours.
        """
        return self._gateway_domains_of(addresses)[:1] or company.alias_domain_id or self.search([], limit=1)

    @api.model
    def _gateway_domains_of(self, addresses):
        """Return the alias domains at which any of ``addresses`` (lower-case) are, in that order."""
        by_name = {domain.name.lower(): domain for domain in self.search([])}  # pylint: disable=no-search-all
        names = (address.rpartition("@")[2] for address in addresses)
        return self.concat(*(by_name[name] for name in dict.fromkeys(names) if name in by_name))

    def _forget_answers(self):
        forget(self.env, "alias domains")
        forget(self.env, "aliases")
