# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Whether an outgoing server is paused after failures, on its form."""

from odoo import api, fields, models

from ..engine.breaker import BREAKER_STATE_WORDS, BreakerState
from ..engine.outcome import selection
from .engine_text import EngineText


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    gateway_breaker_state = fields.Selection(
        selection(BREAKER_STATE_WORDS), string="State", compute="_compute_gateway_breaker"
    )
    gateway_breaker_since = fields.Datetime("Failing Since", compute="_compute_gateway_breaker")
    gateway_breaker_until = fields.Datetime("Next Attempt", compute="_compute_gateway_breaker")
    gateway_breaker_failures = fields.Integer("Failures in a Row", compute="_compute_gateway_breaker")
    gateway_breaker_cause = EngineText("Last Failure", compute="_compute_gateway_breaker")

    @api.depends_context("uid")
    def _compute_gateway_breaker(self):
        rows = self.env["spp.email.breaker"].search([("server_id", "in", self.ids)])
        breakers = {breaker.server_id.id: breaker for breaker in rows}
        for server in self:
            breaker = breakers.get(server._origin.id, rows.browse())
            server.gateway_breaker_state = breaker.state or BreakerState.CLOSED.value
            server.gateway_breaker_since = breaker.since
            server.gateway_breaker_until = breaker.until if server.gateway_breaker_state != "closed" else False
            server.gateway_breaker_failures = breaker.failures
            server.gateway_breaker_cause = breaker.cause

    def action_gateway_try_now(self):
        """End the pause and the waits: the next message tries the server. The button of the form."""
        self.check_access("write")
        for server in self:
            # sudo: nobody may write the states; the right to write on the server was needed to come here.
            self.env["spp.email.breaker"].sudo()._try_now(server.id)  # nosemgrep: odoo-sudo-without-context
        # sudo: managers do not write in the ledger; only when it is tried is changed.
        self.env["spp.email.delivery"].sudo()._release_of_servers(self.ids)  # nosemgrep
        return {"type": "ir.actions.client", "tag": "soft_reload"}
