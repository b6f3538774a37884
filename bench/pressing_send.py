"""A person posts a message to a follower, and waits until the request is over."""

import time

from bench.meter import Meter
from bench.outbound import Outbound
from bench.workload import Lost

SECOND = 1000


class PressingSend(Outbound):
    name = "send"
    description = (
        "A message is posted on a lead for one contact, and the transaction committed, as one request does it, ten "
        "times; the SMTP server takes one second for each reply. What is queued then leaves, which is not measured."
    )
    limit = "Odoo's making of the notification. The gateway's mail leaves by the queue; stock Odoo's request waits."
    count = 10
    rounds = 2
    delay_ms = SECOND
    is_mailed = True

    def prepare(self, side):
        self._sink.reset()

    def run(self, side):
        return side.measure(post, env=self._trust, count=self.count, turn=side.round, is_mailed=self.is_mailed)

    def verify(self, side):
        if not self.is_mailed and self._sink.count:
            raise Lost("mail was sent that was to be left")
        side.call(empty_the_queue, env=self._trust)
        if self._sink.count != self.count:
            raise Lost(f"{self._sink.count} of {self.count} messages at the SMTP server")


class PressingSendWithoutMail(PressingSend):
    name = "send-no-mail"
    description = "The same posts, where the mail is left in the queue and nobody is asked to send it."
    is_mailed = False


def post(env, count, turn, is_mailed):
    """Inside Odoo: post and commit."""
    partner = env["res.partner"].create({"name": "Amina", "email": f"amina{turn}@sink.test"})
    lead = env["crm.lead"].create({"name": f"Send {turn}"})
    if not is_mailed:
        lead = lead.with_context(mail_notify_force_send=False)
    lead.message_post(body="Warm.")
    env.cr.commit()
    with Meter() as meter:
        for number in range(count):
            lead.message_post(body=f"Number {number}", subtype_xmlid="mail.mt_comment", partner_ids=partner.ids)
            env.cr.commit()
    return meter.sample(count)


def empty_the_queue(env):
    """Inside Odoo: send what waits."""
    patience = time.monotonic() + 120
    mails = env["mail.mail"]
    while mails.search_count([("state", "=", "outgoing")]) and time.monotonic() < patience:
        mails.process_email_queue()
        env.cr.commit()
    return True
