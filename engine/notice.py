# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Who may be answered by the gateway itself, and how often."""

from __future__ import annotations

from datetime import timedelta

from .message_kind import MESSAGE_KIND_WORDS, MessageKind
from .pipeline import Facts
from .sender_verdict import SenderResult
from .subaddress import bases
from .trace import TraceStep

# At most one notice a sender and kind in this time.
INTERVAL = timedelta(days=1)


def notice_address(author: str, return_path: str, facts: Facts) -> str:
    """Return where a notice about a message goes.

    RFC 3834 §4: to the return path, which may lead to a service of the sender's that takes such mail. But anybody can
    write any return path: it counts where the message's author is proved and it belongs to the author's own domain.

    Args:
        author: address of From, lower-case.
        return_path: envelope sender as it is known, "" where it is not.
    """
    path = return_path.strip().strip("<>").lower()
    is_proved = getattr(facts.get("sender_verdict"), "result", None) is SenderResult.PASS
    local, at, domain = path.rpartition("@")
    is_authors = bool(local and at) and domain == author.rpartition("@")[2]
    return path if author and is_proved and is_authors else author


def may_answer(recipient: str, facts: Facts, *, recent: int, own_addresses: frozenset[str]) -> tuple[bool, TraceStep]:
    """Return whether a notice may go to ``recipient``, and the step that explains it.

    Args:
        recipient: the address, lower-case; "" when the message named none.
        facts: what the pipeline learned: ``automatic``, ``kind``, ``own_mark``, ``turns``, ``sender_verdict``; and
            ``null_return_path``, where the way a message came tells more than its header.
        recent: notices of this kind sent to this recipient within INTERVAL.
        own_addresses: addresses that this database reads or sends from, lower-case.
    """
    kind = getattr(facts.get("kind"), "kind", MessageKind.PERSON)
    refusals = (
        (not recipient, "the message names no sender"),
        (bool(facts.get("automatic")), f"a machine wrote it ({facts.get('automatic')})"),
        (kind is not MessageKind.PERSON, f"a machine wrote it ({MESSAGE_KIND_WORDS.get(kind)})"),
        # RFC 3834 §2 and RFC 5321 §4.5.5.
        (bool(facts.get("null_return_path")), "its return path is null"),
        (bool(facts.get("own_mark")), "this database sent it"),
        (bool(facts.get("turns")), "another gateway sent it because of a mail that it got"),
        # Whoever is named would get the answer to a forgery.
        (
            getattr(facts.get("sender_verdict"), "result", None) is SenderResult.FAIL,
            "the sender is not who the message says",
        ),
        (not own_addresses.isdisjoint((recipient, *bases(recipient))), "the sender is an address of this database"),
        (recent > 0, "the sender had such a notice within a day"),
    )
    for refused, why in refusals:
        if refused:
            return False, TraceStep("whether the sender may be answered", why, "no notice")
    return True, TraceStep("whether the sender may be answered", "a person, not told before", "notice queued")
