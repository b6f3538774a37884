# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The steps of the processing for automatic replies, and for mail to addresses that are not for writing."""

from odoo import models
from odoo.tools.mail import unfold_references

from ..engine.automatic_policy import AutomaticPolicy
from ..engine.envelope import header_order
from ..engine.envelope import recipients as delivered_for
from ..engine.message_kind import Classification, MessageKind
from ..engine.not_for_writing import hold_unbidden
from ..engine.pipeline import Verdict
from ..engine.recipient import recipients
from ..engine.subaddress import without_detail
from ..engine.summary import addresses

# As Odoo: the last ones are the closest.
MOST_REFERENCES = 32


class SppEmailProcessing(models.AbstractModel):
    _inherit = "spp.email.processing"

    def _kind_steps(self, inbound, content):
        return [
            *super()._kind_steps(inbound, content),
            lambda message, facts: self._choose_automatic_policy(inbound, message, facts),
        ]

    def _loop_steps(self, inbound, content):
        # Behind the steps that know replies; before the rules, which are for the mail of people.
        return [
            *super()._loop_steps(inbound, content),
            hold_unbidden(
                content,
                lambda message: self._addressed(inbound, message),
                lambda: self._reserved_addresses(inbound),
                lambda named, message: self._is_expected(named, message),
            ),
        ]

    def _choose_automatic_policy(self, inbound, message, facts):
        """The step that sets the fact ``automatic_policy`` of an automatic reply."""
        if (facts.get("kind") or Classification()).kind is MessageKind.AUTOMATIC_REPLY:
            policy = inbound.server_id.gateway_automatic_policy
            if not policy:
                company = inbound.company_id or self.env.company
                domain = self.env["mail.alias.domain"]._gateway_domain_of(self._addressed(inbound, message), company)
                policy = domain.gateway_automatic_policy or AutomaticPolicy.ATTACH.value
            facts["automatic_policy"] = AutomaticPolicy(policy)
        return Verdict()

    def _addressed(self, inbound, message):
        """Return the addresses that a message was delivered for, as its intake says, or is addressed to; lower-case.

        What a mailbox's header fields say comes last: it may be the mailbox's own address on each message.
        """
        named = addresses(inbound.envelope_recipient or "") or list(recipients(message))
        return named or delivered_for(message, header_order(inbound.server_id.gateway_envelope_headers or ""))

    def _reserved_addresses(self, inbound):
        """Return the addresses of ours that nobody is to write to, lower-case."""
        domains = self.env["mail.alias.domain"]
        reserved = {without_detail(address) for address in domains._gateway_domain_addresses()}
        mailbox = inbound.server_id
        if mailbox.gateway_action and mailbox.user:
            # A mailbox that makes records of what is written to it may be what other mail is sent from.
            back = {without_detail(one) for one in domains._gateway_domain_addresses("bounce", "catchall")}
            reserved -= {without_detail(mailbox.user)} - back
        return reserved

    def _is_expected(self, named, message):
        """Return whether a message is for an alias as well, or answers a message that is known here."""
        if self._are_aliases(named):
            return True
        text = f"{message.header('References')} {message.header('In-Reply-To')}"
        references = unfold_references(text)[-MOST_REFERENCES:]
        if not references:
            return False
        return bool(
            self.env["mail.message"].search_count([("message_id", "in", references)], limit=1)
            or self.env["spp.email.delivery"].search_count([("remote_message_id", "in", references)], limit=1)
        )

    def _are_aliases(self, named):
        """Return whether an alias has one of these addresses; Odoo's own answer counts the notifications address."""
        names = {name for one in named for name in (one, without_detail(one))}
        local_parts = {name.partition("@")[0] for name in names}
        return bool(
            self.env["mail.alias"].search_count(
                [
                    "|",
                    ("alias_full_name", "in", list(names)),
                    "&",
                    ("alias_name", "in", list(local_parts)),
                    ("alias_incoming_local", "=", True),
                ],
                limit=1,
            )
        )
