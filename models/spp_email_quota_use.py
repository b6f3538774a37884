# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What left through each server lately, counted so that several lanes together never send more than a limit."""

from dataclasses import replace

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine.quota import DOMAIN_WINDOWS, Use, Window, horizon, line_up, returns, shortage, slot

# The row of a server that whoever counts locks first.
_ANCHOR = "anchor"
# Before the name of a window: how much waits for it, by the time until which it was told to wait.
_LINE = "line_"


class SppEmailQuotaUse(models.Model):
    """One row a server, window, slot and domain. Written by SQL, each time in a transaction of its own."""

    _name = "spp.email.quota.use"
    _inherit = ["spp.email.transaction"]
    _description = "Use of a Server's Quota"
    _log_access = False

    # No foreign key: checking it would wait for whoever holds the server's row, which may be the sender itself.
    server_id = fields.Integer(required=True, readonly=True)
    window = fields.Char(required=True, readonly=True, help="Window of engine.quota, or who waits for it.")
    start_date = fields.Datetime(required=True, readonly=True)
    domain = fields.Char(required=True, readonly=True, help="Recipients' domain; blank where all count together.")
    used = fields.Integer(required=True, readonly=True)

    _slot_unique = models.UniqueIndex('(server_id, "window", "domain", start_date)')

    def _reserve(self, server_id, limits, wanted):
        """Take the places of a message, or none.

        Returns:
            (engine.quota.Shortage, None) when a limit leaves no room, else (None, {Window: used with this}).
            Committed when this returns.
        """
        with self._gateway_cursor(read_committed=True) as env:
            return env["spp.email.quota.use"]._reserve_here(server_id, limits, list(wanted))

    def _reserve_here(self, server_id, limits, wanted):
        now = self._lock(server_id)
        uses = self._uses(server_id, now, {wish.domain for wish in wanted})
        short = shortage(limits, wanted, uses, now)
        if short:
            wish = next(one for one in wanted if (one.window, one.domain) == (short.window, short.domain))
            return self._line_up(server_id, short, wish, uses, now), None
        self._add(server_id, [(wish.window.value, slot(wish.window, now), wish.domain, wish.count) for wish in wanted])
        counts = {wish.window: wish.count for wish in wanted if not wish.domain}
        for use in uses:
            if not use.domain and use.window in counts:
                counts[use.window] += use.count
        return None, counts

    def _line_up(self, server_id, short, wish, uses, now):
        """Return the shortage with the time at which it is this message's turn, and note that it waits until then."""
        line = f"{_LINE}{short.window.value}"
        waiting = self.env.execute_query(
            SQL(
                """
                SELECT COALESCE(sum("used"), 0)::int FROM spp_email_quota_use
                 WHERE server_id = %s AND "window" = %s AND "domain" = %s AND start_date > %s
                """,
                server_id,
                line,
                short.domain,
                now,
            )
        )[0][0]
        until = line_up(short, wish.count, uses, now, waiting)
        self._add(server_id, [(line, until, short.domain, wish.count)])
        return replace(short, until=until)

    def _add(self, server_id, rows):
        """Add (window, beginning of the slot, domain, count) rows to what is counted."""
        windows, starts, domains, counts = map(list, zip(*rows, strict=True))
        self.env.execute_query(
            SQL(
                """
                INSERT INTO spp_email_quota_use AS u (server_id, "window", start_date, "domain", "used")
                     SELECT %s, * FROM unnest(%s::varchar[], %s::timestamp[], %s::varchar[], %s::int[])
                ON CONFLICT (server_id, "window", "domain", start_date)
                  DO UPDATE SET "used" = u."used" + EXCLUDED."used"
                  RETURNING id
                """,
                server_id,
                windows,
                starts,
                domains,
                counts,
            )
        )

    def _give_back(self, server_id, wanted):
        """Free places that a message took and did not need."""
        wanted = [wish for wish in wanted if wish.count]
        if not wanted:
            return
        with self._gateway_cursor(read_committed=True) as env:
            counters = env["spp.email.quota.use"]
            uses = counters._uses(server_id, counters._lock(server_id), {wish.domain for wish in wanted})
            for use in returns(wanted, uses):
                env.execute_query(
                    SQL(
                        """
                        UPDATE spp_email_quota_use SET "used" = "used" - %s
                         WHERE server_id = %s AND "window" = %s AND "domain" = %s AND start_date = %s
                     RETURNING id
                        """,
                        use.count,
                        server_id,
                        use.window.value,
                        use.domain,
                        use.start,
                    )
                )

    def _lock(self, server_id):
        """Let nobody else count for this server until the transaction ends; return the time by PostgreSQL's clock.

        It is the only clock that all hosts share, and it is looked at after the wait: the time before it may lie in
        an older slot than what others counted meanwhile.
        """
        # A count that a crash of the database takes back is a few mails more than a limit says, once.
        self.env.cr.execute("SET LOCAL synchronous_commit = off")
        self.env.execute_query(
            SQL(
                """
                INSERT INTO spp_email_quota_use (server_id, "window", start_date, "domain", "used")
                     VALUES (%s, %s, 'epoch', '', 0)
                ON CONFLICT (server_id, "window", "domain", start_date) DO UPDATE SET "used" = 0
                  RETURNING id
                """,
                server_id,
                _ANCHOR,
            )
        )
        return self.env.execute_query(SQL("SELECT clock_timestamp() AT TIME ZONE 'UTC'"))[0][0]

    def _uses(self, server_id, now, domains=("",)):
        """Return the engine's Use of each slot that counts for a server now, of these domains."""
        windows = {window: horizon(window, now) for window in Window}
        rows = self.env.execute_query(
            SQL(
                """
                SELECT "window", start_date, "used", "domain" FROM spp_email_quota_use
                 WHERE server_id = %s AND "domain" IN %s AND "window" IN %s AND start_date > %s
                """,
                server_id,
                tuple({"", *domains}),
                tuple(window.value for window in Window),
                min(windows.values()),
            )
        )
        return [
            Use(Window(window), start, used, domain)
            for window, start, used, domain in rows
            if start > windows[Window(window)]
        ]

    @api.model
    def _used(self, server_ids, now):
        """Return {server id: {Window: used now}} for the windows that count all domains together."""
        sums = {server_id: {} for server_id in server_ids}
        # Written by other transactions, and never through the ORM: nothing to flush.
        for window in set(Window) - set(DOMAIN_WINDOWS):
            for server_id, used in self.env.execute_query(
                SQL(
                    """
                    SELECT server_id, sum("used")::int FROM spp_email_quota_use
                     WHERE server_id IN %s AND "window" = %s AND "domain" = '' AND start_date > %s
                     GROUP BY server_id
                    """,
                    tuple(server_ids) or (0,),
                    window.value,
                    horizon(window, now),
                )
            ):
                sums[server_id][window] = used
        return sums

    @api.autovacuum
    def _gc_uses(self):
        """Remove slots that count no more, and those of servers that are gone."""
        now = fields.Datetime.now()
        self.env.execute_query(
            SQL(
                """
                DELETE FROM spp_email_quota_use u
                      WHERE ("window" <> %s AND start_date < %s)
                         OR NOT EXISTS (SELECT FROM ir_mail_server s WHERE s.id = u.server_id)
                  RETURNING id
                """,
                _ANCHOR,
                horizon(Window.DAY, now),
            )
        )
