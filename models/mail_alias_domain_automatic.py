# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What becomes of automatic replies to the addresses of an alias domain."""

from odoo import fields, models

from ..engine.automatic_policy import AUTOMATIC_POLICY_WORDS, AutomaticPolicy
from ..engine.outcome import selection


class MailAliasDomain(models.Model):
    _inherit = "mail.alias.domain"

    gateway_automatic_policy = fields.Selection(
        selection(AUTOMATIC_POLICY_WORDS),
        string="Automatic Replies",
        required=True,
        default=AutomaticPolicy.ATTACH.value,
        help="What becomes of absence notices and other automatic replies. Attached quietly, they are a note of the "
        "record that they answer: no follower is told, no automation runs. Without such a record they are discarded. "
        "Treated like other mail, they notify followers and make records. In each case they stay in the journal.",
    )
