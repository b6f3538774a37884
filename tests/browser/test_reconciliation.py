# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A manager finds what was lost, and takes it in; and sees when a mailbox is checked."""

from __future__ import annotations

from .case import DOMAIN, BrowserCase, letter

LOST = (
    ("Payment missing since March", "Amina Diallo <amina@remote.test>"),
    ("Wrong name on the card", "J. Mwangi <j.mwangi@remote.test>"),
    ("Newsletter of June", "News <news@remote.test>"),
)


class TestReconciliation(BrowserCase):
    def test_what_was_lost_is_found_and_taken_in(self):
        for subject, sender in LOST:
            self.dovecot.append(f"lost@{DOMAIN}", letter(subject, sender=sender), flags="\\Seen")
        server = self.mailbox("lost")
        self.ask(
            "env['fetchmail.server'].browse(id).object_id = env['ir.model']._get('crm.lead').id",
            id=server,
        )
        self.check_in(15)
        self.open(f"incoming-email-servers/{server}")
        self.assertTrue(self.page.locator(".o_field_widget[name=gateway_next_check]").inner_text())
        self.tab("Reading")
        self.fill("Check Every (Minutes)", 30)
        self.save()
        self.screenshot("incoming-server-interval")
        self.press("Compare with the Server")
        self.state_is("Not Compared")
        self.press("Compare")
        self.state_is("Compared")
        rows = self.page.locator(".o_data_row")
        self.assertEqual(rows.count(), 3)
        for subject in ("Payment missing since March", "Wrong name on the card"):
            rows.filter(has_text=subject).locator(".o_data_cell[name=is_chosen]").click()
            rows.filter(has_text=subject).locator("input[type=checkbox]").set_checked(True)
        self.page.locator(".o_form_sheet h2").click()
        self.screenshot("comparison")
        self.press("Take In")
        self.assertIn("2 messages were taken in.", self.notification())
        self.dismiss_notifications()
        rows.filter(has_text="Newsletter of June").locator(".o_data_cell[name=is_chosen]").click()
        rows.filter(has_text="Newsletter of June").locator("input[type=checkbox]").set_checked(True)
        self.press("Leave")
        self.page.wait_for_selector(".alert-success:visible")
        self.assertIn("Nothing is missing", self.alerts()[0])
        # Other tests have made leads of the same names from other mailboxes.
        found = self.ask(
            "rows = env['spp.email.inbound'].search([('server_id', '=', server), ('res_model', '=', 'crm.lead')])\n"
            "answer = env['crm.lead'].browse(rows.mapped('res_id')).mapped('name')",
            server=server,
        )
        self.assertEqual(sorted(found), ["Payment missing since March", "Wrong name on the card"])
