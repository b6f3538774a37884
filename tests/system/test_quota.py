# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Lanes in several processes share one quota, and together never take more than it has."""

from __future__ import annotations

from tools.odoo_server import kill_group

from .case import SystemCase, wait_for

PROCESSES = 4
LIMIT = 100

# Each process asks until it was held, and gives back one of ten, as a server does that is busy.
RESERVE = """
from odoo.addons.spp_email_gateway.engine.delivery import RecipientResult
from odoo.addons.spp_email_gateway.engine.gate import Departure
from odoo.addons.spp_email_gateway.engine.outcome import OutboundReason, OutboundState
import os, time
gate = env["spp.email.gate"]
env["ir.config_parameter"].sudo().set_param(f"race.{os.getpid()}", "ready")
env.cr.commit()
while not env["ir.config_parameter"].sudo().get_param("race.go"):
    env.cr.rollback()
    env.registry.clear_all_caches()
    time.sleep(0.005)
env.cr.rollback()
taken = given_back = 0
for number in range(400):
    departure = Departure(0, SERVER, "a@example.test", (f"r{number}@remote.test",))
    if gate._ask(departure).hold:
        break
    taken += 1
    if GIVES_BACK and number % 10 == 0:
        gate._note(departure, {departure.recipients[0]: RecipientResult(OutboundState.DEFERRED, OutboundReason.TRY_LATER)})
        given_back += 1
print(f"taken {taken} {given_back}", flush=True)
"""


class TestQuota(SystemCase):
    def race(self, *, gives_back):
        """Let processes take places at the same time; return (how many each took and kept, the server's id)."""
        self.rows("DELETE FROM spp_email_quota_use")
        self.rows("DELETE FROM ir_config_parameter WHERE key LIKE 'race.%%'")
        server = self.ask(
            "answer = env['ir.mail_server'].create({'name': 'Race', 'smtp_host': 'localhost',"
            " 'gateway_quota_day': limit}).id",
            limit=LIMIT,
        )
        code = RESERVE.replace("SERVER", str(server)).replace("GIVES_BACK", str(gives_back))
        running = [self.start(code) for _number in range(PROCESSES)]
        ready = "SELECT count(*) FROM ir_config_parameter WHERE value = 'ready' AND key LIKE 'race.%%'"
        wait_for(lambda: self.value(ready) == PROCESSES, "all are there", 60)
        self.rows("INSERT INTO ir_config_parameter (key, value) VALUES ('race.go', 'yes')")
        took = []
        for process in running:
            output = process.communicate(timeout=120)[0]
            kill_group(process)
            words = next((line for line in output.splitlines() if line.startswith("taken")), None)
            self.assertTrue(words, output)
            took.append([int(word) for word in words.split()[1:]])
        return took, server

    def used(self, server):
        return self.value(
            "SELECT sum(used) FROM spp_email_quota_use WHERE server_id = %s AND \"window\" = 'day'", server
        )

    def test_four_processes_take_exactly_what_there_is(self):
        took, server = self.race(gives_back=False)
        self.assertEqual(sum(taken for taken, _back in took), LIMIT)
        self.assertEqual(self.used(server), LIMIT)
        # Or nothing was tried: they came at the same time.
        self.assertGreater(sum(taken > 0 for taken, _back in took), 1, took)

    def test_what_is_given_back_is_taken_by_others_and_never_twice(self):
        took, server = self.race(gives_back=True)
        kept = sum(taken - back for taken, back in took)
        self.assertEqual(kept, self.used(server))
        self.assertLessEqual(kept, LIMIT)
        # A process that was held while another gave back has ended already: few places are left over.
        self.assertGreater(kept, LIMIT - 15)
