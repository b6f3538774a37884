# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from odoo.tests import tagged

from ..models.delivery_ledger import PREPARED
from ..models.delivery_statement import ANSWER, BEGIN
from ..models.spp_email_delivery import FINAL
from ..models.spp_email_sent_content import KEEP_SMALL
from .sending import DeliveryCase

ADDRESSES = ["ann@remote.test", "bob@remote.test"]


@tagged("post_install", "-at_install")
class TestDeliveryStatement(DeliveryCase):
    """Sending threads prepare their statements, and in tests they do not: both write the same."""

    def write(self, run):
        """Begin, answer and keep one mail by ``run(statement, values)``; return what the tables have of it."""
        mail = self.mail(email_to=", ".join(ADDRESSES))
        self.env["spp.email.queue"]._place(mail.ids, 10)
        self.env.cr.execute(
            "UPDATE spp_email_queue SET claim_fence = 7, claim_until = now() AT TIME ZONE 'UTC' WHERE mail_id = %s"
            " RETURNING id",
            [mail.id],
        )
        posting = {
            **self.env["spp.email.dispatch"]._posting(mail, self.server, self.company).columns(),
            "message_id": "<1@gateway.test>",
            "trace": '[{"found": "it’s \\"quoted\\""}]',
        }
        (queue_id,) = self.env.cr.fetchone()
        claim = {"lease": 300, "claim_id": queue_id, "claim_fence": 7}
        run(BEGIN, {**posting, **claim, "recipients": ADDRESSES, "final": list(FINAL)})
        rows = self.env.cr.fetchall()
        self.assertEqual([row[1] for row in rows], ADDRESSES)
        answer = {
            "state": "deferred",
            "reason": "try_later",
            "phase": "recipient",
            "smtp_code": 451,
            "enhanced_status": None,
            "smtp_text": "it’s 'later', %s",
            "remote_id": None,
            "remote_message_id": None,
            "next_attempt_date": "2026-03-01 10:00:00",
            "final_date": None,
        }
        run(ANSWER, {**answer, "ids": [rows[0][0]], "attempts": [1]})
        # An answer to an attempt that is not the last one changes nothing.
        run(ANSWER, {**answer, "state": "sent", "ids": [rows[1][0]], "attempts": [2]})
        run(
            KEEP_SMALL,
            {
                "mail_id": mail.id,
                "mail_message_id": mail.mail_message_id.id,
                "company_id": None,
                "message_id": "<1@gateway.test>",
                "recipients": ADDRESSES[0],
                "digest": "0" * 64,
                "about_mailbox_id": None,
                "about_intake_id": None,
                "headers": "Subject: it’s %s",
                "size": 10,
                "stored_size": 3,
                "is_compressed": True,
                "data": b"\x00'\xff",
                "delivery_ids": [rows[0][0]],
            },
        )
        self.env.cr.execute(
            "SELECT row.recipient, row.state, row.reason, row.attempts, row.smtp_code, row.smtp_text, row.company_id,"
            "       row.next_attempt_date, row.final_date, row.server_id, row.message_id, row.trace, row.mail_class,"
            "       content.headers, content.data::text, content.company_id, content.is_compressed"
            "  FROM spp_email_delivery AS row"
            "  LEFT JOIN spp_email_sent_content_delivery_rel AS rel ON rel.delivery_id = row.id"
            "  LEFT JOIN spp_email_sent_content AS content ON content.id = rel.content_id"
            " WHERE row.mail_id = %s ORDER BY row.recipient",
            [mail.id],
        )
        return self.env.cr.fetchall()

    def test_prepared_and_plain_write_the_same(self):
        plain = self.write(lambda statement, values: self.env.cr.execute(statement.text, values))
        self.assertEqual([row[1] for row in plain], ["deferred", "sending"])
        for statement in PREPARED:
            self.env.cr.execute(statement.prepare)
        try:
            prepared = self.write(lambda statement, values: self.env.cr.execute(statement.execute, values))
        finally:
            self.env.cr.execute("; ".join(f"DEALLOCATE {statement.name}" for statement in PREPARED))
        self.assertEqual(prepared, plain)
