# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Whether a mail server itself wrote a message: what its header says, before any word of the text is believed."""

from __future__ import annotations

import re

from .automatic import is_null_return_path, submission_keyword
from .summary import Summary, named_addresses, sole_address

_LOCAL_PARTS = re.compile(
    r"^(?:mailer[-_.]?daemon|mail[-_.]?daemon|mdaemon|mail[-_.]?delivery(?:[-_.]?(?:sub)?system)?"
    r"|mmdf|uucp|mail[-_.]?system|no-?reply-?dsn)(?:[+\-_.=].*)?$",
    re.IGNORECASE,
)
# Programs beside mail servers, filters and list servers, that tell what they refused.
_PROGRAMS = re.compile(
    r"^(?:sys(?:tem|admin|op)?|smtp|exchange|bounces?|ndr|dsn|root|admin(?:istrator)?|daemon|server|notif\w*|(?:virus|mail|spam)[-_.]?(?:scan|gate"
    r"|guard|filter|wall)\w*"
    r"|list(?:serv|master)?|majordomo|ezmlm|.{1,60}-(?:admin|owner|request|bounces|return|help))$",
    re.IGNORECASE,
)
# How reports begin; "Fwd:" or "Re:" before it shows a person.
_SUBJECT = re.compile(
    r"^\W{0,4}(?:un-?deliver|(?:mail|message|e-?mail)?[ -]?delivery (?:\w+ ){0,2}(?:fail|error|problem|status"
    r"|notif)|returned mail|mail (?:system )?error"
    r"|(?:delivery )?failure notice|non-?delivery|(?:your )?(?:mail|message|e-?mail) .{0,60}(?:could not|cannot"
    r"|can.t|not) be delivered"
    r"|(?:nachricht|mail) .{0,20}unzustellbar|unzustellbar|non remis|[eé]chec de (?:la )?remise"
    r"|no se puede entregar|mancato recapito"
    r"|n[aã]o foi poss[ií]vel entregar|не доставлен|недоставлен|配信不能|送信エラー|退信)",
    re.IGNORECASE,
)
_PERSONS_FIELDS = ("In-Reply-To", "References", "User-Agent", "X-Mailer", "Thread-Index", "X-Originating-IP", "List-Id")
_POSTMASTER = re.compile(
    r"^(?:post[-_.]?master|mail[-_.]?master|mail[-_.]?admin(?:istrator)?)(?:[+\-_.=].*)?$", re.IGNORECASE
)
POSTMASTER = "From: postmaster"
_NAMES = re.compile(
    r"mail(?:er)?[ -]?daemon|mail deliver(?:y|) (?:sub ?)?system|delivery (?:sub ?system|status|notification|agent)"
    r"|system administrator|mail (?:administrator|system|router|gateway|transfer)|postmaster|(?:mail|e-?mail) server"
    r"|internet mail delivery|microsoft (?:exchange|outlook)$|mail transport agent",
    re.IGNORECASE,
)
_FIELDS = (
    "X-Failed-Recipients",  # Exim, Google
    "X-MS-Exchange-Message-Is-Ndr",
)
_ADDRESS = "From: a mail server's address"
# Signs that people and their forms never have; all others need a null return path beside them.
SURE_SIGNS = frozenset((*_FIELDS, "multipart/report", "Content-Class", _ADDRESS))
# The class that Exchange gives its reports.
_REPORT_CLASS = re.compile(r"(?:urn:content-classes:)?(?:dsn|mdn|report\b)", re.IGNORECASE)


def sign_of_a_reporter(message: Summary) -> str:
    """Return what shows that a mail server wrote the message, in words; "" when nothing does.

    A null return path alone is no such sign here: vacation notes have it too.
    """
    for name in _FIELDS:
        if message.has_header(name):
            return name
    if re.match(r"\s*multipart/report\b", message.header("Content-Type"), re.IGNORECASE):
        return "multipart/report"
    if _REPORT_CLASS.match(message.header("Content-Class").strip()):
        return "Content-Class"
    if not message.has_header("From"):
        return "no From" if is_null_return_path(message) else ""
    found = named_addresses([message.email_from])
    address = next((address for _name, address in found if address), "")
    if not address or address.startswith("@"):
        # RFC 5322 §3.6.2 forbids it; RFC 5321 §4.5.5 made some servers do it.
        return "empty From"
    if _POSTMASTER.match(address.partition("@")[0]):
        return POSTMASTER
    if _LOCAL_PARTS.match(address.partition("@")[0]):
        return _ADDRESS
    if any(_NAMES.search(name[:200]) for name, _address in found[:3]) and is_machine(message):
        return "From: a mail server's name"
    return ""


def may_report(message: Summary) -> bool:
    """Return whether a mail server may have written this: its text must leave no doubt then."""
    local = sole_address(message.email_from).partition("@")[0]
    return is_null_return_path(message) or bool(_PROGRAMS.match(local))


def has_subject_of_a_report(message: Summary) -> bool:
    """Return whether the subject begins as reports do, without "Re:" or "Fwd:"."""
    return bool(_SUBJECT.match(message.subject))


def may_report_by_words(message: Summary) -> bool:
    """Return whether nothing in the header shows a person, so that subject and text together may decide.

    The last resort: some filters and old servers put no sign at all into the header.
    """
    return has_subject_of_a_report(message) and not any(message.has_header(name) for name in _PERSONS_FIELDS)


def is_machine(message: Summary) -> bool:
    """Return whether the header says that no person wrote this."""
    return is_null_return_path(message) or submission_keyword(message) not in ("", "no")
