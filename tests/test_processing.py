# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import timedelta
from unittest.mock import patch

import psycopg2
import psycopg2.pool

from odoo import fields
from odoo.exceptions import ConcurrencyError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.mail.models.mail_thread import MailThread

from ..engine.errors import SealError
from ..models.spp_email_batch import STATEMENT_TIMEOUT_PARAMETER
from ..models.spp_email_processing import MOST_ATTEMPTS, MOST_STARTS
from .common import GatewayCase, eml

PROCESSING_LOGGER = "odoo.addons.spp_email_gateway.models.spp_email_batch"
message_new = MailThread.message_new


def failing(error, partner=None):
    """Return a patch of message_new that fails, after it made a contact called ``partner``."""

    def fail(model, *arguments, **options):
        if partner:
            model.env["res.partner"].create({"name": partner})
        raise error

    return patch.object(MailThread, "message_new", fail)


@tagged("post_install", "-at_install")
class TestProcessing(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.box = cls.mailbox()

    # ------------------------------------------------------------------
    # What becomes of a good message
    # ------------------------------------------------------------------

    def test_a_mailbox_makes_a_record_of_a_message(self):
        content = eml(Subject="New contact", Message_ID="<new@example.com>", body=b"the text")
        inbound = self.receive(content, self.box)
        self.assertOutcome(inbound, "done", "record_created")
        partner = self.partners("New contact")
        self.assertEqual((inbound.res_model, inbound.res_id), ("res.partner", partner.id))
        self.assertEqual(inbound.mail_message_id.message_id, "<new@example.com>")
        self.assertIn("the text", inbound.mail_message_id.body)
        self.assertEqual(inbound.mail_message_id.res_id, partner.id)
        self.assertEqual((inbound.attempts, inbound.starts, inbound.detail), (1, 0, False))
        self.assertEqual(inbound.record_ids.mapped("is_created"), [True])
        self.assertKept(inbound, content)

    def test_an_alias_makes_a_record_without_any_mailbox_setting(self):
        alias = self.alias("sales")
        box = self.mailbox(object_id=False, user="other@gateway.test")
        inbound = self.receive(eml(To="sales@gateway.test", Subject="By alias"), box)
        self.assertOutcome(inbound, "done", "record_created")
        self.assertEqual(len(self.partners("By alias")), 1)
        self.assertIn(f"alias {alias.id}", [step["found"] for step in inbound.trace])

    def test_an_alias_wins_over_the_mailbox(self):
        self.alias("vendors", alias_defaults="{'function': 'Vendor'}")
        inbound = self.receive(eml(To="vendors@gateway.test", Subject="To vendors"), self.box)
        self.assertOutcome(inbound, "done", "record_created")
        self.assertEqual(self.partners("To vendors").function, "Vendor")

    def test_a_reply_is_added_to_its_record(self):
        first = self.receive(eml(Subject="Conversation", Message_ID="<first@example.com>"), self.box)
        partner = self.partners("Conversation")
        reply = self.receive(
            eml(Subject="Re: Conversation", In_Reply_To="<first@example.com>", References="<first@example.com>"),
            self.box,
        )
        self.assertOutcome(first, "done", "record_created")
        self.assertOutcome(reply, "done", "record_updated")
        self.assertEqual((reply.res_model, reply.res_id), ("res.partner", partner.id))
        self.assertEqual(reply.record_ids.mapped("is_created"), [False])
        self.assertFalse(self.partners("Re: Conversation"))
        self.assertIn(reply.mail_message_id, partner.message_ids)

    def test_a_mailbox_can_add_all_mail_to_one_record(self):
        partner = self.env["res.partner"].create({"name": "The one"})
        box = self.mailbox(
            user="one@gateway.test",
            object_id=False,
            gateway_action="attach",
            gateway_record=f"res.partner,{partner.id}",
        )
        inbound = self.receive(eml(Subject="Attach me"), box)
        self.assertOutcome(inbound, "done", "record_updated")
        self.assertEqual(inbound.res_id, partner.id)
        self.assertFalse(self.partners("Attach me"))
        self.assertIn("setting of the mailbox", [step["found"] for step in inbound.trace])

    def test_the_company_of_the_mailbox_is_the_one_that_works(self):
        companies = []

        def note(model, *arguments, **options):
            companies.append(model.env.company)
            return message_new(model, *arguments, **options)

        with patch.object(MailThread, "message_new", note):
            self.receive(eml(), self.box, company=self.other_company)
            self.receive(eml(), self.box)
        self.assertEqual(companies, [self.other_company, self.company])

    def test_attachments_follow_the_mailbox_setting(self):
        attachment = b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: text/plain; name=a.txt\r\n"
        attachment += b"Content-Disposition: attachment; filename=a.txt\r\n\r\ndata\r\n--b--\r\n"
        for keep, original, names in (
            (True, False, ["a.txt"]),
            (False, False, []),
            (True, True, ["a.txt", "original_email.eml"]),
        ):
            with self.subTest(keep=keep, original=original):
                self.box.write({"attach": keep, "original": original})
                inbound = self.receive(eml(Content_Type="multipart/mixed; boundary=b", body=attachment), self.box)
                self.assertEqual(sorted(inbound.mail_message_id.attachment_ids.mapped("name")), names)

    def test_messages_are_processed_oldest_first(self):
        later, sooner = (self.journal(eml(Subject=name), self.box) for name in ("later", "sooner"))
        self.sql("UPDATE spp_email_inbound SET received_date = '2020-01-01' WHERE id = %s RETURNING id", sooner.id)
        self.process()
        self.assertLess(self.partners("sooner").id, self.partners("later").id)
        self.assertOutcome(later, "done", "record_created")

    def test_only_the_mailboxes_asked_for_are_processed(self):
        other = self.mailbox(user="other@gateway.test")
        mine, theirs = self.journal(eml(), self.box), self.journal(eml(), other)
        for server_ids in ([], [self.box.id]):
            with self.own_cursors():
                self.env["spp.email.lane"]._process_due(server_ids=server_ids)
            self.assertEqual(mine.state, "done" if server_ids else "received")
            self.assertEqual(theirs.state, "received")

    def test_no_time_left_means_nothing_is_begun(self):
        inbound = self.journal(eml(), self.box)
        with self.own_cursors():
            self.assertFalse(self.env["spp.email.lane"]._process_due(0))
        self.assertEqual((inbound.state, inbound.attempts), ("received", 0))

    def test_outcomes_are_counted(self):
        for content in (eml(), eml(), b""):
            self.journal(content, self.box)
        self.assertEqual(self.process(), {("done", "record_created"): 2, ("quarantined", "empty"): 1})

    def test_the_mail_that_a_message_causes_is_queued_and_never_sent_inside(self):
        follower = self.env["res.partner"].create({"name": "Follower", "email": "follower@example.org"})
        partner = self.env["res.partner"].create({"name": "Followed"})
        partner.message_subscribe(follower.ids)
        first = partner.message_post(body="start", message_type="comment", subtype_xmlid="mail.mt_comment")
        with patch.object(type(self.env["ir.mail_server"]), "_connect__", side_effect=AssertionError("sent inside")):
            inbound = self.receive(eml(In_Reply_To=first.message_id, References=first.message_id), self.box)
        self.assertOutcome(inbound, "done", "record_updated")
        mails = self.env["mail.mail"].search([("mail_message_id", "=", inbound.mail_message_id.id)])
        self.assertEqual(mails.mapped("state"), ["outgoing"])
        job = self.env.ref("mail.ir_cron_mail_scheduler_action")
        self.assertTrue(self.env["ir.cron.trigger"].search([("cron_id", "=", job.id)]))

    # ------------------------------------------------------------------
    # Doubles
    # ------------------------------------------------------------------

    def test_a_known_message_id_makes_no_second_record(self):
        first = self.receive(eml(Subject="Twice", Message_ID="<twice@example.com>"), self.box)
        second = self.receive(eml(Subject="Twice", Message_ID="<twice@example.com>", X_Copy="2"), self.box)
        self.assertOutcome(second, "duplicate", "known_message_id")
        self.assertEqual(second.duplicate_message_id, first.mail_message_id)
        self.assertEqual((second.res_model, second.res_id), (first.res_model, first.res_id))
        self.assertEqual(len(self.partners("Twice")), 1)

    def test_another_message_under_a_known_message_id_is_not_lost(self):
        self.receive(eml(Subject="Scan", Message_ID="<const@scanner>", body=b"page of Amina"), self.box)
        second = self.receive(eml(Subject="Scan", Message_ID="<const@scanner>", body=b"page of Binta"), self.box)
        self.assertOutcome(second, "quarantined", "reused_message_id")

    def test_the_same_bytes_twice_in_quarantine_make_one_record_in_any_order(self):
        box = self.mailbox(user="waits@gateway.test", object_id=False)
        first, second = (self.receive(eml(Subject="Waits", Message_ID=None), box) for _count in range(2))
        box.object_id = self.env["ir.model"]._get("res.partner")
        for inbound in (second, first):
            inbound.action_retry()
            self.process()
        self.assertEqual((second.state, first.state), ("done", "duplicate"))

    def test_a_zero_byte_in_a_charset_stops_nobody(self):
        poison = self.journal(eml(Content_Type='text/plain; charset="a\0b"'), self.box)
        behind = self.journal(eml(Subject="Behind"), self.box)
        self.process()
        self.assertIn(poison.state, ("done", "quarantined"))
        self.assertOutcome(behind, "done", "record_created")

    def test_a_record_to_attach_to_that_is_gone_makes_no_new_one(self):
        partner = self.env["res.partner"].create({"name": "Gone"})
        box = self.mailbox(gateway_action="attach", gateway_record=f"res.partner,{partner.id}")
        partner.unlink()
        self.assertOutcome(self.receive(eml(Subject="Attach"), box), "quarantined", "no_route")

    def test_the_same_bytes_under_another_uid_make_no_second_record(self):
        for fields_ in ({}, {"Message_ID": None}):
            with self.subTest(fields=fields_):
                content = eml(Subject="Again", **fields_)
                first = self.receive(content, self.box)
                before = len(self.partners("Again"))
                second = self.receive(content, self.box)
                self.assertOutcome(first, "done", "record_created")
                self.assertOutcome(second, "duplicate", "known_entry")
                self.assertEqual(len(self.partners("Again")), before)

    def test_the_same_bytes_are_processed_when_the_first_were_not(self):
        content = eml(Subject="Second chance")
        with failing(ValueError("no")), mute_logger(PROCESSING_LOGGER):
            first = self.receive(content, self.box)
        self.assertOutcome(first, "quarantined", "creation_failed")
        self.assertOutcome(self.receive(content, self.box), "done", "record_created")

    # ------------------------------------------------------------------
    # What cannot be routed
    # ------------------------------------------------------------------

    def test_a_message_without_route_waits_and_is_routed_once_an_alias_is_there(self):
        content = eml(To="later@gateway.test", Subject="Be patient")
        box = self.mailbox(object_id=False, user="later@gateway.test")
        inbound = self.receive(content, box)
        self.assertOutcome(inbound, "quarantined", "no_route")
        self.assertTrue(inbound.detail)
        self.assertKept(inbound, content)
        self.alias("later")
        with self.own_cursors():
            inbound.with_user(self.officer).action_retry()
        self.process()
        self.assertOutcome(inbound, "done", "record_created")
        self.assertFalse(inbound.detail)
        self.assertEqual(len(self.partners("Be patient")), 1)

    def test_a_message_whose_mailbox_was_deleted_is_kept(self):
        inbound = self.journal(eml(), self.box)
        self.box.unlink()
        self.process()
        self.assertOutcome(inbound, "quarantined", "no_route")

    @mute_logger("odoo.addons.mail.models.mail_thread")
    def test_an_alias_that_refuses_the_sender_is_no_loss(self):
        self.alias("partners", alias_contact="partners")
        inbound = self.receive(eml(To="partners@gateway.test"), self.box)
        self.assertOutcome(inbound, "quarantined", "route_refused")

    @mute_logger("odoo.addons.mail.models.mail_thread")
    def test_too_many_messages_of_one_sender_are_a_loop(self):
        self.env["ir.config_parameter"].set_param("mail.gateway.loop.threshold", "2")
        self.alias("flooded")
        inbounds = [self.receive(eml(To="flooded@gateway.test"), self.box) for _count in range(3)]
        self.assertEqual([one.reason for one in inbounds], ["record_created", "record_created", "loop"])
        self.assertOutcome(inbounds[2], "quarantined", "loop")

    @mute_logger("odoo.addons.mail.models.mail_thread")
    def test_a_loop_is_found_whose_sender_odoo_writes_otherwise(self):
        # Odoo lets capitals beyond ASCII stand.
        self.env["ir.config_parameter"].set_param("mail.gateway.loop.threshold", "13")
        self.alias("flooded")
        rows = [
            self.receive(eml(To="flooded@gateway.test", From="Éva@example.com"), self.box) for _count in range(14)
        ]
        self.assertEqual([row.reason for row in rows[12:]], ["record_created", "loop"])

    def test_a_delivery_report_is_taken_in(self):
        partner = self.env["res.partner"].create({"name": "Gone", "email": "gone@example.com"})
        sent = partner.message_post(body="hello", message_type="comment", subtype_xmlid="mail.mt_comment")
        row = self.env["spp.email.delivery"].create(
            {"recipient": "gone@example.com", "state": "sent", "message_id": sent.message_id}
        )
        body = b"\r\n".join(
            [
                b"--b\r\nContent-Type: text/plain\r\n\r\nno such user",
                b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.com\r\n",
                b"Final-Recipient: rfc822; gone@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n",
                b"--b\r\nContent-Type: message/rfc822\r\n",
                b"Message-ID: " + sent.message_id.encode() + b"\r\n\r\nhello\r\n--b--\r\n",
            ]
        )
        inbound = self.receive(
            eml(
                Subject="Undelivered",
                From="MAILER-DAEMON@mx.example.com",
                To="bounce@gateway.test",
                Content_Type="multipart/report; report-type=delivery-status; boundary=b",
                body=body,
            ),
            self.box,
        )
        self.assertOutcome(inbound, "done", "bounce_handled")
        self.assertEqual((row.state, partner.message_bounce), ("bounced", 1))
        self.assertFalse(self.partners("Undelivered"))

    # ------------------------------------------------------------------
    # Failures
    # ------------------------------------------------------------------

    @mute_logger(PROCESSING_LOGGER)
    def test_a_record_that_cannot_be_created_puts_the_message_aside_with_its_cause(self):
        alias = self.alias("broken")
        content = eml(To="broken@gateway.test", Subject="Cannot be")
        with failing(ValueError("a required field is missing"), partner="Half made"):
            inbound = self.receive(content, self.box)
        self.assertOutcome(inbound, "quarantined", "creation_failed")
        self.assertEqual(inbound.detail, "ValueError: a required field is missing")
        self.assertEqual(alias.alias_status, "invalid")
        self.assertFalse(self.partners("Half made") | self.partners("Cannot be"))
        self.assertFalse(self.env["mail.message"].search([("message_id", "=", inbound.message_id)]))
        self.assertFalse(self.env["spp.email.notice"].search([("inbound_id", "=", inbound.id)]))
        self.assertFalse(self.env["mail.mail"].search([("email_to", "=", "ann@example.com")]))
        self.assertFalse(inbound.record_ids)
        self.assertKept(inbound, content)

    @mute_logger(PROCESSING_LOGGER)
    def test_a_reply_that_cannot_be_added_leaves_no_link(self):
        partner = self.env["res.partner"].create({"name": "Known"})
        first = partner.message_post(body="start", message_type="comment", subtype_xmlid="mail.mt_comment")
        with patch.object(type(partner), "message_update", side_effect=ValueError("no")):
            inbound = self.receive(eml(In_Reply_To=first.message_id, References=first.message_id), self.box)
        self.assertOutcome(inbound, "quarantined", "creation_failed")
        self.assertFalse(inbound.record_ids)
        self.assertFalse(inbound.res_id)

    @mute_logger(PROCESSING_LOGGER)
    def test_a_retry_of_a_mended_alias_marks_it_valid(self):
        alias = self.alias("mended")
        with failing(ValueError("no")):
            inbound = self.receive(eml(To="mended@gateway.test"), self.box)
        with self.own_cursors():
            inbound.action_retry()
        self.process()
        self.assertOutcome(inbound, "done", "record_created")
        self.assertEqual(alias.alias_status, "valid")

    def test_a_failure_of_one_message_leaves_the_others_alone(self):
        def fail_one(model, message, *arguments, **options):
            if message["subject"] == "bad":
                raise ZeroDivisionError
            return message_new(model, message, *arguments, **options)

        inbounds = [self.journal(eml(Subject=name), self.box) for name in ("one", "bad", "two")]
        with patch.object(MailThread, "message_new", fail_one), self.assertLogs(PROCESSING_LOGGER, "WARNING") as logs:
            self.process()
        self.assertEqual([one.state for one in inbounds], ["done", "quarantined", "done"])
        # Ids and error types only: no subject, address or server name.
        self.assertEqual(
            logs.output,
            [f"WARNING:{PROCESSING_LOGGER}:Incoming email {inbounds[1].id} could not be processed: ZeroDivisionError."],
        )

    def test_a_database_conflict_is_retried_later(self):
        for error in (
            psycopg2.errors.SerializationFailure("conflict"),
            psycopg2.errors.DeadlockDetected("deadlock"),
            psycopg2.errors.QueryCanceled("statement timeout"),
            psycopg2.OperationalError("the connection broke"),
            psycopg2.InterfaceError("the connection is closed"),
            psycopg2.pool.PoolError("The Connection Pool Is Full"),
            ConcurrencyError("taken"),
        ):
            with self.subTest(error=type(error).__name__):
                before = fields.Datetime.now()
                alias = self.alias(f"busy-{type(error).__name__}")
                subject = f"Busy {type(error).__name__}"
                with failing(error, partner="Half made"):
                    inbound = self.receive(eml(To=f"{alias.alias_name}@gateway.test", Subject=subject), self.box)
                self.assertOutcome(inbound, "retry", "database_busy")
                self.assertGreaterEqual(inbound.next_attempt_date, before + timedelta(seconds=29))
                self.assertEqual((inbound.attempts, inbound.starts), (1, 0))
                self.assertFalse(self.partners("Half made"))
                # A passing conflict says nothing about the alias.
                self.assertNotEqual(alias.alias_status, "invalid")
                self.process()
                self.assertEqual((inbound.state, inbound.attempts), ("retry", 1))
                self.make_due(inbound)
                self.process()
                self.assertOutcome(inbound, "done", "record_created")
                self.assertFalse(inbound.next_attempt_date)
                self.assertEqual(len(self.partners(subject)), 1)

    def test_a_conflict_without_end_ends_in_quarantine(self):
        inbound = self.journal(eml(), self.box)
        self.sql("UPDATE spp_email_inbound SET attempts = %s WHERE id = %s RETURNING id", MOST_ATTEMPTS - 1, inbound.id)
        with failing(psycopg2.errors.SerializationFailure("conflict")):
            self.process()
        self.assertOutcome(inbound, "quarantined", "too_many_attempts")
        self.assertEqual(inbound.detail, "SerializationFailure: conflict")

    def test_a_message_that_kills_its_process_is_set_aside(self):
        for starts, state, reason in (
            (MOST_STARTS - 1, "done", "record_created"),
            (MOST_STARTS, "quarantined", "process_died"),
        ):
            with self.subTest(starts=starts):
                inbound = self.journal(eml(), self.box)
                self.sql(
                    "UPDATE spp_email_inbound SET state = 'processing', starts = %s, attempts = %s,"
                    " claim_owner = 'dead:1', claim_until = '2000-01-01' WHERE id = %s RETURNING id",
                    starts,
                    starts,
                    inbound.id,
                )
                self.process()
                self.assertOutcome(inbound, state, reason)
                self.assertEqual(inbound.starts, 0)

    def test_without_the_credential_key_messages_wait_untouched(self):
        inbound = self.journal(eml(), self.mailbox())
        ring = type(self.env["spp.email.token.key"])
        with (
            patch.object(ring, "_ring", side_effect=SealError("The key is missing.")),
            mute_logger("odoo.addons.spp_email_gateway.models.spp_email_processing"),
        ):
            self.process()
        self.assertEqual((inbound.state, inbound.attempts), ("received", 0))

    def test_a_message_in_other_hands_is_left_alone(self):
        inbound = self.journal(eml(), self.box)
        self.sql(
            "UPDATE spp_email_inbound SET state = 'processing', claim_owner = 'alive:1', claim_until = '2100-01-01'"
            " WHERE id = %s RETURNING id",
            inbound.id,
        )
        self.process()
        self.assertEqual((inbound.state, inbound.claim_owner), ("processing", "alive:1"))

    @mute_logger(PROCESSING_LOGGER)
    def test_work_that_was_taken_over_is_undone(self):
        def take_over(model, *arguments, **options):
            record = message_new(model, *arguments, **options)
            model.env.cr.execute(
                "UPDATE spp_email_inbound SET claim_fence = claim_fence + 1 WHERE id = %s", [inbound.id]
            )
            return record

        inbound = self.journal(eml(Subject="Taken over"), self.box)
        with patch.object(MailThread, "message_new", take_over):
            self.assertEqual(self.process(), {("processing", ""): 1})
        self.assertFalse(self.partners("Taken over"))
        self.assertEqual(inbound.state, "processing")

    @mute_logger(PROCESSING_LOGGER)
    def test_a_record_that_was_committed_before_the_failure_is_used_again(self):
        for error, state in (
            (psycopg2.errors.SerializationFailure("conflict"), "retry"),
            (ValueError("no"), "quarantined"),
        ):
            with self.subTest(error=type(error).__name__):

                def commit_and_fail(model, *, error=error, **options):
                    # What account does with each document that it imports.
                    model.env.cr.commit()
                    raise error

                subject = f"Half way {state}"
                with patch.object(type(self.env["res.partner"]), "message_post", commit_and_fail):
                    inbound = self.receive(eml(Subject=subject), self.box)
                self.assertEqual(inbound.state, state)
                partner = self.partners(subject)
                self.assertEqual(len(partner), 1)
                self.make_due(inbound)
                if state == "quarantined":
                    with self.own_cursors():
                        inbound.action_retry()
                self.process()
                self.assertOutcome(inbound, "done", "record_created")
                self.assertEqual(self.partners(subject), partner)
                self.assertEqual(inbound.res_id, partner.id)
                self.assertIn(inbound.mail_message_id, partner.message_ids)
                self.assertIn("record of an earlier attempt", [step["looked_at"] for step in inbound.trace])

    def test_a_stamped_record_that_was_deleted_since_is_made_again(self):
        inbound = self.journal(eml(Subject="Made again"), self.box)
        partner = self.env["res.partner"].create({"name": "To be deleted"})
        self.env["spp.email.inbound.record"]._stamp(inbound.id, 1, partner)
        partner.unlink()
        self.process()
        self.assertOutcome(inbound, "done", "record_created")
        self.assertEqual(inbound.res_id, self.partners("Made again").id)
        self.assertEqual(len(inbound.record_ids), 1)

    def test_statements_are_limited_by_a_setting(self):
        limits = []

        def show(model, *arguments, **options):
            model.env.cr.execute("SHOW statement_timeout")
            limits.extend(model.env.cr.fetchone())
            return message_new(model, *arguments, **options)

        for value, limit in (("", "2min"), ("7", "7s"), ("soon", "2min")):
            self.env["ir.config_parameter"].set_param(STATEMENT_TIMEOUT_PARAMETER, value)
            with self.subTest(value=value), patch.object(MailThread, "message_new", show):
                self.receive(eml(), self.box)
                self.assertEqual(limits.pop(), limit)

    # ------------------------------------------------------------------
    # Messages that nobody should send
    # ------------------------------------------------------------------

    @mute_logger(PROCESSING_LOGGER, "odoo.addons.mail.models.mail_thread", "odoo.sql_db")
    def test_no_message_is_lost_whatever_it_is(self):
        for name, content, expected in (
            ("0 bytes", b"", ("quarantined", "empty")),
            ("no header", b"\r\n\r\nbody", ("quarantined", "empty")),
            ("no Message-ID", eml(Message_ID=None), ("done", "record_created")),
            ("no From", eml(From=None), None),
            ("no To", eml(To=None), ("done", "record_created")),
            ("no Date", eml(Date=None), ("done", "record_created")),
            ("impossible Date", eml(Date="Yesterday, 99 Foo 0000"), ("done", "record_created")),
            ("no Subject", eml(Subject=None), None),
            ("a subject alone", b"Subject: alone\r\n\r\n", None),
            (
                "unknown charset",
                eml(Content_Type="text/plain; charset=klingon", body=b"caf\xe9"),
                ("done", "record_created"),
            ),
            ("unknown encoding", eml(Content_Transfer_Encoding="rot13", body=b"uryyb"), None),
            ("charset in a header", eml(Subject="=?klingon?q?caf=E9?="), ("done", "record_created")),
            ("8-bit subject", eml(Subject=b"caf\xe9"), ("done", "record_created")),
            ("8-bit sender", eml(From=b"Caf\xe9 <ann@example.com>"), ("done", "record_created")),
            ("8-bit Message-ID", eml(Message_ID=b"<caf\xe9@example.com>"), None),
            ("NUL in the subject", eml(Subject=b"a\x00b"), ("done", "record_created")),
            ("NUL in the body", eml(body=b"a\x00b"), ("done", "record_created")),
            ("NUL in the HTML body", eml(Content_Type="text/html", body=b"<p>a\x00b</p>"), ("done", "record_created")),
            (
                "broken HTML",
                eml(Content_Type="text/html", body=b"<p><table><<>&#0;&#xD800;"),
                ("done", "record_created"),
            ),
            ("broken base64", eml(Content_Transfer_Encoding="base64", body=b"!!!"), ("done", "record_created")),
            ("multipart without boundary", eml(Content_Type="multipart/mixed"), None),
            (
                "multipart without end",
                eml(Content_Type="multipart/mixed; boundary=b", body=b"--b\r\n\r\nx"),
                ("done", "record_created"),
            ),
            ("only an image", eml(Content_Type="image/png", body=b"\x89PNG"), None),
            ("very long subject", eml(Subject="x" * 20_000), None),
            ("very many recipients", eml(To=", ".join(f"a{n}@example.org" for n in range(2000))), None),
            ("no address in From", eml(From="Ann"), None),
            ("several senders", eml(From="ann@example.com, ben@example.com"), None),
            ("references without end", eml(References="<a@b> " * 3000), None),
            ("lone surrogates in UTF-8", eml(body=b"\xed\xa0\x80"), None),
        ):
            with self.subTest(name=name):
                inbound = self.receive(content, self.box)
                if expected:
                    self.assertOutcome(inbound, *expected)
                else:
                    self.assertIn(inbound.state, ("done", "quarantined"))
                    self.assertTrue(inbound.reason)
                self.assertKept(inbound, content)
                # What a person is shown of it can be shown.
                self.assertEqual(len(inbound.read()), 1)

    def test_a_preview_is_harmless(self):
        inbound = self.receive(
            eml(
                Content_Type="text/html",
                body=b"<p onclick='x()'>hi</p><script>alert(1)</script><iframe src='//x'></iframe><style>p{}</style>",
            ),
            self.box,
        )
        self.assertIn("hi", inbound.preview_html)
        for word in ("script", "onclick", "iframe", "alert"):
            self.assertNotIn(word, inbound.preview_html)

    def test_a_text_preview_is_escaped(self):
        inbound = self.receive(eml(body=b"<b>not bold</b>"), self.box)
        self.assertIn("&lt;b&gt;not bold", inbound.preview_html)

    def test_the_trace_is_escaped(self):
        inbound = self.receive(eml(Auto_Submitted="<b>auto</b>"), self.box)
        self.assertTrue(inbound.trace_text)
        self.assertNotIn("<b>", inbound.trace_text)

    # ------------------------------------------------------------------
    # Not ours
    # ------------------------------------------------------------------

    def test_outside_of_the_gateway_odoo_works_as_ever(self):
        content = eml(Subject="Called by hand", To="nobody@gateway.test")
        self.env["mail.thread"].message_process("res.partner", content)
        self.assertEqual(len(self.partners("Called by hand")), 1)
        self.assertFalse(
            self.env["spp.email.inbound.record"].search([("res_id", "=", self.partners("Called by hand").id)])
        )

    def test_the_scheduled_action_processes_what_is_due(self):
        inbound = self.journal(eml(), self.box)
        with self.committing() as env:
            env["spp.email.lane"]._cron_process()
        self.assertOutcome(inbound, "done", "record_created")

    def test_the_scheduled_action_comes_back_when_its_time_is_over(self):
        job = self.env.ref("spp_email_gateway.ir_cron_process_inbound")
        triggers = self.env["ir.cron.trigger"]
        inbound = self.journal(eml(), self.box)
        for left, more, state in ((0, 1, "received"), (float("inf"), 0, "done"), (float("inf"), 0, "done")):
            before = triggers.search_count([("cron_id", "=", job.id)])
            with (
                self.subTest(left=left),
                patch.object(type(self.env["ir.cron"]), "_commit_progress", lambda *a, left=left, **k: left),
                self.committing() as env,
            ):
                env["spp.email.lane"]._cron_process()
            self.assertEqual(triggers.search_count([("cron_id", "=", job.id)]), before + more)
            self.assertEqual(inbound.state, state)

    def test_what_waits_for_its_next_attempt_does_not_call_the_scheduled_action_back(self):
        inbound = self.journal(eml(), self.box)
        inbound.write({"state": "retry", "next_attempt_date": "2100-01-01 00:00:00"})
        job = self.env.ref("spp_email_gateway.ir_cron_process_inbound")
        before = self.env["ir.cron.trigger"].search_count([("cron_id", "=", job.id)])
        with self.committing() as env:
            env["spp.email.lane"]._cron_process()
        self.assertEqual(self.env["ir.cron.trigger"].search_count([("cron_id", "=", job.id)]), before)
