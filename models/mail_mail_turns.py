# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Mail that is made because of an incoming message says how many messages in a row were."""

from odoo import api, fields, models

from ..engine.loop_signs import TURNS_HEADER
from .mail_thread import ATTEMPT

# Context key of the number where the attempt itself does not travel: in the action of a mailbox.
TURNS = "gateway_turns"


class MailMail(models.Model):
    _inherit = "mail.mail"

    gateway_turns = fields.Integer(
        "Messages in a Row",
        readonly=True,
        copy=False,
        help="It was made while an incoming message was processed: 1, and 1 more for each such message before that. "
        "Another gateway that answers by itself stops by it.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        attempt, number = self.env.context.get(ATTEMPT), self.env.context.get(TURNS)
        if attempt is not None and hasattr(attempt, "facts"):
            number = (attempt.facts.get("turns") or 0) + 1
        if number:
            vals_list = [{"gateway_turns": number, **vals} for vals in vals_list]
        return super().create(vals_list)

    def _prepare_outgoing_list(self, mail_server=False, doc_to_followers=None):
        found = super()._prepare_outgoing_list(mail_server=mail_server, doc_to_followers=doc_to_followers)
        if self.gateway_turns:
            for values in found:
                values["headers"] = {**(values.get("headers") or {}), TURNS_HEADER: str(self.gateway_turns)}
        return found
