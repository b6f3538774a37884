# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The queue against a server that misbehaves: each recipient has an outcome, and one never stops another."""

from __future__ import annotations

from tools import process

from .case import wait_for
from .console import ConsoleError
from .sending import SendingCase


class TestSending(SendingCase):
    def test_a_mail_and_its_row(self):
        server = self.server()
        (mail,) = self.queue("amina@remote.test")
        self.send(mail)
        self.assertEqual(self.mails(mail), [("sent", None, None)])
        (row,) = self.ledger("attempts", "server_id", "smtp_code", "phase", "mail_id")
        self.assertEqual(row, ("amina@remote.test", "sent", "accepted", 1, server, 250, "message", mail))
        self.assertEqual(self.taken(), {"amina@remote.test": 1})
        self.assertEqual(self.value("SELECT count(*) FROM spp_email_queue"), 0)

    def test_one_refused_recipient_stops_no_other(self):
        self.server()
        (mail,) = self.queue({"partners": ["a@remote.test", "e550@remote.test", "c@remote.test"]})
        self.send(mail)
        self.assertEqual(self.taken(), {"a@remote.test": 1, "c@remote.test": 1})
        rows = {row[0]: row[1:] for row in self.ledger("smtp_code", "phase")}
        self.assertEqual(rows["e550@remote.test"], ("failed", "refused", 550, "recipient"))
        self.assertEqual({rows["a@remote.test"][0], rows["c@remote.test"][0]}, {"sent"})
        ((state, kind, reason),) = self.mails(mail)
        self.assertEqual((state, kind), ("exception", "mail_email_invalid"))
        self.assertIn("1 of 3: The server refused it: 550", reason)

    def test_refused_in_one_transaction_with_others(self):
        self.server()
        (mail,) = self.queue({"email_to": "a@remote.test, e550@remote.test", "email_cc": "c@remote.test"})
        self.send(mail)
        self.assertEqual(self.taken(), {"a@remote.test": 1, "c@remote.test": 1})
        states = [(row[0], row[1]) for row in self.ledger()]
        self.assertEqual(
            states, [("a@remote.test", "sent"), ("c@remote.test", "sent"), ("e550@remote.test", "failed")]
        )
        # Tried again: nobody gets it twice.
        self.ask("env['mail.mail'].browse(mail).action_retry()", mail=mail)
        self.send(mail)
        self.assertEqual(self.taken(), {"a@remote.test": 1, "c@remote.test": 1})
        self.assertEqual(self.ledger("attempts")[2][1:], ("failed", "refused", 2))

    def test_try_later_then_taken(self):
        self.server()
        (mail,) = self.queue({"email_to": "t2@remote.test", "email_cc": "b@remote.test"})
        for attempt in (1, 2):
            self.send(mail)
            self.assertEqual(self.mails(mail)[0][0], "outgoing")
            row = next(row for row in self.ledger("attempts", "smtp_code") if row[0] == "t2@remote.test")
            self.assertEqual(row[1:], ("deferred", "try_later", attempt, 451))
            # Not before its time.
            self.send(mail)
            self.assertEqual(self.taken(), {"b@remote.test": 1})
            self.make_due()
        self.send(mail)
        self.assertEqual(self.mails(mail), [("sent", None, None)])
        self.assertEqual(self.taken(), {"b@remote.test": 1, "t2@remote.test": 1})
        self.assertEqual(len({message["raw"].split(b"Message-Id: ")[1][:60] for message in self.sink.messages()}), 1)

    def test_a_dropped_connection_is_replaced_and_the_rest_goes_on(self):
        self.server()
        first, second, third = self.queue("a@remote.test", "droprcpt@remote.test", "c@remote.test")
        self.send()
        self.assertEqual(self.taken(), {"a@remote.test": 1, "c@remote.test": 1})
        self.assertEqual([mail[0] for mail in self.mails(first, second, third)], ["sent", "outgoing", "sent"])

    def test_taken_without_an_answer_is_sent_once_more_by_default(self):
        self.server()
        (mail,) = self.queue("dropend@remote.test")
        self.send(mail)
        ((_address, state, reason, due),) = self.ledger("next_attempt_date IS NOT NULL")
        self.assertEqual((state, reason, due), ("deferred", "lost_after_data", True))
        self.assertEqual(self.mails(mail)[0][0], "outgoing")
        self.make_due()
        self.send(mail)
        raw = [message["raw"] for message in self.sink.messages()]
        self.assertEqual(len(raw), 2)
        self.assertEqual(len({part.split(b"Message-Id: ")[1].split(b"\r\n")[0] for part in raw}), 1)

    def test_taken_without_an_answer_waits_for_a_person_where_a_setting_says_so(self):
        self.ask("env['ir.config_parameter'].set_param('spp_email_gateway.unknown_outcome', 'hold')")
        self.addCleanup(self.ask, "env['ir.config_parameter'].set_param('spp_email_gateway.unknown_outcome', False)")
        self.server()
        (mail,) = self.queue("dropend@remote.test")
        self.send(mail)
        self.assertEqual([row[1:] for row in self.ledger()], [("unknown", "lost_after_data")])
        ((state, _kind, reason),) = self.mails(mail)
        self.assertEqual(state, "exception")
        self.assertIn("The connection broke before the server answered", reason)
        self.make_due()
        self.send()
        self.assertEqual(self.sink.count, 1)

    def test_a_server_that_is_away_costs_nobody_anything(self):
        server = self.server(port=process.free_port())
        mails = self.queue(*(f"r{number}@remote.test" for number in range(30)))
        self.send()
        self.assertEqual({mail[0] for mail in self.mails(*mails)}, {"outgoing"})
        # Five batches in a row that find it away pause it: on a busy machine batches are small, and there are more.
        states = {row[1:] for row in self.ledger()}
        self.assertLessEqual(states, {("deferred", "no_connection"), ("queued", "paused")})
        self.assertIn(("deferred", "no_connection"), states)
        if ("queued", "paused") in states:
            # Threads that were at it when the fifth was counted count as well.
            ((state, failures),) = self.rows(
                "SELECT state, failures FROM spp_email_breaker WHERE server_id = %s", server
            )
            self.assertEqual(state, "open")
            self.assertIn(failures, range(5, 9))
        self.assertIn("The server could not be reached", self.mails(mails[0])[0][2])
        self.rows("UPDATE ir_mail_server SET smtp_port = %s WHERE id = %s", self.sink.port, server)
        self.ask("env.invalidate_all()")
        self.rows("UPDATE spp_email_breaker SET until = until - interval '1 hour' WHERE until IS NOT NULL")
        # One tries a paused server; the others follow it. Where it was not paused all leave at once.
        for _round in range(2):
            self.make_due()
            self.send()
        self.assertEqual({mail[0] for mail in self.mails(*mails)}, {"sent"})
        self.assertEqual(set(self.taken().values()), {1})
        self.assertEqual(len(self.taken()), 30)

    def test_given_up_after_the_days_allowed(self):
        self.server()
        (mail,) = self.queue("e451@remote.test")
        self.send(mail)
        self.assertEqual(self.ledger()[0][1:], ("deferred", "try_later"))
        self.make_due()
        self.rows("UPDATE spp_email_delivery SET created_date = created_date - interval '5 days'")
        self.send(mail)
        self.assertEqual(self.ledger("smtp_code")[0][1:], ("failed", "expired", 451))
        ((state, _kind, reason),) = self.mails(mail)
        self.assertEqual(state, "exception")
        self.assertIn("could not be delivered in the time allowed", reason)

    def test_no_usable_address(self):
        self.server()
        mails = self.queue({"email_to": "nobody"}, {"email_to": False}, {"partners": ["nobody"]})
        self.send()
        self.assertEqual(
            [mail[:2] for mail in self.mails(*mails)],
            [("exception", "mail_email_invalid")] * 3,
        )
        self.assertEqual(self.sink.count, 0)

    def test_cancelled_before_its_time(self):
        self.server()
        (mail,) = self.queue({"email_to": "t2@remote.test", "email_cc": "b@remote.test"})
        self.send(mail)
        self.ask("env['mail.mail'].browse(mail).cancel()", mail=mail)
        self.make_due()
        self.send(mail)
        # One has it.
        self.assertEqual(self.mails(mail)[0][0], "sent")
        states = {row[0]: row[1] for row in self.ledger()}
        self.assertEqual(states, {"b@remote.test": "sent", "t2@remote.test": "cancelled"})
        self.assertEqual(self.taken(), {"b@remote.test": 1})

    def test_what_breaks_a_batch_stops_no_other(self):
        """Before anything is composed, where other addons choose servers: it is about all mails of the batch."""
        self.server()
        first, broken, last = self.queue(
            "a@remote.test", {"email_to": "b@remote.test", "subject": "broken"}, "c@remote.test"
        )
        self.ask(
            """
from odoo.addons.mail.models.mail_mail import MailMail
split = MailMail._split_by_mail_configuration
def breaking(self):
    if "broken" in self.mapped("subject"):
        raise ValueError("no server for this")
    return split(self)
MailMail._split_by_mail_configuration = breaking
try:
    env["mail.mail"].process_email_queue()
finally:
    MailMail._split_by_mail_configuration = split
"""
        )
        self.assertEqual(self.taken(), {"a@remote.test": 1, "c@remote.test": 1})
        sent, broken, also_sent = self.mails(first, broken, last)
        self.assertEqual((sent[0], broken[0], also_sent[0]), ("sent", "exception", "sent"))
        self.assertEqual(broken[2], "The message could not be composed: no server for this")

    def test_the_mail_before_a_cancelled_one_is_not_sent_again(self):
        """The outcome of one is written with the beginning of the next."""
        self.server()
        first, second = self.queue("slow1@remote.test", "b@remote.test")
        running = self.start("env['mail.mail'].process_email_queue()")
        wait_for(lambda: self.rows("SELECT 1 FROM spp_email_delivery WHERE state = 'sending'"), "the first is begun")
        self.ask("env['mail.mail'].browse(mail).cancel()", mail=second)
        running.wait(60)
        self.assertEqual(self.ledger(), [("slow1@remote.test", "sent", "accepted")])
        self.make_due()
        self.send()
        self.assertEqual([mail[0] for mail in self.mails(first, second)], ["sent", "cancel"])
        self.assertEqual(self.taken(), {"slow1@remote.test": 1})

    def test_a_person_goes_before_a_mass_mailing(self):
        """As far as the queue's order goes: the campaign's number is what mass_mailing writes."""
        self.server()
        mails = self.queue(*(f"r{number}@remote.test" for number in range(6)))
        self.ask("env['spp.email.queue']._adopt()")
        self.rows("UPDATE spp_email_queue SET priority = 20, campaign = 7 WHERE mail_id IN %s", tuple(mails[:4]))
        self.rows("UPDATE spp_email_queue SET priority = 20, campaign = 3 WHERE mail_id IN %s", tuple(mails[2:4]))
        claimed = self.ask("answer = list(env['spp.email.queue']._claim_due(1))")
        self.assertEqual(claimed, [mails[4]])
        order = [self.ask("answer = list(env['spp.email.queue']._claim_due(1))")[0] for _number in range(5)]
        self.assertEqual(order, [mails[5], mails[2], mails[3], mails[0], mails[1]])

    def test_notifications_follow_each_recipient(self):
        self.server()
        lead, mail = self.ask(
            """
lead = env["crm.lead"].create({"name": "Red envelope"})
partners = env["res.partner"].create([{"name": to, "email": to + "@remote.test"} for to in ("a", "e550")])
message = lead.message_post(body="Hello", partner_ids=partners.ids, subtype_xmlid="mail.mt_comment")
answer = [lead.id, env["mail.mail"].search([("mail_message_id", "=", message.id)]).ids[0]]
"""
        )
        self.rows("UPDATE mail_mail SET auto_delete = TRUE WHERE id = %s", mail)
        self.send()
        found = self.rows(
            "SELECT partner.name, notification_status, failure_type, failure_reason FROM mail_notification"
            " JOIN res_partner partner ON partner.id = res_partner_id JOIN mail_message ON mail_message.id ="
            " mail_message_id WHERE model = 'crm.lead' AND mail_message.res_id = %s AND notification_type = 'email'"
            " ORDER BY partner.name",
            lead,
        )
        self.assertEqual([row[:3] for row in found], [("a", "sent", None), ("e550", "exception", "mail_email_invalid")])
        self.assertEqual(found[1][3], "The server did not understand us.")
        # The mail is still there for whoever corrects the address.
        self.assertEqual(self.mails(mail)[0][0], "exception")

    def test_deleted_once_sent_the_ledger_keeps_it(self):
        self.server()
        (mail,) = self.queue("amina@remote.test", auto_delete=True, subject="Gone")
        self.send(mail)
        self.assertEqual(self.mails(mail), [])
        self.assertEqual(
            self.ledger("subject", "mail_id"), [("amina@remote.test", "sent", "accepted", "Gone", None)]
        )

    def test_the_next_server_that_may_send_takes_over(self):
        away = self.server(port=process.free_port(), sequence=1)
        second = self.server(sequence=2)
        mails = self.queue(*(f"r{number}@remote.test" for number in range(5)))
        self.send()
        self.assertEqual({mail[0] for mail in self.mails(*mails)}, {"sent"})
        self.assertEqual({row[3] for row in self.ledger("server_id")}, {second})
        self.assertNotEqual(away, second)

    def test_a_server_that_may_not_send_this_from_never_takes_over(self):
        self.server(port=process.free_port(), from_filter="example.test")
        self.server(from_filter="other.test")
        (mail,) = self.queue("a@remote.test")
        self.send(mail)
        self.assertEqual(self.mails(mail)[0][0], "outgoing")
        self.assertEqual(self.sink.count, 0)

    def test_whoever_waits_under_an_old_address_waits_no_more(self):
        """The contact's address is corrected while its mail waits."""
        self.server()
        (mail,) = self.queue({"partners": ["t9@remote.test", "b@remote.test"]})
        self.send(mail)
        self.assertEqual({row[0]: row[1] for row in self.ledger()}["t9@remote.test"], "deferred")
        self.ask("env['res.partner'].search([('email', '=', 't9@remote.test')]).email = 'new@remote.test'")
        self.make_due()
        self.send(mail)
        self.assertEqual(self.mails(mail), [("sent", None, None)])
        states = {row[0]: row[1] for row in self.ledger()}
        self.assertEqual(states, {"t9@remote.test": "cancelled", "b@remote.test": "sent", "new@remote.test": "sent"})
        self.assertEqual(self.taken(), {"b@remote.test": 1, "new@remote.test": 1})

    def test_within_a_request_the_queue_sends_to_nobody_again(self):
        self.ask("env['ir.config_parameter'].set_param('spp_email_gateway.send_in_request', 'True')")
        self.addCleanup(self.ask, "env['ir.config_parameter'].set_param('spp_email_gateway.send_in_request', False)")
        self.server()
        (mail,) = self.queue({"partners": ["a@remote.test", "t1@remote.test"]})
        self.ask("env['mail.mail'].browse(mail).send()", mail=mail)
        states = {row[0]: row[1] for row in self.ledger()}
        self.assertEqual(states, {"a@remote.test": "sent", "t1@remote.test": "deferred"})
        self.assertEqual(self.mails(mail)[0][0], "outgoing")
        self.make_due()
        self.send(mail)
        self.assertEqual(self.mails(mail), [("sent", None, None)])
        self.assertEqual(self.taken(), {"a@remote.test": 1, "t1@remote.test": 1})

    def test_what_is_taken_without_an_answer_again_and_again_is_left_to_a_person(self):
        self.server()
        (mail,) = self.queue("dropend@remote.test")
        for _attempt in range(3):
            self.send(mail)
            self.make_due()
        self.assertEqual([row[1:] for row in self.ledger("attempts")], [("unknown", "lost_after_data", 2)])
        self.assertEqual(self.sink.count, 2)

    def test_not_everybody_may_run_the_queue(self):
        self.server()
        (mail,) = self.queue("a@remote.test")
        with self.assertRaises(ConsoleError) as caught:
            self.ask(
                "portal = env['res.users'].create({'name': 'p', 'login': 'p', 'group_ids': [(6, 0,"
                " env.ref('base.group_portal').ids)]})\nenv['mail.mail'].with_user(portal).process_email_queue()"
            )
        self.assertEqual(caught.exception.kind, "AccessError")
        self.assertEqual(self.mails(mail)[0][0], "outgoing")
