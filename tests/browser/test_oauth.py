# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A person connects an account at an OAuth provider, from the credential and back, and sees what went wrong."""

from __future__ import annotations

import re

from tools import browser
from tools.dovecot import Dovecot
from tools.oauth_provider import OAuthProvider
from tools.sandbox import DOMAIN
from tools.smtp_sink import SmtpSink

from .case import SIZE, BrowserCase

USER = f"grievance@{DOMAIN}"
END = """
credential = env["spp.email.oauth"].browse(id)
credential.write({"access_until": "2020-01-01 00:00:00"})
env.cr.commit()
env["spp.email.oauth"]._cron_renew()
env.cr.commit()
"""
# The job that a dead credential calls may look at the same moment.
CHECK = """
import psycopg2
for _again in range(5):
    try:
        env["spp.email.health"]._check()
        env.cr.commit()
        break
    except (psycopg2.IntegrityError, psycopg2.OperationalError):
        env.cr.rollback()
"""


class TestOAuth(BrowserCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.provider = OAuthProvider(cls.sandbox.authority).start()
        cls.addClassCleanup(cls.provider.stop)
        cls.provider.accounts[USER] = "alicepw"
        # The provider's certificate is the sandbox's; Odoo trusts it by “Private CA”, the browser has to be told.
        context = cls.chromium.new_context(viewport=SIZE, ignore_https_errors=True)
        context.set_default_timeout(60_000)
        cls.addClassCleanup(context.close)
        page = context.new_page()
        browser.log_in(page, cls.url, cls.login, cls.login)
        page.close()
        cls.session = context

    def credential(self, provider="other", **values):
        """Make a credential for the local provider; return its id."""
        values = {
            "name": "Office",
            "provider": provider,
            "client_id": "application",
            "client_secret": "application-secret",
            "login": USER,
            "authorize_url": self.provider.authorize_url,
            "token_url": self.provider.token_url,
            "revoke_url": self.provider.revoke_url,
            "scopes": "mail",
            "mail_hosts": "localhost",
            "ca_certificate": self.sandbox.ca_certificate,
            **values,
        }
        return self.ask("answer = env['spp.email.oauth'].create(values).id", values=values)

    def state_of(self, credential):
        return self.ask("answer = env['spp.email.oauth'].browse(id).state", id=credential)

    def redirect_uri(self):
        return self.page.locator("[name=redirect_uri]").inner_text().split()[0]

    def log_in_there(self, button="Allow", password="alicepw"):
        """Do at the provider what a person does."""
        self.page.get_by_role("heading", name="Log in").wait_for()
        self.page.fill("input[name=password]", password)
        self.page.get_by_role("button", name="Next").click()
        self.page.get_by_role("button", name=button).click()

    def press_link(self, label):
        """Press a button that looks like a link: its name for machines begins with that of its icon."""
        self.page.locator("button.btn-link", has_text=label).locator("visible=true").first.click()

    def words(self):
        """The page that says that the account was not connected."""
        self.page.get_by_role("heading", name="The account was not connected").wait_for()
        return self.page.locator("body").inner_text()

    def test_a_person_types_a_provider_in_and_connects(self):
        self.open_app("Email Gateway", "Configuration", "OAuth Credentials")
        self.press("New")
        self.page.wait_for_selector(".o_form_sheet")
        self.fill("Name", "Mail of the office")
        self.assertTrue(self.redirect_uri().endswith("/microsoft_outlook/confirm"))
        self.pick("Google")
        self.assertTrue(self.redirect_uri().endswith("/google_gmail/confirm"))
        self.pick("Another provider")
        self.assertTrue(self.redirect_uri().endswith("/spp_email_gateway/oauth/confirm"))
        self.assertIn("an address of this machine only", self.alerts()[0])
        self.fill("Client ID", "application")
        self.fill("Client Secret", "application-secret")
        self.fill("Account", USER)
        self.fill("Login Page", self.provider.authorize_url)
        self.fill("Address for Tokens", self.provider.token_url)
        self.fill("Address to Revoke Tokens", self.provider.revoke_url)
        self.fill("Scopes", "mail")
        self.fill("Mail Servers", "localhost")
        self.fill("Private CA", self.sandbox.ca_certificate)
        self.page.keyboard.press("Escape")
        self.page.locator(".o_datetime_picker").wait_for(state="detached")
        self.screenshot("oauth-credential")
        self.press("Connect")
        self.page.get_by_role("heading", name="Log in").wait_for()
        self.assertEqual(self.page.input_value("input[name=user]"), USER, "the account is proposed")
        self.screenshot("oauth-login")
        self.log_in_there()
        self.wait_for_view()
        self.page.get_by_text("Token Not Valid").wait_for()
        self.page.get_by_text("no server has been tried with it yet").wait_for()
        self.assertEqual(self.state(), "Not Used Yet")
        credential = int(re.search(r"/email-oauth/(\d+)", self.page.url)[1])
        self.screenshot("oauth-connected")
        self.ask("env['spp.email.oauth'].browse(id)._note_login()", id=credential)
        self.page.reload()
        self.wait_for_view()
        self.page.get_by_text("Token Valid").wait_for()
        # What is secret is in no answer.
        self.assertNotIn("application-secret", self.page.content())
        self.press("Disconnect")
        self.page.locator(".modal-footer .btn-primary").click()
        self.assertIn("revoked at the provider", self.notification())
        self.assertEqual(self.state_of(credential), "new")
        self.assertTrue(self.provider.grants[-1].is_revoked)

    def test_the_guides_paths_come_back_to_who_began(self):
        for provider in ("microsoft", "google"):
            with self.subTest(provider=provider):
                credential = self.credential(provider)
                self.open(f"email-oauth/{credential}")
                self.press("Connect")
                self.log_in_there()
                self.wait_for_view()
                self.page.get_by_text("no server has been tried with it yet").wait_for()

    def test_who_denies_is_told(self):
        self.open(f"email-oauth/{self.credential()}")
        self.press("Connect")
        self.log_in_there(button="Deny")
        self.assertIn("The request was declined at the provider.", self.words())
        self.screenshot("oauth-denied")
        self.page.get_by_text("Open the OAuth credentials").click()
        self.wait_for_view()

    def test_a_wrong_secret_is_told(self):
        credential = self.credential(client_secret="wrong")
        self.open(f"email-oauth/{credential}")
        self.press("Connect")
        self.log_in_there()
        self.assertIn("Client ID or client secret is wrong.", self.words())
        self.assertEqual(self.state_of(credential), "new")

    def test_a_login_that_is_over_is_told(self):
        self.open(f"email-oauth/{self.credential()}")
        self.press("Connect")
        self.log_in_there()
        self.wait_for_view()
        returns = []
        self.page.on("request", lambda request: "/oauth/confirm" in request.url and returns.append(request.url))
        self.open(f"email-oauth/{self.credential()}")
        self.press("Connect")
        self.log_in_there()
        self.wait_for_view()
        (once,) = returns
        self.page.goto(once)
        self.assertIn("was not begun in this browser session, is too long ago, or is over already", self.words())
        self.screenshot("oauth-over")

    def test_forbidden_of_odoos_own_addons_is_told_in_words(self):
        for path in ("microsoft_outlook", "google_gmail"):
            with self.subTest(path=path):
                self.page.goto(f"{self.url}/{path}/confirm?state=nonsense&code=x")
                self.assertIn("connect the account again", self.words())

    def test_another_address_in_the_browser_is_told_before(self):
        credential = self.credential()
        base = self.ask("answer = env['ir.config_parameter'].get_param('web.base.url')")
        self.addCleanup(self.ask, "env['ir.config_parameter'].set_param('web.base.url', base)", base=base)
        self.ask("env['ir.config_parameter'].set_param('web.base.url', 'https://odoo.example.org')")
        self.open(f"email-oauth/{credential}")
        self.page.get_by_text("The system parameter web.base.url is https://odoo.example.org").wait_for()
        self.screenshot("oauth-address")
        self.press("Connect")
        self.assertIn("where nobody is logged in", self.refusal())

    def sink(self):
        """Start an outgoing server that takes tokens of the provider only."""
        sink = SmtpSink(
            authority=self.sandbox.authority, mechanisms="XOAUTH2", introspect_url=self.provider.introspect_url
        )
        sink.start()
        self.addCleanup(sink.stop)
        return sink

    def test_the_guide_from_the_outgoing_server_to_the_green_badge(self):
        sink = self.sink()
        self.credential("microsoft", name="Microsoft 365 of the office")
        self.open("outgoing-email-servers/new")
        self.fill("Name", "Outlook")
        self.pick("OAuth Credential")
        self.fill("Username", USER)
        self.choose("OAuth Credential", "Microsoft 365 of the office")
        self.fill("SMTP Server", "localhost")
        self.choose("SMTP Port", "Another port")
        self.page.locator("[name=smtp_port] input").fill(str(sink.port))
        self.tab("Certificate")
        self.fill("Private CA", self.sandbox.ca_certificate)
        self.tab("Connection")
        self.save()
        self.page.get_by_text("Outlook Token Not Valid").wait_for()
        self.press_link("Connect your Outlook account")
        self.log_in_there()
        self.wait_for_view()
        # Back at the server, and green because the server let us in meanwhile.
        self.assertIn("/outgoing-email-servers/", self.page.url)
        self.page.get_by_text("Outlook Token Valid").wait_for()
        self.screenshot("oauth-outgoing-server")
        self.press("Test Connection")
        self.assertIn("The server let us in.", self.notification())

    def test_a_mailbox_is_connected_and_one_that_ended_is_reconnected(self):
        mailboxes = Dovecot(
            self.sandbox.directory / "oauth-browser", self.sandbox.authority, self.provider.introspect_url
        )
        mailboxes.add_users({USER: "no password serves here"})
        self.addCleanup(mailboxes.stop)
        mailboxes.start()
        credential = self.credential("google", name="Gmail of the office")
        server = self.mailbox(
            "grievance",
            port=mailboxes.imaps,
            password=False,
            gateway_oauth_id=credential,
            state="draft",
            gateway_provider="gmail",
        )
        self.open(f"incoming-email-servers/{server}")
        self.assertNotIn("Password", self.labels())
        self.press_link("Connect your Gmail account")
        self.log_in_there()
        self.wait_for_view()
        self.assertIn("/incoming-email-servers/", self.page.url)
        self.page.get_by_text("Gmail Token Valid").wait_for()
        self.screenshot("oauth-mailbox")
        # The person takes the access away at the provider.
        self.provider.revoke(self.provider.grants[-1].refresh)
        self.ask(END + CHECK, id=credential)
        self.open("email-health")
        self.page.locator(".o_data_row", has_text="has ended: connect it again").locator("td[name=title]").click()
        self.page.get_by_role("button", name="Reconnect", exact=True).first.wait_for()
        self.screenshot("oauth-ended")
        self.open(f"email-oauth/{credential}")
        self.page.get_by_text("The refresh token has expired or was revoked").first.wait_for()
        self.screenshot("oauth-ended-credential")
        self.open("email-health")
        self.page.locator(".o_data_row", has_text="has ended: connect it again").locator("td[name=title]").click()
        self.page.get_by_role("button", name="Reconnect", exact=True).locator("visible=true").last.click()
        self.log_in_there()
        self.wait_for_view()
        self.page.get_by_text("Gmail Token Valid").wait_for()
        self.ask(CHECK)
        self.assertFalse(self.ask("answer = env['spp.email.health'].search_count([('code', 'like', 'oauth')])"))

    def test_general_settings_have_the_guides_words(self):
        self.open("settings")
        self.page.locator("[name=external_email_server_default] input").set_checked(True)
        for title in ("Gmail Credentials", "Outlook Credentials"):
            box = self.page.locator(".o_setting_box", has_text=title)
            box.scroll_into_view_if_needed()
            for label in ("Client ID", "Client Secret"):
                box.get_by_text(label, exact=True).wait_for()
        self.screenshot("oauth-settings")
