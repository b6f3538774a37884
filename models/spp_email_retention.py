# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""How long the journal keeps what is finished, by state and company."""

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine.outcome import INBOUND_STATE_WORDS, InboundState, selection

FINISHED = (InboundState.DONE, InboundState.DUPLICATE, InboundState.DISCARDED)
# Rows that one run of the autovacuum changes at most; the next one goes on.
BATCH = 10_000
# Only the row tells that a message which POP leaves on the server for a while was taken: it would come again. A month
# more than that while, since the server may be out of reach; then somebody else has removed the message.
NOT_LEFT_ON_SERVER = SQL(
    "NOT EXISTS (SELECT 1 FROM fetchmail_server AS server WHERE server.id = spp_email_inbound.server_id"
    " AND server.server_type = 'pop' AND spp_email_inbound.acknowledged_date IS NULL"
    " AND spp_email_inbound.received_date > now() AT TIME ZONE 'UTC'"
    " - (server.gateway_pop_leave_days + 30) * interval '1 day')"
)
# Where no flag tells what was taken, the floor of its folder does, and the rows of what is above it: one message that
# cannot be taken keeps the floor down.
NOT_ABOVE_FLOOR = SQL(
    "NOT EXISTS (SELECT 1 FROM fetchmail_server AS server JOIN spp_email_reading_mark AS mark"
    " ON mark.server_key = spp_email_inbound.server_key AND mark.folder = spp_email_inbound.folder"
    " WHERE server.id = spp_email_inbound.server_id AND server.server_type <> 'pop'"
    " AND (server.gateway_take <> 'unread' OR server.gateway_after = 'leave')"
    " AND (mark.uid IS NULL OR mark.uid_validity = spp_email_inbound.uid_validity"
    " AND CASE WHEN spp_email_inbound.uid ~ '^[0-9]{1,18}$'"
    " THEN spp_email_inbound.uid::bigint > mark.uid::bigint ELSE FALSE END))"
)


class SppEmailRetention(models.Model):
    _name = "spp.email.retention"
    _description = "Retention of Incoming Emails"
    _order = "company_id, state, id"
    _rec_name = "state"

    state = fields.Selection(
        selection({state: INBOUND_STATE_WORDS[state] for state in FINISHED}),
        required=True,
        help="What waits or is in quarantine is never removed.",
    )
    company_id = fields.Many2one(
        "res.company", ondelete="cascade", help="Blank: for all companies without a rule of their own."
    )
    content_days = fields.Integer(
        "Keep Content (days)",
        help="After this the message as received is removed, and its journal row stays. 0: never.",
    )
    row_days = fields.Integer(
        "Keep Row (days)",
        help="After this the journal row is removed too. Messages without a Message-ID that are still in their mailbox "
        "would then be taken again. 0: never.",
    )

    _state_company_unique = models.UniqueIndex(
        "(state, COALESCE(company_id, 0))", "There is a rule for this state and company already."
    )
    _days_check = models.Constraint(
        "CHECK (content_days >= 0 AND row_days >= 0"
        " AND (row_days = 0 OR (content_days > 0 AND content_days <= row_days)))",
        "Days are 0 or more, and the content cannot be kept longer than its row.",
    )

    message_count = fields.Integer("Messages", compute="_compute_sizes")
    stored_size = fields.Integer("Size (MB)", compute="_compute_sizes", help="Of their contents, compressed.")

    def _compute_sizes(self):
        for rule in self:
            count, size = self.env.execute_query(
                SQL(
                    "SELECT count(*), COALESCE(sum(content.stored_size), 0) FROM spp_email_inbound"
                    " LEFT JOIN spp_email_content AS content ON content.inbound_id = spp_email_inbound.id WHERE %s",
                    rule._of_rule(0) if rule.state else SQL("FALSE"),
                )
            )[0]
            rule.message_count, rule.stored_size = count, round(size / 1_000_000)

    @api.autovacuum
    def _gc_journal(self):
        """Remove contents, then rows, whose time is over. What is held stays, whatever its state."""
        self.env.flush_all()
        done, is_over = 0, True
        # A rule of a company goes before the one for all.
        for rule in self.search([]).sorted(lambda rule: not rule.company_id):  # pylint: disable=no-search-all
            for removed in (rule._remove_contents(), rule._remove_rows()):
                done += removed
                is_over = is_over and removed < BATCH
        return done, 0 if is_over else 1

    def _of_rule(self, days):
        """Return the SQL condition on journal rows of this rule that are older than ``days``."""
        self.ensure_one()
        if self.company_id:
            company = SQL("company_id = %s", self.company_id.id)
        else:
            own = self.search([("state", "=", self.state), ("company_id", "!=", False)]).company_id.ids
            company = SQL("(company_id IS NULL OR company_id NOT IN %s)", tuple(own) or (0,))
        return SQL(
            "state = %s AND is_held IS NOT TRUE AND %s"
            " AND received_date < now() AT TIME ZONE 'UTC' - %s * interval '1 day'",
            self.state,
            company,
            days,
        )

    def _remove_contents(self):
        if not self.content_days:
            return 0
        rows = self.env.execute_query(
            SQL(
                """
                DELETE FROM spp_email_content
                 WHERE inbound_id IN (SELECT inbound.id FROM spp_email_inbound AS inbound
                                       WHERE %s AND EXISTS(SELECT 1 FROM spp_email_content AS content
                                                            WHERE content.inbound_id = inbound.id)
                                       ORDER BY received_date LIMIT %s)
                RETURNING id
                """,
                self._of_rule(self.content_days),
                BATCH,
            )
        )
        self.env["spp.email.content"].invalidate_model()
        return len(rows)

    def _remove_rows(self):
        if not self.row_days:
            return 0
        rows = self.env.execute_query(
            SQL(
                """
                DELETE FROM spp_email_inbound
                 WHERE id IN (SELECT id FROM spp_email_inbound WHERE %s AND %s AND %s ORDER BY received_date LIMIT %s)
                RETURNING id
                """,
                self._of_rule(self.row_days),
                NOT_LEFT_ON_SERVER,
                NOT_ABOVE_FLOOR,
                BATCH,
            )
        )
        self.env["spp.email.inbound"].invalidate_model()
        return len(rows)
