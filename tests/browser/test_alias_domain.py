# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""An admin sets the Default From as the guide says, and sees what a full address does."""

from __future__ import annotations

from .case import BrowserCase

SETUP = """
# The first alias domain is given to all aliases, and could not be removed again.
if not env["mail.alias.domain"].search_count([]):
    env["mail.alias.domain"].create({"name": "example.test"})
domain = env["mail.alias.domain"].search([("name", "=", "forms.test")]) or env["mail.alias.domain"].create(
    {"name": "forms.test", "sequence": 50})
domain.write({"catchall_alias": "catchall", "default_from": "notifications"})
domain.catchall_alias = "answers"
env["ir.mail_server"].create({"name": "Named Only", "smtp_host": "smtp.named.test", "from_filter": "named.test"})
answer = domain.id
"""


class TestAliasDomain(BrowserCase):
    def test_a_full_default_from(self):
        domain = self.ask(SETUP)
        self.addCleanup(self.ask, f"env['mail.alias.domain'].browse({domain}).unlink()")
        self.addCleanup(self.ask, "env['ir.mail_server'].search([('name', '=', 'Named Only')]).unlink()")
        self.page.goto(f"{self.url}/odoo/action-mail.mail_alias_domain_action/{domain}?debug=1")
        self.addCleanup(lambda: self.page.goto(f"{self.url}/odoo?debug=0"))
        self.wait_for_view()
        form = self.page.locator(".o_form_sheet")
        self.assertNotIn("Overwrite All Senders", self.labels())
        self.assertIn("catchall@forms.test", form.inner_text())
        self.fill("Default From Alias", "office@forms.test")
        self.assertTrue(self.field("Overwrite All Senders").locator("input").is_checked())
        self.assertIn("All mail of this domain's companies leaves as this address", form.inner_text())
        self.save()
        self.screenshot("alias-domain")
        self.tick("Overwrite All Senders", on=False)
        self.assertIn("This address only replaces senders that the outgoing server", form.inner_text())
        self.save()
        self.fill("Default From Alias", "office@x@y")
        self.page.click(".o_form_button_save")
        self.assertIn("“office@x@y” is not an email address.", self.refusal())
