# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Incoming servers of the type Local Server: a mail server on this machine hands its mail over by the pipe client."""

from odoo import fields, models
from odoo.exceptions import UserError


class FetchmailServer(models.Model):
    _inherit = "fetchmail.server"

    gateway_intake_id = fields.Many2one("spp.email.intake", string="Intake", compute="_compute_gateway_intake")
    gateway_pipe_line = fields.Char("Command", compute="_compute_gateway_intake")
    gateway_pipe_url = fields.Char("Pipe Client", compute="_compute_gateway_intake")

    def _compute_gateway_intake(self):
        for server in self:
            intakes = self.env["spp.email.intake"]
            intake = intakes.search([("server_id", "=", server._origin.id)], limit=1) if server._origin else intakes
            server.gateway_intake_id = intake
            server.gateway_pipe_line = intake.pipe_line if intake else False
            server.gateway_pipe_url = intake.pipe_url if intake else False

    def action_gateway_make_token(self):
        """Make the intake of this mailbox if there is none, and a token that is shown once."""
        self.ensure_one().check_access("write")
        if self.server_type != "local":
            raise UserError(self.env._("Only a mailbox of the type Local Server gets its mail by the pipe client."))
        intakes = self.env["spp.email.intake"]
        intake = intakes.search([("server_id", "=", self.id)], limit=1) or intakes.create(
            {"name": self.name, "server_id": self.id, "company_id": self.company_id.id}
        )
        return intake.action_renew_token()
