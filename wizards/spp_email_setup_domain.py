# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The set-up's proposal for the alias domain, and the addresses of the company and of the administrator."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import email_normalize

from ..engine.from_policy import is_placeholder


class SppEmailSetup(models.TransientModel):
    _inherit = "spp.email.setup"

    domain_state = fields.Selection(
        [
            ("first", "The first one"),
            ("new", "Another one"),
            ("known", "It is there already"),
            ("public", "Nobody's own"),
            ("forbidden", "For administrators"),
        ],
        compute="_compute_domain_state",
    )
    domain_text = fields.Char(compute="_compute_domain_state")
    use_domain = fields.Boolean(
        "Set the Alias Domain", compute="_compute_use_domain", store=True, readonly=False, precompute=True
    )
    domain_name = fields.Char(
        "Alias Domain", compute="_compute_domain_name", store=True, readonly=False, precompute=True
    )
    catchall_alias = fields.Char(
        default="catchall", help="What stands before the @ of the address that answers are sent to."
    )
    bounce_alias = fields.Char(
        default="bounce", help="What stands before the @ of the address that failures are told to."
    )
    default_from = fields.Char(
        "Default From Alias",
        compute="_compute_default_from",
        store=True,
        readonly=False,
        precompute=True,
        help="What stands before the @ of the sender of mail that cannot leave as its author.",
    )
    may_write_company = fields.Boolean(compute="_compute_domain_state")
    company_email = fields.Char(
        "Company's Address",
        default=lambda self: _real(self.env.company.email),
        help="Shown to people, and answered to.",
    )
    admin_id = fields.Many2one("res.users", default=lambda self: self._default_admin_id(), readonly=True)
    admin_email = fields.Char(
        "Administrator's Address",
        default=lambda self: _real(self._default_admin_id().email),
        help="Of a person: not that of the mailbox which is read here.",
    )
    alias_domain_id = fields.Many2one("mail.alias.domain", string="Domain in Use", readonly=True, ondelete="set null")

    def _default_admin_id(self):
        admin = self.env.ref("base.user_admin", raise_if_not_found=False) or self.env.user
        return admin if admin.has_access("write") else self.env.user

    # ------------------------------------------------------------------
    # Proposals
    # ------------------------------------------------------------------

    @api.depends("address")
    def _compute_domain_name(self):
        for setup in self:
            setup.domain_name = setup.address_domain if setup._is_own_domain() else False

    @api.depends("address")
    def _compute_default_from(self):
        for setup in self:
            # The one address that the server is known to send as.
            setup.default_from = (setup.address or "").strip().rpartition("@")[0] or "notifications"

    @api.depends("address", "domain_name")
    def _compute_domain_state(self):
        domains = self.env["mail.alias.domain"]
        known = domains.search([], limit=1000)
        for setup in self:
            name = (setup.domain_name or "").strip().lower()
            setup.may_write_company = self.env.company.has_access("write")
            if not setup._is_own_domain():
                setup.domain_state = "public"
            elif name and name in {one.lower() for one in known.mapped("name")}:
                setup.domain_state = "known"
            elif not domains.has_access("create") or not setup.may_write_company:
                setup.domain_state = "forbidden"
            else:
                setup.domain_state = "new" if known else "first"
            setup.domain_text = setup._domain_words(name)

    # Not with each letter of the domain: what a person ticked stays.
    @api.depends("address")
    def _compute_use_domain(self):
        for setup in self:
            setup.use_domain = setup.domain_state == "first"

    def _domain_words(self, name):
        if self.domain_state == "public":
            return self.env._(
                "%s gives mailboxes to everybody, so it cannot be your alias domain: answers and failure reports of "
                "mail that leaves here need a domain of your own.",
                self.address_domain or "",
            )
        if self.domain_state == "known":
            return self.env._("The alias domain @%s is there already and stays as it is.", name)
        if self.domain_state == "forbidden":
            return self.env._("Ask an administrator with access rights to create the alias domain @%s.", name)
        if self.domain_state == "new":
            return self.env._(
                "There are alias domains already. @%s is only used by companies that have none; others get it "
                "on its form, under Used In.",
                name,
            )
        companies, aliases = self._adopted()
        return self.env._(
            "This is the first alias domain: all companies (%(companies)s) and all aliases (%(aliases)s) get it, so "
            "look at its name twice.",
            companies=companies,
            aliases=aliases,
        )

    def _adopted(self):
        """Return how many (companies, aliases) Odoo gives to the first alias domain."""
        # sudo: only how many; Odoo changes those that the person does not see as well.
        companies = self.env["res.company"].sudo().with_context(active_test=False)  # nosemgrep
        aliases = self.env["mail.alias"].sudo()  # nosemgrep: as above
        without = [("alias_domain_id", "=", False)]
        return companies.search_count(without), aliases.search_count(without)

    # ------------------------------------------------------------------
    # Writing
    # ------------------------------------------------------------------

    def _require_domain(self):
        """Refuse addresses that are none, naming the field.

        Raises:
            UserError: see above.
        """
        for name in ("company_email", "admin_email"):
            if self[name] and not email_normalize(self[name]):
                raise UserError(
                    self.env._("Check the field “%s”.", self._fields[name]._description_string(self.env))
                    + "\n"
                    + self.env._("“%s” is no email address.", self[name])
                )
        is_read_here = self._receives() and email_normalize(self.admin_email or "") == email_normalize(self.address)
        if self.admin_email and is_read_here:
            raise UserError(
                self.env._("Check the field “%s”.", self._fields["admin_email"]._description_string(self.env))
                + "\n"
                + self.env._("This mailbox is read here: mail to the administrator would come back as new mail.")
            )

    def _write_domain(self):
        """Make the alias domain and set the addresses of company and administrator; as the person."""
        domains = self.env["mail.alias.domain"]
        found = self._known_domain()
        if not found and self.use_domain and self.domain_state in ("first", "new"):
            found = domains.create(
                {
                    "name": self.domain_name.strip().lower(),
                    "catchall_alias": self.catchall_alias,
                    "bounce_alias": self.bounce_alias,
                    "default_from": self.default_from,
                }
            )
            if not self.env.company.alias_domain_id:
                self.env.company.alias_domain_id = found
        self.alias_domain_id = found or self.env.company.alias_domain_id
        if self.may_write_company and self.company_email and self.company_email != self.env.company.email:
            self.env.company.email = self.company_email
        if self.admin_email and self.admin_email != self.admin_id.email and self.admin_id.has_access("write"):
            self.admin_id.email = self.admin_email

    def _known_domain(self):
        if self.domain_state == "public" or not self.domain_name:
            return self.env["mail.alias.domain"]
        return self.env["mail.alias.domain"].search([("name", "=ilike", self.domain_name.strip())], limit=1)


def _real(address):
    """Return the address unless it is a placeholder, "" then."""
    normal = email_normalize(address or "")
    return address if normal and not is_placeholder(normal) else ""
