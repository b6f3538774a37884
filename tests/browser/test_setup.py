# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""An admin sets email up from nothing but an address and its password: three entries, and mail goes out and in."""

from __future__ import annotations

from tools import browser
from tools.oauth_provider import OAuthProvider
from tools.odoo_server import OdooServer
from tools.sandbox import DOMAIN

from ..engine.name_server import NameServer
from .case import SIZE, BrowserCase, World

BOX, PASSWORD = f"office@{DOMAIN}", "pw"
FOUND = """
servers = env["ir.mail_server"].with_context(active_test=False).search([])
boxes = env["fetchmail.server"].with_context(active_test=False).search([])
domains = env["mail.alias.domain"].search([])
answer = [servers.mapped("smtp_user"), boxes.mapped("user"), domains.mapped("name")]
"""


class FreshWorld(World):
    """A database in which no email was set up yet, on a machine that trusts the sandbox's authority."""

    _only = None
    name = "set"

    def _serve(self):
        # No jobs: what happens is what the person does.
        return OdooServer(self.database, env={"SSL_CERT_FILE": str(self.sandbox.ca_path)})


class TestSetup(BrowserCase):
    world_class = FreshWorld

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.dovecot.add_users({BOX: PASSWORD})
        names = NameServer(
            {
                (f"_submissions._tcp.{DOMAIN}", "SRV"): [f"0 1 {cls.world.postfix.smtps} localhost."],
                (f"_imaps._tcp.{DOMAIN}", "SRV"): [f"0 1 {cls.dovecot.imaps} localhost."],
            }
        )
        cls.enterClassContext(names)
        cls.world.console.ask(
            "env['ir.config_parameter'].set_param('spp_email_gateway.dns_servers', servers)",
            servers=f"127.0.0.1:{names.resolver().port}",
        )

    def setUp(self):
        super().setUp()
        self.entries = 0

    def enter(self, label, value):
        self.entries += 1
        self.fill(label, value)

    def step_is(self, step):
        self.page.locator(".o_statusbar_status .o_arrow_button_current", has_text=step).wait_for()
        self.settle()

    def begin(self):
        self.open_app("Email Gateway", "Configuration", "Set Up Email")
        self.step_is("Address")

    def confirm(self):
        self.page.locator(".modal-footer .btn-primary").click()
        self.page.locator(".modal-content").wait_for(state="detached")

    def rows(self):
        return [row.inner_text() for row in self.page.locator("[name=step_test] .o_data_row").all()]

    def test_1_three_entries_from_nothing_to_a_round_trip(self):
        self.begin()
        self.screenshot("setup-address")
        self.enter("Email Address", BOX)
        self.press("Find the Servers")
        self.step_is("Login")
        self.assertIn(f"SMTP localhost:{self.world.postfix.smtps}, SSL/TLS", self.value("Sends Through"))
        self.assertIn(f"IMAP localhost:{self.dovecot.imaps}, SSL/TLS", self.value("Receives From"))
        # RFC 6186 §6: a person approves a server of another domain.
        self.assertIn("The domain names a server of another domain.", self.alerts()[0])
        self.enter("Password", PASSWORD)
        self.page.locator("[name=step_login] h2").click()
        self.screenshot("setup-login")
        self.press("Check")
        self.confirm()
        self.step_is("Check")
        words = self.page.locator("[name=step_check]").inner_text()
        self.assertNotIn("does not work", words)
        self.assertEqual(words.count("The server let us in."), 2, words)
        self.screenshot("setup-check")
        self.assertEqual(self.ask(FOUND), [[], [], []], "a check makes nothing")
        self.press("Continue")
        self.step_is("Incoming Mail")
        self.entries += 1
        self.choose("Create a New Record", "Lead")
        self.screenshot("setup-incoming")
        self.press("Continue")
        self.step_is("Domain")
        self.assertEqual(self.value("Alias Domain"), DOMAIN)
        self.assertIn("This is the first alias domain: all companies (1)", self.alerts()[0])
        self.assertEqual(self.value("Default From Alias"), "office")
        self.screenshot("setup-domain")
        self.assertEqual(self.ask(FOUND), [[], [], []], "nothing is half saved")
        self.press("Set Up")
        self.step_is("Test")
        self.assertEqual(self.ask(FOUND), [[BOX], [BOX], [DOMAIN]])
        for row, address in zip(self.rows(), (BOX, f"catchall@{DOMAIN}", f"bounce@{DOMAIN}"), strict=True):
            self.assertIn(address, row)
        self.press("Send the Test Mails")
        self.page.locator("[name=step_test] .o_data_row .badge", has_text="On the Way").first.wait_for()
        for _attempt in range(40):
            if "Arrived" in self.rows()[0]:
                break
            self.dismiss_notifications()
            self.press("Read the Mailbox")
            self.page.wait_for_timeout(250)
        self.assertIn("Arrived", self.rows()[0])
        # The sandbox gives bounces a mailbox of their own.
        self.assertIn("On the Way", self.rows()[2])
        self.assertIn("Have your provider deliver it to this mailbox", self.rows()[2])
        self.dismiss_notifications()
        self.screenshot("setup-test")
        self.press("Done")
        self.step_is("Done")
        self.screenshot("setup-done")
        self.assertLessEqual(self.entries, 3)
        for button, title in (("Outgoing Server", BOX), ("Mailbox", BOX), ("Alias Domain", DOMAIN)):
            self.page.locator(".oe_stat_button", has_text=button).click()
            self.title_is(title)
            self.page.go_back()
            self.step_is("Done")

    def test_2_a_step_is_redone_and_a_wrong_password_is_named(self):
        self.begin()
        self.enter("Email Address", BOX)
        self.pick("Only receive")
        self.press("Find the Servers")
        self.step_is("Login")
        self.assertNotIn("Sends Through", self.labels())
        self.press("Back")
        self.step_is("Address")
        self.press("Find the Servers")
        self.step_is("Login")
        self.enter("Password", "wrong")
        self.press("Check")
        self.confirm()
        self.step_is("Check")
        words = self.page.locator("[name=step_check]").inner_text()
        self.assertIn("does not work", words)
        self.assertIn("Check the field “Password”.", words)
        self.screenshot("setup-refused")
        self.assertEqual(self.page.get_by_role("button", name="Continue").locator("visible=true").count(), 0)
        self.press("Back")
        self.step_is("Login")
        self.enter("Password", PASSWORD)
        self.press("Check")
        self.confirm()
        self.page.locator("[name=step_check] .badge", has_text="works").first.wait_for()

    def test_3_nothing_found_asks_for_the_servers(self):
        self.begin()
        self.enter("Email Address", "ann@nowhere-at-all.test")
        self.press("Find the Servers")
        self.step_is("Login")
        self.assertIn("No server was found.", self.alerts()[0])
        self.press("Check")
        self.assertIn("Fill in the field “SMTP Server”.", self.refusal())
        self.screenshot("setup-nothing-found")

    def test_4_a_known_provider_asks_for_oauth(self):
        self.begin()
        self.enter("Email Address", "someone@outlook.com")
        self.press("Find the Servers")
        self.step_is("Login")
        self.assertIn("Microsoft asks for OAuth", self.alerts()[0])
        self.assertNotIn("Password", self.labels())
        self.page.get_by_role("button", name="Connect", exact=True).wait_for()
        self.screenshot("setup-oauth")
        self.press("Connect")
        self.assertIn("Enter client ID and client secret, here or under General Settings.", self.refusal())

    def test_5_connecting_an_account_comes_back_to_the_step(self):
        provider = OAuthProvider(self.sandbox.authority).start()
        self.addCleanup(provider.stop)
        provider.accounts[BOX] = "boxpw"
        values = {
            "name": "Office",
            "provider": "other",
            "client_id": "application",
            "client_secret": "application-secret",
            "authorize_url": provider.authorize_url,
            "token_url": provider.token_url,
            "scopes": "mail",
            "mail_hosts": "localhost",
            "ca_certificate": self.sandbox.ca_certificate,
        }
        self.ask("env['spp.email.oauth'].create(values)", values=values)
        # The provider's certificate is the sandbox's, which the browser does not know.
        context = self.chromium.new_context(viewport=SIZE, ignore_https_errors=True)
        self.addCleanup(context.close)
        self.page = context.new_page()
        browser.log_in(self.page, self.url, "admin", "admin")
        self.begin()
        self.enter("Email Address", BOX)
        self.press("Find the Servers")
        self.step_is("Login")
        self.pick("OAuth: log in at the provider")
        self.choose("OAuth Credential", "Office")
        self.press("Connect")
        self.page.get_by_role("heading", name="Log in").wait_for()
        self.assertEqual(self.page.input_value("input[name=user]"), BOX, "the mailbox is proposed")
        self.page.fill("input[name=password]", "boxpw")
        self.page.get_by_role("button", name="Next").click()
        self.page.get_by_role("button", name="Allow").click()
        self.wait_for_view()
        self.step_is("Login")
        self.assertIn("/email-setup/", self.page.url)
        self.page.get_by_role("button", name="Reconnect").wait_for()
        self.assertEqual(self.value("OAuth Credential"), "Office")


COMPANIES = """
company = env["res.company"].create({"name": "Branch"})
admin = env.ref("base.user_admin")
admin.write({"company_ids": [(4, company.id)], "group_ids": [(4, env.ref("base.group_multi_company").id)]})
first = env["mail.alias.domain"].search([], limit=1) or env["mail.alias.domain"].create({"name": "example.test"})
company.alias_domain_id = first
partner = env["res.partner"].create({"name": "Branch Desk", "company_id": company.id})
model = env["ir.model"]._get_id("res.partner")
env["mail.alias"].create({
    "alias_name": "branch-desk", "alias_model_id": model, "alias_domain_id": first.id,
    "alias_parent_model_id": model, "alias_parent_thread_id": partner.id,
})
second = env["mail.alias.domain"].create({"name": "branch.test", "sequence": 50})
answer = second.id
"""
MOVED = """
domain = env["mail.alias.domain"].browse(id)
alias = env["mail.alias"].search([("alias_name", "=", "branch-desk")])
answer = [domain.company_ids.mapped("name"), alias.alias_full_name]
"""


class TestUsedIn(BrowserCase):
    world_class = FreshWorld

    def test_the_companies_of_an_alias_domain_are_changed(self):
        domain = self.ask(COMPANIES)
        self.page.goto(f"{self.url}/odoo/alias-domains/{domain}")
        self.wait_for_view()
        self.page.locator("button.btn-link", has_text="Change Used In").click()
        dialog = self.page.locator(".modal-content")
        dialog.get_by_text("No alias moves.").wait_for()
        dialog.locator("[name=company_ids] input").fill("Branch")
        self.page.locator(".o-autocomplete--dropdown-menu").get_by_text("Branch", exact=True).click()
        row = dialog.locator(".o_data_row", has_text="branch-desk@branch.test")
        row.wait_for()
        self.assertIn("Branch Desk", row.inner_text())
        self.screenshot("alias-domain-used-in")
        dialog.get_by_role("button", name="Use This Domain").click()
        dialog.wait_for(state="detached")
        self.assertEqual(self.ask(MOVED, id=domain), [["Branch"], "branch-desk@branch.test"])
        self.page.locator(".oe_stat_button", has_text="Aliases").wait_for()
        self.screenshot("alias-domain-buttons")


class TestSetupOfficer(BrowserCase):
    world_class = FreshWorld
    login = "officer"

    def test_an_officer_sets_up_nothing(self):
        self.open_app("Email Gateway")
        self.assertEqual(
            [text.strip() for text in self.page.locator(".o_menu_sections > *").all_inner_texts()],
            ["Overview", "Incoming", "Outgoing", "Find a Message"],
        )
        self.page.goto(f"{self.url}/odoo/email-setup")
        self.page.wait_for_timeout(500)
        self.assertEqual(self.page.get_by_role("button", name="Find the Servers").count(), 0)
