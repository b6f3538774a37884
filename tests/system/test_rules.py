# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A rule holds for the next message, whichever process or thread takes it."""

from __future__ import annotations

from .case import SystemCase, box, letter, wait_for

# A worker that has been at it for long: whatever Odoo does at the beginning of a request or a job is over.
WORKER = """
import time
lane = env["spp.email.lane"]
while True:
    lane._process_due(1)
    env.cr.rollback()
    time.sleep(0.05)
"""

JOURNAL = """
from odoo.addons.spp_email_gateway.models.spp_email_journal import JournalEntry
env["spp.email.journal"]._write_entries([JournalEntry("rules", "INBOX", "1", uid, raw.encode(), server_id=server)])
"""

RULE = """
answer = env["spp.email.rule"].create({
    "name": "Hold", "quarantine": True,
    "condition_ids": [(0, 0, {"place": "subject", "operator": "contains", "value": "rule"})],
}).id
"""

# A thread of the same process asks for the rules while another has written one and not committed.
BETWEEN = """
with env.registry.cursor() as cr:
    writer = env(cr=cr)
    rule = writer["spp.email.rule"].create({"name": "Between", "quarantine": True})
    writer.flush_all()
    with env.registry.cursor() as other:
        before = [found.id for found in env(cr=other)["spp.email.rule"]._compiled()]
env.registry.signal_changes()
with env.registry.cursor() as other:
    after = [found.id for found in env(cr=other)["spp.email.rule"]._compiled()]
answer = [rule.id in before, rule.id in after]
"""


class TestRules(SystemCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(self.ask, "env['spp.email.rule'].search([]).unlink()")

    def outcome(self, server, subject):
        """Journal a message and return what the worker makes of it."""
        self.ask(JOURNAL, server=server, uid=subject, raw=letter(subject).decode())
        return wait_for(
            lambda: self.rows(
                "SELECT state, reason FROM spp_email_inbound WHERE subject = %s AND state NOT IN"
                " ('received', 'processing')",
                subject,
            ),
            f"{subject} is processed",
            60,
        )[0]

    def test_a_worker_that_runs_sees_each_change_by_the_next_message(self):
        server = self.mailbox(box())
        self.start(WORKER)
        made, held = ("done", "record_created"), ("quarantined", "rule")
        self.assertEqual(self.outcome(server, "no rule yet"), made)
        rule = self.ask(RULE)
        self.assertEqual(self.outcome(server, "a rule is there"), held)
        self.ask("env['spp.email.rule'].browse(rule).condition_ids.value = 'other'", rule=rule)
        self.assertEqual(self.outcome(server, "the rule looks for something else"), made)
        self.ask("env['spp.email.rule'].browse(rule).condition_ids.unlink()", rule=rule)
        self.assertEqual(self.outcome(server, "the rule is for all"), held)
        self.ask("env['spp.email.rule'].browse(rule).unlink()", rule=rule)
        self.assertEqual(self.outcome(server, "the rule is gone"), made)

    def test_a_reader_in_between_does_not_keep_the_old_rules(self):
        self.assertEqual(self.ask(BETWEEN), [False, True])
