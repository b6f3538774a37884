# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What came and went on a day, counted by a job: a year of figures is read without reading a year of mail."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine.outcome import INBOUND_STATE_WORDS, OUTBOUND_STATE_WORDS, OutboundReason, selection

# Recipients' domains that are kept apart: so many of each day, and none with fewer recipients. A domain at which one
# person is written to is next to an address.
MOST_DOMAINS = 30
LEAST_RECIPIENTS = 5
# Counted when the table is empty.
FIRST_DAYS = 60
# Days whose figures still change: mail comes back, people decide. Each run counts one of them anew.
LATE_DAYS = 14
KEEP_DAYS = 400
RUN_SECONDS = 300

COLUMNS = SQL(
    "day, direction, company_id, server_id, intake_id, sender_id, domain, state, is_complaint, about_mailbox_id,"
    " about_intake_id, messages"
)
INCOMING = """
    SELECT received_date::date, 'in', company_id, server_id, intake_id, NULL::integer, NULL::varchar, state, FALSE,
           about_mailbox_id, about_intake_id, count(*)
      FROM spp_email_inbound
     WHERE received_date >= %(begin)s AND received_date < %(end)s
     GROUP BY 1, 3, 4, 5, 8, 10, 11
"""
OUTGOING = """
      WITH counted AS (
            SELECT created_date::date AS day, company_id, server_id, recipient_domain AS domain, state,
                   COALESCE(reason = %(complaint)s, FALSE) AS is_complaint, about_mailbox_id, about_intake_id,
                   count(*) AS messages
              FROM spp_email_delivery
             WHERE created_date >= %(begin)s AND created_date < %(end)s
             GROUP BY 1, 2, 3, 4, 5, 6, 7, 8),
           placed AS (
            SELECT day, domain, sum(messages) AS total,
                   row_number() OVER (PARTITION BY day ORDER BY sum(messages) DESC, domain) AS place
              FROM counted
             WHERE domain > ''
             GROUP BY day, domain),
           large AS (SELECT day, domain FROM placed WHERE place <= %(most)s AND total >= %(least)s)
    SELECT counted.day, 'out', company_id, NULL::integer, NULL::integer, server_id, large.domain, state, is_complaint,
           about_mailbox_id, about_intake_id, sum(messages)
      FROM counted LEFT JOIN large ON large.day = counted.day AND large.domain = counted.domain
     GROUP BY 1, 3, 6, 7, 8, 9, 10, 11
"""


class SppEmailDay(models.Model):
    """Nobody's mail can be told from it: numbers by company, server, large domain and state."""

    _name = "spp.email.day"
    _inherit = ["spp.email.transaction"]
    _description = "Emails of a Day"
    _order = "day desc, id"
    _rec_name = "day"
    _log_access = False

    day = fields.Date(required=True, readonly=True, help="In UTC.")
    direction = fields.Selection([("in", "Received"), ("out", "Sent")], required=True, readonly=True)
    company_id = fields.Many2one("res.company", readonly=True, ondelete="cascade")
    server_id = fields.Many2one("fetchmail.server", string="Mailbox", readonly=True, ondelete="set null")
    intake_id = fields.Many2one("spp.email.intake", readonly=True, ondelete="set null")
    # Of answers and notices: the way in of the mail that they are about, for the rules of teams.
    about_mailbox_id = fields.Many2one("fetchmail.server", readonly=True, ondelete="set null")
    about_intake_id = fields.Many2one("spp.email.intake", readonly=True, ondelete="set null")
    sender_id = fields.Many2one("ir.mail_server", string="Server", readonly=True, ondelete="set null")
    domain = fields.Char("Recipient's Domain", readonly=True, help="Blank: one of those with few recipients.")
    state = fields.Selection(
        selection({**INBOUND_STATE_WORDS, **OUTBOUND_STATE_WORDS}), required=True, readonly=True
    )
    is_complaint = fields.Boolean("Complaint", readonly=True)
    messages = fields.Integer("Emails", required=True, readonly=True, aggregator="sum")

    _day_index = models.Index("(day, direction)")

    @api.model
    def _cron_count(self):
        """Count what may have changed, in a transaction of its own."""
        with self._gateway_cursor(read_committed=True) as env:
            ((is_free,),) = env.execute_query(SQL("SELECT pg_try_advisory_xact_lock(hashtext(%s), 0)", self._table))
            if not is_free:
                return
            for day in env[self._name]._due_days():
                # Each in a transaction of its own: the first run counts two months, and may be ended before.
                with self._gateway_cursor(read_committed=True) as own:
                    own[self._name]._count(day, day)
            env["spp.email.sample"]._take()

    @api.model
    def _due_days(self):
        """Return today and yesterday, what was missed while nobody counted, and one of the days before, in order."""
        today = fields.Date.today()
        first = today - timedelta(days=FIRST_DAYS)
        ((last,),) = self.env.execute_query(SQL("SELECT max(day) FROM %s", SQL.identifier(self._table)))
        begin = first if last is None else max(min(last, today - timedelta(days=1)), first)
        days = {begin + timedelta(days=number) for number in range((today - begin).days + 1)}
        if last is not None:
            turn = int(fields.Datetime.now().timestamp()) // RUN_SECONDS
            days.add(today - timedelta(days=2 + turn % LATE_DAYS))
            # Of older ones rows are removed by now: they would be counted as what is left.
            whole = self._whole_days()
            days = {day for day in days if not whole or (today - day).days < whole}
        return sorted(days)

    def _whole_days(self):
        """Return for how many days no rule of retention removes a row; 0: for ever."""
        # sudo: numbers of days, of all companies.
        rules = [*self.env["spp.email.retention"].sudo().search([("row_days", ">", 0)])]  # nosemgrep
        # sudo: as above.
        rules += self.env["spp.email.delivery.retention"].sudo().search([("row_days", ">", 0)])  # nosemgrep
        return min((rule.row_days for rule in rules), default=0)

    @api.model
    def _count(self, first, last):
        """Count the days from ``first`` to ``last`` anew."""
        self.env.flush_all()
        table = SQL.identifier(self._table)
        names = {
            "begin": first,
            "end": last + timedelta(days=1),
            "complaint": OutboundReason.COMPLAINT.value,
            "most": MOST_DOMAINS,
            "least": LEAST_RECIPIENTS,
        }
        self.env.cr.execute(SQL("DELETE FROM %s WHERE day BETWEEN %s AND %s", table, first, last))
        for query in (INCOMING, OUTGOING):
            used = {name: value for name, value in names.items() if f"%({name})s" in query}
            self.env.cr.execute(SQL("INSERT INTO %s (%s) %s", table, COLUMNS, SQL(query, **used)))
        self.env.invalidate_all(flush=False)

    @api.autovacuum
    def _gc_days(self):
        self.env.cr.execute(
            SQL(
                "DELETE FROM %s WHERE day < %s",
                SQL.identifier(self._table),
                fields.Date.today() - timedelta(days=KEEP_DAYS),
            )
        )
