# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which addresses this database sends from: asked of whatever puts one into a From, or receives what comes back."""

from dataclasses import dataclass

from odoo import models
from odoo.tools import email_normalize

from ..engine.sending_address import AddressKind, SendingRight, sending_right

MOST_USERS = 1_000
MOST_OTHERS = 500
PARAMETERS = ("mail.force.smtp.from", "mail.dynamic.smtp.from")


@dataclass(frozen=True)
class SendingAddress:
    """One address, and what becomes of it.

    Attributes:
        kind, right: see the engine.
        address: bare and lower-case; "" for none.
        leaves_as: as above.
        record: where it is set.
        field: the field of the record.
        company: whose mail it is.
        server: ir.mail_server, empty for the configuration file's.
    """

    kind: AddressKind
    right: SendingRight
    address: str
    leaves_as: str
    record: models.BaseModel
    field: str
    company: models.BaseModel
    server: models.BaseModel


class SppEmailSendingAddress(models.AbstractModel):
    _name = "spp.email.sending.address"
    _description = "Addresses That This Database Sends From"

    def _sending_addresses(self):
        """Return the SendingAddresses, those of a kind together, and how many users are left out."""
        choices = Choices(self.env)
        found = [
            choices.chosen(kind, email_from, record, field, company)
            for places in (self._places_of_domains, self._places_of_settings, self._places_of_documents)
            for kind, email_from, record, field, company in places()
        ]
        users = self._sending_users()
        found += [
            choices.chosen(AddressKind.USER, user.email, user, "email", user.company_id) for user in users[:MOST_USERS]
        ]
        return found, max(0, self.env["res.users"].search_count(self._sending_users_domain()) - MOST_USERS)

    def _sending_users_domain(self):
        return [("share", "=", False)]

    def _sending_users(self):
        return self.env["res.users"].search(self._sending_users_domain(), limit=MOST_USERS, order="id")

    # Each yields (kind, address, record, field, company).

    def _places_of_domains(self):
        for domain in self.env["mail.alias.domain"].search([], limit=MOST_OTHERS):
            company = (domain.company_ids & self.env.companies or domain.company_ids)[:1] or self.env.company
            if domain.default_from_email:
                yield AddressKind.NOTIFICATION, domain.default_from_email, domain, "default_from", company
            if domain.bounce_email:
                yield AddressKind.BOUNCE, domain.bounce_email, domain, "bounce_alias", company
            if domain.catchall_email:
                yield AddressKind.CATCHALL, domain.catchall_email, domain, "catchall_alias", company

    def _places_of_settings(self):
        for name in PARAMETERS:
            parameter = self.env["ir.config_parameter"].search([("key", "=", name)], limit=1)
            if parameter and "@" in (parameter.value or ""):
                yield AddressKind.PARAMETER, parameter.value, parameter, "value", self.env.company
        bot = self.env.ref("base.user_root").partner_id
        yield AddressKind.BOT, bot.email, bot, "email", self.env.company
        for company in self.env["res.company"].search([], limit=MOST_OTHERS):
            yield AddressKind.COMPANY, company.email, company, "email", company
        for server in self.env["ir.mail_server"].search([("owner_user_id", "!=", False)], limit=MOST_OTHERS):
            address = server.from_filter or server.owner_user_id.email
            yield AddressKind.SERVER, address, server, "from_filter", server.owner_user_id.company_id

    def _places_of_documents(self):
        # What is computed for each mail, such as the user's address, stands with the users.
        fixed = [("email_from", "!=", False), ("email_from", "not like", "{{")]
        for template in self.env["mail.template"].search(fixed, limit=MOST_OTHERS):
            yield AddressKind.TEMPLATE, template.email_from, template, "email_from", self.env.company
        if "mailing.mailing" in self.env:
            current = [("mailing_type", "=", "mail"), ("state", "!=", "done"), ("email_from", "!=", False)]
            for mailing in self.env["mailing.mailing"].search(current, limit=MOST_OTHERS):
                company = mailing.user_id.company_id or self.env.company
                yield AddressKind.CAMPAIGN, mailing.email_from, mailing, "email_from", company


class Choices:
    """The server for each address, asked once for all that are chosen alike.

    Nothing looks at what is before the @ but FROM filters with whole addresses, so that thousands of users of a few
    domains are a few questions.
    """

    def __init__(self, env):
        self._asked = env["ir.mail_server"]
        self._servers = self._asked.search([])  # pylint: disable=no-search-all
        self._filters = {server.id: self._asked._gateway_filter(server.from_filter) for server in self._servers}
        self._filters[False] = self._asked._gateway_filter(self._asked._get_default_from_filter())
        self._whole = {entry for entries in self._filters.values() for entry in entries if "@" in entry}
        self._known = {}

    def chosen(self, kind, email_from, record, field, company):
        address = email_normalize(email_from or "", strict=False) or ""
        if kind is AddressKind.CATCHALL:
            nobody = self._servers.browse()
            return SendingAddress(kind, SendingRight.ANSWERS, address, "", record, field, company, nobody)
        server, leaves_as = self._way(address, company)
        if kind is AddressKind.BOUNCE:
            # The return path: it stands in no From, and the one server's filter decides about it.
            sender = self._asked.with_context(domain_bounce_address=address)
            leaves_as = sender._gateway_envelope_sender(server, leaves_as or address)
        right = sending_right(address, leaves_as, self._filters.get(server.id, ()))
        return SendingAddress(kind, right, address, leaves_as, record, field, company, server)

    def _way(self, address, company):
        """Return (server, bare address that leaves)."""
        key = (address if address in self._whole else address.rpartition("@")[2], company.id)
        if key not in self._known:
            way = self._asked.with_company(company)._gateway_ways(address or False, self._servers, company)[0]
            leaves_as = email_normalize(way.email_from or "", strict=False) or ""
            self._known[key] = way.server, None if leaves_as == address else leaves_as
        server, other = self._known[key]
        return server, address if other is None else other
