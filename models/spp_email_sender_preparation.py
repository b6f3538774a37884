# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the sender check asks at once for a batch: who is one of ours, and which keys the DNS has."""

from odoo import models
from odoo.modules import module
from odoo.tools import SQL

from ..engine.resolver import MESSAGE_SECONDS
from ..engine.sender_address import ascii_domain, plain_address, sender_address
from ..engine.sender_check import keys_to_ask
from ..engine.summary import summarize
from ..engine.suppression_address import suppression_address
from .mail_thread import ATTEMPT
from .transaction_answers import answers

# A message without this has no key to be asked for; it is looked for before anything is parsed.
SIGNATURE = b"dkim-signature:"
HEAD = 64 * 1024


class SppEmailPreparation(models.AbstractModel):
    _inherit = "spp.email.preparation"

    def _prepare(self, ids):
        inbounds = super()._prepare(ids)
        known = answers(self.env)
        self._are_users(known["senders"])
        self._prefetch_keys(inbounds, known["messages"])
        return inbounds

    def _are_ours(self, addresses):
        """Return whether any of ``addresses`` (lower-case) is at one of our domains, or one of our users'."""
        if not addresses:
            return False
        domains, own = self._own_senders()
        if any(address in own or address.rpartition("@")[2] in domains for address in addresses):
            return True
        return self._are_users(addresses)

    def _are_users(self, addresses):
        """Return whether any of ``addresses`` is the address of an internal user. Each is asked for once a batch.

        Contacts have their addresses as they were typed: with the domain's own letters, or as the DNS has it.
        """
        known = answers(self.env).setdefault("user addresses", {})
        unknown = {address for address in addresses if address not in known}
        if unknown:
            forms = {one: {one, plain_address(one), suppression_address(one)} - {""} for one in unknown}
            self.env["res.partner"].flush_model(["email_normalized"])
            self.env["res.users"].flush_model(["active", "share", "partner_id"])
            rows = self.env.execute_query(
                SQL(
                    "SELECT DISTINCT partner.email_normalized FROM res_partner AS partner"
                    " JOIN res_users AS users ON users.partner_id = partner.id"
                    " WHERE users.active AND NOT users.share AND partner.email_normalized IN %s",
                    tuple(set().union(*forms.values())),
                )
            )
            found = {address for (address,) in rows}
            known.update({one: not found.isdisjoint(forms[one]) for one in unknown})
        return any(known[address] for address in addresses)

    def _own_senders(self):
        """Return our alias domains as the DNS has them, and the addresses elsewhere that we send from."""
        known = answers(self.env)
        if "own senders" not in known:
            # sudo: a program's mail is processed as its user. In this context all are read once a transaction.
            ours = self.sudo().with_context(**{ATTEMPT: True}).env["mail.alias.domain"]  # nosemgrep
            domains = ours.search([])  # pylint: disable=no-search-all
            known["own senders"] = (
                {ascii_domain(domain.name) for domain in domains} - {""},
                {plain_address(domain.default_from_email or "") for domain in domains} - {""},
            )
        return known["own senders"]

    def _prefetch_keys(self, inbounds, messages):
        """Ask for the keys of all signatures that will be looked at side by side: one after another they would take
        seconds, within the transaction that all of these messages share."""
        processing = self.env["spp.email.processing"]
        names = []
        for inbound in inbounds:
            content = messages.get(inbound.id, (None, False))[0] or b""
            if SIGNATURE not in content[:HEAD].lower():
                continue
            summary = summarize(content)
            sender = sender_address(content, summary)
            trust = processing._sender_trust(inbound)
            if not trust.servers and processing._sender_matters(processing._sender_policy(inbound, summary), sender):
                names.extend(keys_to_ask(content, sender, trust))
        # A test's own cursor is not for threads to meet.
        if len(names) > 1 and not module.current_test:
            self.env["spp.email.sender.resolver"]._resolver().prefetch(names, MESSAGE_SECONDS)
