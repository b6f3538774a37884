# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the chatter is told of automatic replies."""

from odoo import models

from odoo.addons.mail.tools.discuss import Store

from .mail_thread_automatic import SUBTYPE


class MailMessage(models.Model):
    _inherit = "mail.message"

    def _to_store_defaults(self, target):
        subtype = self.env["ir.model.data"]._xmlid_to_res_id(SUBTYPE, raise_if_not_found=False)
        mark = Store.Attr(
            "gateway_is_automatic",
            value=True,
            predicate=lambda message: bool(subtype) and message.subtype_id.id == subtype,
        )
        return [*super()._to_store_defaults(target), mark]
