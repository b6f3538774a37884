# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What mail servers noted about who sent a message (Authentication-Results, RFC 8601), and which of them is believed.

Anybody can write such a field. Only the topmost one that names a trusted server counts: a server that conforms removes
what claims to be its own (RFC 8601 §5), and any other at least puts its own above what came with the message. So it is
assumed that a server which is trusted puts a field on every message that it takes from outside; one that leaves some
out without removing forged ones must not be trusted. Fields side by side are not taken together: the lower ones could
have come with the message.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import authres
from authres.core import AuthResError

from .sender_address import SenderAddress, ascii_domain, plain_address
from .sender_verdict import SenderResult
from .trace import TraceStep

HEADER = "authentication-results"
# What a setting says for servers that put in no name: Microsoft 365 begins with the first result.
NAMELESS = "microsoft"
# The parser copies the rest of the text for each word of it: a long field costs its square. Real ones have some 500.
_LONGEST_FIELD = 4000
_MOST_FIELDS = 50
_METHOD_FIRST = re.compile(r"\s*[a-z][a-z0-9.-]*\s*(?:/\s*\d+\s*)?=", re.IGNORECASE)
_NAME = re.compile(r"\s*(?:\([^()]*\)\s*)*\"?([^\s;()\"=]+)")
# Where servers write the policy that a domain has: OpenDMARC and Google in a comment, others as a property.
_POLICY = re.compile(r"(?:\bp=|\bpolicy=|policy\.dmarc=|published-domain-policy=)\s*(none|quarantine|reject)", re.I)
_FEWEST_MESSAGES, _SUGGESTED_SHARE = 3, 0.9
_PASSED = ("pass", "bestguesspass")


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One result. `properties` are (type.name, value), lower-case names; `policy` is the DMARC policy noted, or ""."""

    method: str
    result: str
    properties: tuple[tuple[str, str], ...] = ()
    policy: str = ""

    def value(self, name: str) -> str:
        return next((value for key, value in self.properties if key == name), "")


@dataclass(frozen=True, slots=True)
class TrustedField:
    """The field that is believed: whose it is, and what it says. `problem`: why it cannot be read, or ""."""

    server: str
    results: tuple[MethodResult, ...] = ()
    problem: str = ""


def server_names(text: str) -> tuple[str, ...]:
    """Return the names of a setting such as "mx.example.org, mx2.example.org", lower-case."""
    return tuple(name for part in re.split(r"[,;\s]+", text or "") if (name := part.strip().lower()))


def server_of(value: str) -> str:
    """Return the authserv-id of a field's value, lower-case; NAMELESS where it begins with a result; "" for none."""
    if _METHOD_FIRST.match(value[:_LONGEST_FIELD]):
        return NAMELESS
    found = _NAME.match(value[:_LONGEST_FIELD])
    return found[1].lower() if found else ""


def trusted_field(headers: Iterable[tuple[str, str]], trusted: Iterable[str]) -> TrustedField | None:
    """Return the topmost field of a trusted server; None when there is none.

    Args:
        headers: (lower-case name, value) from the top, as in Summary.
        trusted: authserv-ids, lower-case, exact (RFC 8601 §2.5); NAMELESS for Microsoft's form.
    """
    wanted = frozenset(trusted)
    values = (value for name, value in headers if name == HEADER)
    for _number, value in zip(range(_MOST_FIELDS), values, strict=False):
        server = server_of(value)
        if server in wanted:
            return parse_field(value, server)
    return None


def suggested_server(messages: Iterable[Iterable[tuple[str, str]]]) -> str:
    """Return the server that noted something on top of (nearly) all of these messages; "" when there is none.

    A server that checks senders does so with every message; a name that only some messages bring came with them.

    Args:
        messages: the headers of several messages, as in Summary.
    """
    tops = [next((server_of(value) for name, value in headers if name == HEADER), "") for headers in messages]
    if len(tops) < _FEWEST_MESSAGES:
        return ""
    name, count = Counter(tops).most_common(1)[0]
    return name if count >= _SUGGESTED_SHARE * len(tops) else ""


def parse_field(value: str, server: str) -> TrustedField:
    """Return what a field's value says. Never fails on any text: what cannot be read is a ``problem``."""
    if len(value) > _LONGEST_FIELD:
        return TrustedField(server, problem="it is too long to be read")
    text = f"{NAMELESS}; {value}" if server == NAMELESS else value
    try:
        results = tuple(_method_result(result, text) for result in authres.parse_value(text).results)
    except (AuthResError, ValueError, AttributeError, TypeError, RecursionError):
        # The library's own error, and what it trips over itself: an empty result, comments in comments.
        return TrustedField(server, problem="it cannot be read")
    return TrustedField(server, results)


def judge_field(
    field: TrustedField, sender: SenderAddress, is_aligned: Callable[[str, bool], bool]
) -> tuple[SenderResult, str, TraceStep]:
    """Return what a believed field says of a sender: result, reason in words, and the step that explains it.

    Args:
        sender: with just one address.
        is_aligned: (domain, was it SPF) -> whether what this domain proved also proves the sender's domain.
    """
    where = f"Authentication-Results of {field.server}"
    said = ", ".join(f"{result.method}={result.result}" for result in field.results[:10])
    if field.problem:
        return SenderResult.NONE, f"What {field.server} noted cannot be read.", TraceStep(where, field.problem, "none")

    def verdict(result: SenderResult, reason: str) -> tuple[SenderResult, str, TraceStep]:
        return result, reason, TraceStep(where, said or "no result", result.value)

    if sum(result.method == "dmarc" for result in field.results) > 1:
        # Parts of the field are copied from the message; what stands twice was not all written by the server.
        return verdict(SenderResult.NONE, f"What {field.server} noted contradicts itself.")
    for result in field.results:
        # A DMARC result is about one From domain; if that is not the one in question, another reader read it.
        if result.method != "dmarc" or ascii_domain(result.value("header.from")) != sender.domain:
            continue
        if result.result in _PASSED:
            return verdict(SenderResult.PASS, f"{field.server} found that {sender.domain} sent it (DMARC).")
        if result.result == "fail":
            if result.policy == "none":
                return verdict(
                    SenderResult.NONE,
                    f"{field.server} found no proof that {sender.domain} sent it, and the domain asks nobody to act.",
                )
            return verdict(SenderResult.FAIL, f"{field.server} found that {sender.domain} did not send it (DMARC).")
    for result in field.results:
        if result.result != "pass":
            continue
        if result.method == "auth" and plain_address(result.value("smtp.auth")) == sender.address:
            return verdict(SenderResult.PASS, f"The sender was logged in at {field.server}.")
        if result.method == "dkim":
            domain = ascii_domain((result.value("header.d") or result.value("header.i")).rpartition("@")[2])
            if domain and is_aligned(domain, False):
                return verdict(SenderResult.PASS, f"{field.server} found a valid signature of {domain} (DKIM).")
        if result.method == "spf":
            domain = ascii_domain(result.value("smtp.mailfrom").rpartition("@")[2])
            if domain and is_aligned(domain, True):
                return verdict(SenderResult.PASS, f"{field.server} took it from a server of {domain} (SPF).")
    return verdict(SenderResult.NONE, f"{field.server} noted nothing that proves {sender.domain}.")


def _method_result(result, text: str) -> MethodResult:
    properties = tuple((f"{one.type}.{one.name}", str(one.value or "")) for one in result.properties[:20])
    method, outcome = result.method.lower(), result.result.lower()
    policy = ""
    if method == "dmarc":
        # The library drops comments, where most servers write it.
        place = re.search(r"\bdmarc\s*(?:/\s*\d+\s*)?=[^;]*", text, re.IGNORECASE)
        found = place and _POLICY.search(place[0])
        policy = found[1].lower() if found else ""
    return MethodResult(method, outcome, properties, policy)
