# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from lxml import etree

from odoo.tests import Form, tagged

from .common import GatewayCase, eml

ACTIONS = {
    "action_spp_email_inbound": "email-journal",
    "action_spp_email_inbound_quarantine": "email-quarantine",
    "action_fetchmail_server_gateway": "incoming-email-servers",
    "action_ir_mail_server_gateway": "outgoing-email-servers",
    "action_spp_email_health": "email-health",
    "action_spp_email_rule": "incoming-rules",
    "action_mail_alias_domain_gateway": "alias-domains",
}
MENUS = {
    "menu_email_gateway": "viewer",
    "menu_email_gateway_quarantine": "viewer",
    "menu_email_gateway_journal": "viewer",
    "menu_email_gateway_incoming": "manager",
    "menu_email_gateway_outgoing": "manager",
    "menu_email_gateway_outgoing_section": "viewer",
    "menu_email_gateway_deliveries": "viewer",
    "menu_email_gateway_queue": "system",
    "menu_email_gateway_delivery_retention": "manager",
    "menu_email_gateway_health": "manager",
    "menu_email_gateway_rule": "manager",
    "menu_email_gateway_dry_run": "officer",
    "menu_email_gateway_incoming_section": "viewer",
    "menu_email_gateway_domains_section": "manager",
    "menu_email_gateway_alias_domain": "manager",
    "menu_email_gateway_setup": "manager",
    "menu_email_gateway_configuration": "manager",
    "menu_email_gateway_intakes": "manager",
    "menu_email_gateway_upload": "manager",
    "menu_email_gateway_reconciliation": "manager",
    "menu_email_gateway_tag": "manager",
}


@tagged("post_install", "-at_install")
class TestViews(GatewayCase):
    def test_every_action_opens_for_a_manager(self):
        for name, path in ACTIONS.items():
            with self.subTest(name=name):
                action = self.env.ref(f"spp_email_gateway.{name}")
                self.assertEqual(action.path, path)
                views = [(view_id, kind) for view_id, kind in action.views] + [(action.search_view_id.id, "search")]
                model = self.env[action.res_model].with_user(self.manager)
                found = model.get_views(views)["views"]
                self.assertEqual(set(found) - {"kanban", "graph", "pivot"}, {"list", "form", "search"})

    def test_the_journal_opens_for_a_viewer(self):
        inbound = self.journal(eml(Subject="Look")).with_user(self.viewer)
        self.assertEqual(Form(inbound).subject, "Look")
        arch = inbound.get_view(view_type="form")["arch"]
        self.assertNotIn("action_retry", arch)
        self.assertNotIn("action_ask_", arch)
        # What messages say is for officers.
        for name in ("action_download", "preview_html", "attachment_list"):
            self.assertNotIn(name, arch)

    def test_an_officer_has_the_buttons(self):
        for kind in ("form", "list"):
            arch = self.env["spp.email.inbound"].with_user(self.officer).get_view(view_type=kind)["arch"]
            self.assertIn("action_retry", arch)
            for name in ("route", "attach", "answer", "discard"):
                self.assertIn(f"action_ask_{name}", arch)
            self.assertEqual("action_download" in arch, kind == "form")
            self.assertNotIn("action_ask_alias", arch)

    def test_the_quarantine_has_counts_by_reason(self):
        for _number in range(2):
            self.journal(eml()).write({"state": "quarantined", "reason": "no_route"})
        journal = self.env["spp.email.inbound"].with_user(self.viewer)
        found = journal.search_panel_select_range(
            "reason", enable_counters=True, search_domain=[("state", "=", "quarantined")]
        )
        counts = {value["id"]: value["__count"] for value in found["values"]}
        self.assertEqual(counts["no_route"], journal.search_count([("state", "=", "quarantined")]))

    def test_the_journals_filters_work(self):
        journal = self.env["spp.email.inbound"].with_user(self.viewer)
        for group in ("state", "reason", "server_id", "received_date:day"):
            with self.subTest(group=group):
                journal.formatted_read_group([], [group], ["__count"])

    def test_menus_are_there_without_developer_mode(self):
        for name in ("plain", "viewer", "officer", "manager", "system"):
            menus = self.env["ir.ui.menu"].with_user(getattr(self, name))
            visible = menus._visible_menu_ids(debug=False)
            for menu, role in MENUS.items():
                levels = ["plain", "viewer", "officer", "manager", "system"]
                expected = levels.index(name) >= levels.index(role)
                with self.subTest(user=name, menu=menu):
                    self.assertEqual(self.env.ref(f"spp_email_gateway.{menu}").id in visible, expected)

    def test_the_first_page_of_a_mailbox_asks_no_more_than_the_guide(self):
        arch = etree.fromstring(self.env["fetchmail.server"].with_user(self.manager).get_view(view_type="form")["arch"])
        shown = [field.get("name") for field in arch.iterfind(".//page[@name='server_login_details']//field")]
        own = {name for name in shown if name.startswith("gateway_")}
        targets = {"gateway_record", "gateway_target_hint", "gateway_target_warning"}
        local = {"gateway_intake_id", "gateway_pipe_url", "gateway_pipe_line"}
        # In place of a password.
        oauth = {name for name in own if name.startswith("gateway_oauth_")} | {"gateway_addon_provider"}
        self.assertEqual(own, {"gateway_use_starttls", "gateway_action"} | targets | local | oauth)
        self.assertEqual(len(arch.findall(".//div[@name='gateway_warnings']")), 1)

    def test_only_who_may_open_a_mailbox_gets_a_link_to_it(self):
        for user, links in ((self.viewer, False), (self.officer, False), (self.manager, True)):
            arch = self.env["spp.email.inbound"].with_user(user).get_view(view_type="form")["arch"]
            (field,) = etree.fromstring(arch).findall(".//group[@name='origin']/field[@name='server_id']")
            with self.subTest(user=user.login):
                self.assertEqual("no_open" not in field.get("options", ""), links)

    def test_odoos_own_menus_are_left_as_they_are(self):
        for name in ("base.menu_mail_servers", "mail.menu_action_fetchmail_server_tree"):
            menu = self.env.ref(name, raise_if_not_found=False)
            if menu:
                owner = self.env["ir.model.data"].search([("model", "=", "ir.ui.menu"), ("res_id", "=", menu.id)])
                self.assertNotIn("spp_email_gateway", owner.mapped("module"))

    def test_the_forms_do_not_hold_a_credential(self):
        box = self.mailbox(password="s3cret")
        spec = {
            name: {}
            for name in self.env["fetchmail.server"].get_views([(False, "form")])["models"]["fetchmail.server"][
                "fields"
            ]
        }
        self.assertNotIn("s3cret", str(box.web_read(spec)))

    def test_the_alias_domains_form_has_its_buttons_for_each_role(self):
        domain = self.env["mail.alias.domain"]
        for user in (self.viewer, self.officer, self.manager, self.system):
            arch = domain.with_user(user).get_view(view_type="form")["arch"]
            with self.subTest(user=user.login):
                self.assertIn("action_gateway_quarantine", arch)
                self.assertEqual("action_gateway_aliases" in arch, user == self.system)
        form = Form(self.alias_domain.with_user(self.system))
        self.assertEqual(form.gateway_quarantine_count, self.alias_domain.gateway_quarantine_count)

    def test_buttons_open_what_they_count(self):
        box = self.mailbox()
        self.journal(eml(), box).write({"state": "quarantined", "reason": "no_route"})
        server = self.env["ir.mail_server"].create({"name": "Out", "smtp_host": "smtp.gateway.test"})
        deliveries = self.env["spp.email.delivery"].create(
            [
                {"recipient": f"{state}@remote.test", "state": state, "server_id": server.id, "company_id": company}
                for state, company in (("failed", self.company.id), ("deferred", False), ("sent", False))
            ]
        )
        for record, button, count in (
            (box, "quarantine", 1),
            (server, "queue", 1),
            (server, "failures", 1),
        ):
            with self.subTest(button=button):
                action = getattr(record, f"action_gateway_{button}")()
                found = self.env[action["res_model"]].search(action["domain"])
                self.assertEqual(len(found), count)
                self.assertEqual(record[f"gateway_{button.removesuffix('s')}_count"], count)
        self.assertEqual(len(self.env["spp.email.delivery"].search(server.action_gateway_deliveries()["domain"])), 3)
        for button in ("quarantine", "failures", "aliases"):
            action = getattr(self.alias_domain, f"action_gateway_{button}")()
            found = self.env[action["res_model"]].search(action["domain"])
            name = {"failures": "failure", "aliases": "alias"}.get(button, button)
            self.assertEqual(len(found), self.alias_domain[f"gateway_{name}_count"])
        self.assertIn(deliveries[0], self.env["spp.email.delivery"].search(self.alias_domain._gateway_failure_domain()))

    def test_the_condition_of_a_server(self):
        server = self.env["ir.mail_server"].create({"name": "Out", "smtp_host": "smtp.gateway.test"})
        self.assertEqual(server.gateway_condition, "ready")
        server.smtp_encryption = "none"
        self.assertEqual(server.gateway_condition, "unsafe")
        server.active = False
        self.assertEqual(server.gateway_condition, "archived")
