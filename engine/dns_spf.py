# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""SPF (RFC 7208): whether a domain's one record lets our servers send, and what it should say.

checkdmarc reads records and counts their lookups; here stands what is made of it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from .dns_asking import Asking, fresh_checkdmarc
from .dns_record import CheckedRecord, NeededRecord, RecordState

# RFC 7208 §4.6.4.
MOST_LOOKUPS = 10
_VERSION = "v=spf1"


def spf_records(texts: Iterable[str]) -> list[str]:
    """Return those TXT records that are SPF (RFC 7208 §4.5)."""
    return [text for text in texts if text.lower() == _VERSION or text.lower().startswith(_VERSION + " ")]


def merge(records: Iterable[str], terms: Iterable[str] = ()) -> str:
    """Return one record that lets through what each of ``records`` does, and ``terms``.

    Each term once, in the order found; the end is the mildest of theirs, but never one that lets everybody send.
    """
    records = list(records)
    found: dict[str, str] = {}
    endings: set[str] = set()
    redirects: dict[str, str] = {}
    for record in records:
        parts = record.split()[1:]
        ends = {part.lower() for part in parts if part.lower().lstrip("+-~?") == "all"}
        endings |= ends
        for term in parts:
            bare = term.lower()
            if bare.startswith("redirect="):
                # RFC 7208 §6.1: beside "all" it says nothing.
                redirects.update({} if ends else {bare: term})
            elif bare not in ends:
                found.setdefault(bare, term)
    for term in terms:
        found.setdefault(term.lower(), term)
    if len(records) == len(redirects) == 1:
        return " ".join((_VERSION, *found.values(), *redirects.values()))
    for bare in redirects:
        # Beside the terms of another record it would never be followed; an include lets the same servers through.
        include = "include:" + bare.removeprefix("redirect=")
        found.setdefault(include, include)
    ending = next((one for one in ("~all", "-all") if one in endings), "~all")
    return " ".join((_VERSION, *found.values(), ending))


def check_spf(asking: Asking, needed: NeededRecord, *, hosts: dict[str, list[str] | None]) -> CheckedRecord:
    """Look at the SPF record of a domain.

    Args:
        needed: ``expected`` has the terms that must be in it.
        hosts: own sending hosts and their public addresses, [] for none, None where nobody knows.
    """
    texts = asking.texts(needed.name)
    if texts is None:
        return CheckedRecord(needed, RecordState.UNKNOWN, "no_answer")
    records = spf_records(texts)
    seen = "\n".join(records)
    addresses = [address for found in hosts.values() for address in found or ()]
    unknown = sorted(host for host, found in hosts.items() if not found)
    wanted = [term for term in needed.expected.split()[1:] if term.lower().lstrip("+-~?") != "all"]
    wanted += [("ip6:" if ":" in address else "ip4:") + address for address in addresses]
    wanted = list(dict.fromkeys(wanted))
    if not records:
        if not wanted and not hosts:
            # All of its servers send with a return path of their own.
            return CheckedRecord(needed, RecordState.RIGHT, "spf_not_needed")
        if not wanted:
            facts = {"hosts": ", ".join(unknown)}
            return CheckedRecord(needed, RecordState.WRONG, "spf_missing_host_unknown", "", "", facts)
        return CheckedRecord(needed, RecordState.WRONG, "spf_missing", "", merge((), wanted))
    if len(records) > 1:
        return CheckedRecord(needed, RecordState.WRONG, "spf_two", seen, merge(records, wanted))
    return _check_one(asking, needed, records[0], wanted, unknown)


def _check_one(asking, needed, record, wanted, unknown) -> CheckedRecord:
    parsed, error = _parse(asking, record, needed.name)
    if parsed is None:
        if asking.failures and "permerror" in error:
            # checkdmarc calls an include that nobody answered for one that does not exist.
            return CheckedRecord(needed, RecordState.UNKNOWN, "no_answer", record)
        return CheckedRecord(needed, RecordState.WRONG, "spf_broken", record, "", {"error": error})
    if asking.failures:
        return CheckedRecord(needed, RecordState.UNKNOWN, "no_answer", record)
    lookups = parsed["dns_lookups"]
    facts = {"lookups": str(lookups), "costs": "\n".join(_costs(parsed["parsed"]))}
    missing = [term for term in wanted if not _allows(parsed["parsed"], term)]
    expected = merge((record,), missing) if missing else ""
    ending = parsed["parsed"]["all"]
    if lookups > MOST_LOOKUPS:
        return CheckedRecord(needed, RecordState.WRONG, "spf_too_many", record, expected, facts)
    if parsed.get("error"):
        # The other limit: names that lead nowhere (RFC 7208 §4.6.4).
        return CheckedRecord(
            needed, RecordState.WRONG, "spf_broken", record, expected, {**facts, "error": parsed["error"]}
        )
    if missing:
        facts["missing"] = " ".join(missing)
        after, _error = _parse(asking, expected, needed.name)
        if after and after["dns_lookups"] > MOST_LOOKUPS:
            facts["lookups"] = str(after["dns_lookups"])
            return CheckedRecord(needed, RecordState.WRONG, "spf_missing_too_many", record, expected, facts)
        return CheckedRecord(needed, RecordState.WRONG, "spf_incomplete", record, expected, facts)
    if ending == "pass":
        return CheckedRecord(needed, RecordState.WRONG, "spf_anybody", record, merge((record,)), facts)
    if unknown:
        facts["hosts"] = ", ".join(unknown)
        return CheckedRecord(needed, RecordState.WARNING, "spf_host_unknown", record, "", facts)
    if ending == "neutral":
        return CheckedRecord(needed, RecordState.WARNING, "spf_open_end", record, merge((record,)), facts)
    if lookups > MOST_LOOKUPS - 2:
        return CheckedRecord(needed, RecordState.WARNING, "spf_nearly_too_many", record, "", facts)
    return CheckedRecord(needed, RecordState.RIGHT, "spf_right", record, "", facts)


def _parse(asking, record, domain) -> tuple[dict | None, str]:
    spf = fresh_checkdmarc().spf
    try:
        # RFC 7208 §12: the version may be written in any case, and checkdmarc knows one.
        return spf.parse_spf_record(
            _VERSION + record[len(_VERSION) :], domain, resolver=asking, ignore_too_many_lookups=True
        ), ""
    except spf.SPFError as error:
        return None, str(error)


def _walk(parsed: dict) -> Iterator[dict]:
    """Yield all mechanisms that let mail pass, with those of what is included."""
    for mechanism in parsed["mechanisms"]:
        if mechanism["action"] != "pass":
            continue
        yield mechanism
        if mechanism.get("parsed"):
            yield from _walk(mechanism["parsed"])
    redirect = parsed.get("redirect")
    if redirect:
        yield {"mechanism": "include", "value": redirect["domain"], "action": "pass"}
        if redirect.get("parsed"):
            yield from _walk(redirect["parsed"])


def _allows(parsed: dict, term: str) -> bool:
    """Return whether a record lets through what a term names, by itself or by what it includes."""
    kind, _colon, value = term.lower().partition(":")
    found = list(_walk(parsed))
    if kind == "include":
        return value in {one["value"] for one in found if one["mechanism"] == "include"}
    address = ipaddress.ip_address(value)
    networks = [one["value"] for one in found if one["mechanism"] in ("ip4", "ip6")]
    networks += [text for one in found if one["mechanism"] == "a" for text in one.get("addresses", ())]
    return any(_holds(network, address) for network in networks)


def _holds(network: str, address) -> bool:
    try:
        return address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _costs(parsed: dict) -> list[str]:
    """Return how many lookups each term of a record costs, a line each, the dearest first."""
    costs = [
        (mechanism["dns_lookups"], f"{mechanism['mechanism']}:{mechanism['value']}")
        for mechanism in parsed["mechanisms"]
        if mechanism.get("dns_lookups")
    ]
    if parsed.get("redirect"):
        costs.append((parsed["redirect"]["dns_lookups"], f"redirect={parsed['redirect']['domain']}"))
    return [f"{count}  {term}" for count, term in sorted(costs, reverse=True)]
