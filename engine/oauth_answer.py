# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Reading the answer of a token endpoint (RFC 6749 §5), which may be anything at all."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from .errors import OAuthError
from .oauth_cause import Remedy
from .oauth_refusal import reconnect, refusal, token_refusal

# RFC 6749 §5.1 only recommends expires_in. An hour is what most providers give; a token that ends before is refused
# by the mail server and renewed then.
UNTOLD_SECONDS = 3600
# What claims more is renewed after this all the same.
MOST_SECONDS = 30 * 24 * 3600
# Longer ones fit into no header and no SASL answer.
MOST_TOKEN = 64 * 1024
_MOST_SCOPES = 4000
# These are never among what a provider says it granted, or say nothing about mail.
_SILENT_SCOPES = {"offline_access", "openid", "email", "profile"}


@dataclass(frozen=True, slots=True)
class OAuthToken:
    """What a provider gave. `expires` is naive UTC; `scopes` are separated by spaces, "" where it named none."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires: datetime
    scopes: str = ""

    def after(self, old: OAuthToken) -> OAuthToken:
        """Return this token with what the old one had and this one does not repeat (RFC 6749 §6)."""
        return replace(self, refresh_token=self.refresh_token or old.refresh_token, scopes=self.scopes or old.scopes)

    def require_scopes(self, wanted: str) -> OAuthToken:
        """Return self, when nothing that was asked for is missing; OAuthError otherwise.

        People can untick single permissions at Google. What the provider does not name counts as given.
        """
        granted = {_scope_key(scope) for scope in self.scopes.split()}
        missing = [
            scope
            for scope in wanted.split()
            if scope.lower() not in _SILENT_SCOPES and _scope_key(scope) not in {*granted, ".default"}
        ]
        if granted and missing:
            raise OAuthError(
                "The account did not allow all that was asked for.",
                permanent=True,
                code="scope_missing",
                detail=f"Missing: {' '.join(missing)}"[:500],
                field="scopes",
                **reconnect("Connect again, and leave every permission ticked."),
            )
        return self


def read_token(status: int, body: bytes, *, now: datetime, secrets: Iterable[str] = ()) -> OAuthToken:
    """Return the token in an answer.

    Args:
        status: the HTTP status.
        now: naive UTC, when the token was asked for.
        secrets: what must not stand in an error, should the provider repeat it.

    Raises:
        OAuthError: the provider refused, or its answer is none.
    """
    answer = _json_object(body)
    if answer is None:
        raise _no_json(status, body)
    if status != 200 or "error" in answer:
        raise token_refusal(status, answer, secrets)
    token_type = answer.get("token_type")
    if not isinstance(token_type, str) or token_type.lower() != "bearer":
        # RFC 6749 §7.1: a client MUST NOT use a token whose type it does not understand.
        raise _bad_answer("it gave a token that is not of type Bearer", "token_type")
    return OAuthToken(
        _secret_text(answer, "access_token", is_required=True),
        _secret_text(answer, "refresh_token"),
        now + timedelta(seconds=_seconds(answer.get("expires_in"))),
        " ".join(answer["scope"].split())[:_MOST_SCOPES] if isinstance(answer.get("scope"), str) else "",
    )


def _json_object(body: bytes) -> dict | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        # Not raised from: the parser's error holds the whole answer, tokens and all.
        return None
    return found if isinstance(found, dict) else None


def _no_json(status: int, body: bytes) -> OAuthError:
    if status == 429 or status >= 500:
        return refusal("temporarily_unavailable", f"HTTP {status}", status=status)
    is_page = body.lstrip()[:200].lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<head"))
    what = "a web page" if is_page else "nothing that can be read"
    return OAuthError(
        f"The address for tokens answered with {what} (HTTP {status}).",
        # Temporary: so does a proxy while the provider behind it restarts, and a person would have to log in again.
        code="bad_answer",
        detail=f"HTTP {status}, {len(body)} bytes, no JSON object",
        field="token_url",
        cure="Check the address for tokens, and the tenant in it; the provider's documentation names it.",
        remedy=Remedy.SETTINGS.value,
    )


def _bad_answer(what: str, detail: str) -> OAuthError:
    # Temporary: a provider that stumbles for a minute must not end a connection for good.
    return OAuthError(
        f"The provider's answer makes no sense: {what}.",
        code="bad_answer",
        detail=detail,
        field="token_url",
        cure="Try again. If it stays so, check the address for tokens with the provider's documentation.",
        remedy=Remedy.WAIT.value,
    )


def _secret_text(answer: dict, name: str, is_required: bool = False) -> str:
    value = answer.get(name)
    if value in (None, "") and not is_required:
        return ""
    # RFC 6749 App. A.12 and A.17: visible ASCII. Anything else could end a line in a mail session.
    if not isinstance(value, str) or not value or not all(32 <= ord(char) < 127 for char in value):
        raise _bad_answer(f"it holds no {name.replace('_', ' ')}", name)
    if len(value) > MOST_TOKEN:
        raise _bad_answer(f"its {name.replace('_', ' ')} is too long", name)
    return value


def _seconds(value: object) -> int:
    if value is None:
        return UNTOLD_SECONDS
    try:
        # Some send a number as text.
        seconds = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        seconds = math.nan
    if math.isnan(seconds):
        raise _bad_answer("how long the token lasts is no number", "expires_in")
    if seconds <= 0:
        raise _bad_answer("the token had ended before it was given", "expires_in")
    return int(min(seconds, MOST_SECONDS)) or 1


def _scope_key(scope: str) -> str:
    # Microsoft names the same permission under several hosts: outlook.office.com and outlook.office365.com.
    return scope.lower().rstrip("/").rsplit("/", 1)[-1]
