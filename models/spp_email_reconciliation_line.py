# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A message on a mail server that neither the journal nor a record knows."""

from odoo import fields, models

from ..engine.mailbox import Entry


class SppEmailReconciliationLine(models.Model):
    _name = "spp.email.reconciliation.line"
    _description = "Missing Message"
    _order = "arrived_date desc, id"
    _rec_name = "subject"

    reconciliation_id = fields.Many2one(
        "spp.email.reconciliation", required=True, readonly=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="reconciliation_id.company_id", store=True)
    is_chosen = fields.Boolean("Choose")
    state = fields.Selection(
        [("missing", "Missing"), ("taken", "Taken In"), ("left", "Left")],
        required=True,
        readonly=True,
        default="missing",
        index=True,
    )
    folder = fields.Char(readonly=True)
    uid_validity = fields.Char("UIDVALIDITY", readonly=True)
    uid = fields.Char("UID", required=True, readonly=True)
    size = fields.Integer("Size (bytes)", readonly=True)
    message_id = fields.Char("Message-ID", readonly=True)
    email_from = fields.Char("From", readonly=True)
    subject = fields.Char(readonly=True)
    arrived_date = fields.Datetime("Arrived", readonly=True)

    def _key(self):
        return self.folder or "", self.uid_validity or "", self.uid

    def _entry(self):
        return Entry(*self._key(), self.size)
