# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""People decide at the same time as each other and as the workers; what they answer leaves by a real server."""

from __future__ import annotations

import email
import threading

from .case import SystemCase, box, letter, wait_for
from .console import Console, ConsoleError

RELAY, RELAY_PASSWORD = "relay@example.test", "relaypw"
JOURNAL = """
from odoo.addons.spp_email_gateway.models.spp_email_journal import JournalEntry
env["spp.email.journal"]._write_entries(
    [JournalEntry("decisions", "INBOX", "1", text[:2000], text.encode()) for text in messages]
)
env.cr.commit()
env["spp.email.lane"]._process_due()
env.cr.commit()
answer = env["spp.email.inbound"].search([("state", "=", "quarantined")], order="id").ids
"""
OPEN = """
answer = env["spp.email.inbound.route"].create({"inbound_ids": entries, "target_model": "res.partner"}).id
"""
CONFIRM = "env['spp.email.inbound.route'].browse(wizard).action_confirm()"
# A contact takes its time, as one with a slow computed field does.
SLOW = """
import time
partners = env.registry["res.partner"]
create = partners.create
def slow(self, vals_list):
    time.sleep(2)
    return create(self, vals_list)
partners.create = slow
try:
    env["spp.email.inbound"].browse(entries).action_retry()
    env.cr.commit()
    rows = env["spp.email.inbound"].browse(entries).sudo()
    rows.write({"route": {"model": "res.partner", "forced": True, "why": "test"}})
    env.cr.commit()
    env["spp.email.lane"]._process_due()
finally:
    del partners.create
"""


class TestDecisions(SystemCase):
    def setUp(self):
        self.rows("DELETE FROM spp_email_inbound")
        self.rows("DELETE FROM mail_mail")

    def waiting(self, *subjects, sender=None):
        texts = [letter(subject, sender=sender).decode() for subject in subjects]
        entries = self.ask(JOURNAL, messages=texts)
        self.assertEqual(len(entries), len(subjects))
        return entries

    def states(self):
        return [state for (state,) in self.rows("SELECT state FROM spp_email_inbound ORDER BY id")]

    def second(self):
        console = Console(self.database)
        self.addCleanup(console.stop)
        return console

    def at_once(self, *asked):
        """Ask several consoles at the same moment; return what each answered or raised."""
        found = [None] * len(asked)
        gate = threading.Barrier(len(asked))

        def ask(number, console, code, names):
            gate.wait(30)
            try:
                found[number] = console.ask(code, **names)
            except ConsoleError as error:
                found[number] = error

        threads = [threading.Thread(target=ask, args=(number, *one)) for number, one in enumerate(asked)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return found

    def test_two_people_route_the_same_messages_at_once(self):
        other = self.second()
        entries = self.waiting(*(f"both {number}" for number in range(10)))
        for entry in entries:
            first, second = (self.ask(OPEN, entries=[entry]) for _number in range(2))
            found = self.at_once((self.console, CONFIRM, {"wizard": first}), (other, CONFIRM, {"wizard": second}))
            lost = [error for error in found if isinstance(error, ConsoleError)]
            self.assertEqual(len(lost), 1, found)
            self.assertEqual(lost[0].kind, "UserError", lost[0])
            self.assertIn("somebody else has just decided about this message", lost[0].text)
        self.assertEqual(self.states(), ["done"] * 10)
        made = self.rows("SELECT name, count(*) FROM res_partner WHERE name LIKE 'both %%' GROUP BY name")
        self.assertEqual(sorted(made), sorted((f"both {number}", 1) for number in range(10)))

    def test_one_discards_while_another_routes(self):
        other = self.second()
        discard = "env['spp.email.inbound'].browse(entries).action_discard('no')"
        for number in range(10):
            (entry,) = self.waiting(f"either {number}")
            wizard = self.ask(OPEN, entries=[entry])
            found = self.at_once((self.console, CONFIRM, {"wizard": wizard}), (other, discard, {"entries": [entry]}))
            state = self.rows("SELECT state FROM spp_email_inbound WHERE id = %s", entry)[0][0]
            made = self.rows("SELECT count(*) FROM res_partner WHERE name = %s", f"either {number}")[0][0]
            # One of both is true, never half of each.
            self.assertIn((state, made), (("done", 1), ("discarded", 0)), found)
            self.rows("DELETE FROM spp_email_inbound")

    def test_what_a_worker_has_is_not_decided_on(self):
        (entry,) = self.waiting("in work")
        worker = self.second()
        wizard = self.ask(OPEN, entries=[entry])
        thread = threading.Thread(target=worker.ask, args=(SLOW,), kwargs={"entries": [entry]})
        thread.start()
        wait_for(lambda: self.states() == ["processing"], "the worker has it")
        with self.assertRaises(ConsoleError) as caught:
            self.ask(CONFIRM, wizard=wizard)
        self.assertEqual(caught.exception.kind, "UserError")
        self.assertIn("it is being processed", " ".join(caught.exception.text.split()))
        self.ask("env['spp.email.inbound'].browse(entries).action_discard('no')", entries=[entry])
        thread.join(60)
        self.assertEqual(self.states(), ["done"])
        self.assertEqual(self.rows("SELECT count(*) FROM res_partner WHERE name = 'in work'")[0][0], 1)

    def test_an_answer_reaches_the_sender_as_a_reply(self):
        address = box()
        self.ask(
            "env['ir.mail_server'].search([]).active = False\nenv['ir.mail_server'].create(values)",
            values={
                "name": "out",
                "smtp_host": self.sandbox.host,
                "smtp_port": self.postfix.submission,
                "smtp_encryption": "starttls_strict",
                "smtp_user": RELAY,
                "smtp_pass": RELAY_PASSWORD,
                "gateway_ca_certificate": self.sandbox.ca_certificate,
            },
        )
        (entry,) = self.waiting("Is the office open?", sender=address)
        message_id = self.rows("SELECT message_id FROM spp_email_inbound")[0][0]
        self.ask(
            "person = env.ref('base.user_admin')\n"
            "person.email = sender\n"
            "values = {'inbound_ids': entries, 'body': '<p>On Friday.</p>'}\n"
            "wizard = env['spp.email.inbound.answer'].with_user(person).create(values)\n"
            "wizard.action_send()\n"
            "env.cr.commit()\n"
            "env['mail.mail'].process_email_queue()",
            entries=[entry],
            sender=RELAY,
        )
        ((_uid, _flags, raw),) = wait_for(lambda: self.dovecot.messages(address), "the answer arrives", 15)
        answer = email.message_from_bytes(raw)
        self.assertEqual(answer["Subject"], "Re: Is the office open?")
        self.assertEqual((answer["In-Reply-To"], answer["References"]), (message_id, message_id))
        self.assertIsNone(answer["Auto-Submitted"])
        self.assertIn(b"On Friday.", raw)
        self.assertEqual(self.states(), ["discarded"])
