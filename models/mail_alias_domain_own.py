# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which addresses this database itself reads or sends from."""

from odoo import api, models
from odoo.tools import SQL

from ..engine.subaddress import bases, without_detail
from ..engine.suppression_address import suppression_address
from .transaction_answers import answers, forget

QUESTION = "addresses of alias domains"
# Which address of a domain: the field.
KINDS = {"bounce": "bounce_email", "catchall": "catchall_email", "notifications": "default_from_email"}


class MailAliasDomain(models.Model):
    _inherit = "mail.alias.domain"

    @api.model
    def _gateway_domain_addresses(self, *kinds):
        """Return the addresses of all alias domains, lower-case, as a set; asked once a transaction.

        Args:
            kinds: of KINDS; all of them without any.
        """
        known = answers(self.env)
        if QUESTION not in known:
            # sudo: whether an address is ours is asked for everybody's mail. A database has a handful of domains.
            domains = self.env["mail.alias.domain"].sudo().search([], limit=1000)  # nosemgrep
            known[QUESTION] = {
                kind: {address.lower() for address in domains.mapped(field) if address}
                for kind, field in KINDS.items()
            }
        return set().union(*(known[QUESTION][kind] for kind in kinds or KINDS))

    @api.model
    def _gateway_own_among(self, addresses):
        """Return those of ``addresses`` that are an alias, a mailbox or an address of a domain of ours, as a set.

        With a detail as well, and whichever way the domain is written. Addresses of users are none of these.
        """
        forms = {
            address: {
                form
                for name in {address.lower(), suppression_address(address)} - {""}
                for form in (name, without_detail(name), *bases(name))
            }
            for address in addresses
        }
        asked = tuple(sorted(set().union(*forms.values()))) or ("",)
        self.env["mail.alias"].flush_model(["alias_full_name"])
        self.env["fetchmail.server"].flush_model(["user"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT lower(alias_full_name) FROM mail_alias WHERE alias_full_name IN %(asked)s
                UNION SELECT lower("user") FROM fetchmail_server WHERE lower("user") IN %(asked)s
                """,
                asked=asked,
            )
        )
        names = {*self._gateway_domain_addresses(), *(name for (name,) in rows)}
        own = (names | {suppression_address(name) for name in names}) - {""}
        return {address for address, found in forms.items() if found & own}

    @api.model_create_multi
    def create(self, vals_list):
        domains = super().create(vals_list)
        forget(self.env, QUESTION)
        return domains

    def write(self, vals):
        result = super().write(vals)
        forget(self.env, QUESTION)
        return result

    def unlink(self):
        result = super().unlink()
        forget(self.env, QUESTION)
        return result
