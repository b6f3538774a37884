# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from odoo import fields, models

from ..engine.dns_record import RECORD_KIND_WORDS, RECORD_STATE_WORDS
from ..engine.outcome import selection


class SppEmailDomainRecord(models.Model):
    _name = "spp.email.domain.record"
    _description = "DNS Record of a Domain"
    _order = "domain_id, sequence, id"

    domain_id = fields.Many2one("spp.email.domain", required=True, readonly=True, index=True, ondelete="cascade")
    sequence = fields.Integer(readonly=True)
    kind = fields.Selection(selection(RECORD_KIND_WORDS), required=True, readonly=True)
    record_type = fields.Char("Type", required=True, readonly=True, default="TXT")
    name = fields.Char("Full Name", required=True, readonly=True)
    relative_name = fields.Char("Name", readonly=True, help="As most DNS hosts want it typed: without the domain.")
    reason = fields.Char("Needed For", readonly=True)
    expected = fields.Text("Should Be", readonly=True)
    seen = fields.Text("DNS Says", readonly=True)
    state = fields.Selection(selection(RECORD_STATE_WORDS), required=True, readonly=True, default="new")
    text = fields.Text("What Was Seen", readonly=True)
    cure = fields.Text("What To Do", readonly=True)
