# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The ledger's own connection: what a server is about to be given, and what it said, committed apart from all else."""

import random
from dataclasses import dataclass, field
from datetime import timedelta

from odoo import fields, models
from odoo.tools import SQL

from ..engine.delivery import RecipientResult
from ..engine.delivery_retry import next_delivery_attempt
from ..engine.errors import WithdrawnError
from ..engine.mail_fate import Recipient
from ..engine.outcome import OutboundReason, OutboundState
from ..engine.storable import storable
from .spp_email_delivery import FINAL

DAYS_PARAMETER = "spp_email_gateway.outgoing_days"
DAYS = 5
POLICY_PARAMETER = "spp_email_gateway.unknown_outcome"
# A second cursor must not wait for a row that the first one's transaction, or a person's, holds.
LOCK_SECONDS = 5
# Seconds after which a delivery whose outcome is unknown is sent once more, where the policy says so.
UNKNOWN_WAIT = 300


@dataclass(frozen=True, slots=True)
class Posting:
    """What is the same for all recipients of one SMTP transaction."""

    mail_id: int
    mail_message_id: int | None
    model: str | None
    res_id: int | None
    company_id: int | None
    subject: str
    message_id: str
    mail_class: str
    partner_id: int | None = None
    server_id: int | None = None
    email_from: str = ""
    envelope_sender: str = ""
    trace: list = field(default_factory=list)

    def columns(self):
        """Return the values as the table has them."""
        return {
            "mail_id": self.mail_id,
            "mail_message_id": self.mail_message_id,
            "model": self.model,
            "res_id": self.res_id,
            "company_id": self.company_id,
            "subject": storable(self.subject),
            "message_id": storable(self.message_id),
            "mail_class": self.mail_class,
            "partner_id": self.partner_id,
            "server_id": self.server_id,
            "email_from": storable(self.email_from),
            "envelope_sender": storable(self.envelope_sender),
        }


class DeliveryLedger:
    """One sending thread's hand on the ledger.

    What became of a transaction is written together with the beginning of the next one, in one commit: the disk is
    waited for once a message. A process that is killed leaves one message a thread whose outcome is unknown.

    Args:
        env: an Environment on a READ COMMITTED cursor that is used for nothing else.
    """

    def __init__(self, env):
        self.env = env
        self.delivery = env["spp.email.delivery"]
        self.rng = random.Random()
        self._unwritten = []

    def known(self, mail_ids):
        """Return {mail id: [(row id, Recipient)]} of what the ledger has of these mails.

        The caller has claimed them: a row that is being sent was left so by a worker that died, and its outcome is
        decided by the policy here.
        """
        self._settle_unknown(mail_ids)
        found = {mail_id: [] for mail_id in mail_ids}
        for row_id, mail_id, recipient in self.delivery._recipients(self.env, mail_ids):
            found[mail_id].append((row_id, recipient))
        return found

    def begin(self, posting, recipients):
        """Write, committed, that ``recipients`` are about to be given to a server.

        Raises:
            WithdrawnError: the mail was cancelled meanwhile, or one of them is decided; nothing may be sent.
        """
        self._write_results()
        columns = {**posting.columns(), "state": OutboundState.SENDING.value}
        names, values = list(columns), list(columns.values())
        rows = self.env.execute_query(
            SQL(
                """
                INSERT INTO spp_email_delivery AS row
                       (recipient, attempts, created_date, attempt_date, trace, %(names)s)
                SELECT address, 1, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC', %(trace)s, %(values)s
                  FROM unnest(%(recipients)s) AS address
                 WHERE EXISTS (SELECT 1 FROM mail_mail WHERE id = %(mail)s AND state = 'outgoing')
                ON CONFLICT (mail_id, lower(recipient), COALESCE(partner_id, 0)) DO UPDATE
                   SET state = EXCLUDED.state, attempts = row.attempts + 1, attempt_date = EXCLUDED.attempt_date,
                       next_attempt_date = NULL, server_id = EXCLUDED.server_id, email_from = EXCLUDED.email_from,
                       envelope_sender = EXCLUDED.envelope_sender, trace = EXCLUDED.trace,
                       message_id = EXCLUDED.message_id
                 WHERE row.state NOT IN %(final)s
                RETURNING id
                """,
                names=SQL(", ").join(SQL.identifier(name) for name in names),
                values=SQL(", ").join(SQL("%s", value) for value in values),
                trace=self._json(posting.trace),
                recipients=list(recipients),
                mail=posting.mail_id,
                final=FINAL,
            )
        )
        if len(rows) != len(set(recipients)):
            self.env.cr.rollback()
            raise WithdrawnError(f"mail {posting.mail_id} was decided otherwise")
        self.env.cr.commit()

    def note(self, posting, results):
        """Remember what became of recipients; written with the next beginning, or by ``flush``.

        Args:
            results: {address: RecipientResult}.
        """
        self._unwritten.append((posting, results, None))

    def hold(self, posting, results, until):
        """Remember that recipients wait, untried, until then (naive UTC)."""
        self._unwritten.append((posting, results, until))

    def flush(self):
        """Write and commit what is remembered."""
        self._write_results()
        self.env.cr.commit()

    # ------------------------------------------------------------------
    # Writing
    # ------------------------------------------------------------------

    def _write_results(self):
        # On each transaction: Odoo's cursor forgets it with the commit.
        self.env.cr.execute("SET LOCAL lock_timeout = %s", (LOCK_SECONDS * 1000,))
        for posting, results, until in self._unwritten:
            for address, result in results.items():
                self._write_result(posting, address, result, until)
        self._unwritten = []

    def _write_result(self, posting, address, result, due=None):
        now = fields.Datetime.now()
        state, reason = result.state, result.reason
        if state in (OutboundState.DEFERRED, OutboundState.UNKNOWN):
            first, attempts = self._tried(posting, address)
            state, reason, due = self._again(result, first or now, attempts, now)
        final = None if state in (OutboundState.DEFERRED, OutboundState.QUEUED) else now
        columns = {
            **posting.columns(),
            "recipient": address,
            "state": state.value,
            "reason": reason.value,
            "phase": result.phase or None,
            "smtp_code": result.code or None,
            "enhanced_status": result.enhanced or None,
            "smtp_text": storable(result.text) or None,
            "remote_id": storable(result.remote_id) or None,
            "next_attempt_date": due,
            "final_date": final,
        }
        names = list(columns)
        kept = [name for name in names if name not in ("mail_id", "recipient", "partner_id")]
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO spp_email_delivery AS row (attempts, created_date, attempt_date, trace, %(names)s)
                VALUES (%(attempts)s, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC', %(trace)s, %(values)s)
                ON CONFLICT (mail_id, lower(recipient), COALESCE(partner_id, 0)) DO UPDATE
                   SET %(kept)s, trace = EXCLUDED.trace,
                       attempts = row.attempts + CASE WHEN row.state = 'sending' THEN 0 ELSE %(attempts)s END
                 WHERE row.state NOT IN %(final)s
                """,
                names=SQL(", ").join(SQL.identifier(name) for name in names),
                values=SQL(", ").join(SQL("%s", columns[name]) for name in names),
                kept=SQL(", ").join(
                    SQL("%s = EXCLUDED.%s", SQL.identifier(name), SQL.identifier(name)) for name in kept
                ),
                # What only waits was not tried.
                attempts=0 if state is OutboundState.QUEUED else 1,
                trace=self._json(posting.trace),
                final=FINAL,
            )
        )

    def _again(self, result, first, attempts, now):
        """Return (state, reason, next attempt) of a recipient that may be tried again, or may have it already."""
        if result.state is OutboundState.UNKNOWN:
            if self.delivery._holds_unknown():
                return OutboundState.UNKNOWN, result.reason, None
            return OutboundState.DEFERRED, result.reason, now + timedelta(seconds=UNKNOWN_WAIT)
        days = self.env["ir.config_parameter"]._gateway_number(DAYS_PARAMETER, DAYS)
        due = next_delivery_attempt(now, first, attempts, self.rng, wait=result.wait, days=days)
        if due is None:
            return OutboundState.FAILED, OutboundReason.EXPIRED, None
        return OutboundState.DEFERRED, result.reason, due

    def _tried(self, posting, address):
        rows = self.env.execute_query(
            SQL(
                "SELECT created_date, attempts FROM spp_email_delivery WHERE mail_id = %s AND lower(recipient) = %s"
                " AND COALESCE(partner_id, 0) = %s",
                posting.mail_id,
                address.lower(),
                posting.partner_id or 0,
            )
        )
        return rows[0] if rows else (None, 1)

    def _settle_unknown(self, mail_ids):
        """Decide what happens to rows that a worker had begun when it died."""
        self._write_results()
        rows = self.env.execute_query(
            SQL(
                "SELECT id FROM spp_email_delivery WHERE mail_id IN %s AND state = 'sending' FOR UPDATE",
                tuple(mail_ids) or (0,),
            )
        )
        if rows:
            lost = RecipientResult(OutboundState.UNKNOWN, OutboundReason.PROCESS_DIED)
            now = fields.Datetime.now()
            state, reason, due = self._again(lost, now, 1, now)
            self.env.cr.execute(
                SQL(
                    "UPDATE spp_email_delivery SET state = %s, reason = %s, next_attempt_date = %s WHERE id IN %s",
                    state.value,
                    reason.value,
                    due,
                    tuple(row_id for (row_id,) in rows),
                )
            )
        self.env.cr.commit()

    def _json(self, steps):
        return SQL("%s::jsonb", self.delivery._fields["trace"].convert_to_column(steps or [], self.delivery))


class SppEmailDelivery(models.Model):
    _inherit = "spp.email.delivery"

    def _recipients(self, env, mail_ids):
        """Return [(row id, mail id, Recipient)] of these mails' rows, oldest first, as ``env``'s cursor sees them."""
        rows = env.execute_query(
            SQL(
                "SELECT id, mail_id, recipient, partner_id, state, reason, next_attempt_date, smtp_text, smtp_code,"
                " enhanced_status FROM spp_email_delivery WHERE mail_id IN %s ORDER BY id",
                tuple(mail_ids) or (0,),
            )
        )
        return [
            (
                row_id,
                mail_id,
                Recipient(
                    address,
                    partner_id,
                    OutboundState(state),
                    OutboundReason(reason) if reason else None,
                    due,
                    text or "",
                    code or 0,
                    enhanced or "",
                ),
            )
            for row_id, mail_id, address, partner_id, state, reason, due, text, code, enhanced in rows
        ]

    def _holds_unknown(self):
        """Return whether a delivery whose outcome is unknown waits for a person, instead of being sent once more."""
        # sudo: a setting, no content.
        return self.env["ir.config_parameter"].sudo().get_param(POLICY_PARAMETER) == "hold"  # nosemgrep
