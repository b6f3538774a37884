# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""To which company mail belongs where its way in does not say: that of the alias domain it was written to."""

from odoo import models

from ..engine.envelope import header_order, recipients
from ..engine.outcome import InboundSource
from ..engine.recipient import recipients as written_to
from ..engine.summary import addresses
from .transaction_answers import answers


class MailAliasDomain(models.Model):
    _inherit = "mail.alias.domain"

    def _gateway_sole_company(self):
        """Return the only company that uses these domains; empty when there is none, or several do."""
        # sudo: whose domain it is, which need not be a company of the user's.
        companies = self.sudo().company_ids  # nosemgrep
        return companies if len(companies) == 1 else companies.browse()

    def _gateway_company_of(self, named):
        """Return the company of the alias domains that addresses are at.

        Args:
            named: lower-case addresses; those at domains that are not ours say nothing.

        Returns:
            tuple: whether any is at a domain of ours; the company, empty where they belong to several or to none.
        """
        known = answers(self.env).setdefault("ids of alias domains", {})
        if not known:
            # sudo: names only.
            every = self.sudo().search([])  # nosemgrep  # pylint: disable=no-search-all
            known.update((domain.name.lower(), domain.id) for domain in every)
        found = {known[name] for name in (address.rpartition("@")[2] for address in named) if name in known}
        return bool(found), self.browse(found)._gateway_sole_company()


class SppEmailJournal(models.AbstractModel):
    _inherit = "spp.email.journal"

    def _columns(self, env, entry, summary, conversation_name):
        columns = super()._columns(env, entry, summary, conversation_name)
        # Of a call only the caller's company is known, which is the main one more often than not.
        if not columns["company_id"] or entry.source == InboundSource.RPC.value:
            columns["company_id"] = self._company_of(env, entry, summary).id or columns["company_id"]
        return columns

    def _company_of(self, env, entry, summary):
        """Return the company that a message belongs to by where it was sent; empty when nothing says.

        What a mailbox's header fields say comes last: it may be the mailbox's own address on each message.
        """
        # sudo: whether there is more than one. Where there is not, no domain has to be asked.
        every = env["res.company"].sudo().search([], limit=2)  # nosemgrep
        if len(every) == 1:
            return every
        domains = env["mail.alias.domain"]
        is_ours, company = domains._gateway_company_of(
            addresses(entry.envelope_recipient.lower()) or written_to(summary)
        )
        if not is_ours and not entry.envelope_recipient:
            server = env["fetchmail.server"].browse(entry.server_id or ())
            order = header_order(server.sudo().gateway_envelope_headers or "")  # nosemgrep: a setting, no content
            _is_ours, company = domains._gateway_company_of(recipients(summary, order))
        return company
