# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from unittest.mock import patch

from odoo.tests import tagged

from ..engine.errors import GatewayError
from ..engine.mailbox import Fetched
from .common import GatewayCase, ScriptedMailbox, eml


class Damaged(ScriptedMailbox):
    """Does not hand out some of its messages, as readers tell it."""

    def __init__(self, *contents, damaged=()):
        super().__init__(*contents)
        self.damaged, self.asked = set(damaged), []

    def fetch(self, entries):
        refused = []
        for entry in entries:
            self.asked.append(entry.uid)
            if entry.uid in self.damaged:
                refused.append(entry.key)
            else:
                yield Fetched(entry, self.contents[entry.uid])
        if refused:
            error = GatewayError("The server did not hand out a message.", phase="fetch")
            error.entries = tuple(refused)
            raise error


@tagged("post_install", "-at_install")
class TestUnreadable(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.box = cls.mailbox()

    def fetch(self, mailbox):
        mailbox.asked.clear()
        opening = patch.object(type(self.box), "_gateway_open_mailbox", lambda server: mailbox)
        with opening, self.committing() as env:
            result = env["spp.email.fetching"]._fetch(self.box.with_env(env))
        self.box.invalidate_recordset()
        return result

    def rest_is_over(self):
        self.sql("UPDATE spp_email_unreadable SET next_date = now() - interval '1 minute' RETURNING id")

    def findings(self):
        return [finding.code for finding in self.env["spp.email.unreadable"]._gateway_health()]

    def test_the_mailbox_counts_as_read_and_the_message_rests(self):
        mailbox = Damaged(eml(), eml(), eml(), damaged=["2"])
        error, new, _outcomes = self.fetch(mailbox)
        self.assertEqual((error, new, self.box.gateway_failures, self.box.error_message), (None, 2, 0, False))
        self.fetch(mailbox)
        self.assertEqual(mailbox.asked, [], "it is left alone for a while")
        self.assertEqual(mailbox.told, ["1", "3"], "and never told as taken")
        self.rest_is_over()
        self.fetch(mailbox)
        self.assertEqual(mailbox.asked, ["2"])

    def test_pauses_grow(self):
        mailbox, pauses = Damaged(eml(), damaged=["1"]), []
        for _round in range(4):
            self.fetch(mailbox)
            pauses += [row[0] for row in self.sql("SELECT next_date - now() FROM spp_email_unreadable")]
            self.rest_is_over()
        self.assertEqual(pauses, sorted(pauses))
        self.assertGreater(pauses[-1], 4 * pauses[0])

    def test_managers_are_told_once_and_of_the_end(self):
        mailbox = Damaged(eml(), damaged=["1"])
        for told in (False, False, True, True):
            self.fetch(mailbox)
            self.rest_is_over()
            code = f"mailbox_{self.box.id}_unreadable_messages"
            self.assertEqual(code in self.findings(), told)
        mailbox.damaged.clear()
        self.assertEqual(self.fetch(mailbox)[1], 1)
        self.assertNotIn(code, self.findings())

    def test_what_is_no_longer_there_is_forgotten(self):
        self.fetch(Damaged(eml(), damaged=["1"]))
        self.env["spp.email.unreadable"]._gc_unreadable()
        self.assertEqual(self.env["spp.email.unreadable"].search_count([]), 1)
        self.sql("UPDATE spp_email_unreadable SET next_date = now() - interval '31 days' RETURNING id")
        self.env["spp.email.unreadable"]._gc_unreadable()
        self.assertEqual(self.env["spp.email.unreadable"].search_count([]), 0)
