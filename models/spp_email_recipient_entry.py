# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The lists of recipients that this database may, or may not, write to."""

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..engine.recipient_list import clean_entry, refusal
from .engine_text import said
from .transaction_answers import asked_once


class SppEmailRecipientEntry(models.Model):
    _name = "spp.email.recipient.entry"
    _description = "Allowed or Denied Recipient"
    _order = "kind, entry, id"
    _rec_name = "entry"

    kind = fields.Selection(
        [("allow", "Allow"), ("deny", "Deny")],
        string="List",
        required=True,
        default="allow",
        help="As soon as there is one allowed entry, nobody else is written to.",
    )
    entry = fields.Char(
        "Address or Domain",
        required=True,
        help="ann@your-domain.org, your-domain.org, .your-domain.org with its subdomains, or * for everybody.",
    )
    note = fields.Char()
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", ondelete="cascade", help="Blank: mail of all companies.")

    _entry_unique = models.UniqueIndex(
        "(kind, entry, COALESCE(company_id, 0)) WHERE active", "This entry is on the list already."
    )

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([self._clean(vals) for vals in vals_list])

    def write(self, vals):
        return super().write(self._clean(vals))

    @api.model
    def _clean(self, vals):
        """Return the values with the entry as it is compared.

        Raises:
            ValidationError: the entry is neither an address nor a domain.
        """
        if not vals.get("entry"):
            return vals
        try:
            return {**vals, "entry": clean_entry(vals["entry"])}
        except ValueError as error:
            raise ValidationError(said(self.env, str(error))) from error

    @api.model
    def _refusals(self, recipients, company_id):
        """Return {recipient: why it may not be written to} of those that may not.

        Args:
            recipients: bare lower-case addresses.
            company_id: of the mail; entries of other companies do not count. None: only those of all companies.
        """
        lists = asked_once(self.env, "recipient lists", company_id, lambda: self._lists(company_id))
        if not lists:
            return {}
        found = {recipient: refusal(recipient, lists["allow"], lists["deny"]) for recipient in recipients}
        return {recipient: text for recipient, text in found.items() if text}

    def _lists(self, company_id):
        """Return {kind: entries} for a company's mail; empty when there are none."""
        # sudo: the lists bind everybody who causes mail.
        entries = self.sudo().search([("company_id", "in", (False, company_id or False))])  # nosemgrep
        return entries and {
            kind: frozenset(entries.filtered(lambda one, kind=kind: one.kind == kind).mapped("entry"))
            for kind in ("allow", "deny")
        }
