"""How soon a message is a record, with the push command."""

import time
from collections import Counter

from bench.inbound import make_mailboxes, message
from bench.meter import Sample
from bench.workload import Lost, Workload, expect_once
from tools import checkout, odoo_server
from tools.odoo_server import OdooServer
from tools.sandbox import Sandbox

BOXES = 3
# A message that is no record after so long is lost.
PATIENCE = 60
LOOK_SECONDS = 0.01


class Push(Workload):
    name = "push"
    description = (
        f"`odoo spp_email_idle` listens to {BOXES} mailboxes (IMAPS) for a server with one idle cron worker; messages "
        "of about 1 kB arrive one after the other. The time is taken from the end of the delivery until another "
        "connection sees the lead. No job is due and no mailbox's interval is over: only the push brings them. Stock "
        "Odoo has no push and is not measured: its job runs every 5 minutes, so a message waits for 150 seconds on "
        "average and 300 at most."
    )
    limit = (
        "Dovecot, which waits for half a second before it tells of new mail; then waking the cron worker, an IMAP "
        "conversation of about 15 round trips, and Odoo's `message_process`."
    )
    kinds = ("gateway",)
    count = 30
    rounds = 1

    def start(self):
        self._dovecot = Sandbox.shared().dovecot
        self._addresses = [f"{self.name}-{number}@example.test" for number in range(BOXES)]
        self._dovecot.add_users(dict.fromkeys(self._addresses, "benchpw"))

    def set_up(self, side):
        sandbox = Sandbox.shared()
        side.call(
            make_mailboxes,
            users=dict.fromkeys(self._addresses, "benchpw"),
            port=self._dovecot.imaps,
            host=sandbox.host,
            ca=sandbox.ca_certificate,
        )
        side.execute("UPDATE ir_cron SET nextcall = '2090-01-01'")

    def prepare(self, side):
        for address in self._addresses:
            self._dovecot.delete_all(address)
        side.execute("UPDATE fetchmail_server SET gateway_interval_minutes = 1440, date = '2089-12-31'")

    def run(self, side):
        log = checkout.LOGS / "bench-push.log"
        with OdooServer(side.database, cron=1):
            listening = odoo_server.start_command(side.database, "spp_email_idle", log=log)
            try:
                self._wait(side, BOXES, "SELECT count(*) FROM fetchmail_server WHERE date < '2089-01-01'")
                for number in range(BOXES):
                    self._arrive(side, "warm", number)
                waits = [self._arrive(side, self.name, number) for number in range(self.count)]
            finally:
                odoo_server.kill_group(listening)
        return Sample(sum(waits), self.count, waits=tuple(waits))

    def _arrive(self, side, part, number):
        """Deliver a message and return after how many seconds it was a lead."""
        self._dovecot.deliver(self._addresses[number % BOXES], message(side.round, part, number))
        began = time.perf_counter()
        self._wait(
            side, 1, "SELECT count(*) FROM crm_lead WHERE name = %s", f"Bench {side.round} {part} {number}"
        )
        return time.perf_counter() - began

    def _wait(self, side, count, query, *arguments):
        limit = time.monotonic() + PATIENCE
        while side.rows(query, arguments)[0][0] < count:
            if time.monotonic() > limit:
                raise Lost(f"not within {PATIENCE} seconds: {query}")
            time.sleep(LOOK_SECONDS)

    def verify(self, side):
        rows = side.rows("SELECT name FROM crm_lead WHERE name LIKE %s", (f"Bench {side.round} {self.name} %",))
        wanted = [f"Bench {side.round} {self.name} {number}" for number in range(self.count)]
        expect_once("leads", wanted, Counter(row[0] for row in rows))
