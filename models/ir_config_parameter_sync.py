# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""System parameters of the mail set-up that Odoo reads no more: they act again."""

from odoo import api, models
from odoo.exceptions import ValidationError

from ..engine.from_policy import is_address

# What each shows and changes, on the main alias domain.
FIELDS = {
    "mail.catchall.domain": "name",
    "mail.catchall.alias": "catchall_alias",
    "mail.bounce.alias": "bounce_alias",
    "mail.default.from": "default_from",
}
ADDRESSES = ("mail.force.smtp.from", "mail.dynamic.smtp.from")
# Set while one side is written because of the other.
SYNCING = "spp_email_parameter_sync"
# Set for programs that write a parameter before there is an alias domain: Odoo takes it when the first one is made.
BY_PROGRAM = "spp_email_parameter_by_program"


class IrConfigParameter(models.Model):
    _inherit = "ir.config_parameter"

    @api.model_create_multi
    def create(self, vals_list):
        parameters = super().create(vals_list)
        parameters._gateway_apply()
        return parameters

    def write(self, vals):
        result = super().write(vals)
        if {"key", "value"} & vals.keys():
            self._gateway_apply()
        return result

    @api.model
    def set_param(self, key, value):
        return super(IrConfigParameter, self.with_context(**{BY_PROGRAM: True})).set_param(key, value)

    def _gateway_apply(self):
        """Do what parameters of the mail set-up say.

        Raises:
            ValidationError: a value is not what its parameter takes, or there is no alias domain to change.
        """
        for parameter in self.filtered(lambda one: one.key in ADDRESSES):
            self.env["ir.mail_server"]._gateway_check_address(parameter.key, parameter.value)
        if self.env.context.get(SYNCING):
            return
        found = self.filtered(lambda one: one.key in FIELDS)
        if not found:
            return
        # sudo: who may write on system parameters sets up the whole system.
        domain = self.env["mail.alias.domain"].sudo()._gateway_main_domain()  # nosemgrep
        if not domain:
            if self.env.context.get(BY_PROGRAM):
                return
            raise ValidationError(
                self.env._(
                    "There is no alias domain yet that “%s” could change. Create it under Settings → Technical → "
                    "Alias Domains: the first one is given to all companies and to all aliases, so look at its name "
                    "twice.",
                    found[0].key,
                )
            )
        for parameter in found:
            self._gateway_check_value(parameter.key, parameter.value)
        domain.write({FIELDS[parameter.key]: parameter.value for parameter in found})

    @api.model
    def _gateway_check_value(self, key, value):
        """Refuse what Odoo would turn into something else in silence. The Default From is checked where it is kept."""
        is_valid = is_address(f"anybody@{value}" if key == "mail.catchall.domain" else f"{value}@domain")
        if key == "mail.default.from" or (is_valid and "@" not in value):
            return
        if key == "mail.catchall.domain":
            text = self.env._("“%(value)s” is not a domain. %(key)s takes a domain such as your-domain.org.",
                              value=value, key=key)
        else:
            text = self.env._(
                "“%(value)s” is not the name of a mailbox. %(key)s takes what stands before the @, such as catchall.",
                value=value, key=key,
            )
        raise ValidationError(text)


class MailAliasDomain(models.Model):
    _inherit = "mail.alias.domain"

    @api.model
    def _gateway_main_domain(self):
        """Return the alias domain that the parameters speak of: the first in the list; empty when there is none."""
        return self.search([], order="sequence, id", limit=1)

    @api.model_create_multi
    def create(self, vals_list):
        domains = super().create(vals_list)
        self._gateway_show_parameters()
        return domains

    def write(self, vals):
        result = super().write(vals)
        if {"sequence", *FIELDS.values()} & vals.keys():
            self._gateway_show_parameters()
        return result

    def unlink(self):
        result = super().unlink()
        self._gateway_show_parameters()
        return result

    @api.model
    def _gateway_show_parameters(self):
        """Let the parameters show what the main alias domain has."""
        # sudo: who may write on alias domains need not be one who sees system parameters.
        parameters = self.env["ir.config_parameter"].sudo().with_context(**{SYNCING: True})  # nosemgrep
        domain = self.sudo()._gateway_main_domain()  # nosemgrep: as above
        if domain and not all(domain[field] for field in ("name", "catchall_alias", "bounce_alias")):
            # Not as it can stay: the database refuses it when it gets there, and it is too early to show it.
            return
        rows = {row.key: row for row in parameters.search([("key", "in", list(FIELDS))])}
        for key, field in FIELDS.items():
            value, row = domain[field], rows.get(key)
            if row and row.value != value:
                if value:
                    row.write({"value": value})
                else:
                    row.unlink()
            elif value and not row:
                row = parameters.create({"key": key, "value": value})
                self._gateway_own_row(row)

    def _gateway_own_row(self, row):
        """Note that the row is ours, so that uninstalling removes it; one that was there before stays."""
        # sudo: names of records are the system's own.
        names = self.env["ir.model.data"].sudo()  # nosemgrep: odoo-sudo-without-context
        name = f"parameter_{row.key.replace('.', '_')}"
        names.search([("module", "=", "spp_email_gateway"), ("name", "=", name)]).unlink()
        names.create(
            {
                "module": "spp_email_gateway",
                "name": name,
                "model": row._name,
                "res_id": row.id,
                # An update of the addon would remove what its data files do not name.
                "noupdate": True,
            }
        )
