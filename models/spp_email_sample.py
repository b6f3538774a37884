# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""How much waits and how much is done, every few minutes: from it follows when what waits will be done."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

KEEP_DAYS = 2
# The pace is that of so many minutes.
WINDOW = timedelta(minutes=30)
# Deliveries that are looked through for what was decided since the sample before.
MOST_LOOKED = 20_000


class SppEmailSample(models.Model):
    """The journal does not note when a message was done with; how many were follows from what waits and what came."""

    _name = "spp.email.sample"
    _description = "Backlog at a Moment"
    _order = "id desc"
    _rec_name = "date"
    _log_access = False

    date = fields.Datetime(required=True, readonly=True, default=fields.Datetime.now)
    inbound_mark = fields.Integer(readonly=True, help="Highest id in the journal.")
    incoming_waiting = fields.Integer(readonly=True)
    incoming_done = fields.Integer(readonly=True, help="Since the sample before.")
    outgoing_waiting = fields.Integer(readonly=True)
    outgoing_done = fields.Integer(readonly=True, help="Since the sample before.")

    @api.model
    def _take(self):
        """Note what waits now, and what was done since the last time."""
        self.env.flush_all()
        before = self.search([], limit=1)
        ((mark, waiting, outgoing),) = self.env.execute_query(
            SQL(
                "SELECT (SELECT COALESCE(max(id), 0) FROM spp_email_inbound),"
                " (SELECT count(*) FROM spp_email_inbound WHERE state IN ('received', 'retry', 'processing')),"
                " (SELECT count(*) FROM mail_mail WHERE state = 'outgoing')"
            )
        )
        done = sent = 0
        if before:
            ((arrived, sent),) = self.env.execute_query(
                SQL(
                    "SELECT (SELECT count(*) FROM spp_email_inbound WHERE id > %s AND id <= %s),"
                    " (SELECT count(DISTINCT COALESCE(message_id, id::varchar)) FROM"
                    " (SELECT id, message_id, final_date FROM spp_email_delivery ORDER BY id DESC LIMIT %s) AS latest"
                    " WHERE final_date > %s)",
                    before.inbound_mark,
                    mark,
                    MOST_LOOKED,
                    before.date,
                )
            )
            done = max(before.incoming_waiting + arrived - waiting, 0)
        return self.create(
            {
                "inbound_mark": mark,
                "incoming_waiting": waiting,
                "incoming_done": done,
                "outgoing_waiting": outgoing,
                "outgoing_done": sent,
            }
        )

    @api.model
    def _pace(self):
        """Return (messages taken in a minute, emails sent a minute), each None where it was not measured."""
        now = fields.Datetime.now()
        samples = self.search([("date", ">=", now - WINDOW)], order="date, id")
        minutes = (samples[-1].date - samples[0].date).total_seconds() / 60 if len(samples) > 1 else 0
        if minutes <= 0:
            return None, None
        # What the first one counted was done before it.
        later = samples[1:]
        return sum(later.mapped("incoming_done")) / minutes, sum(later.mapped("outgoing_done")) / minutes

    @api.autovacuum
    def _gc_samples(self):
        self.search([("date", "<", fields.Datetime.now() - timedelta(days=KEEP_DAYS))]).unlink()
