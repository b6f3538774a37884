# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from odoo import api, fields, models

from ..engine.dns_record import RECORD_KIND_WORDS, RECORD_STATE_WORDS
from ..engine.outcome import selection
from .engine_text import EngineChar
from .spp_email_domain_words import words_of


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
    reason = EngineChar("Needed For", readonly=True)
    expected = fields.Char(
        "Should Be", readonly=True, help="To copy as it is, in the place of what is there. Blank: nothing to change."
    )
    seen = fields.Text("DNS Says", readonly=True)
    state = fields.Selection(selection(RECORD_STATE_WORDS), required=True, readonly=True, default="new")
    known_state = fields.Selection(selection(RECORD_STATE_WORDS), required=True, readonly=True, default="new")
    right_date = fields.Datetime("Last Right", readonly=True)
    verdict = fields.Char(readonly=True)
    facts = fields.Json(readonly=True)
    # In the language of whoever reads.
    text = fields.Text("What Was Seen", compute="_compute_words")
    cure = fields.Text("What To Do", compute="_compute_words")

    @api.depends("verdict", "facts", "state")
    @api.depends_context("lang")
    def _compute_words(self):
        for record in self:
            if record.state == "unknown":
                # What was known stays beside it.
                record.text, record.cure = words_of(self.env, "no_answer", {})
            else:
                record.text, record.cure = record._known_words()

    def _known_words(self):
        """Return (text, cure) of what the DNS last said, in the reader's language."""
        self.ensure_one()
        facts = {
            **(self.facts or {}),
            "name": self.name,
            "type": self.record_type,
            "relative": self.relative_name or self.name,
            "expected": self.expected or "",
        }
        return words_of(self.env, self.verdict, facts)

    @api.depends("kind", "name")
    def _compute_display_name(self):
        for record in self:
            record.display_name = f"{record.kind.upper() if record.kind else ''} {record.name or ''}".replace("_", " ")
