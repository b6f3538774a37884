# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Managers write rules, and people try messages against them."""

from __future__ import annotations

from .case import BrowserCase, letter

FORM = """Good morning,

my family has received no payment since March.

Name: Amina Diallo
Phone: +221 33 555 01 23
Country: Senegal

Thank you."""

# The number and content of all rows but those of the wizard, and what signing in, looking around and the journal's own
# job write meanwhile. tests/test_dry_run.py counts all tables, with nobody else at work.
COUNTS = """
env.cr.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
skipped = {"spp_email_dry_run", "res_device_log", "bus_bus", "mail_presence", "res_users_log", "res_users", "ir_cron",
           "ir_cron_trigger", "ir_cron_progress", "spp_email_worker"}
answer = {}
for (table,) in env.cr.fetchall():
    if table not in skipped:
        # The web client's bundles are made when a page first asks for them.
        where = "WHERE COALESCE(url, '') NOT LIKE '/web/assets/%'" if table == "ir_attachment" else ""
        env.cr.execute(f'SELECT count(*), COALESCE(sum(hashtext(t::text)), 0) FROM "{table}" t {where}')
        answer[table] = [int(number) for number in env.cr.fetchone()]
"""

RULE = """
partner = env["ir.model"]._get("res.partner").id
field = lambda name: env["ir.model.fields"]._get("res.partner", name).id
tag = env["spp.email.tag"].search([("name", "=", "Payment")]) or env["spp.email.tag"].create({"name": "Payment"})
env["spp.email.rule"].search([]).unlink()
answer = env["spp.email.rule"].create({
    "name": "Complaints about payments", "target": "create", "model_id": partner, "tag_ids": tag.ids,
    "condition_ids": [(0, 0, {"place": "subject", "operator": "contains", "value": "payment"})],
    "value_ids": [
        (0, 0, {"field_id": field("name"), "origin": "label", "value": "Name"}),
        (0, 0, {"field_id": field("phone"), "origin": "label", "value": "Phone"}),
        (0, 0, {"field_id": field("country_id"), "origin": "label", "value": "Country"}),
    ],
}).id
"""


class TestRules(BrowserCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(self.ask, "env['spp.email.rule'].search([]).unlink()")

    def test_a_manager_writes_a_rule(self):
        self.open_app("Email Gateway", "Incoming", "Incoming Rules")
        self.page.locator(".o_list_button_add").first.click()
        self.page.wait_for_selector(".o_form_sheet")
        self.page.locator("[name=name] input, [name=name] textarea").first.fill("Complaints about payments")
        line = self.page.locator("[name=condition_ids]")
        line.get_by_text("Add a line").click()
        line.locator("td[name=value] textarea").fill("(payment")
        row = line.locator(".o_selected_row")
        row.locator("td[name=operator] input").click()
        self.page.locator(".o_select_menu_item", has_text="matches the regular expression").click()
        self.page.click(".o_form_button_save")
        self.assertIn(
            "Rule “Complaints about payments”, condition 1: missing ), at character 9.",
            self.refusal(),
        )
        line.locator("td[name=value]").click()
        line.locator("td[name=value] textarea").fill("(payment|money)")
        self.tab("What Happens")
        self.choose("Where It Goes", "Create a new Record")
        self.choose("Kind of Record", "Contact")
        self.tab("Values")
        values = self.page.locator("[name=value_ids]")
        values.get_by_text("Add a line").click()
        values.locator("td[name=field_id] input").fill("Phone")
        self.page.locator(".o-autocomplete--dropdown-menu").get_by_text("Phone", exact=False).first.click()
        values.locator("td[name=origin] input").click()
        self.page.locator(".o_select_menu_item", has_text="A line “Label: value” in the text").click()
        values.locator("td[name=value] textarea").fill("Phone")
        self.save()
        found = self.ask(
            "rule = env['spp.email.rule'].search([('name', '=', 'Complaints about payments')])\n"
            "answer = [rule.condition_ids.value, rule.target, rule.model_id.model, rule.value_ids.field_id.name,"
            " rule.value_ids.origin]"
        )
        self.assertEqual(found, ["(payment|money)", "create", "res.partner", "phone", "label"])

    def test_what_a_rule_looks_like(self):
        rule = self.ask(RULE)
        self.ask(
            "env['spp.email.rule'].create({'name': 'Newsletters', 'quarantine': True, 'sequence': 20, 'condition_ids':"
            " [(0, 0, {'place': 'header', 'header': 'List-Id', 'operator': 'exists'})]})"
        )
        self.open("incoming-rules")
        self.page.locator(".o_data_row", has_text="Newsletters").wait_for()
        self.screenshot("rules-list")
        self.open(f"incoming-rules/{rule}")
        self.page.locator("[name=condition_ids] .o_data_row").wait_for()
        self.screenshot("rules-form")
        self.tab("Values")
        self.page.locator("[name=value_ids] .o_data_row").first.wait_for()
        self.screenshot("rules-values")
        self.tab("What Happens")
        self.assertEqual(self.value("Where It Goes"), "Create a new Record")
        self.screenshot("rules-target")


class TestDryRun(BrowserCase):
    login = "officer"

    def setUp(self):
        super().setUp()
        self.addCleanup(self.ask, "env['spp.email.rule'].search([]).unlink()")

    def test_an_officer_tries_a_message(self):
        self.ask(RULE)
        # No other test makes a mailbox of this name: the list would offer both.
        self.mailbox("support", name="Payments Mailbox", gateway_takes_values=True)
        before = self.ask(COUNTS)
        self.open_app("Email Gateway", "Incoming", "Try a Message")
        self.page.locator("[name=message_text] textarea").wait_for()
        source = letter("No payment for two months", FORM).decode().replace("\r\n", "\n")
        self.page.locator("[name=message_text] textarea").fill(source)
        self.choose("Mailbox", "Payments Mailbox")
        self.assertEqual(self.value("Mailbox"), "Payments Mailbox")
        self.screenshot("dry-run-question")
        self.press("Try")
        self.page.locator(".alert-success", has_text="A record was created").wait_for()
        record = self.page.locator("[name=record_html]").inner_text()
        for words in ("New: Contact", "Amina Diallo", "+221 33 555 01 23", "Senegal"):
            self.assertIn(words, record)
        self.screenshot("dry-run-result")
        self.tab("Steps")
        self.assertIn("matches", self.page.locator("[name=trace_html]").inner_text())
        self.screenshot("dry-run-steps")
        self.tab("Message")
        frame = self.page.frame_locator("iframe.o_spp_email_preview")
        self.assertIn("since March", frame.locator("body").inner_text())
        after = self.ask(COUNTS)
        self.assertEqual({name for name in after if after[name] != before[name]}, set())
        self.press("Change and Try Again")
        self.page.locator("[name=message_text] textarea").wait_for()
        self.page.locator("[name=message_text] textarea").fill(source.replace("Senegal", "Atlantis"))
        self.press("Try")
        self.page.locator(".alert-danger", has_text="Field “Country”").wait_for()
        self.screenshot("dry-run-misfit")
        after = self.ask(COUNTS)
        self.assertEqual({name for name in after if after[name] != before[name]}, set())

    def test_a_message_in_quarantine(self):
        (entry,) = self.fetched("discard", letter("Who reads about payments?", FORM), name="Discard Mailbox")
        self.open(f"email-journal/{entry}")
        self.state_is("Quarantined")
        self.ask(RULE)
        before = self.ask(COUNTS)
        self.page.locator(".oe_stat_button", has_text="What Would Happen").click()
        self.page.locator(".alert-success", has_text="A record was created").wait_for()
        after = self.ask(COUNTS)
        self.assertEqual({name for name in after if after[name] != before[name]}, set())
        self.assertEqual(self.ask("answer = env['spp.email.inbound'].browse(entry).state", entry=entry), "quarantined")
