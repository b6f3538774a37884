# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The SQL of the ledger: sending threads write it past the ORM, a statement or two a message."""

from .posting import POSTED

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
"""  # nosec B608 - names of our own columns

ANSWER = f"""
    UPDATE spp_email_delivery SET {", ".join(f"{name} = %({name})s" for name in ANSWERED)}, final_date = %(final_date)s
     WHERE (id, attempts) IN %(rows)s AND state IN ('sending', 'deferred', 'unknown')
"""  # nosec B608 - names of our own columns

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
