# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A message whose processing kills the process delays itself only."""

from __future__ import annotations

from tools import odoo_server

from .case import SystemCase, box, letter, wait_for

# As in models/spp_email_processing.py.
MOST_STARTS = 3


class TestPoison(SystemCase):
    """The process hangs in the work on one message, and the operating system kills it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with cls.connection.cursor() as cursor:
            cursor.execute("""
                CREATE FUNCTION sys_poison() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN PERFORM pg_advisory_xact_lock_shared(4712); RETURN NEW; END $$;
                CREATE TRIGGER sys_poison BEFORE INSERT ON crm_lead FOR EACH ROW
                WHEN (NEW.name LIKE 'poison%') EXECUTE FUNCTION sys_poison();
            """)

    def set_lease(self, seconds):
        self.ask(
            "env['ir.config_parameter'].set_param('spp_email_gateway.lease_seconds', str(seconds))", seconds=seconds
        )

    def die(self, server):
        holder = self.hold_with("SELECT pg_advisory_xact_lock(4712)")
        running = self.start_fetch(server)
        wait_for(self.waiters, "the process meets the poison")
        odoo_server.kill_group(running)
        holder.close()
        wait_for(lambda: not self.waiters(), "PostgreSQL ends what the dead process asked for")

    def test_set_aside_after_too_many_deaths(self):
        address = box()
        server = self.mailbox(address)
        self.dovecot.fill(address, [letter(name) for name in ("poison many", "good many 1", "good many 2")])
        for _ in range(MOST_STARTS):
            self.die(server)
            self.wait_until_free()
        self.fetch(server)
        self.assertEqual(
            self.journal(server),
            [
                ("poison many", "quarantined", "process_died"),
                ("good many 1", "done", "record_created"),
                ("good many 2", "done", "record_created"),
            ],
        )
        self.assertEqual(self.leads("% many%"), ["good many 1", "good many 2"])
        # It is safe, and an admin who has removed the cause can have it tried again.
        self.ask("env['spp.email.inbound'].search([('server_id', '=', server)]).action_retry()", server=server)
        self.fetch(server)
        self.assertEqual(self.leads("% many%"), ["good many 1", "good many 2", "poison many"])
        self.assertEqual(self.value("SELECT count(*) FROM mail_mail"), 0)

    def test_others_are_served_at_once(self):
        address = box()
        server = self.mailbox(address)
        self.addCleanup(self.rows, "UPDATE spp_email_inbound SET claim_until = NULL")
        self.dovecot.fill(address, [letter(name) for name in ("poison once", "good once 1", "good once 2")])
        self.set_lease(300)
        try:
            self.die(server)
            # The mailbox was not being read any more when the process died; only the poison is still claimed.
            self.fetch(server)
        finally:
            self.set_lease(self.lease_seconds)
        self.assertEqual(
            self.journal(server),
            [
                ("poison once", "processing", None),
                ("good once 1", "done", "record_created"),
                ("good once 2", "done", "record_created"),
            ],
        )
