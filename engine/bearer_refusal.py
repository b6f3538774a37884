# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Why a mail server refused an access token, and what helps."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import GatewayError

_LONGEST = 500
_LONGEST_WORD = 200


@dataclass(frozen=True, slots=True)
class Challenge:
    """The JSON that comes before a refusal (RFC 7628 §3.2.2; XOAUTH2 has the same names).

    `status` is a word of RFC 6750 §3.1 ("invalid_token") or an HTTP status ("401"); `scope` what the server wants.
    """

    status: str = ""
    schemes: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """`said` is how the server's words are shown to people; `field` is "token" only where a new token may help."""

    said: str
    pattern: re.Pattern
    text: str
    field: str


def _refusal(said: str, pattern: str, text: str, field: str = "user") -> Refusal:
    return Refusal(said, re.compile(pattern, re.IGNORECASE | re.DOTALL), text, field)


NO_TOKENS = "This server takes no access tokens. Check its name and port, or use a password here."

# What large providers say about a token that is right in itself, or not theirs to judge.
REFUSALS = (
    # RFC 4954 §4: the mechanism is unknown.
    _refusal("504 unknown mechanism", r"^504\b", NO_TOKENS, "host"),
    _refusal(
        "SmtpClientAuthentication is disabled for the Mailbox",
        r"SmtpClientAuthentication is disabled for the Mailbox",
        "Microsoft has switched off sending with a login for this mailbox. An administrator switches it on: Microsoft "
        "365 admin center, Active users, the mailbox, Mail, Manage email apps, Authenticated SMTP.",
    ),
    _refusal(
        "SmtpClientAuthentication is disabled for the Tenant",
        r"SmtpClientAuthentication is disabled|smtp_auth_disabled",
        "Microsoft has switched off sending with a login for the whole organization. An administrator switches it on: "
        "Exchange admin center, Settings, Mail flow, Turn off SMTP AUTH protocol; or for this mailbox alone, under "
        "Manage email apps, Authenticated SMTP.",
    ),
    _refusal(
        "5.7.139 the request did not meet the criteria to be authenticated",
        r"did not meet the criteria",
        "Microsoft's security defaults or a conditional access policy block this login. An administrator has to except "
        "this mailbox; the sign-in log in Microsoft Entra names the policy.",
    ),
    _refusal(
        "basic authentication is disabled",
        r"basic auth\w* is disabled|BasicAuthBlocked|5\.7\.30",
        "The server took the token for a password, and passwords are switched off. Check that the server is "
        "smtp.office365.com or outlook.office365.com.",
        "host",
    ),
    _refusal(
        "User is authenticated but not connected",
        r"authenticated but not connected",
        "The token is right, but it opens no mailbox: the user name is not the mailbox's address, IMAP or POP is "
        "switched off for it, it has no licence, or this account may not open it. For a shared mailbox the account "
        "needs Full Access; for client credentials the application needs Add-MailboxPermission in Exchange.",
    ),
    _refusal(
        "Your account is not enabled for IMAP use",
        r"not enabled for (IMAP|POP)|(IMAP|POP3?)( access)? (is|has been) (disabled|turned off)",
        "IMAP or POP is switched off for this mailbox. Switch it on: in Gmail under Settings, Forwarding and POP/IMAP, "
        "and at admin.google.com for the organization; at Microsoft under Manage email apps.",
    ),
    _refusal(
        "Web login required",
        r"web login required|WEBALERT|5\.7\.14",
        "The provider wants a person to log in with a browser first. Do so, then try again.",
    ),
    _refusal(
        "535 5.7.3 Authentication unsuccessful; AUTHENTICATE failed",
        r"5\.7\.3 Authentication unsuccessful|AUTHENTICATE failed",
        "The access token was refused. Usual reasons at Microsoft: it has expired; the user name is not the mailbox "
        "that it is for; the scopes lack this protocol; or, with client credentials, the application was not given "
        "this mailbox in Exchange.",
        "token",
    ),
)

_RENEW = "It is renewed by itself; if that does not help, connect the account again."
_REFUSED = (
    "it has expired, was revoked, or belongs to another account than the user name. The account that was connected "
    f"must be the mailbox's own. {_RENEW}"
)
# By the status of the challenge: RFC 6750 §3.1, and the HTTP status words of Google, Microsoft and Dovecot.
STATUSES = {
    "invalid_token": _REFUSED,
    "400": _REFUSED,
    "401": _REFUSED,
    "invalid_request": f"the server could not read it. {_RENEW}",
    "insufficient_scope": "it was made without the right to use this mailbox. Add the scope and connect again.",
    "403": "it was made without the right to use this mailbox. Add the scope and connect again.",
}


def read_challenge(data: bytes) -> Challenge:
    """Return what is in a challenge; blanks where it is not the JSON that the RFC asks for."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return Challenge()
    if not isinstance(found, dict):
        return Challenge()
    return Challenge(*(_word(found.get(name)) for name in ("status", "schemes", "scope")))


def bearer_refusal(
    code: str,
    detail: str,
    challenges: Sequence[bytes] = (),
    *,
    secrets: Sequence[str] = (),
    is_temporary: bool = False,
) -> GatewayError:
    """Return the refusal that the server gave as `code` and `detail`, with phase "login".

    Its field is "token" where a new token may help, so that one renewal is worth a try.

    Args:
        challenges: what the server sent before it refused, decoded from base64.
        secrets: what must not stand in the error, should the server repeat it.
        is_temporary: the server says that it cannot check logins at the moment.
    """
    first = challenges[0] if challenges else b""
    challenge = read_challenge(first)
    said = first.decode("utf-8", "replace")
    whole = " ".join(f"{detail} {said}".split())
    for secret in secrets:
        whole = whole.replace(secret, "***")
    whole = whole[:_LONGEST]
    facts = {"phase": "login", "code": code, "detail": whole}
    if is_temporary or challenge.status.startswith("5"):
        return GatewayError("The server cannot check logins at the moment.", **facts)
    known = next((words for words in REFUSALS if words.pattern.search(f"{code} {whole}")), None)
    field = known.field if known else "token"
    text = known.text if known else f"The access token was refused: {STATUSES.get(challenge.status.lower(), _REFUSED)}"
    if challenge.status and field == "token":
        text += f" The server said: {_described(challenge)}."
    return GatewayError(text, permanent=True, field=field, **facts)


def _described(challenge: Challenge) -> str:
    parts = [f"status {challenge.status}"]
    if challenge.schemes:
        parts.append(f"schemes {challenge.schemes}")
    if challenge.scope:
        parts.append(f"scope {challenge.scope}")
    return ", ".join(parts)


def _word(value: object) -> str:
    return " ".join(str(value).split())[:_LONGEST_WORD] if isinstance(value, (str, int)) else ""
