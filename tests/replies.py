# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What tests of answers share: a thread, mail about it with signed reply addresses, and answers."""

from contextlib import contextmanager
from datetime import timedelta

from odoo.exceptions import ValidationError

from ..engine.reply_address import ReplyKey, sign_reply_address
from .common import GatewayCase, eml


class ReplyCase(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env = cls.env(context={**cls.env.context, "mail_notify_force_send": False})
        cls.ann, cls.ben, cls.eve = (
            cls.env["res.partner"].create({"name": name, "email": f"{name.lower()}@example.com"})
            for name in ("Ann", "Ben", "Eve")
        )
        cls.thread, cls.other_thread = (
            cls.env["res.partner"].create({"name": name, "company_id": cls.company.id}) for name in ("Thread", "Other")
        )
        cls.box = cls.mailbox(object_id=False)
        cls.ring = cls.env["spp.email.token.key"]._ring()

    @classmethod
    def prove(cls, domain=None, state="proven"):
        domain = domain or cls.alias_domain
        values = {"alias_domain_id": domain.id, "address": domain.catchall_email, "state": state}
        return cls.env["spp.email.subaddress"].create({**values, "proven_date": "2026-01-01 00:00:00"})

    @classmethod
    def begin_signing(cls, how="catchall"):
        cls.prove()
        cls.alias_domain.gateway_reply_signing = how

    def post(self, partners, thread=None, **values):
        """Post a message for ``partners``, and return it."""
        options = {"message_type": "comment", "subtype_xmlid": "mail.mt_comment", **values}
        return (thread or self.thread).message_post(body="Question", partner_ids=partners.ids, **options)

    def outgoing(self, message):
        """Return what leaves for a message: {contact's name: message}."""
        mails = self.env["mail.mail"].search([("mail_message_id", "=", message.id)])
        return {email["partner_id"].name: email for mail in mails for email in mail._prepare_outgoing_list()}

    def address(self, message, partner=None, days=1, ring=None):
        key = ReplyKey(message.id, partner.id if partner else 0)
        expires = self.env.cr.now() + timedelta(days=days)
        return sign_reply_address(ring or self.ring, self.alias_domain.catchall_email, key, expires)

    def answer(self, to, sender="Ann <ann@example.com>", **fields):
        """Receive an answer without any known Message-ID, unless ``fields`` say so."""
        return self.receive(eml(**{"From": sender, "To": to, "Subject": "Re: Question", **fields}), self.box)

    def assertPosted(self, inbound, thread=None):
        """The message is the newest of the thread; return it."""
        self.assertOutcome(inbound, "done", "record_updated")
        thread = thread or self.thread
        self.assertEqual((inbound.res_model, inbound.res_id), (thread._name, thread.id))
        message = thread.message_ids.sorted("id")[-1]
        self.assertEqual(message.message_type, "email")
        return message

    @contextmanager
    def refusing(self, words):
        """Context: it is refused with these words, and nothing is left of it."""
        with self.assertRaises(ValidationError) as caught, self.env.cr.savepoint():
            yield
        self.assertIn(words, str(caught.exception))

    def steps(self, inbound, looked_at):
        return [(step["found"], step["followed"]) for step in inbound.trace if step["looked_at"] == looked_at]
