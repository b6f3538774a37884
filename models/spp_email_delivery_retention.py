# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""How long sent, failed and cancelled mail is kept, by state and company."""

from odoo import api, fields, models
from odoo.tools import SQL

from .spp_email_delivery import PENDING

# State of the rule: (label, states of the mail, states of the rows). Unknown is in none: it is not decided.
KINDS = {
    "sent": ("Sent", ("sent",), ("sent",)),
    "failed": ("Failed", ("exception",), ("failed", "bounced", "suppressed")),
    "cancelled": ("Cancelled", ("cancel",), ("cancelled",)),
}
# Emails that one run of the autovacuum deletes at most, since Odoo deletes them one by one; and rows. The next run
# goes on.
MAIL_BATCH = 2_000
ROW_BATCH = 10_000


class SppEmailDeliveryRetention(models.Model):
    _name = "spp.email.delivery.retention"
    _description = "Retention of Outgoing Emails"
    _order = "company_id, state, id"
    _rec_name = "state"

    state = fields.Selection(
        [(state, label) for state, (label, *_states) in KINDS.items()],
        required=True,
        help="What waits, or whose outcome is unknown, is never removed.",
    )
    company_id = fields.Many2one(
        "res.company", ondelete="cascade", help="Blank: for all companies without a rule of their own."
    )
    mail_days = fields.Integer(
        "Keep Email (days)",
        help="After this the email leaves the queue's list. What is shown in the chatter of a record stays. 0: never.",
    )
    row_days = fields.Integer(
        "Keep Delivery (days)", help="After this the line of each recipient is removed too. 0: never."
    )
    mail_count = fields.Integer("Emails", compute="_compute_counts")
    row_count = fields.Integer("Deliveries", compute="_compute_counts")

    _state_company_unique = models.UniqueIndex(
        "(state, COALESCE(company_id, 0))", "There is a rule for this state and company already."
    )
    _days_check = models.Constraint(
        # Days that nobody entered are NULL, and NULL fails no check.
        "CHECK (COALESCE(mail_days, 0) >= 0 AND COALESCE(row_days, 0) >= 0 AND (COALESCE(row_days, 0) = 0"
        " OR (COALESCE(mail_days, 0) > 0 AND mail_days <= row_days)))",
        "Days are 0 or more, and the email cannot be kept longer than its deliveries.",
    )

    def _compute_counts(self):
        for rule in self:
            rule.mail_count = rule.row_count = 0
            if rule.state:
                count = "SELECT count(*) FROM %s WHERE %s"
                mails, rows = SQL("mail_mail AS mail"), SQL("spp_email_delivery AS delivery")
                rule.mail_count = self.env.execute_query(SQL(count, mails, rule._of_mails(0)))[0][0]
                rule.row_count = self.env.execute_query(SQL(count, rows, rule._of_rows(0)))[0][0]

    @api.autovacuum
    def _gc_deliveries(self):
        """Remove emails, then rows, whose time is over. What is held stays, whatever its state."""
        self.env.flush_all()
        done, is_over = 0, True
        # A rule of a company goes before the one for all.
        for rule in self.search([]).sorted(lambda rule: not rule.company_id):  # pylint: disable=no-search-all
            mails, rows = rule._remove_mails(), rule._remove_rows()
            done += mails + rows
            is_over = is_over and mails < MAIL_BATCH and rows < ROW_BATCH
        return done, 0 if is_over else 1

    def _of_company(self, column):
        self.ensure_one()
        if self.company_id:
            return SQL("%s = %s", column, self.company_id.id)
        own = self.search([("state", "=", self.state), ("company_id", "!=", False)]).company_id.ids
        return SQL("(%s IS NULL OR %s NOT IN %s)", column, column, tuple(own) or (0,))

    def _of_mails(self, days):
        """Return the SQL condition on ``mail``, emails of this rule that nobody has touched for ``days``."""
        company = SQL(
            "(SELECT message.record_company_id FROM mail_message AS message WHERE message.id = mail.mail_message_id)"
        )
        return SQL(
            "mail.state IN %s AND mail.write_date < now() AT TIME ZONE 'UTC' - %s * interval '1 day' AND %s"
            # One recipient that is held or undecided keeps the whole.
            " AND NOT EXISTS (SELECT 1 FROM spp_email_delivery AS delivery WHERE delivery.mail_id = mail.id"
            " AND (delivery.is_held IS TRUE OR delivery.state = 'unknown' OR delivery.state IN %s))",
            KINDS[self.state][1],
            days,
            self._of_company(company),
            PENDING,
        )

    def _of_rows(self, days):
        """Return the SQL condition on ``delivery``, rows of this rule that were decided ``days`` ago."""
        return SQL(
            "delivery.state IN %s AND delivery.is_held IS NOT TRUE AND %s"
            " AND COALESCE(delivery.final_date, delivery.created_date)"
            " < now() AT TIME ZONE 'UTC' - %s * interval '1 day'",
            KINDS[self.state][2],
            self._of_company(SQL("delivery.company_id")),
            days,
        )

    def _remove_mails(self):
        if not self.mail_days:
            return 0
        ids = self.env.execute_query(
            SQL(
                "SELECT mail.id FROM mail_mail AS mail WHERE %s ORDER BY mail.id LIMIT %s",
                self._of_mails(self.mail_days),
                MAIL_BATCH,
            )
        )
        mails = self.env["mail.mail"].browse(mail_id for (mail_id,) in ids)
        # Odoo deletes the message with an email that it was not made for, and with it what a chatter shows.
        shown = mails.filtered(lambda mail: not mail.is_notification and mail.model and mail.res_id)
        shown.is_notification = True
        mails.unlink()
        return len(mails)

    def _remove_rows(self):
        if not self.row_days:
            return 0
        rows = self.env.execute_query(
            SQL(
                """
                DELETE FROM spp_email_delivery
                 WHERE id IN (SELECT delivery.id FROM spp_email_delivery AS delivery
                               WHERE %s ORDER BY delivery.id LIMIT %s)
                RETURNING id
                """,
                self._of_rows(self.row_days),
                ROW_BATCH,
            )
        )
        self.env["spp.email.delivery"].invalidate_model()
        return len(rows)
