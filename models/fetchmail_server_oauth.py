# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Mailboxes that are opened with an access token."""

import time

from odoo import fields, models

from ..engine.errors import GatewayError
from .sealed_field import refuse_evaluated
from .spp_email_oauth_server import ADDONS
from .spp_email_oauth_token import MARGIN
from .spp_email_transaction import DATABASE_ILL
from .token_renewal import renew_apart

# For so long a round keeps its place for a mailbox whose provider is slow.
TOKEN_SECONDS = 5
# When Odoo's own addons get another token, and a little before.
ADDON_MARGIN_SECONDS = 15


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

    def _gateway_token_holder(self):
        """Return the record that has to get a token before this mailbox can be opened; empty when there is none."""
        soon = fields.Datetime.now() + MARGIN
        if self._gateway_uses_oauth():
            # sudo: as for using it.
            credential = self.gateway_oauth_id.sudo()  # nosemgrep: odoo-sudo-without-context
            return credential if (credential.access_until or soon) <= soon else credential.browse()
        kind = self._gateway_addon_kind()
        if kind not in ADDONS:
            return self.browse()
        # sudo: the column is the administrators'; only the date is looked at.
        until = self.sudo()[f"{ADDONS[kind][1]}_access_token_expiration"]  # nosemgrep: as above
        return self if (until or 0) <= time.time() + ADDON_MARGIN_SECONDS else self.browse()

    def _gateway_get_token(self, is_refused):
        """Have Odoo's own addon get a token, which is committed."""
        with self.env["spp.email.transaction"]._gateway_cursor() as env:
            server = self.with_env(env).with_context(fetchmail_cron_running=True)
            if is_refused:
                server._gateway_forget_addon_token()
            server._credential()


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
    """This thread waits for no provider: the tokens that a round needs are got in others."""

    _inherit = "spp.email.parallel.fetching"

    def _is_ready(self, current, server):
        if server.id not in current.renewals:
            holder = server._gateway_token_holder()
            if not holder:
                return super()._is_ready(current, server)
            current.renewals[server.id] = (renew_apart(holder), time.monotonic())
        renewal, since = current.renewals[server.id]
        if renewal and not renewal.is_alive():
            return self._has_token(current, server, renewal.error)
        if time.monotonic() - since >= TOKEN_SECONDS:
            # What comes of it is noted on the credential; the next round finds it there.
            self.env["spp.email.watch"]._await(server.ids)
            self._done(current)
            return False
        if not renewal:
            # There were too many of them.
            current.renewals[server.id] = (renew_apart(server._gateway_token_holder() or server), since)
        current.waiting.append(server)
        return False

    def _has_token(self, current, server, error):
        if isinstance(error, DATABASE_ILL):
            raise error
        if error:
            # Why there is no token says more than that an old one was refused.
            current.renewed.add(server.id)
            self._finish(current, server, error)
        return not error

    def _finish(self, current, server, failure):
        if failure is None or server.id in current.renewed or not server._gateway_may_renew(failure):
            return super()._finish(current, server, failure)
        current.renewed.add(server.id)
        holder = server.gateway_oauth_id if server._gateway_uses_oauth() else server
        current.renewals[server.id] = (renew_apart(holder, is_refused=True), time.monotonic())
        current.waiting.append(server)
        return None


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
