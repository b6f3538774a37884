# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What own mail says of itself, so that absence notices and other machines do not answer it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

AUTO_SUBMITTED = "Auto-Submitted"
AUTO_RESPONSE_SUPPRESS = "X-Auto-Response-Suppress"
# MS-OXCMAIL §2.1.3.2.20. Not "All": Exchange would keep its failure reports (NDR) to itself as well, and they tell
# which addresses are dead.
_NO_ANSWERS = "OOF, AutoReply"

# Odoo's types of messages that only programs write, and those among them that answer somebody.
_ANSWERS = frozenset(("out_of_office",))
_BY_PROGRAMS = frozenset(("notification", "user_notification", "auto_comment"))
# What a person may have written: a comment, an email from a form or a template.
_BY_ANYBODY = frozenset(("comment", "email_outgoing"))


@dataclass(frozen=True, slots=True)
class OwnMail:
    """What is known of a mail that leaves.

    Attributes:
        message_type: Odoo's; "" when it has none.
        has_person: its author is a person; not OdooBot, the public user or nobody.
        is_by_system: the system wrote it: a scheduled action, an automation; whoever it names as the author.
        is_answer: it is written because somebody wrote: an acknowledgement.
        is_mass: part of a mass mailing, which says so by header fields of its own.
        is_secret: it holds a code or link to log in: a person asked for it, and a program wrote it.
    """

    message_type: str = ""
    has_person: bool = False
    is_by_system: bool = False
    is_answer: bool = False
    is_mass: bool = False
    is_secret: bool = False


def automatic_headers(mail: OwnMail, present: Collection[str] = ()) -> dict[str, str]:
    """Return the header fields that a mail gets beside its own; {} for what a person wrote, and for mass mail.

    Args:
        mail: see OwnMail.
        present: names of the fields that it has already, in any case: what others say is left as it is.
    """
    keyword = _keyword(mail)
    # Who set one of them has thought about it: RFC 3834 §5 has "no" as well.
    if not keyword or {name.lower() for name in present} & {AUTO_SUBMITTED.lower(), AUTO_RESPONSE_SUPPRESS.lower()}:
        return {}
    return {AUTO_SUBMITTED: keyword, AUTO_RESPONSE_SUPPRESS: _NO_ANSWERS}


def _keyword(mail: OwnMail) -> str:
    """Return the keyword of RFC 3834 §5, "" for a mail that must not have one."""
    if mail.is_mass:
        return ""
    if mail.message_type in _ANSWERS:
        return "auto-replied"
    if mail.message_type in _BY_PROGRAMS:
        return "auto-replied" if mail.is_answer else "auto-generated"
    if mail.is_secret:
        return "auto-generated"
    if mail.message_type == "email":
        # A person's email, passed on to the followers of its record.
        return ""
    if mail.message_type in _BY_ANYBODY and mail.has_person:
        # Whoever presses a button writes the comment; a template may name a person while a job sends it.
        return "auto-generated" if mail.is_by_system and mail.message_type == "email_outgoing" else ""
    return "auto-generated"
