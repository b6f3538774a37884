# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A person logs in at the provider: the way there, and what the browser brings back."""

import hashlib
import secrets
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.http import request

from ..engine.errors import ConfigurationError, GatewayError, OAuthError
from ..engine.oauth_client import (
    authorization_refusal,
    authorization_url,
    exchange_code,
    new_verifier,
    revoke_token,
)
from .engine_text import said

# Ours begins with this; Odoo's own addons, whose paths we share, put JSON there.
STATE_PREFIX = "spp-"
SESSION_KEY = "spp_email_oauth"
# So long a person may take at the provider.
SECONDS = 30 * 60
# Of one browser session; the oldest one goes.
MOST_PENDING = 5
FORMS = {
    "fetchmail.server": "incoming-email-servers",
    "ir.mail_server": "outgoing-email-servers",
    "spp.email.setup": "email-setup",
}
FORM = "email-oauth"


@dataclass(frozen=True)
class Pending:
    """A login that was begun in this browser session, and of which nothing came back yet.

    Attributes:
        model, res_id: where the person goes on afterwards.
        until: when it is too late, in seconds of the epoch.
    """

    credential_id: int
    user_id: int
    verifier: str
    model: str
    res_id: int
    until: float


class SppEmailOauth(models.Model):
    _inherit = "spp.email.oauth"

    redirect_uri = fields.Char("Redirect URI", compute="_compute_redirect", help="To be registered at the provider.")
    redirect_warning = fields.Char(compute="_compute_redirect")

    @api.depends("provider")
    def _compute_redirect(self):
        for credential in self:
            credential.redirect_uri = credential._redirect_uri()
            credential.redirect_warning = credential._redirect_problem()[0]

    def _redirect_problem(self):
        """Return (what is wrong with the address that the browser comes back to, whether that is hopeless)."""
        uri = urlsplit(self._redirect_uri())
        here = urlsplit(_address_in_browser())
        if here.netloc and here.netloc.lower() != uri.netloc.lower():
            return self.env._(
                "The system parameter web.base.url is %(base)s, but the address in this browser is %(here)s. The "
                "provider sends the browser to the first, where nobody is logged in. Open this page under %(base)s, or "
                "set web.base.url to the address that people use (and web.base.url.freeze, so that it stays).",
                base=f"{uri.scheme}://{uri.netloc}",
                here=f"{here.scheme}://{here.netloc}",
            ), True
        is_local = uri.hostname in ("localhost", "127.0.0.1", "::1")
        if is_local:
            return self.env._(
                "The system parameter web.base.url is an address of this machine only. Google and Microsoft accept "
                "localhost for trying things out; for real use set web.base.url to the public https address."
            ), False
        if uri.scheme != "https":
            return self.env._(
                "The system parameter web.base.url begins with http://. Google and Microsoft refuse such a redirect "
                "URI. Serve Odoo by https, and set web.base.url to that address. Behind a proxy set proxy_mode = True "
                "in odoo.conf, or Odoo sets the parameter back to http:// with the administrator's next login."
            ), False
        return False, False

    # ------------------------------------------------------------------
    # What people press
    # ------------------------------------------------------------------

    def action_connect(self):
        """Go to the provider's login page; with client credentials get a token at once.

        Raises:
            UserError: in words, with the cure.
        """
        return self._connect_for(self)

    def _connect_for(self, record):
        """Do as `action_connect` says; the person goes on with ``record``."""
        self.ensure_one().check_access("write")
        try:
            if self.grant == "client":
                return self._connect_application(record)
            return self._begin(record)
        except (ConfigurationError, GatewayError) as error:
            raise UserError(self._failure_words(error)) from error

    def _connect_application(self, record):
        self._forget_failure()
        self._access_token(is_refused=True)
        self._end_waits()
        record._gateway_prove_oauth()
        self.invalidate_recordset()
        if self.state == "failing":
            raise UserError("\n".join(filter(None, (self.failure_text, self.failure_cure))))
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._("The provider gave a token."),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def _forget_failure(self):
        """Let the provider be asked again now."""
        with self._own_transaction() as credential:
            if credential.state == "dead":
                credential.write({"state": "failing"})
            credential.write({"next_renewal_date": False})

    def _begin(self, record):
        self.env["spp.email.binding"]._require_original(ConfigurationError)
        text, is_hopeless = self._redirect_problem()
        if is_hopeless:
            raise UserError(text)
        if not request:
            raise UserError(self.env._("Connecting needs a person with a browser."))
        client = self._client()
        state = STATE_PREFIX + secrets.token_urlsafe(32)
        verifier = new_verifier(secrets.token_bytes)
        pending = Pending(self.id, self.env.uid, verifier, record._name, record.id, time.time() + SECONDS)
        begun = {**request.session.get(SESSION_KEY, {}), _digest(state): vars(pending)}
        # A new value: the session is only kept when it is seen to change.
        request.session[SESSION_KEY] = dict(list(begun.items())[-MOST_PENDING:])
        url = authorization_url(client, state=state, verifier=verifier, login_hint=self._login_hint(record))
        return {"type": "ir.actions.act_url", "url": url, "target": "self"}

    def _login_hint(self, record):
        return self.login or (record._gateway_oauth_mailbox() if record != self else "") or ""

    def action_disconnect(self):
        """Give the tokens back where the provider takes them, and forget them."""
        self.ensure_one().check_access("write")
        try:
            is_revoked = self._revoke()
        except (ConfigurationError, GatewayError) as error:
            is_revoked, words = False, str(error)
        else:
            words = "" if is_revoked else self.env._("The provider has no place to give tokens back.")
        # sudo: tokens are nobody's to write; the right to change the credential was asked above.
        self.sudo()._drop_tokens()  # nosemgrep: odoo-sudo-without-context
        text = self.env._("Disconnected. The tokens are deleted here and revoked at the provider.")
        if not is_revoked:
            text = self.env._(
                "Disconnected. The tokens are deleted here, but not revoked at the provider: %s Take the application's "
                "access away in the account's security settings there.",
                words,
            )
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success" if is_revoked else "warning",
                "message": text,
                "sticky": not is_revoked,
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def _revoke(self):
        # What a copy gives back is taken from the original.
        self.env["spp.email.binding"]._require_original(ConfigurationError)
        kept = self._kept()
        if not kept.token.refresh_token and not kept.token.access_token:
            return True
        return revoke_token(kept.client, kept.token, post=self._post())

    # ------------------------------------------------------------------
    # What comes back
    # ------------------------------------------------------------------

    @api.model
    def _complete(self, parameters):
        """Take what the provider sent the browser back with: get the tokens, and try them.

        Args:
            parameters: those of the address.

        Returns:
            the path of the web client where the person goes on.

        Raises:
            OAuthError: the provider refused, or the return does not belong to anything begun here.
            GatewayError, ConfigurationError: there is no token.
        """
        pending = self._take_pending(parameters.get("state") or "")
        credential = self.browse(pending.credential_id).exists()
        if not credential:
            raise OAuthError(self.env._("The OAuth credential was deleted meanwhile."), permanent=True, code="deleted")
        credential.check_access("write")
        refusal = authorization_refusal(parameters)
        if refusal:
            raise refusal
        # sudo: secret and tokens are nobody's to read; the right to change the credential was asked above.
        client = credential.sudo()._client()  # nosemgrep: odoo-sudo-without-context
        now = fields.Datetime.now()
        token = exchange_code(client, parameters.get("code") or "", pending.verifier, post=credential._post(), now=now)
        credential._keep(token)
        credential._end_waits()
        record = credential
        if pending.model in FORMS:
            record = self.env[pending.model].browse(pending.res_id).exists() or credential
        record._gateway_prove_oauth()
        return f"/odoo/{FORMS.get(record._name, FORM)}/{record.id}"

    def _take_pending(self, state):
        """Return what was begun with ``state`` in this session by this user, which is over with that.

        Raises:
            OAuthError: nothing was.
        """
        begun = dict(request.session.get(SESSION_KEY, {}))
        values = begun.pop(_digest(state), None)
        pending = Pending(**values) if values else None
        if values:
            request.session[SESSION_KEY] = begun
        if pending is None or pending.user_id != self.env.uid or pending.until < time.time():
            raise OAuthError(
                self.env._("This login was not begun in this browser session, is too long ago, or is over already."),
                permanent=True,
                code="state",
                cure=self.env._(
                    "Open Odoo in this browser under the address that web.base.url names, log in, open the OAuth "
                    "credential and press Connect again. Stay in the same browser window, and do not reload this page."
                ),
            )
        return pending

    # ------------------------------------------------------------------
    # Words, and trying
    # ------------------------------------------------------------------

    def _failure_words(self, error):
        """Return an error in words: the field at fault, what happened, the provider's own words, what to do."""
        name = getattr(error, "field", "")
        label = self._fields[name]._description_string(self.env) if name in self._fields else ""
        parts = [self.env._("Check the field “%s”.", label) if label else "", said(self.env, str(error))]
        if detail := getattr(error, "detail", ""):
            parts.append(self.env._("The provider says: %s", detail))
        return "\n".join(filter(None, (*parts, said(self.env, getattr(error, "cure", "")))))

    def _gateway_prove_oauth(self):
        """Log in at a server that uses the credential, so that it is known whether the token works."""
        self.ensure_one()
        server = self.incoming_server_ids[:1] or self.outgoing_server_ids[:1]
        if server:
            server._gateway_prove_oauth()


def is_ours(state):
    """Return whether a state parameter was made here, and not by one of Odoo's own addons."""
    return (state or "").startswith(STATE_PREFIX)


def _digest(state):
    return hashlib.sha256(state.encode()).hexdigest()


def _address_in_browser():
    """Return the address that the browser shows, as it says itself; "" where it does not.

    Not the request's host: behind a proxy that is often another.
    """
    if not request:
        return ""
    headers = request.httprequest.headers
    origin = headers.get("Origin") or headers.get("Referer") or ""
    return origin if origin.startswith(("http://", "https://")) else ""
