# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Many workers at once do all of the work, and nothing of it twice."""

from __future__ import annotations

import json
import os
import signal

from tools.proxy import Proxy

from .case import SystemCase, box, letter, wait_for

WORKERS = 4
ROWS = 200

# All begin at the same time: when the test lets go of its lock.
BARRIER = "env.cr.execute('SELECT pg_advisory_lock_shared(4713)')\nenv.cr.commit()\n"


class TestWorkers(SystemCase):
    lease_seconds = 300

    def run_at_once(self, *programs):
        """Start a process for each program, let all go at once, and return what each printed as JSON."""
        holder = self.hold_with("SELECT pg_advisory_lock(4713)")
        workers = [self.start("import json\n" + BARRIER + program) for program in programs]
        wait_for(lambda: self.waiters() == len(programs), "all workers are ready", 60)
        holder.close()
        answers = []
        for worker in workers:
            output, _nothing = worker.communicate(timeout=120)
            self.assertEqual(worker.returncode, 0, output[-3000:])
            self.assertNotIn("could not serialize", output)
            answers.append(json.loads([line for line in output.splitlines() if line.startswith("{")][-1]))
        return answers

    def assert_each_once(self, like, count):
        states = self.rows(
            "SELECT state, reason, attempts, detail, count(*) FROM spp_email_inbound WHERE subject LIKE %s"
            " GROUP BY 1, 2, 3, 4",
            like,
        )
        # One attempt each: no conflict made one of them start again.
        self.assertEqual(states, [("done", "record_created", 1, None, count)])
        names = self.leads(like)
        self.assertEqual(len(names), count)
        self.assertEqual(len(set(names)), count)

    def test_four_processes_share_the_journal(self):
        server = self.mailbox(box())
        self.ask(
            """
from odoo.addons.spp_email_gateway.models.spp_email_journal import JournalEntry
env["spp.email.journal"]._write_entries(
    [
        JournalEntry("workers", "INBOX", "1", str(number), raw.encode(), server_id=server)
        for number, raw in enumerate(raws)
    ]
)
""",
            server=server,
            raws=[letter(f"shared {number}").decode() for number in range(ROWS)],
        )
        answers = self.run_at_once(
            *["print(json.dumps({'done': sum(env['spp.email.lane']._process_due().values())}))\n"] * WORKERS
        )
        done = [answer["done"] for answer in answers]
        self.assertEqual(sum(done), ROWS)
        self.assertTrue(all(done), f"a worker got nothing to do: {done}")
        self.assert_each_once("shared %", ROWS)

    def fetch_at_once(self, servers, like, count):
        answers = self.run_at_once(
            *[
                f"server = env['fetchmail.server'].browse({server})\n"
                "error = server._fetch_mail()\nenv.cr.commit()\nprint(json.dumps({'error': str(error or '')}))\n"
                for server in servers
            ]
        )
        self.assertEqual([answer["error"] for answer in answers], [""] * len(servers))
        self.assert_each_once(like, count)

    def test_two_processes_fetch_one_mailbox(self):
        address = box()
        server = self.mailbox(address)
        self.dovecot.fill(address, [letter(f"both {number}") for number in range(60)])
        self.fetch_at_once([server, server], "both %", 60)
        self.assertTrue(all("\\Seen" in flags for flags in self.flags(address)))

    def test_one_mailbox_connected_twice(self):
        address = box()
        servers = [self.mailbox(address), self.mailbox(address)]
        self.dovecot.fill(address, [letter(f"twice {number}") for number in range(60)])
        self.fetch_at_once(servers, "twice %", 60)

    def suspend(self, address, server, reached, go_on):
        """Suspend a worker at a step until another has done all of its work, then let it go on."""
        sleeper = self.start_fetch(server)
        reached()
        os.kill(sleeper.pid, signal.SIGSTOP)
        go_on()
        # Its claims have run out, as they do when a virtual machine is paused for long.
        for table in ("spp_email_lease", "spp_email_inbound"):
            self.rows(f"UPDATE {table} SET claim_until = now() - interval '1 day'")  # noqa: S608
        self.fetch(server)
        os.kill(sleeper.pid, signal.SIGCONT)
        output, _nothing = sleeper.communicate(timeout=60)
        self.assertEqual(sleeper.returncode, 0, output[-3000:])

    def test_suspended_while_it_reads(self):
        address = box()
        subjects = [f"asleep {number}" for number in range(5)]
        self.dovecot.fill(address, [letter(subject) for subject in subjects])
        with Proxy(self.dovecot.imap) as proxy:
            server = self.mailbox(address, port=proxy.port)
            proxy.hold(rb"Subject: asleep 3", reply=True)
            self.suspend(address, server, lambda: self.assertTrue(proxy.held.wait(30)), proxy.release)
        self.assert_taken_once(address, server, subjects)

    def test_suspended_while_it_processes(self):
        address = box()
        server = self.mailbox(address)
        subjects = [f"drowsy {number}" for number in range(5)]
        self.dovecot.fill(address, [letter(subject) for subject in subjects])
        holder = self.hold_with("LOCK TABLE crm_lead IN ACCESS EXCLUSIVE MODE")
        self.suspend(address, server, lambda: wait_for(self.waiters, "it meets the lock"), holder.rollback)
        self.assert_taken_once(address, server, subjects)

    def test_one_pop_mailbox_connected_twice(self):
        address = box()
        servers = [self.mailbox(address, "pop"), self.mailbox(address, "pop")]
        self.dovecot.fill(address, [letter(f"popped {number}") for number in range(60)])
        self.fetch_at_once(servers, "popped %", 60)
        self.assertEqual(self.flags(address), [])
