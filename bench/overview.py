"""How long the first screen's figures take beside a year of mail."""

import http.cookiejar
import json
import time
import urllib.request

from bench.meter import Sample
from bench.workload import Lost, Workload
from tools.odoo_server import OdooServer

ROWS = 1_000_000
DAYS = 60
SPANS = (30, 365)


class Overview(Workload):
    name = "overview"
    description = (
        f"A manager asks for the Overview's figures by HTTP, of {SPANS[0]} and of {SPANS[1]} days in turn, in a "
        f"database with {ROWS:,} journal rows and {ROWS:,} deliveries of the last {DAYS} days, to 2,000 domains, and a "
        "thousand that wait each way. The time is that of the request. Stock Odoo has no such screen."
    )
    limit = "Today's rows, which are counted as they are as long as there are fewer than 20,000, and what waits."
    kinds = ("gateway",)
    count = 20
    rounds = 1

    def set_up(self, side):
        side.execute("UPDATE ir_cron SET nextcall = '2090-01-01'")
        for statement in statements(ROWS):
            side.execute(statement)
        first, later = (side.call(count_days)["seconds"] for _run in range(2))
        print(f"  the job's first count of {DAYS} days takes {first:.1f} s, a later one {later:.1f} s", flush=True)

    def run(self, side):
        with OdooServer(side.database, cron=0) as server:
            ask = _session(server.url, side.database)
            for days in SPANS:
                ask(days)
            waits = []
            for number in range(self.count):
                began = time.perf_counter()
                self._figures = ask(SPANS[number % len(SPANS)])
                waits.append(time.perf_counter() - began)
        return Sample(sum(waits), self.count, waits=tuple(waits))

    def verify(self, side):
        counted, days = self._figures["incoming"]["total"], self._figures["days"]
        if counted != ROWS + 1000 and days >= DAYS:
            raise Lost(f"{counted} messages were counted in {days} days")


def count_days(env):
    """Inside Odoo: what the job does, and how long that takes."""
    began = time.perf_counter()
    env["spp.email.day"]._cron_count()
    return {"seconds": time.perf_counter() - began}


def _session(url, database):
    """Return a function that asks for the figures of some days, as the administrator."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def call(path, **parameters):
        body = json.dumps({"jsonrpc": "2.0", "method": "call", "params": parameters}).encode()
        request = urllib.request.Request(url + path, body, {"Content-Type": "application/json"})
        with opener.open(request, timeout=60) as answer:
            reply = json.load(answer)
        if "error" in reply:
            raise Lost(reply["error"]["data"]["message"])
        return reply["result"]

    call("/web/session/authenticate", db=database, login="admin", password="admin")

    def ask(days):
        return call(
            "/web/dataset/call_kw", model="spp.email.overview", method="read_figures", args=[days], kwargs={}
        )

    return ask


def statements(count):
    """Yield the SQL that fills the tables, spread over the days before today; a thousand each wait."""
    # The last row is of a minute before today's figures are asked for, the first of DAYS - 1 days ago.
    when = f"now() AT TIME ZONE 'UTC' - ({count} - n) * interval '{DAYS - 1} days' / {count}"
    yield f"""
        INSERT INTO spp_email_inbound (server_key, folder, uid_validity, uid, state, received_date, digest, size,
                                       message_id, conversation, subject, email_from, sender, attempts, starts,
                                       claim_fence, is_held, company_id)
        SELECT 'old', 'INBOX', '1', n::text,
               CASE WHEN n % 200 = 0 THEN 'quarantined' WHEN n % 20 = 0 THEN 'duplicate' ELSE 'done' END,
               {when}, md5(n::text), 1000, '<old-' || n || '@bench.test>', md5(n::text), 'Old ' || n,
               'old' || n || '@remote.test', 'old' || n || '@remote.test', 1, 0, 1, FALSE, 1
          FROM generate_series(1, {count}) AS n
    """
    yield """
        INSERT INTO spp_email_inbound (server_key, folder, uid_validity, uid, state, received_date, digest, size,
                                       message_id, conversation, attempts, starts, claim_fence, is_held, company_id)
        SELECT 'new', 'INBOX', '1', n::text, 'received', now() AT TIME ZONE 'UTC' - interval '5 minutes', md5(n::text),
               1000, '<new-' || n || '@bench.test>', md5('new' || n), 0, 0, 0, FALSE, 1
          FROM generate_series(1, 1000) AS n
    """
    yield """
        INSERT INTO ir_mail_server (name, smtp_host, smtp_port, smtp_encryption, smtp_authentication, active, sequence)
        SELECT 'Relay ' || n, 'relay' || n || '.example.test', 587, 'none', 'login', TRUE, n
          FROM generate_series(1, 5) AS n
    """
    yield f"""
        INSERT INTO spp_email_delivery (recipient, state, reason, created_date, final_date, subject, message_id,
                                        mail_class, attempts, company_id, server_id)
        SELECT 'person' || n || '@domain' || (n / 3 % 2000) || '.test',
               CASE WHEN n % 50 = 0 THEN 'bounced' WHEN n % 77 = 0 THEN 'failed' ELSE 'sent' END,
               CASE WHEN n % 5000 = 0 THEN 'complaint' WHEN n % 50 = 0 THEN 'sent_back' ELSE 'accepted' END,
               {when}, {when}, 'Old', '<old-' || n || '@example.test>', 'mass', 1, 1,
               (SELECT min(id) FROM ir_mail_server WHERE name LIKE 'Relay %') + n % 5
          FROM generate_series(1, {count}) AS n
    """
    yield """
        INSERT INTO mail_message (message_type, message_id, create_date, date, subject)
        SELECT 'email_outgoing', '<waits-' || n || '@example.test>', now(), now(), 'Waits'
          FROM generate_series(1, 1000) AS n
    """
    yield """
        INSERT INTO mail_mail (mail_message_id, state, email_to, create_date)
        SELECT id, 'outgoing', 'bob@example.test', now() AT TIME ZONE 'UTC' FROM mail_message
         WHERE message_id LIKE '<waits-%'
    """
    yield "ANALYZE"
