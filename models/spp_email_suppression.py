# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The suppression list: addresses that are not written to any more."""

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ..engine.bounce_reason import BOUNCE_REASON_WORDS, BounceReason
from ..engine.outcome import selection
from ..engine.storable import storable
from ..engine.suppression import (
    REACH_WORDS,
    SUPPRESSION_REASON_WORDS,
    SUPPRESSION_SOURCE_WORDS,
    Entry,
    Reach,
    SuppressionReason,
    SuppressionSource,
    is_over,
    merged,
)
from ..engine.suppression_words import describe

QUESTION = "suppressed addresses"
BATCH = 1000


class SppEmailSuppression(models.Model):
    _name = "spp.email.suppression"
    _description = "Suppressed Address"
    _order = "last_date desc, id desc"
    _rec_name = "address"

    address = fields.Char("Email", required=True)
    company_id = fields.Many2one(
        "res.company",
        ondelete="cascade",
        default=lambda self: self.env.company,
        help="Whose mail is not sent. Blank: that of all companies.",
    )
    reason = fields.Selection(
        selection(SUPPRESSION_REASON_WORDS), required=True, readonly=True, default=SuppressionReason.BY_HAND.value
    )
    reach = fields.Selection(selection(REACH_WORDS), string="Applies To", required=True, default=Reach.ALL.value)
    has_bounced = fields.Boolean("Mail Came Back", readonly=True, help="Then the entry applies to all mail.")
    source = fields.Selection(
        selection(SUPPRESSION_SOURCE_WORDS), readonly=True, default=SuppressionSource.PERSON.value
    )
    delivery_id = fields.Many2one("spp.email.delivery", readonly=True, ondelete="set null", index="btree_not_null")
    inbound_id = fields.Many2one(
        "spp.email.inbound", string="Report", readonly=True, ondelete="set null", index="btree_not_null"
    )
    bounce_reason = fields.Selection(selection(BOUNCE_REASON_WORDS), string="Why It Came Back", readonly=True)
    enhanced_status = fields.Char("Status", readonly=True, help="RFC 3463, such as 5.1.1.")
    remote_text = fields.Text("Answer", readonly=True, help="The words of the server that did not take it.")
    entered_date = fields.Datetime("Since", required=True, readonly=True, default=fields.Datetime.now)
    last_date = fields.Datetime("Last Heard", required=True, readonly=True, default=fields.Datetime.now)
    report_count = fields.Integer("Reports", readonly=True, default=1)
    expiry_date = fields.Datetime("Until", help="Blank: until somebody removes it.")
    note = fields.Text()
    active = fields.Boolean(default=True, readonly=True)
    removed_date = fields.Datetime("Removed", readonly=True)
    removed_user_id = fields.Many2one("res.users", string="Removed By", readonly=True, ondelete="set null")
    removal_note = fields.Char("Why It Was Removed", readonly=True)
    event_ids = fields.One2many("spp.email.suppression.event", "suppression_id", string="History", readonly=True)
    words = fields.Char("In Words", compute="_compute_words")

    _address_unique = models.UniqueIndex(
        "(address, COALESCE(company_id, 0))", "This address is on the list of the company already."
    )
    _expiry_index = models.Index("(expiry_date) WHERE active AND expiry_date IS NOT NULL")

    @api.depends("reason", "reach", "has_bounced", "bounce_reason", "entered_date", "expiry_date", "active")
    def _compute_words(self):
        for row in self:
            row.words = describe(row._entry()) if row.active and row.reason and row.entered_date else False

    def _entry(self):
        """Return the engine's Entry."""
        self.ensure_one()
        return Entry(
            SuppressionReason(self.reason),
            self.entered_date,
            self.expiry_date or None,
            Reach(self.reach),
            self.has_bounced,
            BounceReason(self.bounce_reason) if self.bounce_reason else None,
        )

    @api.model
    def _columns(self, entry):
        """Return the values of an Entry as the table has them."""
        return {
            "reason": entry.reason.value,
            "entered_date": entry.since,
            "expiry_date": entry.until or False,
            "reach": entry.reach.value,
            "has_bounced": entry.has_bounced,
            "bounce_reason": entry.bounce_reason.value if entry.bounce_reason else False,
        }

    # ------------------------------------------------------------------
    # The doors: in and out
    # ------------------------------------------------------------------

    def _row(self, company_id, address):
        """Return the row of an address, also where it was removed; empty when there is none."""
        domain = [("address", "=", address), ("company_id", "=", company_id or False)]
        return self.with_context(active_test=False).search(domain, limit=1)

    def _enter(self, company_id, address, entry, source, **facts):
        """Put an address on the list, or note a further reason for one that is there; return its row.

        Args:
            company_id: whose mail; None or False for that of all.
            address: as `suppression_address` returns it; the caller has seen that it is not ours.
            facts: values of further columns.
        """
        # sudo: the list is the system's; who may write on it was checked by the caller.
        listed = self.sudo()  # nosemgrep
        now = fields.Datetime.now()
        row = listed._row(company_id, address) or listed._make_row(company_id, address, entry)
        old = row._entry() if row.active else None
        is_new = old is None or is_over(old, now)
        found = merged(old, entry, now)
        facts = {name: storable(value) if isinstance(value, str) else value for name, value in facts.items()}
        values = {**listed._columns(found), **facts, "last_date": now}
        if is_new or found.reason is not old.reason:
            values["source"] = source.value
        if is_new:
            values.update(active=True, report_count=1, removed_date=False, removed_user_id=False, removal_note=False)
        else:
            values["report_count"] = row.report_count + 1
        row.write(values)
        if is_new:
            row._remember("again" if row.event_ids else "entered", row.words)
        elif (found.reason, found.has_bounced) != (old.reason, old.has_bounced):
            row._remember("changed", row.words)
        return row

    def _make_row(self, company_id, address, entry):
        """Make the row of an address that has none, not yet on the list.

        Two workers may learn of one address at the same time: one of them makes the row, and neither fails.
        """
        self.flush_model()
        self.env.execute_query(
            SQL(
                "INSERT INTO spp_email_suppression"
                " (address, company_id, reason, reach, entered_date, last_date, active, create_uid, create_date)"
                " VALUES (%s, %s, %s, %s, %s, %s, FALSE, %s, %s)"
                " ON CONFLICT (address, COALESCE(company_id, 0)) DO NOTHING RETURNING id",
                address,
                company_id or None,
                entry.reason.value,
                entry.reach.value,
                entry.since,
                entry.since,
                self.env.uid,
                fields.Datetime.now(),
            )
        )
        return self._row(company_id, address)

    def _remove(self, event_type, note=""):
        """Take entries off the list; they stay as removed ones, with their history. Return those that were on it."""
        # sudo: as in _enter.
        listed = self.sudo().filtered("active")  # nosemgrep
        is_person = event_type == "removed"
        listed.write(
            {
                "active": False,
                "removed_date": fields.Datetime.now(),
                "removed_user_id": self.env.uid if is_person else False,
                "removal_note": note or dict(listed.event_ids._fields["event_type"].selection)[event_type],
            }
        )
        for row in listed:
            row.with_env(self.env)._remember(event_type, note)
            # What came before is no reason any more.
            row.env["spp.email.suppression.count"]._forget(row.address, row.company_id.id)
        return listed.with_env(self.env)

    def _remove_by_hand(self, note):
        """
        Raises:
            AccessError: the user is no officer, or may not write on these entries.
            UserError: none of them is on the list.
        """
        if not self.env.user.has_group("spp_email_gateway.group_email_gateway_officer"):
            raise AccessError(self.env._("Only officers of the email gateway take addresses off the suppression list."))
        self.check_access("write")
        if not self._remove("removed", note):
            raise UserError(self.env._("Nothing was changed: none of these addresses is on the list any more."))

    def _remember(self, event_type, text=""):
        """Note what happened in the history; who did it is the user, but for the system's own decisions."""
        is_person = self.env.uid != SUPERUSER_ID
        # sudo: the history is readonly for everybody.
        self.env["spp.email.suppression.event"].sudo().create(  # nosemgrep
            [
                {
                    "suppression_id": row.id,
                    "event_date": fields.Datetime.now(),
                    "event_type": event_type,
                    "user_id": self.env.uid if is_person else False,
                    "text": storable(text, 500) or False,
                }
                for row in self
            ]
        )
        self.invalidate_recordset(["event_ids"])

    def action_remove(self):
        """Open the dialogue that takes addresses off the list."""
        self.check_access("write")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Remove from the Suppression List"),
            "res_model": "spp.email.suppression.removal",
            "views": [(False, "form")],
            "target": "new",
            "context": {"default_suppression_ids": self.ids, "dialog_size": "medium"},
        }

    @api.autovacuum
    def _gc_expired(self):
        """Take expired entries off the list. Mail does not wait for it: what is over binds nobody."""
        over = self.search([("expiry_date", "<=", fields.Datetime.now())], limit=BATCH, order="expiry_date, id")
        over._remove("expired")
        return len(over), 1 if len(over) == BATCH else 0

    @api.model
    def _of_company(self, company_id):
        """Return the domain of the entries that bind a company's mail; those of all companies without one."""
        return Domain("company_id", "in", (False, company_id)) if company_id else Domain.TRUE
