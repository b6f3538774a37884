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
_OF_LISTS = ("precedence", "list-id")

# Odoo's types of messages that only programs write. What they tell users is no answer to whoever set it off.
_FOR_USERS = frozenset(("notification", "user_notification"))
_BY_PROGRAMS = frozenset((*_FOR_USERS, "auto_comment"))


@dataclass(frozen=True, slots=True)
class OwnMail:
    """What is known of a mail that leaves.

    Attributes:
        message_type: Odoo's; "" when it has none.
        has_person: its author is a person; not OdooBot, the public user or nobody.
        is_by_system: the system wrote it: a scheduled action, an automation; whoever it names as the author.
        is_answer: it is made while an incoming mail is processed, an acknowledgement; nobody pressed a button.
        is_relayed_machine: it passes on an incoming mail that a machine wrote.
        is_mass: part of a mass mailing, which says so by header fields of its own.
        is_secret: it holds a code or link to log in: a person asked for it, and a program wrote it.
    """

    message_type: str = ""
    has_person: bool = False
    is_by_system: bool = False
    is_answer: bool = False
    is_relayed_machine: bool = False
    is_mass: bool = False
    is_secret: bool = False


def automatic_headers(mail: OwnMail, present: Collection[str] = ()) -> dict[str, str]:
    """Return the header fields that a mail gets beside its own; {} for what a person wrote, and for mass mail.

    Args:
        mail: see OwnMail.
        present: names of the fields that it has already, in any case: what others say is left as it is.
    """
    keyword, known = _keyword(mail), {name.lower() for name in present}
    # Who set it has thought about it: RFC 3834 §5 has "no" as well. A list passes on what its members write.
    if not keyword or known & {AUTO_SUBMITTED.lower(), *_OF_LISTS}:
        return {}
    if AUTO_RESPONSE_SUPPRESS.lower() in known:
        return {AUTO_SUBMITTED: keyword}
    return {AUTO_SUBMITTED: keyword, AUTO_RESPONSE_SUPPRESS: _NO_ANSWERS}


def _keyword(mail: OwnMail) -> str:
    """Return the keyword of RFC 3834 §5, "" for a mail that must not have one."""
    if mail.is_mass:
        return ""
    if mail.message_type == "email":
        # A person's email, passed on to the followers of its record.
        return "auto-generated" if mail.is_relayed_machine else ""
    if mail.message_type == "comment" and mail.has_person:
        # Also where a job posts it later.
        return ""
    if mail.message_type == "out_of_office":
        return "auto-replied"
    if mail.is_answer and mail.message_type not in _FOR_USERS:
        return "auto-replied"
    # Of a template the system sends, the author is a name only. A code to log in is asked for, and nobody wrote it.
    is_by_hand = mail.has_person and not mail.is_by_system and not mail.is_secret
    return "" if is_by_hand and mail.message_type not in _BY_PROGRAMS else "auto-generated"
