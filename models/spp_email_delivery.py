# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The ledger of what leaves: a row for each recipient of each mail, with what became of it."""

from odoo import api, fields, models

from ..engine.outcome import OUTBOUND_REASON_WORDS, OUTBOUND_STATE_WORDS, OutboundState, selection
from ..engine.trace import Trace, TraceStep

# Nothing more happens to these by itself.
FINAL = tuple(
    state.value
    for state in (
        OutboundState.SENT,
        OutboundState.FAILED,
        OutboundState.BOUNCED,
        OutboundState.SUPPRESSED,
        OutboundState.CANCELLED,
    )
)
# To be sent, now or later.
PENDING = (OutboundState.QUEUED.value, OutboundState.SENDING.value, OutboundState.DEFERRED.value)
# What a person may have to look at.
FAILURES = (OutboundState.FAILED.value, OutboundState.BOUNCED.value, OutboundState.UNKNOWN.value)
# Who did not get it, be it that nothing was tried.
NOT_REACHED = (*FAILURES, OutboundState.SUPPRESSED.value)


class SppEmailDelivery(models.Model):
    _name = "spp.email.delivery"
    _description = "Delivery"
    _order = "id desc"
    _rec_name = "recipient"
    _log_access = False

    # The mail may be deleted once it is sent: what is worth knowing stands here too.
    mail_id = fields.Many2one("mail.mail", string="Email", readonly=True, ondelete="set null", index="btree_not_null")
    mail_message_id = fields.Many2one(
        "mail.message", string="Message", readonly=True, ondelete="set null", index="btree_not_null"
    )
    model = fields.Char("Model of the Record", readonly=True)
    res_id = fields.Many2oneReference("Record", model_field="model", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True, ondelete="set null")
    subject = fields.Char(readonly=True)
    message_id = fields.Char("Message-ID", readonly=True, index="btree_not_null")
    mail_class = fields.Char(readonly=True, help="transactional, mass, legal or login.")

    recipient = fields.Char(required=True, readonly=True, help="Address that is given to the server.")
    partner_id = fields.Many2one(
        "res.partner", string="Contact", readonly=True, ondelete="set null", index="btree_not_null"
    )
    state = fields.Selection(selection(OUTBOUND_STATE_WORDS), required=True, readonly=True, default="queued")
    reason = fields.Selection(selection(OUTBOUND_REASON_WORDS), readonly=True)
    attempts = fields.Integer(readonly=True, default=0, help="How often the server was asked to take it.")
    created_date = fields.Datetime("Queued", readonly=True, default=fields.Datetime.now)
    attempt_date = fields.Datetime("Last Attempt", readonly=True)
    next_attempt_date = fields.Datetime("Next Attempt", readonly=True)
    final_date = fields.Datetime("Decided", readonly=True, help="When it was sent, or given up.")

    # Of the last attempt. The names are copies: servers are renamed and deleted.
    server_id = fields.Many2one("ir.mail_server", readonly=True, ondelete="set null", index=True)
    email_from = fields.Char("From", readonly=True)
    envelope_sender = fields.Char(readonly=True, help="Return path that the server was given.")
    smtp_code = fields.Integer("Code", readonly=True)
    enhanced_status = fields.Char("Status", readonly=True, help="RFC 3463, such as 5.1.1.")
    smtp_text = fields.Text("Answer", readonly=True, help="The server's own words.")
    phase = fields.Char(readonly=True, help="How far the conversation with the server had come.")
    remote_id = fields.Char("Queue ID", readonly=True, help="Name that the server gave it, for its administrators.")
    remote_message_id = fields.Char(
        "Provider's Message-ID", readonly=True, index="btree_not_null", help="Given by a provider in place of ours."
    )
    trace = fields.Json(readonly=True)
    trace_text = fields.Text("Steps", compute="_compute_trace_text")
    is_held = fields.Boolean("Legal Hold", help="Never removed by retention.")

    _mail_recipient_unique = models.UniqueIndex("(mail_id, lower(recipient), COALESCE(partner_id, 0))")
    _state_index = models.Index("(state, next_attempt_date) WHERE state NOT IN ('sent', 'cancelled')")
    _return_path_index = models.Index("(lower(envelope_sender)) WHERE envelope_sender LIKE '%+%'")
    _created_index = models.Index("(created_date)")

    @api.depends("trace")
    def _compute_trace_text(self):
        for delivery in self:
            delivery.trace_text = Trace([TraceStep(**step) for step in delivery.trace or []]).as_text()
