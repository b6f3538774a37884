# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Who takes part in a conversation: asked where an alias domain lets only those answer."""

from dataclasses import replace

from odoo import models
from odoo.tools import escape_psql
from odoo.tools.mail import email_normalize_all

from ..engine.reply_policy import ReplyPolicy, ReplyRequest, may_reply
from ..engine.sender_verdict import SenderResult

# Messages of a thread whose address fields are read: a search has found the address in them as a part already.
MOST_MESSAGES = 100


class SppEmailReplyPermission(models.AbstractModel):
    _name = "spp.email.reply.permission"
    _description = "Permission to Answer by Email"

    def _is_asked(self):
        """Return whether any alias domain restricts answers; where none does, nothing else is looked at."""
        every = self.env["mail.alias.domain"].search([])  # pylint: disable=no-search-all
        return any(domain.gateway_reply_policy != ReplyPolicy.ANYONE.value for domain in every)

    def _judge(self, record, message_dict, facts):
        """Return (allowed, TraceStep) about a message that would be posted to ``record``.

        The policy is that of the record's own alias domain, not that of the address written to: a thread is not to be
        reached by way of a domain that lets everybody in.
        """
        # sudo: whose policy holds is asked for everybody's mail.
        record = record.sudo()  # nosemgrep
        domain = record._mail_get_alias_domains(default_company=self.env.company)[record.id]
        policy = ReplyPolicy(domain.gateway_reply_policy or ReplyPolicy.ANYONE.value)
        key = facts.get("reply_key") or {}
        # Whom Odoo takes for the sender. What a stranger's header says of another one is not asked.
        written = next(iter(email_normalize_all(message_dict["email_from"] or "")), "")
        sender = facts.get("sender_believed") or written
        verdict = self._verdict_on(sender.lower(), facts)
        request = ReplyRequest(
            holds_key=(key.get("model"), key.get("res_id")) == (record._name, record.id),
            is_participant=lambda: self._takes_part(record, sender.lower(), verdict),
            verdict=verdict,
            answers_unsigned=policy is ReplyPolicy.HOLDERS and self._answers_unsigned(record, domain, message_dict),
        )
        return may_reply(policy, request)

    def _verdict_on(self, sender, facts):
        """Return the SenderVerdict for an address; None where another one was checked, or none at all.

        Who is accepted by a person is taken as proved.
        """
        verdict, checked = facts.get("sender_verdict"), facts.get("sender_address")
        if getattr(facts.get("sender_decision"), "is_proved", False) and verdict:
            return replace(verdict, result=SenderResult.PASS)
        if verdict and verdict.result is SenderResult.PASS and checked and checked.address != sender:
            return None
        return verdict

    def _answers_unsigned(self, record, domain, message_dict):
        """Return whether the message that is answered had no signed address: it left before there were any.

        While a new name of the catchall is not proved there are none, either.
        """
        parent_id = message_dict.get("parent_id")
        if not parent_id:
            return False
        # sudo: only its date is looked at.
        parent = self.env["mail.message"].sudo().browse(parent_id)  # nosemgrep
        if (parent.model, parent.res_id) != (record._name, record.id):
            # In-Reply-To may name another thread than References do.
            return False
        sent = parent.create_date
        since = domain.gateway_reply_signing_date
        is_before = bool(sent and since) and sent < since
        return is_before or not self.env["spp.email.subaddress"]._is_proven(domain)

    def _takes_part(self, record, address, verdict):
        """Return whether an address (normalized) is of somebody who takes part in a record's conversation.

        That is: its contact, its followers, who is responsible, and authors and recipients of its messages. A user
        who is proved to be the sender may also write where access rules let the user write.
        """
        if not address:
            return False
        if address in self._addresses_on(record):
            return True
        # sudo: who takes part is asked on behalf of the thread; nothing of it leaves this method.
        partners = self.env["res.partner"].sudo().search([("email_normalized", "=", address)])  # nosemgrep
        return (
            self._is_in_messages(record, address, partners)
            or self._is_follower(record, partners)
            or self._is_recipient(record, address)
            or self._is_proved_user(record, partners, verdict)
        )

    def _addresses_on(self, record):
        """Return the addresses that the record itself names: contacts, responsible users, address fields."""
        texts = [partner.email for partner in record._mail_get_partners()[record.id]]
        texts.append(record._mail_get_primary_email()[record.id])
        for name in ("user_id", "user_ids"):
            if name in record and record._fields[name].comodel_name == "res.users":
                texts.extend(record[name].mapped("email"))
        texts.extend(record[name] for name in ("email_from", "email_cc") if name in record)
        return {address for text in texts if text for address in email_normalize_all(text)}

    def _is_follower(self, record, partners):
        followers = self.env["mail.followers"].sudo()  # nosemgrep: as in _takes_part
        return bool(partners) and bool(
            followers.search_count(
                [
                    ("res_model", "=", record._name),
                    ("res_id", "=", record.id),
                    ("partner_id", "in", partners.ids),
                ],
                limit=1,
            )
        )

    def _is_in_messages(self, record, address, partners):
        messages = self.env["mail.message"].sudo()  # nosemgrep: as in _takes_part
        thread = [("model", "=", record._name), ("res_id", "=", record.id)]
        if partners:
            named = ["|", "|", ("author_id", "in", partners.ids), ("partner_ids", "in", partners.ids)]
            named.append(("notified_partner_ids", "in", partners.ids))
            if messages.search_count([*thread, *named], limit=1):
                return True
        texts = ("email_from", "incoming_email_to", "incoming_email_cc", "outgoing_email_to")
        parts = ["|"] * (len(texts) - 1) + [(name, "ilike", address) for name in texts]
        # The search finds the address as a part of others, too, and signs in it stand for any.
        found = messages.search([*thread, *parts], limit=MOST_MESSAGES, order="id desc")
        return any(
            address in email_normalize_all(message[name]) for message in found for name in texts if message[name]
        )

    def _is_recipient(self, record, address):
        """Return whether mail of the thread was sent there, whatever has become of the mail."""
        # sudo: as in _takes_part.
        message_ids = self.env["mail.message"].sudo()._search(  # nosemgrep
            [("model", "=", record._name), ("res_id", "=", record.id)]
        )
        # In any case of letters; "%@%" is nobody's address.
        deliveries = self.env["spp.email.delivery"].sudo()  # nosemgrep: as in _takes_part
        return bool(
            deliveries.search_count(
                [("mail_message_id", "in", message_ids), ("recipient", "=ilike", escape_psql(address))],
                limit=1,
            )
        )

    def _is_proved_user(self, record, partners, verdict):
        if verdict is None or verdict.result is not SenderResult.PASS:
            return False
        users = partners.user_ids.filtered(lambda user: not user.share)
        return any(
            record.with_user(user).with_context(allowed_company_ids=user.company_ids.ids).has_access("write")
            for user in users
        )
