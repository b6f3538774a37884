# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What a mailbox does with automatic replies, and who passes mail on to it."""

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..engine.automatic_policy import AUTOMATIC_POLICY_WORDS
from ..engine.errors import ConfigurationError
from ..engine.forwarder import read_forwarders
from ..engine.outcome import selection
from .engine_text import said

FORWARDERS_HELP = (
    "Addresses and domains that pass on what others wrote to them, such as a shared mailbox whose mail arrives in its "
    "own name. Records are then made for the person who wrote: taken from the attached message, from the fields above "
    "the forwarded text, or from where answers go. It never makes that person one of your users."
)


class FetchmailServer(models.Model):
    _inherit = "fetchmail.server"

    gateway_automatic_policy = fields.Selection(
        selection(AUTOMATIC_POLICY_WORDS),
        string="Automatic Replies",
        help="What becomes of absence notices and other automatic replies. Blank: as the alias domain says.",
    )
    gateway_forwarders = fields.Text("Forwarders", help=FORWARDERS_HELP)

    @api.constrains("gateway_forwarders")
    def _check_gateway_forwarders(self):
        for server in self:
            check_forwarders(self.env, server.gateway_forwarders)


def check_forwarders(env, text):
    """
    Raises:
        ValidationError: an entry of the list is no address and no domain; the text names it.
    """
    try:
        read_forwarders(text or "")
    except ConfigurationError as error:
        raise ValidationError(said(env, str(error))) from error
