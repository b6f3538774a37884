# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""An admin tries signed reply addresses, switches them on, and says who may answer."""

from __future__ import annotations

from tools.sandbox import DOMAIN

from .case import BrowserCase

SETUP = """
env["ir.mail_server"].search([]).active = False
env["ir.mail_server"].create({
    "name": "My Organization's Email Server", "smtp_host": "localhost", "smtp_port": port,
    "smtp_encryption": "starttls_strict", "smtp_user": "relay@example.test", "smtp_pass": "relaypw",
    "gateway_ca_certificate": authority,
})
values = {"name": domain, "catchall_alias": "archive"}
found = env.company.alias_domain_id
if found:
    found.write(values)
else:
    found = env.company.alias_domain_id = env["mail.alias.domain"].create(values)
answer = found.id
"""
UNDO = """
env["mail.alias.domain"].browse(domain).write({
    "gateway_reply_policy": "anyone", "gateway_reply_signing": "plain", "gateway_catchall_policy": "bounce",
    "catchall_alias": "catchall"})
env["spp.email.subaddress"].search([]).unlink()
"""


class TestReplyAddresses(BrowserCase):
    def test_from_plain_to_signed(self):
        domain = self.ask(
            SETUP, port=self.world.postfix.submission, authority=self.sandbox.ca_certificate, domain=DOMAIN
        )
        self.addCleanup(self.ask, UNDO, domain=domain)
        mailbox = self.mailbox("archive")
        self.page.set_viewport_size({"width": 1200, "height": 1060})
        self.addCleanup(self.page.set_viewport_size, {"width": 1200, "height": 800})
        badge = self.page.locator("[name=gateway_subaddress_state] .badge")
        path = f"action-mail.mail_alias_domain_action/{domain}"
        self.open(path)
        badge.get_by_text("Not Tried", exact=True).wait_for()
        self.assertIn(("Anyone who answers a message of it", True), self.radio("Who May Answer"))
        self.screenshot("alias-domain-answers-untried")
        # Not before it is proved.
        self.pick("Signed, where answers go to the catchall")
        self.page.click(".o_form_button_save")
        self.assertIn("It is not proved yet that mail for addresses such as archive+k7f…", self.refusal())
        self.page.click(".o_form_button_cancel")
        self.press("Try Signed Reply Addresses")
        self.page.locator(".badge", has_text="On the Way").wait_for()
        state = "waiting"
        for _attempt in range(120):
            self.ask("env['fetchmail.server'].browse(mailbox).fetch_mail()", mailbox=mailbox)
            state = self.ask("answer = env['spp.email.subaddress'].search([]).state")
            if state == "proven":
                break
            self.page.wait_for_timeout(250)
        self.assertEqual(state, "proven")
        self.open(path)
        badge.get_by_text("It Came Back", exact=True).wait_for()
        # Nobody has an address yet.
        self.pick("Who got a signed reply address")
        self.page.click(".o_form_button_save")
        self.assertIn("Nobody has a signed reply address, so all answers would be held.", self.refusal())
        self.pick("Signed, where answers go to the catchall")
        self.save()
        self.screenshot("alias-domain-answers")
        self.assertEqual(
            self.ask("answer = env['mail.alias.domain'].browse(domain).gateway_reply_policy", domain=domain), "holders"
        )
