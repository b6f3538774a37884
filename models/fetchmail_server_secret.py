# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Tokens of Odoo's addons google_gmail and microsoft_outlook on incoming servers: their own code gets them in clear.

On the model itself and not in a mixin, where only the order of installation would decide whose method comes first.
Without these addons nobody calls the methods.
"""

from odoo import models

from ..engine.seal import MASK
from .sealed_field import refuse_evaluated, revealing


class FetchmailServer(models.Model):
    _inherit = "fetchmail.server"

    def _generate_oauth2_string(self, user, refresh_token):
        refuse_evaluated(self.env)
        server = revealing(self)
        if refresh_token == MASK:  # nosemgrep - the mask is no secret
            refresh_token = server.google_gmail_refresh_token
        return super(FetchmailServer, server)._generate_oauth2_string(user, refresh_token)

    def _fetch_gmail_token(self, grant_type, **values):
        # The client's secret is a system parameter.
        return super(FetchmailServer, revealing(self))._fetch_gmail_token(grant_type, **values)

    def _generate_outlook_oauth2_string(self, login):
        refuse_evaluated(self.env)
        return super(FetchmailServer, revealing(self))._generate_outlook_oauth2_string(login)

    def _fetch_outlook_token(self, grant_type, **values):
        return super(FetchmailServer, revealing(self))._fetch_outlook_token(grant_type, **values)
