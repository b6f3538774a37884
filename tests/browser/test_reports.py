# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A mail comes back: what its delivery, the journal and the red envelope say."""

from __future__ import annotations

from ..system.report_letter import failure_report
from .case import BrowserCase

SENT = """
server = env["ir.mail_server"].search([("name", "=", "Relay of the Ministry")]) or env["ir.mail_server"].create(
    {"name": "Relay of the Ministry", "smtp_host": "relay.example.test"})
record = env["res.partner"].create({"name": "Household 31"})
contacts = [
    env["res.partner"].create({"name": name, "email": email})
    for name, email in (("Amina Diallo", "amina@exmaple.test"), ("Joseph Mwangi", "joseph@remote.test"))
]
message = record.message_post(
    body="Your payment is ready.", subject="Your payment", message_type="comment",
    email_from="Office <office@example.test>")
mail = env["mail.mail"].create({
    "mail_message_id": message.id, "state": "sent", "body_html": "<p>Your payment is ready.</p>",
    "recipient_ids": [(6, 0, [one.id for one in contacts])]})
answer = {"record": record.id, "message_id": message.message_id, "rows": []}
for contact in contacts:
    answer["rows"].append(env["spp.email.delivery"].create({
        "mail_id": mail.id, "mail_message_id": message.id, "model": "res.partner", "res_id": record.id,
        "subject": "Your payment", "recipient": contact.email, "partner_id": contact.id, "state": "sent",
        "reason": "accepted", "smtp_code": 250, "enhanced_status": "2.0.0", "smtp_text": "Ok: queued as 4BxQ2",
        "message_id": message.message_id, "server_id": server.id, "company_id": env.company.id,
        "attempts": 1, "mail_class": "transactional"}).id)
    env["mail.notification"].create({
        "mail_message_id": message.id, "mail_mail_id": mail.id, "res_partner_id": contact.id,
        "author_id": message.author_id.id, "notification_type": "email", "notification_status": "sent"})
"""
# The pictures stay the same. A report on mail of long ago would not be believed.
LONG_AGO = """
env["spp.email.delivery"].browse(rows).write({
    "created_date": "2026-03-02 09:29:58", "attempt_date": "2026-03-02 09:30:00", "final_date": "2026-03-02 09:30:01",
    "bounced_date": "2026-03-02 09:41:00"})
env["spp.email.inbound"].browse(reports).write({"received_date": "2026-03-02 09:41:00"})
"""


class TestReports(BrowserCase):
    def setUp(self):
        super().setUp()
        self.sent = self.ask(SENT)
        reports = [
            failure_report("bounce@example.test", recipient, self.sent["message_id"], status, words)
            for recipient, status, words in (
                ("amina@exmaple.test", "5.1.1", "<amina@exmaple.test>: User unknown in virtual mailbox table"),
                ("joseph@remote.test", "5.2.2", "<joseph@remote.test>: mailbox is over quota"),
            )
        ]
        self.dovecot.delete_all("raw@example.test")
        self.reports = self.fetched("raw", *reports)
        self.ask(LONG_AGO, rows=self.sent["rows"], reports=self.reports)

    def test_the_delivery_says_why_it_came_back_and_what_helps(self):
        self.open(f"email-deliveries/{self.sent['rows'][0]}")
        alert = self.alerts()[0]
        for words in ("It came back: The address does not exist.", "Check its spelling", "This address is dead"):
            self.assertIn(words, alert)
        self.assertNotIn("The address itself is good", alert)
        timeline = self.page.locator("[name=timeline_text]").inner_text()
        self.assertIn("Attempt 1: The server accepted it", timeline)
        self.screenshot("delivery-bounced")
        self.open(f"email-deliveries/{self.sent['rows'][1]}")
        alert = self.alerts()[0]
        for words in ("It came back: The mailbox is full.", "The address itself is good"):
            self.assertIn(words, alert)

    def test_the_red_envelope_has_the_words(self):
        self.open(f"res.partner/{self.sent['record']}")
        self.page.locator(".o-mail-Message-notification.text-danger").click()
        dialog = self.page.locator(".modal-content", has_text="These people did not get")
        dialog.wait_for()
        for name, words in (("Amina", "The address does not exist."), ("Joseph", "The mailbox is full.")):
            self.assertIn(words, dialog.locator(".o_data_row", has_text=name).inner_text())
        self.screenshot("delivery-bounced-envelope")

    def test_the_journal_shows_who_what_and_why(self):
        self.open(f"email-journal/{self.reports[0]}")
        self.assertIn("Delivery Failure", self.page.locator("[name=kind]").inner_text())
        self.tab("Report")
        table = self.page.locator("[name=reports_text]").inner_text()
        for words in ("amina@exmaple.test", "The address does not exist", "550 5.1.1", "Bounced"):
            self.assertIn(words, table)
        self.screenshot("journal-report")
        self.page.get_by_role("button", name="Deliveries").click()
        self.page.locator(".o_form_view", has_text="It came back").wait_for()
