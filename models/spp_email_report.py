# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Takes in reports on mail: finds the deliveries that they are about, and has everybody learn what follows."""

from markupsafe import Markup, escape

from odoo import fields, models
from odoo.fields import Domain
from odoo.tools import SQL
from odoo.tools.mail import email_normalize

from ..engine.bounce_cure import explain_bounce
from ..engine.errors import SealError
from ..engine.message_kind import MessageKind, ReportAction
from ..engine.outcome import InboundReason, InboundState, OutboundReason, OutboundState
from ..engine.report import CONSEQUENCE_WORDS, REPORT_REASONS, Consequence, consequence, learnable, recipient_reports
from ..engine.report_match import SentCopy, match_reports, message_id_doubt
from ..engine.return_path import is_signed, report_texts, signed_return_paths
from ..engine.sender_verdict import SenderResult
from ..engine.storable import storable
from ..engine.summary import sole_address, summarize

# Message-IDs that a report names, and rows that share them: more is an attack, or a mailing of one Message-ID.
MOST_IDS = 20
MOST_ROWS = 400
# Notifications that say already that it did.
CAME_BACK = ("bounce", "exception")
# In which the list of suppressed addresses is interested.
LEARNED = (Consequence.HARD, Consequence.SOFT, Consequence.COMPLAINT, Consequence.ARRIVED, Consequence.READ)


class SppEmailReport(models.AbstractModel):
    _name = "spp.email.report"
    _description = "Reports on Outgoing Emails"

    def _take_in(self, threads, message, message_dict, attempt):
        """Write what follows from a report, in the current transaction; return (state, reason).

        Args:
            threads: ``mail.thread`` as it processes the message.
            message: the email.message.EmailMessage.
            attempt: its fact ``kind`` is the Classification; ``reports`` becomes the journal's list of what followed.
        """
        found = attempt.facts["kind"]
        reports = recipient_reports(found, sole_address(message_dict.get("email_from") or ""))
        if not reports:
            attempt.trace.add("kind of message", "a report on no mail", "noted: no record is made")
            return InboundState.DONE, InboundReason.REPORT_NOTED
        rows, copies = self._copies(attempt, found, reports)
        entries, is_ours = [], False
        for match in match_reports(found.kind, reports, copies):
            mine = rows.filtered(lambda row, match=match: row.id in match.copies)
            if mine:
                followed = self._follow(threads, message, message_dict, attempt, match, mine)
            else:
                followed = [] if copies else self._follow_message(threads, message, message_dict, attempt, match.report)
            is_ours = is_ours or bool(followed)
            outcome = next(iter(followed), Consequence.NONE)
            looked_at = f"report on delivery {mine.ids[0]}" if mine else "report on a recipient"
            attempt.trace.add(looked_at, match.why if mine or not followed else "a message", CONSEQUENCE_WORDS[outcome])
            entries.append((match.report, outcome, mine.ids))
        attempt.facts["reports"] = entries
        if not is_ours and found.kind is not MessageKind.READ_RECEIPT:
            # A person may have written the words.
            state = InboundState.QUARANTINED if found.is_by_words else InboundState.DONE
            return state, InboundReason.FOREIGN_REPORT
        return InboundState.DONE, REPORT_REASONS[found.kind]

    # ------------------------------------------------------------------
    # Which mail
    # ------------------------------------------------------------------

    def _copies(self, attempt, found, reports):
        """Return (delivery rows, their SentCopy list) that share the report's return paths or Message-IDs."""
        inbound = self.env["spp.email.inbound"].browse(attempt.inbound_id)
        content = self.env["spp.email.content"]._load(inbound.id) or b""
        texts = report_texts(content, summarize(content), inbound.envelope_recipient or "")
        paths = self._proved_paths(texts)
        rows = self._rows_of_paths(paths)
        ids = self._original_ids(found)
        if ids:
            rows |= self._rows_of_ids(ids, reports)
        # A mail without record is deleted with its message; only the journal knows then whether it came in.
        taken_in = self._taken_in(rows.filtered(lambda row: not row.mail_message_id).mapped("message_id"))
        copies = [
            SentCopy(
                row.id,
                row.recipient.lower(),
                is_signed=is_signed(row.envelope_sender or ""),
                is_proved=(row.envelope_sender or "").lower() in paths,
                doubt=self._doubt(
                    attempt,
                    row.attempt_date or row.created_date,
                    is_incoming=row.mail_message_id.message_type == "email" or row.message_id in taken_in,
                ),
            )
            for row in rows
        ]
        return rows, copies

    def _taken_in(self, ids):
        """Return those of the Message-IDs ``ids`` with which something came in."""
        ids = [one for one in ids if one]
        # sudo: whether a Message-ID is another's is asked for everybody's mail.
        inbounds = self.env["spp.email.inbound"].sudo()  # nosemgrep
        return set(inbounds.search([("message_id", "in", ids)], limit=MOST_ROWS).mapped("message_id")) if ids else set()

    def _doubt(self, attempt, sent, *, is_incoming):
        """Return why a report that knows no return path is not believed about a mail; "" when it may be.

        Args:
            sent: when the mail left, naive UTC.
            is_incoming: it passes on a message that came in.
        """
        verdict = attempt.facts.get("sender_verdict")
        return message_id_doubt(
            attempt.facts["kind"].kind,
            sent,
            fields.Datetime.now(),
            is_incoming=is_incoming,
            is_forged=bool(verdict and verdict.result is SenderResult.FAIL),
        )

    def _proved_paths(self, texts):
        try:
            ring = self.env["spp.email.token.key"]._ring()
        except SealError:
            # Without the key nothing is proved; Message-IDs are still known.
            return ()
        return signed_return_paths(ring, texts, fields.Datetime.now())

    def _rows_of_paths(self, paths):
        # sudo: the ledger is the system's; nothing of it is told to whoever sent the report.
        deliveries = self.env["spp.email.delivery"].sudo()  # nosemgrep
        if not paths:
            return deliveries
        deliveries.flush_model(["envelope_sender"])
        found = self.env.execute_query(
            SQL(
                "SELECT id FROM spp_email_delivery WHERE envelope_sender LIKE %s AND lower(envelope_sender) IN %s"
                " ORDER BY id LIMIT %s",
                "%+%",
                tuple(paths),
                MOST_ROWS,
            )
        )
        return deliveries.browse(row_id for (row_id,) in found)

    def _original_ids(self, found):
        ids = (storable(one) for one in found.original_ids[:MOST_IDS] if len(one) < 1000)
        return list(dict.fromkeys(one for one in ids if one))

    def _rows_of_ids(self, ids, reports):
        """Return the rows of these Message-IDs for the reported recipients; a few of any where none is named."""
        # sudo: as above.
        deliveries = self.env["spp.email.delivery"].sudo()  # nosemgrep
        domain = Domain("message_id", "in", ids) | Domain("remote_message_id", "in", ids)
        named = {storable(one) for report in reports for one in (report.recipient, report.original_recipient) if one}
        # The ledger has addresses in small letters.
        rows = deliveries.search(domain & Domain("recipient", "in", sorted(named)), limit=MOST_ROWS)
        # Two are enough to know that there is more than one.
        return rows or deliveries.search(domain, limit=2)

    def _message_of_return_path(self, attempt):
        """Return the mail.message whose signed return path a message was written to; empty when there is none."""
        inbound = self.env["spp.email.inbound"].browse(attempt.inbound_id)
        texts = (inbound.envelope_recipient or "", inbound.email_to or "")
        if not any("+" in text for text in texts):
            return self.env["mail.message"]
        # sudo: the same as for a Message-ID that a message refers to: Odoo looks it up for everybody.
        return self._rows_of_paths(self._proved_paths(texts)).mail_message_id[:1].sudo()  # nosemgrep

    # ------------------------------------------------------------------
    # What follows
    # ------------------------------------------------------------------

    def _follow(self, threads, message, message_dict, attempt, match, rows):
        """Have deliveries to one address, and what depends on them, learn what is reported.

        Returns a list of Consequence. Two contacts of one address have two rows of one mail: the address counts once.
        """
        kind, report, outcomes = attempt.facts["kind"].kind, match.report, []
        for row in rows:
            reason = OutboundReason(row.reason) if row.reason else None
            outcome = consequence(kind, report, OutboundState(row.state), reason)
            row._note_report(report, outcome, attempt.inbound_id, match.why)
            # What it tells of an answer to a team's mail is the team's.
            attempt.facts["about"] = {**row._about(), **attempt.facts.get("about", {})}
            if outcome in (Consequence.HARD, Consequence.SOFT):
                row._show_came_back()
            if outcome in LEARNED and outcome not in outcomes:
                self._tell_others(threads, message, message_dict, attempt, match, outcome, row)
            outcomes.append(outcome)
        return outcomes

    def _tell_others(self, threads, message, message_dict, attempt, match, outcome, row):
        bounced = {
            "bounced_email": email_normalize(row.recipient) or row.recipient,
            "bounced_partner": row.partner_id,
            "bounced_message": row.mail_message_id,
            "bounced_msg_ids": [row.message_id] if row.message_id else [],
        }
        if outcome is Consequence.HARD:
            self._tell_odoo(threads, message, message_dict, bounced, row.answer_words)
        elif outcome is Consequence.SOFT:
            self._tell_softly(message_dict, bounced, row.answer_words)
        learned = learnable(match.report, match.is_proved)
        if learned:
            self._learn(row.company_id, attempt, row.recipient, learned, row.mail_class, row)

    def _follow_message(self, threads, message, message_dict, attempt, report):
        """Have a message that left before there was a ledger, or whose rows are gone, learn of a failure.

        Only for a recipient that it was sent to, and once. Nothing but a Message-ID tells that it is about that
        message: it never counts against the address for good. Returns a list of the Consequence; empty when it is
        about nothing of ours.
        """
        found = attempt.facts["kind"]
        ids = self._original_ids(found)
        if not ids:
            return []
        # sudo: whether a Message-ID is ours is asked for everybody's mail.
        original = self.env["mail.message"].sudo().search(  # nosemgrep
            [("message_id", "in", ids)], order="id desc", limit=1
        )
        addresses = {storable(report.recipient), storable(report.original_recipient)} - {""}
        # What waits in the queue has not come back: whoever says so does not have it from a server.
        notifications = original.notification_ids.filtered(
            lambda one: one.notification_type == "email"
            and one.notification_status in ("sent", *CAME_BACK)
            and {one.mail_email_address, one.res_partner_id.email_normalized} & addresses
        )
        traces = self._traces(ids, addresses)
        if not notifications and not traces:
            return []
        # Nobody outside chooses when a row is made.
        doubt = self._doubt(
            attempt, (original or traces[:1]).create_date, is_incoming=original.message_type == "email"
        )
        if doubt:
            attempt.trace.add("the message that it names", doubt, "nothing follows")
            return []
        if report.action is not ReportAction.FAILED:
            # Nothing is kept of it but the journal's row.
            return [Consequence.NONE]
        is_known = all(one.notification_status in CAME_BACK for one in notifications) and all(
            trace.trace_status in ("bounce", "error") for trace in traces
        )
        if is_known:
            return [Consequence.KNOWN]
        meaning = explain_bounce(report.reason, report.code, report.status, report.text)
        words = f"{self.env._('It came back')}: {meaning.text}"
        partner = notifications.res_partner_id
        bounced = {
            "bounced_email": partner[:1].email_normalized or email_normalize(report.sent_to) or report.sent_to,
            "bounced_partner": partner,
            "bounced_message": original,
            "bounced_msg_ids": traces.mapped("message_id") if traces else original.mapped("message_id"),
        }
        notifications.filtered(lambda one: one.notification_status == "sent").write(
            {"notification_status": "exception", "failure_type": "mail_bounce", "failure_reason": words}
        )
        self._tell_softly(message_dict, bounced, words)
        thread_messages = original.filtered(lambda one: one._is_thread_message())
        thread_messages._notify_message_notification_update()
        company = original.record_company_id if "record_company_id" in original._fields else self.env["res.company"]
        learned = learnable(report, is_proved=False)
        self._learn(company, attempt, bounced["bounced_email"], learned, "mass" if traces else "transactional")
        return [Consequence.SOFT]

    def _tell_odoo(self, threads, message, message_dict, bounced, words):
        """Have Odoo, and addons such as mass_mailing, do what they do about an address that is dead.

        Through the registry, and with what was found out in the place of what Odoo read. They keep the body as the
        reason.
        """
        if not bounced["bounced_partner"]:
            # sudo: as Odoo searches for it.
            bounced["bounced_partner"] = self.env["res.partner"].sudo().search(  # nosemgrep
                [("email_normalized", "=", bounced["bounced_email"])], limit=50
            )
        # sudo: Odoo reads them so.
        bounced = {
            name: value.sudo() if isinstance(value, models.BaseModel) else value  # nosemgrep
            for name, value in bounced.items()
        }
        values = {**message_dict, **bounced, "is_bounce": True, "body": Markup("<p>%s</p>") % escape(words)}
        threads._routing_handle_bounce(message, values)

    def _tell_softly(self, message_dict, bounced, words):
        """Have other addons' own rows learn of a failure that does not count against the address."""

    def _traces(self, ids, addresses):
        """Return other addons' rows of mails to ``addresses`` with these Message-IDs: none here."""
        return self.browse()

    def _learn(self, company, attempt, address, report, mail_class, row=None):
        """Tell the list of suppressed addresses, where it is there."""
        if "spp.email.suppression" not in self.env:
            return
        inbound = self.env["spp.email.inbound"].browse(attempt.inbound_id)
        company = company or inbound.company_id or self.env.company
        self.env["spp.email.suppression"]._learn(company, address, report, mail_class, delivery=row, inbound=inbound)
