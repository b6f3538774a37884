# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The SQL of the ledger: sending threads write it past the ORM, a statement or two a message."""

from dataclasses import fields

from .posting import POSTED, Posting
from .prepared_statement import PreparedStatement

# Of the columns as the parameters of prepared statements.
_TYPES = {int | None: "int", str: "varchar", str | None: "varchar", tuple: "jsonb"}
POSTED_TYPES = {one.name: _TYPES[one.type] for one in fields(Posting)}

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
_BEGIN = f"""
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
     WHERE row.state <> ALL (%(final)s)
    RETURNING id, recipient, created_date, attempts
"""  # nosec B608 - names of our own columns
BEGIN = PreparedStatement(
    "spp_email_begin",
    _BEGIN,
    {
        "lease": "int",
        "claim_id": "int",
        "claim_fence": "int",
        "recipients": "varchar[]",
        "final": "varchar[]",
        **POSTED_TYPES,
    },
)

_ANSWER = f"""
    UPDATE spp_email_delivery AS row
       SET {", ".join(f"{name} = %({name})s" for name in ANSWERED)}, final_date = %(final_date)s
      FROM unnest(%(ids)s, %(attempts)s) AS mine (id, attempts)
     WHERE row.id = mine.id AND row.attempts = mine.attempts AND row.state IN ('sending', 'deferred', 'unknown')
"""  # nosec B608 - names of our own columns
ANSWER = PreparedStatement(
    "spp_email_answer",
    _ANSWER,
    {
        "state": "varchar",
        "reason": "varchar",
        "phase": "varchar",
        "smtp_code": "int",
        "enhanced_status": "varchar",
        "smtp_text": "text",
        "remote_id": "varchar",
        "remote_message_id": "varchar",
        "next_attempt_date": "timestamp",
        "final_date": "timestamp",
        "ids": "int[]",
        "attempts": "int[]",
    },
)

# All recipients of a mail that goes out as several messages, before the first of them: whatever ends the work in the
# middle, the mail is not decided by those alone that were come to.
ENLIST = f"""
    INSERT INTO spp_email_delivery (recipient, state, attempts, created_date, {", ".join(POSTED)})
    SELECT address, 'queued', 0, now() AT TIME ZONE 'UTC', {", ".join(f"%({name})s" for name in POSTED)}
      FROM unnest(%(recipients)s) AS address
    ON CONFLICT DO NOTHING
"""  # nosec B608 - names of our own columns

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
"""  # nosec B608 - names of our own columns
