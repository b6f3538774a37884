# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The alias domain's form: who uses it, and what lies behind its buttons."""

from odoo import fields, models

from .spp_email_delivery import FAILURES


class MailAliasDomain(models.Model):
    _inherit = "mail.alias.domain"

    gateway_alias_count = fields.Integer("Aliases", compute="_compute_gateway_counts")
    gateway_quarantine_count = fields.Integer("Quarantine", compute="_compute_gateway_counts")
    gateway_failure_count = fields.Integer("Failures", compute="_compute_gateway_counts")

    def _compute_gateway_counts(self):
        for domain in self:
            domain.gateway_alias_count = self.env["mail.alias"].search_count(domain._gateway_alias_domain())
            domain.gateway_quarantine_count = self.env["spp.email.inbound"].search_count(
                domain._gateway_quarantine_domain()
            )
            domain.gateway_failure_count = self.env["spp.email.delivery"].search_count(
                domain._gateway_failure_domain()
            )

    def _gateway_alias_domain(self):
        return [("alias_domain_id", "=", self.id), ("alias_name", "!=", False)]

    def _gateway_quarantine_domain(self):
        return [("state", "=", "quarantined"), ("company_id", "in", self.company_ids.ids)]

    def _gateway_failure_domain(self):
        companies = ("company_id", "in", self.company_ids.ids)
        return [("state", "in", FAILURES), ("is_settled", "=", False), companies]

    def action_gateway_used_in(self):
        """Choose the companies that use this domain, with the aliases that move shown first."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Used In"),
            "res_model": "spp.email.alias.move",
            "view_mode": "form",
            "target": "new",
            "context": {"default_alias_domain_id": self.id},
        }

    def action_gateway_aliases(self):
        action = self.env["ir.actions.act_window"]._for_xml_id("mail.mail_alias_action")
        return {**action, "domain": self._gateway_alias_domain(), "context": {}}

    def action_gateway_quarantine(self):
        action = self.env["ir.actions.act_window"]._for_xml_id("spp_email_gateway.action_spp_email_inbound_quarantine")
        return {**action, "domain": self._gateway_quarantine_domain()}

    def action_gateway_failures(self):
        action = self.env["ir.actions.act_window"]._for_xml_id("spp_email_gateway.action_spp_email_delivery")
        return {**action, "domain": self._gateway_failure_domain(), "context": {}}
