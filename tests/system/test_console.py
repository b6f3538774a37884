# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the system and browser tests ask of an Odoo process is answered also while a job is at work."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FuturesTimeoutError

from .case import SystemCase
from .console import ConsoleError

WRITE = "env.ref('mail.ir_cron_mail_gateway_action').nextcall = '2090-01-01 00:00:00'\nanswer = 'written'"
JOB = "SELECT res_id FROM ir_model_data WHERE module = 'mail' AND name = 'ir_cron_mail_gateway_action'"


class TestConsole(SystemCase):
    def test_a_job_that_runs_is_written_when_it_has_ended(self):
        holder = self.hold_with(f"SELECT id FROM ir_cron WHERE id = ({JOB}) FOR NO KEY UPDATE")
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(self.ask, WRITE)
            with self.assertRaises(FuturesTimeoutError):
                asked.result(2)
            holder.rollback()
            self.assertEqual(asked.result(60), "written")
        self.assertEqual(str(self.value(f"SELECT nextcall::date FROM ir_cron WHERE id = ({JOB})")), "2090-01-01")

    def test_what_is_wrong_for_good_is_told_at_once(self):
        with self.assertRaises(ConsoleError) as caught:
            self.ask("from odoo.exceptions import UserError\nraise UserError('no')")
        self.assertEqual((caught.exception.kind, caught.exception.text), ("UserError", "no"))
