# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The domains that this database sends as, each with the DNS records that it needs."""

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..engine.dns_record import RECORD_STATE_WORDS
from ..engine.mail_domain import mail_domain
from ..engine.outcome import selection


class SppEmailDomain(models.Model):
    """Rows are made by what uses them (see spp_email_domain_use.py), or by hand."""

    _name = "spp.email.domain"
    _inherit = ["mail.thread"]
    _description = "Domain of Outgoing Email"
    _order = "name, id"

    name = fields.Char("Domain", required=True, copy=False, help="As after the @ of an address: your-domain.org.")
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company", copy=False, ondelete="cascade", index="btree_not_null", help="Blank: used by several or by all."
    )
    alias_domain_ids = fields.Many2many("mail.alias.domain", string="Alias Domains", readonly=True, copy=False)
    checked_date = fields.Datetime("Last Checked", readonly=True, copy=False)
    state = fields.Selection(
        selection(RECORD_STATE_WORDS), required=True, readonly=True, copy=False, default="new", tracking=True
    )
    record_ids = fields.One2many("spp.email.domain.record", "domain_id", readonly=True, copy=False)

    _name_unique = models.UniqueIndex("(name)", "This domain is in the list already, perhaps archived.")

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([self._normalized(vals) for vals in vals_list])

    def write(self, vals):
        return super().write(self._normalized(vals))

    @api.model
    def _normalized(self, vals):
        """Return the values with the domain in its ASCII, lower-case form.

        Raises:
            ValidationError: it is no domain name.
        """
        if "name" not in vals:
            return vals
        name = mail_domain(vals["name"] or "")
        if not name:
            raise ValidationError(
                self.env._(
                    "“%s” is no domain. Type what stands after the @, such as your-domain.org.", vals["name"] or ""
                )
            )
        return {**vals, "name": name}

    def _needed_records(self):
        """Return the engine's NeededRecords of this domain. Extend it with super() to need more."""
        self.ensure_one()
        return []
