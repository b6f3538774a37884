# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Gathers what all tables tell of one message, as the user who asks."""

from dataclasses import dataclass, replace

from odoo import models
from odoo.fields import Domain

from ..engine.audit_action import AUDIT_ACTION_WORDS, AuditAction
from ..engine.outcome import InboundState, OutboundState
from ..engine.timeline import TimelineEntry, moment_of, timeline
from .engine_text import said
from .res_users_roles import OFFICER
from .spp_email_delivery import NOT_REACHED

# A message to a thousand followers is told by some of them.
MOST_RELATED = 50
FINAL_STATES = (
    InboundState.DONE.value,
    InboundState.DUPLICATE.value,
    InboundState.DISCARDED.value,
    InboundState.QUARANTINED.value,
)


@dataclass
class Related:
    """Rows about one message."""

    inbound: models.BaseModel
    delivery: models.BaseModel
    mail: models.BaseModel
    message: models.BaseModel
    suppression: models.BaseModel


class SppEmailTimeline(models.AbstractModel):
    _name = "spp.email.timeline"
    _description = "Timeline of an Email"

    def _of(self, record):
        """Return the engine's TimelineEntry of all rows about the message that ``record`` is about, in order.

        Args:
            record: one journal row, delivery, mail, message or entry of the suppression list that the user may read.
        """
        record.ensure_one().check_access("read")
        related = self._related(record)
        entries = []
        for message in related.message:
            entries += self._message_entries(message)
        for inbound in related.inbound:
            entries += self._inbound_entries(inbound)
        for mail in related.mail:
            entries += self._mail_entries(mail)
        for delivery in related.delivery:
            entries += self._delivery_entries(delivery)
        for suppression in related.suppression:
            entries += self._suppression_entries(suppression)
        entries += self._audit_entries(related)
        return timeline(entries)

    # ------------------------------------------------------------------
    # Which rows
    # ------------------------------------------------------------------

    def _related(self, record):
        """Return the Related of a record: by Message-ID, chatter message, mail and report, each by its index."""
        found = Related(*(self._seen(model, record) for model in (
            "spp.email.inbound", "spp.email.delivery", "mail.mail", "mail.message", "spp.email.suppression"
        )))  # fmt: skip
        for _round in range(2):
            self._add_by_message_id(found)
            self._add_by_reference(found)
        addresses = [address.lower() for address in found.delivery.mapped("recipient") if address]
        if addresses and self._may("spp.email.suppression"):
            listed = found.suppression.with_context(active_test=False)
            found.suppression |= listed.search([("address", "in", addresses)], limit=MOST_RELATED)
        return found

    def _may(self, model):
        return self.env[model].has_access("read")

    def _seen(self, model, record):
        return record if record._name == model else self.env[model]

    def _search(self, model, domain):
        rows = self.env[model]
        return rows.search(domain, order="id desc", limit=MOST_RELATED) if self._may(model) else rows

    def _add_by_message_id(self, found):
        names = {*found.inbound.mapped("message_id"), *found.delivery.mapped("message_id")}
        names |= {*found.message.mapped("message_id"), *found.mail.mapped("message_id")}
        names = [name for name in names if name]
        if not names:
            return
        domain = [("message_id", "in", names)]
        found.inbound |= self._search("spp.email.inbound", domain)
        found.delivery |= self._search("spp.email.delivery", domain)
        found.message |= self.env["mail.message"].search(domain, limit=MOST_RELATED)

    def _add_by_reference(self, found):
        # What the user may not see is left out by each search.
        messages = found.inbound.mail_message_id | found.inbound.duplicate_message_id | found.delivery.mail_message_id
        found.message |= messages.search([("id", "in", messages.ids)], limit=MOST_RELATED)
        domain = Domain("report_id", "in", found.inbound.ids) | Domain("mail_message_id", "in", found.message.ids)
        if self._may("mail.mail"):
            found.mail |= found.mail.search([("id", "in", found.delivery.mail_id.ids)])
            found.mail |= found.mail.search([("mail_message_id", "in", found.message.ids)], limit=MOST_RELATED)
            domain |= Domain("mail_id", "in", found.mail.ids)
        found.delivery |= self._search("spp.email.delivery", domain)
        found.inbound |= self._search("spp.email.inbound", [("id", "in", found.delivery.report_id.ids)])

    # ------------------------------------------------------------------
    # What they tell
    # ------------------------------------------------------------------

    def _inbound_entries(self, row):
        def entry(moment, words, **values):
            return TimelineEntry(moment or None, row._name, row.id, words, **values)

        columns = ("source", "state", "reason")
        labels = {name: dict(row._fields[name]._description_selection(self.env)) for name in columns}
        way = labels["source"].get(row.source)
        arrived = self.env._("Arrived (%s), and was kept in the journal", way) if way else self.env._("Arrived")
        entries = [entry(row.received_date, arrived)]
        if row.acknowledged_date:
            entries.append(entry(row.acknowledged_date, self.env._("The mail server was told that it is taken")))
        for step in row.decisions or ():
            entries.append(entry(moment_of(step.get("found")), step.get("followed") or ""))
        state = ": ".join(filter(None, (labels["state"][row.state], labels["reason"].get(row.reason))))
        is_problem = row.state == InboundState.QUARANTINED.value
        entries.append(entry(row.write_date if row.state in FINAL_STATES else None, state, is_problem=is_problem))
        if row.next_attempt_date and row.state == InboundState.RETRY.value:
            entries.append(entry(row.next_attempt_date, self.env._("Next attempt"), is_ahead=True))
        for made in row.record_ids:
            words = self.env._("Made the record %s") if made.is_created else self.env._("Reached the record %s")
            entries.append(entry(row.write_date, words % f"{made.res_model} {made.res_id}"))
        if row.filed_date:
            entries.append(entry(row.filed_date, self.env._("Moved on the server to the folder for what failed")))
        if row.erased_date:
            entries.append(entry(row.erased_date, self.env._("Erased for a request of the person concerned")))
        return entries

    def _delivery_entries(self, row):
        entries = []
        for moment, words in row._timeline_events():
            if moment and words:
                ahead = bool(row.next_attempt_date and moment == row.next_attempt_date and not row.final_date)
                entries.append(TimelineEntry(moment, row._name, row.id, words, is_ahead=ahead))
        if row.state in NOT_REACHED and not row.is_settled and entries:
            last = max(range(len(entries)), key=lambda number: (entries[number].moment, number))
            words = entries[last].words
            if row.answer_cure:
                words = f"{words.rstrip('.')}. {row.answer_cure}"
            entries[last] = replace(entries[last], words=words, is_problem=True)
        elif row.state == OutboundState.QUEUED.value:
            entries.append(TimelineEntry(None, row._name, row.id, self.env._("Waits for its turn"), is_ahead=True))
        return entries

    def _mail_entries(self, mail):
        states = dict(mail._fields["state"]._description_selection(self.env))
        entries = [TimelineEntry(mail.create_date, mail._name, mail.id, self.env._("The email was put into the queue"))]
        if mail.state != "sent":
            words = f"{states[mail.state]} {mail.failure_reason or ''}".strip()
            entries.append(
                TimelineEntry(None, mail._name, mail.id, words, mail.state == "exception", mail.state == "outgoing")
            )
        return entries

    def _message_entries(self, message):
        if message.model and message.res_id:
            words = self.env._("Posted on the record %s", f"{message.model} {message.res_id}")
        else:
            words = self.env._("Written")
        # Its own date is what a sender says in the header.
        return [TimelineEntry(message.create_date, message._name, message.id, words)]

    def _suppression_entries(self, row):
        words = said(self.env, row.words) or self.env._("Suppressed")
        entries = [TimelineEntry(row.entered_date, row._name, row.id, words, bool(row.active))]
        if row.removed_date:
            entries.append(TimelineEntry(row.removed_date, row._name, row.id, self.env._("Taken off the list")))
        return entries

    def _audit_entries(self, related):
        """Who opened it and decided about it, for officers."""
        if not self.env.user.has_group(OFFICER) and not self.env.su:
            return []
        entries = []
        for records in (related.inbound, related.delivery, related.mail):
            if not records:
                continue
            domain = [("model", "=", records._name), ("res_id", "in", records.ids)]
            for act in self.env["spp.email.audit"].search(domain, limit=MOST_RELATED):
                who = act.who
                if self.env.context.get("gateway_masked") and act.user_id:
                    who = f"user {act.user_id.id}"
                words = f"{said(self.env, AUDIT_ACTION_WORDS[AuditAction(act.action)])}: {who}"
                entries.append(TimelineEntry(act.date, act.model, act.res_id, words))
        return entries
