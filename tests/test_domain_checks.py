# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Domains found by themselves and checked against a DNS server on loopback that is good, broken, drifting or silent."""

from contextlib import contextmanager
from unittest.mock import patch

import psycopg2

from odoo import Command
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import new_test_user, tagged

from ..engine.bulk_sender import BulkFacts
from ..engine.dns_look import DomainLook
from ..engine.dns_record import CheckedRecord, RecordState
from ..models import spp_email_domain_check as check_module
from ..models.spp_email_domain_words import WORDS
from .common import GatewayCase
from .engine.name_server import NameServer
from .engine.zones import good_zone, text

DOMAIN = "ngo.test"
PARAMETER = "spp_email_gateway.dns_servers"


@tagged("post_install", "-at_install")
class TestDomainChecks(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["ir.mail_server"].search([]).active = False
        cls.env["mail.template"].search([]).email_from = False
        cls.alias_domain.name = DOMAIN
        cls.server = cls.env["ir.mail_server"].create(
            {"name": "Out", "smtp_host": "smtp.gmail.com", "smtp_encryption": "starttls_strict", "from_filter": DOMAIN}
        )
        cls.zone = good_zone()
        cls.name_server = cls.enterClassContext(NameServer(cls.zone))
        port = cls.name_server.resolver().port
        cls.env["ir.config_parameter"].set_param(PARAMETER, f"127.0.0.1:{port}")

    def setUp(self):
        super().setUp()
        # Zones are no part of the transaction.
        self.zone.clear()
        self.zone.update(good_zone())

    def row(self, name=DOMAIN):
        self.env["spp.email.domain"]._find()
        found = self.env["spp.email.domain"].with_context(active_test=False).search([("name", "=", name)])
        return self.env["spp.email.domain"].browse(found.ids)

    def checked(self, **changes):
        self.zone.update(changes)
        row = self.row()
        row.with_user(self.manager).action_check()
        return row

    def verdicts(self, row):
        return {f"{one.kind} {one.relative_name}": one.verdict for one in row.record_ids}

    # ------------------------------------------------------------------
    # Which domains
    # ------------------------------------------------------------------

    def test_domains_are_found_in_whatever_puts_them_into_a_from(self):
        self.alias_domain.write({"default_from": "office@sender.test"})
        self.server.from_filter = "news.ngo.test, ann@only.test, .wide.test"
        self.server.gateway_from_address = "one@instead.test"
        self.env["ir.config_parameter"].set_param("mail.dynamic.smtp.from", "x@dynamic.test")
        self.env["mail.template"].create(
            [
                {"name": "A", "model_id": self.partner_model.id, "email_from": '"Us" <us@template.test>'},
                {"name": "B", "model_id": self.partner_model.id, "email_from": "{{ object.email }}"},
                # Nobody can publish anything for these.
                {"name": "C", "model_id": self.partner_model.id, "email_from": "we@gmail.com"},
                {"name": "D", "model_id": self.partner_model.id, "email_from": "we@example.com"},
                {"name": "E", "model_id": self.partner_model.id, "email_from": "nonsense"},
            ]
        )
        domains = self.env["spp.email.domain"]
        before = domains.search([])
        domains._find()
        found = {one.name: one.uses for one in domains.search([]) - before}
        for name, uses in (
            (DOMAIN, ["alias_domain"]),
            ("sender.test", ["default_from"]),
            ("news.ngo.test", ["filter"]),
            ("only.test", ["filter"]),
            ("wide.test", ["filter"]),
            ("instead.test", ["server"]),
            ("dynamic.test", ["parameter"]),
            ("template.test", ["template"]),
        ):
            with self.subTest(name=name):
                self.assertEqual(found.get(name), uses)
        self.assertFalse({"gmail.com", "example.com"} & set(found))

    def test_a_domain_that_nothing_uses_any_more_is_archived_and_comes_back(self):
        row = self.row()
        self.assertEqual(row.alias_domain_ids, self.alias_domain)
        self.alias_domain.name = "elsewhere.test"
        self.server.from_filter = False
        self.assertFalse(self.row().active)
        self.alias_domain.name = DOMAIN
        self.assertTrue(self.row().active)
        # What a person has archived, or added, stays as it is.
        row.active = False
        self.assertFalse(self.row().active)
        own = self.env["spp.email.domain"].with_user(self.manager).create({"name": "mine.test"})
        self.row()
        self.assertTrue(own.active)
        self.assertEqual(own.use_text, "Added by hand")

    def test_a_domain_has_the_company_that_uses_it(self):
        (self.company | self.other_company).alias_domain_id = False
        self.other_company.alias_domain_id = self.alias_domain
        row = self.row()
        self.assertEqual(row.company_id, self.other_company)
        self.assertFalse(self.env["spp.email.domain"].with_user(self.manager).search([("id", "=", row.id)]))
        self.company.alias_domain_id = self.alias_domain
        self.assertFalse(self.row().company_id)

    # ------------------------------------------------------------------
    # What is needed
    # ------------------------------------------------------------------

    def test_what_is_needed_follows_the_servers(self):
        row = self.row()
        self.server.gateway_provider = "microsoft"
        self.env["ir.mail_server"].create({"name": "Own", "smtp_host": "mail.ngo.test", "from_filter": ".ngo.test"})
        self.env["ir.mail_server"].create({"name": "Not", "smtp_host": "in-v3.mailjet.com", "from_filter": "a.test"})
        needed = {(one.kind.value, one.name): one for one in row._needed_records()}
        spf = needed[("spf", DOMAIN)]
        self.assertEqual(spf.expected, "v=spf1 include:spf.protection.outlook.com ~all")
        self.assertEqual(spf.reason, "Microsoft 365 mailbox, own server mail.ngo.test")
        self.assertIn(("dkim", f"selector1._domainkey.{DOMAIN}"), needed)
        self.assertEqual(
            needed[("dmarc", f"_dmarc.{DOMAIN}")].expected, f"v=DMARC1; p=none; rua=mailto:catchall@{DOMAIN}"
        )
        self.assertTrue(needed[("mx", DOMAIN)].is_required)
        self.assertIn(("return_path", DOMAIN), needed)
        self.assertEqual(row._question().hosts, ("mail.ngo.test",))

    def test_records_of_another_part_are_checked_with_the_others(self):
        from ..engine.dns_record import NeededRecord, RecordKind
        from .engine.zones import KEY

        domains = type(self.env["spp.email.domain"])
        original = domains._needed_records

        def more(records):
            return [
                *original(records),
                NeededRecord(RecordKind.DKIM, f"odoo._domainkey.{records.name}", KEY, "own key"),
            ]

        with patch.object(domains, "_needed_records", more):
            row = self.checked()
            self.assertEqual(self.verdicts(row)["dkim odoo._domainkey"], "dkim_missing")
            row = self.checked(**{})
            self.zone[(f"odoo._domainkey.{DOMAIN}", "TXT")] = [text(KEY)]
            row.action_check()
        self.assertEqual(self.verdicts(row)["dkim odoo._domainkey"], "dkim_right")

    # ------------------------------------------------------------------
    # What is said
    # ------------------------------------------------------------------

    def test_a_good_zone(self):
        row = self.checked()
        self.assertEqual(
            self.verdicts(row),
            {
                "spf @": "spf_right",
                "dkim google._domainkey": "dkim_right",
                "dmarc _dmarc": "dmarc_right",
                "mx @": "mx_right",
                "return_path @": "return_path_aligned",
            },
        )
        self.assertEqual((row.state, row.zone, row.dns_host), ("right", DOMAIN, "Cloudflare"))
        self.assertTrue(row.checked_date)
        self.assertEqual(row.action_open_guide()["url"], row.dns_guide)
        self.assertEqual(row.wrong_count, 0)

    def test_a_broken_zone_says_what_to_enter(self):
        self.zone[(DOMAIN, "TXT")] = [text("v=spf1 include:spf.mailjet.com -all")]
        del self.zone[(f"_dmarc.{DOMAIN}", "TXT")]
        row = self.checked()
        self.assertEqual(row.state, "wrong")
        spf, dmarc = (row.record_ids.filtered(lambda one, kind=kind: one.kind == kind) for kind in ("spf", "dmarc"))
        self.assertEqual(spf.expected, "v=spf1 include:spf.mailjet.com include:_spf.google.com -all")
        self.assertEqual(
            spf.text, "It does not name all servers that send for this domain. Missing: include:_spf.google.com"
        )
        self.assertEqual(
            spf.cure,
            "Change the record that is there; do not add a second one, which would make both void. Its whole new "
            "value: v=spf1 include:spf.mailjet.com include:_spf.google.com -all",
        )
        self.assertEqual((dmarc.name, dmarc.relative_name), (f"_dmarc.{DOMAIN}", "_dmarc"))
        self.assertEqual(
            dmarc.cure,
            "Enter this record at your DNS host: type TXT, name _dmarc, value v=DMARC1; p=none; "
            f"rua=mailto:catchall@{DOMAIN}",
        )

    def test_every_verdict_has_words_that_can_be_said(self):
        record = self.env["spp.email.domain.record"].new({"kind": "spf", "name": DOMAIN})
        for verdict in WORDS:
            record.verdict, record.facts = verdict, {"error": "100 % wrong"}
            with self.subTest(verdict=verdict):
                self.assertTrue(record.text)
                self.assertNotIn("%(", record.text + record.cure)

    def test_names_of_a_subdomain_are_relative_to_its_zone(self):
        self.server.from_filter = "news.ngo.test"
        row = self.row("news.ngo.test")
        row.action_check()
        self.assertEqual(row.zone, DOMAIN)
        names = {one.kind: one.relative_name for one in row.record_ids}
        self.assertEqual(names["spf"], "news")
        self.assertEqual(names["dkim"], "google._domainkey.news")
        self.assertEqual(row.record_ids.filtered(lambda one: one.kind == "mx").state, "warning")

    def test_what_is_typed_is_looked_at(self):
        row = self.row()
        self.server.smtp_host = "localhost"
        row.action_check()
        self.assertEqual(self.verdicts(row)["spf @"], "spf_host_unknown")
        row.sending_addresses = "93.184.216.34"
        row.action_check()
        self.assertEqual(self.verdicts(row)["spf @"], "spf_incomplete")
        self.assertEqual(row.reverse_names, {"93.184.216.34": "mail.ngo.test"})
        for value, words in (
            ("10.0.0.1", "“10.0.0.1” is no public IP address. "),
            ("93.184.216.34, mail", "“mail” is no public IP address. "),
        ):
            with self.subTest(value=value), self.assertRaises(ValidationError) as caught:
                row.sending_addresses = value
            self.assertTrue(caught.exception.args[0].startswith(words))
        with self.assertRaises(ValidationError) as caught:
            row.selectors = "a b@c"
        self.assertEqual(
            caught.exception.args[0],
            "“b@c” is no DKIM selector. Type what stands before ._domainkey in the name of the record.",
        )

    # ------------------------------------------------------------------
    # Silence, drift, health
    # ------------------------------------------------------------------

    def finding(self, row):
        findings = self.env["spp.email.domain"]._gateway_health()
        return next((one for one in findings if one.ids == tuple(row.ids)), None)

    def test_a_silent_dns_is_unknown_and_takes_nothing_back(self):
        row = self.checked()
        for servers in ("none", "127.0.0.1:1"):
            self.env["ir.config_parameter"].set_param(PARAMETER, servers)
            with (
                self.subTest(servers=servers),
                patch("odoo.addons.spp_email_gateway.engine.dns_asking.LOOK_SECONDS", 1),
            ):
                row.action_check()
                self.assertEqual(row.state, "unknown")
                self.assertEqual(row.known_state, "right")
                spf = row.record_ids[0]
                self.assertEqual(spf.text, "The DNS gave no answer. That says nothing about the record.")
                self.assertEqual((spf.seen, spf.known_state), ("v=spf1 include:_spf.google.com ~all", "right"))
                self.assertFalse(self.finding(row))

    def test_wrong_servers_in_the_parameter_are_named(self):
        self.env["ir.config_parameter"].set_param(PARAMETER, "nonsense")
        with self.assertRaises(UserError) as caught:
            self.row().action_check()
        self.assertEqual(
            caught.exception.args[0],
            "The system parameter spp_email_gateway.dns_servers is wrong: “nonsense” is no IP address of a DNS server.",
        )

    def test_drift_is_told_and_clears_itself(self):
        row = self.checked()
        self.assertFalse(self.finding(row))
        good = self.zone.pop((f"google._domainkey.{DOMAIN}", "TXT"))
        row.action_check()
        found = self.finding(row)
        self.assertEqual((found.state.value, found.model, found.field), ("failure", "spp.email.domain", "record_ids"))
        self.assertEqual(found.title, "DNS records have changed: ngo.test")
        self.assertIn("No key of the provider is published at google._domainkey.ngo.test.", found.text)
        self.assertIn("was “Right” and is “Wrong”", row.message_ids[0].body)
        # The DNS falls silent: what was wrong is still held to be.
        self.env["ir.config_parameter"].set_param(PARAMETER, "none")
        row.action_check()
        self.assertEqual((row.state, self.finding(row).text), ("unknown", found.text))
        port = self.name_server.resolver().port
        self.env["ir.config_parameter"].set_param(PARAMETER, f"127.0.0.1:{port}")
        self.zone[(f"google._domainkey.{DOMAIN}", "TXT")] = good
        row.action_check()
        self.assertFalse(self.finding(row))
        self.assertIn("was “Wrong” and is “Right”", row.message_ids[0].body)

    def test_a_new_domain_has_a_day_to_be_set_up(self):
        del self.zone[(f"_dmarc.{DOMAIN}", "TXT")]
        row = self.checked()
        self.assertEqual(row.state, "wrong")
        self.assertFalse(self.finding(row))
        self.env.cr.execute("UPDATE spp_email_domain SET create_date = now() - interval '2 days'")
        row.invalidate_recordset()
        self.assertEqual(self.finding(row).state.value, "warning")
        row.active = False
        self.assertFalse(self.finding(row))

    def test_the_health_check_asks_for_domains(self):
        self.assertIn("spp.email.domain", self.env["spp.email.health"]._health_models())

    def test_the_scheduled_action_finds_and_checks(self):
        self.work()
        row = self.env["spp.email.domain"].search([("name", "=", DOMAIN)])
        self.assertEqual(row.state, "right")
        self.name_server.asked.clear()
        # Once a day is enough.
        self.work()
        self.assertFalse(self.name_server.asked)

    def work(self, look=None):
        """Run the job; return {domain: committed and with no cursor of the gateway's open when the DNS was asked}."""
        own = type(self.env["spp.email.transaction"])
        cursor, really = own._gateway_cursor, check_module.look
        is_free, asked, opened = [False], {}, []

        @contextmanager
        def own_cursor(self, read_committed=False):
            is_free[0] = False
            with cursor(self, read_committed) as env:
                yield env
            opened.append(read_committed)
            is_free[0] = True

        def ask(asking, question):
            asked[question.domain] = is_free[0]
            return (look or really)(asking, question)

        def commit(*_unused, **_named):
            is_free[0] = True
            return 60

        with (
            self.own_cursors(),
            patch.object(own, "_gateway_cursor", own_cursor),
            patch.object(check_module, "look", ask),
            patch.object(type(self.env["ir.cron"]), "_commit_progress", commit),
        ):
            self.env["spp.email.domain"]._cron_check()
        self.env.invalidate_all()
        self.assertTrue(all(opened))
        return asked

    def several(self, count=6):
        rows = self.env["spp.email.domain"].create([{"name": f"d{number}.test"} for number in range(count)])
        self.env["spp.email.domain"].search([("id", "not in", rows.ids)]).checked_date = "2099-01-01"
        return rows

    def test_the_dns_is_waited_for_without_a_transaction(self):
        self.several(2)
        with patch.object(type(self.env["spp.email.domain"]), "_find", lambda self: None):
            self.assertEqual(self.work(), {"d0.test": True, "d1.test": True})

    def test_a_domain_that_fails_leaves_the_others_checked(self):
        rows = self.several(3)
        really = check_module.look

        def fail(asking, question):
            if question.domain == "d0.test":
                raise psycopg2.errors.SerializationFailure("d0.test")
            return really(asking, question)

        with self.assertLogs(check_module.__name__, "WARNING") as logs:
            self.work(fail)
        self.assertTrue(all(rows.mapped("checked_date")))
        self.assertEqual([row.state == "new" for row in rows], [True, False, False])
        self.assertEqual(
            logs.output,
            [f"WARNING:{check_module.__name__}:Domain {rows[0].id} was not checked: SerializationFailure."],
        )

    def test_a_silent_dns_ends_the_run(self):
        rows = self.several(6)

        def silent(asking, question):
            return DomainLook([CheckedRecord(one, RecordState.UNKNOWN, "spf_unknown") for one in question.needed])

        self.assertEqual(list(self.work(silent)), ["d0.test", "d1.test", "d2.test"])
        self.assertEqual(rows.mapped("state"), ["unknown"] * 3 + ["new"] * 3)
        # The next run begins with the others.
        self.assertEqual(list(self.work(silent)), ["d3.test", "d4.test", "d5.test"])

    def test_a_slow_dns_is_waited_for_a_minute(self):
        self.several(6)
        time, really = [0.0], check_module.look

        def slow(asking, question):
            time[0] += 25
            return really(asking, question)

        with patch.object(check_module, "monotonic", lambda: time[0]):
            self.assertEqual(list(self.work(slow)), ["d0.test", "d1.test", "d2.test"])

    def test_many_are_left_to_the_scheduled_action(self):
        rows = self.env["spp.email.domain"].create([{"name": f"d{number}.test"} for number in range(4)])
        self.name_server.asked.clear()
        action = rows.with_user(self.manager).action_check()
        self.assertEqual(action["tag"], "display_notification")
        self.assertFalse(self.name_server.asked)

    # ------------------------------------------------------------------
    # Ways in, readiness, test mail, roles
    # ------------------------------------------------------------------

    def ways(self, row):
        return {address: state.value for state, address, _text in row._ways()}

    def test_which_addresses_have_a_way_in(self):
        row = self.row()
        self.env["fetchmail.server"].search([]).active = False
        alias = self.env["mail.alias"].create(
            {"alias_name": "help", "alias_model_id": self.partner_model.id, "alias_domain_id": self.alias_domain.id}
        )
        addresses = (f"bounce@{DOMAIN}", f"catchall@{DOMAIN}", alias.alias_full_name)
        self.env["spp.email.intake"].search([]).active = False
        self.assertEqual(self.ways(row), dict.fromkeys(addresses, "wrong") | self.ways(row))
        self.mailbox(user=f"CATCHALL@{DOMAIN}")
        found = self.ways(row)
        self.assertEqual([found[one] for one in addresses], ["unknown", "right", "unknown"])
        from .common import eml

        self.journal(eml(To=f"Help <help@{DOMAIN}>"))
        self.assertEqual(self.ways(row)[addresses[2]], "right")
        self.assertIn("badge", row.ways_html)

    def test_readiness_for_campaigns(self):
        row = self.checked()
        facts = row._bulk_facts()
        self.assertIsInstance(facts, BulkFacts)
        self.assertEqual((facts.spf.value, facts.dmarc.value, facts.is_aligned), ("right", "right", True))
        self.assertTrue(row.is_bulk_ready)
        self.assertIn("The policy none is enough", row.readiness_html)
        self.server.smtp_encryption = "none"
        self.assertFalse(self.row()._bulk_facts().is_encrypted)
        row.invalidate_recordset()
        self.assertFalse(row.is_bulk_ready)

    def test_complaints_are_counted_by_the_domain_of_the_from(self):
        row = self.row()
        values = {"recipient": "a@b.test", "company_id": self.company.id, "state": "sent"}
        deliveries = self.env["spp.email.delivery"]
        deliveries.create([{**values, "email_from": f"us@{DOMAIN}"}] * 3)
        deliveries.create({**values, "email_from": "us@other.test"})
        deliveries.create({**values, "email_from": f"us@{DOMAIN}", "state": "bounced", "bounce_reason": "complaint"})
        deliveries.create({**values, "email_from": f'"Us, all" <us@{DOMAIN.upper()}>'})
        deliveries.create({**values, "email_from": "us@" + DOMAIN + ".other.test"})
        self.assertEqual(row._complaints_by_domain()[DOMAIN], (5, 1))
        self.assertEqual((row._bulk_facts().sent, row._bulk_facts().complaints), (0, 0))
        row.with_user(self.manager).action_check()
        self.assertEqual((row._bulk_facts().sent, row._bulk_facts().complaints), (5, 1))
        row.monthly_complaints = False
        self.work()
        self.assertFalse(row.monthly_complaints)
        row.checked_date = False
        self.work()
        self.assertEqual((row._bulk_facts().sent, row._bulk_facts().complaints), (5, 1))
        # Whoever opens the form waits for no month of mail.
        with patch.object(type(row), "_complaints_by_domain", side_effect=AssertionError):
            row.invalidate_recordset()
            self.assertIn("1 of 5 messages", row.readiness_html)

    def test_a_test_mail_goes_from_the_domain_to_any_address(self):
        row = self.row()
        action = row.with_user(self.manager).action_send_test_mail()
        wizard = (
            self.env["spp.email.test.mail"]
            .with_user(self.manager)
            .with_context(**action["context"])
            .create({"recipients": "test-abc@srv1.mail-tester.test"})
        )
        self.assertEqual((wizard.server_id, wizard.email_from), (self.server, f"notifications@{DOMAIN}"))
        servers = type(self.env["ir.mail_server"])
        built = []

        def transmit(server, message, smtp_from, recipients):
            built.append((message["From"], smtp_from, recipients))
            return {}

        with patch.object(servers, "_gateway_transmit", transmit):
            wizard.action_send()
        self.assertEqual(
            built, [(f"notifications@{DOMAIN}", f"notifications@{DOMAIN}", ("test-abc@srv1.mail-tester.test",))]
        )
        self.server.active = False
        with self.assertRaises(UserError) as caught:
            row.with_user(self.manager).action_send_test_mail()
        self.assertTrue(caught.exception.args[0].startswith(f"No outgoing server may send as {DOMAIN}."))

    def test_only_managers_check_and_find(self):
        row = self.row()
        for user in (self.viewer, self.officer, self.plain):
            for action in ("action_check", "action_find", "action_send_test_mail", "action_open_guide"):
                with self.subTest(user=user.login, action=action), self.assertRaises(AccessError):
                    getattr(row.with_user(user), action)()
        foreign = new_test_user(
            self.env,
            "gateway_foreign_manager",
            "spp_email_gateway.group_email_gateway_manager",
            company_id=self.other_company.id,
            company_ids=[Command.set(self.other_company.ids)],
        )
        row.company_id = self.company
        with self.assertRaises(AccessError):
            row.with_user(foreign).action_check()

    def test_the_alias_domain_leads_to_its_records(self):
        self.env["spp.email.domain"].with_context(active_test=False).search([]).unlink()
        action = self.alias_domain.with_user(self.manager).action_open_gateway_domain()
        self.assertEqual(self.env["spp.email.domain"].browse(action["res_id"]).name, DOMAIN)
