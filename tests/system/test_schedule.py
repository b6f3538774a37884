# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A server process fetches and processes by itself: nobody clicks."""

from __future__ import annotations

from tools.database import Databases
from tools.odoo_server import OdooServer

from .case import SystemCase, box, letter, wait_for

FETCH = "mail.ir_cron_mail_gateway_action"
PROCESS = "spp_email_gateway.ir_cron_process_inbound"


class TestSchedule(SystemCase):
    def run_now(self, job):
        """Make a job due and wake the server up, as a trigger does, instead of waiting for minutes."""
        module, _dot, name = job.partition(".")
        self.rows(
            "UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' - interval '1 minute' WHERE id ="
            " (SELECT res_id FROM ir_model_data WHERE module = %s AND name = %s)",
            module,
            name,
        )
        connection = Databases().connect("postgres")
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify('cron_trigger', %s)", [self.database])
        connection.close()

    def serve(self, workers):
        address = box()
        # Through the form's field, so that Odoo's own job is switched on by Odoo.
        mailbox = self.mailbox(
            address,
            port=self.dovecot.imaps,
            server=self.sandbox.host,
            is_ssl=True,
            gateway_ca_certificate=self.sandbox.ca_certificate,
            state="draft",
        )
        self.ask("env['fetchmail.server'].browse(id).button_confirm_login()", id=mailbox)
        self.assertTrue(
            self.value(
                "SELECT active FROM ir_cron JOIN ir_act_server a ON a.id = ir_actions_server_id"
                " WHERE a.name->>'en_US' = 'Mail: Fetchmail Service'"
            )
        )
        subjects = [f"workers {workers} mail {number}" for number in range(3)]
        for subject in subjects:
            self.dovecot.deliver(address, letter(subject))
        with OdooServer(self.database, workers=workers, cron=1) as server:
            self.run_now(FETCH)
            wait_for(lambda: len(self.leads(f"workers {workers} mail %")) == 3, "the leads", 90)
            # Once more in the same process, with mail that came while it ran.
            subjects.append(f"workers {workers} mail late")
            self.dovecot.deliver(address, letter(subjects[-1]))

            # A job that has just run is not due again before it has ended.
            def come():
                if len(self.leads(f"workers {workers} mail %")) == 4:
                    return True
                self.run_now(FETCH)
                return False

            wait_for(come, "the late lead", 60)
            wait_for(lambda: all(state == "done" for _s, state, _r in self.journal(mailbox)), "the journal is done")
            self.assert_taken_once(address, mailbox, subjects)
            text = server.log_text()
        self.assertNotIn("Traceback", text)
        self.assertNotIn(" ERROR ", text)
        # Odoo itself logs senders and recipients; the gateway's own lines hold no address and no subject.
        ours = [line for line in text.splitlines() if "spp_email_gateway" in line.partition(": ")[0]]
        self.assertNotIn("@", "".join(ours))
        self.assertNotIn(f"workers {workers}", "".join(ours))
        self.rows("UPDATE fetchmail_server SET active = FALSE WHERE id = %s", mailbox)

    def test_threaded_server(self):
        self.serve(0)

    def test_prefork_server_with_default_memory_limits(self):
        self.serve(2)

    def test_what_a_killed_process_left_is_processed_by_the_next_server(self):
        mailbox = self.mailbox(box(), active=False)
        self.ask(
            """
from odoo.addons.spp_email_gateway.models.spp_email_journal import JournalEntry
env["spp.email.journal"]._write_entries(
    [JournalEntry("left", "INBOX", "1", "1", raw.encode(), server_id=server)]
)
""",
            server=mailbox,
            raw=letter("left behind").decode(),
        )
        with OdooServer(self.database, cron=1):
            self.run_now(PROCESS)
            wait_for(lambda: self.leads("left behind"), "the lead", 60)
        self.assertEqual(self.journal(mailbox), [("left behind", "done", "record_created")])
