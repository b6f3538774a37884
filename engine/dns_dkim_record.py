# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""DKIM keys in the DNS (RFC 6376 §3.6): whether the one that signs our mail is published."""

from __future__ import annotations

from .dkim_key import key_record, tags_of
from .dns_asking import Asking
from .dns_record import CheckedRecord, NeededRecord, RecordState


def check_dkim(asking: Asking, needed: NeededRecord) -> CheckedRecord:
    """Look whether a key is published.

    Args:
        needed: ``expected`` is our key record, or the host that the provider's CNAME leads to; a part of it in <…> is
            known to the provider only. "" where any key will do.
    """
    if "<" in needed.name:
        return CheckedRecord(needed, RecordState.WARNING, "dkim_selector_unknown")
    texts = asking.texts(needed.name)
    targets = asking.values(needed.name, "CNAME") if needed.record_type == "CNAME" else []
    if texts is None or targets is None:
        return CheckedRecord(needed, RecordState.UNKNOWN, "no_answer")
    key = key_record(tuple(texts))
    seen = "\n".join((*targets, *texts))
    state = RecordState.WRONG if needed.is_required else RecordState.WARNING
    if not seen:
        return CheckedRecord(
            needed, state, "dkim_missing" if needed.expected else "dkim_missing_provider", "", needed.expected
        )
    if targets and needed.expected and not _leads(targets[0], needed.expected):
        return CheckedRecord(needed, state, "dkim_other", seen, needed.expected)
    tags = tags_of(key.encode("ascii", "replace"))
    if not key:
        return CheckedRecord(needed, state, "dkim_no_key", seen, needed.expected)
    if not tags.get(b"p", b"").strip():
        return CheckedRecord(needed, state, "dkim_revoked", seen, needed.expected)
    if needed.record_type == "TXT" and needed.expected:
        wanted = tags_of(needed.expected.encode("ascii", "replace"))
        if _bare(wanted.get(b"p", b"")) != _bare(tags[b"p"]):
            return CheckedRecord(needed, state, "dkim_other", seen, needed.expected)
        if tags.get(b"k", b"rsa").lower() != wanted.get(b"k", b"rsa").lower():
            # An Ed25519 key under k=rsa, or none, is read as what it is not.
            return CheckedRecord(needed, state, "dkim_other", seen, needed.expected)
    if b"y" in [flag.strip() for flag in tags.get(b"t", b"").split(b":")]:
        return CheckedRecord(needed, RecordState.WARNING, "dkim_trial", seen)
    return CheckedRecord(needed, RecordState.RIGHT, "dkim_right", seen)


def _bare(value: bytes) -> bytes:
    return b"".join(value.split())


def _leads(target: str, expected: str) -> bool:
    """Return whether a CNAME is the expected one; of "selector1-a-org._domainkey.<tenant>.b.com" begin and end are."""
    before, is_open, rest = expected.lower().partition("<")
    if not is_open:
        return target == expected.lower().rstrip(".")
    after = rest.partition(">")[2]
    return target.startswith(before) and target.endswith(after)
