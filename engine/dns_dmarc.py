# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""DMARC (RFC 7489, RFC 9989): what a domain asks for, read by checkdmarc, and which proofs count for it."""

from __future__ import annotations

from dataclasses import dataclass

from .dns_asking import Asking, fresh_checkdmarc
from .dns_record import CheckedRecord, NeededRecord, RecordState


@dataclass(frozen=True)
class DmarcPolicy:
    """Attributes:
    policy: none, quarantine or reject, as it holds for the domain asked about; "" where there is no record.
    is_strict_dkim, is_strict_spf: only the very same domain is aligned.
    location: the domain whose record holds.
    """

    policy: str = ""
    is_strict_dkim: bool = False
    is_strict_spf: bool = False
    location: str = ""


def check_dmarc(asking: Asking, needed: NeededRecord) -> tuple[CheckedRecord, DmarcPolicy]:
    """Look at what holds for a domain, its own record or that of a domain above.

    Args:
        needed: its name begins with "_dmarc.".
    """
    dmarc = fresh_checkdmarc().dmarc
    domain = needed.name.removeprefix("_dmarc.")
    nothing = DmarcPolicy()
    before = asking.failures
    try:
        found = dmarc.query_dmarc_record(domain, resolver=asking, ignore_unrelated_records=True)
    except dmarc.MultipleDMARCRecords:
        seen = "\n".join(asking.texts(needed.name) or ())
        return CheckedRecord(needed, RecordState.WRONG, "dmarc_two", seen), nothing
    except dmarc.DMARCRecordNotFound:
        if asking.failures > before:
            return CheckedRecord(needed, RecordState.UNKNOWN, "no_answer"), nothing
        # What stands there and begins otherwise than "v=DMARC1;" is read by nobody.
        seen = "\n".join(asking.texts(needed.name) or ())
        return CheckedRecord(needed, RecordState.WRONG, "dmarc_missing", seen, needed.expected), nothing
    except dmarc.DMARCError as error:
        if asking.failures > before:
            return CheckedRecord(needed, RecordState.UNKNOWN, "no_answer"), nothing
        seen = "\n".join(asking.texts(needed.name) or ())
        return CheckedRecord(needed, RecordState.WRONG, "dmarc_broken", seen, "", {"error": str(error)}), nothing
    record, location = found["record"], found["location"]
    try:
        tags = dmarc.parse_dmarc_record(record, location, resolver=asking, ignore_unrelated_records=True)["tags"]
    except dmarc.DMARCError as error:
        return CheckedRecord(needed, RecordState.WRONG, "dmarc_broken", record, "", {"error": str(error)}), nothing
    policy = DmarcPolicy(
        tags["p" if location == domain else "sp"]["value"],
        tags["adkim"]["value"] == "s",
        tags["aspf"]["value"] == "s",
        location,
    )
    facts = {"policy": policy.policy, "location": location}
    if policy.policy == "none":
        verdict = "dmarc_none" if "rua" in tags else "dmarc_blind"
        return CheckedRecord(needed, RecordState.WARNING, verdict, record, "", facts), policy
    return CheckedRecord(needed, RecordState.RIGHT, "dmarc_right", record, "", facts), policy


def would_align(domain: str, other: str, *, is_strict: bool) -> bool:
    """Return whether a proof of ``other`` counts for mail From ``domain`` (RFC 7489 §3.1).

    By the list of public suffixes, so that it can be said before any DMARC record is there.
    """
    if domain == other or is_strict:
        return domain == other
    base = fresh_checkdmarc().utils.get_base_domain
    return base(domain) == base(other)
