# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the dialogs share in which a person decides about messages."""

from odoo import api, fields, models


class SppEmailInboundWizard(models.AbstractModel):
    _name = "spp.email.inbound.wizard"
    _description = "Decision about Incoming Emails"

    inbound_ids = fields.Many2many("spp.email.inbound", string="Messages", required=True, readonly=True)
    inbound_count = fields.Integer("Number of Messages", compute="_compute_inbound_count")

    @api.depends("inbound_ids")
    def _compute_inbound_count(self):
        for wizard in self:
            wizard.inbound_count = len(wizard.inbound_ids)

    def _chosen(self):
        """Return the messages as the user sees them; whether they may be decided on is checked with the decision."""
        self.ensure_one()
        # In a dialog that is not saved yet they are copies without a number.
        return self.inbound_ids._origin

    def _as_its_user(self):
        """Return the dialog with the rights of who opened it.

        Odoo computes stored fields as the system, or as whoever writes the cache to the database. What comes of that is
        shown to the user.
        """
        self.ensure_one()
        return self.with_user(self.create_uid or self.env.user)
