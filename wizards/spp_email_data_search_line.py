# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from odoo import fields, models

from ..models.spp_email_data_request import PLACES


class SppEmailDataSearchLine(models.TransientModel):
    _name = "spp.email.data.search.line"
    _description = "Place of Personal Data"
    _order = "id"

    search_id = fields.Many2one("spp.email.data.search", required=True, ondelete="cascade")
    place = fields.Selection(list(PLACES), required=True, readonly=True)
    name = fields.Char("What", readonly=True)
    found_count = fields.Integer("Number", readonly=True)
    kept_count = fields.Integer(readonly=True)
    waiting_count = fields.Integer("Waiting", readonly=True)
    why = fields.Char("What Stays When It Is Erased", readonly=True)
