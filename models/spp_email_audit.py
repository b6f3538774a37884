# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Who opened, released, routed or discarded a message: one row an act."""

import hashlib

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine.audit_action import AUDIT_ACTION_WORDS, AuditAction, safe_detail
from ..engine.outcome import selection

DAYS_PARAMETER = "spp_email_gateway.audit_days"
DEFAULT_DAYS = 730
# The web client reads a form again after each button: within this, it is one opening.
OPENING_MINUTES = 15
# The message as received is still there.
CONTENT_IS_THERE = SQL(
    "model = 'spp.email.inbound' AND EXISTS (SELECT 1 FROM spp_email_content AS content"
    " WHERE content.inbound_id = spp_email_audit.res_id)"
)


class SppEmailAudit(models.Model):
    """It holds numbers and no addresses, so that it may outlive the message."""

    _name = "spp.email.audit"
    _inherit = ["spp.email.trail.mixin"]
    _description = "Who Did What with a Message"
    _order = "date desc, id desc"
    _rec_name = "action"

    action = fields.Selection(selection(AUDIT_ACTION_WORDS), string="What", required=True, readonly=True)
    detail = fields.Char(readonly=True)
    message_digest = fields.Char(
        "Digest of the Message-ID", readonly=True, index="btree_not_null", help="SHA-256, in hexadecimal digits."
    )
    inbound_id = fields.Many2one(
        "spp.email.inbound", string="Incoming Email", compute="_compute_inbound_id", search="_search_inbound_id"
    )
    mail_id = fields.Many2one("mail.mail", string="Email", compute="_compute_mail_id", search="_search_mail_id")
    message_id = fields.Char(
        "Message-ID", compute="_compute_message_id", search="_search_message_id", help="It is looked for by its digest."
    )

    _record_index = models.Index("(model, res_id, id)")

    @api.depends("model", "res_id")
    def _compute_inbound_id(self):
        self._compute_record("inbound_id", "spp.email.inbound")

    @api.depends("model", "res_id")
    def _compute_mail_id(self):
        self._compute_record("mail_id", "mail.mail")

    def _compute_record(self, name, model):
        """Set ``name`` to the record, for who may see it and while it is there."""
        mine = self.filtered(lambda row: row.model == model)
        is_asked = mine and self.env[model].has_access("read")
        there = self.env[model].search([("id", "in", mine.mapped("res_id"))]) if is_asked else self.env[model]
        known = set(there.ids)
        for row in self:
            row[name] = row.model == model and row.res_id in known and row.res_id

    def _search_inbound_id(self, operator, value):
        return self._search_record("spp.email.inbound", operator, value)

    def _search_mail_id(self, operator, value):
        return self._search_record("mail.mail", operator, value)

    def _search_record(self, model, operator, value):
        if operator != "in":
            return NotImplemented
        return [("model", "=", model), ("res_id", "in", [one for one in value if isinstance(one, int)])]

    def _compute_message_id(self):
        self.message_id = False

    def _search_message_id(self, operator, value):
        if operator not in ("in", "ilike", "=ilike"):
            return NotImplemented
        found = value if operator == "in" else [value]
        return [("message_digest", "in", [self._digest(one) for one in found if one])]

    @api.model
    def _digest(self, message_id):
        return hashlib.sha256(message_id.strip().encode("utf-8", "surrogateescape")).hexdigest()

    # ------------------------------------------------------------------
    # Writing
    # ------------------------------------------------------------------

    @api.model
    def _note(self, action, records, detail=""):
        """Note what the user did with messages, in the current transaction.

        An act and its row are committed together, and so are a reading and its row: Odoo answers a request only once
        it is committed. The row waits for nobody: no foreign key leads to the message.

        Args:
            action: value of an engine.audit_action.AuditAction.
            records: journal rows, deliveries, mails or messages; they may be about to be removed.
            detail: for people, without personal data; addresses in it are hidden.

        Raises:
            ValueError: there is no such action.
        """
        action, person = AuditAction(action), self._person_id()
        if action is AuditAction.OPENED:
            if not person:
                return
            records = records.browse(set(records.ids) - self._opened_lately(records))
        elif action is AuditAction.ERASED:
            # Of what is erased the trail keeps no more than who did what, when, with which number.
            self._forget(records._name, records.ids)
            detail = ""
        if not records:
            return
        now, detail = fields.Datetime.now(), safe_detail(detail) or None
        self._add(
            [
                {
                    "date": now,
                    "user_id": person,
                    "action": action.value,
                    "model": record._name,
                    "res_id": record.id,
                    "message_digest": None if action is AuditAction.ERASED else self._message_digest(record),
                    "company_id": self._company_of(record).id or None,
                    **self._about_of(record),
                    "detail": detail,
                }
                # sudo: whose it is, and the digest of its name.
                for record in records.sudo()  # nosemgrep
            ]
        )
        if "audit_ids" in records._fields:
            records.invalidate_recordset(["audit_ids"], flush=False)

    @api.model
    def _opened_lately(self, records):
        """Return the ids of those that the user opened a moment ago."""
        if not records:
            return set()
        rows = self.env.execute_query(
            SQL(
                "SELECT res_id FROM %s WHERE model = %s AND res_id IN %s AND user_id = %s AND action = %s"
                " AND date > %s - %s * interval '1 minute'",
                SQL.identifier(self._table),
                records._name,
                tuple(records.ids),
                self.env.uid,
                AuditAction.OPENED.value,
                fields.Datetime.now(),
                OPENING_MINUTES,
            )
        )
        return {row[0] for row in rows}

    @api.model
    def _message_digest(self, record):
        message_id = record.message_id if "message_id" in record._fields else False
        return self._digest(message_id) if message_id else None

    @api.model
    def _company_of(self, record):
        for name in ("company_id", "record_company_id"):
            if name in record._fields:
                return record[name]
        return self.env["res.company"]

    @api.model
    def _about_of(self, record):
        """Return {column: id or None}: the ways in of a team, whose alone the row is then."""
        if record._name == "mail.message":
            # sudo: as for whose it is. An answer has a message, and no record.
            deliveries = self.env["spp.email.delivery"].sudo()  # nosemgrep
            record = deliveries.search([("mail_message_id", "=", record.id)], limit=1)
        is_about = record._name == "mail.mail" or "about_mailbox_id" in record._fields
        return record._about() if is_about else dict.fromkeys(("about_mailbox_id", "about_intake_id"))

    @api.model
    def _forget(self, model, ids):
        """Take what could lead to a person out of the rows about these records: an erasure leaves who, when and what.

        Args:
            model: name of a model.
            ids: of its records, which may be gone.
        """
        if not ids:
            return
        self.env.cr.execute(
            SQL(
                "UPDATE %s SET message_digest = NULL, detail = NULL WHERE model = %s AND res_id IN %s",
                SQL.identifier(self._table),
                model,
                tuple(ids),
            )
        )
        self.invalidate_model(flush=False)

    @api.autovacuum
    def _gc_audit(self):
        """Remove old rows; those of a message whose content is still there stay."""
        return self._remove_old(DAYS_PARAMETER, DEFAULT_DAYS, SQL("NOT (%s)", CONTENT_IS_THERE))
