# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Whether a mail lets its reader log in: such a mail is not kept, since whoever reads the copy could use it."""

from __future__ import annotations

import email
import email.policy
import re

# Odoo's sign-up, password and two-factor pages; a contact's sign-up token on any page.
_LINK = re.compile(
    # A bound, since a body may begin such links over and over.
    r"/web/(?:signup|reset_password|login|set_password)[^\s\"'<>]{0,500}?[?&;]token="
    r"|[?&;](?:auth_signup_token|signup_token|login_token)="
    r"|totp",
    re.IGNORECASE,
)
# What is searched of one part: a link stands near the top, and a mail of megabytes must not hold a sender up.
MOST_CHARACTERS = 1_000_000
MOST_PARTS = 50


def holds_login_link(text: str | None) -> bool:
    """Return whether a body, HTML or plain, holds a link or words by which its reader logs in."""
    text = (text or "")[:MOST_CHARACTERS]
    # Every link has one of these; most bodies have none.
    lower = text.lower()
    return ("token=" in lower or "totp" in lower) and bool(_LINK.search(text))


def message_holds_login_link(content: bytes) -> bool:
    """Return the same of a whole message; True also where its text cannot be read, since nobody knows then."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    for number, part in enumerate(message.walk()):
        if number >= MOST_PARTS:
            return True
        if part.get_content_maintype() != "text" or part.is_attachment():
            continue
        try:
            text = part.get_content()
        except (LookupError, ValueError):
            return True
        if holds_login_link(text):
            return True
    return False
