# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A real mailbox in which stock Odoo has lost mail: what is missing is found, and taken in on demand."""

from __future__ import annotations

from .case import SystemCase, box, letter

COMPARE = """
comparison = env["spp.email.reconciliation"].create({"server_id": server, **values})
comparison.action_compare()
answer = {
    "id": comparison.id, "state": comparison.state, "error": comparison.error_message,
    "counts": [comparison.total_count, comparison.journaled_count, comparison.recorded_count, comparison.waiting_count],
    "missing": comparison.line_ids.filtered(lambda line: line.state == "missing").mapped("subject"),
}
"""
TAKE_IN = """
comparison = env["spp.email.reconciliation"].browse(id)
comparison.line_ids.filtered(lambda line: line.subject in subjects).is_chosen = True
answer = comparison.action_take_in()["params"]["message"]
"""


class TestReconciliation(SystemCase):
    def compare(self, server, **values):
        return self.ask(COMPARE, server=server, values=values)

    def take_in(self, comparison, *subjects):
        return self.ask(TAKE_IN, id=comparison["id"], subjects=subjects)

    def test_imap(self):
        address = box()
        server = self.mailbox(address)
        # By stock: two were read, one made a record, the other failed and is marked as read all the same.
        raw = letter("stock made a record")
        for content in (raw, letter("stock lost it"), letter("stock lost it too")):
            self.dovecot.append(address, content, flags="\\Seen")
        self.ask("env['mail.thread'].message_process('crm.lead', raw.encode())", raw=raw.decode())
        for subject in ("the gateway took it", "it waits"):
            self.dovecot.deliver(address, letter(subject))
            if subject != "it waits":
                self.fetch(server)
        before = self.dovecot.messages(address)
        found = self.compare(server)
        self.assertEqual(found["state"], "done", found["error"])
        self.assertEqual(found["counts"], [5, 1, 1, 1])
        self.assertEqual(sorted(found["missing"]), ["stock lost it", "stock lost it too"])
        self.assertEqual(self.dovecot.messages(address), before, "a comparison changes no flag")
        self.assertIn("1 messages were taken in", self.take_in(found, "stock lost it"))
        self.assertEqual(self.leads("stock lost it%"), ["stock lost it"])
        self.assertEqual(self.dovecot.messages(address), before, "taking in changes no flag either")
        self.assertEqual(self.compare(server)["missing"], ["stock lost it too"])
        # What waited is taken by the next check, as ever.
        self.fetch(server)
        self.assertEqual(self.leads("it waits"), ["it waits"])

    def test_pop(self):
        address = box()
        server = self.mailbox(address, "pop")
        for subject in ("one", "two"):
            self.dovecot.deliver(address, letter(f"popped {subject}"))
        found = self.compare(server, since_date="2020-01-01 00:00:00")
        self.assertEqual(sorted(found["missing"]), ["popped one", "popped two"], found)
        self.take_in(found, "popped one")
        self.assertEqual(self.leads("popped %"), ["popped one"])
        self.assertEqual(len(self.flags(address)), 2, "nothing is deleted by taking in")
        self.fetch(server)
        self.assertEqual(self.leads("popped %"), ["popped one", "popped two"])

    def test_a_thousand_messages(self):
        address = box()
        server = self.mailbox(address)
        for number in range(1000):
            self.dovecot.fill(address, [letter(f"many {number}")])
        self.ask(
            "from odoo.addons.spp_email_gateway.engine.mailbox import Selection\n"
            "server = env['fetchmail.server'].browse(id)\n"
            "with server._gateway_open_mailbox() as reader:\n"
            "    reader.enter(Selection())\n"
            "    reader.acknowledge(reader.waiting())",
            id=server,
        )
        found = self.compare(server, most_messages=400)
        self.assertEqual((found["counts"], len(found["missing"])), ([1000, 0, 0, 0], 400))
        found = self.compare(server, most_messages=5000)
        self.assertEqual((found["counts"], len(found["missing"])), ([1000, 0, 0, 0], 1000))

    def test_a_wrong_password_is_said(self):
        found = self.compare(self.mailbox(box(), password="wrong"))
        self.assertEqual((found["state"], found["error"]), ("failed", "User name or password is wrong."))
