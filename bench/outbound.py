"""A queue of mail goes out through one SMTP server."""

import functools
from collections import Counter

from bench.meter import Meter
from bench.workload import Lost, Workload, expect_once
from tools.smtp_sink import SmtpSink

WARM_UP = 10


class Outbound(Workload):
    name = "outbound"
    description = (
        "Queued `mail.mail` records of about 1 kB HTML, each to one address, are sent by `process_email_queue()`, "
        "which is what the scheduled action calls (a commit after each mail), over one outgoing server with STARTTLS, "
        "a verified certificate and a login. The server swallows everything and answers at once."
    )
    limit = "Odoo's building of the message and the writes after each mail, in one Python process."
    count = 300
    delay_ms = 0

    def start(self):
        self._sink = SmtpSink(delay_ms=self.delay_ms).start()

    def stop(self):
        self._sink.stop()

    def beside(self):
        return {"mail server": self._sink.pid}

    @property
    def _trust(self):
        # Stock Odoo knows no private authority of one server.
        return {"SSL_CERT_FILE": self._sink.ca_path}

    def set_up(self, side):
        side.call(
            make_server, env=self._trust, host=self._sink.host, port=self._sink.port, ca=self._sink.ca_certificate
        )

    def prepare(self, side):
        side.call(queue, count=self.count, turn=side.round)
        self._sink.reset()

    def run(self, side):
        return side.measure(send, env=self._trust, count=self.count, turn=side.round)

    def verify(self, side):
        sent = Counter(address for message in self._sink.messages() for address in message["recipients"])
        wanted = [address(side.round, "measured", number) for number in range(self.count)]
        expect_once("messages at the SMTP server", wanted, sent)
        (states,) = side.rows(
            "SELECT count(*) FROM mail_mail WHERE state = 'sent' AND email_to LIKE %s",
            (address(side.round, "measured", "%"),),
        )
        if states[0] != self.count:
            raise Lost(f"{states[0]} of {self.count} mails are called sent")


class OutboundSlow(Outbound):
    name = "outbound-20ms"
    description = "The same with a server that takes 20 ms for each reply, as one does that is some hundred km away."
    limit = "Waiting for the server's replies, four or more a mail unless commands are pipelined."
    count = 100
    delay_ms = 20


@functools.cache
def body():
    return "<p>Dear reader,</p>" + "<p>your case is being looked at; no answer is needed. Größe, naïve.</p>" * 12


def address(turn, part, number):
    return f"r{number}.{turn}.{part}@sink.test"


def make_server(env, host, port, ca):
    """Inside Odoo: make the one outgoing server."""
    servers = env["ir.mail_server"]
    servers.search([]).action_archive()
    servers.create(
        {
            "name": "sink",
            "smtp_host": host,
            "smtp_port": port,
            "smtp_encryption": "starttls_strict",
            "smtp_user": "bench",
            "smtp_pass": "sinkpw",
            **({"gateway_ca_certificate": ca} if "gateway_ca_certificate" in servers else {}),
        }
    )
    env.cr.commit()


def queue(env, count, turn, part="measured"):
    """Inside Odoo: queue mail and return the ids."""
    mails = env["mail.mail"].create(
        [
            {
                "subject": f"Bench {turn} {part} {number}",
                "body_html": body(),
                "email_from": "Bench <bench@example.test>",
                "email_to": address(turn, part, number),
                "auto_delete": False,
            }
            for number in range(count)
        ]
    )
    env.cr.commit()
    return mails.ids


def send(env, count, turn):
    """Inside Odoo: send some mail for warming up, then the queue, measured."""
    mails = env["mail.mail"]
    mails.process_email_queue(email_ids=queue(env, WARM_UP, turn, "warm"))
    env.cr.commit()
    env.invalidate_all()
    with Meter() as meter:
        waiting = count
        while waiting:
            mails.process_email_queue()
            env.cr.commit()
            before, waiting = waiting, mails.search_count([("state", "=", "outgoing")])
            if waiting == before:
                break
    return meter.sample(count)
