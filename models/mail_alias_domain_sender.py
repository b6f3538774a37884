# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What becomes of messages to a domain's addresses whose sender is not proved."""

from odoo import fields, models

from ..engine.outcome import selection
from ..engine.sender_policy import SENDER_POLICY_WORDS
from ..engine.sender_verdict import SenderPolicy


class MailAliasDomain(models.Model):
    _inherit = "mail.alias.domain"

    gateway_sender_policy = fields.Selection(
        selection(SENDER_POLICY_WORDS),
        string="Unproved Senders",
        required=True,
        default=SenderPolicy.MARK.value,
        help="Accept: nothing is shown.\n"
        "Mark: a sign beside the author says who is proved and who is not.\n"
        "Quarantine: what is shown to be false, or claims one of our addresses without proof, waits for a person.\n"
        "Refuse: what is shown to be false is discarded. It stays in the journal, and nobody is told, since the "
        "sender's address is forged. What merely lacks a proof waits for a person.\n"
        "Whatever you choose, a message that claims one of our domains or users without proof acts as nobody.",
    )
