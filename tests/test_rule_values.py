# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from unittest.mock import patch

from odoo.tests import tagged

from odoo.addons.base.models.res_partner import ResPartner
from odoo.addons.mail.models.mail_thread import MailThread

from .common import eml
from .test_rules import RuleCase

FORM = b"""Name: Amina Diallo
Phone: +1 234
Country: Kenya
Color: 7
Employee: yes
Kind: invoice
Note: <b>bold</b> & more
"""


def line(field, origin="label", value="", **options):
    return {"field_id": field, "origin": origin, "value": value, **options}


@tagged("post_install", "-at_install")
class TestRuleValues(RuleCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.box.gateway_takes_values = True

    def partner(self, **values):
        return self.env["res.partner"].create({"name": "Known", **values})

    # ------------------------------------------------------------------
    # New records
    # ------------------------------------------------------------------

    def test_a_form_becomes_the_fields_of_a_new_record(self):
        self.rule(
            values=[
                line("name", value="Name\nNom"),
                line("phone", value="Phone"),
                line("country_id", value="Country"),
                line("color", value="Color"),
                line("employee", value="Employee"),
                line("type", value="Kind"),
                line("comment", value="Note"),
                line("ref", "sender"),
                line("city", "subject"),
                line("street", value="Street"),
            ]
        )
        inbound = self.receive(eml(Subject="A form", body=FORM), self.box)
        self.assertOutcome(inbound, "done", "record_created")
        partner = self.env["res.partner"].browse(inbound.res_id)
        self.assertEqual(
            (partner.name, partner.phone, partner.country_id, partner.color, partner.employee, partner.type),
            ("Amina Diallo", "+1 234", self.env.ref("base.ke"), 7, True, "invoice"),
        )
        self.assertEqual((partner.ref, partner.city, partner.street), ("ann@example.com", "A form", False))
        self.assertEqual(partner.comment, "<p>&lt;b&gt;bold&lt;/b&gt; &amp; more</p>")

    def test_nothing_is_taken_unless_the_mailbox_says_so(self):
        rule = self.rule(values=[line("phone", value="Phone"), ("city", "Fixed")])
        quiet = self.mailbox(user="quiet@gateway.test")
        self.assertFalse(quiet.gateway_takes_values)
        for server in (quiet, None):
            with self.subTest(server=server):
                inbound = self.receive(eml(Subject="Quiet", body=FORM), server)
                self.assertIn(
                    (f"rule {rule.id}", "this way in takes no values out of messages", "left out: phone"),
                    self.found(inbound),
                )
        partner = self.partners("Quiet")
        self.assertEqual((partner.phone, partner.city), (False, "Fixed"))

    def test_nothing_is_taken_from_senders_whose_check_failed(self):
        known = self.partner(ref="GRM-1")
        rule = self.rule(
            target="find",
            values=[
                line("ref", "expression", r"\[(\S+)\]", use="key"),
                line("phone", value="Phone"),
                ("city", "Fixed"),
            ],
        )
        self.box.gateway_trusted_servers = "mx.gateway.test"
        noted = "mx.gateway.test; dmarc=fail header.from=example.com"
        inbound = self.receive(
            eml(Authentication_Results=noted, Subject="[GRM-1] forged", body=FORM), self.box
        )
        self.assertOutcome(inbound, "done", "record_created")
        self.assertIn(
            (f"rule {rule.id}", "the check of the sender failed", "left out: ref, phone"), self.found(inbound)
        )
        self.assertEqual((known.phone, known.city), (False, False))
        self.assertEqual(self.partners("[GRM-1] forged").city, "Fixed")

    def test_a_value_that_does_not_fit_quarantines_and_names_the_field(self):
        self.partner(name="Twin")
        self.partner(name="Twin")
        there = self.partner(name="Elsewhere", company_id=self.other_company.id)
        for value, body, detail in (
            (line("color", value="Color"), b"Color: red", "Field “Color Index”: it is not a number such as 1234.50."),
            (line("type", value="Kind"), b"Kind: odd", "Field “Address Type”: it is none of the choices."),
            (line("employee", value="E"), b"E: perhaps", "Field “Employee”: it is neither yes nor no."),
            (line("country_id", value="C"), b"C: Atlantis", "Field “Country”: there is no “Country” of that name."),
            (line("country_id", value="C"), b"C: %", "Field “Country”: there is no “Country” of that name."),
            (
                line("country_id", value="C"),
                b"C: base.main_company",
                "Field “Country”: there is no “Country” of that name.",
            ),
            (
                line("parent_id", value="P"),
                b"P: Twin",
                "Field “Related Company”: there are several “Contact” of that name.",
            ),
            (
                line("parent_id", value="P"),
                f"P: {there.name}".encode(),
                "Field “Related Company”: there is no “Contact” of that name.",
            ),
            (line("phone", value="Phone", required=True), b"none", "Field “Phone”: the message has no value for it."),
            (
                line("phone", "expression", "((a+)+)$", place="text"),
                b"a" * 5000 + b"b",
                "Field “Phone”: its regular expression took too long.",
            ),
        ):
            rule = self.rule(values=[value])
            with self.subTest(value=value, body=body[:20]):
                inbound = self.receive(eml(Subject="Misfit", body=body), self.box)
                self.assertOutcome(inbound, "quarantined", "value_misfit")
                self.assertEqual(inbound.detail, detail)
                self.assertEqual(inbound.rule_ids, rule)
                self.assertFalse(self.partners("Misfit"))
            rule.unlink()

    def test_an_external_id_names_a_record(self):
        self.rule(values=[line("country_id", value="Country")])
        inbound = self.receive(eml(body=b"Country: base.fr"), self.box)
        self.assertEqual(self.env["res.partner"].browse(inbound.res_id).country_id, self.env.ref("base.fr"))

    def test_a_field_that_became_forbidden_is_a_misfit(self):
        rule = self.rule(values=[line("phone", value="Phone")])
        with patch.object(self.env["res.partner"]._fields["phone"], "groups", "base.group_system"):
            inbound = self.receive(eml(body=FORM), self.box)
        self.assertOutcome(inbound, "quarantined", "value_misfit")
        self.assertEqual(inbound.detail, "Field “Phone”: only some groups may see it.")
        self.assertIn(
            (f"rule {rule.id}", "field phone: only some groups may see it", "quarantine"), self.found(inbound)
        )

    # ------------------------------------------------------------------
    # Existing records
    # ------------------------------------------------------------------

    def test_the_record_is_found_and_updated(self):
        partner = self.partner(ref="GRM-00012", email="amina@remote.test", phone="old")
        other = self.partner(ref="GRM-00013")
        for key, fields, reached in (
            (line("ref", "expression", r"\[(GRM-\d+)\]", use="key"), {"Subject": "About [grm-00012]"}, partner),
            (line("ref", "group", "ref", use="key"), {"Subject": "GRM-00013 again"}, other),
            (line("id", "expression", r"#(\d+)", use="key"), {"Subject": f"About #{partner.id}"}, partner),
            (line("email", "sender", use="key"), {"From": "Amina <AMINA@remote.test>"}, partner),
        ):
            rule = self.rule(
                ("subject", "matches", r"(?P<ref>GRM-\d+)|."),
                target="find",
                values=[
                    key,
                    line("phone", value="Phone"),
                    line("city", "fixed", "New", use="new"),
                    line("street", "fixed", "Old", use="existing"),
                ],
            )
            (partner | other).write({"phone": "old", "street": False})
            with self.subTest(key=key):
                inbound = self.receive(eml(body=FORM, **fields), self.box)
                self.assertOutcome(inbound, "done", "record_updated")
                self.assertEqual((inbound.res_id, reached.phone), (reached.id, "+1 234"))
                self.assertEqual((reached.city, reached.street), (False, "Old"))
                self.assertIn(
                    ("values for an existing record", "fields phone, street", f"res.partner, {reached.id}"),
                    self.found(inbound),
                )
                self.assertIn(inbound.mail_message_id, reached.message_ids)
            rule.unlink()

    def test_when_there_is_no_such_record(self):
        key = line("ref", "expression", r"\[(\S+)\]", use="key")
        for not_found, subject, outcome in (
            ("create", "[GRM-404]", ("done", "record_created")),
            ("create", "no reference", ("done", "record_created")),
            ("route", "[GRM-404]", ("quarantined", "no_route")),
            ("quarantine", "[GRM-404]", ("quarantined", "rule")),
            ("quarantine", "[%]", ("quarantined", "rule")),
        ):
            rule = self.rule(target="find", not_found=not_found, values=[key])
            box = self.mailbox(user=f"{rule.id}@gateway.test", object_id=False)
            with self.subTest(not_found=not_found, subject=subject):
                self.assertOutcome(self.receive(eml(Subject=subject), box), *outcome)
            rule.unlink()

    def test_several_records_are_no_answer(self):
        self.partner(ref="SAME")
        self.partner(ref="SAME")
        self.rule(target="find", values=[line("ref", "subject", use="key")])
        inbound = self.receive(eml(Subject="SAME"), self.box)
        self.assertOutcome(inbound, "quarantined", "value_misfit")
        self.assertEqual(inbound.detail, "Field “Reference”: several records have this value.")

    def test_records_of_other_companies_are_not_found(self):
        self.partner(ref="FAR", company_id=self.other_company.id)
        self.rule(target="find", not_found="quarantine", values=[line("ref", "subject", use="key")])
        self.assertOutcome(self.receive(eml(Subject="FAR"), self.box), "quarantined", "rule")

    def test_a_rule_that_lost_its_key_finds_nothing(self):
        self.partner(ref="X")
        rule = self.rule(target="find", not_found="quarantine", values=[line("ref", "subject", use="key")])
        rule.value_ids.unlink()
        self.assertOutcome(self.receive(eml(Subject="X"), self.box), "quarantined", "rule")

    def test_a_reply_updates_the_record_it_answers(self):
        first = self.receive(eml(Subject="Talk", Message_ID="<talk2@example.com>"), self.box)
        self.rule(values=[line("phone", value="Phone")])
        reply = self.receive(eml(Subject="Re: Talk", References="<talk2@example.com>", body=FORM), self.box)
        self.assertOutcome(reply, "done", "record_updated")
        self.assertEqual(self.env["res.partner"].browse(first.res_id).phone, "+1 234")

    def test_values_join_those_that_the_model_makes_of_a_message(self):
        partner = self.partner(ref="GRM-7")
        self.rule(target="find", values=[line("ref", "subject", use="key"), ("city", "Ruled")])

        def own(records, msg_dict, update_vals=None):
            return super(ResPartner, records).message_update(msg_dict, {"function": "Own", **(update_vals or {})})

        with patch.object(ResPartner, "message_update", own, create=True):
            self.receive(eml(Subject="GRM-7"), self.box)
        self.assertEqual((partner.function, partner.city), ("Own", "Ruled"))

    def test_a_model_that_would_lose_the_values_quarantines(self):
        partner = self.partner(ref="GRM-7")
        self.rule(target="find", values=[line("ref", "subject", use="key"), ("city", "Ruled")])
        with patch.object(MailThread, "message_update", lambda records, msg_dict, update_vals=None: True):
            with patch.object(type(partner), "message_update", lambda records, msg_dict, update_vals=None: True):
                inbound = self.receive(eml(Subject="GRM-7"), self.box)
        self.assertOutcome(inbound, "quarantined", "value_misfit")
        self.assertEqual(inbound.detail, "ValueError: Records of this kind take no values from messages.")
