# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The step of the processing that reads signed reply addresses, and what it means for the way in."""

from odoo import api, fields, models

from ..engine.errors import SealError
from ..engine.outcome import InboundReason
from ..engine.reply_address import find_reply_key, read_reply_address
from ..engine.summary import addresses, sole_address
from .mail_alias_domain_former import LIVING_ONLY


class SppEmailProcessing(models.AbstractModel):
    _inherit = "spp.email.processing"

    def _kind_steps(self, inbound, content):
        """After what it is, and before who sent it: the address proves something of the sender."""
        ring = self.env["spp.email.token.key"]._ring()
        envelope = addresses(inbound.envelope_recipient or "")
        return [
            *super()._kind_steps(inbound, content),
            find_reply_key(ring, fields.Datetime.now(), self._resolve_reply_keys, envelope),
        ]

    def _resolve_reply_keys(self, keys, message):
        """Return the fact ``reply_key``: the message that is answered, its record, and to whom the address was given.

        ``is_holder`` says that From names the contact that the address was given to. It is a sign and no proof: an
        address is seen by all who get a copy of the answer, so nobody acts as a user by it.
        """
        # sudo: whose answer it is does not matter; only what the key names is looked up.
        messages = self.env["mail.message"].sudo().browse(key.message for key in keys).exists()  # nosemgrep
        there = {one.id for one in messages if one.model in self.env and one.res_id}
        keys = [key for key in keys if key.message in there]
        if not keys:
            return None
        holders = self.env["res.partner"].sudo().browse(  # nosemgrep: as above
            {key.holder for key in keys if key.holder}
        )
        emails = {holder.id: holder.email_normalized or "" for holder in holders.exists()}
        sender = sole_address(message.email_from)
        # Who answers all has the address of the one before in the list, too.
        key = next((one for one in keys if sender and emails.get(one.holder) == sender), keys[0])
        named = messages.browse(key.message)
        return {
            "message": named.id,
            "message_id": named.message_id or "",
            "model": named.model,
            "res_id": named.res_id,
            "partner_id": key.holder if key.holder in emails else 0,
            "address": emails.get(key.holder, ""),
            "is_holder": bool(sender) and emails.get(key.holder) == sender,
        }

    def _finish(self, claim, attempt, state, reason, **values):
        if reason is InboundReason.REPLY_NOT_ALLOWED and not values.get("detail"):
            values["detail"] = attempt.facts.get("reply_refused") or None
        return super()._finish(claim, attempt, state, reason, **values)


class SppEmailIntake(models.Model):
    _inherit = "spp.email.intake"

    @api.model
    def _known_addresses(self, addresses):
        """A valid signed address is known under whatever name it was given out, also one that nobody has any more.

        Only once the message is here. At the door the name decides alone: a server that asks for recipients must not
        learn which guess is a good one.
        """
        known = super()._known_addresses(addresses)
        if not self.env.context.get(LIVING_ONLY):
            return known
        try:
            ring = self.env["spp.email.token.key"]._ring()
        except SealError:
            return known
        now = fields.Datetime.now()
        return known | {address for address in addresses if read_reply_address(ring, address, now)}
