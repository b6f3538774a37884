# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the gateway knows about models that cannot take a mail as Odoo hands it to them.

A profile turns a parsed message into the values of a new record. It never looks anything up: who the sender is
comes in as a parameter, so that what a stranger and a known person get differs in the record alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .storable import storable

# What a list shows of a subject.
LONGEST_TITLE = 300


@dataclass(frozen=True)
class Mail:
    """What a profile is told of a message.

    Attributes:
        subject: as a text, "" when there is none.
        body: HTML, sanitised by Odoo.
        text: the same as text.
        sender_name: the name in From, "" when there is none.
        sender_address: lower-case, "" when there is none.
        message_id: with angle brackets.
        partner_id: the one contact with the sender's address, 0 when there is none or more than one.
        placeholder_id: the contact that stands for unknown senders; 0 when the model needs none.
    """

    subject: str = ""
    body: str = ""
    text: str = ""
    sender_name: str = ""
    sender_address: str = ""
    message_id: str = ""
    partner_id: int = 0
    placeholder_id: int = 0


@dataclass(frozen=True)
class TargetProfile:
    """How one model takes mail.

    Attributes:
        name: what people call its records.
        model: technical name.
        hint: what becomes of a mail, for people.
        values: gives the values of a new record. Fields that the model lacks are left out by the caller.
        fixed: values that no default changes.
        fills: required fields that ``values`` always gives.
        placeholder_field: required field for a contact that stands for unknown senders, "" for none.
        contact_domain_field: field of contacts that a known sender must have set, if the database has it.
        references: external ids of records that go into fields, if the database has them.
    """

    name: str
    model: str
    hint: str
    values: Callable[[Mail], dict[str, Any]]
    fixed: Mapping[str, Any]
    fills: tuple[str, ...] = ()
    placeholder_field: str = ""
    contact_domain_field: str = ""
    references: Mapping[str, str] = field(default_factory=dict)

    def record_values(self, mail: Mail, defaults: Mapping[str, Any], fields: frozenset[str]) -> dict[str, Any]:
        """Return the values of a new record: the mail's, changed by ``defaults``, held to what is fixed.

        Args:
            defaults: of the mailbox, an alias, a rule or a person.
            fields: names of the model's fields.
        """
        values = {**self.values(mail), **defaults, **self.fixed}
        return {name: value for name, value in values.items() if name in fields}


def _grievance(mail: Mail) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": storable(mail.subject, LONGEST_TITLE).strip() or "No subject",
        "description": mail.body.strip() or "<p>(no text)</p>",
        "contact_name": mail.sender_name or mail.sender_address,
        "contact_email": mail.sender_address,
    }
    if mail.partner_id:
        return {**values, "partner_id": mail.partner_id}
    # From is only a claim, and families share addresses: one who is not known, or is one of several, complains as
    # a person whose name the team has to find out.
    values["complainant_type"] = "anonymous"
    if mail.placeholder_id:
        values["partner_id"] = mail.placeholder_id
    return values


def _change_request(mail: Mail) -> dict[str, Any]:
    lines = [part for part in (mail.subject.strip(), mail.text.strip()) if part]
    return {"description": "\n\n".join(lines), "source_reference": mail.message_id}


GRIEVANCE = TargetProfile(
    name="Grievance",
    model="spp.grm.ticket",
    hint="A mail of somebody whose address is not known becomes an anonymous grievance with name and address as "
    "contact. The sender is not told whether the address is known.",
    values=_grievance,
    # "/" asks the model for a number of its own; Odoo would put the subject there.
    fixed={"number": "/"},
    fills=("name", "description", "partner_id", "number"),
    placeholder_field="partner_id",
    contact_domain_field="is_registrant",
    references={"channel_id": "spp_grm.grm_ticket_channel_email"},
)
CHANGE_REQUEST = TargetProfile(
    name="Change Request",
    model="spp.change.request",
    hint="A mail becomes a draft with a reference of its own; subject and text are its description. The request type "
    "comes from the default values or from a rule.",
    values=_change_request,
    # "New" asks the model for a reference of its own; Odoo would put the subject there. Nothing that a mail starts is
    # more than a draft.
    fixed={"name": "New", "approval_state": "draft"},
    fills=("name",),
)
PROFILES = (GRIEVANCE, CHANGE_REQUEST)
