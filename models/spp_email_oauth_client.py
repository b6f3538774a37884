# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the engine is told of an OAuth credential: the client, where it asks, and the token for one server."""

from dataclasses import replace
from functools import partial

from odoo import models

from ..engine.connection import BearerToken, Security
from ..engine.errors import ConfigurationError
from ..engine.oauth_provider import OAUTH_PROVIDERS
from ..engine.web_post import post
from .sealed_field import refuse_evaluated, revealing

# Where General Settings and Odoo's own addons keep the registered application.
SHARED_CLIENTS = {
    "google": ("google_gmail_client_id", "google_gmail_client_secret"),
    "microsoft": ("microsoft_outlook_client_id", "microsoft_outlook_client_secret"),
}


class SppEmailOauth(models.Model):
    _inherit = "spp.email.oauth"

    def _is_connected(self):
        """Return whether there is something that a token can be got with."""
        # sudo: whether, and not what.
        tokens = self.sudo()  # nosemgrep: odoo-sudo-without-context
        return bool(tokens.refresh_token or (self.grant == "client" and tokens.access_token))

    def _client(self):
        """Return the engine's OAuthClient.

        Raises:
            ConfigurationError: something is missing or wrong.
        """
        self.ensure_one()
        refuse_evaluated(self.env)
        preset = OAUTH_PROVIDERS[self.provider]
        client_id, client_secret = self._registered_application(preset)
        client = preset.client(
            client_id,
            client_secret,
            self._redirect_uri(),
            grant=self.grant,
            tenant=self.tenant or "",
            scopes=self.scopes or "",
            authorize_url=self.authorize_url or "",
            token_url=self.token_url or "",
        )
        return replace(client, revoke_url=self.revoke_url or "", authentication=self.client_authentication)

    def _registered_application(self, preset):
        """Return (client ID, client secret): the credential's own, or those of General Settings."""
        refuse_evaluated(self.env)
        if self.client_id or preset.code not in SHARED_CLIENTS:
            if not self.client_id:
                raise ConfigurationError(self.env._("The client ID is missing."), field="client_id")
            return self.client_id, self._fields["client_secret"].reveal(self) or ""
        if self.grant == "client":
            # It opens every mailbox of an organization, so it is entered for these servers and no others.
            raise ConfigurationError(
                self.env._("Client credentials need a client ID and a client secret of their own."), field="client_id"
            )
        addresses = (self.token_url, self.authorize_url, self.revoke_url or "")
        if addresses != (preset.token_url, preset.authorize_url, preset.revoke_url or "") or self.ca_certificate:
            raise ConfigurationError(
                self.env._(
                    "The client secret of General Settings is only given to the provider itself. Enter client ID and "
                    "client secret here, or put the addresses back."
                ),
                field="client_secret",
            )
        # sudo: the system asks for tokens on behalf of its servers; the secret goes to the provider only.
        parameters = revealing(self.env["ir.config_parameter"].sudo())  # nosemgrep: odoo-sudo-without-context
        client_id, client_secret = (parameters.get_param(key) or "" for key in SHARED_CLIENTS[preset.code])
        if not client_id or not client_secret:
            raise ConfigurationError(
                self.env._("Enter client ID and client secret, here or under General Settings."), field="client_id"
            )
        return client_id, client_secret

    def _redirect_uri(self):
        return self.get_base_url().rstrip("/") + OAUTH_PROVIDERS[self.provider or "other"].redirect_path

    def _post(self):
        """Return what the engine posts with. The addresses are what an admin typed, so the house's own are allowed."""
        return partial(post, ca_certificate=self.ca_certificate or "")

    def _bearer(self, user, connection):
        """Return the engine's BearerToken for a mailbox, to be given to the server of ``connection``.

        Args:
            user: the mailbox, which may be another than the account that logged in.
            connection: engine.connection.Connection that it will be used on.

        Raises:
            ConfigurationError: this server may not have it, or a setting is missing.
            OAuthError: there is no token: nobody is connected, or the provider refuses.
            GatewayError: the provider could not be reached.
        """
        self.ensure_one()
        refuse_evaluated(self.env)
        if not user:
            raise ConfigurationError(self.env._("Enter the mailbox as user name."), field="user")
        if connection.security is Security.NONE or not connection.verify:
            # RFC 6750 §5.3: whoever reads a bearer token can use it.
            raise ConfigurationError(
                self.env._(
                    "An access token is only sent over an encrypted connection to a server whose certificate is "
                    "verified."
                ),
                field="security",
            )
        allowed = {host.lower() for host in (self.mail_hosts or "").replace(",", " ").split()}
        if connection.host.lower() not in allowed:
            raise ConfigurationError(
                self.env._(
                    "The OAuth credential is not for this server. Correct the server's name, or add it to “Mail "
                    "Servers” of the credential and connect again."
                ),
                field="host",
            )
        return BearerToken(user, self._access_token(), OAUTH_PROVIDERS[self.provider].mechanism)
