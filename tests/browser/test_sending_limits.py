# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""An admin sets limits, sends a test mail and tests the way out and back in."""

from __future__ import annotations

import time

from tools.sandbox import DOMAIN

from .case import PASSWORD, BrowserCase

SETUP = """
env["ir.mail_server"].search([]).active = False
server = env["ir.mail_server"].create({
    "name": "My Organization's Email Server", "smtp_host": "localhost", "smtp_port": port,
    "smtp_encryption": "starttls_strict", "smtp_user": "relay@example.test", "smtp_pass": "relaypw",
    "gateway_ca_certificate": authority,
})
env["fetchmail.server"].search([]).active = False
env["fetchmail.server"].create({
    "name": "Letters", "server_type": "imap", "server": "127.0.0.1", "port": imap, "user": user, "password": password,
    "is_ssl": False, "gateway_use_starttls": False, "state": "done",
})
answer = server.id
"""
USE = """
from odoo.addons.spp_email_gateway.engine.delivery import RecipientResult
from odoo.addons.spp_email_gateway.engine.gate import Departure
gate = env["spp.email.gate"]
for number in range(count):
    gate._ask(Departure(0, server, "a@example.test", (f"r{number}@remote.test",)))
"""


class TestSendingLimits(BrowserCase):
    def setUp(self):
        super().setUp()
        self.server = self.world.console.ask(
            SETUP,
            port=self.world.postfix.submission,
            authority=self.sandbox.ca_certificate,
            imap=self.dovecot.imap,
            user=f"letters@{DOMAIN}",
            password=PASSWORD,
        )

    def open_server(self):
        self.open_app("Email Gateway", "Outgoing", "Outgoing Email Servers")
        self.page.locator(".o_data_row", has_text="My Organization's Email Server").first.locator(
            "td[name=name]"
        ).click()
        self.page.wait_for_selector(".o_form_sheet")

    def test_limits(self):
        self.open_server()
        self.tab("Limits")
        self.fill("Limit a Day", 200)
        # Of three labels of that name the first is the one for all mail.
        self.page.locator("[name=gateway_quota_hour] input").fill("150")
        self.page.locator("[name=gateway_quota_hour] input").press("Tab")
        self.save()
        self.world.console.ask(USE, server=self.server, count=120)
        self.page.reload()
        self.wait_for_view()
        self.tab("Limits")
        used = self.page.locator(".o_form_sheet [name=gateway_quota_text]")
        self.assertEqual(used.inner_text(), "today 120 of 200, this hour 120 of 150")
        self.screenshot("outgoing-limits")
        self.page.locator(".o_breadcrumb").get_by_text("Outgoing Email Servers").click()
        self.page.wait_for_selector(".o_list_view")
        row = self.page.locator(".o_data_row", has_text="My Organization's Email Server").first
        self.assertIn("today 120 of 200, this hour 120 of 150", row.inner_text())
        self.screenshot("outgoing-list")

    def test_over_the_limit(self):
        self.world.console.ask(
            "env['ir.mail_server'].browse(server).gateway_quota_day = 3", server=self.server
        )
        self.world.console.ask(USE, server=self.server, count=3)
        self.open_server()
        self.press("Send a Test Mail")
        self.page.wait_for_selector(".modal .o_form_view")
        self.page.locator(".modal [name=recipients] input").fill(f"maria@{DOMAIN}")
        self.page.locator(".modal button[name=action_send]").locator("visible=true").click()
        error = self.page.locator(".modal", has_text="Daily limit reached (3 of 3), next on ")
        error.first.wait_for()

    def test_mail_over_the_limit_says_until_when_it_waits(self):
        self.world.console.ask(
            "env['ir.mail_server'].browse(server).gateway_quota_day = 2\n"
            "env['mail.mail'].search([]).unlink()\n"
            "env['mail.mail'].create([{'subject': f'Invitation {number}', 'email_from': 'relay@example.test',"
            " 'body_html': '<p>x</p>', 'email_to': f'maria@{domain}', 'auto_delete': False} for number in range(3)])\n"
            "env.cr.commit()\n"
            "env['mail.mail'].process_email_queue()",
            server=self.server,
            domain=DOMAIN,
        )
        self.open_app("Email Gateway", "Outgoing", "Deliveries")
        # The list opens on what people have to look at.
        for remove in self.page.locator(".o_searchview .o_facet_remove").all()[::-1]:
            remove.click()
        row = self.page.locator(".o_data_row", has_text="Invitation").filter(has_text="Queued").first
        row.wait_for()
        row.locator("td").nth(1).click()
        self.page.wait_for_selector(".o_form_view")
        self.page.get_by_text("Daily limit reached (2 of 2), next on ").first.wait_for()
        self.screenshot("outgoing-waiting")

    def test_a_test_mail(self):
        self.open_server()
        self.press("Send a Test Mail")
        self.page.wait_for_selector(".modal .o_form_view")
        self.page.locator(".modal [name=recipients] input").fill(f"maria@{DOMAIN}, reject@{DOMAIN}")
        self.page.locator(".modal button[name=action_send]").locator("visible=true").click()
        told = self.page.locator(".modal .alert").locator("visible=true")
        told.wait_for()
        text = told.inner_text()
        self.assertIn("The server took it for some.", text)
        self.assertIn(f"maria@{DOMAIN}: The server accepted it", text)
        self.assertIn(f"reject@{DOMAIN}: The server refused it (550 5.1.1", text)
        self.screenshot("test-mail")
        limit = time.monotonic() + 15
        while not any(b"Test mail of" in raw for _uid, _flags, raw in self.dovecot.messages(f"maria@{DOMAIN}")):
            self.assertLess(time.monotonic(), limit, "the test mail did not arrive")
            time.sleep(0.2)
        self.page.locator(".modal [name=recipients] input").fill(f"maria@{DOMAIN}")
        self.page.locator(".modal button[name=action_send]").locator("visible=true").click()
        self.page.locator(".modal .alert-success").locator("visible=true").wait_for()

    def test_a_round_trip(self):
        self.open_server()
        self.press("Test Round Trip")
        self.page.wait_for_selector(".o_field_widget[name=mailbox_id]")
        # The only mailbox is proposed.
        self.assertEqual(self.value("Sent To"), f"letters@{DOMAIN}")
        self.press("Send Now")
        self.state_is("On the Way")
        limit = time.monotonic() + 15
        while not any(b"Round trip" in raw for _uid, _flags, raw in self.dovecot.messages(f"letters@{DOMAIN}")):
            self.assertLess(time.monotonic(), limit, "the mail did not arrive")
            time.sleep(0.2)
        self.press("Read the Mailbox")
        self.notification()
        self.dismiss_notifications()
        self.wait_for_state("Arrived")
        self.assertRegex(self.alerts()[0], r"The mail went out and came back in (\d+ min )?\d+ s\.")
        self.assertRegex(self.page.locator(".o_form_sheet .o_group [name=duration_text]").inner_text(), r"\d+ s$")
        self.screenshot("round-trip")
        self.open_app("Email Gateway", "Outgoing", "Round Trips")
        self.assertIn("Arrived", self.page.locator(".o_data_row").first.inner_text())
