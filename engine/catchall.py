# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Mail that somebody writes to the catchall itself: what becomes of it, and the notice that says so."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import lxml.etree
import lxml.html

from .plain_text import plain_text
from .summary import named_addresses

# The sender knows what was written: a beginning is enough to know it by. A notice that carried all of it would carry
# a stranger's links and advertisements to whoever stands in From.
LONGEST_QUOTE = 1000
_LONGEST_NAME = 80
# What of an HTML body is looked at for it.
_LONGEST_HTML = 50_000


class CatchallPolicy(str, Enum):
    """What becomes of mail written to the catchall. The values are stored."""

    BOUNCE = "bounce"
    FALLBACK = "fallback"
    QUARANTINE = "quarantine"


CATCHALL_POLICY_WORDS = {
    CatchallPolicy.BOUNCE: "Keep it in quarantine and tell the sender where to write",
    CatchallPolicy.FALLBACK: "Do what the mailbox does with new mail",
    CatchallPolicy.QUARANTINE: "Keep it in quarantine, tell nobody",
}


def quote(html: str) -> str:
    """Return the beginning of the text that a person reads in an HTML body, cut to LONGEST_QUOTE characters."""
    text = plain_text(html[:_LONGEST_HTML], LONGEST_QUOTE + 1)
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE].rstrip()} …"


def quote_header(subject: str, date: str) -> str:
    """Return by what a person knows a message again, without any of its text, one line each."""
    lines = (("Subject", subject), ("Date", date))
    return "\n".join(f"{name}: {' '.join(value.split())[:_LONGEST_NAME]}" for name, value in lines if value.strip())


def greeted(email_from: str) -> str:
    """Return whom the notice greets: the name in a From field, else the address in it."""
    name, address = next(((name, address) for name, address in named_addresses([email_from]) if address), ("", ""))
    return " ".join(name.split())[:_LONGEST_NAME].strip() or address


def contact_address(company_email: str, own: Iterable[str], alias: str) -> str:
    """Return the address that the notice names, lower-case; "" for none.

    Args:
        company_email: of the company, normalized; "" when it has none.
        own: addresses of ours that are not for writing, lower-case: naming one would send the sender in a circle.
        alias: the company's first alias that makes records, "" when there is none.
    """
    address = company_email.lower()
    return address if address and address not in set(own) else alias.lower()


def without_contact(html: str) -> str:
    """Return a notice without the paragraph that names an address to write to."""
    try:
        root = lxml.html.fragment_fromstring(html, create_parent="div")
    except (lxml.etree.LxmlError, ValueError):
        return html
    for link in root.xpath("//a[starts-with(@href, 'mailto:')][not(ancestor::blockquote)]"):
        paragraph = next((one for one in link.iterancestors("p")), link)
        if paragraph.getparent() is not None:
            paragraph.drop_tree()
    text = lxml.html.tostring(root, encoding="unicode")
    return text[len("<div>") : -len("</div>")]
