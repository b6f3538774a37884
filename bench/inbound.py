"""A mailbox full of mail becomes CRM leads."""

import random
from collections import Counter

from bench.meter import Meter
from bench.workload import Lost, Workload, expect_once
from tools.sandbox import Sandbox

WARM_UP = 10
WORDS = (
    "the water pump in our village has been broken since last week and the card of my mother was refused at the shop "
    "please tell us when somebody can come to look at it we thank you for your answer café naïve größer"
).split()


class Inbound(Workload):
    name = "inbound"
    description = (
        "One mailbox on a Dovecot of this machine (IMAPS) with distinct messages of about 1 kB from distinct senders; "
        "`fetch_mail()`, which is what Fetch Now does, is called until the mailbox is drained, and every message has "
        "become a lead. Stock Odoo takes 50 messages a call. The gateway verifies the certificate and journals each "
        "message before the mail server is told; stock Odoo does neither."
    )
    limit = (
        "Odoo's own `message_process` (parsing, routing, ORM) in one Python process; network and TLS hardly count on "
        "one machine. The gateway adds a claim, a journal row with the raw bytes, and the trace of each message."
    )

    def start(self):
        self._dovecot = Sandbox.shared().dovecot
        self._ids = {}

    def set_up(self, side):
        sandbox = Sandbox.shared()
        users = {f"{self.name}-{side.kind}-{part}@example.test": "benchpw" for part in ("warm", "measured")}
        self._dovecot.add_users(users)
        self._ids[side.kind] = side.call(
            make_mailboxes, users=users, port=self._dovecot.imaps, host=sandbox.host, ca=sandbox.ca_certificate
        )

    def prepare(self, side):
        for part, count in (("warm", WARM_UP), ("measured", self.count)):
            address = f"{self.name}-{side.kind}-{part}@example.test"
            self._dovecot.delete_all(address)
            self._dovecot.fill(address, [message(side.round, part, number) for number in range(count)])

    def run(self, side):
        warm_id, measured_id = self._ids[side.kind]
        return side.measure(drain, warm_id=warm_id, measured_id=measured_id, count=self.count)

    def verify(self, side):
        mark = f"%-{side.round}-measured@bench.test>"
        rows = side.rows(
            "SELECT m.message_id, l.id FROM mail_message m JOIN crm_lead l ON m.model = 'crm.lead' AND m.res_id = l.id"
            " WHERE m.message_id LIKE %s",
            (mark,),
        )
        wanted = [f"<{number}-{side.round}-measured@bench.test>" for number in range(self.count)]
        expect_once("messages in the chatter of a lead", wanted, Counter(row[0] for row in rows))
        leads = side.rows("SELECT count(*) FROM crm_lead WHERE name LIKE %s", (f"Bench {side.round} measured %",))[0][0]
        if leads != self.count:
            raise Lost(f"{leads} leads of {self.count} messages")
        found = self._dovecot.messages(f"{self.name}-{side.kind}-measured@example.test")
        if unread := sum("\\Seen" not in flags for _uid, flags, _raw in found):
            raise Lost(f"{unread} messages are left unread in the mailbox")


class InboundDurable(Inbound):
    name = "inbound-durable"
    description = (
        "The same on a PostgreSQL that waits for the disk at every commit (`fsync` and `synchronous_commit` on), as in "
        "production; the tests' PostgreSQL does not wait."
    )
    limit = (
        "As above, and the disk: the gateway commits more often (claim, work), so the slower the disk's sync, the "
        "more of it shows."
    )
    durable = True


def message(turn, part, number):
    """Return a small message, the same in every run and different from all others."""
    choice = random.Random(f"{turn} {part} {number}")
    lines = [" ".join(choice.choices(WORDS, k=12)) for _ in range(choice.randint(8, 14))]
    return "\r\n".join(
        (
            f"From: Person {number} <person{number}.{turn}.{part}@remote.test>",
            "To: help@example.test",
            f"Subject: Bench {turn} {part} {number}",
            f"Message-ID: <{number}-{turn}-{part}@bench.test>",
            f"Date: Mon, 06 Jan 2025 10:{number // 60 % 60:02}:{number % 60:02} +0000",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: 8bit",
            "",
            *lines,
            "",
        )
    ).encode()


def make_mailboxes(env, users, port, host, ca):
    """Inside Odoo: make an incoming server for each user and return their ids."""
    servers = env["fetchmail.server"].create(
        [
            {
                "name": user,
                "server_type": "imap",
                "server": host,
                "port": port,
                "is_ssl": True,
                "user": user,
                "password": password,
                "object_id": env["ir.model"]._get("crm.lead").id,
                # More than a first contact takes without asking.
                **({"gateway_start": "everything"} if "gateway_start" in env["fetchmail.server"] else {}),
                **({"gateway_ca_certificate": ca} if "gateway_ca_certificate" in env["fetchmail.server"] else {}),
            }
            for user, password in users.items()
        ]
    )
    for server in servers:
        server.button_confirm_login()
    env.cr.commit()
    return servers.ids


def drain(env, warm_id, measured_id, count):
    """Inside Odoo: drain one mailbox for warming up, then the other, measured."""
    fetch_all(env["fetchmail.server"].browse(warm_id), WARM_UP)
    with Meter() as meter:
        fetch_all(env["fetchmail.server"].browse(measured_id), count)
    return meter.sample(count)


def fetch_all(server, count):
    """Fetch until there are `count` more leads, or a call brings none."""
    began = made = leads(server.env)
    while made < began + count:
        server.fetch_mail()
        now = leads(server.env)
        if now == made:
            return
        made = now


def leads(env):
    env.cr.commit()
    env.cr.execute("SELECT count(*) FROM crm_lead")
    return env.cr.fetchone()[0]
