# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Two gateways, each with a database of its own, that answer each other's mail through Postfix and Dovecot."""

from __future__ import annotations

import os

from tools.database import Databases

from .case import PASSWORD, SystemCase, box, letter, wait_for
from .console import Console

SET_UP = """
# Databases of the tests are copies of one; these two have never met.
env["spp.email.token.key"].search([]).unlink()
env["spp.email.token.key"]._add_key()
env.company.email = address
env["ir.mail_server"].search([]).active = False
env["ir.mail_server"].create({
    "name": "Postfix", "smtp_host": "localhost", "smtp_port": smtp, "smtp_encryption": "none",
    "gateway_from_policy": "keep",
})
answer = env["fetchmail.server"].create({
    "name": "Office", "server_type": "imap", "server": "127.0.0.1", "port": imap, "user": address,
    "password": password, "is_ssl": False, "gateway_use_starttls": False, "state": "done",
    "gateway_start": "everything", "object_id": env["ir.model"]._get("crm.lead").id,
}).id
"""
ANSWER = """
env["mail.mail"].create({
    "email_from": %r, "email_to": record.email_from, "subject": "Thank you", "body_html": "<p>We got your mail.</p>",
    "auto_delete": False,
})
"""
ACTION = """
action = env["ir.actions.server"].create({
    "name": "Answer", "state": "code", "code": answering, "model_id": env["ir.model"]._get("spp.email.inbound").id,
})
env["fetchmail.server"].browse(box).write({"gateway_action": "server_action", "gateway_server_action_id": action.id})
"""
AUTOMATION = """
model = env["ir.model"]._get("crm.lead").id
env["base.automation"].create({
    "name": "Answer", "model_id": model, "trigger": "on_create",
    "action_server_ids": [(0, 0, {"name": "Answer", "state": "code", "code": answering, "model_id": model})],
})
"""
WRITE = """
env["mail.mail"].create({
    "email_from": sender, "email_to": to, "subject": "A question", "body_html": "<p>Who can help?</p>",
    "auto_delete": False,
})
"""


class Gateway:
    """One of the two: a database, its mailbox, and the process that works in it."""

    def __init__(self, console, connection, address, sandbox):
        self.console, self.connection, self.address = console, connection, address
        self.box = console.ask(
            SET_UP, smtp=sandbox.postfix.smtp, imap=sandbox.dovecot.imap, address=address, password=PASSWORD
        )

    def work(self):
        """Fetch, process, and send what came of it."""
        self.console.ask("env['fetchmail.server'].browse(box).fetch_mail()", box=self.box)
        self.console.ask("env['mail.mail'].process_email_queue()")

    def journal(self):
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT state, reason, detail FROM spp_email_inbound ORDER BY id")
            return cursor.fetchall()

    def sent(self):
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM spp_email_delivery WHERE state = 'sent'")
            return cursor.fetchone()[0]


class TwoGateways(SystemCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        databases = Databases()
        other = databases.create(f"sys_{cls.__name__.lower()}_other_{os.getpid()}", cls.template)
        cls.addClassCleanup(databases.drop, other)
        if cls.modules:
            databases.add(other, cls.modules, env=cls.odoo_env)
        connection = databases.connect(other)
        connection.autocommit = True
        cls.addClassCleanup(connection.close)
        console = Console(other, cls.odoo_env)
        cls.addClassCleanup(console.stop)
        cls.one = Gateway(cls.console, cls.connection, box(), cls.sandbox)
        cls.two = Gateway(console, connection, box(), cls.sandbox)

    def run_until_quiet(self):
        """Let both work until no mail is on its way any more; fail if that does not end."""
        for _round in range(12):
            before = self.one.sent() + self.two.sent()
            for gateway in (self.one, self.two):
                gateway.work()
                self.assertTrue(self.postfix.queue_empty(15), "Postfix has delivered all")
            if self.one.sent() + self.two.sent() == before:
                return
        self.fail(f"they still write to each other: {self.one.journal()}, {self.two.journal()}")

    def assert_stops(self):
        """The question is answered; the answer may be answered once; that is the end of it."""
        self.write(self.one.address, self.two.address)
        self.run_until_quiet()
        # The question itself, and two messages that no person sent.
        self.assertLessEqual(self.one.sent() + self.two.sent(), 3)
        question, *answers = self.two.journal()
        self.assertEqual(question[0], "done", question)
        self.assertLessEqual(len(answers), 1)
        # Where it ended, the journal says why.
        end = [*self.one.journal(), *answers][-1]
        self.assertIn(end[:2], [("quarantined", "loop"), ("discarded", "automatic_reply")], end)

    def write(self, sender, to):
        """A user of the first gateway writes to the second."""
        self.one.console.ask(WRITE, sender=sender, to=to)
        self.one.console.ask("env['mail.mail'].process_email_queue()")
        wait_for(lambda: self.dovecot.messages(to), "the mail arrives")


class TestFacingMailboxes(TwoGateways):
    """Both mailboxes run an action that answers every mail."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for gateway in (cls.one, cls.two):
            gateway.console.ask(ACTION, box=gateway.box, answering=ANSWER % gateway.address)

    def test_two_gateways_stop_within_two_messages(self):
        self.assert_stops()


class TestFacingAutomations(TwoGateways):
    """Both make leads of mail, and an automation rule answers each new lead."""

    modules = "base_automation"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for gateway in (cls.one, cls.two):
            gateway.console.ask(AUTOMATION, answering=ANSWER % gateway.address)

    def test_two_gateways_stop_within_two_messages(self):
        self.assert_stops()


class TestFacingAStranger(TwoGateways):
    """The other side strips what gateways write for each other, as a relay may: the limits stop it."""

    modules = "base_automation"

    def test_it_stops_at_the_limit(self):
        self.one.console.ask(AUTOMATION, answering=ANSWER % self.one.address)
        self.one.console.ask("env['ir.config_parameter'].set_param('mail.gateway.loop.threshold', '3')")
        robot = self.two.address
        for number in range(5):
            # Nothing in it tells that a machine wrote it, and it names no other message.
            self.dovecot.deliver(self.one.address, letter(f"Robot {number}", sender=robot))
            self.one.work()
        reasons = [row[1] for row in self.one.journal()]
        self.assertEqual(reasons, ["record_created"] * 3 + ["loop"] * 2)
        # Three answers, and one notice that it is enough.
        self.assertTrue(self.postfix.queue_empty(15))
        self.assertEqual(self.one.sent(), 4)
        found = [raw for _uid, _flags, raw in self.dovecot.messages(robot)]
        self.assertEqual(len(found), 4)
        notice = next(raw for raw in found if b"too many times" in raw)
        self.assertIn(b"Return-Path: <>", notice)
        self.assertIn(b"Auto-Submitted: auto-replied", notice)
