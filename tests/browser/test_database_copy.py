# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A manager decides whether a copied database may send and read; and sees what sends where no server is set up."""

from __future__ import annotations

from .case import BrowserCase

BACK = "env['ir.config_parameter'].set_param('database.uuid', uuid); env['spp.email.binding']._bind()"


class TestDatabaseCopy(BrowserCase):
    def test_a_copy_asks_and_is_confirmed(self):
        uuid = self.ask("answer = env['ir.config_parameter'].get_param('database.uuid')")
        self.addCleanup(self.ask, BACK, uuid=uuid)
        # All of what Odoo changes in a copy would end the session as well.
        self.ask("env['ir.config_parameter'].set_param('database.uuid', 'another')")
        self.open_app("Email Gateway", "Health")
        self.press("Check Now")
        row = self.page.locator(".o_data_row", has_text="This database may be a copy")
        row.wait_for()
        row.locator("td[name=title]").click()
        self.page.wait_for_selector(".o_form_sheet")
        self.screenshot("database-copy")
        self.press("This database may send and read mail")
        self.page.locator(".modal", has_text="Only go on if the original database no longer sends").wait_for()
        self.page.locator(".modal-footer .btn-primary").click()
        self.page.locator(".modal").wait_for(state="detached")
        self.settle()
        self.assertEqual(self.ask("answer = env['spp.email.binding']._held()"), "")

    def test_who_may_be_written_to(self):
        self.addCleanup(self.ask, "env['spp.email.recipient.entry'].search([]).unlink()")
        self.open_app("Email Gateway", "Configuration", "Allowed Recipients")
        self.press("New")
        self.page.locator(".o_selected_row [name=entry] input").fill("Example.test")
        self.page.locator(".o_selected_row [name=note] input").fill("Our own people")
        self.page.locator(".o_list_button_save").locator("visible=true").first.click()
        self.page.locator(".o_data_row", has_text="Our own people").get_by_text("example.test").wait_for()
        self.screenshot("allowed-recipients")

    def test_the_server_of_the_configuration_file(self):
        self.ask("env['ir.mail_server'].search([]).active = False")
        self.open_app("Email Gateway", "Outgoing", "Outgoing Email Servers")
        self.page.get_by_text("Until there is one, the server of odoo.conf is used").wait_for(timeout=10_000)
        self.press("odoo.conf")
        dialog = self.page.locator(".modal")
        dialog.get_by_text("No other server is set up: all mail leaves through this one.").wait_for()
        self.assertIn("25", dialog.locator("[name=port]").inner_text())
        self.screenshot("configuration-server")
        self.press("Test Connection")
        self.page.locator(".o_error_dialog, .o_notification").first.wait_for()
