# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What is held back now because a limit is passed: one row for each sender, domain or record, and company."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import SQL

from ..engine.audit_action import AuditAction
from ..engine.health import HealthFinding, HealthState
from ..engine.loop import LOOP_LIMIT_WORDS, LoopLimit, bare, is_forged
from ..engine.outcome import selection
from .transaction_answers import answers

# Rows that ended are kept so long, for whoever asks later.
KEPT_DAYS = 30
# Held messages are counted up to this.
MOST_SHOWN = 1000


class SppEmailLoopBreaker(models.Model):
    """Whether a message is held is decided by counting the journal; this shows it, and lets a manager begin anew."""

    _name = "spp.email.loop.breaker"
    _inherit = ["spp.email.transaction"]
    _description = "Loop Breaker"
    _order = "until_date desc, id desc"
    _rec_name = "who"

    key = fields.Char(required=True, readonly=True)
    limit_kind = fields.Selection(selection(LOOP_LIMIT_WORDS), string="Limit", required=True, readonly=True)
    who = fields.Char(required=True, readonly=True, help="The address, the domain or the record.")
    words = fields.Char("What Was Seen", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True, ondelete="cascade")
    since_date = fields.Datetime("Since", required=True, readonly=True)
    until_date = fields.Datetime(
        "Until", required=True, readonly=True, help="When the oldest that counts leaves the window: one more is let in."
    )
    reset_date = fields.Datetime("Reset", readonly=True, help="What came before does not count.")
    is_open = fields.Boolean("Holds Mail", compute="_compute_is_open", search="_search_is_open")
    held_count = fields.Integer("Held Messages", compute="_compute_held_count")

    _key_unique = models.UniqueIndex("(key, COALESCE(company_id, 0))")

    @api.depends("until_date")
    def _compute_is_open(self):
        now = fields.Datetime.now()
        for breaker in self:
            breaker.is_open = bool(breaker.until_date and breaker.until_date > now)

    def _search_is_open(self, operator, value):
        if operator != "in":
            return NotImplemented
        now = fields.Datetime.now()
        found = [("until_date", ">", now)] if True in value else []
        if False in value:
            found = ["|", *found, ("until_date", "<=", now)] if found else [("until_date", "<=", now)]
        return found or [(0, "=", 1)]

    def _held_domain(self):
        self.ensure_one()
        return [
            ("loop_held_by", "=", self.key),
            ("company_id", "=", self.company_id.id),
            ("state", "=", "quarantined"),
        ]

    @api.depends("key", "company_id")
    def _compute_held_count(self):
        for breaker in self:
            breaker.held_count = self.env["spp.email.inbound"].search_count(breaker._held_domain(), limit=MOST_SHOWN)

    # ------------------------------------------------------------------
    # What the processing does
    # ------------------------------------------------------------------

    @api.model
    def _open(self, passed, company, now):
        """Show that a limit is passed (engine.loop.Passed), in a transaction of its own.

        All lanes may hold mail of one sender at once: in theirs they would undo each other's work.
        """
        question = passed.question
        shown = answers(self.env).setdefault("loop breakers", {})
        if shown.get((question.key, company.id)) == passed.until:
            return
        with self._gateway_cursor(read_committed=True) as env:
            env.execute_query(
                SQL(
                    """
                    INSERT INTO spp_email_loop_breaker AS breaker
                           (key, limit_kind, who, words, company_id, since_date, until_date,
                            create_uid, create_date, write_uid, write_date)
                    VALUES (%(key)s, %(limit)s, %(who)s, %(words)s, %(company)s, %(now)s, %(until)s,
                            %(uid)s, %(now)s, %(uid)s, %(now)s)
                        ON CONFLICT (key, COALESCE(company_id, 0)) DO UPDATE
                       SET until_date = EXCLUDED.until_date, words = EXCLUDED.words, write_date = EXCLUDED.write_date,
                           since_date = CASE WHEN breaker.until_date <= EXCLUDED.since_date THEN EXCLUDED.since_date
                                             ELSE breaker.since_date END
                     WHERE breaker.until_date <> EXCLUDED.until_date OR breaker.words <> EXCLUDED.words
                    RETURNING id
                    """,
                    key=question.key,
                    limit=question.limit.value,
                    who=" → ".join(filter(None, (question.who, question.target))),
                    words=passed.words,
                    company=company.id or None,
                    now=now,
                    until=passed.until,
                    uid=env.uid,
                )
            )
        shown[question.key, company.id] = passed.until

    @api.model
    def _reset_date(self, question, company):
        """Return when a manager let the counting of a limit begin anew; None for never."""
        rows = self.env.execute_query(
            SQL(
                "SELECT reset_date FROM spp_email_loop_breaker WHERE key = %s AND COALESCE(company_id, 0) = %s",
                question.key,
                company.id or 0,
            )
        )
        return rows[0][0] if rows else None

    @api.model
    def _allow(self, senders):
        """Put addresses on Odoo's list of those who may send without limit, and let their breakers end."""
        allowed = self.env["mail.gateway.allowed"]
        for sender in sorted({bare(sender) for sender in senders if sender and not is_forged(sender)} - {""}):
            if not self.env["spp.email.loop"]._is_allowed(sender):
                allowed.create({"email": sender})
        own = (LoopLimit.SENDER.value, LoopLimit.SENDER_REPLIES.value)
        self.search([("limit_kind", "in", own), ("who", "in", list(senders)), ("is_open", "=", True)])._end()

    def _end(self):
        now = fields.Datetime.now()
        self.write({"until_date": now, "reset_date": now})

    # ------------------------------------------------------------------
    # What people do
    # ------------------------------------------------------------------

    def action_reset(self):
        """Let mail in again at once: what came before does not count. What is held stays until it is released."""
        self.check_access("read")
        if not self.env.user.has_group("spp_email_gateway.group_email_gateway_manager"):
            raise AccessError(self.env._("Only managers of the email gateway reset a loop breaker."))
        # sudo: the columns are readonly for everybody; the right was checked above.
        self.sudo()._end()  # nosemgrep
        self.env["spp.email.audit"]._note(AuditAction.RELEASED, self)
        return True

    def action_open_held(self):
        """Show the messages that are held."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Held Messages"),
            "res_model": "spp.email.inbound",
            "views": [
                (self.env.ref("spp_email_gateway.view_spp_email_inbound_list_quarantine").id, "list"),
                (False, "form"),
            ],
            "domain": self._held_domain(),
        }

    @api.model
    def _gateway_health(self):
        breakers = self.search([("is_open", "=", True)], limit=MOST_SHOWN)
        if not breakers:
            return []
        return [
            HealthFinding(
                "loop_breakers_open",
                HealthState.WARNING,
                self.env._("Incoming mail is held back as a possible mail loop"),
                self.env._("%s limits are passed.", len(breakers)),
                self.env._(
                    "Open Email Gateway → Incoming → Loop Breakers, look at the held messages and release those of "
                    "people. It ends by itself when the window has passed. Who has to send that much is put on the "
                    "list of allowed senders when his mail is released."
                ),
                self._name,
                tuple(breakers.ids),
            )
        ]

    @api.autovacuum
    def _gc_ended(self):
        """Remove rows that ended long ago. What they held is found by its reason."""
        self.search([("until_date", "<", fields.Datetime.now() - timedelta(days=KEPT_DAYS))], limit=MOST_SHOWN).unlink()
