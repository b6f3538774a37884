# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Settings whose changes are kept: written in the transaction of the change, and undone with it."""

from contextlib import contextmanager

from odoo import api, fields, models
from odoo.tools import html2plaintext

from ..engine.seal import MASK
from ..engine.setting_change import Setting, setting_changes
from .sealed_field import SealedField

# Under this name the cursor's cache holds the records whose change is being noted just now. Writing one field writes
# others; all of it is one change, seen by the outermost.
_OPEN = "spp_email_gateway changes"


class SppEmailChangeMixin(models.AbstractModel):
    _name = "spp.email.change.mixin"
    _description = "Settings Whose Changes Are Kept"

    # The fields, in the order of the form. Only what people set: what jobs write about themselves is not in the list,
    # so that it costs them one comparison of names.
    _gateway_kept = ()
    # Lines are settings of another record: (their field that leads to it, its field that shows them).
    _gateway_kept_on = None

    gateway_is_kept = fields.Boolean(compute="_compute_gateway_is_kept")

    def _compute_gateway_is_kept(self):
        kept = set(self._gateway_kept_among({}).ids)
        for record in self:
            record.gateway_is_kept = record.id in kept

    # ------------------------------------------------------------------
    # What a model may say otherwise
    # ------------------------------------------------------------------

    def _gateway_kept_among(self, vals):
        """Return those of these records whose changes are kept.

        Args:
            vals: that are being written; empty for records that are made or removed.
        """
        return self

    def _gateway_kept_words(self, field):
        """Return a setting in words."""
        value = self[field.name]
        if field.type == "boolean":
            return self.env._("Yes") if value else self.env._("No")
        if field.type == "html":
            return html2plaintext(value or "")
        if field.type == "reference":
            found = value and value.exists()
            return found.display_name if found else ""
        if field.relational:
            lines = value.exists()
            if getattr(lines, "_gateway_kept_on", None):
                return "\n".join(line._gateway_kept_line() for line in lines)
            return ", ".join(line.display_name or "" for line in lines)
        return str(field.convert_to_export(value, self))

    def _gateway_kept_line(self):
        """Return a line in words: its own settings."""
        self.ensure_one()
        words = []
        for field in self._gateway_kept_fields():
            if field.name != self._gateway_kept_on[0] and (value := self[field.name]):
                label = field._description_string(self.env)
                words.append(label if value is True else f"{label}: {self._gateway_kept_words(field)}")
        return "; ".join(words)

    def _gateway_change_name(self):
        return self.display_name

    def _gateway_change_company(self):
        return self.company_id if "company_id" in self._fields else self.env["res.company"]

    # ------------------------------------------------------------------
    # CRUD
    # ------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        if self._gateway_kept_on:
            name = self._gateway_kept_on[0]
            with self._gateway_keeping(self._gateway_kept_owners([vals[name] for vals in vals_list if vals.get(name)])):
                return super().create(vals_list)
        with self._gateway_kept_open((self._name, None)):
            records = super().create(vals_list)
        for record, settings in records._gateway_kept_among({})._gateway_kept_settings():
            record._gateway_keep("created", setting_changes({}, settings))
        return records

    def write(self, vals):
        if not self._gateway_is_kept_written(vals):
            return super().write(vals)
        if not self._gateway_kept_on:
            with self._gateway_keeping(self._gateway_kept_among(vals), vals):
                return super().write(vals)
        name = self._gateway_kept_on[0]
        named = self._gateway_kept_owners([vals[name]] if vals.get(name) else [])
        # sudo: whose settings these lines are.
        owners = self.sudo()[name] | named  # nosemgrep
        with self._gateway_keeping(owners):
            return super().write(vals)

    def unlink(self):
        if self._gateway_kept_on:
            # sudo: whose settings these lines were.
            with self._gateway_keeping(self.sudo()[self._gateway_kept_on[0]]):  # nosemgrep
                return super().unlink()
        before = [
            (record, record._gateway_change_name(), record._gateway_change_company(), settings)
            for record, settings in self._gateway_kept_among({})._gateway_kept_settings()
        ]
        result = super().unlink()
        for record, name, company, settings in before:
            self._gateway_keep_note(record, name, company, "deleted", setting_changes(settings, {}))
        return result

    def _update_field_translations(self, field_name, translations, digest=None, source_lang=""):
        if field_name not in self._gateway_kept or self._gateway_kept_on:
            return super()._update_field_translations(field_name, translations, digest, source_lang)
        lang = next((lang for lang in translations if lang), None)
        mine = self.with_context(lang=lang)
        with mine._gateway_keeping(mine._gateway_kept_among({field_name: True})):
            return super()._update_field_translations(field_name, translations, digest, source_lang)

    # ------------------------------------------------------------------
    # Before and after
    # ------------------------------------------------------------------

    @api.model
    def _gateway_is_kept_written(self, vals):
        return not vals.keys().isdisjoint(self._gateway_kept)

    @api.model
    def _gateway_kept_fields(self):
        """Return the fields whose changes are kept, as far as the addons that have them are there."""
        return [self._fields[name] for name in self._gateway_kept if name in self._fields]

    @api.model
    def _gateway_kept_owners(self, ids):
        return self.env[self._fields[self._gateway_kept_on[0]].comodel_name].browse(ids).exists()

    def _gateway_kept_settings(self):
        """Return (record, {name: Setting}) of these records."""
        found = []
        # sudo: what is set is kept, also what its author may not see; archived lines are settings as well.
        for record in self.sudo().with_context(active_test=False):  # nosemgrep
            settings = {field.name: record._gateway_kept_setting(field) for field in record._gateway_kept_fields()}
            found.append((record, settings))
        return found

    def _gateway_kept_setting(self, field):
        value = self[field.name]
        if isinstance(field, SealedField) or field.type == "binary" or self._gateway_is_kept_secret(field.name):
            return Setting(bool(value), is_secret=True)
        words = self._gateway_kept_words(field)
        if field.type == "reference":
            return Setting(value and (value._name, value.id), words)
        if field.relational:
            # What a record is called elsewhere may change; which one is chosen, or what its lines say, is the setting.
            is_lines = field.type == "one2many"
            return Setting(words if is_lines else tuple(value.ids), words)
        return Setting(value, words)

    def _gateway_is_kept_secret(self, name):
        """Return whether a setting is a secret that no field class says to be one."""
        return False

    @contextmanager
    def _gateway_kept_open(self, *keys):
        """Context: these records, or all of a model that are being made, are watched by the caller already."""
        opened = self.env.cr.cache.setdefault(_OPEN, set())
        mine = set(keys) - opened
        opened |= mine
        try:
            yield
        finally:
            opened -= mine

    @contextmanager
    def _gateway_keeping(self, records, vals=None):
        """Context: keep what becomes of the settings of ``records``, if the block ends well.

        Args:
            vals: what is written on them, for secrets: they are not opened to be compared.
        """
        opened = self.env.cr.cache.get(_OPEN, ())
        if (records._name, None) in opened:
            # They are being made; what comes of it is noted at the end.
            yield
            return
        watched = records.filtered(lambda record: (record._name, record.id) not in opened)
        before = {record.id: settings for record, settings in watched._gateway_kept_settings()}
        with self._gateway_kept_open(*((record._name, record.id) for record in watched)):
            yield
        entered = {name for name, value in (vals or {}).items() if value != MASK}
        for record, settings in watched.exists()._gateway_kept_settings():
            record._gateway_keep("changed", setting_changes(before[record.id], settings, entered))

    def _gateway_keep(self, kind, changes):
        self.ensure_one()
        if changes:
            self._gateway_keep_note(self, self._gateway_change_name(), self._gateway_change_company(), kind, changes)

    @api.model
    def _gateway_keep_note(self, record, name, company, kind, changes):
        self.env["spp.email.change"]._note_changes(record, name, company, kind, changes)

    def action_gateway_changes(self):
        """Show what was changed of this record, when and by whom."""
        self.ensure_one()
        return self.env["spp.email.change"]._show(
            self.env._("Changes of %s", self.display_name),
            fields.Domain("model", "=", self._name) & fields.Domain("res_id", "=", self.id),
        )
