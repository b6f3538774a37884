# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The suppression list: addresses that are not written to any more."""

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
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
    describe,
    is_over,
    merged,
)
from ..engine.suppression_address import suppression_address, without_detail
from .transaction_answers import forget

QUESTION = "suppressed addresses"
# What people enter and change; all else follows from what they press, and is kept in the history.
BY_HAND = {"address", "company_id", "reach", "expiry_date", "note"}
CHANGEABLE = {"reach", "expiry_date", "note"}
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
    # What people enter and change
    # ------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        """Enter addresses by hand. One that was removed is the same entry, with its history.

        Raises:
            AccessError: a value is not for people to say.
            UserError: the address is on the list.
            ValidationError: it is no address, or one of this database's own.
        """
        default = self.default_get(["company_id"])
        vals_list = [{**default, **vals} for vals in vals_list]
        for vals in vals_list:
            self._check_names(vals, BY_HAND)
        addresses = self._clean([vals.get("address") for vals in vals_list])
        known = self._rows(addresses)
        now = fields.Datetime.now()
        fresh, removed = [], []
        for vals, address in zip(vals_list, addresses, strict=True):
            row = known.get((address, vals["company_id"] or False))
            removed.append(row)
            if not row:
                fresh.append({"entered_date": now, "last_date": now, **vals, "address": address})
                continue
            row.check_access("write")
            if row.active:
                raise UserError(self.env._("%s is on the suppression list already.", address))
        forget(self.env, QUESTION)
        made = super().create(fresh)
        made._remember("entered")
        made = iter(made)
        for vals, row in zip(vals_list, removed, strict=True):
            if row:
                row._enter_by_hand(vals)
        return self.browse([(row or next(made)).id for row in removed])

    def _enter_by_hand(self, vals):
        """Put a removed address on the list again, as the values of a form say."""
        entry = Entry(
            SuppressionReason(vals.get("reason") or SuppressionReason.BY_HAND.value),
            fields.Datetime.now(),
            fields.Datetime.to_datetime(vals.get("expiry_date")) or None,
            Reach(vals.get("reach") or Reach.ALL.value),
        )
        facts = {"note": vals["note"]} if vals.get("note") else {}
        self._enter(self.company_id.id, self.address, entry, SuppressionSource.PERSON, **facts)

    def _create_from_file(self, vals_list):
        """Enter addresses that have no row yet, with all values of an Entry; return the rows."""
        self.check_access("create")
        # sudo: people do not say what a report says; a file does.
        rows = self.sudo().create(vals_list).with_env(self.env)  # nosemgrep
        rows.check_access("create")
        return rows

    def write(self, vals):
        """Change what people may: which mail, until when, and the note.

        Raises:
            AccessError: another value; what is removed or entered has a button, and a history.
        """
        self._check_names(vals, CHANGEABLE)
        forget(self.env, QUESTION)
        result = super().write(vals)
        if not self.env.su and {"reach", "expiry_date"} & set(vals):
            for row in self:
                row._remember("changed", row.words or "")
        return result

    def unlink(self):
        forget(self.env, QUESTION)
        return super().unlink()

    def action_archive(self):
        self._remove_by_hand("")

    def action_unarchive(self):
        """Enter removed addresses again, by hand."""
        for row in self.filtered(lambda row: not row.active):
            self.create([{"address": row.address, "company_id": row.company_id.id}])

    def _check_names(self, vals, allowed):
        """
        Raises:
            AccessError: people may not say this of an entry.
        """
        others = sorted(set(vals) - allowed - {"id"})
        if others and not self.env.su:
            raise AccessError(
                self.env._(
                    "Of an entry of the suppression list these values cannot be set: %s. "
                    "To take an address off the list, press Remove.",
                    ", ".join(others),
                )
            )

    def _clean(self, texts):
        """Return the addresses in the form in which they are listed."""
        addresses = []
        for text in texts:
            addresses.append(suppression_address(text or ""))
            if not addresses[-1]:
                raise ValidationError(
                    self.env._("“%s” is no address. Enter one such as ann@your-domain.org, without a name.", text or "")
                )
        for address in self._own_among(addresses):
            raise ValidationError(
                self.env._("%s is an address that this database itself reads or sends from.", address)
            )
        return addresses

    def _rows(self, addresses):
        """Return {(address, company id or False): row}, also of those that were removed."""
        # sudo: whether they are there; who may write on them is asked of the user.
        found = self.sudo().with_context(active_test=False).search([("address", "in", addresses)])  # nosemgrep
        return {(row.address, row.company_id.id): row for row in found.with_env(self.env)}

    def _own_among(self, addresses):
        """Return those of ``addresses`` that this database reads or sends from: a report about them is about us.

        Addresses of users are none of these: a colleague's mailbox can be as dead as anybody's.
        """
        plain = {address: {address, without_detail(address)} for address in addresses}
        asked = tuple(sorted(set().union(*plain.values()))) or ("",)
        # sudo: whether the addresses are ours, no content. The columns are lower-case but for the logins.
        domains = self.env["mail.alias.domain"].sudo().search([], limit=1000)  # nosemgrep
        names = domains.mapped("bounce_email") + domains.mapped("catchall_email") + domains.mapped("default_from_email")
        self.env["mail.alias"].flush_model(["alias_full_name"])
        self.env["fetchmail.server"].flush_model(["user"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT alias_full_name FROM mail_alias WHERE alias_full_name IN %(asked)s
                UNION SELECT lower("user") FROM fetchmail_server WHERE lower("user") IN %(asked)s
                """,
                asked=asked,
            )
        )
        own = {suppression_address(name) for name in [*names, *(name for (name,) in rows)] if name} - {""}
        return {address for address, forms in plain.items() if forms & own}

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
