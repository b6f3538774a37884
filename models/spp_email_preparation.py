# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Asks at once what Odoo, and the gateway, will ask for each message of a batch."""

from odoo import models
from odoo.tools import SQL

from ..engine.summary import addresses
from .mail_thread import ATTEMPT
from .transaction_answers import answers


class SppEmailPreparation(models.AbstractModel):
    _name = "spp.email.preparation"
    _description = "Preparation of Incoming Emails"

    def _prepare(self, ids):
        """Learn about messages before they are processed in this transaction; return their journal rows."""
        inbounds = self.env["spp.email.inbound"].browse(ids)
        inbounds.fetch()
        known = answers(self.env)
        contents = self.env["spp.email.content"]._load_each(ids)
        repeated = self._repeated(ids)
        known["messages"] = {inbound.id: (contents.get(inbound.id), inbound.id in repeated) for inbound in inbounds}
        senders = {inbound.sender for inbound in inbounds if inbound.sender}
        recipients = {address for inbound in inbounds for address in addresses(inbound.email_to or "")}
        known["new message ids"] = self._new_message_ids({inbound.message_id for inbound in inbounds})
        known["senders"] = senders
        known["bounced"] = self._bounced(senders)
        self.env["spp.email.loop"]._prepare(inbounds)
        asking = self.with_context(**{ATTEMPT: True}).env
        asking["mail.alias.domain"]._find_aliases(sorted(senders | recipients))
        asking["res.partner"]._gateway_partners_by_address(sorted(senders | recipients))
        return inbounds

    def _message(self, inbound_id):
        """Return (bytes or None, whether the mailbox gave the same before) of a message, once."""
        known = answers(self.env)
        if inbound_id not in known.get("messages", ()):
            self._prepare([inbound_id])
        return known["messages"].pop(inbound_id)

    def _repeated(self, ids):
        """Return the ids of those that their mailbox gave before, and that were processed then."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT here.id FROM spp_email_inbound AS here
                 WHERE here.id IN %s
                   -- An intake, a person or a program says by the entry's name which deliveries are the same.
                   AND COALESCE(here.source, '') NOT IN ('http', 'lmtp', 'upload', 'rpc')
                   AND EXISTS(SELECT 1 FROM spp_email_inbound AS other
                               WHERE other.digest = here.digest AND other.server_key = here.server_key
                                 AND other.id <> here.id AND other.state IN ('done', 'duplicate')
                                 AND other.envelope_recipient IS NOT DISTINCT FROM here.envelope_recipient)
                """,
                tuple(ids),
            )
        )
        return {row_id for (row_id,) in rows}

    def _new_message_ids(self, message_ids):
        asked = {message_id for message_id in message_ids if message_id}
        if not asked:
            return asked
        rows = self.env.execute_query(
            SQL("SELECT DISTINCT message_id FROM mail_message WHERE message_id IN %s", tuple(asked))
        )
        return asked - {message_id for (message_id,) in rows}

    def _bounced(self, senders):
        """Return those of ``senders`` with a bounce count on any record."""
        if not senders:
            return set()
        found = set()
        for model in self.env.registry.descendants(["mail.thread.blacklist"], "_inherit"):
            records = self.env[model]
            if records._abstract or not records._auto:
                continue
            records.flush_model(["email_normalized", "message_bounce"])
            rows = self.env.execute_query(
                SQL(
                    "SELECT DISTINCT email_normalized FROM %s WHERE message_bounce > 0 AND email_normalized IN %s",
                    SQL.identifier(records._table),
                    tuple(senders),
                )
            )
            found.update(address for (address,) in rows)
        return found
