# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What happened to an entry of the suppression list: entered, removed, and by whom."""

from odoo import fields, models

EVENT_WORDS = [
    ("entered", "Entered"),
    ("again", "Entered Again"),
    ("changed", "Changed"),
    ("removed", "Removed"),
    ("expired", "Expired"),
    ("heard", "The Person Wrote"),
]


class SppEmailSuppressionEvent(models.Model):
    _name = "spp.email.suppression.event"
    _description = "History of a Suppressed Address"
    _order = "id desc"
    _log_access = False
    _rec_name = "event_type"

    suppression_id = fields.Many2one(
        "spp.email.suppression", required=True, readonly=True, ondelete="cascade", index=True
    )
    event_date = fields.Datetime("Date", required=True, readonly=True, default=fields.Datetime.now)
    event_type = fields.Selection(EVENT_WORDS, string="What", required=True, readonly=True)
    user_id = fields.Many2one("res.users", string="Who", readonly=True, ondelete="set null")
    text = fields.Char("Why", readonly=True)
