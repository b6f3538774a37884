# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Removes what is held about one address, in transactions of its own, as far as the law lets it go."""

import time
from collections import Counter

from odoo import models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ..engine.person_address import ERASED_DOMAIN, erased_address, without_address
from .spp_email_delivery import FINAL, WAITING
from .spp_email_personal_data import ASKED_FOR, DISCARDABLE, FINISHED_STATES, TRACES

# Rows of one transaction.
BATCH = 500
# Seconds after which a person is asked whether to go on; a request that takes minutes is cut by servers on the way.
BUDGET = 30
# What of a journal row is a person's. What stays are the numbers by which its mail server's copy is known (without them
# it would be fetched again), dates, sizes, digests of the bytes, how it ended, and the link to Odoo's own record.
INBOUND_COLUMNS = (
    "subject",
    "email_from",
    "sender",
    "email_to",
    "envelope_sender",
    "original_sender",
    "message_id",
    "loop_sender",
    "loop_target",
    "loop_held_by",
    "sender_reasons",
    "detail",
    "trace",
    "decisions",
    "reports",
    "fallback",
    "route",
)
CHANGE_COLUMNS = ("record_name", "old", "new")
DELIVERY_COLUMNS = (
    "subject",
    "partner_id",
    "envelope_sender",
    "message_id",
    "remote_id",
    "remote_message_id",
    "smtp_text",
    "bounce_text",
    "trace",
)


class SppEmailPersonalData(models.AbstractModel):
    _inherit = "spp.email.personal.data"

    def _erase(self, person, *, include_waiting=False, note=None, budget=BUDGET):
        """Remove what is held about a person; return (Counter of what was removed by place, whether all is done).

        What is under legal hold stays. What waits or is in quarantine stays too, unless it is to be given up.

        Args:
            person: engine PersonAddress.
            include_waiting: discard what waits and cancel what was not sent, and remove it then.
            note: called with the Environment of each transaction and a Counter of what it removed, before it commits.
            budget: seconds.
        """
        self._require_manager()
        until = time.monotonic() + budget
        total = Counter()
        for step in self._steps(include_waiting):
            while True:
                with self._gateway_cursor() as env:
                    removed = step(self.with_env(env), person)
                    if note and removed:
                        note(env, removed)
                total.update(removed)
                if not removed:
                    break
                if time.monotonic() > until:
                    return total, False
        return total, True

    def _steps(self, include_waiting):
        """Return the functions that each remove a batch and return a Counter, empty when nothing is left to remove."""
        model = type(self)
        given_up = [model._give_up_incoming, model._give_up_outgoing] if include_waiting else []
        erasing = [model._erase_incoming, model._erase_outgoing, model._erase_suppression, model._erase_traces]
        return [*given_up, *erasing, model._erase_changes]

    # ------------------------------------------------------------------
    # What waits
    # ------------------------------------------------------------------

    def _give_up_incoming(self, person):
        domain = self._domains(person)["spp.email.inbound"] & Domain("state", "in", DISCARDABLE)
        waiting = self.env["spp.email.inbound"].search(domain & Domain("is_held", "=", False), limit=BATCH, order="id")
        # What is confidential, its team decides about.
        waiting = waiting.filtered(lambda inbound: inbound._may_see_content())
        if waiting:
            waiting.action_discard(self.env._("Request of the person concerned"))
        return +Counter(discarded=len(waiting.filtered(lambda inbound: inbound.state == "discarded")))

    def _give_up_outgoing(self, person):
        domain = self._domains(person)["spp.email.delivery"] & Domain("state", "in", WAITING)
        waiting = self.env["spp.email.delivery"].search(domain & Domain("is_held", "=", False), limit=BATCH, order="id")
        if not waiting:
            return Counter()
        try:
            waiting.action_cancel()
        except UserError:
            # They were sent, or taken up, since they were found: nothing is left to cancel.
            return Counter()
        return +Counter(cancelled=len(waiting.filtered(lambda delivery: delivery.state == "cancelled")))

    # ------------------------------------------------------------------
    # Mail
    # ------------------------------------------------------------------

    def _erase_incoming(self, person):
        domain = self._domains(person)["spp.email.inbound"] & Domain("state", "in", FINISHED_STATES)
        rows = self.env["spp.email.inbound"].search(domain & Domain("is_held", "=", False), limit=BATCH, order="id")
        return self._erase_rows_of_journal(rows.ids, "incoming")

    def _erase_rows_of_journal(self, ids, name):
        """Remove contents and what of the rows is a person's; return the Counter."""
        # As the user: a report may belong to another company than the list or the mail that leads to it.
        ids = self.env["spp.email.inbound"].search([("id", "in", ids)]).ids
        if not ids:
            return Counter()
        columns = SQL(", ").join(SQL("%s = NULL", SQL.identifier(column)) for column in INBOUND_COLUMNS)
        erased = self.env.execute_query(
            SQL(
                "UPDATE spp_email_inbound SET %s, erased_date = now() AT TIME ZONE 'UTC'"
                " WHERE id IN %s AND state IN %s AND is_held IS NOT TRUE RETURNING id, mail_message_id",
                columns,
                tuple(ids),
                FINISHED_STATES,
            )
        )
        erased_ids = tuple(row for row, _message_id in erased) or (0,)
        # Of a report that is of no message of the person's.
        is_hers = name == "incoming"
        relayed = self._erase_relayed([message_id for _row, message_id in erased if message_id and is_hers])
        contents = self.env.execute_query(
            SQL("DELETE FROM spp_email_content WHERE inbound_id IN %s RETURNING id", erased_ids)
        )
        notices = self.env.execute_query(
            SQL("DELETE FROM spp_email_notice WHERE inbound_id IN %s RETURNING id", erased_ids)
        )
        self._note_audit("spp.email.inbound", erased_ids if erased else ())
        self.env.invalidate_all(flush=False)
        return +Counter({name: len(erased), "content": len(contents), "notice": len(notices), "relayed": relayed})

    def _erase_relayed(self, message_ids):
        """Remove what followers were sent of a person's messages: the copies, and her words in their deliveries.

        Args:
            message_ids: of the messages that became of hers.

        Returns:
            int: number of copies that were removed.
        """
        copies = self.env["spp.email.sent.content"].search([("mail_message_id", "in", message_ids)])
        deliveries = self.env["spp.email.delivery"].search(
            [("mail_message_id", "in", message_ids), ("state", "in", FINAL), ("is_held", "=", False)]
        )
        if deliveries:
            self.env.execute_query(
                SQL(
                    "UPDATE spp_email_delivery SET subject = NULL, email_from = NULL WHERE id IN %s RETURNING id",
                    deliveries._ids,
                )
            )
        return self._erase_copies(copies.ids)

    def _erase_copies(self, content_ids):
        """Remove emails as sent, but none under legal hold; return how many."""
        if not content_ids:
            return 0
        removed = self.env.execute_query(
            SQL(
                """
                DELETE FROM spp_email_sent_content
                 WHERE id IN %s
                   AND NOT EXISTS (SELECT 1 FROM spp_email_sent_content_delivery_rel AS rel
                                     JOIN spp_email_delivery AS other ON other.id = rel.delivery_id
                                    WHERE rel.content_id = spp_email_sent_content.id AND other.is_held IS TRUE)
                RETURNING id
                """,
                tuple(content_ids),
            )
        )
        return len(removed)

    def _erase_outgoing(self, person):
        domain = self._domains(person)["spp.email.delivery"] & Domain("state", "in", FINAL)
        rows = self.env["spp.email.delivery"].search(domain & Domain("is_held", "=", False), limit=BATCH, order="id")
        if not rows:
            return Counter()
        self.env.flush_all()
        # Reports on this mail name the person and quote the mail.
        reports = self._erase_rows_of_journal(rows.report_id.ids, "report")
        copies = self.env.execute_query(
            SQL("SELECT content_id FROM spp_email_sent_content_delivery_rel WHERE delivery_id IN %s", rows._ids)
        )
        sent = self._erase_copies([content_id for (content_id,) in copies])
        columns = SQL(", ").join(SQL("%s = NULL", SQL.identifier(column)) for column in DELIVERY_COLUMNS)
        erased = self.env.execute_query(
            SQL(
                "UPDATE spp_email_delivery SET recipient = 'erased-' || id || %s, %s,"
                " erased_date = now() AT TIME ZONE 'UTC'"
                " WHERE id IN %s AND state IN %s AND is_held IS NOT TRUE RETURNING id",
                f"@{ERASED_DOMAIN}",
                columns,
                rows._ids,
                FINAL,
            )
        )
        self._note_audit("spp.email.delivery", [row for (row,) in erased])
        self.env.invalidate_all(flush=False)
        return +(reports + Counter({"delivery": len(erased), "sent": sent}))

    def _note_audit(self, model, ids):
        """Note in the audit trail that a person had these messages erased."""
        if ids:
            # A support package may hold any of them, also one about another message; it is quickly made again.
            self.env.execute_query(
                SQL(
                    "UPDATE spp_email_package SET archive = NULL, archive_name = NULL"
                    " WHERE archive IS NOT NULL RETURNING id"
                )
            )
            self.env["spp.email.audit"]._note("erased", self.env[model].browse(ids))

    # ------------------------------------------------------------------
    # Lists
    # ------------------------------------------------------------------

    def _erase_suppression(self, person):
        """Remove entries; of who asked not to be written to a digest stays, by which she is known again."""
        domain = self._domains(person)["spp.email.suppression"] & Domain("address", "not =like", "erased:%")
        found = self._place("spp.email.suppression").search(domain, limit=BATCH, order="id")
        # sudo: the list is the system's; the right to erase was checked, and the rows were found as the user.
        rows = found.sudo()  # nosemgrep
        asked = rows.filtered(lambda row: row.active and row.reason in ASKED_FOR)
        reports = self._erase_rows_of_journal(rows.inbound_id.ids, "report")
        (rows - asked).unlink()
        for row in asked:
            digest = erased_address(row.address)
            if row._row(row.company_id.id, digest):
                row.unlink()
                continue
            row.event_ids.unlink()
            row.env.flush_all()
            row.env.execute_query(
                SQL(
                    "UPDATE spp_email_suppression SET address = %s, note = NULL, remote_text = NULL,"
                    " removal_note = NULL, delivery_id = NULL, inbound_id = NULL WHERE id = %s RETURNING id",
                    digest,
                    row.id,
                )
            )
        self.env.invalidate_all(flush=False)
        return +(reports + Counter({"suppression": len(found) - len(asked), "digest": len(asked)}))

    def _erase_traces(self, person):
        domains = self._domains(person)
        removed = Counter()
        for name, place in TRACES:
            found = self._place(place).search(domains[place], limit=BATCH, order="id")
            removed[name] = len(found)
            # sudo: nobody writes on these; the right to erase was checked, and the rows were found as the user.
            found.sudo().unlink()  # nosemgrep
        return +removed

    def _erase_changes(self, person):
        """Take the address out of kept changes of settings: who changed what, and when, stays."""
        changes = self.env["spp.email.change"]
        found = changes.search(self._domains(person)["spp.email.change"], limit=BATCH, order="id")
        removed = 0
        for change in found:
            texts = [without_address(change[name] or "", person) or None for name in CHANGE_COLUMNS]
            if texts == [change[name] or None for name in CHANGE_COLUMNS]:
                # PostgreSQL holds more letters for alike: nothing of it is the address.
                continue
            removed += 1
            # Past the rows' own refusal: nobody alters them but for the person whose address it is.
            self.env.execute_query(
                SQL(
                    "UPDATE spp_email_change SET record_name = %s, old = %s, new = %s WHERE id = %s RETURNING id",
                    *texts,
                    change.id,
                )
            )
        changes.invalidate_model(flush=False)
        return +Counter(change=removed)
