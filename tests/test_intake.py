# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from ..engine.outcome import InboundSource
from .common import GatewayCase, eml


@tagged("post_install", "-at_install")
class TestIntake(GatewayCase):
    def receive_for(self, intake, recipient, content, sender="ann@example.com", key=""):
        """Journal a message that came through an intake; return its row and whether it was new."""
        with self.own_cursors():
            row, is_new = self.env["spp.email.reception"]._receive(
                intake, content, sender, recipient, InboundSource.HTTP, key
            )
        return self.env["spp.email.inbound"].browse(row), is_new

    # Token

    def test_the_token_is_shown_once_and_only_its_digest_is_kept(self):
        intake, token = self.intake()
        row = self.sql("SELECT * FROM spp_email_intake WHERE id = %s", intake.id)
        self.assertNotIn(token, str(row))
        self.assertNotIn(token.partition(".")[2], str(row))
        self.assertFalse(self.env["spp.email.intake.token"]._auto)

    def test_only_the_token_in_force_opens(self):
        intake, first = self.intake()
        other, foreign = self.intake(name="Other")
        authenticate = self.env["spp.email.intake"]._authenticate
        self.assertEqual(authenticate(first), intake)
        self.assertEqual(authenticate(foreign), other)
        second = intake.action_renew_token()["context"]["default_token"]
        self.assertFalse(authenticate(first))
        self.assertEqual(authenticate(second), intake)
        intake.active = False
        self.assertFalse(authenticate(second))
        intake.active = True
        self.assertEqual(authenticate(second), intake)
        intake.action_revoke_token()
        self.assertFalse(authenticate(second))
        for text in ("", "x", intake.name, f"{other.token_prefix}.wrong"):
            self.assertFalse(authenticate(text))

    def test_an_archived_intake_gets_no_token(self):
        intake, _token = self.intake()
        intake.active = False
        with self.assertRaisesRegex(UserError, "Restore it first"):
            intake.action_renew_token()

    def test_nobody_reads_the_digest(self):
        intake, _token = self.intake()
        for user in (self.manager, self.system):
            mine = intake.with_user(user)
            self.assertNotIn("token_digest", mine.fields_get())
            self.assertNotIn("token_digest", mine.read()[0])
            for call in (
                lambda mine=mine: mine.read(["token_digest"]),
                lambda mine=mine: mine.export_data(["token_digest"]),
                lambda mine=mine: mine.search([("token_digest", "=like", "0%")]),
                lambda mine=mine: mine.write({"token_digest": "0" * 64}),
                lambda mine=mine: mine.create({"name": "x", "token_digest": "0" * 64}),
                lambda mine=mine: mine._read_group([], ["token_digest"]),
            ):
                with self.subTest(user=user.login), self.assertRaises(UserError):
                    call()
        self.assertFalse(intake.copy().token_prefix)

    def test_only_managers_make_and_revoke_tokens(self):
        intake, _token = self.intake()
        for user in (self.plain, self.portal, self.viewer, self.officer):
            for name in ("action_renew_token", "action_revoke_token"):
                with self.subTest(user=user.login, name=name), self.assertRaises(AccessError):
                    getattr(intake.with_user(user), name)()
        self.assertTrue(intake.with_user(self.manager).action_renew_token()["context"]["default_token"])

    # Settings

    def test_settings_that_make_no_sense(self):
        for values, error in (
            ({"size_limit": 0}, "The size limit must be between 1 and 200 MB"),
            ({"size_limit": 201}, "The size limit must be between 1 and 200 MB"),
            ({"rate_limit": -1}, "cannot be less than 0"),
            ({"server_id": self.mailbox(company_id=self.company.id).id, "company_id": self.other_company.id}, "same"),
        ):
            with self.subTest(values), self.assertRaisesRegex(ValidationError, error):
                self.intake(**values)

    # Deliveries

    def test_a_delivery_that_comes_again_is_known(self):
        intake, _token = self.intake()
        content = eml()
        first, is_new = self.receive_for(intake, "A@gateway.test", content)
        self.assertTrue(is_new)
        self.assertEqual((first.envelope_recipient, first.envelope_sender), ("a@gateway.test", "ann@example.com"))
        self.assertEqual((first.source, first.intake_id), ("http", intake))
        self.assertKept(first, content)
        self.assertEqual(self.receive_for(intake, "a@gateway.test", content), (first, False))
        # Another recipient, other bytes and another intake are other deliveries.
        self.assertTrue(self.receive_for(intake, "b@gateway.test", content)[1])
        self.assertTrue(self.receive_for(intake, "a@gateway.test", content + b" ")[1])
        self.assertTrue(self.receive_for(self.intake(name="Other")[0], "a@gateway.test", content)[1])

    def test_a_key_names_a_delivery_but_never_hides_other_bytes(self):
        intake, _token = self.intake()
        one, other = eml(), eml()
        first, _new = self.receive_for(intake, "", one, key="k1")
        self.assertEqual(self.receive_for(intake, "", one, key="k1"), (first, False))
        second, is_new = self.receive_for(intake, "", other, key="k1")
        self.assertTrue(is_new)
        self.assertKept(second, other)
        self.assertEqual(self.receive_for(intake, "", other, key="k1"), (second, False))

    def test_company(self):
        mailbox = self.mailbox(company_id=self.other_company.id)
        domain = self.env["mail.alias.domain"].create({"name": "other.test"})
        self.other_company.alias_domain_id = domain
        shared = self.env["mail.alias.domain"].create({"name": "shared.test"})
        self.env["res.company"].create([{"name": f"Shared {n}", "alias_domain_id": shared.id} for n in (1, 2)])
        for values, recipient, company in (
            ({}, "a@gateway.test", self.company),
            ({}, "a@OTHER.test", self.other_company),
            ({}, "a@nowhere.test", self.env["res.company"]),
            ({}, "a@shared.test", self.env["res.company"]),
            ({}, "", self.company),  # that of the domain in To
            ({"company_id": self.other_company.id}, "a@gateway.test", self.other_company),
            ({"server_id": mailbox.id}, "a@gateway.test", self.other_company),
        ):
            with self.subTest(values=values, recipient=recipient):
                intake, _token = self.intake(**values)
                self.assertEqual(self.receive_for(intake, recipient, eml())[0].company_id, company)

    def test_each_alias_of_one_message_makes_its_record(self):
        self.alias("one")
        self.alias("two", alias_defaults="{'comment': 'two'}")
        intake, _token = self.intake()
        content = eml(Subject="For both", To="one@gateway.test")  # the other one is a blind copy
        rows = [self.receive_for(intake, f"{name}@gateway.test", content)[0] for name in ("one", "two")]
        self.process()
        for row in rows:
            self.assertOutcome(row, "done", "record_created")
        self.assertEqual(len(self.partners("For both")), 2)

    def test_a_copy_for_nobodys_address_does_not_double_a_record(self):
        self.alias("one")
        for policy in ("quarantine", "ours"):
            for order in (1, -1):
                with self.subTest(policy=policy, order=order):
                    intake, _token = self.intake(unknown_policy=policy)
                    subject = f"Once {policy} {order}"
                    content = eml(Subject=subject, To="one@gateway.test, nobody@gateway.test, x@foreign.test")
                    recipients = ["one@gateway.test", "nobody@gateway.test", "x@foreign.test"][::order]
                    rows = [self.receive_for(intake, recipient, content)[0] for recipient in recipients]
                    self.process()
                    self.assertEqual(len(self.partners(subject)), 1)
                    fates = {row.envelope_recipient: row.reason for row in rows}
                    self.assertEqual(fates["nobody@gateway.test"], "unknown_recipient")
                    self.assertEqual(
                        sorted((fates["one@gateway.test"], fates["x@foreign.test"])),
                        ["known_message_id", "record_created"],
                    )

    def test_what_was_held_is_routed_once_its_alias_is_there(self):
        intake, _token = self.intake(unknown_policy="quarantine", company_id=self.company.id)
        row, _new = self.receive_for(intake, "late@gateway.test", eml(Subject="Late", To="late@gateway.test"))
        self.process()
        self.assertOutcome(row, "quarantined", "unknown_recipient")
        self.alias("late")
        row.with_user(self.officer).action_retry()
        self.process()
        self.assertOutcome(row, "done", "record_created")

    def test_a_redirected_message_is_routed_by_its_headers(self):
        self.alias("help")
        intake, _token = self.intake()
        row, _new = self.receive_for(intake, "odoo@internal.host", eml(Subject="Redirected", To="help@gateway.test"))
        self.process()
        self.assertOutcome(row, "done", "record_created")

    def test_the_target_of_the_intake_gets_what_reaches_no_alias(self):
        intake, _token = self.intake(target_model="res.partner")
        row, _new = self.receive_for(intake, "anything@gateway.test", eml(Subject="Target"))
        self.process()
        self.assertOutcome(row, "done", "record_created")
        self.assertEqual(row.res_model, "res.partner")

    def test_the_mailbox_of_the_intake_says_what_happens(self):
        record = self.env["res.partner"].create({"name": "Collector"})
        mailbox = self.mailbox(gateway_action="attach", object_id=False, gateway_record=f"res.partner,{record.id}")
        intake, _token = self.intake(server_id=mailbox.id)
        row, _new = self.receive_for(intake, "", eml(Subject="Attached"))
        self.process()
        self.assertOutcome(row, "done", "record_updated")
        self.assertEqual((row.server_id, row.res_id), (mailbox, record.id))

    def test_without_target_and_alias_it_waits(self):
        intake, _token = self.intake()
        row, _new = self.receive_for(intake, "", eml(To="x@foreign.test"))
        self.process()
        self.assertOutcome(row, "quarantined", "no_route")

    def test_the_journal_outlives_the_intake(self):
        intake, _token = self.intake()
        content = eml()
        row, _new = self.receive_for(intake, "", content)
        intake.unlink()
        row.invalidate_recordset()
        self.assertFalse(row.intake_id)
        self.assertKept(row, content)

    # Rate

    def test_the_rate_is_counted_per_intake(self):
        intake, _token = self.intake(rate_limit=2)
        other, _token = self.intake(name="Other", rate_limit=0)
        with self.own_cursors():
            self.assertEqual([intake._admit() for _number in range(2)], [0, 0])
            self.assertIn(intake._admit(), range(28, 31))
            self.assertEqual([other._admit() for _number in range(5)], [0] * 5)
        self.assertEqual((intake.message_count, other.message_count), (2, 5))
        self.assertTrue(intake.last_used_date)

    # Local Server

    def test_a_local_server_gets_an_intake_of_its_own(self):
        local = self.mailbox(server_type="local", company_id=self.company.id).with_user(self.manager)
        self.assertFalse(local.gateway_intake_id)
        first = local.action_gateway_make_token()["context"]["default_token"]
        local.invalidate_recordset()
        intake = local.gateway_intake_id
        self.assertEqual((intake.server_id.id, intake.company_id), (local.id, self.company))
        local.invalidate_recordset()
        self.assertIn("--token-file", local.gateway_pipe_line)
        self.assertNotIn(first, local.gateway_pipe_line)
        second = local.action_gateway_make_token()["context"]["default_token"]
        self.assertNotEqual(first, second)
        self.assertEqual(self.env["spp.email.intake"]._authenticate(second), intake)
        self.assertEqual(self.env["spp.email.intake"].search_count([("server_id", "=", local.id)]), 1)
        row, _new = self.receive_for(intake, "", eml(Subject="By pipe"))
        self.process()
        self.assertOutcome(row, "done", "record_created")

    def test_only_local_servers_have_one(self):
        with self.assertRaisesRegex(UserError, "Only a mailbox of the type Local Server"):
            self.mailbox().action_gateway_make_token()

    def test_no_wildcard_chooses_a_company(self):
        self.other_company.alias_domain_id = self.env["mail.alias.domain"].create({"name": "a-b.test"})
        door, _token = self.intake()
        self.assertEqual(door._company_for("x@A-B.test"), self.other_company)
        for address in ("x@a_b.test", "x@%", "x@a%"):
            self.assertFalse(door._company_for(address), address)
