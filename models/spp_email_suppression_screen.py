# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What people see of the suppression list: the ways to delivery and report, and Odoo's blacklist beside it."""

from odoo import api, fields, models

from ..engine.suppression_address import suppression_address


class SppEmailSuppression(models.Model):
    _inherit = "spp.email.suppression"

    is_blacklisted = fields.Boolean(
        "Blacklisted in Odoo",
        compute="_compute_is_blacklisted",
        help="Odoo's blacklist is for mass mail: who is on it wants no mailings. Neither list follows the other.",
    )
    can_open_blacklist = fields.Boolean(compute="_compute_is_blacklisted")

    @api.depends("address")
    @api.depends_context("uid")
    def _compute_is_blacklisted(self):
        # sudo: whether the addresses are there.
        found = self.env["mail.blacklist"].sudo().search([("email", "in", self.mapped("address"))])  # nosemgrep
        listed = set(found.mapped("email"))
        may = self.env["mail.blacklist"].has_access("read")
        for row in self:
            row.is_blacklisted = row.address in listed
            row.can_open_blacklist = may and row.is_blacklisted

    def action_open_blacklist(self):
        """Open the address's entry of Odoo's blacklist."""
        self.ensure_one()
        found = self.env["mail.blacklist"].search([("email", "=", self.address)], limit=1)
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Odoo's Blacklist"),
            "res_model": "mail.blacklist",
            "res_id": found.id,
            "views": [(False, "form")],
        }

    def action_open_delivery(self):
        self.ensure_one()
        return self._action_form("spp.email.delivery", self.delivery_id)

    def action_open_inbound(self):
        self.ensure_one()
        return self._action_form("spp.email.inbound", self.inbound_id)

    @api.model
    def _action_form(self, model, record):
        return {"type": "ir.actions.act_window", "res_model": model, "res_id": record.id, "views": [(False, "form")]}

    @api.model
    def _action_open(self, domain):
        """Return the action that shows some entries: the form of the only one, else a list."""
        rows = self.search(domain)
        if len(rows) == 1:
            return self._action_form(self._name, rows)
        action = self.env["ir.actions.act_window"]._for_xml_id("spp_email_gateway.action_spp_email_suppression")
        return {**action, "domain": domain, "context": {}}


class SppEmailDelivery(models.Model):
    _inherit = "spp.email.delivery"

    def action_open_suppression(self):
        """Open the entry that keeps this recipient's mail."""
        self.ensure_one()
        domain = [("address", "=", suppression_address(self.recipient))]
        return self.env["spp.email.suppression"]._action_open(domain)
