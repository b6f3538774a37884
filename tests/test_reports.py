# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ast import literal_eval
from unittest.mock import patch

from lxml import etree

from odoo.tests import tagged

from ..engine.bounce_reason import BounceReason
from ..engine.message_kind import Classification, MessageKind, RecipientReport, ReportAction
from .common import eml
from .reports import BOUNCES, ReportCase, failed, report, says

DELIVERED, DELAYED, COMPLAINED = ReportAction.DELIVERED, ReportAction.DELAYED, ReportAction.COMPLAINED


@tagged("post_install", "-at_install")
class TestReports(ReportCase):
    # ------------------------------------------------------------------
    # Failures
    # ------------------------------------------------------------------

    def test_a_dead_address(self):
        message, rows = self.sent(self.bob, self.eve)
        inbound = self.report_in(says(failed("bob@exmaple.com"), ids=[message.message_id]))
        self.assertOutcome(inbound, "done", "bounce_handled")
        row = rows[self.bob]
        self.assertEqual((row.state, row.reason, row.bounce_reason), ("bounced", "sent_back", "address_unknown"))
        self.assertEqual((row.smtp_code, row.enhanced_status, row.smtp_text), (550, "5.1.1", "no such user here"))
        self.assertEqual((row.bounce_text, row.report_id), ("no such user here", inbound))
        self.assertTrue(row.bounced_date)
        self.assertEqual(row.answer_words, "It came back: The address does not exist.")
        self.assertIn("Check its spelling", row.answer_cure)
        # What our own server said when it took it is not forgotten.
        self.assertIn("queued as 4XyZ", row.trace_text)
        notification = self.notification(message, self.bob)
        self.assertEqual((notification.notification_status, notification.failure_type), ("bounce", "mail_bounce"))
        self.assertEqual(notification.failure_reason, "It came back: The address does not exist.")
        self.assertEqual(self.bob.message_bounce, 1)
        # Odoo has the record hear of it too.
        self.assertEqual(self.record.message_bounce, 1)
        # One message of several: the other has it.
        self.assertEqual(rows[self.eve].state, "sent")
        self.assertEqual(self.notification(message, self.eve).notification_status, "sent")
        self.assertEqual(self.eve.message_bounce, 0)
        self.assertFalse(self.partners("Undelivered Mail Returned to Sender"))

    def test_the_journal_says_what_why_and_what_followed(self):
        message, rows = self.sent(self.bob)
        inbound = self.report_in(
            says(failed("bob@exmaple.com", remote_server="mx.remote.test"), ids=[message.message_id])
        )
        self.assertEqual(inbound.kind, "delivery_failure")
        (entry,) = inbound.reports
        self.assertEqual(
            (entry["recipient"], entry["action"], entry["status"], entry["code"], entry["reason"], entry["followed"]),
            ("bob@exmaple.com", "failed", "5.1.1", 550, "address_unknown", "hard"),
        )
        self.assertEqual(entry["deliveries"], rows[self.bob].ids)
        for words in ("bob@exmaple.com", "The address does not exist", "550 5.1.1", "mx.remote.test", "Bounced"):
            self.assertIn(words, inbound.reports_text)
        self.assertEqual(inbound.with_user(self.viewer).action_open_report_deliveries()["res_id"], rows[self.bob].id)
        self.assertEqual(rows[self.bob].with_user(self.viewer).action_open_report()["res_id"], inbound.id)

    def test_the_words_of_a_server_are_no_markup(self):
        message, _rows = self.sent(self.bob)
        inbound = self.report_in(says(failed("bob@exmaple.com", text="<script>x</script>"), ids=[message.message_id]))
        self.assertNotIn("<script>", inbound.reports_text)
        self.assertIn("&lt;script&gt;", inbound.reports_text)

    def test_several_recipients_in_one_report(self):
        ann = self.env["res.partner"].create({"name": "Ann", "email": "ann@remote.test"})
        message, rows = self.sent(self.bob, self.eve, ann)
        found = says(
            failed("bob@exmaple.com"),
            failed("eve@example.com", hard=False),
            RecipientReport("ann@remote.test", DELIVERED),
            ids=[message.message_id],
        )
        inbound = self.report_in(found)
        self.assertEqual([entry["followed"] for entry in inbound.reports], ["hard", "soft", "arrived"])
        self.assertEqual([row.state for row in rows.values()], ["bounced", "failed", "sent"])
        statuses = [self.notification(message, partner).notification_status for partner in rows]
        self.assertEqual(statuses, ["bounce", "exception", "sent"])
        self.assertEqual([partner.message_bounce for partner in rows], [1, 0, 0])
        self.assertTrue(rows[ann].arrived_date)

    def test_a_failure_that_is_not_the_addresss_counts_apart(self):
        for reason, words in (
            (BounceReason.MAILBOX_FULL, "It came back: The mailbox is full."),
            (BounceReason.POLICY, "It came back: A policy of the recipient's server forbids it."),
            (BounceReason.TOO_LARGE, "It came back: The message is too large."),
            (BounceReason.EXPIRED, "It came back: It could not be delivered in the time allowed."),
            (BounceReason.UNDEFINED, "It came back: The recipient's mailbox is full."),
        ):
            message, rows = self.sent(self.bob)
            self.report_in(says(failed("bob@exmaple.com", hard=False, reason=reason), ids=[message.message_id]))
            row, notification = rows[self.bob], self.notification(message, self.bob)
            with self.subTest(reason=reason):
                self.assertEqual((row.state, row.reason, row.bounce_reason), ("failed", "sent_back", reason.value))
                self.assertEqual(row.answer_words, words)
                self.assertEqual(notification.notification_status, "exception")
                self.assertEqual((notification.failure_type, notification.failure_reason), ("mail_bounce", words))
                self.assertEqual(row.mail_id.state, "exception")
        self.assertEqual(self.bob.message_bounce, 0)
        self.assertFalse(self.env["mail.blacklist"].search([("email", "=", "bob@exmaple.com")]))

    def test_a_hard_failure_after_a_soft_one(self):
        message, rows = self.sent(self.bob)
        self.report_in(says(failed("bob@exmaple.com", hard=False), ids=[message.message_id]))
        self.report_in(says(failed("bob@exmaple.com"), ids=[message.message_id]))
        self.assertEqual((rows[self.bob].state, rows[self.bob].bounce_reason), ("bounced", "address_unknown"))
        self.assertEqual(self.notification(message, self.bob).notification_status, "bounce")
        self.assertEqual(self.bob.message_bounce, 1)

    def test_the_envelope_turns_red_also_where_the_mail_is_deleted(self):
        for hard, status in ((True, "bounce"), (False, "exception")):
            message, rows = self.sent(self.bob, self.eve, keep=False)
            self.report_in(says(failed("bob@exmaple.com", hard=hard), ids=[message.message_id]))
            found = [self.notification(message, partner).notification_status for partner in rows]
            with self.subTest(hard=hard):
                self.assertEqual(found, [status, "sent"])

    def test_the_red_envelope_is_told_to_whoever_looks_at_the_record(self):
        message, _rows = self.sent(self.bob)
        told = []
        with patch.object(
            type(message), "_notify_message_notification_update", lambda messages: told.extend(messages.ids)
        ):
            self.report_in(says(failed("bob@exmaple.com"), ids=[message.message_id]))
        self.assertEqual(told, message.ids)

    def test_two_contacts_of_one_address_count_once(self):
        twin = self.env["res.partner"].create({"name": "Bob's twin", "email": "bob@exmaple.com"})
        message, rows = self.sent(self.bob, twin)
        self.report_in(says(failed("bob@exmaple.com"), ids=[message.message_id]))
        self.assertEqual([row.state for row in rows.values()], ["bounced", "bounced"])
        self.assertEqual([self.notification(message, one).notification_status for one in rows], ["bounce", "bounce"])
        self.assertEqual([self.bob.message_bounce, twin.message_bounce], [1, 1])

    def test_a_mail_without_record_or_contact(self):
        row = self.row("x@remote.test", "sent", message_id="<bare@gateway.test>", reason="accepted")
        inbound = self.report_in(says(failed("x@remote.test"), ids=["<bare@gateway.test>"]))
        self.assertOutcome(inbound, "done", "bounce_handled")
        self.assertEqual(row.state, "bounced")

    def test_the_message_id_that_a_provider_gave(self):
        message, rows = self.sent(self.bob, remote_message_id="<0100@amazonses.com>")
        self.report_in(says(failed("bob@exmaple.com"), ids=["<0100@amazonses.com>"]))
        self.assertEqual(rows[self.bob].state, "bounced")

    def test_a_report_that_says_nothing_but_failed(self):
        message, rows = self.sent(self.bob, signed=True)
        content = report(to=rows[self.bob].envelope_sender)
        inbound = self.report_in(Classification(MessageKind.DELIVERY_FAILURE), content)
        self.assertOutcome(inbound, "done", "bounce_handled")
        row = rows[self.bob]
        self.assertEqual((row.state, row.bounce_reason), ("failed", "undefined"))
        self.assertEqual(row.answer_words, "It came back: No reason was given.")

    def test_a_row_that_is_being_sent_and_one_that_waits(self):
        for state, expected in (
            ("sending", "bounced"),
            ("unknown", "bounced"),
            ("queued", "queued"),
            ("deferred", "deferred"),
            ("cancelled", "cancelled"),
        ):
            row = self.row("x@remote.test", state, message_id=f"<{state}@gateway.test>")
            self.report_in(says(failed("x@remote.test"), ids=[row.message_id]))
            with self.subTest(state=state):
                self.assertEqual(row.state, expected)

    def test_sent_again_it_did_not_come_back(self):
        message, rows = self.sent(self.bob)
        self.report_in(says(failed("bob@exmaple.com"), ids=[message.message_id]))
        row = rows[self.bob]
        row.with_user(self.officer).action_retry()
        self.assertEqual((row.state, row.reason, row.bounce_reason), ("queued", False, False))
        self.assertTrue(row.bounced_date)
        self.assertIn("It came back", row.timeline_text)

    def test_the_timeline_tells_both(self):
        message, rows = self.sent(self.bob)
        self.report_in(says(failed("bob@exmaple.com"), ids=[message.message_id]))
        words = [line.partition(": ")[2] for line in rows[self.bob].timeline_text.split("\n")]
        self.assertIn("Attempt 1: The server accepted it", words)
        self.assertEqual(words.count("It came back: The address does not exist."), 1)
        self.assertIn("Sent", words)

    # ------------------------------------------------------------------
    # What is no failure
    # ------------------------------------------------------------------

    def test_what_is_only_noted(self):
        alias = self.alias("sales")
        for kind, action, to, reason, date in (
            (MessageKind.DELIVERY_DELAY, DELAYED, BOUNCES, "delay_noted", "delayed_date"),
            (MessageKind.DELIVERY_SUCCESS, DELIVERED, BOUNCES, "success_noted", "arrived_date"),
            # Receipts go to whom the mail names as sender.
            (MessageKind.READ_RECEIPT, DELIVERED, alias.alias_full_name, "receipt_noted", "read_date"),
        ):
            message, rows = self.sent(self.bob)
            count = self.env["res.partner"].search_count([])
            found = says(RecipientReport("bob@exmaple.com", action), ids=[message.message_id], kind=kind)
            inbound = self.report_in(found, report(message.message_id, to))
            row = rows[self.bob]
            with self.subTest(kind=kind):
                self.assertOutcome(inbound, "done", reason)
                self.assertTrue(row[date])
                self.assertIn(row._fields[date].string, row.timeline_text)
                self.assertEqual((row.state, row.reason, row.mail_id.state), ("sent", "accepted", "sent"))
                self.assertEqual(self.notification(message, self.bob).notification_status, "sent")
                self.assertEqual(self.env["res.partner"].search_count([]), count)
                self.assertFalse(inbound.mail_message_id)
        self.assertEqual(self.bob.message_bounce, 0)

    def test_since_when_it_is_delayed(self):
        message, rows = self.sent(self.bob, delayed_date="2026-03-01 11:00:00")
        found = says(
            RecipientReport("bob@exmaple.com", DELAYED), ids=[message.message_id], kind=MessageKind.DELIVERY_DELAY
        )
        self.report_in(found)
        self.assertEqual(str(rows[self.bob].delayed_date), "2026-03-01 11:00:00")

    def test_a_receipt_of_whoever_read_it(self):
        """Many say no recipient; who sent the receipt read the mail."""
        message, rows = self.sent(self.bob, signed=True)
        found = says(ids=[message.message_id], kind=MessageKind.READ_RECEIPT)
        self.report_in(found, report(message.message_id, From="Bob <bob@exmaple.com>"))
        self.assertTrue(rows[self.bob].read_date)

    def test_a_receipt_for_a_mail_that_was_not_ours_makes_no_record(self):
        alias = self.alias("sales")
        found = says(ids=["<foreign@outlook.test>"], kind=MessageKind.READ_RECEIPT)
        inbound = self.report_in(found, report("<foreign@outlook.test>", alias.alias_full_name))
        self.assertOutcome(inbound, "done", "receipt_noted")

    def test_a_complaint(self):
        message, rows = self.sent(self.bob)
        complaint = RecipientReport("bob@exmaple.com", COMPLAINED, reason=BounceReason.COMPLAINT)
        found = says(complaint, ids=[message.message_id], kind=MessageKind.ABUSE_COMPLAINT)
        for _again in range(2):
            inbound = self.report_in(found)
            self.assertOutcome(inbound, "done", "complaint_handled")
        row = rows[self.bob]
        # It arrived: nothing failed, and no bounce is counted.
        self.assertEqual((row.state, row.reason, row.bounce_reason), ("sent", "complaint", "complaint"))
        self.assertEqual(row.answer_words, "The recipient reported it as unwanted.")
        self.assertIn("Do not write", row.answer_cure)
        self.assertEqual(self.notification(message, self.bob).notification_status, "sent")
        self.assertEqual(self.bob.message_bounce, 0)

    def test_other_reports_go_where_somebody_wants_them(self):
        found = Classification(MessageKind.OTHER_REPORT)
        noted = self.report_in(found, eml(To="postmaster@gateway.test", Subject="Report domain: gateway.test"))
        self.assertOutcome(noted, "done", "report_noted")
        self.alias("dmarc")
        wanted = self.report_in(found, eml(To="dmarc@gateway.test", Subject="Report domain: gateway.test"))
        self.assertOutcome(wanted, "done", "record_created")
        rule = self.env["spp.email.rule"].create(
            {
                "name": "DMARC",
                "target": "create",
                "model_id": self.partner_model.id,
                "condition_ids": [(0, 0, {"place": "kind", "operator": "equals", "kind": "other_report"})],
            }
        )
        ruled = self.report_in(found, eml(To="postmaster@gateway.test", Subject="Report domain: gateway.test"))
        self.assertOutcome(ruled, "done", "record_created")
        self.assertEqual(ruled.rule_ids, rule)

    def test_a_complaint_about_no_mail_of_ours_goes_where_somebody_wants_it(self):
        """A newsletter service's, or what the mail server sent by itself: abuse@ is where people look after it."""
        complaint = RecipientReport("bob@exmaple.com", COMPLAINED, reason=BounceReason.COMPLAINT)
        found = says(complaint, ids=["<1@newsletters.test>"], kind=MessageKind.ABUSE_COMPLAINT)
        for to, is_wanted in (("abuse@gateway.test", False), ("abuse@gateway.test", True), (BOUNCES, False)):
            if is_wanted:
                self.alias("abuse")
            inbound = self.report_in(found, report("<1@newsletters.test>", to))
            with self.subTest(to=to, is_wanted=is_wanted):
                self.assertOutcome(inbound, "done", "record_created" if is_wanted else "foreign_report")
        # One about mail of ours makes no record there either.
        message, rows = self.sent(self.bob)
        found = says(complaint, ids=[message.message_id], kind=MessageKind.ABUSE_COMPLAINT)
        inbound = self.report_in(found, report(message.message_id, "abuse@gateway.test"))
        self.assertOutcome(inbound, "done", "complaint_handled")
        self.assertEqual(rows[self.bob].reason, "complaint")

    # ------------------------------------------------------------------
    # Others who learn of it
    # ------------------------------------------------------------------

    def test_the_list_of_suppressed_addresses_hears_of_what_counts(self):
        told = []
        message, rows = self.sent(self.bob, self.eve, self.record)
        with patch.object(
            type(self.env["spp.email.report"]),
            "_learn",
            lambda _self, company, _attempt, address, entry, mail_class, _row: told.append(
                (company, address, entry.is_hard, mail_class)
            ),
        ):
            self.report_in(
                says(
                    failed("bob@exmaple.com"),
                    failed("eve@example.com", hard=False),
                    RecipientReport("case@example.com", DELAYED),
                    failed("stranger@example.com"),
                    ids=[message.message_id],
                )
            )
        # By the Message-ID alone, a dead address is one more failure for the list.
        self.assertEqual(
            told,
            [
                (self.company, "bob@exmaple.com", False, "transactional"),
                (self.company, "eve@example.com", False, "transactional"),
            ],
        )

    def test_what_is_proved_is_learned_at_once(self):
        for entry, kind in (
            (failed("bob@exmaple.com"), MessageKind.DELIVERY_FAILURE),
            (RecipientReport("bob@exmaple.com", COMPLAINED), MessageKind.ABUSE_COMPLAINT),
            (RecipientReport("bob@exmaple.com", DELIVERED), MessageKind.READ_RECEIPT),
        ):
            told = []
            _message, rows = self.sent(self.bob, signed=True)
            with patch.object(
                type(self.env["spp.email.report"]), "_learn", lambda *arguments, told=told: told.append(arguments[4])
            ):
                self.report_in(says(entry, kind=kind), report(to=rows[self.bob].envelope_sender))
            with self.subTest(kind=kind):
                self.assertEqual(told, [entry])

    def test_a_message_from_before_there_was_a_ledger(self):
        message, rows = self.sent(self.bob, self.eve)
        for row in rows.values():
            row.unlink()
        for hard, status, count in ((False, "exception", 0), (True, "exception", 0)):
            # The second one is known.
            self.report_in(says(failed("bob@exmaple.com", hard=hard), ids=[message.message_id]))
            notification = self.notification(message, self.bob)
            self.assertEqual((notification.notification_status, self.bob.message_bounce), (status, count))
        self.assertEqual(notification.failure_reason, "It came back: The mailbox is full.")
        # A Message-ID is all that tells that it is about this message: the address counts as good.
        self.report_in(says(failed("eve@example.com"), ids=[message.message_id]))
        self.assertEqual(self.notification(message, self.eve).notification_status, "exception")
        self.assertEqual(
            self.notification(message, self.eve).failure_reason, "It came back: The address does not exist."
        )
        self.assertEqual(self.eve.message_bounce, 0)
        # Who did not get it is not touched.
        stranger = self.env["res.partner"].create({"name": "Stranger", "email": "stranger@example.com"})
        inbound = self.report_in(says(failed("stranger@example.com"), ids=[message.message_id]))
        self.assertOutcome(inbound, "done", "foreign_report")
        self.assertEqual(stranger.message_bounce, 0)

    def test_a_mailboxs_server_action_is_not_run_for_reports(self):
        action = self.env["ir.actions.server"].create(
            {
                "name": "Act",
                "model_id": self.env["ir.model"]._get("spp.email.inbound").id,
                "state": "code",
                "code": "1/0",
            }
        )
        box = self.mailbox(
            user="act@gateway.test", gateway_action="server_action", gateway_server_action_id=action.id, object_id=False
        )
        message, rows = self.sent(self.bob)
        inbound = self.report_in(says(failed("bob@exmaple.com"), ids=[message.message_id]), server=box)
        self.assertOutcome(inbound, "done", "bounce_handled")

    def test_rules_see_what_a_message_is(self):
        rules = self.env["spp.email.rule"]
        rule = rules.create(
            {
                "name": "Hold failures",
                "quarantine": True,
                "condition_ids": [(0, 0, {"place": "kind", "operator": "equals", "kind": "delivery_failure"})],
            }
        )
        message, rows = self.sent(self.bob)
        inbound = self.report_in(says(failed("bob@exmaple.com"), ids=[message.message_id]))
        self.assertOutcome(inbound, "quarantined", "rule")
        self.assertUntouched(message, rows)
        # What it says can be read while it waits, and nothing followed.
        self.assertEqual([entry["followed"] for entry in inbound.reports], ["none"])
        rule.active = False
        with self.taken_for(says(failed("bob@exmaple.com"), ids=[message.message_id])):
            inbound.with_user(self.officer).action_retry()
            self.process()
        self.assertOutcome(inbound, "done", "bounce_handled")
        self.assertEqual(rows[self.bob].state, "bounced")

    def test_a_rules_target_is_not_for_reports_on_our_mail(self):
        self.env["spp.email.rule"].create({"name": "All", "target": "create", "model_id": self.partner_model.id})
        message, rows = self.sent(self.bob)
        inbound = self.report_in(says(failed("bob@exmaple.com"), ids=[message.message_id]))
        self.assertOutcome(inbound, "done", "bounce_handled")
        self.assertEqual(rows[self.bob].state, "bounced")

    def test_a_report_on_one_of_our_notices_is_no_loop(self):
        references = "<1.2-loop-detection-bounce-email@gateway.test>"
        inbound = self.report_in(says(failed("x@remote.test")), report(References=references))
        self.assertOutcome(inbound, "done", "foreign_report")

    def test_without_the_gateway_it_is_odoos(self):
        threads = self.env["mail.thread"]
        for to, expected in ((BOUNCES, True), ("x@gateway.test", False)):
            self.assertIs(
                threads._detect_is_bounce(
                    self.env["ir.mail_server"]._build_email__("a@b.test", [to], "s", "b"),
                    {"to": to, "email_from": "a@b.test"},
                ),
                expected,
            )

    def test_many_dead_addresses_are_no_good_health(self):
        self.env["spp.email.delivery"].search([]).unlink()
        deliveries = self.env["spp.email.delivery"]

        def codes():
            return [finding.code for finding in deliveries._bounce_rate_findings()]

        self.assertEqual(codes(), [])
        values = {"recipient": "x@remote.test", "reason": "sent_back"}
        deliveries.create([{**values, "state": "bounced"}] * 19)
        self.assertEqual(codes(), [])
        deliveries.create({**values, "state": "bounced"})
        self.assertEqual(codes(), ["bounce_rate"])
        self.assertIn("20 of 20", deliveries._bounce_rate_findings()[0].text)
        # The address was good, or it is long ago.
        deliveries.create([{**values, "state": "failed"}] * 200)
        deliveries.create([{**values, "state": "sent"}] * 181)
        self.assertEqual(codes(), [])
        deliveries.search([("state", "!=", "bounced")]).unlink()
        deliveries.search([]).write({"created_date": "2020-01-01 00:00:00"})
        self.assertEqual(codes(), [])

    # ------------------------------------------------------------------
    # Screens
    # ------------------------------------------------------------------

    def filter_domain(self, model, name):
        arch = etree.fromstring(self.env[model].with_user(self.viewer).get_view(view_type="search")["arch"])
        return literal_eval(arch.find(f".//filter[@name='{name}']").get("domain"))

    def test_screens(self):
        message, rows = self.sent(self.bob, self.eve)
        self.report_in(says(failed("bob@exmaple.com"), failed("eve@example.com", hard=False), ids=[message.message_id]))
        deliveries = self.env["spp.email.delivery"].with_user(self.viewer)
        mine = [("id", "in", [row.id for row in rows.values()])]
        for name, expected in (("bounced", self.bob), ("sent_back", self.eve), ("failed", self.bob + self.eve)):
            found = deliveries.search([*self.filter_domain("spp.email.delivery", name), *mine])
            self.assertEqual(found.partner_id, expected)
        deliveries.formatted_read_group(mine, ["bounce_reason"], ["__count"])
        journal = self.env["spp.email.inbound"].with_user(self.viewer)
        self.assertTrue(journal.search(self.filter_domain("spp.email.inbound", "kind_failure")))
        journal.formatted_read_group([], ["kind"], ["__count"])
        ordinary = self.receive(eml(), self.box)
        self.assertEqual((ordinary.kind, ordinary.reports), ("person", False))
