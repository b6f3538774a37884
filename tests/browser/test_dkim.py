# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""An admin makes a DKIM key, publishes it, rotates it; reads DMARC reports, and who sends as what."""

from __future__ import annotations

from ..engine.name_server import NameServer
from .case import BrowserCase

SETUP = """
env["ir.config_parameter"].set_param("spp_email_gateway.dns_servers", dns)
domain = env["spp.email.domain"].search([("name", "=", name)]) or env["spp.email.domain"].create({"name": name})
answer = domain.id
"""
KEYS = """
answer = {key.record_name: key.public_value for key in env["spp.email.domain"].browse(domain).dkim_key_ids}
"""
REPORT = """
from datetime import timedelta
from odoo import fields
now = fields.Datetime.now()
sources = (("192.0.2.25", 4210, 0), ("198.51.100.7", 37, 37), ("2001:db8::25", 812, 0))
report = env["spp.email.dmarc.report"].create({
    "domain_id": domain, "organization": "Receiver Inc.", "report_name": "r-1", "policy": "none",
    "begin_date": now - timedelta(days=2), "end_date": now - timedelta(days=1),
    "message_count": sum(one[1] for one in sources), "failed_count": sum(one[2] for one in sources),
    "line_ids": [(0, 0, {
        "source_ip": ip, "message_count": count, "failed_count": failed, "disposition": "none",
        "dkim": "fail" if failed else "pass", "spf": "fail", "header_from": name,
        "signature": "" if failed else "odoo %s pass" % name, "return_path": "bounce.%s pass" % name,
    }) for ip, count, failed in sources],
})
"""
SENDERS = """
env["ir.mail_server"].search([]).active = False
env["ir.mail_server"].create({
    "name": "Mailjet", "smtp_host": "localhost", "smtp_encryption": "none", "from_filter": name,
    "gateway_from_policy": "keep",
})
env["res.users"].search([("login", "=", "viewer")]).email = "viewer@%s" % name
env["res.users"].search([("login", "=", "officer")]).email = "officer@elsewhere.test"
"""
NAME = "your-ngo.org"


def strings(text):
    return " ".join(f'"{text[start : start + 255]}"' for start in range(0, len(text), 255))


class TestDkim(BrowserCase):
    def test_a_key_from_the_dialogue_to_its_successor(self):
        zone = {}
        with NameServer(zone) as server:
            domain = self.ask(SETUP, dns=f"127.0.0.1:{server.resolver().port}", name=NAME)

            def publish():
                for name, text in self.ask(KEYS, domain=domain).items():
                    zone[name, "TXT"] = [strings(text)]

            self.open(f"email-domains/{domain}")
            self.tab("DKIM Keys")
            self.press("New DKIM Key")
            dialogue = self.page.locator(".modal-content")
            self.assertEqual(dialogue.locator("[name=selector] input").input_value(), "odoo")
            # What is no key is refused in words, and the dialogue stays.
            self.pick("Bring a private key along")
            dialogue.locator("[name=private_key] textarea").fill("hello")
            self.press("Take Key")
            words = self.page.locator(".modal-body", has_text="This is no private key in PEM form")
            words.wait_for()
            self.page.locator(".modal-content", has=words).get_by_role("button", name="Close").last.click()
            words.wait_for(state="detached")
            self.pick("Make an RSA key of 2048 bits, which all receivers read")
            self.screenshot("dkim-new")
            self.press("Make Key")
            self.state_is("Prepared")
            record = self.page.locator("[name=relative_name]")
            self.assertEqual(record.first.inner_text().split()[0], "odoo._domainkey")
            self.assertIn("v=DKIM1; k=rsa; p=MII", self.page.locator("[name=public_value]").first.inner_text())
            self.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
            self.page.locator(".o_btn_text_copy", has_text="Copy Value").click()
            self.assertEqual(
                [self.page.evaluate("navigator.clipboard.readText()")], list(self.ask(KEYS, domain=domain).values())
            )
            self.assertIn("Add the TXT record at your DNS host.", self.alerts()[0])
            self.screenshot("dkim-key")
            self.press("Check Now")
            self.page.get_by_text("The DNS shows no record of this name yet.").wait_for()
            publish()
            self.press("Check Now")
            self.state_is("Active")
            self.page.get_by_text("The DNS shows this key.", exact=True).wait_for()

            # Rotation: the successor waits for its record, and takes over.
            self.open(f"email-domains/{domain}")
            self.tab("DKIM Keys")
            self.press("Rotate")
            row = self.page.locator("[name=dkim_key_ids] .o_data_row", has_text="odoo2")
            row.wait_for()
            self.assertIn("Prepared", row.inner_text())
            self.screenshot("dkim-rotation")
            publish()
            self.ask("env['spp.email.dkim.key']._cron_keys()")
            self.open("email-dkim-keys")
            states = {
                row.locator("td[name=selector]").inner_text(): row.locator("td[name=state]").inner_text()
                for row in self.page.locator(".o_data_row", has_text=NAME).all()
            }
            self.assertEqual(states, {"odoo": "Retired", "odoo2": "Active"})

    def test_reports_stand_with_the_domain(self):
        domain = self.ask(SETUP, dns="none", name=NAME)
        self.ask(REPORT, domain=domain, name=NAME)
        self.open(f"email-domains/{domain}")
        button = self.page.locator("button[name=action_dmarc]")
        self.assertIn("37 / 5059", button.inner_text().replace(",", ""))
        button.click()
        self.title_is(f"DMARC Reports of {NAME}")
        self.page.locator(".o_group_name", has_text="198.51.100.7").click()
        row = self.page.locator(".o_data_row", has_text="198.51.100.7")
        row.wait_for()
        self.screenshot("dmarc-reports")

    def test_who_sends_as_what(self):
        self.ask(SENDERS, name=NAME)
        self.open_app("Email Gateway", "Domains")
        self.page.locator(".o-dropdown--menu").get_by_text("Sender Addresses", exact=True).click()
        self.title_is("Addresses This Database Sends From")
        row = self.page.locator(".o_data_row", has_text=f"viewer@{NAME}")
        row.wait_for()
        self.assertIn("May: the FROM filter names it", row.inner_text())
        wrong = self.page.locator(".o_data_row", has_text="officer@elsewhere.test")
        self.assertIn("May be refused: no FROM filter names it", wrong.inner_text())
        text = self.page.locator("[name=copy_text]").first.inner_text()
        self.assertIn(f"viewer@{NAME}", text)
        # Copied a line each, without what the server may not send.
        self.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.page.locator(".o_btn_text_copy", has_text="Copy Addresses").click()
        copied = self.page.evaluate("navigator.clipboard.readText()").splitlines()
        self.assertIn(f"viewer@{NAME}", copied)
        self.assertNotIn("officer@elsewhere.test", copied)
        self.screenshot("sender-addresses")
        wrong.get_by_role("button").click()
        self.title_is("Officer")
