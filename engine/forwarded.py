# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Who wrote a mail that somebody, or some server, passed on.

What strangers' header fields and attachments say is good for the trace and for counting only: everybody can write it.
A forwarder that a mailbox names is believed about who wrote, and never about somebody being one of ours.
"""

from __future__ import annotations

from dataclasses import dataclass

from .forwarded_attachment import attached_message
from .forwarded_text import forwarded_by_hand
from .forwarder import is_forwarder
from .from_policy import is_address
from .message_kind import REPORTS, Classification, MessageKind
from .pipeline import Facts, Step, Verdict
from .plain_text import plain_text
from .preview import preview
from .rewritten_sender import rewritten_from
from .summary import Summary, named_addresses, sole_address
from .trace import TraceStep

# Where servers that put themselves into From keep who was there. The order is that of how exact they are.
_KEPT_FROM = ("X-Original-From", "X-Original-Sender", "X-Forwarded-From", "X-Forwarded-Sender")
# RFC 5322 §3.6.6, and Google's: the fields tell who passed it on; From is still who wrote it.
_PASSED_ON_BY = ("Resent-From", "Resent-Sender", "X-Forwarded-For")
_PASSED_ON = ("X-Forwarded-To",)


@dataclass(frozen=True, slots=True)
class Forwarding:
    """What is known of how a message was passed on.

    Attributes:
        sign: what shows it, in words; "" when nothing does.
        forwarder: address or domain that passed it on, lower-case; "" when it is not said.
        sender: address of who wrote it, lower-case; "" when it is the one in From.
        name: of that sender; "".
        is_named: the address in From is a forwarder that the mailbox or intake names.
    """

    sign: str = ""
    forwarder: str = ""
    sender: str = ""
    name: str = ""
    is_named: bool = False


def find_forwarding(
    summary: Summary,
    content: bytes,
    return_path: str = "",
    forwarders: tuple[str, ...] = (),
    *,
    is_machine: bool = False,
) -> Forwarding:
    """Return how a message was passed on; never fails on any bytes.

    Args:
        summary: of the message.
        content: its bytes as received.
        return_path: the envelope's; "" takes that of the Return-Path field.
        forwarders: entries of engine.forwarder.
        is_machine: a program wrote it: what such a mail carries is often one of ours.
    """
    author = sole_address(summary.email_from)
    is_named = is_forwarder(author, forwarders)
    if is_named:
        found = _by_named(summary, content, author)
        if found:
            return found
    hidden, rewriter = rewritten_from(return_path or summary.header("Return-Path"))
    if hidden and rewriter == author.rpartition("@")[2] and hidden != author:
        return Forwarding("return path (SRS)", author, hidden, "", is_named)
    if not is_named:
        found = _kept_sender(summary, author)
        if found:
            return found
        if not is_machine and author:
            found = _attached_sender(summary, content, author)
            if found:
                return found
    for field in _PASSED_ON_BY:
        # Google has both addresses in it, with a blank between.
        value = summary.header(field).partition(" ")[0] if field == "X-Forwarded-For" else summary.header(field)
        forwarder = sole_address(value)
        if forwarder:
            return Forwarding(f"{field} header", forwarder, is_named=is_named)
    if rewriter:
        return Forwarding("return path (SRS)" if hidden else "return path", rewriter, is_named=is_named)
    for field in _PASSED_ON:
        if summary.has_header(field):
            return Forwarding(f"{field} header", is_named=is_named)
    return Forwarding("the mailbox's list of forwarders", author, is_named=True) if is_named else Forwarding()


def find_original_sender(content: bytes, return_path: str = "", forwarders: tuple[str, ...] = ()) -> Step:
    """Return the step that sets the facts ``forwarding`` (Forwarding) and ``original_sender``: an address, "" = From.

    Args:
        content: the bytes as received.
        return_path: the envelope's, "" when it is not known.
        forwarders: entries of engine.forwarder.
    """

    def step(message: Summary, facts: Facts) -> Verdict:
        facts["forwarding"], facts["original_sender"] = Forwarding(), ""
        kind = (facts.get("kind") or Classification()).kind
        if kind in REPORTS:
            # A report carries a mail of ours.
            return Verdict()
        found = find_forwarding(message, content, return_path, forwarders, is_machine=kind is not MessageKind.PERSON)
        facts["forwarding"], facts["original_sender"] = found, found.sender
        if not found.sign:
            return Verdict()
        by = f"passed on by {found.forwarder}" if found.forwarder else "passed on"
        if not found.sender:
            return Verdict((TraceStep(f"forwarded mail: {found.sign}", by, "the sender is the one in From"),))
        followed = "it counts as the original sender's"
        return Verdict((TraceStep(f"forwarded mail: {found.sign}", f"{by}, written by {found.sender}", followed),))

    return step


def _by_named(summary: Summary, content: bytes, author: str) -> Forwarding | None:
    """Return what a named forwarder says, by the surest of the places where it can; None when it says nothing."""
    found = _kept_sender(summary, author) or _attached_sender(summary, content, author)
    if found:
        return Forwarding(found.sign, author, found.sender, found.name, True)
    shown = preview(content)
    name, address = forwarded_by_hand(summary.subject, shown.text or plain_text(shown.html))
    if address and address != author:
        return Forwarding("block of fields above the forwarded text", author, address, name, True)
    # Servers that put themselves into From let answers go to who was there; so do web forms.
    name, address = _first(summary.header("Reply-To"))
    if address and address != author:
        return Forwarding("Reply-To header", author, address, name, True)
    return None


def _kept_sender(summary: Summary, author: str) -> Forwarding | None:
    for field in _KEPT_FROM:
        name, address = _first(summary.header(field))
        if address and address != author:
            return Forwarding(f"{field} header", author, address, name)
    return None


def _attached_sender(summary: Summary, content: bytes, author: str) -> Forwarding | None:
    attached = attached_message(summary, content)
    name, address = _first(attached.email_from) if attached else ("", "")
    if address and address != author:
        return Forwarding("the attached message is all it has", author, address, name)
    return None


def _first(value: str) -> tuple[str, str]:
    """Return (name, address) of the first address in a From-like field; the address lower-case; ("", "") for none."""
    address = sole_address(value)
    if not is_address(address):
        return "", ""
    name = next((name for name, found in named_addresses([value]) if found.lower() == address), "")
    return name[:200], address
