"""What the local OAuth provider gave, and to whom: logins, codes, tokens, and when they end (RFC 6749, 7636, 7662)."""

import base64
import hashlib
import secrets
import threading
import time
from dataclasses import dataclass, field

SCOPE = "mail"


@dataclass
class Grant:
    """What one login gave: its tokens live and die together."""

    user: str
    client: str
    scope: str
    access: dict = field(default_factory=dict)  # token: end
    refresh: str = ""
    refresh_end: float = 0
    is_revoked: bool = False


@dataclass
class Code:
    grant: Grant
    redirect_uri: str
    challenge: str
    end: float
    is_used: bool = False


class Refused(Exception):
    """An error answer (RFC 6749 §5.2): word, description, status."""

    def __init__(self, word, description="", status=400):
        super().__init__(word)
        self.word, self.description, self.status = word, description, status


class Grants:
    """Attributes:
    applications: secrets by client ID, "" for one without.
    access_seconds, refresh_seconds, code_seconds: how long things last from their making on.
    rotates: whether each refresh gives a new refresh token and ends the old one.
    application_user: as whom a token of the application alone is known to mail servers; "" for whomever they ask about.
    """

    def __init__(self):
        self.applications = {"application": "application-secret"}
        self.access_seconds, self.refresh_seconds, self.code_seconds = 3600, 86400, 60
        self.rotates = True
        self.application_user = ""
        self.lock = threading.RLock()
        self.grants, self.codes, self.old_refresh = [], {}, {}

    # For tests

    def grant(self, user, scope=SCOPE, client="application"):
        """Make tokens as if the user had logged in; return (access token, refresh token)."""
        with self.lock:
            grant = Grant(user, client, scope)
            self.grants.append(grant)
            answer = self._tokens(grant, with_refresh=True)
            return answer["access_token"], answer["refresh_token"]

    def expire(self, token):
        """Let the time of an access or refresh token be over."""
        with self.lock:
            for grant in self.grants:
                if token in grant.access:
                    grant.access[token] = 0
                if token == grant.refresh:
                    grant.refresh_end = 0

    def revoke(self, token):
        """End everything that came of the login which this token came of."""
        with self.lock:
            for grant in self.grants:
                if token in grant.access or token == grant.refresh:
                    grant.is_revoked = True

    # What clients ask

    def new_code(self, user, request, scope):
        """Return a code for what a login page was asked with, once its user has consented to these scopes."""
        with self.lock:
            grant = Grant(user, request["client_id"], scope)
            self.grants.append(grant)
            code = secrets.token_urlsafe(24)
            end = time.time() + self.code_seconds
            self.codes[code] = Code(grant, request["redirect_uri"], request.get("code_challenge", ""), end)
            return code

    def token(self, form, authorization=""):
        """Answer one request for a token (RFC 6749 §4.1.3, §4.4.2, §6); Refused when it is not given."""
        with self.lock:
            client = self.application(form, authorization)
            match form.get("grant_type"):
                case "authorization_code":
                    return self._tokens(self._redeem(form, client), with_refresh=True)
                case "refresh_token":
                    return self._refresh(form, client)
                case "client_credentials":
                    if not self.applications[client]:
                        raise Refused("unauthorized_client", "An application without a secret proves nothing.")
                    grant = Grant(self.application_user, client, form.get("scope") or SCOPE)
                    self.grants.append(grant)
                    return self._tokens(grant, with_refresh=False)
            raise Refused("unsupported_grant_type", "This kind of login is not known.")

    def introspect(self, token):
        """Say whether an access token is good, and whose it is (RFC 7662 §2.2)."""
        with self.lock:
            for grant in self.grants:
                end = grant.access.get(token, 0)
                if not grant.is_revoked and end > time.time():
                    return {"active": True, "username": grant.user, "scope": grant.scope, "exp": int(end)}
        return {"active": False}

    def application(self, form, authorization):
        name, secret = form.get("client_id", ""), form.get("client_secret", "")
        if authorization.startswith("Basic "):
            name, _colon, secret = base64.b64decode(authorization[6:]).decode().partition(":")
        if name not in self.applications:
            raise Refused("invalid_client", "The OAuth client was not found.", 401)
        if not secrets.compare_digest(self.applications[name].encode(), secret.encode()):
            raise Refused("invalid_client", "The provided client secret is invalid.", 401)
        return name

    def _redeem(self, form, client):
        code = self.codes.get(form.get("code"))
        if code is None or code.grant.client != client:
            raise Refused("invalid_grant", "Malformed auth code.")
        if code.is_used:
            # RFC 6749 §4.1.2: somebody else may have it.
            code.grant.is_revoked = True
            raise Refused("invalid_grant", "The authorization code was used before.")
        code.is_used = True
        if code.end < time.time():
            raise Refused("invalid_grant", "The authorization code has expired.")
        if form.get("redirect_uri") != code.redirect_uri:
            raise Refused("invalid_grant", "The redirect_uri does not match.")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if code.challenge and base64.urlsafe_b64encode(digest).decode().rstrip("=") != code.challenge:
            raise Refused("invalid_grant", "The code_verifier does not match the code_challenge.")
        return code.grant

    def _refresh(self, form, client):
        token = form.get("refresh_token")
        if token in self.old_refresh:
            # RFC 9700 §4.14.2: a rotated token that comes again was stolen, or its thief was first.
            self.old_refresh[token].is_revoked = True
        grant = next((grant for grant in self.grants if token and grant.refresh == token), None)
        if grant is None or grant.client != client or grant.is_revoked or grant.refresh_end < time.time():
            raise Refused("invalid_grant", "Token has been expired or revoked.")
        return self._tokens(grant, with_refresh=self.rotates)

    def _tokens(self, grant, with_refresh):
        with self.lock:
            access = secrets.token_urlsafe(32)
            grant.access[access] = time.time() + self.access_seconds
            answer = {
                "access_token": access,
                "token_type": "Bearer",
                "expires_in": self.access_seconds,
                "scope": grant.scope,
            }
            if with_refresh:
                if grant.refresh:
                    self.old_refresh[grant.refresh] = grant
                grant.refresh, grant.refresh_end = secrets.token_urlsafe(32), time.time() + self.refresh_seconds
                answer["refresh_token"] = grant.refresh
            return answer
