# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Addresses that were the catchall or the bounce address of an alias domain: old mail is still answered there."""

from odoo import api, fields, models

from .mail_thread import ATTEMPT
from .transaction_answers import answers, forget

QUESTION = "former addresses"


class SppEmailFormerAddress(models.Model):
    """Serves only mail that answers one of ours, and only as long as no living alias has the address."""

    _name = "spp.email.former.address"
    _description = "Former Address"
    _order = "former_date desc, id desc"
    _rec_name = "email"
    _log_access = False

    alias_domain_id = fields.Many2one(
        "mail.alias.domain", required=True, readonly=True, ondelete="cascade", index=True
    )
    local_part = fields.Char(required=True, readonly=True)
    domain_name = fields.Char(required=True, readonly=True, help="The domain may have had another name as well.")
    kind = fields.Selection([("catchall", "Catchall"), ("bounce", "Bounce")], required=True, readonly=True)
    email = fields.Char("Address", compute="_compute_email", store=True, index=True)
    former_date = fields.Datetime("Until", required=True, readonly=True, default=fields.Datetime.now)

    _address_unique = models.UniqueIndex("(lower(local_part), lower(domain_name), kind)")

    @api.depends("local_part", "domain_name")
    def _compute_email(self):
        for former in self:
            former.email = f"{former.local_part}@{former.domain_name}".lower()

    @api.model
    def _former(self, addresses, kind=None):
        """Return those of lower-case ``addresses`` that were ours and that no living alias has, as a set.

        Args:
            kind: "catchall" or "bounce"; None for both.
        """
        every = self._every()
        found = {address for address in addresses if address in every and kind in (None, *every[address])}
        if not found:
            return found
        # sudo: whether an address is ours is asked for everybody's mail.
        living = self.env["mail.alias"].sudo().search([("alias_full_name", "in", list(found))])  # nosemgrep
        return found - {name.lower() for name in living.mapped("alias_full_name")}

    @api.model
    def _are_ours(self, message_ids):
        """Return whether one of the Message-IDs is of a message of this database."""
        if not message_ids:
            return False
        # sudo: whether it is known, not what it says.
        messages = self.env["mail.message"].sudo()  # nosemgrep: odoo-sudo-without-context
        return bool(messages.search_count([("message_id", "in", message_ids)], limit=1))

    @api.model
    def _every(self):
        """Return {address: kinds}; while the gateway processes, asked once a transaction."""
        if self.env.context.get(ATTEMPT) is not None and QUESTION in answers(self.env):
            return answers(self.env)[QUESTION]
        every = {}
        # sudo: as in `_former`.
        for former in self.sudo().search([]):  # nosemgrep # pylint: disable=no-search-all
            every.setdefault(former.email, set()).add(former.kind)
        if self.env.context.get(ATTEMPT) is not None:
            answers(self.env)[QUESTION] = every
        return every

    @api.model
    def _remember(self, before, domains):
        """Note the addresses that domains no longer have; forget those that they have again.

        Args:
            before: {alias domain id: {kind: (local part, domain name)}} from before the change.
            domains: alias domains after it.
        """
        forget(self.env, QUESTION)
        forget(self.env, "aliases")
        # sudo: who may write on an alias domain changes what is known of it.
        formers = self.sudo()  # nosemgrep: odoo-sudo-without-context
        for domain in domains:
            now = domain._gateway_addresses()
            if not all(all(address) for address in now.values()):
                # An empty name cannot stay, see `_gateway_show_parameters`.
                return
            for kind, address in before.get(domain.id, {}).items():
                if now.get(kind) != address and all(address):
                    formers._add(domain, kind, *address)
        # sudo: addresses that are in use in any company are not former ones.
        every = self.env["mail.alias.domain"].sudo().search([])  # nosemgrep # pylint: disable=no-search-all
        current = {
            (kind, f"{local}@{name}".lower())
            for domain in every
            for kind, (local, name) in domain._gateway_addresses().items()
        }
        addresses = [email for _kind, email in current]
        again = formers.search([("email", "in", addresses)])
        again.filtered(lambda former: (former.kind, former.email) in current).unlink()

    def _add(self, domain, kind, local_part, domain_name):
        email = f"{local_part}@{domain_name}".lower()
        self.search([("email", "=", email), ("kind", "=", kind)]).unlink()
        self.create(
            {"alias_domain_id": domain.id, "kind": kind, "local_part": local_part, "domain_name": domain_name}
        )

    def unlink(self):
        forget(self.env, QUESTION)
        forget(self.env, "aliases")
        return super().unlink()
