# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The folders of a mailbox that are read, each with a target of its own if it wants one."""

from odoo import api, fields, models
from odoo.exceptions import ValidationError


class SppEmailFolder(models.Model):
    _name = "spp.email.folder"
    _description = "Folder of a Mailbox"
    _order = "sequence, id"

    server_id = fields.Many2one("fetchmail.server", string="Mailbox", required=True, ondelete="cascade", index=True)
    name = fields.Char("Folder", required=True, help="As the server calls it, such as INBOX/Complaints.")
    sequence = fields.Integer(default=10)
    active = fields.Boolean("Read", default=True)
    # The same names as on the mailbox, whose values they replace.
    gateway_action = fields.Selection(
        [("create", "Create a new Record"), ("attach", "Attach to a Record")],
        string="New Mail",
        help="What happens to a mail of this folder that is no reply and reaches no alias. Blank: as its mailbox says.",
    )
    object_id = fields.Many2one(
        "ir.model",
        string="Create a New Record",
        domain=[("is_mail_thread", "=", True), ("abstract", "=", False)],
        ondelete="cascade",
    )
    gateway_record = fields.Reference(selection="_selection_gateway_record", string="Attach to")
    company_id = fields.Many2one(related="server_id.company_id", store=True, index=True)

    _name_unique = models.UniqueIndex("(server_id, name)", "The mailbox has this folder already.")

    @api.model
    def _selection_gateway_record(self):
        return self.env["fetchmail.server"]._selection_gateway_record()

    @api.constrains("name")
    def _check_name(self):
        for folder in self:
            if not folder.name.strip() or any(ord(char) < 32 for char in folder.name):
                raise ValidationError(self.env._("A folder needs a name without control characters."))

    @api.constrains("gateway_action", "object_id", "gateway_record")
    def _check_gateway_action(self):
        for folder in self:
            missing = {
                "create": not folder.object_id and self.env._("Create a New Record"),
                "attach": not folder.gateway_record and self.env._("Attach to"),
            }.get(folder.gateway_action)
            if missing:
                raise ValidationError(
                    self.env._(
                        "The folder “%(folder)s” needs a value in the field “%(field)s”.",
                        folder=folder.name,
                        field=missing,
                    )
                )
