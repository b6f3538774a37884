# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Words that rules put on messages in the journal."""

from random import randint

from odoo import fields, models


class SppEmailTag(models.Model):
    _name = "spp.email.tag"
    _description = "Tag of Incoming Emails"
    _order = "name, id"

    name = fields.Char(required=True, translate=True)
    color = fields.Integer(default=lambda self: randint(1, 11))  # noqa: S311 - a colour
    active = fields.Boolean(default=True)

    _name_unique = models.Constraint("UNIQUE(name)", "A tag of this name is there already.")
