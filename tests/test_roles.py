# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Every model of the addon, as each role and for each company. A model without a decision fails."""

from itertools import count

from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from .common import GatewayCase, eml
from .test_access import OPERATIONS, RIGHTS

ROLES = ("portal", "public", "plain", "viewer", "officer", "manager", "system")

# Whose records of a model are seen, by those who may see any.
# company: of the own companies, and what binds all of them.
# known: of the own companies; where none is known, only by managers of all companies.
# own: what one has typed oneself.
# all: there is nothing of any company in it, and why.
SCOPES = {
    "known": (
        "spp.email.inbound",
        "spp.email.inbound.record",
        "spp.email.content",
        "spp.email.notice",
        "spp.email.delivery",
        "spp.email.sent.content",
        "spp.email.loop.breaker",
        "spp.email.audit",
        "spp.email.day",
    ),
    "one": ("spp.email.data.request",),
    "company": (
        "spp.email.change",
        "spp.email.oauth",
        "spp.email.transcript",
        "spp.email.check",
        "spp.email.rule",
        "spp.email.rule.condition",
        "spp.email.rule.value",
        "spp.email.intake",
        "spp.email.intake.use",
        "spp.email.folder",
        "spp.email.watch",
        "spp.email.reconciliation",
        "spp.email.reconciliation.line",
        "spp.email.retention",
        "spp.email.delivery.retention",
        "spp.email.recipient.entry",
        "spp.email.suppression",
        "spp.email.suppression.event",
        "spp.email.suppression.count",
        "spp.email.suppression.policy",
        "spp.email.round.trip",
        "spp.email.breaker",
        "spp.email.return.path",
        "spp.email.domain",
        "spp.email.domain.record",
        "spp.email.dkim.key",
        "spp.email.dmarc.report",
        "spp.email.dmarc.line",
        "fetchmail.server",
        "ir.mail_server",
    ),
    "own": (
        "spp.email.dkim.new",
        "spp.email.addresses",
        "spp.email.addresses.line",
        "spp.email.dry.run",
        "spp.email.explain",
        "spp.email.find",
        "spp.email.find.line",
        "spp.email.package",
        "spp.email.upload",
        "spp.email.start",
        "spp.email.test.mail",
        "spp.email.discovery",
        "spp.email.discovery.line",
        "spp.email.setup",
        "spp.email.setup.address",
        "spp.email.alias.move",
        "spp.email.alias.move.line",
        "spp.email.transcript.start",
        "spp.email.data.search",
        "spp.email.data.search.line",
        "spp.email.configuration.server",
        "spp.email.folder.choice",
        "spp.email.folder.choice.line",
        "spp.email.loop.release",
        "spp.email.resend",
        "spp.email.resend.line",
        "spp.email.suppression.import",
        "spp.email.suppression.removal",
        *(f"spp.email.inbound.{name}" for name in ("route", "route.value", "attach", "answer", "discard", "alias")),
    ),
    "all": {
        "spp.email.team": "names and members; a team may work for several companies",
        "spp.email.tag": "words",
        "spp.email.health": "findings about the installation",
        "spp.email.sample": "numbers of the installation",
        "spp.email.digest": "which managers get a mail",
        "spp.email.monitoring.token": "which programs watch the installation",
        "spp.email.quota.use": "counters",
        "spp.email.binding": "which database this is",
        "spp.email.former.address": "of an alias domain, which several companies may use",
        "spp.email.subaddress": "as above",
        "spp.email.queue": "for administrators",
        "spp.email.worker": "for administrators",
        "spp.email.lease": "for administrators",
        "spp.email.token.key": "for administrators",
        "spp.email.reading.mark": "for administrators",
        "spp.email.passed.entry": "for administrators",
        "spp.email.unreadable": "for administrators",
    },
}

# What is looked at before the rights are.
LEAST = {"spp.email.suppression": {"address": "ann@example.com"}}

_numbers = count(1)


@tagged("post_install", "-at_install")
class TestRoles(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.public = cls.env.ref("base.public_user")
        # All of these belong to the first company only.
        cls.global_manager = new_test_user(
            cls.env,
            "gateway_global_manager",
            "spp_email_gateway.group_email_gateway_manager",
            company_ids=[Command.set(cls.env["res.company"].search([]).ids)],
        )

    # ------------------------------------------------------------------
    # A record of each model
    # ------------------------------------------------------------------

    def make(self, model, company):
        """Return a record of ``model`` that belongs to ``company``, an empty one meaning: to none that is known."""
        return getattr(self, f"make_{model.removeprefix('spp.email.').replace('.', '_')}")(company)

    def make_inbound(self, company):
        return self.journal(eml(), company=company)

    def make_content(self, company):
        return self.make_inbound(company).content_ids

    def make_inbound_record(self, company):
        inbound = self.make_inbound(company)
        stamps = self.env["spp.email.inbound.record"]
        stamps._stamp(inbound.id, 1, self.env.user.partner_id)
        return stamps.search([("inbound_id", "=", inbound.id)])

    def make_day(self, company):
        return self.env["spp.email.day"].create(
            {"day": "2026-01-01", "direction": "in", "state": "done", "messages": 1, "company_id": company.id}
        )

    def make_notice(self, company):
        return self.env["spp.email.notice"].create(
            {
                "inbound_id": self.make_inbound(company).id,
                "notice_type": "refused",
                "recipient_digest": "0" * 64,
            }
        )

    def make_delivery(self, company):
        return self.env["spp.email.delivery"].create(
            {"recipient": "ann@example.com", "company_id": company.id, "subject": "Hello"}
        )

    def make_sent_content(self, company):
        return self.env["spp.email.sent.content"].create({"company_id": company.id, "message_id": "<a@b>"})

    def make_loop_breaker(self, company):
        return self.env["spp.email.loop.breaker"].create(
            {
                "key": f"key-{next(_numbers)}",
                "limit_kind": self.env["spp.email.loop.breaker"]._fields["limit_kind"].get_values(self.env)[0],
                "who": "ann@example.com",
                "company_id": company.id,
                "since_date": "2026-01-01",
                "until_date": "2026-01-02",
            }
        )

    def make_server(self, company):
        return self.mailbox(user=f"box{next(_numbers)}@gateway.test", company_id=company.id)

    make_fetchmail_server = make_server

    def make_change(self, company):
        server = self.make_server(company)
        return self.env["spp.email.change"].search(
            [("model", "=", server._name), ("res_id", "=", server.id)], limit=1
        )

    def make_audit(self, company):
        inbound = self.make_inbound(company)
        self.env["spp.email.audit"]._note("retried", inbound)
        return self.env["spp.email.audit"].search([("inbound_id", "=", inbound.id)])

    def make_oauth(self, company):
        return self.env["spp.email.oauth"].create({"name": "Key", "provider": "google", "company_id": company.id})

    def make_transcript(self, company):
        return self.env["spp.email.transcript"].create(
            {"fetchmail_server_id": self.make_server(company).id, "protocol": "imap", "date": "2026-01-01"}
        )

    def make_check(self, company):
        return self.env["spp.email.check"].create(
            {"fetchmail_server_id": self.make_server(company).id, "state": "well", "date": "2026-01-01", "steps": []}
        )

    def make_data_request(self, company):
        return self.env["spp.email.data.request"].create(
            {"request_type": "export", "address_digest": "0" * 64, "company_id": company.id, "user_id": self.manager.id}
        )

    def make_reconciliation(self, company):
        return self.env["spp.email.reconciliation"].create({"server_id": self.make_server(company).id})

    def make_reconciliation_line(self, company):
        return self.env["spp.email.reconciliation.line"].create(
            {"reconciliation_id": self.make_reconciliation(company).id, "uid": "1"}
        )

    def make_folder(self, company):
        return self.env["spp.email.folder"].create({"server_id": self.make_server(company).id, "name": "Archive"})

    def make_watch(self, company):
        return self.env["spp.email.watch"].create({"server_id": self.make_server(company).id})

    def make_rule(self, company):
        return self.env["spp.email.rule"].create(
            {
                "name": "Urgent",
                "company_id": company.id,
                "condition_ids": [Command.create({"place": "subject", "operator": "contains", "value": "urgent"})],
            }
        )

    def make_rule_condition(self, company):
        return self.make_rule(company).condition_ids

    def make_rule_value(self, company):
        rule = self.make_rule(company)
        rule.model_id = self.partner_model
        return self.env["spp.email.rule.value"].create(
            {
                "rule_id": rule.id,
                "field_id": self.env["ir.model.fields"]._get("res.partner", "function").id,
                "value": "Clerk",
            }
        )

    def make_intake(self, company):
        return self.env["spp.email.intake"].create({"name": f"Door {next(_numbers)}", "company_id": company.id})

    def make_intake_use(self, company):
        return self.env["spp.email.intake.use"].create({"intake_id": self.make_intake(company).id})

    def make_retention(self, company):
        rules = self.env["spp.email.retention"]
        rules.search([("state", "=", "done"), ("company_id", "=", company.id)]).unlink()
        return rules.create({"state": "done", "company_id": company.id})

    def make_delivery_retention(self, company):
        rules = self.env["spp.email.delivery.retention"]
        state = rules._fields["state"].get_values(self.env)[0]
        rules.search([("state", "=", state), ("company_id", "=", company.id)]).unlink()
        return rules.create({"state": state, "company_id": company.id})

    def make_recipient_entry(self, company):
        return self.env["spp.email.recipient.entry"].create(
            {"kind": "deny", "entry": f"a{next(_numbers)}@example.com", "company_id": company.id}
        )

    def make_suppression(self, company):
        return self.env["spp.email.suppression"].create(
            {"address": f"a{next(_numbers)}@example.com", "company_id": company.id}
        )

    def make_suppression_event(self, company):
        entry = self.make_suppression(company)
        events = self.env["spp.email.suppression.event"]
        kind = events._fields["event_type"].get_values(self.env)[0]
        return events.create({"suppression_id": entry.id, "event_type": kind})

    def make_suppression_count(self, company):
        return self.env["spp.email.suppression.count"].create(
            {"address": f"a{next(_numbers)}@example.com", "company_id": company.id, "day": "2026-01-01"}
        )

    def make_suppression_policy(self, company):
        policies = self.env["spp.email.suppression.policy"]
        policies.search([("company_id", "=", company.id)]).unlink()
        return policies.create({"company_id": company.id})

    def make_ir_mail_server(self, company):
        return self.env["ir.mail_server"].create(
            {"name": "Out", "smtp_host": "smtp.gateway.test", "company_id": company.id}
        )

    def make_breaker(self, company):
        return self.env["spp.email.breaker"].create({"server_id": self.make_ir_mail_server(company).id})

    def make_return_path(self, company):
        return self.env["spp.email.return.path"].create(
            {"server_id": self.make_ir_mail_server(company).id, "address": "bounce@gateway.test"}
        )

    def make_round_trip(self, company):
        return self.env["spp.email.round.trip"].create(
            {
                "server_id": self.make_ir_mail_server(company).id,
                "mailbox_id": self.make_server(company).id,
                "address": "box@gateway.test",
            }
        )

    def make_domain(self, company):
        return self.env["spp.email.domain"].create(
            {"name": f"domain{next(_numbers)}.gateway.test", "company_id": company.id}
        )

    def make_dkim_key(self, company):
        return self.env["spp.email.dkim.key"]._prepare(self.make_domain(company), "ed25519")

    def make_dmarc_report(self, company):
        values = {"organization": "Receiver", "report_name": "1", "begin_date": "2026-01-01", "end_date": "2026-01-02"}
        return self.env["spp.email.dmarc.report"].create({"domain_id": self.make_domain(company).id, **values})

    def make_dmarc_line(self, company):
        report = self.make_dmarc_report(company)
        return self.env["spp.email.dmarc.line"].create({"report_id": report.id, "source_ip": "192.0.2.1"})

    def make_domain_record(self, company):
        return self.env["spp.email.domain.record"].create(
            {"domain_id": self.make_domain(company).id, "kind": "spf", "name": "gateway.test"}
        )

    def make_setup(self, company):
        return self.env["spp.email.setup"].create({"address": "box@gateway.test"})

    def make_setup_address(self, company):
        return self.env["spp.email.setup.address"].create(
            {"setup_id": self.make_setup(company).id, "kind": "mailbox", "trip_id": self.make_round_trip(company).id}
        )

    def make_alias_move(self, company):
        return self.env["spp.email.alias.move"].create({"alias_domain_id": self.alias_domain.id})

    def make_alias_move_line(self, company):
        return self.env["spp.email.alias.move.line"].create({"move_id": self.make_alias_move(company).id})

    # ------------------------------------------------------------------
    # Every model is decided about
    # ------------------------------------------------------------------

    def own_models(self):
        """The names of this addon's models that have a table, and of the two of Odoo's that it gives to managers."""
        return {
            name
            for name, model in self.env.registry.items()
            if not model._abstract and model._original_module == "spp_email_gateway"
        } | {"fetchmail.server", "ir.mail_server"}

    def test_every_model_has_rights_and_a_scope(self):
        scoped = [name for names in SCOPES.values() for name in names]
        self.assertEqual(len(scoped), len(set(scoped)), "a model has two scopes")
        self.assertEqual(self.own_models(), set(scoped))
        self.assertEqual(self.own_models(), set(RIGHTS))

    def test_every_model_with_a_company_or_a_message_has_a_rule(self):
        ruled = set(self.env["ir.rule"].sudo().search([]).mapped("model_id.model"))
        for name in sorted(self.own_models()):
            fields = self.env[name]._fields
            holds = {"company_id", "inbound_id"} & {key for key, field in fields.items() if field.store}
            with self.subTest(model=name):
                self.assertTrue(not holds or name in ruled, f"{name} holds {holds} and has no record rule")
                self.assertEqual(name in ruled, name not in SCOPES["all"])

    def test_each_role_on_a_record_of_each_model(self):
        """What the rows of ir.model.access and the record rules say together, for a record of the own company."""
        for scope in ("known", "company", "one"):
            for model in SCOPES[scope]:
                record = self.make(model, self.company)
                for role in ROLES:
                    mine = record.with_user(getattr(self, role))
                    allowed = "".join(operation[0] for operation in OPERATIONS if mine.has_access(operation))
                    with self.subTest(model=model, role=role):
                        self.assertEqual(allowed, RIGHTS[model].get(role, ""))

    def test_each_role_on_each_model_really(self):
        """Not what the rights say, but what happens: reading by RPC's own methods, or the error."""
        for model in sorted(self.own_models()):
            for role in ROLES:
                records = self.env[model].with_user(getattr(self, role))
                with self.subTest(model=model, role=role):
                    if "r" in RIGHTS[model].get(role, ""):
                        records.search_read([], ["id"], limit=1)
                        continue
                    with self.assertRaises(AccessError):
                        records.search_read([], ["id"], limit=1)
                    with self.assertRaises(AccessError):
                        records.web_search_read([], {"id": {}})
                    with self.assertRaises(AccessError):
                        records.formatted_read_group([], [], ["__count"])
                    with self.assertRaises(AccessError):
                        records.export_data(["id"]) if records else records.check_access("read")

    def test_nobody_makes_or_removes_without_the_right(self):
        for model in sorted(self.own_models()):
            for role in ROLES:
                rights = RIGHTS[model].get(role, "")
                records = self.env[model].with_user(getattr(self, role))
                with self.subTest(model=model, role=role):
                    if "c" not in rights:
                        with self.assertRaises(AccessError):
                            records.create(LEAST.get(model, {}))
                    if not self.env[model].search([], limit=1):
                        continue
                    record = self.env[model].search([], limit=1).with_user(records.env.user)
                    if "w" not in rights:
                        with self.assertRaises(AccessError):
                            record.write({"display_name": "x"})
                    if "u" not in rights:
                        with self.assertRaises(AccessError):
                            record.unlink()

    # ------------------------------------------------------------------
    # Companies
    # ------------------------------------------------------------------

    def seen(self, record, user):
        """Return whether ``user`` finds a record; opening it by its number must say the same."""
        mine = record.with_user(user).with_context(allowed_company_ids=user.company_ids.ids)
        found = bool(mine.search([("id", "=", record.id)]))
        self.assertEqual(found, mine.has_access("read"))
        if not found:
            with self.assertRaises(AccessError):
                mine.read(["id"])
            self.assertEqual(mine._read_group([("id", "=", record.id)], aggregates=["__count"]), [(0,)])
        return found

    def test_a_manager_of_one_company_sees_that_company(self):
        nobody = self.env["res.company"]
        for scope, sees_unknown in (("known", False), ("company", True), ("one", None)):
            for model in SCOPES[scope]:
                for company, expected in ((self.company, True), (self.other_company, False), (nobody, sees_unknown)):
                    if expected is None:
                        continue
                    with self.subTest(model=model, company=company.name or "none"):
                        self.assertEqual(self.seen(self.make(model, company), self.manager), expected)

    def test_a_manager_of_all_companies_and_an_administrator_see_what_is_of_no_known_company(self):
        for model in SCOPES["known"]:
            record = self.make(model, self.env["res.company"])
            with self.subTest(model=model):
                self.assertTrue(self.seen(record, self.global_manager))
                self.assertTrue(self.seen(record, self.system))

    def test_an_officer_of_all_companies_is_no_manager(self):
        self.officer.company_ids = self.env["res.company"].search([])
        for model in ("spp.email.inbound", "spp.email.delivery"):
            with self.subTest(model=model):
                self.assertFalse(self.seen(self.make(model, self.env["res.company"]), self.officer))

    def test_a_manager_is_of_all_companies_no_more_when_there_is_another(self):
        record = self.make_inbound(self.env["res.company"])
        self.assertTrue(self.seen(record, self.global_manager))
        self.env["res.company"].create({"name": "Third"})
        self.assertFalse(self.seen(record, self.global_manager))

    def test_where_there_is_one_company_its_people_see_everything(self):
        record = self.make_inbound(self.env["res.company"])
        self.assertFalse(self.seen(record, self.viewer))
        others = self.env["res.company"].search([("id", "!=", self.company.id)])
        self.env["res.users"].search([("company_id", "in", others.ids)]).write(
            {"company_id": self.company.id, "company_ids": [Command.set(self.company.ids)]}
        )
        others.action_archive() if hasattr(others, "action_archive") else others.write({"active": False})
        self.assertTrue(self.seen(record, self.viewer))

    def test_the_rule_asks_the_database_nothing_for_each_row(self):
        journal = self.env["spp.email.inbound"].with_user(self.viewer)
        box = self.mailbox(
            company_id=self.company.id, gateway_team_id=self.env["spp.email.team"].create({"name": "T"}).id
        )

        def queries():
            """Return how many queries it takes to search, and to ask for the right to each row."""
            numbers = []
            for ask in (
                lambda: journal.search([]).ids,
                lambda: journal.sudo().search([]).sudo(False).has_access("read"),
            ):
                self.env.flush_all()
                self.env.invalidate_all()
                before = self.env.cr.sql_log_count
                ask()
                numbers.append(self.env.cr.sql_log_count - before)
            return numbers

        self.journal(eml(), box, company=self.company)
        self.make_inbound(self.company)
        queries()
        few = queries()
        for _ in range(30):
            self.journal(eml(), box, company=self.company)
            self.make_inbound(self.company)
        self.assertEqual(queries(), few)

    # ------------------------------------------------------------------
    # Dialogs
    # ------------------------------------------------------------------

    def test_what_one_types_is_for_nobody_else(self):
        """The rule names whoever made it, for every dialog."""
        for model in SCOPES["own"]:
            with self.subTest(model=model):
                user = next(getattr(self, role) for role in ROLES if "r" in RIGHTS[model].get(role, ""))
                domain = self.env["ir.rule"].with_user(user)._compute_domain(model, "read")
                self.assertIn(
                    ("create_uid", "in", [user.id]),
                    [(leaf.field_expr, leaf.operator, list(leaf.value)) for leaf in domain.iter_conditions()],
                )

    def test_a_dialog_of_another_manager_is_closed(self):
        run = self.env["spp.email.dry.run"].with_user(self.manager).create({"message_text": "From: a@b.example"})
        test = (
            self.env["spp.email.test.mail"]
            .with_user(self.manager)
            .create({"server_id": self.make_ir_mail_server(self.company).id, "recipients": "ann@example.com"})
        )
        for record in (run, test):
            with self.subTest(model=record._name), self.assertRaises(AccessError):
                record.with_user(self.global_manager).read(["display_name"])
