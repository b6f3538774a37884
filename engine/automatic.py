# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The header fields that tell whether a machine wrote a message. A machine is never answered."""

from __future__ import annotations

import re

from .summary import Summary, sole_address

_NO_REPLY = re.compile(r"^(mailer-daemon|postmaster|no-?_?reply|do-?not-?reply)([+\-_.].*)?@", re.IGNORECASE)
# sendmail, procmail and some webmails write the daemon's name where RFC 5321 §4.5.5 wants nothing.
_NULL = re.compile(r"^<?\s*(mailer-daemon(@[^\s<>]*)?)?\s*>?$", re.IGNORECASE)


def submission_keyword(message: Summary) -> str:
    """Return the keyword of Auto-Submitted, lower-case; "" without one.

    RFC 3834 §5: the keyword decides, parameters and comments do not.
    """
    return re.split(r"[;\s(]", message.header("Auto-Submitted").strip().lower(), maxsplit=1)[0]


def is_null_return_path(message: Summary) -> bool:
    """Return whether the envelope's sender was empty: nobody wants an answer (RFC 3834 §2, RFC 5321 §4.5.5)."""
    return message.has_header("Return-Path") and bool(_NULL.match(message.header("Return-Path").strip()[:400]))


def sign_of_a_machine(message: Summary) -> str:
    """Return the header that tells a machine or list, in words; "" for a person."""
    keyword = submission_keyword(message)
    # "no" means a person (RFC 3834 §5).
    if keyword and keyword != "no":
        return f"Auto-Submitted: {keyword}"
    if is_null_return_path(message):
        return "Return-Path: <>"
    # RFC 2919 and RFC 2369: mailing lists; RFC 3834 §2 forbids answering them.
    for name in ("List-Id", "List-Unsubscribe", "List-Post", "List-Help"):
        if message.has_header(name):
            return name
    precedence = message.header("Precedence").strip().lower()
    if precedence in ("bulk", "list", "junk", "auto_reply", "auto-reply"):
        return f"Precedence: {precedence}"
    # MS-OXCMAIL §2.1.3.2.20: the sender asks not to be answered by these kinds of machine.
    suppressed = {part.strip().lower() for part in message.header("X-Auto-Response-Suppress").split(",")}
    if suppressed & {"all", "autoreply", "oof"}:
        return "X-Auto-Response-Suppress"
    for name in ("X-Autoreply", "X-Autorespond", "X-Loop", "X-Failed-Recipients", "X-MS-Exchange-Message-Is-Ndr"):
        if message.has_header(name):
            return name
    # A colon or a blank in the place of the semicolon is a report all the same.
    if re.match(r"\s*multipart/report\b", message.header("Content-Type"), re.IGNORECASE):
        return "multipart/report"
    if _NO_REPLY.match(sole_address(message.email_from)):
        return "address that takes no replies"
    return ""
