# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Counters of an intake, apart from its settings: a manager who edits those must not collide with mail coming in."""

from odoo import fields, models


class SppEmailIntakeUse(models.Model):
    _name = "spp.email.intake.use"
    _description = "Use of an Email Intake"
    _log_access = False

    intake_id = fields.Many2one("spp.email.intake", required=True, readonly=True, ondelete="cascade")
    last_used_date = fields.Datetime(readonly=True)
    message_count = fields.Integer(readonly=True)
    rate_level = fields.Float(readonly=True, help="Messages that may still come at once.")
    rate_time = fields.Float(readonly=True, help="When that was so, in seconds since 1970.")

    _intake_unique = models.UniqueIndex("(intake_id)")
