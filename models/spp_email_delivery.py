# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The ledger of what leaves: a row for each recipient of each mail, with what became of it."""

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine.mail_fate import Recipient
from ..engine.outcome import (
    OUTBOUND_REASON_WORDS,
    OUTBOUND_STATE_WORDS,
    OutboundReason,
    OutboundState,
    selection,
)
from ..engine.trace import Trace, TraceStep
from .engine_text import EngineText, said

POLICY_PARAMETER = "spp_email_gateway.unknown_outcome"
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
# To be sent, and not with a server at this moment: what is being sent nobody can call back.
WAITING = (OutboundState.QUEUED.value, OutboundState.DEFERRED.value)
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
    smtp_text = EngineText("Answer", readonly=True, help="The server's own words.")
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
    @api.depends_context("lang")
    def _compute_trace_text(self):
        for delivery in self:
            steps = [
                TraceStep(**{part: said(self.env, words) for part, words in step.items()})
                for step in delivery.trace or []
            ]
            delivery.trace_text = Trace(steps).as_text()

    def _recipients(self, env, mail_ids):
        """Return {mail id: {row id: Recipient}} of these mails' rows, oldest first, as ``env``'s cursor sees them."""
        found = {mail_id: {} for mail_id in mail_ids}
        for row_id, mail_id, state, reason, *rest in env.execute_query(
            SQL(
                "SELECT id, mail_id, state, reason, recipient, partner_id, next_attempt_date, COALESCE(smtp_text, ''),"
                " COALESCE(smtp_code, 0), COALESCE(enhanced_status, ''), COALESCE(is_settled, FALSE),"
                " COALESCE(next_attempt_date <= now() AT TIME ZONE 'UTC', TRUE)"
                " FROM spp_email_delivery WHERE mail_id IN %s ORDER BY id",
                tuple(mail_ids) or (0,),
            )
        ):
            address, partner_id, *others = rest
            found[mail_id][row_id] = Recipient(
                address, partner_id, OutboundState(state), OutboundReason(reason) if reason else None, *others
            )
        return found

    def _holds_unknown(self):
        """Return whether a delivery whose outcome is unknown waits for a person, instead of being sent once more."""
        # sudo: a setting, no content.
        return self.env["ir.config_parameter"].sudo().get_param(POLICY_PARAMETER) == "hold"  # nosemgrep
