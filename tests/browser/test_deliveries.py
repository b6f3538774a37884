# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What people see of deliveries, and what they decide about them."""

from __future__ import annotations

from .case import BrowserCase

# The rows as a queue leaves them behind; the answers are those of real servers.
ROWS = """
# The dates are of long ago, so that pictures stay the same.
env["spp.email.delivery.retention"].search([]).write({"mail_days": 0, "row_days": 0})
env["spp.email.delivery"].search([]).unlink()
env["mail.mail"].search([]).unlink()
job = env.ref("mail.ir_cron_mail_scheduler_action")
job.active = False
server = env["ir.mail_server"].search([("name", "=", "Relay of the Ministry")]) or env["ir.mail_server"].create(
    {"name": "Relay of the Ministry", "smtp_host": "relay.example.test"})
lead = env["crm.lead"].create({"name": "Case 12"})
answer = {}
for name, subject, state, values in (
    ("joseph", "Your payment in June", "sent", dict(
        reason="accepted", smtp_code=250, enhanced_status="2.0.0", smtp_text="Ok: queued as 4BxQ2", remote_id="4BxQ2")),
    ("amina", "Your payment in June", "failed", dict(
        reason="refused", smtp_code=550, enhanced_status="5.1.1", phase="recipient",
        smtp_text="<amina@exmaple.test>: Recipient address rejected: User unknown")),
    ("rosa", "Your payment in June", "deferred", dict(
        reason="try_later", smtp_code=451, enhanced_status="4.7.1", phase="recipient",
        smtp_text="Greylisted, please try again in 300 seconds", next_attempt_date="2090-01-01 10:00:00")),
    ("li", "New office hours", "unknown", dict(reason="lost_after_data", phase="message")),
    ("peter", "New office hours", "queued", {}),
):
    message = lead.message_post(body=subject, subject=subject)
    mail = env["mail.mail"].create(
        {"mail_message_id": message.id, "email_to": f"{name}@exmaple.test", "subject": subject})
    dates = {"attempt_date": "2026-03-02 09:30:00", "attempts": 1} if values else {}
    if state in ("sent", "failed"):
        dates["final_date"] = "2026-03-02 09:30:01"
    row = env["spp.email.delivery"].create({
        "mail_id": mail.id, "mail_message_id": message.id, "model": "crm.lead", "res_id": lead.id,
        "subject": subject,
        "recipient": f"{name}@exmaple.test", "state": state, "server_id": server.id,
        "email_from": "office@example.test", "mail_class": "transactional",
        "created_date": "2026-03-02 09:29:58", "message_id": message.message_id,
        "company_id": env.company.id, **dates, **values})
    mail._gateway_follow()
    answer[name] = row.id
"""


class TestDeliveries(BrowserCase):
    def setUp(self):
        super().setUp()
        self.rows = self.ask(ROWS)

    def state_of(self, name):
        return self.ask("answer = env['spp.email.delivery'].browse(row).state", row=self.rows[name])

    def row(self, name):
        return self.page.locator(".o_data_row", has_text=f"{name}@")

    def test_the_list_says_what_became_of_each_recipient(self):
        self.open_app("Email Gateway", "Outgoing", "Deliveries")
        badge = self.row("amina").locator("[name=state] .badge")
        self.assertEqual(badge.inner_text(), "Failed")
        self.assertIn("text-bg-danger", badge.get_attribute("class"))
        self.assertIn("The address does not exist.", self.row("amina").locator("[name=answer_words]").inner_text())
        self.screenshot("deliveries-list")
        for label, shown, hidden in (
            ("Failed", "amina", "joseph"),
            ("Waiting", "rosa", "joseph"),
            ("Outcome Unknown", "li", "joseph"),
            ("Sent", "joseph", "amina"),
        ):
            with self.subTest(filter=label):
                self.page.click(".o_searchview_dropdown_toggler")
                item = self.page.locator(".o_filter_menu .o_menu_item").get_by_text(label, exact=True)
                item.click()
                self.row(hidden).wait_for(state="detached")
                self.assertEqual(self.row(shown).count(), 1)
                item.click()
                self.row(hidden).wait_for()
                self.page.keyboard.press("Escape")

    def test_the_form_tells_what_happened_and_retry_puts_it_back(self):
        self.open(f"email-deliveries/{self.rows['amina']}")
        self.assertIn("Not delivered", self.alerts()[0])
        self.assertIn("User unknown", self.page.locator("[name=smtp_text]").inner_text())
        self.assertIn("Attempt 1", self.page.locator("[name=timeline_text]").inner_text())
        self.screenshot("deliveries-form")
        self.press("Retry")
        self.state_is("Queued")
        self.assertEqual(self.state_of("amina"), "queued")
        self.assertIn("Try again (before: Failed)", self.page.locator("[name=trace_text]").inner_text())
        self.press("Cancel")
        self.state_is("Cancelled")

    def test_retry_reaches_who_was_missed_and_nobody_else(self):
        row = self.ask(
            """
env["ir.mail_server"].search([]).active = False
env["ir.mail_server"].create({
    "name": "Sandbox", "smtp_host": "localhost", "smtp_port": port, "smtp_encryption": "none"})
mail = env["mail.mail"].create({
    "subject": "The office moves", "body_html": "<p>in May</p>", "email_from": "office@example.test",
    "email_to": "maria@example.test, support@example.test, letters@example.test", "state": "exception"})
answer = 0
for name, values in (
    ("support", {"state": "sent"}), ("letters", {"state": "failed", "is_settled": True}),
    ("maria", {"state": "failed", "reason": "refused", "smtp_code": 550}),
):
    answer = env["spp.email.delivery"].create({
        "mail_id": mail.id, "recipient": f"{name}@example.test", "mail_class": "transactional", **values}).id
""",
            port=self.world.postfix.smtp,
        )
        for name in ("maria", "support", "letters"):
            self.dovecot.delete_all(f"{name}@example.test")
        self.open(f"email-deliveries/{row}")
        self.press("Retry")
        self.state_is("Queued")
        self.ask("env['mail.mail'].process_email_queue()")
        self.wait_for_state("Sent")
        arrived = [len(self.dovecot.messages(f"{name}@example.test")) for name in ("maria", "support", "letters")]
        self.assertEqual(arrived, [1, 0, 0])
        mail = self.ask("answer = env['spp.email.delivery'].browse(row).mail_id.state", row=row)
        self.assertEqual(mail, "sent")

    def test_many_at_once(self):
        self.open("email-deliveries")
        for number, name in enumerate(("amina", "li"), 1):
            self.row(name).locator("input").check()
            self.page.locator(".o_selection_box", has_text=f"{number}").wait_for()
        self.page.locator(".o_control_panel").get_by_role("button", name="Retry").click()
        self.page.locator(".o_data_row .badge", has_text="Queued").nth(2).wait_for()
        self.assertEqual([self.state_of(name) for name in ("amina", "li", "joseph")], ["queued", "queued", "sent"])

    def test_one_by_the_button_of_its_line(self):
        self.open("email-deliveries")
        self.row("peter").get_by_role("button", name="Cancel").click()
        self.row("peter").locator(".badge", has_text="Cancelled").wait_for()
        self.assertEqual(self.state_of("peter"), "cancelled")

    def test_what_may_have_arrived_says_so(self):
        self.open(f"email-deliveries/{self.rows['li']}")
        self.assertIn("It may have arrived", self.alerts()[0])

    def test_graph_and_pivot(self):
        self.open("email-deliveries")
        self.page.click(".o_switch_view.o_pivot")
        self.page.locator(".o_pivot", has_text="exmaple.test").wait_for()
        self.page.click(".o_switch_view.o_graph")
        self.page.wait_for_selector(".o_graph_canvas_container canvas")

    def test_the_mail_leads_to_its_deliveries_and_keeps_its_buttons(self):
        mail = self.ask("answer = env['spp.email.delivery'].browse(row).mail_id.id", row=self.rows["amina"])
        self.open(f"email-queue/{mail}")
        self.screenshot("queue-form")
        self.press("Retry")
        self.state_is("Outgoing")
        self.assertEqual(self.state_of("amina"), "queued")
        self.press("Cancel")
        self.state_is("Cancelled")
        self.assertEqual(self.state_of("amina"), "cancelled")
        self.page.locator(".oe_stat_button", has_text="Deliveries").click()
        self.title_is("Deliveries")
        self.row("amina").wait_for()
        self.assertEqual(self.page.locator(".o_data_row").count(), 1)


    def test_what_was_sent_can_be_downloaded_byte_for_byte(self):
        content = b"Subject: Your payment in June\r\nX-Signed: yes\r\n\r\nready \xff\r\n"
        row, lead = self.ask(
            """
row = env["spp.email.delivery"].browse(row)
env["spp.email.sent.content"]._keep(
    env, row.mail_id.id, row.message_id, [row.recipient], bytes.fromhex(content))
answer = row.id, row.res_id
""",
            row=self.rows["joseph"],
            content=content.hex(),
        )
        self.open(f"email-deliveries/{row}")
        self.assertEqual(self.downloaded(self.page.locator(".oe_stat_button", has_text="Download .eml")), content)
        self.tab("Headers")
        self.assertIn("X-Signed: yes", self.page.locator("[name=sent_headers]").inner_text())
        self.screenshot("delivery-headers")
        # The same from the chatter.
        self.open(f"crm.lead/{lead}")
        note = self.page.locator(".o-mail-Message", has_text="Your payment in June").last
        note.hover()
        note.locator("[title='Expand']").click()
        self.assertEqual(self.downloaded(self.page.locator(".o-dropdown-item", has_text="Email as Sent")), content)

    def downloaded(self, button):
        """Press a button; return the bytes of the file that comes."""
        with self.page.expect_download() as download:
            button.first.click()
        self.assertTrue(download.value.suggested_filename.endswith(".eml"))
        with open(download.value.path(), "rb") as file:
            return file.read()

    def test_the_form_of_a_user_says_that_the_invitation_did_not_arrive(self):
        user = self.ask(
            """
user = env["res.users"].search([("login", "=", "invited")]) or env["res.users"].with_context(
    no_reset_password=True).create({"name": "Grace Otieno", "login": "invited", "email": "grace@exmaple.test"})
env["spp.email.delivery"].create({
    "model": "res.users", "res_id": user.id, "recipient": user.email, "state": "failed", "reason": "refused",
    "smtp_code": 550, "enhanced_status": "5.1.1"})
answer = user.id
"""
        )
        self.open(f"users/{user}")
        self.page.locator("[name=gateway_invitation_note]").wait_for()
        self.assertIn("Invitation not delivered: The address does not exist.", self.alerts()[0])
        self.screenshot("user-invitation")


class TestDeliveriesOfAViewer(BrowserCase):
    login = "viewer"

    def test_a_viewer_reads_and_decides_nothing(self):
        rows = self.ask(ROWS)
        self.open_app("Email Gateway", "Outgoing", "Deliveries")
        self.page.locator(".o_data_row", has_text="amina@").locator("input").check()
        for label in ("Retry", "Cancel", "Send Now", "Dealt With"):
            self.assertEqual(self.page.get_by_role("button", name=label, exact=True).count(), 0, label)
        self.open(f"email-deliveries/{rows['amina']}")
        self.assertIn("Not delivered", self.alerts()[0])
        self.assertEqual(self.page.locator(".o_statusbar_buttons button").all_inner_texts(), ["Timeline"])
