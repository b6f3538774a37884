# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Gives out what is held about one address."""

from collections import Counter

from odoo import models
from odoo.exceptions import AccessError
from odoo.fields import Domain

from ..engine.personal_archive import personal_archive
from .spp_email_personal_data import TRACES

# A part is made in memory: octets of messages, and rows.
PART_BYTES = 64 * 1024 * 1024
PART_ROWS = 2000
COLUMNS = {
    "spp.email.inbound": (
        "received_date", "message_id", "subject", "email_from", "email_to", "envelope_sender", "envelope_recipient",
        "original_sender", "size", "state", "reason", "detail", "kind", "reports", "res_model", "res_id", "trace",
    ),
    "spp.email.delivery": (
        "created_date", "final_date", "recipient", "subject", "email_from", "message_id", "state", "reason",
        "enhanced_status", "smtp_text", "bounce_text", "arrived_date", "read_date", "model", "res_id", "trace",
    ),
    "spp.email.suppression": (
        "address", "reason", "reach", "source", "entered_date", "last_date", "report_count", "expiry_date", "note",
        "remote_text", "active", "removed_date", "removal_note",
    ),
    "spp.email.suppression.count": ("address", "day", "count"),
    "spp.email.loop.breaker": ("who", "words", "since_date", "until_date"),
    "spp.email.notice": ("notice_type", "create_date"),
    "spp.email.recipient.entry": ("kind", "entry", "note"),
    # Others are named in the text.
    "spp.email.transcript": ("protocol", "date"),
    # The values name others as well.
    "spp.email.change": ("date", "model", "field", "kind"),
    "spp.email.reconciliation.line": ("email_from", "subject", "message_id"),
}  # fmt: skip


class SppEmailPersonalData(models.AbstractModel):
    _inherit = "spp.email.personal.data"

    def _export(self, person, after=None):
        """Return (ZIP file, Counter of what is in it, where the next part begins or None).

        Args:
            person: engine PersonAddress.
            after: where this part begins, as the call before gave it back; None for the first one.
        """
        self._require_manager()
        after = after or {"inbound": 0, "sent": 0, "part": 1}
        domains = self._domains(person)
        counts, tables = Counter(), {}
        messages, next_inbound = self._incoming_messages(domains["spp.email.inbound"], after["inbound"], tables, counts)
        next_sent = after["sent"]
        if next_inbound is None:
            sent, next_sent = self._sent_messages(domains["spp.email.delivery"], after["sent"], tables, counts)
            messages += sent
        if after["part"] == 1:
            self._export_lists(domains, tables, counts)
        more = None
        if next_inbound is not None or next_sent is not None:
            # Past the last one: what is read first in the next part begins there.
            done = 2**31 - 1
            more = {
                "inbound": done if next_inbound is None else next_inbound,
                "sent": done if next_sent is None else next_sent,
                "part": after["part"] + 1,
            }
        about = {
            "what": self.env._("What the email gateway holds about one address"),
            "address": person.address,
            "part": after["part"],
            "has_more_parts": bool(more),
            "not_here": self.env._(
                "Odoo's own records (contacts, messages of records, users), which its Privacy Lookup finds, and "
                "messages of other people that name the address."
            ),
        }
        return personal_archive(tables, messages, about), counts, more

    def _incoming_messages(self, domain, after, tables, counts):
        """Return (messages, id after which the next part begins or None), and fill the table."""
        rows = self.env["spp.email.inbound"].search(domain & Domain("id", ">", after), limit=PART_ROWS, order="id")
        taken, messages, size = rows.browse(), [], 0
        for row in rows:
            if taken and size + row.size > PART_BYTES:
                break
            taken |= row
            content = self._readable_content(row)
            if content is not None:
                size += len(content)
                messages.append((f"received/{row.id}", content))
        tables["received"] = [_values(row, "spp.email.inbound") for row in taken]
        counts.update(incoming=len(taken), content=len(messages))
        if taken:
            self.env["spp.email.audit"]._note("exported", taken)
        is_last = len(taken) == len(rows) and len(rows) < PART_ROWS
        return messages, None if is_last else taken[-1:].id

    def _readable_content(self, inbound):
        """Return the bytes, None where they are gone or this manager is not one of those who may read them."""
        try:
            inbound._require_content()
        except AccessError:
            return None
        return self.env["spp.email.content"]._load(inbound.id)

    def _sent_messages(self, domain, after, tables, counts):
        rows = self.env["spp.email.delivery"].search(domain & Domain("id", ">", after), limit=PART_ROWS, order="id")
        taken, messages, size, seen = rows.browse(), [], 0, set()
        for row in rows:
            if taken and size > PART_BYTES:
                break
            taken |= row
            for content in row.sent_content_ids:
                data = None if content.id in seen else content._load()
                seen.add(content.id)
                if data is not None:
                    size += len(data)
                    messages.append((f"sent/{content.id}", data))
        tables["sent"] = [_values(row, "spp.email.delivery") for row in taken]
        if taken:
            self.env["spp.email.audit"]._note("exported", taken)
        counts.update(delivery=len(taken), sent=len(messages))
        is_last = len(taken) == len(rows) and len(rows) < PART_ROWS
        return messages, None if is_last else taken[-1:].id

    def _export_lists(self, domains, tables, counts):
        for name, place in (
            ("suppression", "spp.email.suppression"),
            ("entry", "spp.email.recipient.entry"),
            ("change", "spp.email.change"),
            *TRACES,
        ):
            rows = self._place(place).search(domains[place], limit=PART_ROWS, order="id")
            tables[name] = [_values(row, place) for row in rows]
            counts[name] += len(rows)
            if name == "suppression":
                for table, row in zip(tables[name], rows, strict=True):
                    events = row.event_ids.sorted("id")
                    table["history"] = [(event.event_date, event.event_type, event.text or "") for event in events]
                    counts["event"] += len(events)


def _values(record, place):
    """Return {column: value} of a row; what is blank is left out."""
    found = {column: record[column] for column in COLUMNS[place]}
    return {"id": record.id, **{column: value for column, value in found.items() if value not in (False, None)}}
