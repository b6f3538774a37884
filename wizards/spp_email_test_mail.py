# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Send a Test Mail: a mail that is really sent, and what the server said about each recipient."""

from odoo import fields, models

from ..engine.outcome import OutboundState
from ..engine.trial_letter import describe_result
from ..models.engine_text import EngineText


class SppEmailTestMail(models.TransientModel):
    _name = "spp.email.test.mail"
    _description = "Test Mail"

    server_id = fields.Many2one("ir.mail_server", required=True, readonly=True, ondelete="cascade")
    email_from = fields.Char("From", readonly=True, help="Blank: the sender that your own mail gets.")
    recipients = fields.Char(
        "To", required=True, default=lambda self: self.env.user.email, help="One address or several, with commas."
    )
    outcome = fields.Selection(
        [("sent", "Accepted"), ("partly", "Accepted for Some"), ("failed", "Not Accepted")], readonly=True
    )
    result = EngineText(readonly=True)

    def action_send(self):
        """Send it, and show what the server said."""
        self.ensure_one()
        self.server_id.check_access("write")
        results = self.server_id.with_context(gateway_test_from=self.email_from)._gateway_send_now(
            self.recipients,
            self.env._("Test mail of %s", self.env.company.name),
            self.env._(
                "This is a test. The outgoing server “%(server)s” sent it because %(user)s asked for it.",
                server=self.server_id.name,
                user=self.env.user.name,
            ),
            # RFC 3834 §5: nobody's absence notice is to answer a test.
            headers={"Auto-Submitted": "auto-generated"},
        )
        accepted = sum(result.state is OutboundState.SENT for result in results.values())
        self.outcome = "sent" if accepted == len(results) else "partly" if accepted else "failed"
        self.result = "\n".join(describe_result(address, result) for address, result in results.items())
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Send a Test Mail"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }
