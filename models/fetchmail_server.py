# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Incoming servers: what happens to their mail, and what keeps their settings right."""

from odoo import api, fields, models
from odoo.exceptions import ValidationError


class FetchmailServer(models.Model):
    _name = "fetchmail.server"
    _inherit = ["fetchmail.server", "spp.email.server.mixin"]

    _gateway_settings = {
        "host": "server",
        "port": "port",
        "security": "is_ssl",
        "certificate": "gateway_ca_certificate",
        "user": "user",
        "password": "password",
    }
    _gateway_discovery = ("incoming", "mailbox_id")

    company_id = fields.Many2one("res.company", help="Company that the mail of this mailbox belongs to.")
    gateway_action = fields.Selection(
        [("create", "Create a new Record"), ("attach", "Attach to a Record"), ("server_action", "Run an Action")],
        string="Action to Perform on Incoming Mails",
        help="What happens to a mail that is no reply and reaches no alias. Blank: it waits in quarantine.",
    )
    gateway_record = fields.Reference(
        selection="_selection_gateway_record", string="Attach to", help="Record that gets all such mails."
    )
    gateway_server_action_id = fields.Many2one(
        "ir.actions.server",
        string="Server Action",
        # It runs as the system: whoever chooses it chooses what the system does.
        groups="base.group_system",
        domain=[("model_id.model", "=", "spp.email.inbound")],
        ondelete="restrict",
        help="Its record is the journal entry, which names the record that the mail was added to, if any; "
        "env.context['gateway_message'] holds subject, email_from, email_to, message_id, text and html.",
    )
    gateway_takes_values = fields.Boolean(
        "Take Values out of Messages",
        help="Incoming rules may fill fields with what senders write in their messages.",
    )
    gateway_envelope_headers = fields.Char(
        "Envelope Headers",
        help="Headers in which your mail server says for which address it delivered a message, the most trusted first. "
        "An alias in them decides where a message goes, also one written to in Bcc. "
        "Blank: X-Original-To, Envelope-To, X-Envelope-To, X-RCPT-To, Delivered-To.",
    )
    gateway_inbound_count = fields.Integer("Journal", compute="_compute_gateway_inbound_count")

    # ------------------------------------------------------------------
    # Computed fields
    # ------------------------------------------------------------------

    @api.model
    def _selection_gateway_record(self):
        # sudo: names of models, so that the choice is the same for all who may edit a mailbox.
        targets = self.env["ir.model"].sudo().search([("is_mail_thread", "=", True)])  # nosemgrep
        return [
            (model.model, model.name)
            for model in targets
            if model.model in self.env and not self.env[model.model]._abstract
        ]

    def _compute_gateway_inbound_count(self):
        counts = dict(
            self.env["spp.email.inbound"]._read_group([("server_id", "in", self.ids)], ["server_id"], ["__count"])
        )
        for server in self:
            server.gateway_inbound_count = counts.get(server, 0)

    @api.constrains("gateway_action", "object_id", "gateway_record", "gateway_server_action_id")
    def _check_gateway_action(self):
        # sudo: the server action is not shown to every manager, and must be right all the same.
        for server in self.sudo():  # nosemgrep
            action = server.gateway_server_action_id
            if action and action.model_id.model != "spp.email.inbound":
                raise ValidationError(
                    self.env._("The action of a mailbox must be one for the model “Incoming Email”.")
                )
            missing = {
                "create": not server.object_id and self.env._("Create a New Record"),
                "attach": not server.gateway_record and self.env._("Attach to"),
                "server_action": not server.gateway_server_action_id and self.env._("Server Action"),
            }.get(server.gateway_action)
            if missing:
                raise ValidationError(
                    self.env._("The action for incoming mails needs a value in the field “%s”.", missing)
                )

    # ------------------------------------------------------------------
    # CRUD
    # ------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([self._with_equal_action(vals) for vals in vals_list])

    def write(self, vals):
        before = self._gateway_proofs()
        if "object_id" in vals and not vals["object_id"] and "gateway_action" not in vals:
            # Who creates records cannot do so without a model; the other actions never had one.
            creating = self.filtered(lambda server: server.gateway_action == "create")
            super(FetchmailServer, creating).write({**vals, "gateway_action": False})
            result = super(FetchmailServer, self - creating).write(vals)
        else:
            result = super().write(self._with_equal_action(vals))
        self._require_password_again(vals, "password", before)
        return result

    @api.model
    def _with_equal_action(self, vals):
        """Return ``vals`` with the action and Odoo's ``object_id`` saying the same: *create* means a model is set."""
        if "gateway_action" in vals:
            if vals["gateway_action"] != "create":
                return {**vals, "object_id": False}
        elif vals.get("object_id"):
            return {**vals, "gateway_action": "create"}
        return vals

    @api.model
    def _update_cron(self):
        # sudo: whether mailboxes are checked follows from the mailboxes, which managers set up without being allowed
        # to write on scheduled actions.
        return super(FetchmailServer, self.sudo())._update_cron()  # nosemgrep

    def action_open_journal(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("spp_email_gateway.action_spp_email_inbound")
        return {**action, "domain": [("server_id", "=", self.id)]}
