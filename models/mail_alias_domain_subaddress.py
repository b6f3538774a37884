# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which addresses are ours: also those with a detail, and none at foreign domains."""

from odoo import api, models
from odoo.tools import email_split

from ..engine.subaddress import bases

DOMAINS_PARAMETER = "mail.catchall.domain.allowed"
# Set where an address with a detail counts only if it is an alias's own name.
EXACT_ONLY = "spp_email_exact_only"


class MailAliasDomain(models.Model):
    _inherit = "mail.alias.domain"

    @api.model
    def _find_aliases(self, email_list):
        """Ours is also "alias+detail@", and none at a domain that is not allowed, whatever else is in the list.

        Odoo asks whether any address of the list has an allowed domain and a known local part, and then takes that
        local part for ours at every domain: of info@ours.org and info@elsewhere.org both, odoo#244272. That drops real
        recipients also where mail is sent, so this holds everywhere.
        """
        emails = [email for email in email_list if email and "@" in email]
        owners = {} if self.env.context.get(EXACT_ONLY) else self._gateway_bases(emails)
        asked = list(dict.fromkeys([*emails, *(base for found in owners.values() for base in found)]))
        allowed = self._gateway_allowed_domains()
        if allowed:
            # The local part counts only for those of the first call.
            inside = [email for email in asked if email.partition("@")[2] in allowed]
            outside = [email for email in asked if email.partition("@")[2] not in allowed]
            ours = {*super()._find_aliases(inside), *super()._find_aliases(outside)}
        else:
            ours = set(super()._find_aliases(asked))
        return [email for email in emails if email in ours or not ours.isdisjoint(owners.get(email, ()))]

    @api.model
    def _gateway_allowed_domains(self):
        """Return the domains at which a local part alone can be an alias; empty for all, as Odoo has it."""
        # sudo: a setting, no content.
        value = self.env["ir.config_parameter"].sudo().get_param(DOMAINS_PARAMETER)  # nosemgrep
        named = {name for name in (value or "").split(",") if name}
        return named | set(self.search([]).mapped("name")) if named else named  # pylint: disable=no-search-all

    @api.model
    def _gateway_bases(self, emails):
        """Return {address: what it could be a subaddress of, the longest first} for those at domains of ours."""
        detailed = {email: found for email in emails if "+" in email and (found := bases(email))}
        if not detailed:
            return detailed
        former = self.env["spp.email.former.address"]._every()
        names = {name.lower() for name in self.search([]).mapped("name")}  # pylint: disable=no-search-all
        names |= self._gateway_allowed_domains()
        return {
            email: ours
            for email, found in detailed.items()
            if (ours := [base for base in found if base.rpartition("@")[2] in names or base in former])
        }

    @api.model
    def _gateway_without_detail(self, addresses):
        """Return {address: the address of ours that it is a subaddress of}, for those of ``addresses`` that are any.

        An alias of that very name wins. The bounce address keeps its detail: it says which message came back.
        """
        owners = self._gateway_bases(addresses)
        if not owners:
            return {}
        asked = {base for found in owners.values() for base in found} | owners.keys()
        ours = set(self.with_context(**{EXACT_ONLY: True})._find_aliases(sorted(asked)))
        bounces = self._gateway_domain_addresses("bounce")
        found = {}
        for address, candidates in owners.items():
            base = next((one for one in candidates if one in ours), None)
            if base and address not in ours and base not in bounces:
                found[address] = base
        return found


class MailAlias(models.Model):
    _inherit = "mail.alias"

    @api.model
    def _gateway_aliases_among(self, addresses):
        """Also those that a subaddress belongs to, without the detail: two details of one alias are one alias."""
        domains = self.env["mail.alias.domain"]
        owners = domains._gateway_without_detail(addresses)
        plain = list(dict.fromkeys(owners.get(address, address) for address in addresses))
        found = super()._gateway_aliases_among(plain)
        # What is left with a detail is a bounce address, unless an alias is called so.
        exact = [address for address in found if "+" in address]
        if not exact:
            return found
        # sudo: whether an address is an alias's is asked for everybody's mail.
        named = self.sudo().search([("alias_full_name", "in", exact)]).mapped("alias_full_name")  # nosemgrep
        return [address for address in found if "+" not in address or address in named]


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

    @api.model
    def _gateway_route(self, find_routes, message, message_dict, model, thread_id, custom_values, attempt):
        """Route mail for "alias+detail@" as mail for the alias."""
        fields = ("to", "cc", "recipients")
        named = {
            name: email_split(message_dict[name]) for name in fields if "+" in (message_dict.get(name) or "")
        }
        asked = {address.lower() for found in named.values() for address in found}
        owners = self.env["mail.alias.domain"]._gateway_without_detail(sorted(asked)) if asked else {}
        for name, found in named.items():
            if any(address.lower() in owners for address in found):
                message_dict[name] = ", ".join(owners.get(address.lower(), address) for address in found)
        if owners:
            attempt.trace.add("recipient with a detail", "an address of ours", "taken for the one without")
        return super()._gateway_route(
            find_routes, message, message_dict, model, thread_id, custom_values, attempt
        )
