# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Why a recipient's mail came back, and whether the address itself is dead: from status, code, command and words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .bounce_reason import BounceReason
from .bounce_words import find_reasons, is_about_an_account, is_about_nobody
from .smtp_stage import SmtpStage

# RFC 3463 §3 and IANA's registry of enhanced status codes; Microsoft's own numbers have three digits.
_BY_STATUS = {
    "1.0": BounceReason.ADDRESS_UNKNOWN,
    "1.1": BounceReason.ADDRESS_UNKNOWN,
    "1.2": BounceReason.DOMAIN_UNKNOWN,
    "1.3": BounceReason.ADDRESS_UNKNOWN,
    "1.4": BounceReason.POLICY,
    "1.6": BounceReason.ADDRESS_MOVED,
    "1.7": BounceReason.SENDER_REFUSED,
    "1.8": BounceReason.SENDER_REFUSED,
    "1.9": BounceReason.SYSTEM,
    "1.10": BounceReason.NOT_ACCEPTING,
    "2.0": BounceReason.MAILBOX_DISABLED,
    "2.1": BounceReason.MAILBOX_DISABLED,
    "2.2": BounceReason.MAILBOX_FULL,
    "2.3": BounceReason.TOO_LARGE,
    "2.4": BounceReason.SYSTEM,
    "3.0": BounceReason.SYSTEM,
    "3.1": BounceReason.SYSTEM,
    "3.2": BounceReason.NOT_ACCEPTING,
    "3.3": BounceReason.SYSTEM,
    "3.4": BounceReason.TOO_LARGE,
    "3.5": BounceReason.SYSTEM,
    "4.0": BounceReason.NETWORK,
    "4.1": BounceReason.NETWORK,
    "4.2": BounceReason.NETWORK,
    "4.3": BounceReason.SYSTEM,
    "4.4": BounceReason.DOMAIN_UNKNOWN,
    "4.5": BounceReason.NETWORK,
    "4.6": BounceReason.LOOP,
    "4.7": BounceReason.EXPIRED,
    "4.14": BounceReason.LOOP,
    "5.1": BounceReason.SYSTEM,
    "5.2": BounceReason.SYSTEM,
    "5.3": BounceReason.RATE_LIMITED,
    "5.4": BounceReason.SYSTEM,
    "5.5": BounceReason.SYSTEM,
    "7.0": BounceReason.POLICY,
    "7.1": BounceReason.POLICY,
    "7.2": BounceReason.POLICY,
    "7.7": BounceReason.SPAM,
    "7.8": BounceReason.POLICY,
    "7.13": BounceReason.MAILBOX_DISABLED,
    "7.17": BounceReason.ADDRESS_MOVED,  # RFC 7293 §2: the mailbox has a new owner
    "7.18": BounceReason.ADDRESS_MOVED,
    "7.25": BounceReason.BLOCKED,
    "7.27": BounceReason.NOT_ACCEPTING,  # RFC 7505 §4.2: about the sender's domain, so never hard below
    "7.28": BounceReason.RATE_LIMITED,
}
_BY_CODE = {
    421: BounceReason.SYSTEM,
    432: BounceReason.RATE_LIMITED,
    450: BounceReason.SYSTEM,
    451: BounceReason.SYSTEM,
    452: BounceReason.MAILBOX_FULL,
    521: BounceReason.NOT_ACCEPTING,  # RFC 7504
    523: BounceReason.TOO_LARGE,
    551: BounceReason.ADDRESS_MOVED,  # RFC 5321 §3.4
    552: BounceReason.MAILBOX_FULL,
    556: BounceReason.NOT_ACCEPTING,  # RFC 7505, RFC 7504
}
# RFC 3463: what a reason is called where the report gives no status.
_STATUS_OF = {
    BounceReason.ADDRESS_UNKNOWN: "1.1",
    BounceReason.ADDRESS_MOVED: "1.6",
    BounceReason.DOMAIN_UNKNOWN: "1.2",
    BounceReason.NOT_ACCEPTING: "3.2",
    BounceReason.MAILBOX_DISABLED: "2.1",
    BounceReason.MAILBOX_FULL: "2.2",
    BounceReason.TOO_LARGE: "3.4",
    BounceReason.SENDER_REFUSED: "1.8",
    BounceReason.LOOP: "4.6",
    BounceReason.EXPIRED: "4.7",
    BounceReason.NETWORK: "4.1",
    BounceReason.SYSTEM: "3.0",
    BounceReason.RATE_LIMITED: "7.0",
    BounceReason.CONTENT: "6.0",
    **dict.fromkeys(
        (
            BounceReason.AUTHENTICATION,
            BounceReason.BLOCKED,
            BounceReason.SPAM,
            BounceReason.VIRUS,
            BounceReason.POLICY,
            BounceReason.RELAY_DENIED,
        ),
        "7.1",
    ),
}
# Said beside x.1.1, these are the reason: servers send x.1.1 with every refusal at RCPT.
_STRONGER_THAN_UNKNOWN = frozenset(
    {
        BounceReason.SUPPRESSED,
        BounceReason.MAILBOX_FULL,
        BounceReason.RATE_LIMITED,
        BounceReason.VIRUS,
        BounceReason.RELAY_DENIED,
        BounceReason.SENDER_REFUSED,
        BounceReason.AUTHENTICATION,
        BounceReason.BLOCKED,
        BounceReason.SPAM,
        BounceReason.ADDRESS_MOVED,
        BounceReason.TOO_LARGE,
    }
)
_GENERAL = frozenset({BounceReason.POLICY, BounceReason.CONTENT, BounceReason.SYSTEM})
# IANA: x.7.20 to x.7.26 and x.7.29 are about SPF, DKIM and ARC; 5.7.509 and 5.7.515 are Microsoft's DMARC.
_AUTHENTICATION = frozenset(("20", "21", "22", "23", "24", "26", "29", "509", "515"))
_PLAIN = frozenset(("1.2", "1.3", "2.1", "4.4", "4.7"))
# "Recipient address rejected" and RFC 5321's own text for 550 name no reason; at RCPT they are about the address.
# "Access denied" is as often about the client; with 5.4.1 it is Microsoft's for an address that is in no directory.
_REJECTED = re.compile(
    r"(?:recipient|address)(?:es)?(?: address)?s? (?:was |were |is |are )?(?:rejected|refused|denied)"
    r"|mailbox unavailable"
    r"|rejected (?:the )?recipient|address rejected|mailbox not available",
    re.IGNORECASE,
)
_ACCESS = re.compile(r"access denied", re.IGNORECASE)
# Subjects of RFC 3463 §3 that are not the address: mailbox, system, content, policy.
_NOT_ADDRESS = ("2.", "3.", "6.", "7.")
_AT_ADDRESS = re.compile(r"^1\.(?:0|1|2|3|6|10)$")


@dataclass(frozen=True, slots=True)
class BounceVerdict:
    """Why, and whether the address itself is dead."""

    reason: BounceReason = BounceReason.UNDEFINED
    is_hard: bool = False


def judge_bounce(
    words: str,
    status: str = "",
    code: int = 0,
    stage: SmtpStage = SmtpStage.UNKNOWN,
    *,
    is_own_verdict: bool = False,
    more_words: str = "",
) -> BounceVerdict:
    """Return what a refusal means.

    Args:
        words: the server's answer.
        status: enhanced status, "" when unknown.
        code: SMTP reply code, 0 when unknown.
        stage: the command that was refused.
        is_own_verdict: the reporting server itself says that RCPT was refused as unknown.
        more_words: what else the report says about the recipient; it counts where the answer says nothing.
    """
    detail = status.partition(".")[2]
    said = find_reasons(words)
    text = words if said else more_words
    said = said or find_reasons(more_words)
    reason = _reason(said, f"{words} {more_words}", detail, code, stage)
    is_temporary = status.startswith("4") or (not status and 400 <= code < 500)
    return BounceVerdict(reason, _is_hard(reason, detail, code, stage, is_temporary, is_own_verdict, text))


def status_of(verdict: BounceVerdict, code: int = 0, *, is_temporary: bool = False) -> str:
    """Return the standard status for a reason where the report gives none; "" where there is no standard one."""
    detail = _STATUS_OF.get(verdict.reason, "0.0" if code else "")
    if verdict.reason is BounceReason.ADDRESS_UNKNOWN and not verdict.is_hard:
        detail = "2.0"  # RFC 3463 §3.3: something about the mailbox, and not that it does not exist
    kind = "4" if is_temporary or 400 <= code < 500 else "5"
    return f"{kind}.{detail}" if detail else ""


def _reason(said: tuple[BounceReason, ...], words: str, detail: str, code: int, stage: SmtpStage) -> BounceReason:
    if detail in ("1.1", "1.0"):
        return next((reason for reason in said if reason in _STRONGER_THAN_UNKNOWN), BounceReason.ADDRESS_UNKNOWN)
    if detail == "1.10" and BounceReason.ADDRESS_UNKNOWN in said:
        return BounceReason.ADDRESS_UNKNOWN  # Microsoft's use of it; IANA means a domain with a null MX
    if detail in ("1.6", "1.7", "1.8", "1.10", "2.2", "3.4", "4.6"):  # they say it, and nothing else is meant by them
        return _BY_STATUS[detail]
    if stage is SmtpStage.MAIL and not set(said) & _STRONGER_THAN_UNKNOWN:
        return BounceReason.SENDER_REFUSED
    if said:
        # Words that are in many answers say less than a status that has one meaning.
        return _BY_STATUS[detail] if said[0] in _GENERAL and detail in _PLAIN else said[0]
    if detail == "4.1" and _ACCESS.search(words) and stage in (SmtpStage.RCPT, SmtpStage.UNKNOWN):
        return BounceReason.ADDRESS_UNKNOWN
    if stage is SmtpStage.RCPT and _REJECTED.search(words):
        return BounceReason.ADDRESS_UNKNOWN
    if detail.startswith("7.") and detail not in _BY_STATUS:
        number = detail.partition(".")[2]
        return BounceReason.AUTHENTICATION if number in _AUTHENTICATION else BounceReason.POLICY
    found = _BY_STATUS.get(detail) or _BY_CODE.get(code)
    if found:
        return found
    if detail.startswith("6."):
        return BounceReason.CONTENT
    if stage in (SmtpStage.CONNECT, SmtpStage.HELO) and code >= 500:
        return BounceReason.BLOCKED
    return BounceReason.UNDEFINED


def _is_hard(
    reason: BounceReason, detail: str, code: int, stage: SmtpStage, is_temporary: bool, is_own_verdict: bool, words: str
) -> bool:
    if is_temporary:
        return False
    if reason is BounceReason.NOT_ACCEPTING:
        return detail != "7.27"
    if reason in (BounceReason.DOMAIN_UNKNOWN, BounceReason.ADDRESS_MOVED):
        return stage is not SmtpStage.MAIL
    if reason is not BounceReason.ADDRESS_UNKNOWN:
        return False
    if _AT_ADDRESS.match(detail) or stage is SmtpStage.RCPT:
        return True
    # Accepted at RCPT and refused later: a filter that says so, of an address that may well live.
    if stage is SmtpStage.DATA:
        return is_own_verdict and (detail in ("", "0.0") or detail.startswith("5."))
    if stage is not SmtpStage.UNKNOWN or detail.startswith(_NOT_ADDRESS) or is_about_nobody(words):
        return False
    # In doubt soft: words alone, of an account, are no refusal of an address.
    return bool(code) or detail not in ("", "0.0") or not is_about_an_account(words)
