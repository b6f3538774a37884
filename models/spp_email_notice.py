# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The one sender of notices, and the memory of who had which."""

import hashlib

from odoo import fields, models
from odoo.tools import SQL, email_normalize, formataddr

from ..engine.notice import INTERVAL, may_answer, notice_address
from ..engine.smtp_session import NOTICE_HEADER
from ..engine.summary import sole_address
from ..engine.trace import TraceStep
from .rehearsal_cursor import RehearsalCursor


class SppEmailNotice(models.Model):
    _name = "spp.email.notice"
    _inherit = ["spp.email.transaction"]
    _description = "Notice to a Sender"
    _order = "id desc"

    inbound_id = fields.Many2one("spp.email.inbound", string="Incoming Email", readonly=True, ondelete="cascade")
    notice_type = fields.Selection([("refused", "Not accepted")], required=True, readonly=True)
    # A digest is enough to count, and holds no address after the journal row is gone.
    recipient_digest = fields.Char(required=True, readonly=True)
    mail_id = fields.Many2one("mail.mail", readonly=True, ondelete="set null")

    _recipient_index = models.Index("(recipient_digest, notice_type, create_date)")
    _inbound_unique = models.UniqueIndex("(inbound_id, notice_type)")

    def _send(self, inbound, intent, facts, notice_type="refused"):
        """Queue the notice of ``intent`` if its recipient may be answered; return the TraceStep that says so.

        It is written in the caller's transaction, the one with the message's final state. The unique index on
        message and kind keeps a retry from sending it again.
        """
        recipient = sole_address(intent.recipient)
        digest = hashlib.sha256(recipient.encode()).hexdigest()
        if self.search_count([("inbound_id", "=", inbound.id), ("notice_type", "=", notice_type)], limit=1):
            return TraceStep("whether the sender may be answered", "already told about this message", "no notice")
        recent = self._recent(digest, notice_type)
        destination = notice_address(recipient, sole_address(inbound.envelope_sender or ""), facts)
        # How often is counted for the author: some have a return path for each message.
        for address in dict.fromkeys((recipient, destination)):
            own = self.env["mail.alias.domain"]._gateway_own_among([address])
            allowed, step = may_answer(address, facts, recent=recent, own_addresses=frozenset(own))
            if not allowed:
                return step
        company = self.env["res.company"].browse(intent.company_id or ()) or inbound.company_id or self.env.company
        sender = company.bounce_email or company.catchall_email or email_normalize(company.email)
        if not sender:
            return TraceStep("an address to send the notice from", "the company has none", "no notice")
        if not self._begin(digest, notice_type):
            words = "another message just now tells the sender"
            return TraceStep("whether the sender may be answered", words, "no notice")
        with self._gateway_cursor(read_committed=True) as env:
            # What was committed since this transaction took its snapshot.
            recent = env[self._name]._recent(digest, notice_type)
        if recent:
            return may_answer(recipient, facts, recent=recent, own_addresses=frozenset())[1]
        mail = self.env["mail.mail"].create(
            {
                "subject": " ".join(intent.subject.split()),
                "body_html": intent.body_html,
                "email_from": formataddr(("MAILER-DAEMON", sender)),
                "email_to": destination,
                "auto_delete": True,
                "author_id": False,
                "gateway_turns": (facts.get("turns") or 0) + 1,
                "gateway_is_confidential": inbound._is_confidential(),
                "gateway_inbound_id": inbound.id,
                # By which server it leaves, and under whose name.
                "record_company_id": company.id,
                "record_alias_domain_id": company.alias_domain_id.id,
                # RFC 3834 §5.1: what an automatic answer says of itself. The session makes the return path null.
                "headers": repr(
                    {"Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All", NOTICE_HEADER: "1"}
                ),
                **dict(intent.values),
            }
        )
        self.create(
            {
                "inbound_id": inbound.id,
                "notice_type": notice_type,
                "recipient_digest": digest,
                "mail_id": mail.id,
            }
        )
        return step

    def _recent(self, digest, notice_type):
        """Return 1 if a recipient had a notice of this kind within INTERVAL, as far as this transaction sees."""
        return self.search_count(
            [
                ("recipient_digest", "=", digest),
                ("notice_type", "=", notice_type),
                ("create_date", ">", fields.Datetime.now() - INTERVAL),
            ],
            limit=1,
        )

    def _begin(self, digest, notice_type):
        """Return whether this transaction alone may tell a recipient; it holds that until it ends.

        Two lanes that have mail of one sender do not see what the other has not committed. Nobody waits: lanes that
        wait for each other with whole batches would be deadlocked.
        """
        if isinstance(self.env.cr, RehearsalCursor):
            # It sends nothing, and must keep nobody from it.
            return True
        name = f"{self._name} {notice_type} {digest}"
        ((is_alone,),) = self.env.execute_query(SQL("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", name))
        return is_alone
