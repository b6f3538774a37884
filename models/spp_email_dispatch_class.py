# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Mass mailings choose their servers apart from other mail."""

from odoo import models

from .ir_mail_server_quota import IS_MASS


class SppEmailDispatch(models.AbstractModel):
    _inherit = "spp.email.dispatch"

    def _groups(self, mails, known):
        mass = mails.filtered(lambda mail: mail._gateway_is_mass())
        for found, is_mass in ((mails - mass, False), (mass, True)):
            if found:
                yield from super()._groups(found.with_context(**{IS_MASS: is_mass}), known)

    def _routes(self, mails, server, alias_domain, company, smtp_from):
        # The servers to fail over to are asked for in this Environment.
        asked = self.with_context(**{IS_MASS: mails.env.context.get(IS_MASS)})
        return super(SppEmailDispatch, asked)._routes(mails, server, alias_domain, company, smtp_from)
