# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The header fields that tell whether a machine wrote a message. A machine is never answered."""

from __future__ import annotations

import re

from .summary import Summary, sole_address

_NO_REPLY = re.compile(r"^(mailer-daemon|postmaster|no-?_?reply|do-?not-?reply)([+\-_.].*)?@", re.IGNORECASE)


def sign_of_a_machine(message: Summary) -> str:
    """Return the header that tells a machine or list, in words; "" for a person."""
    # RFC 3834 §5: the keyword decides, parameters and comments do not; "no" means a person.
    keyword = re.split(r"[;\s(]", message.header("Auto-Submitted").strip().lower(), maxsplit=1)[0]
    if keyword and keyword != "no":
        return f"Auto-Submitted: {keyword}"
    # RFC 3834 §2: never answer a null return path (RFC 5321 §4.5.5).
    if message.has_header("Return-Path") and message.header("Return-Path").strip() == "<>":
        return "Return-Path: <>"
    # RFC 2919 and RFC 2369: mailing lists; RFC 3834 §2 forbids answering them.
    for name in ("List-Id", "List-Unsubscribe"):
        if message.has_header(name):
            return name
    precedence = message.header("Precedence").strip().lower()
    if precedence in ("bulk", "list", "junk", "auto_reply"):
        return f"Precedence: {precedence}"
    # MS-OXCMAIL §2.1.3.2.20: the sender asks not to be answered by these kinds of machine.
    suppressed = {part.strip().lower() for part in message.header("X-Auto-Response-Suppress").split(",")}
    if suppressed & {"all", "autoreply", "oof"}:
        return "X-Auto-Response-Suppress"
    for name in ("X-Autoreply", "X-Autorespond", "X-Loop"):
        if message.has_header(name):
            return name
    if message.header("Content-Type").lower().startswith("multipart/report"):
        return "multipart/report"
    if _NO_REPLY.match(sole_address(message.email_from)):
        return "address that takes no replies"
    return ""
