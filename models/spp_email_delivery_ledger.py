# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The ledger's own connection: what a server is about to be given, and what it said, committed apart from all else."""

import json
import logging
import random
from dataclasses import asdict, dataclass, replace
from dataclasses import fields as dataclass_fields
from datetime import datetime, timedelta
from functools import partial

from odoo import fields, models
from odoo.tools import SQL

from ..engine.delivery import RecipientResult
from ..engine.delivery_retry import next_delivery_attempt
from ..engine.errors import WithdrawnError
from ..engine.mail_fate import Recipient
from ..engine.outcome import OutboundReason, OutboundState
from ..engine.storable import storable
from .mail_mail import FOLLOWING
from .spp_email_delivery import FINAL, PENDING
from .spp_email_transaction import commit

_logger = logging.getLogger(__name__)

DAYS_PARAMETER = "spp_email_gateway.outgoing_days"
DAYS = 5
POLICY_PARAMETER = "spp_email_gateway.unknown_outcome"
# Seconds after which a delivery whose outcome is unknown is sent once more, where the policy says so.
UNKNOWN_WAIT = 300


@dataclass(frozen=True, slots=True)
class Posting:
    """What is the same for all recipients of one SMTP transaction."""

    mail_id: int | None
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
    trace: tuple = ()

    def columns(self):
        """Return the values as the table has them."""
        values = {name: getattr(self, name) for name in POSTED}
        for name in ("subject", "message_id", "email_from", "envelope_sender"):
            values[name] = storable(values[name])
        values["trace"] = json.dumps([asdict(step) for step in self.trace]) if self.trace else None
        return values


POSTED = tuple(one.name for one in dataclass_fields(Posting))

# What every attempt writes anew.
RENEWED = ("server_id", "email_from", "envelope_sender", "message_id", "trace")
ANSWERED = (
    "state",
    "reason",
    "phase",
    "smtp_code",
    "enhanced_status",
    "smtp_text",
    "remote_id",
    "remote_message_id",
    "next_attempt_date",
)

# The claim is renewed with every message, and who has lost it sends nothing any more.
BEGIN = f"""
    WITH mine AS (
        UPDATE spp_email_queue SET claim_until = now() AT TIME ZONE 'UTC' + %(lease)s * interval '1 second'
         WHERE id = %(claim_id)s AND claim_fence = %(claim_fence)s AND claim_until IS NOT NULL
        RETURNING id)
    INSERT INTO spp_email_delivery AS row (recipient, state, attempts, created_date, attempt_date, {", ".join(POSTED)})
    SELECT address, 'sending', 1, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC',
           {", ".join(f"%({name})s" for name in POSTED)}
      FROM unnest(%(recipients)s) AS address
     WHERE EXISTS (SELECT 1 FROM mail_mail WHERE id = %(mail_id)s AND state = 'outgoing')
       AND EXISTS (SELECT 1 FROM mine)
    ON CONFLICT (mail_id, lower(recipient), COALESCE(partner_id, 0)) DO UPDATE
       SET state = 'sending', attempts = row.attempts + 1, attempt_date = EXCLUDED.attempt_date,
           next_attempt_date = NULL, {", ".join(f"{name} = EXCLUDED.{name}" for name in RENEWED)}
     WHERE row.state NOT IN %(final)s
    RETURNING id, recipient, created_date, attempts
"""

ANSWER = f"""
    UPDATE spp_email_delivery SET {", ".join(f"{name} = %({name})s" for name in ANSWERED)}, final_date = %(final_date)s
     WHERE (id, attempts) IN %(rows)s AND state IN ('sending', 'deferred', 'unknown')
"""

# All recipients of a mail that goes out as several messages, before the first of them: whatever ends the work in the
# middle, the mail is not decided by those alone that were come to.
ENLIST = f"""
    INSERT INTO spp_email_delivery (recipient, state, attempts, created_date, {", ".join(POSTED)})
    SELECT address, 'queued', 0, now() AT TIME ZONE 'UTC', {", ".join(f"%({name})s" for name in POSTED)}
      FROM unnest(%(recipients)s) AS address
    ON CONFLICT DO NOTHING
"""

CANCEL = """
    UPDATE spp_email_delivery SET state = 'cancelled', reason = 'no_recipient', next_attempt_date = NULL,
           final_date = now() AT TIME ZONE 'UTC'
     WHERE id IN %(ids)s AND state IN ('queued', 'deferred')
"""

# For recipients that no transaction was begun for.
WITHOUT = f"""
    INSERT INTO spp_email_delivery AS row
           (recipient, attempts, created_date, attempt_date, final_date, {", ".join((*ANSWERED, *POSTED))})
    VALUES (%(recipient)s, %(attempts)s, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC', %(final_date)s,
            {", ".join(f"%({name})s" for name in (*ANSWERED, *POSTED))})
    ON CONFLICT (mail_id, lower(recipient), COALESCE(partner_id, 0)) DO UPDATE
       SET attempts = row.attempts + EXCLUDED.attempts, attempt_date = EXCLUDED.attempt_date,
           final_date = EXCLUDED.final_date, {", ".join(f"{name} = EXCLUDED.{name}" for name in (*ANSWERED, *RENEWED))}
     WHERE row.state NOT IN %(final)s
"""


@dataclass(frozen=True, slots=True)
class SentContent:
    """A message as it went over the wire, and what decides whether it is kept.

    Attributes:
        octets: the bytes after signing.
        keep: what the server keeps: all, transactional or none.
        is_secret: it is known to hold a way to log in.
        body_html: of the mail, where such a way may stand.
    """

    octets: bytes
    keep: str
    is_secret: bool
    body_html: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A row that is being sent: its id, since when it waits (naive UTC), and which attempt this is."""

    id: int
    since: datetime
    attempts: int


class DeliveryLedger:
    """One sending thread's hand on the ledger.

    What became of a transaction is written together with the beginning of the next one, in one commit: the disk is
    waited for once a message. A process that is killed leaves one message a thread whose outcome is unknown.

    Args:
        env: an Environment on an autonomous cursor.
    """

    def __init__(self, env):
        self.env = env
        self.delivery = env["spp.email.delivery"]
        self.rng = random.Random()
        self._claims = {}
        self._begun = {}
        # Functions that write, in order, until a commit has kept what they wrote.
        self._unwritten = []

    def known(self, claims):
        """Return {mail id: [(row id, Recipient)]} of what the ledger has of claimed mails.

        A row that is being sent was left so by a worker that died, and its outcome is decided by the policy here.

        Args:
            claims: {mail id: Claim}; what is sent from now on is sent under these.
        """
        self._claims = claims
        mail_ids = list(claims)
        self.flush()
        self._settle_unknown(mail_ids)
        found = {mail_id: [] for mail_id in mail_ids}
        for row_id, mail_id, recipient in self.delivery._recipients(self.env, mail_ids):
            found[mail_id].append((row_id, recipient))
        commit(self.env.cr)
        return found

    def enlist(self, postings):
        """Remember recipients, [(Posting, addresses)], that messages of one mail will be composed for."""
        for posting, recipients in postings:
            values = {**posting.columns(), "recipients": list(dict.fromkeys(recipients))}
            self._unwritten.append(partial(self._execute, ENLIST, values))

    def cancel(self, row_ids):
        """Remember that rows wait for nothing any more: nobody of that address gets this mail now."""
        if row_ids:
            self._unwritten.append(partial(self._execute, CANCEL, {"ids": tuple(row_ids)}))

    def begin(self, posting, recipients):
        """Write, committed, that ``recipients``, lower-case addresses, are about to be given to a server.

        Raises:
            WithdrawnError: the mail was cancelled meanwhile, the claim on it is lost, or one of the recipients is
                decided; nothing may be sent.
        """
        recipients = list(dict.fromkeys(recipients))
        claim = self._claims[posting.mail_id]
        values = {
            **posting.columns(),
            "recipients": recipients,
            "final": FINAL,
            "lease": self.env["spp.email.queue"]._lease_seconds(),
            "claim_id": claim.id,
            "claim_fence": claim.fence,
        }
        try:
            self._write()
            self._execute(BEGIN, values)
            rows = self.env.cr.fetchall()
            if len(rows) != len(recipients):
                raise WithdrawnError(f"mail {posting.mail_id} was decided otherwise")
            commit(self.env.cr)
        except Exception:
            self.env.cr.rollback()
            # What a server said about the message before stands, whatever is wrong with this one.
            self.flush()
            raise
        self._unwritten = []
        self._begun = {address: Begun(row_id, since, attempts) for row_id, address, since, attempts in rows}

    def note(self, posting, results, until=None, content=None):
        """Remember what became of recipients; written with the next beginning, or by ``flush``.

        Args:
            results: {address: RecipientResult}.
            until: naive UTC; when those are due that only wait.
            content: SentContent to keep if one of them was accepted; None for nothing.
        """
        begun, self._begun = self._begun, {}
        self._unwritten.append(partial(self._write_results, posting, results, until, begun))
        if content:
            self._unwritten.append(partial(self._keep, posting, results, begun, content))

    def flush(self):
        """Write and commit what is remembered; one thing that cannot be written takes nothing else with it."""
        try:
            self._write()
            commit(self.env.cr)
        except Exception as error:  # noqa: BLE001 - tried one by one below, where the cause is said
            self.env.cr.rollback()
            _logger.warning("The ledger is written one by one: %s.", type(error).__name__)
            self._flush_apart()
        self._unwritten = []

    def _flush_apart(self):
        failure = None
        for write in self._unwritten:
            try:
                write()
                commit(self.env.cr)
            except Exception as error:  # noqa: BLE001 - the others first
                self.env.cr.rollback()
                failure = error
        if failure:
            # A row stays as it was: being sent, which the next worker takes for unknown.
            _logger.warning("A part of the ledger could not be written: %s.", type(failure).__name__)

    # ------------------------------------------------------------------
    # Writing
    # ------------------------------------------------------------------

    def _execute(self, statement, values):
        # Odoo logs a failing statement with all of its values.
        self.env.cr.execute(statement, values, log_exceptions=False)

    def _write(self):
        for write in self._unwritten:
            write()

    def _write_results(self, posting, results, until, begun):
        alike = {}
        for address, result in results.items():
            row = begun.get(address)
            if row and result.state is not OutboundState.DEFERRED:
                alike.setdefault(result, []).append(row)
            elif row:
                self._answer(result, [row])
            else:
                self._write_without(posting, address, result, until)
        for result, rows in alike.items():
            self._answer(result, rows)

    def _keep(self, posting, results, begun, content):
        """Keep the bytes that were accepted, where server, class and the mail itself allow it."""
        accepted = [address for address, result in results.items() if result.state is OutboundState.SENT]
        if accepted:
            facts = {
                "mail_id": posting.mail_id,
                "mail_message_id": posting.mail_message_id,
                "company_id": posting.company_id,
                "model": posting.model,
                "gateway_is_secret": content.is_secret,
                "body_html": content.body_html,
                "delivery_ids": [begun[address].id for address in accepted if address in begun],
                "keep": content.keep,
                "is_mass": posting.mail_class == "mass",
            }
            self.env["spp.email.sent.content"]._keep_known(facts, posting.message_id, accepted, content.octets)

    def _answer(self, result, rows):
        """Write the answer of a server about rows that were being sent."""
        values = self._values(result, rows[0].since, max(row.attempts for row in rows))
        self._execute(ANSWER, {**values, "rows": tuple((row.id, row.attempts) for row in rows)})

    def _write_without(self, posting, address, result, until):
        """Write the outcome of a recipient for whom no transaction was begun."""
        since, attempts = None, 0
        # What only waits is no attempt.
        counted = 0 if result.state is OutboundState.QUEUED else 1
        if result.state is OutboundState.DEFERRED:
            since, attempts = self._tried(posting, address)
        values = self._values(result, since, attempts + counted, until)
        self._execute(
            WITHOUT, {**posting.columns(), **values, "recipient": address, "attempts": counted, "final": FINAL}
        )

    def _values(self, result, since, attempts, until=None):
        """Return the columns that an answer writes; what is to be tried again gets its time here."""
        now = fields.Datetime.now()
        state, reason, due = result.state, result.reason, until
        if state in (OutboundState.DEFERRED, OutboundState.UNKNOWN):
            state, reason, due = self._again(result, since or now, attempts, now)
        if due:
            # The mail's date has whole seconds, and must not come before the recipient's.
            due = due.replace(microsecond=0)
        return {
            "state": state.value,
            "reason": reason.value,
            "phase": result.phase or None,
            "smtp_code": result.code or None,
            "enhanced_status": result.enhanced or None,
            "smtp_text": storable(result.text) or None,
            "remote_id": storable(result.remote_id) or None,
            "remote_message_id": storable(result.remote_message_id) or None,
            "next_attempt_date": due,
            "final_date": None if state in (OutboundState.DEFERRED, OutboundState.QUEUED) else now,
        }

    def _again(self, result, first, attempts, now):
        """Return (state, reason, next attempt) of a recipient that may be tried again, or may have it already."""
        days = self.env["ir.config_parameter"]._gateway_number(DAYS_PARAMETER, DAYS)
        if result.state is OutboundState.UNKNOWN:
            # Once more, and no oftener: a server that takes a message and never says so would get one each time.
            if self.delivery._holds_unknown() or attempts > 1:
                return OutboundState.UNKNOWN, result.reason, None
            return OutboundState.DEFERRED, result.reason, now + timedelta(seconds=UNKNOWN_WAIT)
        due = next_delivery_attempt(now, first, attempts, self.rng, wait=result.wait, days=days)
        if due is None:
            return OutboundState.FAILED, OutboundReason.EXPIRED, None
        return OutboundState.DEFERRED, result.reason, due

    def _tried(self, posting, address):
        """Return (since when, how often) a recipient is tried."""
        rows = self.env.execute_query(
            SQL(
                "SELECT created_date, attempts FROM spp_email_delivery WHERE mail_id = %s AND lower(recipient) = %s"
                " AND COALESCE(partner_id, 0) = %s",
                posting.mail_id,
                address.lower(),
                posting.partner_id or 0,
            )
        )
        return rows[0] if rows else (None, 0)

    def _settle_unknown(self, mail_ids):
        """Decide what happens to rows that a worker had begun when it died."""
        rows = self.env.execute_query(
            SQL(
                "SELECT id, created_date, attempts FROM spp_email_delivery"
                " WHERE mail_id IN %s AND state = 'sending' FOR UPDATE",
                tuple(mail_ids) or (0,),
            )
        )
        for row in rows:
            self._answer(RecipientResult(OutboundState.UNKNOWN, OutboundReason.PROCESS_DIED), [Begun(*row)])
        commit(self.env.cr)


class SppEmailDelivery(models.Model):
    _inherit = "spp.email.delivery"

    def _recipients(self, env, mail_ids):
        """Return [(row id, mail id, Recipient)] of these mails' rows, oldest first, as ``env``'s cursor sees them."""
        rows = env.execute_query(
            SQL(
                "SELECT id, mail_id, recipient, partner_id, state, reason, next_attempt_date, smtp_text, smtp_code,"
                " enhanced_status, is_settled, next_attempt_date > now() AT TIME ZONE 'UTC'"
                " FROM spp_email_delivery WHERE mail_id IN %s ORDER BY id",
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
                    bool(is_settled),
                    not is_later,
                ),
            )
            for (
                row_id,
                mail_id,
                address,
                partner_id,
                state,
                reason,
                due,
                text,
                code,
                enhanced,
                is_settled,
                is_later,
            ) in rows
        ]

    def _holds_unknown(self):
        """Return whether a delivery whose outcome is unknown waits for a person, instead of being sent once more."""
        # sudo: a setting, no content.
        return self.env["ir.config_parameter"].sudo().get_param(POLICY_PARAMETER) == "hold"  # nosemgrep

    def _note_in_request(self, postings, results):
        """Write what servers said while a request sent mails, and have what may pass sent by the queue.

        In the request's transaction: the mails are not committed yet, and nobody else can see them.

        Args:
            postings: {Message-ID: (Posting, {address: id of the contact})} of the mails, made before they were sent:
                Odoo deletes some of them then.
        """
        ledger = DeliveryLedger(self.env)
        there = self.env["mail.mail"].browse(posting.mail_id for posting, _partners in postings.values()).exists()
        answered = there.browse()
        for message_id, answers in results.items():
            if not answers or message_id not in postings:
                continue
            posting, partners = postings[message_id]
            if posting.mail_id in there.ids:
                answered += there.browse(posting.mail_id)
            else:
                posting = replace(posting, mail_id=None, mail_message_id=None)
            for address, result in answers.items():
                ledger.note(replace(posting, partner_id=partners.get(address.lower())), {address.lower(): result})
        ledger._write()
        self.invalidate_model()
        # Odoo calls those failed that may pass.
        waiting = answered.with_context(**{FOLLOWING: True}).filtered(lambda mail: mail.state == "exception")
        waiting.filtered(
            lambda mail: any(row.state in PENDING for row in mail.gateway_delivery_ids)
        ).state = "outgoing"
        waiting._gateway_follow()
        # And those that no server was told of: it could not be reached. What is wrong with the mail has a type.
        unreached = (there - answered).filtered(lambda mail: mail.state == "exception" and not mail.failure_type)
        unreached.state = "outgoing"
        answered._gateway_wake()

    def _note_what_is_missing(self, said):
        """Write what servers said of mails that are not in the ledger, since their transaction was undone in part.

        Args:
            said: {Message-ID: ((Posting, {address: id of the contact}), {address: RecipientResult})}.
        """
        known = set(self.search([("message_id", "in", list(said))]).mapped("message_id"))
        ledger = DeliveryLedger(self.env)
        for message_id, ((posting, _partners), answers) in said.items():
            if message_id not in known:
                gone = replace(posting, mail_id=None, mail_message_id=None, res_id=None, model=None)
                ledger.note(gone, {address.lower(): result for address, result in answers.items()})
        ledger._write()
