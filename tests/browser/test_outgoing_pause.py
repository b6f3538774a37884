# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""An outgoing server that keeps failing: its form says so, why and until when, and has a button."""

from __future__ import annotations

from .case import BrowserCase


class TestOutgoingPause(BrowserCase):
    def test_a_paused_server_says_why_and_can_be_tried_now(self):
        server = self.ask(
            """
from odoo.addons.spp_email_gateway.engine.breaker import Verdict
answer = env["ir.mail_server"].create({"name": "Provider", "smtp_host": "mx.example.test", "sequence": 99}).id
env.cr.commit()
cause = "The server has too much to do at the moment. (421 4.3.2 Service shutting down, closing connection)"
for failure in range(5):
    env["spp.email.breaker"]._learn(answer, Verdict(False, cause, 1800))
"""
        )
        self.addCleanup(self.ask, "env['ir.mail_server'].browse(id).unlink()", id=server)
        self.open(f"outgoing-email-servers/{server}")
        self.page.wait_for_selector(".o_form_sheet")
        (alert,) = self.alerts()
        for words in ("sending failed", "5", "times in a row", "421 4.3.2 Service shutting down"):
            self.assertIn(words, alert)
        self.tab("Sending")
        self.assertEqual((self.value("Sessions at Once"), self.value("Messages a Session")), ("4", "100"))
        self.screenshot("outgoing-paused")
        self.press("Try Now")
        self.settle()
        due = "answer = env['spp.email.breaker'].search([('server_id', '=', id)]).until <= env.cr.now()"
        self.assertTrue(self.ask(due, id=server))
        self.assertEqual(self.ask("answer = env['spp.email.breaker']._ask(id)[0]", id=server), True)
