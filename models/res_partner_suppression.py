# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""On the contact's form: that mail to its address is not sent, and why."""

from odoo import api, fields, models
from odoo.tools.mail import email_normalize_all

from ..engine.suppression import is_over
from ..engine.suppression_address import suppression_address
from ..engine.suppression_words import describe


class ResPartner(models.Model):
    _inherit = "res.partner"

    gateway_suppression_note = fields.Char("Suppression", compute="_compute_gateway_suppression_note")

    @api.depends("email")
    @api.depends_context("allowed_company_ids")
    def _compute_gateway_suppression_note(self):
        """Asked once for all contacts at hand; no list shows it."""
        forms = {
            partner: {suppression_address(one) for one in email_normalize_all(partner.email or "")} - {""}
            for partner in self
        }
        known = self.env["spp.email.suppression"]._known(set().union(*forms.values()))
        now, companies = fields.Datetime.now(), {None, *self.env.companies.ids}
        for partner, addresses in forms.items():
            notes = [
                describe(entry)
                for address in addresses
                for owner, entry in known[address]
                if owner in companies and not is_over(entry, now)
            ]
            partner.gateway_suppression_note = notes[0] if notes else False

    def action_open_suppression(self):
        """Open the entries of the contact's addresses, for those who may see the list."""
        self.ensure_one()
        found = {suppression_address(one) for one in email_normalize_all(self.email or "")} - {""}
        return self.env["spp.email.suppression"]._action_open([("address", "in", list(found))])
