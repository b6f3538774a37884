# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What managers see of changed settings, and of who did what with a message."""

from __future__ import annotations

from .case import BrowserCase, letter

SECRET = "a new secret of the mailbox"


class TestChanges(BrowserCase):
    def cells(self, row, *names):
        return [row.locator(f"td[name={name}]").inner_text() for name in names]

    def test_from_the_mailbox_to_what_was_changed(self):
        server = self.mailbox("letters", name="Grievance Mailbox", state="draft")
        self.open(f"incoming-email-servers/{server}")
        self.fill("Server Name", "127.0.0.1")
        self.fill("Username", "other@gateway.test")
        self.page.locator(".o_field_widget[name=password] input").fill(SECRET)
        self.save()
        self.page.locator("button[name=action_gateway_changes]").click()
        self.title_is("Changes of Grievance Mailbox")
        rows = {
            row.locator("td[name=field_name]").inner_text(): row
            for row in self.page.locator(".o_data_row", has_text="Changed").all()
        }
        for field, old, new in (
            ("Server Name", "localhost", "127.0.0.1"),
            ("Username", "letters@", "other@gateway.test"),
            ("Password", "set", "changed"),
        ):
            with self.subTest(field=field):
                who, shown_old, shown_new = self.cells(rows[field], "who", "old", "new")
                self.assertEqual((shown_old[: len(old)], shown_new), (old, new))
                self.assertEqual(who, self.ask("answer = env.ref('base.user_admin').name"))
        # What was set when it was made, by a program.
        self.assertGreater(self.page.locator(".o_data_row", has_text="Created").count(), 5)
        self.assertNotIn(SECRET, self.page.content())
        self.screenshot("changes-of-mailbox")
        rows["Server Name"].locator("td[name=old]").click()
        self.page.locator(".o_form_sheet [name=new]").get_by_text("127.0.0.1").wait_for()
        self.assertEqual(self.page.locator(".o_form_button_create, .o_list_button_add").count(), 0)
        self.screenshot("change")
        self.page.locator("button[name=action_open_record]").click()
        self.page.locator(".o_form_sheet [name=server] input").wait_for()
        self.assertEqual(self.value("Server Name"), "127.0.0.1")

    def test_all_changes(self):
        self.ask(
            "from odoo.fields import Command\n"
            "admin = env(user=env.ref('base.user_admin').id)\n"
            "rule = admin['spp.email.rule'].create({'name': 'Payments'})\n"
            "rule.write({'condition_ids': [Command.create({'place': 'subject', 'value': 'payment'})]})\n"
            "rule.condition_ids.value = 'payment card'\n"
            "admin['ir.config_parameter'].set_param('mail.gateway.loop.minutes', '60')\n"
            "admin['ir.config_parameter'].set_param('google_gmail_client_secret', 'x')\n"
        )
        self.addCleanup(
            self.ask,
            "env['spp.email.rule'].search([('name', '=', 'Payments')]).unlink()\n"
            "env['ir.config_parameter'].set_param('mail.gateway.loop.minutes', False)\n"
            "env['ir.config_parameter'].set_param('google_gmail_client_secret', False)\n",
        )
        self.open_app("Email Gateway", "Configuration", "Changes")
        row = self.page.locator(".o_data_row", has_text="google_gmail_client_secret").first
        row.wait_for()
        self.assertEqual(self.cells(row, "model_name", "field_name", "new"), ["System Parameter", "Value", "set"])
        row = self.page.locator(".o_data_row", has_text="payment card").first
        words = self.cells(row, "model_name", "record_name", "field_name")
        self.assertEqual(words, ["Incoming Rule", "Payments", "Conditions"])
        self.assertEqual(self.page.locator(".o_list_button_add").count(), 0)
        self.screenshot("changes-list")
        self.page.click(".o_searchview_dropdown_toggler")
        self.page.locator(".o_filter_menu .o_menu_item", has_text="Rules").first.click()
        self.page.locator(".o_data_row", has_text="google_gmail_client_secret").first.wait_for(state="detached")
        self.assertGreater(self.page.locator(".o_data_row", has_text="Payments").count(), 0)

    def test_forms_have_the_button(self):
        """Each opens on a list of its own changes; records whose changes are not kept have none."""
        for model, code in (
            ("ir.mail_server", "env['ir.mail_server'].create({'name': 'Relay', 'smtp_host': 'localhost'})"),
            (
                "mail.alias.domain",
                "env['mail.alias.domain'].search([], limit=1)"
                " or env['mail.alias.domain'].create({'name': 'gateway.test'})",
            ),
            ("spp.email.rule", "env['spp.email.rule'].create({'name': 'One'})"),
            ("spp.email.intake", "env['spp.email.intake'].create({'name': 'Door'})"),
            ("ir.cron", "env.ref('mail.ir_cron_mail_scheduler_action')"),
            ("mail.template", "env.ref('spp_email_gateway.mail_template_answer')"),
        ):
            record = self.ask(f"answer = ({code}).id")
            self.page.goto(f"{self.url}/odoo/{model}/{record}")
            self.wait_for_view()
            with self.subTest(model=model):
                self.page.locator("button[name=action_gateway_changes]").click()
                self.page.locator(".o_list_renderer").wait_for()
                self.page.locator(".o_breadcrumb", has_text="Changes of").wait_for()
        other = self.ask("answer = env.ref('base.autovacuum_job').id")
        self.page.goto(f"{self.url}/odoo/ir.cron/{other}")
        self.wait_for_view()
        self.assertEqual(self.page.locator("button[name=action_gateway_changes]").locator("visible=true").count(), 0)

    def test_who_did_what(self):
        (inbound,) = self.fetched("quarantine", letter("Who reads this?"), name="Feedback Mailbox")
        # Others clear the journal.
        self.addCleanup(self.ask, "env['spp.email.inbound'].browse(id).action_release()", id=inbound)
        self.open(f"email-journal/{inbound}")
        self.tab("Details")
        self.press("Hold")
        self.page.get_by_role("button", name="Release", exact=True).locator("visible=true").first.wait_for()
        self.page.reload()
        self.wait_for_view()
        self.tab("Who Did What")
        acts = self.page.locator(".o_field_widget[name=audit_ids] .o_data_row")
        acts.nth(1).wait_for()
        self.assertEqual(
            [row.locator("td[name=action]").inner_text() for row in acts.all()],
            ["Put it under legal hold", "Opened it"],
        )
        self.screenshot("who-did-what")
        self.page.locator("button[name=action_changes_before]").click()
        self.title_is("Changes of Settings in the Day Before")
        self.page.locator(".o_data_row", has_text="Feedback Mailbox").first.wait_for()
        self.open_app("Email Gateway", "Configuration", "Who Did What")
        row = self.page.locator(".o_data_row", has_text="Who reads this?").first
        self.assertEqual(row.locator("td[name=action]").inner_text(), "Put it under legal hold")
        self.assertEqual(row.locator("td[name=model_name]").inner_text(), "Incoming Email")
        self.assertEqual(row.locator("td[name=res_id]").inner_text(), str(inbound))
        self.screenshot("who-did-what-list")
