# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""An address that this database needs, and whether mail to it arrives in the mailbox."""

from odoo import api, fields, models

from ..models.engine_text import said


class SppEmailSetupAddress(models.TransientModel):
    _name = "spp.email.setup.address"
    _description = "Address Tried by the Set-Up"
    _rec_name = "address"

    setup_id = fields.Many2one("spp.email.setup", required=True, readonly=True, ondelete="cascade")
    kind = fields.Selection(
        [
            ("mailbox", "The Mailbox"),
            ("default_from", "Default From"),
            ("catchall", "Catchall: answers"),
            ("bounce", "Bounce: failure reports"),
        ],
        string="Used As",
        required=True,
        readonly=True,
    )
    trip_id = fields.Many2one("spp.email.round.trip", required=True, readonly=True, ondelete="cascade")
    address = fields.Char(related="trip_id.address")
    state = fields.Selection(related="trip_id.state")
    duration_text = fields.Char(related="trip_id.duration_text")
    advice = fields.Text("What To Do", compute="_compute_advice")

    @api.depends("state", "kind")
    def _compute_advice(self):
        for line in self:
            line.advice = line._advice()

    def _advice(self):
        if self.state in ("new", "done"):
            return False
        if self.state == "failed":
            return said(self.env, self.trip_id.result)
        return {
            "mailbox": self.env._("Look into the spam folder of the mailbox."),
            "default_from": self.env._("Have your provider deliver it to this mailbox, or let somebody else read it."),
            "catchall": self.env._("Have your provider deliver it to this mailbox: else answers are lost."),
            "bounce": self.env._("Have your provider deliver it to this mailbox: else nobody hears what failed."),
        }[self.kind]
