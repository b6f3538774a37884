# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What reports say of a delivery after a server took it: came back, complained about, delayed, arrived, read."""

from odoo import api, fields, models

from ..engine.bounce_cure import explain_bounce
from ..engine.bounce_reason import BOUNCE_REASON_WORDS, BounceReason
from ..engine.outcome import OUTBOUND_REASON_WORDS, OutboundReason, OutboundState, selection
from ..engine.report import CONSEQUENCE_WORDS, Consequence, server_words, status_words
from ..engine.storable import storable
from .engine_text import said
from .spp_email_delivery_decision import MOST_STEPS

REPORTED = (OutboundReason.SENT_BACK.value, OutboundReason.COMPLAINT.value)
DATES = {
    Consequence.DELAY: "delayed_date",
    Consequence.ARRIVED: "arrived_date",
    Consequence.READ: "read_date",
}


class SppEmailDelivery(models.Model):
    _inherit = "spp.email.delivery"

    bounce_reason = fields.Selection(
        selection(BOUNCE_REASON_WORDS), string="Why It Came Back", readonly=True, help="Of the last report."
    )
    bounced_date = fields.Datetime("Came Back", readonly=True, help="When the report or complaint was taken in.")
    bounce_text = fields.Text("Report", readonly=True, help="The words of the server that sent it back.")
    delayed_date = fields.Datetime("Delayed", readonly=True, help="When a server first reported that it still tries.")
    arrived_date = fields.Datetime("Arrived", readonly=True, help="When the recipient's server reported its arrival.")
    read_date = fields.Datetime("Read", readonly=True, help="When the recipient sent a read receipt.")
    report_id = fields.Many2one(
        "spp.email.inbound", string="Last Report", readonly=True, ondelete="set null", index="btree_not_null"
    )

    def _note_report(self, report, outcome, inbound_id, why):
        """Write what a report says of this delivery.

        Args:
            report: the engine's RecipientReport.
            outcome: its Consequence for this row.
            inbound_id: journal row of the report.
            why: how it was found to be about this delivery.
        """
        self.ensure_one()
        now = fields.Datetime.now()
        values = {"trace": [*(self.trace or []), *self._report_steps(report, outcome, inbound_id, why)][-MOST_STEPS:]}
        if outcome in DATES:
            name = DATES[outcome]
            values[name] = self[name] or now
        if outcome in (Consequence.HARD, Consequence.SOFT):
            state = OutboundState.BOUNCED if outcome is Consequence.HARD else OutboundState.FAILED
            text = storable(server_words(report))
            values.update(
                state=state.value,
                reason=OutboundReason.SENT_BACK.value,
                bounce_reason=report.reason.value,
                bounce_text=text,
                # In the place of the answer of our own server, which took it: that stands in the steps.
                smtp_code=report.code,
                enhanced_status=storable(report.status, 20),
                smtp_text=text,
                phase=False,
                next_attempt_date=False,
                final_date=self.final_date or now,
                is_settled=False,
            )
        if outcome is Consequence.COMPLAINT:
            # It arrived: it did not fail.
            values.update(reason=OutboundReason.COMPLAINT.value, bounce_reason=BounceReason.COMPLAINT.value)
        if outcome in (Consequence.HARD, Consequence.SOFT, Consequence.COMPLAINT):
            values["bounced_date"] = now
        if outcome is not Consequence.KNOWN:
            values["report_id"] = inbound_id
        self.write(values)

    def _report_steps(self, report, outcome, inbound_id, why):
        before = " ".join(filter(None, (str(self.smtp_code or ""), self.enhanced_status, self.smtp_text)))
        steps = []
        if outcome in (Consequence.HARD, Consequence.SOFT) and before:
            steps.append(("answer of our server", before, "it took the message"))
        server = f"{report.remote_server}: " if report.remote_server else ""
        found = f"{BOUNCE_REASON_WORDS[report.reason]}. {server}{status_words(report)}".strip()
        when = f"{fields.Datetime.now():%Y-%m-%d %H:%M:%S} UTC"
        steps.append((f"report, incoming email {inbound_id}, {when}", found, f"{CONSEQUENCE_WORDS[outcome]} ({why})"))
        return [
            {"looked_at": storable(looked_at), "found": storable(found), "followed": storable(followed)}
            for looked_at, found, followed in steps
        ]

    def _show_came_back(self):
        """Let the mails, and their notifications with the red envelopes, follow these rows."""
        # A mail that waits is with the queue, which writes both once it is decided.
        decided = self.mail_id.filtered(lambda mail: mail.state != "outgoing")
        decided._gateway_follow()
        gone = self.filtered(lambda row: not row.mail_id and row.mail_message_id)
        # sudo: notifications of whoever got it.
        notifications = self.env["mail.notification"].sudo().search(  # nosemgrep
            [("mail_message_id", "in", gone.mail_message_id.ids), ("notification_type", "=", "email")]
        )
        changed = notifications.browse()
        for notification in notifications:
            mine = gone.filtered(lambda row, one=notification: row.mail_message_id == one.mail_message_id)
            if notification._gateway_follow_rows(notification._gateway_rows_among(mine)):
                changed |= notification
        messages = changed.mail_message_id.filtered(lambda message: message._is_thread_message())
        messages._notify_message_notification_update()

    def _retry(self):
        changed = super()._retry()
        # Sent again, it did not come back.
        changed.sudo().write({"bounce_reason": False})  # nosemgrep: the row was just written in the same way
        return changed

    # ------------------------------------------------------------------
    # What people see
    # ------------------------------------------------------------------

    @api.depends("bounce_reason")
    def _compute_answer_words(self):
        return super()._compute_answer_words()

    def _explain(self):
        if self.reason not in REPORTED:
            return super()._explain()
        reason = BounceReason(self.bounce_reason or BounceReason.UNDEFINED)
        words = explain_bounce(reason, self.smtp_code, self.enhanced_status or "", self.smtp_text or "")
        if self.reason == OutboundReason.COMPLAINT.value:
            return said(self.env, words.text), said(self.env, words.cure)
        return f"{self.env._('It came back')}: {said(self.env, words.text)}", said(self.env, words.cure)

    @api.depends("bounced_date", "delayed_date", "arrived_date", "read_date")
    def _compute_timeline_text(self):
        return super()._compute_timeline_text()

    def _attempt_words(self):
        if self.reason in REPORTED:
            # That came later; the server took it then.
            return said(self.env, OUTBOUND_REASON_WORDS[OutboundReason.ACCEPTED])
        return super()._attempt_words()

    def _decided_words(self, states):
        if self.reason in REPORTED:
            return states[OutboundState.SENT.value]
        return super()._decided_words(states)

    def _timeline_events(self):
        labels = {name: self._fields[name]._description_string(self.env) for name in DATES.values()}
        events = super()._timeline_events() + [(self[name], label) for name, label in labels.items()]
        came_back = self.answer_words if self.reason in REPORTED else self.env._("It came back")
        return [*events, (self.bounced_date, came_back)]

    def action_open_report(self):
        """Open the report in the journal."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "spp.email.inbound",
            "res_id": self.report_id.id,
            "views": [(False, "form")],
        }
