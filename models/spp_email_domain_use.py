# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which domains this database sends as: found in whatever puts an address into a From."""

from collections import defaultdict
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import LazyTranslate, config, email_normalize

from ..engine.mail_domain import is_published, mail_domain
from ..engine.provider_dns import is_public_mail_domain

_lt = LazyTranslate(__name__)

USE_WORDS = {
    "alias_domain": _lt("Alias domain"),
    "default_from": _lt("Default From of an alias domain"),
    "filter": _lt("FROM filter of an outgoing server"),
    "server": _lt("Address that an outgoing server puts in the place of others"),
    "parameter": _lt("System parameter for the From"),
    "template": _lt("Email template"),
    "campaign": _lt("Campaign"),
}
SETTINGS = (
    "dkim_key_ids",
    "dkim_is_required",
    "dkim_subdomains",
    "dkim_rotation_months",
    "selectors",
    "sending_addresses",
)
PARAMETERS = ("mail.force.smtp.from", "mail.dynamic.smtp.from")
MOST_DOMAINS = 200
# Templates and campaigns name few addresses, however many there are of them.
MOST_ADDRESSES = 1000
# What a campaign of long ago was sent as says nothing about the next one.
CAMPAIGN_DAYS = 180


class SppEmailDomain(models.Model):
    _inherit = "spp.email.domain"

    uses = fields.Json(readonly=True, copy=False, help="By what it was found; none for a domain added by hand.")
    use_text = fields.Char("Used By", compute="_compute_use_text")

    @api.depends("uses")
    @api.depends_context("lang")
    def _compute_use_text(self):
        for domain in self:
            uses = [self.env._(USE_WORDS[use]) for use in domain.uses or () if use in USE_WORDS]
            domain.use_text = ", ".join(uses) or self.env._("Added by hand")

    def action_find(self):
        """Look through servers, alias domains, templates and campaigns for domains."""
        self.env["spp.email.domain"].check_access("create")
        self._find()
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    @api.model
    def _open_found(self):
        """Return the action that the menu opens, with what is in use by now."""
        self.check_access("create")
        self._find()
        return self.env["ir.actions.act_window"]._for_xml_id("spp_email_gateway.action_spp_email_domain")

    @api.model
    def _find(self):
        """Make a row for each domain in use, and archive those that nothing uses any more."""
        # sudo: servers and alias domains of all companies are looked at; each row gets the company that uses it.
        rows = self.env["spp.email.domain"].sudo()  # nosemgrep
        found = rows._found()
        known = {row.name: row for row in rows.with_context(active_test=False).search([], limit=10 * MOST_DOMAINS)}
        for name in sorted(found)[:MOST_DOMAINS]:
            uses, companies = found[name]
            aliases = self.env["mail.alias.domain"].sudo().search([("name", "=ilike", name)])  # nosemgrep: as above
            values = {
                "uses": sorted(uses),
                "company_id": companies.id if len(companies) == 1 else False,
                "alias_domain_ids": [fields.Command.set(aliases.ids)],
            }
            row = known.get(name)
            if not row:
                rows.create({"name": name, **values})
                continue
            if not row.uses and not row.active:
                # It was left out by us; what a person has archived stays archived.
                values["active"] = True
            row._write_changed(values)
        for name, row in known.items():
            if name not in found and row.uses:
                row.write(
                    {
                        "uses": False,
                        # What somebody asked of its mail holds for mail that another way sends as it.
                        "active": row.active and row._is_kept(),
                        "alias_domain_ids": [fields.Command.clear()],
                    }
                )

    def _check_other_companies(self, operation):
        """Refuse what only another company uses: whose keys sign mail of a domain is no choice of a stranger's.

        Raises:
            AccessError: a manager of other companies takes a domain, or signs for it as one above it.
        """
        if self.env.su or self.env.user.has_group("base.group_system"):
            return
        own = self.env.user.company_ids
        # sudo: what other companies use is looked at, and not shown.
        rows = self.env["spp.email.domain"].sudo().with_context(active_test=False)  # nosemgrep
        taken = {name for name, (_uses, companies) in rows._found().items() if companies and not companies & own}
        taken.update(rows.search([("company_id", "!=", False), ("company_id", "not in", own.ids)]).mapped("name"))
        refused = self.filtered(
            lambda row: (
                row.name in taken or (row.dkim_subdomains and any(name.endswith(f".{row.name}") for name in taken))
            )
        )
        if refused:
            # In Odoo's own words for what another company has.
            raise self.env["ir.rule"]._make_access_error(operation, refused)

    def _is_kept(self):
        """Return whether somebody set something here, so that it is not put away with its use."""
        self.ensure_one()
        return any(self[name] for name in SETTINGS)

    def _write_changed(self, values):
        now = {"uses": self.uses, "company_id": self.company_id.id, "active": self.active}
        linked = values["alias_domain_ids"][0][2]
        if any(now[key] != value for key, value in values.items() if key in now) or sorted(
            self.alias_domain_ids.ids
        ) != sorted(linked):
            self.write(values)

    def _found(self):
        """Return {domain: (set of uses, companies that it was found with)}."""
        found = defaultdict(lambda: [set(), self.env["res.company"]])
        for use, text, companies in self._from_places():
            domain = mail_domain(text or "")
            if domain and is_published(domain) and not is_public_mail_domain(domain):
                found[domain][0].add(use)
                found[domain][1] |= companies
        return found

    def _from_places(self):
        """Yield (use, address or domain, companies) of whatever puts an address into a From. Extend it for more."""
        nobody = self.env["res.company"]
        for alias_domain in self.env["mail.alias.domain"].search([], limit=MOST_DOMAINS):
            yield "alias_domain", alias_domain.name, alias_domain.company_ids
            if "@" in (alias_domain.default_from or ""):
                yield "default_from", alias_domain.default_from, alias_domain.company_ids
        servers = self.env["ir.mail_server"].search([])  # pylint: disable=no-search-all
        for server in servers:
            for entry in server._gateway_filter(server.from_filter):
                # ".a.org" stands for a.org and all below it.
                yield "filter", entry.lstrip("."), server.company_id
            yield "server", server.gateway_from_address, server.company_id
        for entry in servers._gateway_filter(servers._get_default_from_filter()):
            yield "filter", entry.lstrip("."), nobody
        yield "parameter", config.get("email_from") or "", nobody
        for name in PARAMETERS:
            value = self.env["ir.config_parameter"].get_param(name) or ""
            yield "parameter", value if "@" in value else "", nobody
        for address in self._distinct("mail.template", [("email_from", "not like", "{{")]):
            yield "template", email_normalize(address), nobody
        if "mailing.mailing" in self.env:
            since = fields.Datetime.now() - timedelta(days=CAMPAIGN_DAYS)
            recent = ["|", ("state", "!=", "done"), ("sent_date", ">=", since)]
            for address in self._distinct("mailing.mailing", [("mailing_type", "=", "mail"), *recent]):
                yield "campaign", email_normalize(address), nobody

    def _distinct(self, model, domain):
        rows = self.env[model]._read_group([("email_from", "!=", False), *domain], ["email_from"], limit=MOST_ADDRESSES)
        return [address for (address,) in rows]


class MailAliasDomain(models.Model):
    _inherit = "mail.alias.domain"

    gateway_domain_id = fields.Many2one("spp.email.domain", compute="_compute_gateway_domain_id")

    @api.depends("name")
    def _compute_gateway_domain_id(self):
        rows = self.env["spp.email.domain"].search([("name", "in", [mail_domain(one.name or "") for one in self])])
        by_name = {row.name: row for row in rows}
        for domain in self:
            domain.gateway_domain_id = by_name.get(mail_domain(domain.name or ""))

    def action_open_gateway_domain(self):
        """Open the DNS records of this alias domain."""
        self.ensure_one()
        self.env["spp.email.domain"].check_access("read")
        if not self.gateway_domain_id:
            self.env["spp.email.domain"]._find()
            self.invalidate_recordset(["gateway_domain_id"])
        return {
            "type": "ir.actions.act_window",
            "res_model": "spp.email.domain",
            "res_id": self.gateway_domain_id.id,
            "view_mode": "form",
            "name": self.env._("DNS Records"),
        }
