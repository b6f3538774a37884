# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What a chatter message says about its sender."""

from odoo import api, fields, models

from odoo.addons.mail.tools.discuss import Store

from ..engine.attempt import Attempt
from ..engine.outcome import selection
from ..engine.sender_policy import SENDER_MARK_WORDS
from .mail_thread import ATTEMPT

FIELDS = ("gateway_sender_mark", "gateway_sender_words")


class MailMessage(models.Model):
    _inherit = "mail.message"

    gateway_sender_mark = fields.Selection(
        selection(SENDER_MARK_WORDS), string="Sender Check", readonly=True, copy=False, groups="base.group_user"
    )
    # The words name servers of ours.
    gateway_sender_words = fields.Char(
        "What Proves the Sender", readonly=True, copy=False, groups="base.group_user"
    )

    @api.model_create_multi
    def create(self, vals_list):
        if not isinstance(self.env.context.get(ATTEMPT), Attempt):
            # Whoever may post a message does not say that it is proved.
            vals_list = [_without_verdict(vals) for vals in vals_list]
        return super().create(vals_list)

    def write(self, vals):
        return super().write(_without_verdict(vals))

    def _to_store_defaults(self, target):
        found = super()._to_store_defaults(target)
        if not target.is_internal(self.env):
            # It names servers of ours.
            return found
        return [
            *found,
            *(Store.Attr(name, predicate=lambda message: message.message_type == "email") for name in FIELDS),
        ]


def _without_verdict(vals):
    return {name: vals[name] for name in vals if name not in FIELDS} if any(name in vals for name in FIELDS) else vals
