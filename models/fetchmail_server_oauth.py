# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Mailboxes that are opened with an access token."""

from odoo import models

from ..engine.errors import ConfigurationError, GatewayError
from .sealed_field import refuse_evaluated


class FetchmailServer(models.Model):
    _inherit = "fetchmail.server"

    def _credential(self):
        refuse_evaluated(self.env)
        return self._gateway_bearer() if self.gateway_oauth_id else super()._credential()

    def _gateway_addon_kind(self):
        return self.server_type

    def _gateway_as_ours(self):
        # The same mailbox by the same protocol: its journal goes on.
        return {"server_type": "imap", "gateway_skip_verification": False}

    def _gateway_diagnose(self):
        return self._gateway_diagnose_with_token(super()._gateway_diagnose)


class SppEmailReading(models.AbstractModel):
    _inherit = "spp.email.reading"

    def _read_mailbox(self, server, limit):
        try:
            return super()._read_mailbox(server, limit)
        except GatewayError as error:
            if not server._gateway_renew_token(error):
                raise
        return super()._read_mailbox(server, limit)


class SppEmailParallelFetching(models.AbstractModel):
    _inherit = "spp.email.parallel.fetching"

    def _finish(self, current, server, failure):
        if failure is not None and server.id not in current.renewed:
            try:
                is_renewed = server._gateway_renew_token(failure)
            except (GatewayError, ConfigurationError) as error:
                # Why there is no token says more than that the old one was refused.
                is_renewed, failure = False, error
            if is_renewed:
                current.renewed.add(server.id)
                current.waiting.append(server)
                return None
        return super()._finish(current, server, failure)


class SppEmailFetching(models.AbstractModel):
    _inherit = "spp.email.fetching"

    def _note_success(self, server):
        result = super()._note_success(server)
        server._gateway_note_login()
        return result

    def _note_failure(self, server, error):
        result = super()._note_failure(server, error)
        server._gateway_note_refusal(error)
        return result
