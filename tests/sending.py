# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the tests of deliveries share: emails with rows, as the queue leaves them behind."""

from .common import GatewayCase


class DeliveryCase(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.env["ir.mail_server"].create({"name": "Relay", "smtp_host": "relay.gateway.test"})
        cls.record = cls.env["res.partner"].create({"name": "Case 12", "email": "case@example.com"})
        cls.bob = cls.env["res.partner"].create({"name": "Bob", "email": "bob@exmaple.com"})
        cls.eve = cls.env["res.partner"].create({"name": "Eve", "email": "eve@example.com"})
        # Who writes on contacts, and so on the record; the plain user only reads them.
        cls.writer = cls.env["res.users"].create(
            {
                "name": "Writer",
                "login": "gateway_writer",
                "email": "writer@example.com",
                "group_ids": cls.env.ref("base.group_user") + cls.env.ref("base.group_partner_manager"),
            }
        )

    @classmethod
    def mail(cls, state="outgoing", **values):
        base = {"subject": "News", "body_html": "<p>hello</p>", "email_from": "office@gateway.test"}
        return cls.env["mail.mail"].create({**base, "state": state, **values})

    @classmethod
    def row(cls, recipient, state="queued", mail=None, **values):
        """Return a delivery row of a mail, a new one by default."""
        mail = mail if mail is not None else cls.mail(email_to=recipient)
        return cls.env["spp.email.delivery"].create(
            {
                "mail_id": mail.id,
                "mail_message_id": mail.mail_message_id.id,
                "model": mail.model,
                "res_id": mail.res_id,
                "subject": mail.subject,
                "mail_class": "transactional",
                "recipient": recipient,
                "state": state,
                "company_id": cls.company.id,
                "server_id": cls.server.id,
                **values,
            }
        )

    @classmethod
    def refused(cls, recipient, mail=None, **values):
        """Return a row that the server refused for good."""
        answer = {
            "reason": "refused",
            "smtp_code": 550,
            "enhanced_status": "5.1.1",
            "smtp_text": "no such user here",
            "phase": "recipient",
            "attempts": 1,
            "created_date": "2026-03-01 09:59:00",
            "attempt_date": "2026-03-01 10:00:00",
            "final_date": "2026-03-01 10:00:00",
        }
        return cls.row(recipient, "failed", mail, **{**answer, **values})

    def message(self, *partners, author=None, record=None, statuses=()):
        """Return a message of a record and its mail, with an email notification for each contact.

        Args:
            statuses: of the notifications, in order; "exception" by default.
        """
        record = record or self.record
        message = record.with_user(author or self.env.user).sudo().message_post(
            body="<p>hello</p>", subject="News", message_type="comment"
        )
        mail = self.mail("exception", mail_message_id=message.id, recipient_ids=[(6, 0, [one.id for one in partners])])
        for number, partner in enumerate(partners):
            status = statuses[number] if number < len(statuses) else "exception"
            self.env["mail.notification"].create(
                {
                    "mail_message_id": message.id,
                    "mail_mail_id": mail.id,
                    "res_partner_id": partner.id,
                    "author_id": message.author_id.id,
                    "notification_type": "email",
                    "notification_status": status,
                    "failure_type": "unknown" if status == "exception" else False,
                    "failure_reason": "what the stock queue wrote" if status == "exception" else False,
                }
            )
        return message, mail

    def triggers(self):
        """How often the queue was asked to run."""
        job = self.env.ref("mail.ir_cron_mail_scheduler_action")
        return self.env["ir.cron.trigger"].search_count([("cron_id", "=", job.id)])
