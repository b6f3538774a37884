# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Lanes in several processes share one quota, and together never take more than it has."""

from __future__ import annotations

from tools.odoo_server import OdooServer, kill_group

from .case import SystemCase, box, wait_for

PROCESSES = 4
LIMIT = 100

# Each process asks until it was held, and gives back one of ten, as a server does that is busy.
RESERVE = """
from odoo.addons.spp_email_gateway.engine.delivery import RecipientResult
from odoo.addons.spp_email_gateway.engine.gate import Departure
from odoo.addons.spp_email_gateway.engine.outcome import OutboundReason, OutboundState
import os, time
gate = env["spp.email.gate"]
# Between looking and counting lies a moment; it is made long enough for the others to come in between.
counters = type(env["spp.email.quota.use"])
look = counters._uses
def look_slowly(*arguments):
    found = look(*arguments)
    time.sleep(0.004)
    return found
counters._uses = look_slowly
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
        result = RecipientResult(OutboundState.DEFERRED, OutboundReason.TRY_LATER)
        gate._note(departure, {departure.recipients[0]: result})
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


MAILS = """
env["mail.mail"].search([]).unlink()
server = env["ir.mail_server"].browse(server)
server.write({"active": True, **values})
mails = env["mail.mail"].create([
    {"subject": f"Waiting {number}", "body_html": "<p>x</p>", "email_to": address, "email_from": "relay@example.test",
     "auto_delete": False}
    for number in range(count)
])
env.ref("mail.ir_cron_mail_scheduler_action")._trigger()
answer = mails.ids
"""


class TestQuotaInTheQueue(SystemCase):
    def setUp(self):
        self.ask("env['ir.mail_server'].search([]).active = False")
        self.server = self.ask(
            "answer = env['ir.mail_server'].create(values).id",
            values={
                "name": "Limited",
                "smtp_host": self.sandbox.host,
                "smtp_port": self.postfix.submission,
                "smtp_encryption": "starttls_strict",
                "smtp_user": "relay@example.test",
                "smtp_pass": "relaypw",
                "gateway_ca_certificate": self.sandbox.ca_certificate,
            },
        )

    def states(self, mails):
        return self.rows(
            "SELECT state, count(*) FROM spp_email_delivery WHERE mail_id = ANY(%s) GROUP BY 1 ORDER BY 1", mails
        )

    def test_mail_over_the_limit_waits_says_so_and_leaves_by_itself(self):
        address = box()
        with OdooServer(self.database, cron=2) as server:
            mails = self.ask(
                MAILS, server=self.server, values={"gateway_quota_day": 5}, count=8, address=address
            )
            wait_for(lambda: self.states(mails) == [("queued", 3), ("sent", 5)], "five have left", 60)
            waiting = self.rows(
                "SELECT reason, smtp_text, attempts, next_attempt_date FROM spp_email_delivery"
                " WHERE mail_id = ANY(%s) AND state = 'queued'",
                mails,
            )
            for reason, text, attempts, due in waiting:
                self.assertEqual((reason, attempts), ("quota", 0))
                self.assertRegex(text, r"^Daily limit reached \(5 of 5\), next on \d{4}-\d\d-\d\d at \d\d:\d\d( UTC)?$")
                self.assertTrue(due)
            self.assertEqual(len(self.dovecot.messages(address)), 5)
            self.assertTrue(
                self.value(
                    "SELECT count(*) FROM ir_cron_trigger t JOIN ir_model_data d ON d.res_id = t.cron_id"
                    " AND d.model = 'ir.cron' AND d.name = 'ir_cron_mail_scheduler_action' WHERE call_at = %s",
                    waiting[0][3],
                )
            )
            # The mails follow their rows a moment later: what is moved before would be written over.
            wait_for(
                lambda: self.value(
                    "SELECT count(*) FROM mail_mail"
                    " WHERE id = ANY(%s) AND state = 'outgoing' AND scheduled_date > now()",
                    mails,
                )
                == 3,
                "the mails follow",
            )
            # A day later, as far as the counts and the waiting know.
            self.rows("UPDATE spp_email_quota_use SET start_date = start_date - interval '25 hours'")
            self.rows(
                "UPDATE spp_email_delivery SET next_attempt_date = next_attempt_date - interval '25 hours'"
                " WHERE state = 'queued'"
            )
            self.rows(
                "UPDATE mail_mail SET scheduled_date = scheduled_date - interval '25 hours' WHERE id = ANY(%s)", mails
            )
            self.rows("UPDATE ir_cron_trigger SET call_at = call_at - interval '25 hours'")
            wait_for(lambda: self.states(mails) == [("sent", 8)], "the rest has left", 200)
            # Odoo's own scheduler meets itself when two of its threads look for jobs at once, and says so.
        # A job that is cut off by the end of the server says so, too.
        running = server.log_text().partition("Initiating shutdown")[0]
        self.assertNotIn("addons/spp_email_gateway", running.partition("Traceback")[2])
        self.assertEqual(len(self.dovecot.messages(address)), 8)

    def test_what_the_server_refused_does_not_count(self):
        # Else the address is on the suppression list after the first one.
        learns = "env['spp.email.suppression.policy'].search([]).learn_refusals = learns"
        self.ask(learns, learns=False)
        self.addCleanup(self.ask, learns, learns=True)
        with OdooServer(self.database, cron=2):
            mails = self.ask(
                MAILS, server=self.server, values={"gateway_quota_day": 5}, count=5, address="reject@example.test"
            )
            wait_for(lambda: self.states(mails) == [("failed", 5)], "all are refused", 60)
        text = self.ask("answer = env['ir.mail_server'].browse(id).gateway_quota_text", id=self.server)
        self.assertEqual(text, "today 0 of 5")
