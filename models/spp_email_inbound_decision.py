# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What people decide about messages: every decision goes through one door, and is remembered."""

import time

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..engine.audit_action import AuditAction
from ..engine.outcome import INBOUND_REASON_WORDS, InboundReason, InboundState
from ..engine.storable import storable
from ..engine.target import Target
from ..engine.trace import TraceStep
from .engine_text import EngineChar

# States in which a message waits for somebody; in the others it is in work, or its end is reached.
WAITING = (InboundState.QUARANTINED.value, InboundState.RETRY.value)
# Changing a row that a worker has in work would undo its work.
NOT_IN_WORK = tuple(state.value for state in InboundState if state is not InboundState.PROCESSING)
# A person who decides waits no longer than this; the rest follows in the background.
PROCESS_NOW_SECONDS = 30
CLAIM_LOOKS, CLAIM_PAUSE_SECONDS = 5, 0.1
# Decisions kept with a message: a person who tries again and again fills no table.
MOST_DECISIONS = 100


class SppEmailInbound(models.Model):
    _inherit = "spp.email.inbound"

    route_text = EngineChar("Decided Destination", compute="_compute_route_text")
    attachment_note = fields.Char(compute="_compute_attachment_note")

    @api.depends("route")
    def _compute_route_text(self):
        for inbound in self:
            target = Target.from_json(inbound.route)
            if not target or not target.model:
                inbound.route_text = False
            elif target.record_id:
                inbound.route_text = f"{target.model}, {target.record_id}"
            else:
                inbound.route_text = self.env._("a new %s", target.model)

    @api.depends("mail_message_id")
    def _compute_attachment_note(self):
        """Say where the virus scan of the record's attachments stands, where OpenSPP has one.

        The journal itself opens no attachment: it shows names, and hands out the message as a whole.
        """
        has_scan = "scan_status" in self.env["ir.attachment"]._fields
        for inbound in self:
            inbound.attachment_note = False
            if not has_scan or not inbound.mail_message_id:
                continue
            # sudo: counted only.
            attachments = inbound.mail_message_id.sudo().attachment_ids  # nosemgrep
            unsafe = attachments.filtered(lambda attachment: attachment.scan_status not in ("clean", "skipped"))
            if unsafe:
                inbound.attachment_note = self.env._(
                    "%s attachments are not known to be clean yet: do not open them, and not the .eml file either.",
                    len(unsafe),
                )

    # ------------------------------------------------------------------
    # The door
    # ------------------------------------------------------------------

    def _check_may_decide(self):
        """Nobody may write on the journal: a message is not rewritten. Officers decide what becomes of it.

        Raises:
            AccessError: the user is no officer, or may not see all of these messages.
        """
        self.check_access("read")
        if not self.env.user.has_group("spp_email_gateway.group_email_gateway_officer"):
            raise AccessError(self.env._("Only officers of the email gateway decide what becomes of a message."))

    def _decide(self, what, values, states=WAITING, *, action=AuditAction.DECIDED, detail=""):
        """Write ``values`` on those messages that still wait, note who did it, and return them.

        The rows are locked first and their state is read under the lock. Of two people who decide at once the second
        finds nothing left; a message that a worker has in work is left alone.

        Args:
            what: the decision in words, for the trace.
            values: of the fields; what depends on the message is given as a function of it.
            states: in which a message may be decided on.
            action: what the audit trail calls it.
            detail: for the trail, without personal data.

        Raises:
            AccessError: see _check_may_decide.
        """
        self._check_may_decide()
        # sudo: the columns are readonly for everybody; the right to decide was checked above.
        locked = self.sudo().try_lock_for_update(allow_referencing=True)  # nosemgrep
        # What the cache holds may be older than the lock.
        locked.invalidate_recordset()
        decided = locked.filtered(lambda inbound: inbound.state in states)
        for inbound in decided:
            step = inbound._decision_step(self.env.user, what)
            inbound.write(
                {
                    **{name: value(inbound) if callable(value) else value for name, value in values.items()},
                    "decisions": [*(inbound.decisions or []), step][-MOST_DECISIONS:],
                }
            )
        self.env["spp.email.audit"]._note(action, decided, detail)
        return decided.with_env(self.env)

    def _decide_all(self, what, values, states=WAITING, **noted):
        """Like _decide, but refuse when nothing is left to decide on.

        Raises:
            UserError: all of these messages are in work, or were decided on by somebody else.
        """
        decided = self._decide(what, values, states, **noted)
        if not decided:
            raise UserError(
                self.env._(
                    "Nothing was changed: somebody else has just decided about this message, or it is being "
                    "processed. Reload the page to see what became of it."
                )
            )
        return decided

    def _decision_step(self, user, what):
        """Return the step that remembers a decision of ``user`` about this message, as the trace keeps steps."""
        reason = INBOUND_REASON_WORDS[InboundReason(self.reason)] if self.reason else self.env._("no reason")
        step = TraceStep(
            "decided by",
            f"user {user.id} ({user.name}), {fields.Datetime.now():%Y-%m-%d %H:%M:%S} UTC",
            self.env._("%(what)s (before: %(state)s, %(reason)s)", what=what, state=self.state, reason=reason),
        )
        return {"looked_at": step.looked_at, "found": storable(step.found), "followed": storable(step.followed)}

    # ------------------------------------------------------------------
    # Processing at once
    # ------------------------------------------------------------------

    def _send_on(self, what, target=None, before=None, values=None, *, action=AuditAction.DECIDED, detail=""):
        """Put messages back into work with ``target``, committed, and process them at once; return those decided.

        A worker sees only what is committed, so the decision has a transaction of its own. It reads what others
        committed just now, which the snapshot of the person's request does not.

        Args:
            target: engine.target.Target, None to leave the routing to replies, aliases and the mailbox.
            before: called with the Environment of that transaction, for what must be there with the decision.
            values: further values of the journal row.
            action, detail: see _decide.
        """
        with self._gateway_cursor(read_committed=True) as env:
            decided = self.with_env(env)._decide_all(
                what,
                {
                    "state": InboundState.RECEIVED.value,
                    "route": target.as_json() if target else None,
                    "next_attempt_date": False,
                    "starts": 0,
                    "attempts": 0,
                    **(values or {}),
                },
                action=action,
                detail=detail,
            )
            if before:
                before(env)
            ids = decided.ids
        # sudo: processing is the system's work, as it is for the job; the right to decide was checked above. Nothing
        # of a person's context may reach the records that are made.
        lane = self.env(context={})["spp.email.lane"].sudo()  # nosemgrep
        for _look in range(CLAIM_LOOKS):
            lane._process_due(PROCESS_NOW_SECONDS, inbound_ids=ids)
            if not self._are_left(ids):
                break
            # Somebody who decided a moment too late looks at the row under a lock, and a claim passes locked rows by.
            time.sleep(CLAIM_PAUSE_SECONDS)
        # What the budget left over.
        self.env.ref("spp_email_gateway.ir_cron_process_inbound").sudo()._trigger()  # nosemgrep: starting work, no data
        return self.browse(ids)

    def _are_left(self, ids):
        with self._gateway_cursor() as env:
            return bool(env[self._name].search_count([("id", "in", ids), ("state", "=", "received")], limit=1))

    def _show_outcome(self):
        """Return the action that shows what became of messages sent on: the record, or words."""
        with self._gateway_cursor() as env:
            rows = self.with_env(env)
            done = rows.filtered(lambda inbound: inbound.state == InboundState.DONE.value)
            if len(rows) == 1 and done.res_model in env:
                record = env[done.res_model].browse(done.res_id).exists()
                if record and record.has_access("read"):
                    return done.action_open_record()
            return self._outcome_notification(rows, done)

    def _outcome_notification(self, rows, done):
        open_rows = rows - done
        lines = [self.env._("%s messages were processed.", len(done))] if done else []
        for state, reason in {(inbound.state, inbound.reason) for inbound in open_rows}:
            same = open_rows.filtered(lambda inbound, key=(state, reason): (inbound.state, inbound.reason) == key)
            words = INBOUND_REASON_WORDS[InboundReason(reason)] if reason else self.env._("It follows in a moment")
            lines.append(f"{len(same)} × {words}")
        detail = open_rows.detail if len(open_rows) == 1 else ""
        return self._notification("warning" if open_rows else "success", "\n".join([*lines, detail or ""]).strip())

    def _notification(self, kind, text):
        """Return the action that tells ``text`` and closes the dialog; the view behind it reads its data anew."""
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": kind,
                "message": text,
                "sticky": kind == "warning",
                "className": "o_spp_email_lines",
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    # ------------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------------

    def action_retry(self):
        """Put messages back into work, at once. What is done, discarded or in work is left alone."""
        decided = self._decide(
            self.env._("Retry"),
            {"state": "received", "next_attempt_date": False, "starts": 0, "attempts": 0},
            action=AuditAction.RETRIED,
        )
        if not decided:
            raise UserError(self.env._("Only quarantined or waiting messages can be tried again."))
        self.env.ref("spp_email_gateway.ir_cron_process_inbound").sudo()._trigger()  # nosemgrep: starting work, no data
        return True

    def action_discard(self, why=""):
        """Take messages out of work for good. Their bytes stay in the journal.

        Args:
            why: the person's words, kept with the message.
        """
        values = {"state": "discarded", "reason": InboundReason.BY_HAND.value}
        if why:
            values["detail"] = lambda inbound: storable("\n".join(filter(None, (why, inbound.detail))))
        self._decide(self.env._("Discard"), values, (*WAITING, "received"), action=AuditAction.DISCARDED)
        return True

    def action_hold(self):
        """Keep messages from being removed, whatever the rules of retention say."""
        self._decide(self.env._("Legal hold"), {"is_held": True}, NOT_IN_WORK, action=AuditAction.HELD)
        return True

    def action_release(self):
        """Let the rules of retention apply again."""
        what = self.env._("End of the legal hold")
        self._decide(what, {"is_held": False}, NOT_IN_WORK, action=AuditAction.HOLD_ENDED)
        return True

    def _open_wizard(self, model, title):
        self._check_may_decide()
        return {
            "type": "ir.actions.act_window",
            "name": title,
            "res_model": model,
            "views": [(False, "form")],
            "target": "new",
            "context": {"default_inbound_ids": self.ids},
        }

    def action_ask_route(self):
        return self._open_wizard("spp.email.inbound.route", self.env._("Route to a Model"))

    def action_ask_attach(self):
        return self._open_wizard("spp.email.inbound.attach", self.env._("Attach to a Record"))

    def action_ask_alias(self):
        return self._open_wizard("spp.email.inbound.alias", self.env._("Create an Alias and Replay"))

    def action_ask_answer(self):
        return self._open_wizard("spp.email.inbound.answer", self.env._("Answer the Sender"))

    def action_ask_discard(self):
        return self._open_wizard("spp.email.inbound.discard", self.env._("Discard"))

    def action_open_record(self):
        """Open the record that the message made or reached."""
        self.ensure_one()
        if not self.res_model or self.res_model not in self.env:
            raise UserError(self.env._("This message made no record."))
        return {
            "type": "ir.actions.act_window",
            "res_model": self.res_model,
            "res_id": self.res_id,
            "views": [(False, "form")],
        }

    def action_download(self):
        """Download the message as received, byte for byte."""
        self.ensure_one()
        return {"type": "ir.actions.act_url", "url": f"/spp_email_gateway/inbound/{self.id}/eml", "target": "download"}
