# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Pressing Send queues; the commit wakes a real server's cron worker, and nothing else could."""

from __future__ import annotations

from tools.odoo_server import OdooServer

from .case import wait_for
from .sending import SendingCase

POST = """
partner = env["res.partner"].create({"name": "Amina", "email": to})
lead = env["crm.lead"].create({"name": "Send"})
message = lead.message_post(body="Hello", partner_ids=partner.ids, subtype_xmlid="mail.mt_comment")
mail = env["mail.mail"].search([("mail_message_id", "=", message.id)])
mail.auto_delete = False
answer = [mail.id, mail.state]
"""


class TestSendingSchedule(SendingCase):
    def setUp(self):
        super().setUp()
        self.server()
        # Only what is triggered runs.
        self.rows("UPDATE ir_cron SET nextcall = '2090-01-01'")
        self.rows("DELETE FROM ir_cron_trigger")

    def serve(self, cron=1):
        server = OdooServer(self.database, cron=cron)
        self.addCleanup(server.stop)
        server.start()

    def test_a_person_does_not_wait_and_the_queue_does_not_sleep(self):
        self.serve()
        mail, state = self.ask(POST, to="amina@remote.test")
        self.assertEqual(state, "outgoing")
        wait_for(lambda: self.sink.count == 1, "it leaves", 30)
        wait_for(lambda: self.mails(mail) == [("sent", None, None)], "it is called sent", 30)

    def test_what_was_put_off_comes_back_by_itself(self):
        (mail,) = self.queue("t1@remote.test")
        self.send(mail)
        self.assertEqual(self.mails(mail)[0][0], "outgoing")
        triggers = self.value(
            "SELECT count(*) FROM ir_cron_trigger WHERE call_at > now() AT TIME ZONE 'UTC' + interval '10 seconds'"
            " AND cron_id = (SELECT res_id FROM ir_model_data WHERE name = 'ir_cron_mail_scheduler_action')"
        )
        self.assertGreaterEqual(triggers, 1)

    def test_whoever_wants_an_exception_is_answered_at_once(self):
        """As sign-up and two-factor mail do."""
        mail, state = self.ask(
            "mail = env['mail.mail'].create({'subject': 'Code', 'body_html': 'x', 'email_to': 'a@remote.test',"
            " 'auto_delete': False})\nmail.send(raise_exception=True)\nanswer = [mail.id, mail.state]"
        )
        self.assertEqual(state, "sent")
        self.assertEqual([row[:3] for row in self.ledger()], [("a@remote.test", "sent", "accepted")])
        self.assertEqual(self.sink.count, 1)
        # The queue finds nothing to do.
        self.send(mail)
        self.assertEqual(self.sink.count, 1)

    def test_a_link_to_log_in_does_not_wait_for_a_worker(self):
        """As sign-up's do, which want no exception. Nobody runs the queue here."""
        self.ask(
            "user = env['res.users'].create({'name': 'Amina', 'login': 'amina@remote.test', 'email':"
            " 'amina@remote.test'})\nuser.action_reset_password()"
        )
        self.assertEqual([row[:2] for row in self.ledger()][-1:], [("amina@remote.test", "sent")])
        self.assertGreaterEqual(self.sink.count, 1)

    def test_a_link_to_log_in_is_not_lost_with_the_savepoint_it_is_sent_in(self):
        """Odoo rolls it back, whatever came of it."""
        port = self.value("SELECT smtp_port FROM ir_mail_server WHERE active")
        self.rows("UPDATE ir_mail_server SET smtp_port = 9 WHERE active")
        self.ask("env.invalidate_all()")
        self.ask(
            "user = env['res.users'].with_context(no_reset_password=True).create({'name': 'Joe', 'login':"
            " 'joe@remote.test', 'email': 'joe@remote.test'})\nuser.action_reset_password()"
        )
        self.rows("UPDATE ir_mail_server SET smtp_port = %s WHERE active", port)
        self.ask("env.invalidate_all()")
        self.make_due()
        self.send()
        self.assertEqual(self.taken()["joe@remote.test"], 1)

    def test_what_may_pass_is_queued_instead_of_failing(self):
        self.rows("UPDATE ir_mail_server SET smtp_port = 9 WHERE active")
        self.ask("env.invalidate_all()")
        mail, state = self.ask(
            "mail = env['mail.mail'].create({'subject': 'Code', 'body_html': 'x', 'email_to': 'a@remote.test',"
            " 'auto_delete': False})\nmail.send(raise_exception=True)\nanswer = [mail.id, mail.state]"
        )
        self.assertEqual(state, "outgoing")

    def test_odoos_way_by_a_setting(self):
        self.ask("env['ir.config_parameter'].set_param('spp_email_gateway.send_in_request', 'True')")
        self.addCleanup(self.ask, "env['ir.config_parameter'].set_param('spp_email_gateway.send_in_request', False)")
        _mail, state = self.ask(
            "mail = env['mail.mail'].create({'subject': 'x', 'body_html': 'x', 'email_to': 'a@remote.test',"
            " 'auto_delete': False})\nmail.send()\nanswer = [mail.id, mail.state]"
        )
        self.assertEqual(state, "sent")
        self.assertEqual([row[1] for row in self.ledger()], ["sent"])
