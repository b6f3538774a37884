# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What people see of a delivery: the answer in words, what happened in order, and the way to mail, record and bytes."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..engine.enhanced_status import explain_status
from ..engine.outcome import OUTBOUND_REASON_WORDS, OutboundReason, OutboundState
from .engine_text import EngineChar, said
from .spp_email_delivery import FAILURES, PENDING

# Their text is written for people.
OWN_WORDS = (
    OutboundReason.QUOTA,
    OutboundReason.PAUSED,
    OutboundReason.NOT_ALLOWED,
    OutboundReason.SUPPRESSED,
    OutboundReason.NOT_SIGNED,
)
# Of these the server's answer says more.
SAID_BY_STATUS = (OutboundReason.REFUSED, OutboundReason.TRY_LATER)
PHASES = {
    "connect": "connecting",
    "tls": "starting encryption",
    "login": "logging in",
    "sender": "naming the sender",
    "recipient": "naming the recipient",
    "data": "handing over the message",
    "message": "after the message was handed over",
}


class SppEmailDelivery(models.Model):
    _inherit = "spp.email.delivery"

    # Written by PostgreSQL, whoever writes the row and in whatever way.
    recipient_domain = fields.Char("Recipient's Domain", readonly=True)
    is_pending = fields.Boolean(compute="_compute_is_pending")
    is_retryable = fields.Boolean(compute="_compute_is_pending")
    answer_words = EngineChar("What It Means", compute="_compute_answer_words")
    answer_cure = EngineChar("What To Do", compute="_compute_answer_words")
    code_text = fields.Char("Code and Status", compute="_compute_code_text")
    phase_text = EngineChar("While", compute="_compute_code_text")
    timeline_text = fields.Text("Timeline", compute="_compute_timeline_text")
    is_mail_gone = fields.Boolean(compute="_compute_is_pending")

    def init(self):
        result = super().init()
        generated = self.env.execute_query(
            SQL(
                "SELECT is_generated FROM information_schema.columns"
                " WHERE table_name = %s AND column_name = 'recipient_domain' AND table_schema = current_schema",
                self._table,
            )
        )
        if generated and generated[0][0] != "ALWAYS":
            self.env.cr.execute(
                SQL(
                    "ALTER TABLE %(table)s DROP COLUMN recipient_domain,"
                    " ADD COLUMN recipient_domain varchar"
                    " GENERATED ALWAYS AS (lower(split_part(recipient, '@', 2))) STORED",
                    table=SQL.identifier(self._table),
                )
            )
        return result

    @api.depends("state", "mail_id")
    def _compute_is_pending(self):
        for row in self:
            # sudo: only whether the mail is there.
            row.is_mail_gone = not row.sudo().mail_id  # nosemgrep
            row.is_pending = row.state in PENDING
            row.is_retryable = not row.is_mail_gone and row.state in (*FAILURES, "cancelled", "suppressed")

    @api.depends("reason", "smtp_code", "enhanced_status", "smtp_text", "state")
    def _compute_answer_words(self):
        for row in self:
            row.answer_words, row.answer_cure = row._explain()

    def _explain(self):
        """Return (what it means, what to do about it or "") for the answer that this recipient got."""
        reason = OutboundReason(self.reason) if self.reason else None
        if reason in OWN_WORDS:
            # What holds it says so itself: "Daily limit reached (200 of 200)".
            return said(self.env, self.smtp_text or OUTBOUND_REASON_WORDS[reason]), ""
        words = said(self.env, OUTBOUND_REASON_WORDS.get(reason, ""))
        if self.state == OutboundState.BOUNCED.value:
            words = self.env._("It came back")
        if self.state == OutboundState.SENT.value or not (self.smtp_code or self.enhanced_status):
            return words, ""
        status = explain_status(self.smtp_code, self.enhanced_status or "", self.smtp_text or "")
        if reason in SAID_BY_STATUS and self.state != OutboundState.BOUNCED.value:
            words = ""
        return ": ".join(filter(None, (words, said(self.env, status.text)))), said(self.env, status.cure)

    @api.depends("smtp_code", "enhanced_status", "phase")
    def _compute_code_text(self):
        for row in self:
            row.code_text = " ".join(filter(None, (str(row.smtp_code or ""), row.enhanced_status))) or False
            row.phase_text = PHASES.get(row.phase, row.phase)

    @api.depends("created_date", "attempt_date", "next_attempt_date", "final_date", "state", "attempts", "trace")
    def _compute_timeline_text(self):
        """One line an event, oldest first, in the time zone of whoever looks."""
        for row in self:
            events = row._timeline_events()
            # Who is tried again is queued after the last attempt.
            events = sorted((event for event in events if event[0]), key=lambda event: event[0])
            local = [(fields.Datetime.context_timestamp(row, moment), words) for moment, words in events]
            row.timeline_text = "\n".join(f"{moment:%Y-%m-%d %H:%M:%S}: {words}" for moment, words in local)

    def _attempt_words(self):
        """Return what the last attempt led to."""
        return self.answer_words

    def _decided_words(self, states):
        """Return what was decided at ``final_date``; ``states`` are the labels."""
        return states[self.state]

    def _timeline_events(self):
        """Return [(when or False, words)] of what happened, in any order."""
        states = dict(self._fields["state"]._description_selection(self.env))
        events = [(self.created_date, self.env._("Queued"))]
        if self.attempts:
            answer = self._attempt_words() or states[self.state]
            events.append(
                (self.attempt_date, self.env._("Attempt %(number)s: %(answer)s", number=self.attempts, answer=answer))
            )
        if self.final_date:
            events.append((self.final_date, self._decided_words(states)))
        elif self.next_attempt_date:
            events.append((self.next_attempt_date, self.env._("Next attempt")))
        return events

    # ------------------------------------------------------------------
    # Ways
    # ------------------------------------------------------------------

    def action_open_record(self):
        """Open the record that the mail was about.

        Raises:
            UserError: it was about none, or the record is gone.
        """
        self.ensure_one()
        if not self.res_id or self.model not in self.env or not self.env[self.model].browse(self.res_id).exists():
            raise UserError(self.env._("This email was about no record, or the record is gone."))
        return {
            "type": "ir.actions.act_window",
            "res_model": self.model,
            "res_id": self.res_id,
            "views": [(False, "form")],
        }

    def action_open_mail(self):
        """Open the email itself, for those who may see the queue."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "mail.mail",
            "res_id": self.mail_id.id,
            "views": [(False, "form")],
        }
