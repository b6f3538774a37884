# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What tests of the outgoing queue share: a server that keeps what it gets, mails, and a look at the ledger."""

from __future__ import annotations

from collections import Counter

from tools.smtp_sink import SmtpSink

from .case import SystemCase

MAIL = """
answer = []
for values in many:
    partners = env["res.partner"].create([{"name": to.split("@")[0], "email": to} for to in values.pop("partners", ())])
    mail = env["mail.mail"].create({
        "subject": "Your case", "body_html": "<p>It is being looked at.</p>",
        "email_from": "Office <office@example.test>",
        "auto_delete": False, "recipient_ids": partners.ids, **values,
    })
    answer.append(mail.id)
"""


class SendingCase(SystemCase):
    """A test with one outgoing server: a sink without encryption, which can be watched on the wire."""

    def setUp(self):
        super().setUp()
        self.rows("DELETE FROM mail_mail")
        self.rows("DELETE FROM spp_email_delivery")
        self.rows("UPDATE ir_mail_server SET active = FALSE")
        self.sink = SmtpSink(keep=True)
        self.sink.start()
        self.addCleanup(self.sink.stop)

    def server(self, port=None, **values):
        values = {
            "name": "out",
            "smtp_host": "localhost",
            "smtp_port": port or self.sink.port,
            "smtp_encryption": "none",
            **values,
        }
        return self.ask("answer = env['ir.mail_server'].create(values).id", values=values)

    def queue(self, *many, **values):
        """Queue mails; return their ids. Each of ``many`` is a dictionary, or an address."""
        many = [{"email_to": one} if isinstance(one, str) else dict(one) for one in many]
        return self.ask(MAIL, many=[{**values, **one} for one in many])

    def send(self, *mail_ids):
        """Have the queue send what is due, in the console's process."""
        self.ask("env['mail.mail'].process_email_queue(email_ids=ids)", ids=list(mail_ids))

    def make_due(self):
        """Let the time pass for all that waits."""
        self.rows("UPDATE mail_mail SET scheduled_date = now() - interval '1 day' WHERE scheduled_date IS NOT NULL")
        self.rows("UPDATE spp_email_delivery SET next_attempt_date = NULL WHERE next_attempt_date IS NOT NULL")

    def mails(self, *mail_ids):
        """Return [(state, failure type, failure reason)]."""
        return self.rows(
            "SELECT state, failure_type, failure_reason FROM mail_mail WHERE id IN %s ORDER BY id", tuple(mail_ids)
        )

    def ledger(self, *columns):
        """Return the rows of the ledger by recipient, as (recipient, state, reason, …)."""
        more = "".join(f", {column}" for column in columns)
        return self.rows(f"SELECT recipient, state, reason{more} FROM spp_email_delivery ORDER BY recipient, id")  # noqa: S608

    def taken(self):
        """Return how often the server took a message for each address."""
        return Counter(address for message in self.sink.messages() for address in message["recipients"])
