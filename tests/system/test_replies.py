# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A notification leaves with a signed reply address, and its answer comes back by real servers and finds its thread."""

from __future__ import annotations

import email
import email.policy
import smtplib
import time
from email.utils import parseaddr

from tools.sandbox import DOMAIN

from .case import SystemCase, box, wait_for

SETUP = """
values = {"name": name, "bounce_alias": bounce, "catchall_alias": catchall}
domain = env.company.alias_domain_id
if domain:
    domain.write(values)
else:
    domain = env.company.alias_domain_id = env["mail.alias.domain"].create(values)
env.company.email = "office@" + name
answer = domain.id
"""
STATE = """
domain = env["mail.alias.domain"].browse(domain)
answer = [domain.gateway_subaddress_state, domain.gateway_subaddress_text]
"""
ASK = """
lead = env["crm.lead"].create({"name": subject})
person = env["res.partner"].create({"name": "Ann", "email": address})
lead.message_post(body="What is your address?", partner_ids=person.ids, message_type="comment",
    subtype_xmlid="mail.mt_comment", email_from="Office <office@example.test>")
env.cr.commit()
env["mail.mail"].process_email_queue()
answer = lead.id
"""
POSTED = """
messages = env["crm.lead"].browse(lead).message_ids.filtered(lambda one: one.message_type == "email")
answer = [[message.author_id.name, str(message.body)] for message in messages.sorted("id")]
"""


class TestReplies(SystemCase):
    def setUp(self):
        super().setUp()
        self.rows("UPDATE ir_mail_server SET active = FALSE")
        self.catchall, bounces, self.person = box(), box(), box()
        self.domain = self.ask(
            SETUP, name=DOMAIN, catchall=self.catchall.partition("@")[0], bounce=bounces.partition("@")[0]
        )
        self.mailbox_id = self.mailbox(self.catchall, object_id=False)
        self.server = self.ask(
            "answer = env['ir.mail_server'].create(values).id",
            values={
                "name": "out",
                "smtp_host": self.sandbox.host,
                "smtp_port": self.postfix.submission,
                "smtp_encryption": "starttls_strict",
                "smtp_user": "relay@example.test",
                "smtp_pass": "relaypw",
                "gateway_ca_certificate": self.sandbox.ca_certificate,
            },
        )

    def prove(self):
        self.ask("env['mail.alias.domain'].browse(domain).action_prove_subaddress()", domain=self.domain)

    def begin(self, **values):
        """Prove that the catchall takes details, and sign from now on."""
        self.prove()
        self.assertEqual(self.ask(STATE, domain=self.domain)[0], "waiting")
        wait_for(lambda: self.dovecot.messages(self.catchall), "the test comes back")
        self.fetch(self.mailbox_id)
        self.assertEqual(self.ask(STATE, domain=self.domain)[0], "proven")
        self.assertEqual([row[1:] for row in self.journal(self.mailbox_id)], [("done", "round_trip")])
        self.ask(
            "env['mail.alias.domain'].browse(domain).write(values)",
            domain=self.domain,
            # Leads have an alias: without it their answers would go there, and make other leads.
            values={"gateway_reply_signing": "all", **values},
        )

    def question(self, subject):
        """Post to a new lead; return (its id, the message as the person's mailbox has it)."""
        before = len(self.dovecot.messages(self.person))
        lead = self.ask(ASK, subject=subject, address=self.person)
        messages = wait_for(lambda: self.dovecot.messages(self.person)[before:], "the question arrives")
        return lead, email.message_from_bytes(messages[0][2], policy=email.policy.default)

    def answer(self, to, text, **headers):
        """Write an answer as a mail service does that changes identifiers, by SMTP; fetch it, return its outcome."""
        fields = {
            "From": f"Ann <{self.person}>",
            "To": to,
            "Subject": "Re: What is your address?",
            "Message-ID": f"<{time.time_ns()}@provider.test>",
            "Date": "Tue, 03 Jun 2025 10:00:00 +0000",
            **headers,
        }
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        before = len(self.dovecot.messages(self.catchall))
        with smtplib.SMTP("127.0.0.1", self.postfix.smtp, timeout=20) as session:
            session.sendmail(self.person, [parseaddr(to)[1]], "\r\n".join([*lines, "", text, ""]))
        wait_for(lambda: len(self.dovecot.messages(self.catchall)) > before, "the answer arrives")
        self.fetch(self.mailbox_id)
        return self.journal(self.mailbox_id)[-1][1:]

    def test_an_answer_finds_its_thread(self):
        self.begin()
        lead, question = self.question("Lead of the answer")
        reply_to = str(question["Reply-To"])
        local = self.catchall.partition("@")[0]
        self.assertRegex(parseaddr(reply_to)[1], rf"^{local}\+[a-z2-7]{{40}}@{DOMAIN}$")
        # Nothing in it names what we sent.
        outcome = self.answer(reply_to, "Hill Street 5", References="<x@p.test>", In_Reply_To="<y@p.test>")
        self.assertEqual(outcome, ("done", "record_updated"))
        self.assertEqual([name for name, _body in self.ask(POSTED, lead=lead)], ["Ann"])
        self.assertIn("Hill Street 5", self.ask(POSTED, lead=lead)[0][1])
        # And the contact of the signed address was never made.
        self.assertEqual(self.value("SELECT count(*) FROM res_partner WHERE email LIKE '%%+%%'"), 0)

    def test_a_guess_finds_nothing_and_is_told_what_all_are_told(self):
        self.begin()
        lead, question = self.question("Lead of the guess")
        address = parseaddr(str(question["Reply-To"]))[1]
        place = address.index("@") - 1
        guess = address[:place] + ("a" if address[place] != "a" else "b") + address[place + 1 :]
        self.assertEqual(self.answer(guess, "Let me in"), ("quarantined", "not_for_writing"))
        self.assertEqual(self.ask(POSTED, lead=lead), [])
        before = len(self.dovecot.messages(self.person))
        self.ask("env['mail.mail'].process_email_queue()")
        notice = wait_for(lambda: self.dovecot.messages(self.person)[before:], "the notice arrives")[0][2].decode()
        self.assertIn("mailto:office@example.test", notice)
        self.assertIn("Let me in", notice)
        self.assertIn("Return-Path: <>", notice)

    def test_only_holders_answer(self):
        self.begin(gateway_reply_policy="holders")
        lead, question = self.question("Lead of the holder")
        plain = self.answer(self.catchall, "By reference", In_Reply_To=str(question["Message-ID"]))
        self.assertEqual(plain, ("quarantined", "reply_not_allowed"))
        self.assertEqual(self.ask(POSTED, lead=lead), [])
        self.assertEqual(self.answer(str(question["Reply-To"]), "By address"), ("done", "record_updated"))
        self.assertEqual(len(self.ask(POSTED, lead=lead)), 1)

    def test_a_server_that_refuses_the_address(self):
        # Postfix refuses this name in the sandbox, with a detail or without.
        self.ask("env['mail.alias.domain'].browse(domain).catchall_alias = 'reject'", domain=self.domain)
        self.prove()
        state, text = self.ask(STATE, domain=self.domain)
        self.assertEqual(state, "refused")
        self.assertIn("no such user", text)
