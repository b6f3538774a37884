# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""System parameters of mail: what was set is kept, secrets masked."""

from odoo import models

from ..engine.setting_change import Setting, is_secret_name
from .ir_config_parameter_sync import FIELDS, SYNCING

KEYS = ("web.base.url", "web.base.url.freeze")
PREFIXES = ("mail.", "spp_email_gateway.", "google_gmail_", "microsoft_outlook_")
# Keys that Odoo makes for itself.
NOT_SETTINGS = ("mail.web_push_vapid",)


class IrConfigParameter(models.Model):
    _name = "ir.config_parameter"
    _inherit = ["ir.config_parameter", "spp.email.change.mixin"]

    _gateway_kept = ("key", "value")

    def _gateway_kept_among(self, vals):
        # Shown in step with the alias domain, whose own change is kept.
        shadows = FIELDS if self.env.context.get(SYNCING) else ()
        new = vals.get("key") or ""
        # sudo: only its name.
        shown = self.sudo().filtered(lambda one: one.key not in shadows)  # nosemgrep
        kept = shown.filtered(lambda one: self._gateway_is_mail_key(one.key) or self._gateway_is_mail_key(new))
        return kept.with_env(self.env)

    def _gateway_is_mail_key(self, key):
        return key in KEYS or (key.startswith(PREFIXES) and not key.startswith(NOT_SETTINGS))

    def _gateway_kept_setting(self, field):
        if field.name == "value" and is_secret_name(self.key):
            return Setting(bool(self.value), is_secret=True)
        return super()._gateway_kept_setting(field)

    def _gateway_change_name(self):
        return self.key

    def _gateway_keep_note(self, record, name, company, kind, changes):
        # The name of one that is made or removed is told already.
        told = changes if kind == "changed" else [change for change in changes if change.name != "key"]
        return super()._gateway_keep_note(record, name, company, kind, told)
