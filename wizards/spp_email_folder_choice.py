# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Choosing the folders of a mailbox from those that the server has."""

from odoo import api, fields, models


class SppEmailFolderChoice(models.TransientModel):
    _name = "spp.email.folder.choice"
    _description = "Choice of Mailbox Folders"

    server_id = fields.Many2one("fetchmail.server", required=True, readonly=True, ondelete="cascade")
    line_ids = fields.One2many("spp.email.folder.choice.line", "choice_id")

    @api.model
    def _of(self, server, folders):
        """Return a choice of engine.mailbox.Folder objects, with those ticked that are read now.

        Folders that are read now and that the server does not have any more are shown as well.
        """
        chosen = server.gateway_folder_ids.filtered("active").mapped("name")
        if not server.gateway_folder_ids:
            chosen = ["INBOX"]
        lines = [{"name": folder.name, "use": folder.use, "is_chosen": folder.name in chosen} for folder in folders]
        there = {folder.name for folder in folders}
        gone = {"use": self.env._("Not on the server any more"), "is_chosen": True, "is_missing": True}
        lines += [{**gone, "name": name} for name in chosen if name not in there]
        return self.create({"server_id": server.id, "line_ids": [fields.Command.create(line) for line in lines]})

    def action_apply(self):
        """Read the folders that are ticked; those that no longer are keep their target and are read no more."""
        self.ensure_one().server_id.check_access("write")
        there = {folder.name: folder for folder in self.server_id.gateway_folder_ids}
        wanted = self.line_ids.filtered("is_chosen").mapped("name")
        commands = [fields.Command.update(folder.id, {"active": name in wanted}) for name, folder in there.items()]
        commands += [fields.Command.create({"name": name}) for name in wanted if name not in there]
        self.server_id.write({"gateway_folder_ids": commands})
        return {"type": "ir.actions.act_window_close"}
