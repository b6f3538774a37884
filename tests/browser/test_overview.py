# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The app's first screen, as a manager, an officer and a viewer see it; and what a program that watches is given."""

from __future__ import annotations

import urllib.error
import urllib.request

from .case import BrowserCase

EMPTY = """
for model in ("spp.email.day", "spp.email.health", "spp.email.sample", "spp.email.delivery", "spp.email.round.trip"):
    env[model].with_context(active_test=False).search([]).unlink()
env["spp.email.inbound"].search([]).write({"state": "done", "is_held": False})
env["spp.email.inbound"].search([]).unlink()
env["fetchmail.server"].with_context(active_test=False).search([]).unlink()
env["ir.mail_server"].with_context(active_test=False).search([]).unlink()
env["spp.email.intake"].with_context(active_test=False).search([]).unlink()
env["mail.mail"].search([("state", "=", "outgoing")]).unlink()
"""
# A month as an office has it; the days are of today, as the screen is.
FIGURES = EMPTY + """
from datetime import timedelta
from odoo import fields
today, now = fields.Date.today(), fields.Datetime.now()
relay, campaigns = env["ir.mail_server"].create([
    {"name": "Relay of the Ministry", "smtp_host": "relay.example.test"},
    {"name": "Campaigns", "smtp_host": "bulk.example.test", "sequence": 20}])
rows = []
def add(days, direction, state, messages, **values):
    rows.append({"day": today - timedelta(days=days), "direction": direction, "state": state, "messages": messages,
                 "company_id": env.company.id, **values})
for days in range(30):
    weekday = (today - timedelta(days=days)).weekday() < 5
    add(days, "in", "done", 40 + days % 7 if weekday else 6)
    add(days, "in", "quarantined", 1 if days % 5 else 3)
    add(days, "in", "duplicate", 2)
    add(days, "out", "sent", 90 + days % 11 if weekday else 20, sender_id=relay.id, domain="ministry.example")
    add(days, "out", "failed", days % 3, sender_id=relay.id, domain="ministry.example")
    add(days, "out", "sent", 30, sender_id=campaigns.id, domain="mail.example")
    add(days, "out", "bounced", 2, sender_id=campaigns.id, domain="mail.example")
    add(days, "out", "bounced", int(days == 3), sender_id=campaigns.id, domain="mail.example", is_complaint=True)
env["spp.email.day"].create(rows)
env["spp.email.sample"].create([
    {"date": now - timedelta(minutes=10), "incoming_waiting": 0},
    {"date": now, "incoming_done": 20, "outgoing_done": 50}])
box = env["fetchmail.server"].create({
    "name": "Grievances", "server": "imap.example.test", "port": 993, "user": "g@example.test", "state": "done",
    "date": now - timedelta(minutes=3)})
late = env["fetchmail.server"].create({
    "name": "Complaints", "server": "imap.example.test", "port": 993, "user": "c@example.test", "state": "done",
    "date": now - timedelta(hours=30)})
env["spp.email.health"].create({
    "code": f"mailbox_{late.id}_not_read", "state": "failure", "title": "Mailbox “Complaints” is not read any more",
    "cure": "Press Fetch Now on the mailbox.", "res_model": "fetchmail.server", "res_ids": [late.id]})
env.ref("spp_email_gateway.ir_cron_health").lastcall = now
answer = late.id
"""


class OverviewCase(BrowserCase):
    def figure(self, card):
        return self.page.locator(f"[data-card='{card}'] .h2").inner_text()

    def part(self, name):
        return self.page.locator(f"[data-part='{name}']")

    def app(self):
        self.open_app("Email Gateway")
        self.page.locator(".o_gateway_figures").wait_for()


class TestOverview(OverviewCase):
    def test_what_a_manager_sees_first(self):
        self.ask(EMPTY)
        self.app()
        self.page.get_by_role("heading", name="Connect a mailbox and a sender").wait_for()
        self.screenshot("overview-empty")
        late = self.ask(FIGURES)
        self.open("email-overview")
        self.part("findings").get_by_text("Mailbox “Complaints” is not read any more").wait_for()
        self.assertEqual(self.figure("complaints"), "0.03 %")
        servers = self.part("servers").locator("tbody tr").all_inner_texts()
        self.assertEqual(len(servers), 2)
        self.assertTrue(servers[0].startswith("Relay of the Ministry"), servers)
        self.assertIn("Nothing waits.", self.part("forecast").inner_text())
        self.assertIn("3 min ago", self.part("mailboxes").inner_text())
        self.assertGreater(self.page.locator(".o_gateway_chart canvas").bounding_box()["height"], 150)
        self.screenshot("overview-manager")
        # More of the screen than one page shows.
        self.page.locator("[data-part='mailboxes']").scroll_into_view_if_needed()
        self.screenshot("overview-manager-below")
        # Another time.
        self.press("7 days")
        self.page.locator("[data-card='received'] .small:last-child", has_text="7 days").wait_for()
        # What needs attention leads to what is wrong.
        self.page.get_by_role("button", name="Open: Mailbox “Complaints” is not read any more").click()
        self.page.wait_for_selector(".o_form_sheet")
        self.assertIn(f"/{late}", self.page.url)
        self.page.go_back()
        self.page.locator("[data-card='quarantined']").click()
        self.title_is("Quarantine")

    def test_findings_open_their_records_and_charts_are_there(self):
        late = self.ask(FIGURES)
        self.open("email-health")
        row = self.page.locator(".o_data_row", has_text="is not read any more")
        row.get_by_role("button", name="Open").click()
        self.page.wait_for_selector(".o_form_sheet")
        self.assertIn(f"/{late}", self.page.url)
        for path, name in (("email-journal", "journal"), ("email-deliveries", "deliveries")):
            self.open(path)
            for kind, shown in (("graph", ".o_graph_renderer"), ("pivot", ".o_pivot")):
                with self.subTest(view=f"{name} {kind}"):
                    self.page.locator(f".o_cp_switch_buttons .o_{kind}").click()
                    self.page.wait_for_selector(shown)

    def test_a_token_for_a_program_that_watches(self):
        self.ask("env['spp.email.monitoring.token'].search([]).unlink()")
        self.open("email-monitoring")
        self.press("New")
        self.page.wait_for_selector(".o_form_sheet")
        self.page.locator("label.o_form_label", has_text="Program").wait_for()
        self.fill("Program", "Prometheus")
        self.save()
        self.screenshot("monitoring")
        self.press("Make a Token")
        dialog = self.page.locator(".modal-content")
        dialog.wait_for()
        token = dialog.locator("[name=token]").inner_text().strip().split("\n")[0]
        dialog.get_by_role("button", name="Close").last.click()
        request = urllib.request.Request(f"{self.url}/spp_email_gateway/metrics")  # noqa: S310 - our own server
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)  # noqa: S310
        self.assertEqual(refused.exception.code, 401)
        request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            self.assertIn(b"spp_email_gateway_health_state", answer.read())


class TestOverviewOfAnOfficer(OverviewCase):
    login = "officer"

    def test_figures_without_what_is_for_managers(self):
        self.ask(FIGURES)
        self.app()
        self.page.locator("[data-card='received']").wait_for()
        self.assertEqual(self.figure("complaints"), "0.03 %")
        for part in ("findings", "forecast", "mailboxes"):
            self.assertEqual(self.part(part).count(), 0)
        self.screenshot("overview-officer")


class TestOverviewOfAViewer(OverviewCase):
    login = "viewer"

    def test_figures_and_where_they_lead(self):
        self.ask(FIGURES)
        self.app()
        self.page.locator("[data-card='received']").wait_for()
        self.assertEqual(self.part("findings").count(), 0)
        self.screenshot("overview-viewer")
        for card, title in (("received", "Journal"), ("sent", "Deliveries"), ("complaints", "Suppression")):
            self.open("email-overview")
            self.page.locator(f"[data-card='{card}']").click()
            with self.subTest(card=card):
                self.page.locator(".o_breadcrumb").get_by_text(title).first.wait_for()
