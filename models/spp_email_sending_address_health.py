# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Health: who sends without an address, or as one of a domain that nobody can have."""

from odoo import api, models
from odoo.fields import Domain

from ..engine.from_policy import PLACEHOLDER_DOMAINS, PLACEHOLDER_SUFFIXES, is_placeholder
from ..engine.health import HealthFinding, HealthState
from ..engine.sending_address import AddressKind, SendingRight
from .spp_email_sending_address import Choices

MOST_RECORDS = 500
_WRONG = (SendingRight.PLACEHOLDER, SendingRight.MISSING)


class SppEmailSendingAddress(models.AbstractModel):
    _inherit = "spp.email.sending.address"

    @api.model
    def _gateway_health(self):
        choices = Choices(self.env)
        bot = self.env.ref("base.user_root").partner_id
        fixed = Domain("email_from", "not like", "{{")
        suspects = (
            # An author without an address stops Odoo before a server is chosen.
            (
                "users",
                AddressKind.USER,
                self.env["res.users"].search(
                    Domain(self._sending_users_domain()) & self._suspect("email", or_empty=True), limit=MOST_RECORDS
                ),
                "email",
                self.env._("Users send without a usable address"),
                self.env._("%s users have no address, or one of an example domain, and nothing takes its place."),
                self.env._("Open them and enter the address in the field Email."),
            ),
            (
                "bot",
                AddressKind.BOT,
                bot if not bot.email or is_placeholder(bot.email) else bot.browse(),
                "email",
                self.env._("OdooBot sends without a usable address"),
                self.env._("Automatic mail leaves as an address that nobody can answer."),
                self.env._(
                    "Set the Default From of the alias domain, which takes its place, or enter an address of your own "
                    "domain in the field Email of the contact OdooBot."
                ),
            ),
            (
                "companies",
                AddressKind.COMPANY,
                self.env["res.company"].search(self._suspect("email", or_empty=True), limit=MOST_RECORDS),
                "email",
                self.env._("Companies send without a usable address"),
                self.env._("%s companies have no address, or one of an example domain, and nothing takes its place."),
                self.env._("Open them and enter the address in the field Email."),
            ),
            (
                "templates",
                AddressKind.TEMPLATE,
                self.env["mail.template"].search(fixed & self._suspect("email_from"), limit=MOST_RECORDS),
                "email_from",
                self.env._("Email templates send as a placeholder"),
                self.env._("%s templates name an address of an example domain, and nothing takes its place."),
                self.env._("Open them and correct the field From, or empty it: then the author's address is used."),
            ),
        )
        findings = []
        for name, kind, records, field, title, text, cure in suspects:
            wrong = records.filtered(lambda one, kind=kind, field=field: self._is_wrong(choices, kind, one, field))
            if wrong:
                findings.append(
                    HealthFinding(
                        f"senders_{name}",
                        HealthState.WARNING,
                        title,
                        text % len(wrong) if "%s" in text else text,
                        cure,
                        wrong._name,
                        tuple(wrong.ids),
                        field,
                    )
                )
        return findings

    def _is_wrong(self, choices, kind, record, field):
        if kind is AddressKind.USER and not record[field]:
            return True
        if kind is AddressKind.COMPANY:
            company = record
        else:
            company = record.company_id if "company_id" in record._fields and record.company_id else self.env.company
        return choices.chosen(kind, record[field], record, field, company).right in _WRONG

    def _suspect(self, field, *, or_empty=False):
        """Return the domain of records whose address is missing or looks like one of an example domain."""
        found = Domain(field, "in", (False, "")) if or_empty else Domain.FALSE
        for ending in (*(f"@{name}" for name in PLACEHOLDER_DOMAINS), *PLACEHOLDER_SUFFIXES):
            # With a name the address ends in a bracket.
            found |= Domain(field, "=ilike", f"%{ending}") | Domain(field, "=ilike", f"%{ending}>")
        return found


class SppEmailHealth(models.Model):
    _inherit = "spp.email.health"

    def _health_models(self):
        return [*super()._health_models(), "spp.email.sending.address"]
