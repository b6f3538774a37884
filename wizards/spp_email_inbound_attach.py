# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Adding messages to a record that is there."""

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine.audit_action import AuditAction
from ..engine.target import Target


class SppEmailInboundAttach(models.TransientModel):
    _name = "spp.email.inbound.attach"
    _inherit = ["spp.email.inbound.wizard"]
    _description = "Attach Incoming Emails to a Record"

    record = fields.Reference(selection="_selection_record", required=True)

    @api.model
    def _selection_record(self):
        """Offer the models that the user may write on."""
        names = self.env["spp.email.target.model"]._names()
        writable = {model: name for model, name in names.items() if self.env[model].has_access("write")}
        return sorted(writable.items(), key=lambda pair: pair[1].lower())

    def action_confirm(self):
        """Add the messages to the record, at once, and show it.

        Raises:
            AccessError: the user may not write on the record.
            UserError: the record is gone, or nothing is left to decide on.
        """
        self.ensure_one()
        record = self.record
        if not record or not record.exists():
            raise UserError(self.env._("This record is gone. Choose another one."))
        record.check_access("write")
        chosen = self._chosen()
        chosen._check_may_decide()
        target = Target(record._name, record.id, forced=True, why=self.env._("decided by a person"))
        what = self.env._("Attach to %(model)s, record %(record)s", model=record._name, record=record.id)
        detail = f"{record._name},{record.id}"
        return chosen._send_on(what, target, action=AuditAction.ATTACHED, detail=detail)._show_outcome()
