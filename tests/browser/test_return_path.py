# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""An admin has a signed return path proved, and reads where reports go."""

from __future__ import annotations

from tools.sandbox import DOMAIN

from ..system.case import wait_for
from .case import BrowserCase

SETUP = """
env["ir.mail_server"].search([]).active = False
server = env["ir.mail_server"].create({
    "name": "My Organization's Email Server", "smtp_host": "localhost", "smtp_port": port,
    "smtp_encryption": "starttls_strict", "smtp_user": "relay@example.test", "smtp_pass": "relaypw",
    "gateway_ca_certificate": authority,
})
values = {"name": domain, "bounce_alias": "raw", "catchall_alias": "catchall"}
found = env.company.alias_domain_id
if found:
    found.write(values)
else:
    env.company.alias_domain_id = env["mail.alias.domain"].create(values)
answer = server.id
"""


class TestReturnPath(BrowserCase):
    def test_from_plain_to_signed(self):
        server = self.ask(
            SETUP,
            port=self.world.postfix.submission,
            authority=self.sandbox.ca_certificate,
            domain=DOMAIN,
        )
        mailbox = self.mailbox("raw")
        self.open(f"outgoing-email-servers/{server}")
        self.tab("Sending")
        words = self.page.locator("[name=gateway_return_path_text]")
        self.assertIn("no signed one has come back yet", words.inner_text())
        self.press("Try Signed Return Path")
        states = "answer = env['spp.email.return.path'].search([]).mapped('state')"
        wait_for(lambda: self.ask(states) == ["waiting"], "the proof's mail to leave")
        state = "waiting"
        for _attempt in range(60):
            self.ask("env['fetchmail.server'].browse(mailbox).fetch_mail()", mailbox=mailbox)
            state = self.ask("answer = env['spp.email.return.path'].search([]).state")
            if state == "proven":
                break
            self.page.wait_for_timeout(250)
        self.assertEqual(state, "proven")
        self.open(f"outgoing-email-servers/{server}")
        self.tab("Sending")
        self.assertIn(
            f"raw@{DOMAIN}, with a signed detail for each message. A mailbox must read it.", words.inner_text()
        )
        self.screenshot("outgoing-sending")
