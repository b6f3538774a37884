# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Shows a new token, once."""

from odoo import fields, models


class SppEmailIntakeToken(models.AbstractModel):
    """Without a table: the token is on its way to one person, and is kept nowhere."""

    _name = "spp.email.intake.token"
    _description = "Token of an Email Intake"

    # Odoo's form asks for the default values of a model that has an id.
    id = fields.Id()
    token = fields.Char(readonly=True)
    url = fields.Char("Address", readonly=True)
