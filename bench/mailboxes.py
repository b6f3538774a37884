"""Many mailboxes far away, and many of which one hangs."""

import threading
import time
from collections import Counter

from bench.inbound import message
from bench.meter import Meter
from bench.workload import Lost, Workload, expect_once
from tools.proxy import Proxy
from tools.sandbox import Sandbox

# What the scheduler gives a job.
JOB_SECONDS = 10


class Mailboxes(Workload):
    name = "mailboxes"
    description = (
        "8 mailboxes on a Dovecot of this machine, behind a proxy that makes a round trip of 50 ms, with 20 messages "
        "of about 1 kB each; one `_fetch_mail()` over all of them, which is what the job calls."
    )
    limit = (
        "Stock Odoo waits for three round trips a message and for a dozen a mailbox, one after the other. The gateway "
        "fetches in batches and reads all mailboxes at once: what is left is the longest conversation of a mailbox "
        "(about 15 round trips), and Odoo's `message_process`."
    )
    count = 160
    rounds = 2
    boxes = 8
    delay_ms = 25
    seconds = None

    def start(self):
        self._dovecot = Sandbox.shared().dovecot
        self._proxy = Proxy(self._dovecot.imap, delay_ms=self.delay_ms).start()
        self._ids = {}

    def stop(self):
        self._proxy.stop()

    def set_up(self, side):
        addresses = self._addresses(side)
        self._dovecot.add_users({address: "benchpw" for address in [*addresses, self._warm(side)]})
        self._ids[side.kind] = side.call(make, addresses=addresses, port=self._proxy.port)
        (self._ids[side.kind, "warm"],) = side.call(make, addresses=[self._warm(side)], port=self._dovecot.imap)

    def _addresses(self, side):
        return [f"{self.name}-{side.kind}-{number}@example.test" for number in range(self.boxes)]

    def _warm(self, side):
        return f"{self.name}-{side.kind}-warm@example.test"

    def prepare(self, side):
        self._fill(self._warm(side), [message(side.round, "warm", number) for number in range(10)])
        for number, address in enumerate(self._addresses(side)):
            here = range(number, self.count, self.boxes)
            self._fill(address, [message(side.round, self.name, each) for each in here])

    def _fill(self, address, raws):
        self._dovecot.delete_all(address)
        self._dovecot.fill(address, raws)

    def run(self, side):
        return side.measure(
            fetch,
            ids=self._ids[side.kind],
            warm=self._ids[side.kind, "warm"],
            count=self.count,
            turn=side.round,
            seconds=self.seconds,
        )

    def verify(self, side):
        rows = side.rows(
            "SELECT m.message_id FROM mail_message m JOIN crm_lead l ON m.model = 'crm.lead' AND m.res_id = l.id"
            " WHERE m.message_id LIKE %s",
            (f"%-{side.round}-{self.name}@bench.test>",),
        )
        wanted = [f"<{number}-{side.round}-{self.name}@bench.test>" for number in range(self.count)]
        expect_once("messages in the chatter of a lead", wanted, Counter(row[0] for row in rows))
        for address in self._addresses(side):
            if unread := sum("\\Seen" not in flags for _uid, flags, _raw in self._dovecot.messages(address)):
                raise Lost(f"{unread} messages are left unread in a mailbox")


class MailboxHangs(Mailboxes):
    name = "mailbox-hangs"
    description = (
        "10 mailboxes without delay, with 5 messages each in nine of them; the tenth, which is the first to be asked, "
        "accepts connections and says nothing. Measured is the time until the messages of the others are records. "
        "Stock Odoo waits for 60 seconds before it turns to them."
    )
    limit = "Stock: its timeout. The gateway: Odoo's `message_process` of 45 messages."
    count = 45
    rounds = 1
    boxes = 9
    delay_ms = 0
    seconds = JOB_SECONDS

    def start(self):
        super().start()
        self._silent = Proxy(self._dovecot.imap).start()
        self._silent.hold(rb"\* OK", reply=True)

    def stop(self):
        self._silent.stop()
        super().stop()

    def set_up(self, side):
        super().set_up(side)
        address = f"{self.name}-{side.kind}-silent@example.test"
        self._dovecot.add_users({address: "benchpw"})
        silent = side.call(make, addresses=[address], port=self._silent.port)
        self._ids[side.kind] = silent + self._ids[side.kind]


class MailboxesFree(MailboxHangs):
    name = "mailbox-hangs-not"
    description = "The same nine mailboxes when none hangs, to compare with."
    limit = "Odoo's `message_process` of 45 messages."

    def set_up(self, side):
        Mailboxes.set_up(self, side)


def make(env, addresses, port):
    """Inside Odoo: make a confirmed incoming server for each address and return their ids."""
    secure = {"gateway_use_starttls": False} if "gateway_use_starttls" in env["fetchmail.server"] else {}
    servers = env["fetchmail.server"].create(
        [
            {
                "name": address,
                "server_type": "imap",
                "server": "127.0.0.1",
                "port": port,
                "is_ssl": False,
                "user": address,
                "password": "benchpw",
                "state": "done",
                "object_id": env["ir.model"]._get("crm.lead").id,
                **secure,
            }
            for address in addresses
        ]
    )
    env.cr.commit()
    return servers.ids


def fetch(env, ids, warm, count, turn, seconds):
    """Inside Odoo: fetch all mailboxes, and tell how long it took until all messages were records."""
    env["fetchmail.server"].browse(warm).fetch_mail()
    env.cr.commit()
    servers = env["fetchmail.server"].browse(ids)
    # As if it had not been looked at for longest.
    servers.write({"date": False, "error_date": False, "error_message": False})
    if "gateway_failures" in servers:
        servers.write({"gateway_failures": 0, "gateway_next_fetch_date": False})
    env.cr.commit()
    watch = Watch(env, f"Bench {turn} %", count)
    with Meter() as meter:
        watch.start()
        if "spp.email.fetching" in env:
            env["spp.email.fetching"]._fetch(servers, seconds)
        else:
            servers._fetch_mail()
    watch.join(1)
    return {**meter.sample(count), "seconds": watch.seconds or meter.sample(count)["seconds"]}


class Watch(threading.Thread):
    """Notes after how many seconds there are so many leads more, by looking from outside of the work's cursors."""

    def __init__(self, env, like, count):
        super().__init__(daemon=True)
        self.seconds = None
        self._registry, self._like = env.registry, like
        self._wanted = self._leads() + count

    def _leads(self):
        with self._registry.cursor() as cr:
            cr.execute("SELECT count(*) FROM crm_lead WHERE name LIKE %s", (self._like,))
            return cr.fetchone()[0]

    def run(self):
        began = time.perf_counter()
        while time.perf_counter() < began + 600:
            if self._leads() >= self._wanted:
                self.seconds = time.perf_counter() - began
                return
            time.sleep(0.05)
