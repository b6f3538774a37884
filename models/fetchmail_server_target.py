# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What a mailbox's messages become: default values, target profiles, and the notice where there is no route."""

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..engine.default_values import parse_default_values
from ..engine.errors import ConfigurationError
from .engine_text import said


class FetchmailServer(models.Model):
    _inherit = "fetchmail.server"

    gateway_defaults = fields.Text(
        "Default Values",
        help="Values of the records that this mailbox makes, such as {'priority': '1'}. A mail that reaches an alias "
        "gets the alias's.",
    )
    gateway_target_hint = fields.Char(compute="_compute_gateway_target")
    gateway_target_warning = fields.Char(compute="_compute_gateway_target")
    gateway_notify_unroutable = fields.Boolean(
        "Tell Senders of Mail without a Route",
        help="A person whose message waits in quarantine because nothing says where it belongs gets a notice, at most "
        "one a day. Machines and lists never do.",
    )

    @api.depends("object_id", "gateway_action", "gateway_defaults")
    def _compute_gateway_target(self):
        profiles = self.env["spp.email.target.profile"]._profiles()
        targets = self.env["spp.email.target.model"]
        for server in self:
            # sudo: the name of a model.
            model = server.sudo().object_id.model  # nosemgrep
            if server.gateway_action != "create" or model not in self.env:
                server.gateway_target_hint = server.gateway_target_warning = False
                continue
            profile = profiles.get(model)
            server.gateway_target_hint = profile and f"{profile.name}: {profile.hint}"
            try:
                given = parse_default_values(server.gateway_defaults or "")
            except ConfigurationError as error:
                server.gateway_target_warning = str(error)
            else:
                server.gateway_target_warning = targets._missing_words(model, given)

    @api.constrains("gateway_defaults", "object_id")
    def _check_gateway_defaults(self):
        for server in self:
            if not server.gateway_defaults:
                continue
            try:
                values = parse_default_values(server.gateway_defaults)
            except ConfigurationError as error:
                raise ValidationError(said(self.env, str(error))) from error
            # sudo: the name of a model. The values themselves are checked with the rights of who writes them.
            model = server.sudo().object_id.model  # nosemgrep
            if model in self.env:
                # Odoo checks constraints as the system.
                self.env["spp.email.target.model"].sudo(False)._check_values(model, values)

    def _gateway_default_values(self, attempt=None):
        """Return the default values of the records that this mailbox makes; {} for none.

        Values that no longer can be read are left out, and the trace says so: a mail does not wait for them.
        """
        try:
            return parse_default_values(self.gateway_defaults or "")
        except ConfigurationError as error:
            if attempt is not None:
                attempt.trace.add("default values of the mailbox", str(error), "ignored")
            return {}
