# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The queue of outgoing mail: a small row for each mail that is not decided, taken by one worker at a time."""

from datetime import timedelta

import psycopg2

from odoo import fields, models
from odoo.tools import SQL

from ..engine.worker import is_dead
from .spp_email_claim_mixin import owner_name

# Lower goes first. A person's mail never waits for a mass mailing.
NOW, PERSON, MASS = 0, 10, 20
# Mails made together in such a number are a mass mailing, also without that module.
BULK = 20
# Mails that a claim takes at least, where so many wait: each claim and each outcome costs something.
LEAST = 4
# Mails that one look takes over from Odoo's table at most; the next one goes on.
ADOPTED = 5_000
# A mail whose sending began so often and never ended is suspected of killing its process.
STARTS = 3

DUE = SQL(
    "EXISTS (SELECT 1 FROM mail_mail AS mail WHERE mail.id = spp_email_queue.mail_id AND mail.state = 'outgoing'"
    " AND (mail.scheduled_date IS NULL OR mail.scheduled_date <= now() AT TIME ZONE 'UTC'))"
)
FREE = SQL("(claim_until IS NULL OR claim_until < now() AT TIME ZONE 'UTC')")
# Campaigns one after the other, each mail in the order of its making.
ORDER = SQL("priority, campaign, mail_id")


def _mine(claims):
    return SQL("(VALUES %s) AS mine (id, fence)", SQL(", ").join(SQL("(%s, %s)", one.id, one.fence) for one in claims))


def _update(changes, claims):
    """Return the statement that takes the owner off rows whose claims still hold, with further ``changes``."""
    return SQL(
        "UPDATE spp_email_queue AS queue SET claim_owner = NULL, %s FROM %s"
        " WHERE queue.id = mine.id AND queue.claim_fence = mine.fence RETURNING queue.id",
        changes,
        _mine(claims),
    )


class SppEmailQueue(models.Model):
    """Mails are taken over when the queue looks, whoever queued them: other addons write states by themselves.

    The row goes when its mail is decided, so that the table is as small as what waits, however many mails there are.
    """

    _name = "spp.email.queue"
    _inherit = ["spp.email.claim.mixin"]
    _description = "Queue of Outgoing Emails"
    _log_access = False
    _rec_name = "mail_id"

    mail_id = fields.Many2one("mail.mail", required=True, readonly=True, ondelete="cascade")
    priority = fields.Integer(required=True, readonly=True, default=PERSON)
    campaign = fields.Integer(required=True, readonly=True, default=0, help="Mass mailing that it belongs to; 0: none.")
    starts = fields.Integer(readonly=True, default=0, help="How often a worker began without coming to an end.")

    _mail_unique = models.UniqueIndex("(mail_id)")
    _order_index = models.Index("(priority, campaign, mail_id)")
    # Few: what is in work, and what a worker began and never ended. They are looked for every second.
    _begun_index = models.Index("(priority, campaign, mail_id) WHERE starts > 0")

    def _adopt(self):
        """Take over mails that wait and have no row, and forget those that are decided.

        Returns whether there are more than one look takes over.
        """
        campaign = self._campaign()
        try:
            with self._gateway_cursor(read_committed=True) as env:
                # Who holds a row that is not committed yet gives it a place of its own.
                env.cr.execute("SET LOCAL lock_timeout = '2s'")
                env.cr.execute(
                    SQL(
                        """
                        INSERT INTO spp_email_queue (mail_id, priority, campaign, starts, claim_fence)
                        SELECT mail.id, CASE WHEN %(campaign)s > 0 THEN %(mass)s ELSE %(person)s END, %(campaign)s, 0, 0
                          FROM mail_mail AS mail
                         WHERE mail.state = 'outgoing'
                           AND NOT EXISTS (SELECT 1 FROM spp_email_queue AS queue WHERE queue.mail_id = mail.id)
                         ORDER BY mail.id
                         LIMIT %(limit)s
                        ON CONFLICT DO NOTHING
                        """,
                        campaign=campaign,
                        mass=MASS,
                        person=PERSON,
                        limit=ADOPTED,
                    ),
                    log_exceptions=False,
                )
                is_more = env.cr.rowcount == ADOPTED
                env.cr.execute(
                    SQL(
                        """
                        DELETE FROM spp_email_queue
                         WHERE id IN (SELECT queue.id FROM spp_email_queue AS queue
                                        JOIN mail_mail AS mail ON mail.id = queue.mail_id AND mail.state <> 'outgoing'
                                       WHERE queue.claim_until IS NULL
                                          OR queue.claim_until < now() AT TIME ZONE 'UTC'
                                         FOR UPDATE OF queue SKIP LOCKED)
                        """
                    )
                )
        except psycopg2.errors.LockNotAvailable:
            # The next look has them.
            return False
        return is_more

    def _claim_due(self, limit, mail_ids=None, is_suspect=False, parts=1):
        """Claim up to ``limit`` due mails and return {mail id: Claim}, in the queue's order.

        Args:
            mail_ids: only these; None for all.
            is_suspect: mails that a worker began and never ended; claimed alone, they take nothing with them.
            parts: of what is free at most one part of so many, though not fewer than a few: others want some too.
        """
        most = limit
        if parts > 1 and limit > LEAST:
            most = SQL(
                "LEAST(%(limit)s, GREATEST(%(least)s, (SELECT count(*) FROM (SELECT 1 FROM spp_email_queue"
                " WHERE %(free)s LIMIT %(enough)s) AS free) / %(parts)s))",
                limit=limit,
                least=LEAST,
                free=FREE,
                enough=limit * parts,
                parts=parts,
            )
        where = SQL("starts > 0") if is_suspect else SQL("starts = 0")
        where = SQL("%s AND %s", where, DUE)
        if mail_ids is not None:
            where = SQL("%s AND mail_id IN %s", where, tuple(mail_ids) or (0,))
        claims = self._claim(where, order=ORDER, also=SQL("starts = starts + 1"), limit=most)
        if not claims:
            return {}
        with self._gateway_cursor() as env:
            rows = env.execute_query(
                SQL(
                    "SELECT id, mail_id FROM spp_email_queue WHERE id IN %s ORDER BY %s",
                    tuple(claim.id for claim in claims),
                    ORDER,
                )
            )
        by_id = {claim.id: claim for claim in claims}
        return {mail_id: by_id[row_id] for row_id, mail_id in rows}

    def _take(self, mail_ids):
        """Claim mails for a request that sends them itself, in its own transaction; return the ids that it got.

        Lanes leave alone what is claimed, and a mail that a lane has is left to it.
        """
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                INSERT INTO spp_email_queue AS queue
                       (mail_id, priority, campaign, starts, claim_fence, claim_owner, claim_until)
                SELECT id, %(now)s, 0, 0, 1, %(owner)s, now() AT TIME ZONE 'UTC' + %(lease)s * interval '1 second'
                  FROM mail_mail WHERE id IN %(mails)s
                ON CONFLICT (mail_id) DO UPDATE
                   SET claim_owner = EXCLUDED.claim_owner, claim_until = EXCLUDED.claim_until,
                       claim_fence = queue.claim_fence + 1
                 WHERE queue.claim_until IS NULL OR queue.claim_until < now() AT TIME ZONE 'UTC'
                RETURNING mail_id
                """,
                now=NOW,
                owner=owner_name(),
                lease=self._lease_seconds(),
                mails=tuple(mail_ids) or (0,),
            )
        )
        return [mail_id for (mail_id,) in rows]

    def _release(self, mail_ids):
        """Leave mails that a request has sent, or tried to, to whoever comes."""
        self.env.execute_query(
            SQL(
                "UPDATE spp_email_queue SET claim_owner = NULL, claim_until = NULL WHERE mail_id IN %s RETURNING id",
                tuple(mail_ids) or (0,),
            )
        )

    def _killed_too_often(self, claim):
        """Return whether the sending of a claimed mail began so often without an end that it is not begun again."""
        with self._gateway_cursor() as env:
            rows = env.execute_query(SQL("SELECT starts FROM spp_email_queue WHERE id = %s", claim.id))
        return bool(rows) and rows[0][0] > STARTS

    def _give_back(self, claims, is_begun=False):
        """Let others have claimed mails, in a transaction of its own.

        Args:
            is_begun: the sending began and came to an end, without a decision; otherwise it did not begin.
        """
        starts = SQL("0") if is_begun else SQL("queue.starts - 1")
        self._set_free(claims, SQL("claim_until = NULL, starts = %s", starts))

    def _let_go(self, claims):
        """Let others have claimed mails in a minute; that they were begun is remembered."""
        self._set_free(claims, SQL("claim_until = now() AT TIME ZONE 'UTC' + interval '1 minute'"))
        # Nothing else may wake the queue then: they are not due to anybody who looks now.
        with self._gateway_cursor() as env:
            for job in env["spp.email.sending"]._job(1) if claims else ():
                job._trigger(at=fields.Datetime.now() + timedelta(seconds=61))

    def _suspect(self, claims):
        """Let others have claimed mails, one of which ended the work of its batch: each is claimed alone now."""
        self._set_free(claims, SQL("claim_until = NULL"))

    def _set_free(self, claims, changes):
        if claims:
            with self._gateway_cursor(read_committed=True) as env:
                env.execute_query(_update(changes, claims))

    def _held(self, claims):
        """Return the ids of mails whose claims, {mail id: Claim}, still hold, as the current transaction sees it."""
        rows = self.env.execute_query(
            SQL(
                "SELECT mail_id FROM spp_email_queue WHERE (id, claim_fence) IN %s AND claim_until IS NOT NULL",
                tuple((claim.id, claim.fence) for claim in claims.values()) or ((0, 0),),
            )
        )
        return [mail_id for (mail_id,) in rows]

    def _end_claims(self, claims, waiting_ids):
        """Forget mails that are decided, and free those that wait, in the transaction that says so of the mails.

        Args:
            claims: {mail id: Claim}; one that holds no more changes nothing.
            waiting_ids: ids of mails that are not decided.
        """
        waiting = [claim for mail_id, claim in claims.items() if mail_id in waiting_ids]
        decided = [claim for mail_id, claim in claims.items() if mail_id not in waiting_ids]
        if waiting:
            self.env.execute_query(_update(SQL("claim_until = NULL, starts = 0"), waiting))
        if decided:
            self.env.execute_query(
                SQL(
                    "DELETE FROM spp_email_queue AS queue USING %s"
                    " WHERE queue.id = mine.id AND queue.claim_fence = mine.fence RETURNING queue.id",
                    _mine(decided),
                )
            )

    def _free_claims_of_the_dead(self):
        """Give back what processes of this machine had claimed that have ended; elsewhere a claim has to run out."""
        with self._gateway_cursor(read_committed=True) as env:
            rows = env.execute_query(
                SQL("SELECT DISTINCT claim_owner FROM spp_email_queue WHERE claim_owner IS NOT NULL")
            )
            dead = tuple(owner for (owner,) in rows if is_dead(owner))
            if dead:
                env.cr.execute(
                    SQL(
                        "UPDATE spp_email_queue SET claim_owner = NULL, claim_until = NULL,"
                        " claim_fence = claim_fence + 1 WHERE claim_owner IN %s",
                        dead,
                    )
                )

    def _backlog(self, limit):
        """Return how many mails could be claimed, counted up to ``limit``."""
        (count,) = self.env.execute_query(
            SQL(
                "SELECT count(*) FROM (SELECT 1 FROM spp_email_queue WHERE %s AND %s LIMIT %s) AS due", FREE, DUE, limit
            )
        )[0]
        return count

    def _next_due(self):
        """Return when the next mail that waits is due, as naive UTC; None when none is planned."""
        (due,) = self.env.execute_query(
            SQL(
                "SELECT min(scheduled_date) FROM mail_mail WHERE state = 'outgoing'"
                " AND scheduled_date > now() AT TIME ZONE 'UTC'"
            )
        )[0]
        return due

    def _place(self, mail_ids, priority):
        """Give mails a place in the queue, in the current transaction."""
        self.env.flush_all()
        self.env.execute_query(
            SQL(
                "INSERT INTO spp_email_queue (mail_id, priority, campaign, starts, claim_fence)"
                " SELECT id, %s, %s, 0, 0 FROM mail_mail AS mail WHERE id IN %s"
                " ON CONFLICT (mail_id) DO UPDATE SET priority = EXCLUDED.priority RETURNING id",
                priority,
                # Those of a campaign that were made a few at a time come to the others.
                self._campaign() if priority == MASS else SQL("0"),
                tuple(mail_ids) or (0,),
            )
        )

    def _campaign(self):
        """Return the SQL that gives the campaign of a row of ``mail``; 0 also where mass_mailing is not there."""
        return SQL("COALESCE(mail.mailing_id, 0)" if "mailing_id" in self.env["mail.mail"]._fields else "0")
