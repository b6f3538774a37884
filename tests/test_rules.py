# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from unittest.mock import patch

from odoo import Command
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import Form, tagged

from odoo.addons.mail.models.mail_thread import MailThread

from ..engine.pipeline import walk
from ..engine.summary import summarize
from ..engine.target import Target
from .common import GatewayCase, eml

message_new = MailThread.message_new


class RuleCase(GatewayCase):
    """What the tests of rules share: a mailbox that makes contacts, and short ways to write rules."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.box = cls.mailbox()

    @classmethod
    def field(cls, name, model="res.partner"):
        return cls.env["ir.model.fields"]._get(model, name).id

    @classmethod
    def rule(cls, *conditions, values=(), user=None, **options):
        """Return a rule. Conditions are (place, operator, value); values are dicts, or (field, fixed value)."""
        lines = []
        for value in values:
            if isinstance(value, tuple):
                value = {"field_id": value[0], "value": value[1]}
            lines.append(Command.create({**value, "field_id": cls.field(value["field_id"])}))
        if lines or options.get("target"):
            options.setdefault("model_id", cls.partner_model.id)
        rules = cls.env["spp.email.rule"]
        return (rules.with_user(user) if user else rules).create(
            {
                "name": "Rule",
                "condition_ids": [
                    Command.create(dict(zip(("place", "operator", "value"), condition, strict=False)))
                    for condition in conditions
                ],
                "value_ids": lines,
                **options,
            }
        )

    def found(self, inbound):
        return [(step["looked_at"], step["found"], step["followed"]) for step in inbound.trace]


@tagged("post_install", "-at_install")
class TestRules(RuleCase):
    def test_it_fills_fields_of_the_mailboxs_record(self):
        rule = self.rule(("subject", "contains", "vendor"), values=[("function", "Vendor")])
        inbound = self.receive(eml(Subject="A Vendor writes"), self.box)
        other = self.receive(eml(Subject="A friend writes"), self.box)
        self.assertOutcome(inbound, "done", "record_created")
        self.assertEqual(self.partners("A Vendor writes").function, "Vendor")
        self.assertFalse(self.partners("A friend writes").function)
        self.assertEqual((inbound.rule_ids, other.rule_ids), (rule, rule.browse()))
        self.assertIn((f"rule {rule.id}", "values for res.partner", "fields function"), self.found(inbound))

    def test_order_and_stop(self):
        first = self.rule(values=[("function", "First")], sequence=20)
        second = self.rule(values=[("function", "Second"), ("ref", "R2")], sequence=30, stops=True)
        third = self.rule(values=[("city", "Third")], sequence=40)
        inbound = self.receive(eml(Subject="Ordered"), self.box)
        partner = self.partners("Ordered")
        self.assertEqual((partner.function, partner.ref, partner.city), ("First", "R2", False))
        self.assertEqual(inbound.rule_ids, first | second)
        third.sequence = 10
        inbound = self.receive(eml(Subject="Ordered anew"), self.box)
        self.assertEqual(inbound.rule_ids, first | second | third)
        self.assertEqual(self.partners("Ordered anew").city, "Third")
        self.assertEqual(
            [found[0] for found in self.found(inbound) if found[1] == "matches"],
            [f"rule {rule.id}" for rule in (third, first, second)],
        )

    def test_scope(self):
        other = self.mailbox(user="other@gateway.test")
        gone = self.mailbox(user="gone@gateway.test")
        rules = {
            "all": self.rule(),
            "box": self.rule(scope="mailboxes", server_ids=self.box.ids),
            "other": self.rule(scope="mailboxes", server_ids=other.ids),
            "gone": self.rule(scope="mailboxes", server_ids=gone.ids),
            "here": self.rule(company_id=self.company.id),
            "there": self.rule(company_id=self.other_company.id),
            "everywhere": self.rule(company_id=False),
            "archived": self.rule(active=False),
        }
        gone.unlink()
        for server, company, expected in (
            (self.box, None, ["all", "box", "here", "everywhere"]),
            (other, self.company, ["all", "other", "here", "everywhere"]),
            (None, None, ["all", "here", "everywhere"]),
            (self.box, self.other_company, ["box", "there", "everywhere"]),
        ):
            if company == self.other_company:
                # Rules belong to the company of whoever makes them, unless they are for all.
                rules["box"].company_id = False
            with self.subTest(server=server and server.user, company=company and company.name):
                inbound = self.receive(eml(), server, company=company)
                self.assertEqual({name for name, rule in rules.items() if rule in inbound.rule_ids}, set(expected))

    def test_a_changed_rule_is_in_force_at_once(self):
        rule = self.rule(("subject", "equals", "one"))
        self.assertFalse(self.receive(eml(Subject="two"), self.box).rule_ids)
        rule.condition_ids.value = "two"
        self.assertTrue(self.receive(eml(Subject="two"), self.box).rule_ids)
        rule.condition_ids.unlink()
        self.assertTrue(self.receive(eml(Subject="three"), self.box).rule_ids)
        rule.active = False
        self.assertFalse(self.receive(eml(Subject="four"), self.box).rule_ids)
        rule.unlink()
        self.assertFalse(self.receive(eml(Subject="five"), self.box).rule_ids)

    def test_target_of_a_new_record(self):
        rule = self.rule(("subject", "contains", "to us"), target="create", values=[("function", "Ruled")])
        nowhere = self.mailbox(user="nowhere@gateway.test", object_id=False)
        alias = self.alias("refusing", alias_contact="partners")
        for server, fields, why in (
            (nowhere, {}, "no setting"),
            (self.box, {}, "the mailbox"),
            (nowhere, {"To": "refusing@gateway.test"}, "an alias"),
        ):
            with self.subTest(why=why):
                inbound = self.receive(eml(Subject=f"to us by {why}", **fields), server)
                self.assertOutcome(inbound, "done", "record_created")
                self.assertEqual(self.partners(f"to us by {why}").function, "Ruled")
                self.assertIn(("routes", f"rule {rule.id}", "a new res.partner"), self.found(inbound))
                self.assertFalse(self.env["spp.email.notice"].search([("inbound_id", "=", inbound.id)]))
        self.assertEqual(alias.alias_status, "not_tested")

    def test_target_of_an_existing_record(self):
        partner = self.env["res.partner"].create({"name": "The one"})
        rule = self.rule(("subject", "contains", "attach"), target="attach", record=f"res.partner,{partner.id}")
        inbound = self.receive(eml(Subject="attach this"), self.box)
        self.assertOutcome(inbound, "done", "record_updated")
        self.assertEqual(inbound.res_id, partner.id)
        partner.unlink()
        inbound = self.receive(eml(Subject="attach that"), self.box)
        self.assertOutcome(inbound, "done", "record_created")
        self.assertIn(
            (f"rule {rule.id}", "the record to attach to is deleted", "the target is left out"), self.found(inbound)
        )

    def test_a_reply_stays_with_its_record(self):
        first = self.receive(eml(Subject="Talk", Message_ID="<talk@example.com>"), self.box)
        other = self.env["res.partner"].create({"name": "Other"})
        self.rule(target="attach", record=f"res.partner,{other.id}")
        reply = self.receive(eml(Subject="Re: Talk", References="<talk@example.com>"), self.box)
        self.assertOutcome(reply, "done", "record_updated")
        self.assertEqual(reply.res_id, first.res_id)

    def test_the_first_rule_with_a_target_decides(self):
        one, two = (self.env["res.partner"].create({"name": name}) for name in ("One", "Two"))
        self.rule(target="attach", record=f"res.partner,{two.id}", sequence=2)
        self.rule(target="attach", record=f"res.partner,{one.id}", sequence=1)
        self.assertEqual(self.receive(eml(), self.box).res_id, one.id)

    def test_defaults_join_those_of_an_alias(self):
        self.alias("vendors", alias_defaults="{'function': 'Vendor', 'ref': 'A'}")
        self.rule(values=[("ref", "R"), ("city", "Bo")])
        self.receive(eml(To="vendors@gateway.test", Subject="By alias"), self.box)
        partner = self.partners("By alias")
        self.assertEqual((partner.function, partner.ref, partner.city), ("Vendor", "R", "Bo"))

    def test_values_of_another_kind_of_record_are_left_alone(self):
        # A field of that name is there in the mailbox's model too.
        leads_model = self.env["ir.model"]._get("crm.lead")
        if not leads_model:
            self.skipTest("crm is not installed")
        rule = self.rule(model_id=leads_model.id)
        self.env["spp.email.rule.value"].create(
            {"rule_id": rule.id, "field_id": self.field("function", "crm.lead"), "value": "Lead's"}
        )
        self.receive(eml(Subject="A contact"), self.box)
        self.assertFalse(self.partners("A contact").function)
        leads = self.mailbox(user="leads@gateway.test", object_id=leads_model.id)
        inbound = self.receive(eml(Subject="A lead"), leads)
        self.assertEqual(self.env["crm.lead"].browse(inbound.res_id).function, "Lead's")

    def test_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        seen = []

        def note(model, *arguments, **options):
            seen.append(model.env.lang)
            return message_new(model, *arguments, **options)

        self.rule(("subject", "starts", "bonjour"), lang="fr_FR")
        with patch.object(MailThread, "message_new", note):
            self.receive(eml(Subject="Bonjour"), self.box)
            self.receive(eml(Subject="Hello"), self.box)
        self.assertEqual(seen[0], "fr_FR")
        self.assertNotEqual(seen[1], "fr_FR")

    def test_tags_stay_also_when_the_record_cannot_be_made(self):
        tags = self.env["spp.email.tag"].create([{"name": "Payment"}, {"name": "Urgent"}])
        rule = self.rule(tag_ids=tags[0].ids)
        self.rule(("subject", "contains", "urgent"), tag_ids=tags.ids)
        self.assertEqual(self.receive(eml(), self.box).tag_ids, tags[0])
        with patch.object(MailThread, "message_new", side_effect=ValueError("no")), self.assertLogs(level="WARNING"):
            inbound = self.receive(eml(Subject="urgent"), self.box)
        self.assertOutcome(inbound, "quarantined", "creation_failed")
        self.assertEqual(inbound.tag_ids, tags)
        self.assertIn(rule, inbound.rule_ids)
        # Again, with the links there already.
        inbound.action_retry()
        self.process()
        self.assertOutcome(inbound, "done", "record_created")
        self.assertEqual(inbound.tag_ids, tags)

    def test_quarantine(self):
        tag = self.env["spp.email.tag"].create({"name": "Newsletter"})
        rule = self.rule(name="Newsletters", quarantine=True, tag_ids=tag.ids)
        later = self.rule(sequence=99)
        inbound = self.receive(eml(Subject="Held back"), self.box)
        self.assertOutcome(inbound, "quarantined", "rule")
        self.assertEqual(inbound.detail, "Rule “Newsletters”")
        self.assertEqual((inbound.rule_ids, inbound.tag_ids), (rule, tag))
        self.assertNotIn(later, inbound.rule_ids)
        self.assertFalse(self.partners("Held back"))

    def test_a_persons_decision_is_above_the_rules(self):
        self.rule(quarantine=True)
        partner = self.env["res.partner"].create({"name": "Decided"})
        inbound = self.journal(eml(), self.box)
        inbound.write({"route": Target("res.partner", partner.id, forced=True, why="decided by a person").as_json()})
        self.process()
        self.assertOutcome(inbound, "done", "record_updated")
        self.assertEqual(inbound.res_id, partner.id)

    def test_the_trace_holds_nothing_of_the_message(self):
        self.box.gateway_takes_values = True
        self.rule(
            ("subject", "matches", r"(?P<ref>GRM-\d+)"),
            values=[
                {"field_id": "ref", "origin": "group", "value": "ref"},
                {"field_id": "city", "origin": "label", "value": "City"},
            ],
        )
        inbound = self.receive(eml(Subject="My GRM-77", body=b"City: Timbuktu"), self.box)
        self.assertEqual(self.partners("My GRM-77").city, "Timbuktu")
        for word in ("GRM", "77", "Timbuktu", "ann@"):
            self.assertNotIn(word, str(inbound.trace))

    def test_a_slow_expression_is_passed_over_and_told(self):
        rule = self.rule(("text", "matches", "(a+)+$"), name="Slow one", quarantine=True)
        # Without the limit it would take years.
        inbound = self.receive(eml(body=b"a" * 5000 + b"b"), self.box)
        self.assertOutcome(inbound, "done", "record_created")
        self.assertIn(
            (f"rule {rule.id}", "its regular expression took too long", "passed over; managers are told"),
            self.found(inbound),
        )
        self.assertTrue(rule.is_slow)
        (finding,) = self.env["spp.email.rule"]._gateway_health()
        self.assertEqual(finding.code, "rules_too_slow")
        self.assertIn("Slow one", finding.text)
        self.assertIn("spp.email.rule", self.env["spp.email.health"]._health_models())
        rule.condition_ids.value = "a+$"
        self.assertFalse(rule.is_slow)
        self.assertEqual(self.env["spp.email.rule"]._gateway_health(), [])

    def test_messages_are_counted(self):
        rule = self.rule(("subject", "contains", "count"))
        self.assertEqual((rule.hit_count, rule.last_hit_date), (0, False))
        inbounds = [self.receive(eml(Subject=name), self.box) for name in ("count 1", "count 2", "other")]
        rule.invalidate_recordset()
        self.assertEqual((rule.hit_count, rule.last_hit_date), (2, inbounds[1].received_date))
        action = rule.with_user(self.manager).action_open_messages()
        self.assertEqual(self.env["spp.email.inbound"].search(action["domain"]), inbounds[1] | inbounds[0])

    def test_no_rule_costs_no_query(self):
        processing = self.env["spp.email.processing"]
        inbound = self.journal(eml(), self.box)
        processing._steps(inbound, b"")
        with self.assertQueryCount(0):
            processing._steps(inbound, b"")
        self.rule(("subject", "contains", "never"))
        steps = processing._steps(inbound, b"")
        # Read for every message, with or without rules.
        inbound.server_id.fetch(["gateway_envelope_headers"])
        with self.assertQueryCount(0):
            walk(steps[-1:], summarize(eml()))

    # ------------------------------------------------------------------
    # What is refused when a rule is saved
    # ------------------------------------------------------------------

    def test_senseless_rules_are_refused(self):
        for make, words in (
            (
                lambda: self.rule(("subject", "matches", "a(b")),
                "Rule “Rule”, condition 1: missing ), at character 4.",
            ),
            (
                lambda: self.rule(("subject", "contains", "x"), ("subject", "matches", "[")),
                "Rule “Rule”, condition 2: unterminated character set, at character 2.",
            ),
            (
                lambda: self.rule(("header", "exists", "")),
                "Rule “Rule”, condition 1: the name of the header field is missing.",
            ),
            (
                lambda: self.rule(("size", "over", "big")),
                "Rule “Rule”, condition 1: the size must be a whole number of bytes.",
            ),
            (
                lambda: self.rule(values=[{"field_id": "ref", "origin": "expression", "value": "(x"}]),
                "Rule “Rule”, Reference: missing ), at character 3.",
            ),
            (
                lambda: self.rule(values=[{"field_id": "ref", "origin": "group", "value": "ref"}]),
                "Rule “Rule”, Reference: no condition has a group (?P<ref>…).",
            ),
            (lambda: self.rule(target="find"), "Say with “Find the record by it” which value finds the record."),
            (lambda: self.rule(target="attach"), "Choose the record to attach to, of the chosen kind."),
            (lambda: self.rule(target="create", model_id=False), "Choose the kind of record that the rule is about."),
            (
                lambda: self.rule(target="create", model_id=self.env["ir.model"]._get("res.country").id),
                "Records of this kind take no mail.",
            ),
            (
                lambda: self.rule(target="create", model_id=self.env["ir.model"]._get("spp.email.health").id),
                "Rules do not make or change records of this kind.",
            ),
            (
                lambda: self.rule(values=[("color", "many")]),
                "Rule “Rule”, field “Color Index”: it is not a number such as 1234.50.",
            ),
            (
                lambda: self.rule(values=[("country_id", "Atlantis")]),
                "Rule “Rule”, field “Country”: there is no “Country” of that name.",
            ),
        ):
            with self.subTest(words=words), self.assertRaises(ValidationError) as caught:
                make()
            self.assertEqual(str(caught.exception), words)

    def test_fields_that_no_rule_fills(self):
        for name, words in (
            ("company_id", "it is not for messages to decide"),
            ("active", "it is not for messages to decide"),
            ("create_uid", "it is not for messages to decide"),
            ("message_bounce", "it is not for messages to decide"),
            ("complete_name", "it is computed or read-only"),
            ("commercial_partner_id", "it is computed or read-only"),
            ("signup_type", "only some groups may see it"),
            ("category_id", "fields of this type cannot be filled from a message"),
            ("image_1920", "fields of this type cannot be filled from a message"),
        ):
            with self.subTest(name=name), self.assertRaises(ValidationError) as caught:
                self.rule(values=[(name, "1")])
            self.assertIn(words, str(caught.exception))

    def test_a_field_of_another_model_is_refused(self):
        rule = self.rule(values=[("ref", "x")])
        with self.assertRaises(ValidationError) as caught:
            rule.value_ids.field_id = self.field("code", "res.country")
        self.assertEqual(str(caught.exception), "“Country Code” is no field of the chosen kind of record.")

    # ------------------------------------------------------------------
    # Who may write rules
    # ------------------------------------------------------------------

    def test_a_rule_does_only_what_its_author_may(self):
        with self.assertRaises(AccessError):
            self.rule(target="create", user=self.manager)
        with self.assertRaises(AccessError):
            self.rule(values=[("ref", "x")], user=self.manager)
        rule = self.rule(("subject", "contains", "x"), quarantine=True, user=self.manager)
        self.assertTrue(rule.quarantine)
        self.manager.group_ids += self.env.ref("base.group_partner_manager")
        self.assertTrue(self.rule(target="create", values=[("ref", "x")], user=self.manager))

    def test_rules_of_other_companies(self):
        self.manager.company_ids = self.company
        for company, seen, written in (
            (self.company, True, True),
            (self.other_company, False, False),
            (self.env["res.company"], True, False),
        ):
            rule = self.rule(("subject", "contains", "x"), values=[("ref", "x")], company_id=company.id)
            for record in (rule, rule.condition_ids, rule.value_ids):
                mine = record.with_user(self.manager)
                with self.subTest(company=company.name, model=record._name):
                    self.assertEqual(bool(mine.search([("id", "=", record.id)])), seen)
                    self.assertEqual(mine.has_access("write"), written)
                    self.assertEqual(mine.has_access("unlink"), written)
        with self.assertRaises(AccessError):
            self.rule(company_id=False, user=self.manager)
        self.assertTrue(self.rule(company_id=False, user=self.system))

    def test_a_manager_fills_in_the_form(self):
        with Form(self.env["spp.email.rule"].with_user(self.manager)) as form:
            form.name = "By hand"
            with form.condition_ids.new() as line:
                line.operator = "matches"
                line.value = "^urgent"
            form.quarantine = True
        rule = form.record
        self.assertEqual((rule.condition_ids.place, rule.company_id), ("subject", self.manager.company_id))
        self.assertEqual(rule.copy().condition_ids.value, "^urgent")

    def test_a_manager_does_not_move_a_rule_to_where_he_may_not_write(self):
        rule = self.rule(("subject", "contains", "x"), user=self.manager, company_id=self.company.id)
        for company in (False, self.other_company.id):
            with self.subTest(company=company), self.assertRaises(AccessError), self.env.cr.savepoint():
                rule.company_id = company

    def test_a_manager_does_not_move_lines_to_a_rule_that_he_may_not_write(self):
        self.manager.group_ids += self.env.ref("base.group_partner_manager")
        foreign = self.rule(("subject", "contains", "x"), company_id=False, model_id=self.partner_model.id)
        mine = self.rule(
            ("subject", "contains", "y"),
            values=[("function", "Mine")],
            user=self.manager,
            company_id=self.company.id,
        )
        for line in (mine.condition_ids, mine.value_ids):
            with self.subTest(line._name), self.assertRaises(AccessError), self.env.cr.savepoint():
                line.rule_id = foreign.id
                self.env.flush_all()

    def test_a_line_that_moves_is_checked_against_its_new_rule(self):
        mine = self.rule(("subject", "contains", "y"), values=[("function", "Mine")])
        other = self.rule(("subject", "contains", "x"))
        with self.assertRaisesRegex(ValidationError, "is no field of the chosen kind of record"):
            mine.value_ids.rule_id = other.id

    def test_who_may_not_make_records_makes_none_by_a_rule_that_finds_none(self):
        # Contacts: employees read them, this one also writes them and makes none.
        group = self.env["res.groups"].create({"name": "Writes contacts"})
        self.env["ir.model.access"].create(
            {
                "name": "Writes contacts",
                "model_id": self.partner_model.id,
                "group_id": group.id,
                "perm_read": True,
                "perm_write": True,
            }
        )
        self.manager.group_ids += group
        key = {"field_id": "ref", "use": "key", "origin": "subject"}
        with self.assertRaises(AccessError):
            self.rule(values=[key], target="find", not_found="create", user=self.manager)
        rule = self.rule(values=[key], target="find", not_found="route", user=self.manager)
        with self.assertRaises(AccessError):
            rule.not_found = "create"
