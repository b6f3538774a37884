# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Making an alias of the address that a message was sent to, and playing the message again."""

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import escape_psql

from ..engine.audit_action import AuditAction
from ..engine.default_values import parse_default_values
from ..engine.envelope import header_order, recipients
from ..engine.errors import ConfigurationError
from ..engine.recipient import proposed_address
from ..engine.summary import summarize
from ..models.engine_text import said

# Messages offered to be replayed together.
MOST_OFFERED = 200


class SppEmailInboundAlias(models.TransientModel):
    _name = "spp.email.inbound.alias"
    _inherit = ["spp.email.inbound.wizard"]
    _description = "Create an Alias and Replay Incoming Emails"

    alias_name = fields.Char("Address", required=True)
    alias_domain_id = fields.Many2one("mail.alias.domain", required=True)
    target_model = fields.Selection("_selection_target_model", string="Creates", required=True)
    alias_contact = fields.Selection(
        [
            ("everyone", "Everyone"),
            ("partners", "Authenticated Partners"),
            ("followers", "Followers only"),
        ],
        string="Accepts Mail from",
        default="everyone",
        required=True,
    )
    defaults = fields.Text("Default Values", help="Such as {'priority': '1'}.")
    missing = fields.Char(compute="_compute_missing")
    other_ids = fields.Many2many(
        "spp.email.inbound",
        "spp_email_inbound_alias_other_rel",
        string="Also in Quarantine for This Address",
        compute="_compute_other_ids",
        store=True,
        readonly=False,
        help="They are replayed as well. Take out those that are not to be.",
    )

    @api.model
    def _selection_target_model(self):
        return self.env["spp.email.target.model"]._selection_offered()

    @api.model
    def default_get(self, fields_list):
        values = super().default_get(fields_list)
        inbound = self.env["spp.email.inbound"].browse(
            [value for command in values.get("inbound_ids") or [] for value in command[2]][:1]
        )
        address = self._address(inbound) if inbound else ""
        if address:
            local, _at, domain = address.rpartition("@")
            values["alias_name"] = local
            values["alias_domain_id"] = self.env["mail.alias.domain"].search([("name", "=", domain)], limit=1).id
        return values

    def _address(self, inbound):
        """Return the address of an alias domain that a message was sent to, "" when there is none."""
        content = self.env["spp.email.content"]._load(inbound.id) or b""
        domains = frozenset(name.lower() for name in self.env["mail.alias.domain"].search([]).mapped("name"))
        summary = summarize(content)
        # sudo: a setting of the mailbox; officers may not read mailboxes.
        order = header_order(inbound.sudo().server_id.gateway_envelope_headers or "")  # nosemgrep
        envelope = inbound.envelope_recipient or ", ".join(recipients(summary, order))
        return proposed_address(summary, envelope, domains)

    @api.depends("target_model", "defaults")
    def _compute_missing(self):
        for wizard in self:
            wizard.missing = False
            if wizard.target_model:
                try:
                    given = parse_default_values(wizard.defaults or "")
                except ConfigurationError as error:
                    wizard.missing = str(error)
                else:
                    wizard.missing = self.env["spp.email.target.model"]._missing_words(wizard.target_model, given)

    @api.depends("alias_name", "alias_domain_id")
    def _compute_other_ids(self):
        for wizard in self:
            address = f"{wizard.alias_name or ''}@{wizard.alias_domain_id.name or ''}".lower()
            mine = wizard._as_its_user()
            wizard.other_ids = mine._waiting_for(address) if wizard.alias_name and wizard.alias_domain_id else False

    def _waiting_for(self, address):
        found = self.env["spp.email.inbound"].search(
            [
                ("state", "=", "quarantined"),
                ("reason", "=", "no_route"),
                ("id", "not in", self.inbound_ids.ids),
                "|",
                ("envelope_recipient", "ilike", address),
                ("email_to", "ilike", address),
            ],
            limit=MOST_OFFERED,
        )
        # The search finds other-box@ for box@ as well.
        # One that the user may not read cannot be looked into, and is not his to replay.
        return found.filtered(lambda inbound: inbound._may_see_content() and self._address(inbound) == address)

    def _alias_values(self):
        try:
            defaults = parse_default_values(self.defaults or "")
        except ConfigurationError as error:
            raise ValidationError(said(self.env, str(error))) from error
        targets = self.env["spp.email.target.model"]
        targets._check_values(self.target_model, defaults)
        missing = targets._missing_words(self.target_model, defaults)
        if missing:
            raise UserError(missing)
        return {
            "alias_name": self.alias_name.strip(),
            "alias_domain_id": self.alias_domain_id.id,
            # sudo: the id of a model that the selection offered.
            "alias_model_id": self.env["ir.model"].sudo()._get(self.target_model).id,  # nosemgrep
            "alias_contact": self.alias_contact,
            "alias_defaults": repr(defaults),
        }

    def action_confirm(self):
        """Create the alias and replay the messages, at once; show what became of them.

        Raises:
            AccessError, UserError, ValidationError: in words for the person; nothing was changed then.
        """
        self.ensure_one()
        if not self.env.user.has_group("spp_email_gateway.group_email_gateway_manager"):
            raise UserError(self.env._("Only managers of the email gateway create aliases."))
        chosen = self._chosen() | self.other_ids
        chosen._check_may_decide()
        targets = self.env["spp.email.target.model"]
        if self.target_model not in targets._offered_names():
            raise UserError(self.env._("You may not make records of this kind from a mail."))
        values = self._alias_values()
        address = f"{values['alias_name']}@{self.alias_domain_id.name}".lower()
        # sudo: an address that is taken is taken, whoever may see its alias.
        aliases = self.env["mail.alias"].sudo()  # nosemgrep
        if aliases.search_count([("alias_full_name", "=ilike", escape_psql(address))], limit=1):
            raise UserError(self.env._("There is an alias for this address already. Retry the message instead."))
        what = self.env._("Create an alias for %s and replay", self.target_model)

        def create_alias(env):
            # sudo: managers set up which mail goes where, also without the right to the aliases of other apps.
            env["mail.alias"].sudo().create(values)  # nosemgrep

        noted = {"action": AuditAction.ALIAS_CREATED, "detail": self.target_model}
        return chosen._send_on(what, before=create_alias, **noted)._show_outcome()
