# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Tokens of Odoo's addons google_gmail and microsoft_outlook on outgoing servers: their own code gets them in clear.

On the model itself and not in a mixin, where only the order of installation would decide whose method comes first.
Without these addons nobody calls the methods.
"""

from odoo import models

from ..engine.seal import MASK
from .sealed_field import refuse_evaluated, revealing


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    def _generate_oauth2_string(self, user, refresh_token):
        refuse_evaluated(self.env)
        server = revealing(self)
        if refresh_token == MASK:  # nosemgrep - the mask is no secret
            refresh_token = server.google_gmail_refresh_token
        return super(IrMailServer, server)._generate_oauth2_string(user, refresh_token)

    def _fetch_gmail_token(self, grant_type, **values):
        # The client's secret is a system parameter.
        return super(IrMailServer, revealing(self))._fetch_gmail_token(grant_type, **values)

    def _generate_outlook_oauth2_string(self, login):
        refuse_evaluated(self.env)
        return super(IrMailServer, revealing(self))._generate_outlook_oauth2_string(login)

    def _fetch_outlook_token(self, grant_type, **values):
        return super(IrMailServer, revealing(self))._fetch_outlook_token(grant_type, **values)

    def copy_data(self, default=None):
        # A copy has no private key, and Odoo's rule wants one for this kind of login.
        return [
            {**vals, "smtp_authentication": "login"} if vals.get("smtp_authentication") == "certificate" else vals
            for vals in super().copy_data(default)
        ]
