# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A manager looks at the DNS records of a domain, corrects one, and sends a test mail to an address that he types."""

from __future__ import annotations

from tools.sandbox import DOMAIN as SANDBOX_DOMAIN

from ..engine.name_server import NameServer
from ..engine.zones import good_zone, text
from .case import BrowserCase

DOMAIN = "ngo.test"
SETUP = """
env["ir.mail_server"].search([]).active = False
env["ir.mail_server"].create({
    "name": "My Organization's Email Server", "smtp_host": "localhost", "smtp_port": port,
    "smtp_encryption": "starttls_strict", "smtp_user": "relay@example.test", "smtp_pass": "relaypw",
    "gateway_ca_certificate": authority, "gateway_provider": "gmail",
})
env["ir.config_parameter"].set_param("spp_email_gateway.dns_servers", servers)
values = {"name": domain, "bounce_alias": "bounce", "catchall_alias": "catchall", "default_from": "office"}
found = env.company.alias_domain_id
answer = {name: found[name] for name in values} if found else None
if found:
    found.write(values)
else:
    env.company.alias_domain_id = env["mail.alias.domain"].create(values)
env["fetchmail.server"].create({
    "name": "Catchall", "server": "localhost", "user": f"catchall@{domain}", "password": "pw", "state": "done",
})
"""
CLEAN = """
env["ir.mail_server"].search([("name", "=", "My Organization's Email Server")]).unlink()
env["fetchmail.server"].search([("name", "=", "Catchall")]).unlink()
env.company.alias_domain_id.write(before or {"name": "example.test", "default_from": "notifications"})
env["spp.email.domain"].with_context(active_test=False).search([]).unlink()
env["ir.config_parameter"].search([("key", "=", "spp_email_gateway.dns_servers")]).unlink()
"""


class TestDomains(BrowserCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.zone = good_zone()
        cls.name_server = cls.enterClassContext(NameServer(cls.zone))
        before = cls.world.console.ask(
            SETUP,
            port=cls.world.postfix.submission,
            authority=cls.sandbox.ca_certificate,
            servers=f"127.0.0.1:{cls.name_server.resolver().port}",
            domain=DOMAIN,
        )
        cls.addClassCleanup(cls.world.console.ask, CLEAN, before=before)

    def open_domain(self):
        self.open_app("Email Gateway", "Domains", "DNS Records")
        self.page.locator(".o_data_row", has_text=DOMAIN).locator("td").nth(1).click()
        self.page.wait_for_selector(".o_form_view .o_form_sheet")

    def check(self):
        self.press("Check Now")
        self.settle()
        self.page.wait_for_selector(".o_form_view .o_form_sheet")

    def test_from_broken_to_right(self):
        self.zone[(DOMAIN, "TXT")] = [text("v=spf1 include:spf.mailjet.com -all")]
        del self.zone[(f"_dmarc.{DOMAIN}", "TXT")]
        self.open_domain()
        self.assertIn("Press Check Now", self.alerts()[0])
        self.check()
        self.page.locator(".alert-danger", has_text="Mail from this domain may be refused").wait_for()
        rows = self.page.locator("[name=record_ids] .o_data_row")
        self.assertEqual(rows.count(), 5)
        self.screenshot("domain-wrong")
        # What to enter is shown whole, ready to copy.
        rows.filter(has_text="SPF").first.locator("td").first.click()
        dialog = self.page.locator(".modal")
        dialog.locator("[name=expected]").wait_for()
        expected = "v=spf1 include:spf.mailjet.com include:_spf.google.com -all"
        self.assertIn(expected, dialog.locator("[name=expected]").inner_text())
        self.assertIn("do not add a second one", dialog.locator("[name=cure]").inner_text())
        self.assertTrue(dialog.locator("[name=expected] .o_clipboard_button").count())
        self.screenshot("domain-record")
        dialog.locator(".btn-close, .o_form_button_cancel").first.click()
        dialog.wait_for(state="detached")
        # Somebody enters it.
        self.zone.update(good_zone(spf=expected))
        self.check()
        self.page.locator(".alert-success", has_text="All records are right").wait_for()
        self.screenshot("domain-right")
        self.tab("Ways In")
        ways = self.page.locator("[name=ways_html]")
        ways.get_by_text(f"catchall@{DOMAIN}").wait_for()
        self.assertIn("A mailbox of its own is read", ways.inner_text())
        self.screenshot("domain-ways")
        self.tab("Rules for Campaigns")
        self.page.locator("[name=readiness_html]").get_by_text("Encryption", exact=True).wait_for()
        self.screenshot("domain-readiness")
        # A silent DNS takes nothing back.
        self.zone.update(dict.fromkeys(self.zone))
        self.check()
        self.page.locator(".alert-secondary", has_text="The DNS did not answer all questions").wait_for()
        self.open_app("Email Gateway", "Domains", "DNS Records")
        self.page.locator(".o_data_row", has_text="Unknown").wait_for()
        self.screenshot("domain-list")

    def test_a_test_mail_to_any_address(self):
        self.zone.update(good_zone())
        self.open_domain()
        self.press("Send a Test Mail")
        dialog = self.page.locator(".modal")
        dialog.locator("[name=recipients] input").fill(f"maria@{SANDBOX_DOMAIN}")
        self.assertEqual(dialog.locator("[name=email_from]").inner_text(), f"office@{DOMAIN}")
        dialog.get_by_role("button", name="Send", exact=True).click()
        dialog.locator(".alert-success", has_text="The server took it.").wait_for()
        self.screenshot("domain-test-mail")
