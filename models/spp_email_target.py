# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Where a message goes: replies and aliases as Odoo finds them, everything else as its mailbox says."""

from odoo import models

from ..engine.outcome import InboundReason, InboundSource, InboundState
from ..engine.preview import preview
from ..engine.summary import summarize


class SppEmailTarget(models.AbstractModel):
    _name = "spp.email.target"
    _description = "Target of Incoming Emails"

    def _deliver(self, mailbox, threads, inbound, content, attempt):
        """Hand a message to Odoo's routing and return (state, reason).

        Args:
            mailbox: the ``fetchmail.server``; empty when it was deleted after the message came.
            threads: ``mail.thread`` with the context of this attempt.
        """
        # A folder's own target stands before its mailbox's.
        owner = inbound.folder_id if inbound.folder_id.gateway_action else mailbox
        model, thread_id = owner.object_id.model or None, None
        if owner.gateway_action == "attach" and owner.gateway_record:
            record = owner.gateway_record.exists()
            model, thread_id = (record._name, record.id) if record else (None, None)
            if not record:
                attempt.trace.add("record that the mailbox attaches to", "deleted", "ignored")
        # As Odoo does: a program's mail is the work of the user whose password the program has.
        if inbound.source == InboundSource.RPC.value:
            threads = threads.with_user(inbound.create_uid)
        decided = attempt.target
        defaults = mailbox._gateway_default_values(attempt)
        if decided and decided.lang:
            threads = threads.with_context(lang=decided.lang)
        options = {"save_original": mailbox.original, "strip_attachments": bool(mailbox) and not mailbox.attach}
        if not mailbox:
            options.update(inbound._fallback())
            model, thread_id = options.pop("model", None), options.pop("thread_id", None)
            defaults = options.pop("custom_values", None)
        if owner.gateway_action == "server_action" and not (decided and decided.model):
            return self._run_action(mailbox, threads, inbound, content, attempt, options)
        if decided and decided.model:
            model, thread_id, defaults = decided.model, decided.record_id or None, None
        made = threads.message_process(model, content, defaults, thread_id=thread_id, **options)
        if made and attempt.creates and not attempt.records:
            # The target's message_new does not call Odoo's, where records are stamped.
            attempt.records.append((attempt.creates, made))
        return attempt.outcome()

    def _run_action(self, mailbox, threads, inbound, content, attempt, options):
        """Process replies and aliases as always, then run the server action with what was found."""
        try:
            with self.env.cr.savepoint():
                threads.message_process(None, content, **options)
        except ValueError as error:
            if getattr(error, "inbound_reason", None) is not InboundReason.NO_ROUTE:
                raise
            attempt.trace.add("replies and aliases", "no record", "the action gets the message alone")
        else:
            state, reason = attempt.outcome()
            # A report on a mail of ours is taken in, and an automatic reply attached quietly: nothing for the action.
            if state is not InboundState.DONE or attempt.fate or attempt.facts.get("is_quiet"):
                return state, reason
        summary = summarize(content)
        if not attempt.updates and not attempt.records and threads._gateway_loop_holds_action(attempt, summary):
            return attempt.outcome()
        action = mailbox.gateway_server_action_id
        stamp = self.env["spp.email.inbound.record"].search([("inbound_id", "=", inbound.id)], limit=1)
        found = attempt.updates[0] if attempt.updates else (stamp.res_model, stamp.res_id)
        if found[0]:
            inbound.write({"res_model": found[0], "res_id": found[1]})
        shown = preview(content)
        action.with_context(
            active_model=inbound._name,
            active_id=inbound.id,
            active_ids=inbound.ids,
            gateway_turns=(attempt.facts.get("turns") or 0) + 1,
            gateway_message={
                "subject": summary.subject,
                "email_from": summary.email_from,
                "email_to": summary.email_to,
                "message_id": summary.message_id,
                "text": shown.text,
                "html": shown.html,
            },
        ).run()
        attempt.trace.add("action of the mailbox", f"server action {action.id}", "run")
        return InboundState.DONE, InboundReason.ACTION_RUN
