# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Changes of settings: who, when, what it was and what it is; one row a field and write."""

from odoo import api, fields, models
from odoo.fields import Domain

DAYS_PARAMETER = "spp_email_gateway.change_days"
DEFAULT_DAYS = 730
PERSON, SYSTEM, INSTALL = "person", "system", "install"


class SppEmailChange(models.Model):
    _name = "spp.email.change"
    _inherit = ["spp.email.trail.mixin"]
    _description = "Change of a Setting"
    _order = "date desc, id desc"
    _rec_name = "record_name"

    origin = fields.Selection(
        [(PERSON, "A person"), (SYSTEM, "The system"), (INSTALL, "Installation or upgrade")],
        string="Changed By",
        required=True,
        readonly=True,
    )
    kind = fields.Selection(
        [("created", "Created"), ("changed", "Changed"), ("deleted", "Deleted")],
        string="What Happened",
        required=True,
        readonly=True,
    )
    record_name = fields.Char("Setting Of", readonly=True, help="Its name at that time.")
    field = fields.Char("Technical Field", required=True, readonly=True)
    old = fields.Text("Before", readonly=True)
    new = fields.Text("After", readonly=True)

    field_name = fields.Char("Field", compute="_compute_field_name")

    _record_index = models.Index("(model, res_id, id)")

    @api.depends("user_id", "origin")
    def _compute_who(self):
        installed = self.filtered(lambda change: change.origin == INSTALL)
        installed.who = dict(self._fields["origin"]._description_selection(self.env))[INSTALL]
        return super(SppEmailChange, self - installed)._compute_who()

    @api.depends("model", "field")
    @api.depends_context("lang")
    def _compute_field_name(self):
        for change in self:
            # Of an addon that is gone it has its technical name.
            model = self.env.get(change.model)
            field = model._fields.get(change.field) if model is not None else None
            change.field_name = field._description_string(self.env) if field else change.field

    @api.model
    def _note_changes(self, record, name, company, kind, changes):
        """Keep what became of the settings of one record, in the current transaction.

        Args:
            record: of any model; it may be gone.
            name: what it is called.
            company: whose it is; empty when it is everybody's.
            kind: "created", "changed" or "deleted".
            changes: the engine's SettingChanges.
        """
        person = self._person_id()
        if not self.env.registry.ready:
            # Modules are being loaded: whoever pressed the button did not choose these values.
            person, origin = None, INSTALL
        else:
            origin = PERSON if person else SYSTEM
        shared = {
            "date": fields.Datetime.now(),
            "user_id": person,
            "origin": origin,
            "kind": kind,
            "model": record._name,
            "res_id": record.id,
            "record_name": name or None,
            "company_id": company.id or None,
        }
        self._add([{**shared, "field": change.name, "old": change.old, "new": change.new} for change in changes])

    # ------------------------------------------------------------------
    # For whoever asks
    # ------------------------------------------------------------------

    @api.model
    def _between(self, start, end, company=None):
        """Return the changes from ``start`` to ``end`` (naive UTC), oldest first, as far as the user may see them.

        Args:
            company: only what holds for mail of this company: its own settings and those of all companies.
        """
        return self.search(self._between_domain(start, end, company), order="date, id")

    @api.model
    def _between_domain(self, start, end, company=None):
        domain = Domain("date", ">=", start) & Domain("date", "<=", end)
        return domain & Domain("company_id", "in", (False, company.id)) if company else domain

    @api.model
    def _show(self, title, domain):
        """Return the action that lists changes."""
        action = self.env["ir.actions.act_window"]._for_xml_id("spp_email_gateway.action_spp_email_change")
        return {**action, "name": title, "display_name": title, "domain": list(domain), "context": {}}

    def action_open_record(self):
        """Open the record whose setting it was, if it is still there."""
        self.ensure_one()
        record = self.env[self.model].browse(self.res_id).exists() if self.model in self.env else None
        if not record:
            return False
        return {
            "type": "ir.actions.act_window",
            "res_model": self.model,
            "res_id": self.res_id,
            "views": [(False, "form")],
        }

    @api.autovacuum
    def _gc_changes(self):
        return self._remove_old(DAYS_PARAMETER, DEFAULT_DAYS)
