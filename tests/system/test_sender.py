# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""With which From mail leaves through a real server, and that a copy of the database sends and reads nothing."""

from __future__ import annotations

from email import message_from_bytes, policy

from .case import PASSWORD, SystemCase, box, letter, wait_for
from .console import ConsoleError

RELAY, RELAY_PASSWORD = "relay@example.test", "relaypw"

SETUP = """
env["ir.mail_server"].search([]).active = False
domain = env["mail.alias.domain"].search([], limit=1) or env["mail.alias.domain"].create({"name": "example.test"})
domain.write({"name": "example.test", "default_from": "notifications"})
env.company.alias_domain_id = domain
answer = env["ir.mail_server"].create(values).id
"""

SEND = """
servers = env["ir.mail_server"]
servers.send_email(servers._build_email__(sender, to, "Hello", "Text", reply_to=reply_to))
"""


class SenderCase(SystemCase):
    def setUp(self):
        values = {
            "name": "out",
            "smtp_host": self.sandbox.host,
            "smtp_port": self.postfix.submission,
            "smtp_encryption": "starttls_strict",
            "smtp_user": RELAY,
            "smtp_pass": RELAY_PASSWORD,
            "gateway_ca_certificate": self.sandbox.ca_certificate,
        }
        self.server = self.ask(SETUP, values=values)

    def sent(self, sender, reply_to=False):
        """Send a mail past the queue, as other addons do; return it as it arrived."""
        to = box()
        self.ask(SEND, sender=sender, to=to, reply_to=reply_to)
        ((_uid, _flags, content),) = wait_for(lambda: self.dovecot.messages(to), "the mail arrives", 15)
        return message_from_bytes(content, policy=policy.default)


class TestSender(SenderCase):
    def test_the_from_of_each_policy(self):
        for chosen, sender, expected in (
            ("rewrite", '"Mary Ünal" <mary@customer.test>', "Mary Ünal <notifications@example.test>"),
            ("rewrite", "Ann <ann@example.test>", "Ann <ann@example.test>"),
            ("keep", "Mary <mary@customer.test>", "Mary <mary@customer.test>"),
            ("force", "Ann <ann@example.test>", "Ann <notifications@example.test>"),
            ("odoo", "Ann <ann@example.test>", "Ann <notifications@example.test>"),
        ):
            with self.subTest(policy=chosen, sender=sender):
                change = "env['ir.mail_server'].browse(server).gateway_from_policy = chosen"
                self.ask(change, server=self.server, chosen=chosen)
                message = self.sent(sender)
                self.assertEqual(str(message["From"]).replace('"', ""), expected)
                # Answers reach the sender.
                self.assertEqual(str(message["Reply-To"]).replace('"', ""), sender.replace('"', ""))
                self.assertEqual(message.get_all("From"), [message["From"]])

    def test_one_address_for_all(self):
        self.ask("env['ir.config_parameter'].set_param('mail.force.smtp.from', 'all@example.test')")
        self.addCleanup(self.ask, "env['ir.config_parameter'].set_param('mail.force.smtp.from', False)")
        message = self.sent("Ann <ann@example.test>", reply_to="catchall@example.test")
        self.assertEqual(str(message["From"]).replace('"', ""), "Ann <all@example.test>")
        self.assertEqual(str(message["Reply-To"]), "catchall@example.test")


class TestCopy(SenderCase):
    def test_a_copy_sends_and_reads_nothing_until_it_may(self):
        to, mailbox = box(), box()
        uuid = self.ask("answer = env['ir.config_parameter'].get_param('database.uuid')")
        back = "env['ir.config_parameter'].set_param('database.uuid', uuid); env['spp.email.binding']._bind()"
        self.addCleanup(self.ask, back, uuid=uuid)
        # As Odoo does with a database that it duplicates.
        self.ask("env['ir.config_parameter'].init(force=True)")
        self.dovecot.deliver(mailbox, letter("for the original"))
        values = {"name": "in", "server": "localhost", "port": self.dovecot.imaps, "user": mailbox}
        values.update(password=PASSWORD, state="done", gateway_ca_certificate=self.sandbox.ca_certificate)
        self.ask("env['fetchmail.server'].create(values)", values=values)
        fetch = "env['fetchmail.server'].search([('user', '=', user)]).fetch_mail()"
        relayed = self.postfix.log_text().count("connect from")
        for code, names in ((SEND, {"sender": RELAY, "to": to, "reply_to": False}), (fetch, {"user": mailbox})):
            with self.assertRaises(ConsoleError) as caught:
                self.ask(code, **names)
            self.assertIn("This database may be a copy: its identifier (database.uuid) is", str(caught.exception))
        self.assertEqual(self.postfix.log_text().count("connect from"), relayed)
        self.assertEqual(self.dovecot.messages(to), [])
        self.ask("env['spp.email.binding']._confirm()")
        self.ask(SEND, sender=RELAY, to=to, reply_to=False)
        wait_for(lambda: self.dovecot.messages(to), "the mail arrives", 15)
        self.ask(fetch, user=mailbox)
        self.assertEqual(self.value("SELECT count(*) FROM spp_email_inbound WHERE subject = 'for the original'"), 1)
