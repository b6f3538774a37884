# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The red envelope: whom a message did not reach and why, try again, ignore."""

from __future__ import annotations

from ..system.case import wait_for
from .case import BrowserCase, World

# A person who writes on contacts, and is of no role of the gateway. The message is another's.
CLERK = """
if not env["res.users"].search([("login", "=", "clerk")]):
    env["res.users"].create({
        "name": "Clara Clerk", "login": "clerk", "password": "clerk", "tour_enabled": False,
        "group_ids": [(6, 0, [env.ref("base.group_user").id, env.ref("base.group_partner_manager").id])],
    })
    env["res.users"].create({
        "name": "Rita Reader", "login": "reader", "password": "reader", "tour_enabled": False,
        "group_ids": [(6, 0, [env.ref("base.group_user").id])],
    })
"""
MESSAGE = """
job = env.ref("mail.ir_cron_mail_scheduler_action")
job.active = False
server = env["ir.mail_server"].search([("name", "=", "Relay of the Ministry")]) or env["ir.mail_server"].create(
    {"name": "Relay of the Ministry", "smtp_host": "relay.example.test"})
record = env["res.partner"].create({"name": "Household 12"})
contacts = [
    env["res.partner"].create({"name": name, "email": email})
    for name, email in (
        ("Maria Alvarez", "mari@exmaple.test"), ("Joseph Mwangi", "joseph@remote.test"), ("Li Wei", "li@remote.test"))
]
author = env["res.users"].search([("login", "=", author)]).partner_id
message = record.message_post(
    body="Your payment is ready.", subject="Your payment", message_type="comment", author_id=author.id,
    email_from="Office <office@example.test>")
mail = env["mail.mail"].create({
    "mail_message_id": message.id, "state": "exception", "body_html": "<p>Your payment is ready.</p>",
    "recipient_ids": [(6, 0, [one.id for one in contacts])]})
for contact, state, status, values in (
    (contacts[0], "failed", "exception", dict(
        reason="refused", smtp_code=550, enhanced_status="5.1.1", phase="recipient",
        smtp_text="<mari@exmaple.test>: Recipient address rejected: User unknown in virtual mailbox table")),
    (contacts[1], "bounced", "bounce", dict(
        reason="refused", smtp_code=552, enhanced_status="5.2.2", smtp_text="Mailbox is full")),
    (contacts[2], "sent", "sent", dict(reason="accepted", smtp_code=250)),
):
    env["spp.email.delivery"].create({
        "mail_id": mail.id, "mail_message_id": message.id, "model": "res.partner", "res_id": record.id,
        "subject": "Your payment", "recipient": contact.email, "partner_id": contact.id, "state": state,
        "server_id": server.id, "attempt_date": "2026-03-02 09:30:00", "attempts": 1, **values})
    env["mail.notification"].create({
        "mail_message_id": message.id, "mail_mail_id": mail.id, "res_partner_id": contact.id,
        "author_id": message.author_id.id, "notification_type": "email", "notification_status": status,
        "failure_type": "unknown" if status == "exception" else False})
answer = {"record": record.id, "message": message.id, "mail": mail.id, "contacts": [one.id for one in contacts]}
"""
STATUS = """
answer = {one.res_partner_id.name: one.notification_status
          for one in env["mail.message"].browse(message).notification_ids}
"""


class ResendCase(BrowserCase):
    login = "clerk"
    author = "admin"

    @classmethod
    def setUpClass(cls):
        World.get().console.ask(CLERK)
        super().setUpClass()

    def setUp(self):
        super().setUp()
        self.made = self.ask(MESSAGE, author=self.author)

    @property
    def envelope(self):
        return self.page.locator(".o-mail-Message-notification")

    @property
    def dialog(self):
        return self.page.locator(".modal-content", has_text="These people did not get")

    def click(self):
        self.open(f"res.partner/{self.made['record']}")
        self.page.locator(".o-mail-Message-notification.text-danger").wait_for()
        self.envelope.click()

    def line(self, name):
        return self.dialog.locator(".o_data_row", has_text=name)

    def status(self):
        return self.ask(STATUS, message=self.made["message"])

    def wait_for_white(self):
        self.dialog.wait_for(state="detached")
        self.page.locator(".o-mail-Message-notification:not(.text-danger)").wait_for()


class TestResend(ResendCase):
    def test_the_dialogue_gives_reasons_and_details(self):
        self.click()
        self.dialog.wait_for()
        self.assertEqual(self.dialog.locator(".o_data_row").count(), 2)
        self.assertIn("One other recipient was reached.", self.dialog.inner_text())
        self.assertIn("The address does not exist.", self.line("Maria").inner_text())
        self.assertNotIn("Relay of the Ministry", self.dialog.inner_text())
        self.screenshot("resend")
        self.line("Maria").get_by_role("button", name="See Error Details").click()
        details = self.line("Maria").locator(".o_spp_email_error_details").inner_text()
        for words in ("550 5.1.1", "Relay of the Ministry", "User unknown", "mari@exmaple.test"):
            self.assertIn(words, details)
        self.screenshot("resend-details")

    def test_correct_try_again_and_it_arrives(self):
        self.ask(
            "env['ir.mail_server'].search([]).active = False\n"
            "env['ir.mail_server'].create({'name': 'Sandbox', 'smtp_host': 'localhost', 'smtp_port': port,"
            " 'smtp_encryption': 'none', 'smtp_authentication': 'login'})",
            port=self.world.postfix.smtp,
        )
        self.dovecot.delete_all("maria@example.test")
        self.click()
        box = self.line("Maria").locator("input[type=email]")
        box.fill("maria@example.test")
        box.press("Tab")
        self.line("Maria").get_by_text("The contact is corrected too.").wait_for()
        self.line("Joseph").locator(".o_boolean_toggle input").click()
        self.screenshot("resend-corrected")
        self.dialog.get_by_role("button", name="Send & close").click()
        self.wait_for_white()
        self.assertEqual(
            self.status(), {"Maria Alvarez": "ready", "Joseph Mwangi": "canceled", "Li Wei": "sent"}
        )
        email = self.ask("answer = env['res.partner'].browse(one).email", one=self.made["contacts"][0])
        self.assertEqual(email, "maria@example.test")
        self.ask("env['mail.mail'].process_email_queue()")
        self.assertEqual(self.status()["Maria Alvarez"], "sent")
        # Postfix has taken it, and takes a moment to deliver it.
        found = wait_for(lambda: self.dovecot.messages("maria@example.test"), "it arrives")
        arrived = [content for _uid, _flags, content in found]
        self.assertEqual(len(arrived), 1)
        self.assertIn(b"Subject: Your payment", arrived[0])
        self.page.reload()
        self.wait_for_view()
        self.page.locator(".o-mail-Message-notification:not(.text-danger)").wait_for()

    def test_a_wrong_address_is_said_and_the_dialogue_stays(self):
        self.click()
        self.line("Maria").locator("input[type=email]").fill("maria at example")
        self.dialog.get_by_role("button", name="Send & close").click()
        error = self.page.locator(".modal-content, .o_notification", has_text="Correct these addresses").last
        error.wait_for()
        self.assertIn("Maria Alvarez: maria at example", error.inner_text())
        self.assertEqual(self.status()["Maria Alvarez"], "exception")

    def test_ignore_all_turns_the_envelope_white(self):
        self.click()
        self.dialog.get_by_role("button", name="Ignore all").click()
        self.wait_for_white()
        self.screenshot("resend-ignored")
        self.assertEqual(
            self.status(), {"Maria Alvarez": "canceled", "Joseph Mwangi": "canceled", "Li Wei": "sent"}
        )
        # A white envelope shows Odoo's own list.
        self.envelope.click()
        self.page.locator(".o-mail-MessageNotificationPopover").wait_for()


class TestReader(ResendCase):
    login = "reader"

    def test_who_may_only_read_sees_odoos_own_list(self):
        self.click()
        self.page.locator(".o-mail-MessageNotificationPopover", has_text="Maria Alvarez").wait_for()
        self.assertEqual(self.dialog.count(), 0)


class TestDiscussMenu(ResendCase):
    author = "clerk"

    def counter(self):
        badge = self.page.locator(".o-mail-MessagingMenu-counter")
        return int(badge.inner_text()) if badge.count() else 0

    def test_the_counter_of_the_author_goes_down(self):
        self.ask("env['mail.notification'].search([('mail_message_id', '!=', message),"
                 " ('notification_status', 'in', ('bounce', 'exception'))]).unlink()", message=self.made["message"])
        self.open(f"res.partner/{self.made['record']}")
        self.page.locator(".o-mail-MessagingMenu-counter").wait_for()
        before = self.counter()
        self.assertGreaterEqual(before, 2)
        self.envelope.click()
        self.dialog.get_by_role("button", name="Ignore all").click()
        self.wait_for_white()
        self.page.wait_for_timeout(500)
        self.assertEqual(self.counter(), before - 2)
