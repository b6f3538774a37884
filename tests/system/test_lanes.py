# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Many lanes on several servers work on one journal: each conversation in order, nothing twice."""

from __future__ import annotations

from tools.odoo_server import OdooServer

from .case import SystemCase, box, wait_for

CONVERSATIONS = 1000
ANSWERS = 2
COPIES = 100

MAKE = """
import random
from odoo.addons.spp_email_gateway.models.spp_email_journal import JournalEntry

def raw(conversation, number):
    lines = [
        f"From: Person {conversation} <person{conversation}@remote.test>",
        "To: help@example.test",
        f"Subject: {'Re: ' * number}Talk {conversation}",
        f"Message-ID: <talk-{conversation}-{number}@remote.test>",
    ]
    if number:
        # Half of the mail programs name only the message before.
        field = "References" if conversation % 2 else "In-Reply-To"
        named = [f"<talk-{conversation}-{past}@remote.test>" for past in range(number)]
        lines.append(f"{field}: " + (" ".join(named) if conversation % 2 else named[-1]))
    return "\\r\\n".join([*lines, "", f"text {number}", ""]).encode()

# In the order of each conversation, and between conversations in any.
turns = [conversation for conversation in range(conversations) for _number in range(answers + 1)]
random.Random(4711).shuffle(turns)
seen, entries = {}, []
for place, conversation in enumerate(turns):
    number = seen.get(conversation, 0)
    seen[conversation] = number + 1
    content = raw(conversation, number)
    entries.append(JournalEntry("lanes", "INBOX", "1", str(place), content, server_id=server))
    if number == 0 and conversation < copies:
        # The same message from another mailbox.
        copy = b"Received: by another way\\r\\n" + content
        entries.append(JournalEntry("lanes", "Copies", "1", str(place), copy, server_id=server))
for start in range(0, len(entries), 500):
    env["spp.email.journal"]._write_entries(entries[start : start + 500])
env.ref("spp_email_gateway.ir_cron_process_inbound")._trigger()
env.cr.commit()
"""


class TestLanes(SystemCase):
    lease_seconds = 300

    def test_two_servers_with_four_lanes_keep_every_conversation_in_order(self):
        server = self.mailbox(box(), active=False)
        with OdooServer(self.database, cron=4) as first, OdooServer(self.database, cron=4) as second:
            self.ask(MAKE, server=server, conversations=CONVERSATIONS, answers=ANSWERS, copies=COPIES)
            busy = set()

            def is_done():
                busy.update(
                    owner
                    for (owner,) in self.rows(
                        "SELECT DISTINCT claim_owner FROM spp_email_inbound WHERE claim_owner IS NOT NULL"
                    )
                )
                return not self.value(
                    "SELECT count(*) FROM spp_email_inbound WHERE state IN ('received', 'processing', 'retry')"
                )

            wait_for(is_done, "the journal is done", 300)
            log = first.log_text() + second.log_text()
        self.assertNotIn("could not serialize", log)
        self.assertNotIn("Traceback", log)
        # Host, process and the rest: two servers, and several lanes.
        self.assertEqual(len({owner.split(":")[1] for owner in busy}), 2, busy)
        self.assertGreater(len(busy), 2)
        self.assertEqual(
            sorted(self.rows("SELECT state, reason, count(*) FROM spp_email_inbound GROUP BY 1, 2")),
            [
                ("done", "record_created", CONVERSATIONS),
                ("done", "record_updated", CONVERSATIONS * ANSWERS),
                ("duplicate", "known_message_id", COPIES),
            ],
        )
        # One record a conversation, and in its chatter all messages, in their order.
        wrong = self.rows(
            """
            SELECT l.id, array_agg(m.message_id ORDER BY m.id)
              FROM crm_lead l
              JOIN mail_message m ON m.model = 'crm.lead' AND m.res_id = l.id AND m.message_type = 'email'
             WHERE l.name LIKE 'Talk %%'
             GROUP BY l.id
            HAVING array_agg(m.message_id::text ORDER BY m.id) <> ARRAY(
                   SELECT format('<talk-%%s-%%s@remote.test>', split_part(l.name, ' ', 2), number)
                     FROM generate_series(0, %s) AS number ORDER BY number)
            """,
            ANSWERS,
        )
        self.assertEqual(wrong, [])
        for counted in ("*", "DISTINCT name"):
            count = self.value(f"SELECT count({counted}) FROM crm_lead WHERE name LIKE 'Talk %%'")  # noqa: S608
            self.assertEqual(count, CONVERSATIONS)
