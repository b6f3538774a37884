# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import base64
import os
import random
from dataclasses import replace

import psycopg2

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models.spp_email_content import LARGE
from .common import GatewayCase, eml


@tagged("post_install", "-at_install")
class TestJournal(GatewayCase):
    def write(self, *entries):
        with self.own_cursors():
            return self.env["spp.email.journal"]._write_entries(entries)

    def test_the_same_entry_is_written_once(self):
        entry = self.entry(eml())
        self.assertEqual(self.write(entry), 1)
        self.assertEqual(self.write(entry), 0)
        self.assertEqual(self.write(entry, self.entry(eml())), 1)
        self.assertEqual(self.env["spp.email.inbound"].search_count([("uid", "=", entry.uid)]), 1)
        row = self.env["spp.email.inbound"].search([("uid", "=", entry.uid)])
        self.assertEqual(self.env["spp.email.content"].search_count([("inbound_id", "=", row.id)]), 1)

    def test_an_entry_of_another_mailbox_folder_or_validity_is_another(self):
        entry = self.entry(eml())
        entries = [
            replace(entry, **changed)
            for changed in ({}, {"server_key": "other"}, {"folder": "Junk"}, {"uid_validity": "2"}, {"uid": "8"})
        ]
        self.assertEqual(self.write(*entries), len(entries))

    def test_the_bytes_come_back_as_they_were(self):
        for name, content in (
            ("8-bit", b"Subject: caf\xe9\r\n\r\n\xff\xfe\x80"),
            ("NUL", b"Subject: a\x00b\r\n\r\n\x00\x00"),
            ("nothing", b""),
            ("bare line feeds and no end", b"Subject: x\n\nbody\rwithout end"),
            ("a dot alone", b"Subject: x\r\n\r\n.\r\n..\r\n"),
            ("invalid UTF-8 in the sender", b"From: \xed\xa0\x80@example.com\r\n\r\n"),
        ):
            with self.subTest(name=name):
                row = self.journal(content)
                self.assertKept(row, content)
                self.assertEqual(row.size, len(content))

    def test_a_message_of_25_megabytes_comes_back_as_it_was(self):
        content = eml(body=os.urandom(25 * 1024 * 1024))
        row = self.journal(content)
        self.assertKept(row, content)
        stored = self.sql("SELECT size, stored_size, length(data) FROM spp_email_content WHERE inbound_id = %s", row.id)
        self.assertEqual(stored[0][0], len(content))
        self.assertEqual(stored[0][1], stored[0][2])

    def test_a_row_says_what_the_message_is(self):
        box = self.mailbox(company_id=self.other_company.id)
        row = self.journal(
            eml(Subject="=?utf-8?b?xb1sdcWl?=", Message_ID="<one@example.com>"), box, company=self.other_company
        )
        self.assertEqual(
            (row.subject, row.email_from, row.email_to, row.message_id),
            ("Žluť", "Ann <ann@example.com>", "box@gateway.test", "<one@example.com>"),
        )
        self.assertEqual((row.server_id, row.company_id, row.state), (box, self.other_company, "received"))
        self.assertRegex(row.digest, "^[0-9a-f]{64}$")
        self.assertTrue(row.received_date)
        self.assertEqual((row.attempts, row.starts, row.claim_fence), (0, 0, 0))

    def test_a_row_outlives_its_mailbox(self):
        box = self.mailbox()
        row = self.journal(eml(), box)
        box.unlink()
        self.assertTrue(row.exists())
        self.assertFalse(row.server_id)
        self.assertTrue(row.server_key)

    def test_removed_bytes_are_told_from_empty_ones(self):
        row = self.journal(eml())
        row.content_ids.unlink()
        self.assertIsNone(self.env["spp.email.content"]._load(row.id))

    def test_bytes_go_with_their_row(self):
        row = self.journal(eml())
        number = row.id
        with self.assertRaises(UserError) as caught:
            row.unlink()
        self.assertEqual(
            str(caught.exception),
            "Messages that wait or are in quarantine cannot be deleted: retry or discard them first.",
        )
        row.action_discard()
        row.unlink()
        self.assertFalse(self.env["spp.email.content"].search([("inbound_id", "=", number)]))

    def test_known_entries_are_told(self):
        entry = self.entry(eml(), key="k" * 32)
        self.write(entry)
        known = (entry.folder, entry.uid_validity, entry.uid)
        for name, key, asked, expected in (
            ("nothing asked", "k" * 32, [], set()),
            ("known", "k" * 32, [known], {known}),
            ("one of two", "k" * 32, [known, ("INBOX", "1", "other")], {known}),
            ("of another mailbox", "x" * 32, [known], set()),
            ("of another folder", "k" * 32, [("Junk", *known[1:])], set()),
        ):
            with self.subTest(name=name), self.own_cursors():
                self.assertEqual(set(self.env["spp.email.journal"]._known(key, asked)), expected)

    def test_a_reused_entry_name_gets_a_row_of_its_own(self):
        entry = self.entry(eml(), key="k" * 32)
        other = replace(entry, content=eml(body=b"another message under the same name"))
        for content, written in ((entry, 1), (entry, 0), (other, 1), (other, 0)):
            with self.own_cursors():
                self.assertEqual(self.env["spp.email.journal"]._write_entries([content]), written)
        rows = self.env["spp.email.inbound"].search([("server_key", "=", "k" * 32)], order="id")
        # The name is the later one's, who has it on the server.
        self.assertEqual(rows.mapped("uid"), [f"{entry.uid}~{rows[0].digest[:16]}", entry.uid])
        with self.own_cursors():
            self.assertEqual(self.env["spp.email.journal"]._write_entries([entry]), 0)

    def test_hostile_headers_are_journaled(self):
        for head in (
            b"Subject: =?utf-8?b?A?=",
            b"Subject: =?undefined?q?x?=",
            b"Subject: =?a\0b?q?x?=",
            b"Message-ID: <" + b"x" * 9000 + b"@example.com>",
            b"From: " + b"=?utf-8?q?" + b"x" * 60000 + b"?=",
        ):
            with self.subTest(head=head[:30]):
                self.assertTrue(self.journal(head + b"\r\n\r\nbody"))

    def test_what_the_server_was_told_is_noted_once(self):
        row, other = self.journal(eml(), key="k" * 32), self.journal(eml(), key="k" * 32)
        entries = [(row.folder, row.uid_validity, row.uid)]
        with self.own_cursors():
            self.env["spp.email.journal"]._note_acknowledged("k" * 32, [])
            self.env["spp.email.journal"]._note_acknowledged("k" * 32, entries)
        self.assertTrue(row.acknowledged_date)
        self.assertFalse(other.acknowledged_date)
        self.sql("UPDATE spp_email_inbound SET acknowledged_date = '2026-01-01' WHERE id = %s RETURNING id", row.id)
        with self.own_cursors():
            self.env["spp.email.journal"]._note_acknowledged("k" * 32, entries)
        self.assertEqual(str(row.acknowledged_date), "2026-01-01 00:00:00")

    def test_a_message_in_work_goes_without_the_note(self):
        # Changing its row would undo the work of whoever has it.
        row = self.journal(eml(), key="k" * 32)
        self.sql("UPDATE spp_email_inbound SET state = 'processing' WHERE id = %s RETURNING id", row.id)
        with self.own_cursors():
            self.env["spp.email.journal"]._note_acknowledged("k" * 32, [(row.folder, row.uid_validity, row.uid)])
        self.assertFalse(row.acknowledged_date)

    @mute_logger("odoo.sql_db")
    def test_a_batch_is_written_as_a_whole_or_not_at_all(self):
        good = self.entry(eml())
        broken = replace(good, folder=None, uid="broken")
        with self.assertRaises(psycopg2.errors.NotNullViolation):
            self.write(good, broken)
        self.assertFalse(self.env["spp.email.inbound"].search([("uid", "=", good.uid)]))

    def test_large_messages_are_kept_byte_for_byte(self):
        for size in (LARGE - 200, LARGE + 1, 3 * LARGE):
            with self.subTest(size=size):
                body = bytes(range(256)) * (size // 256)
                inbound = self.journal(eml(body=body), key="large")
                self.assertTrue(self.env["spp.email.content"]._load(inbound.id).endswith(body))

    def test_a_sender_that_is_longer_than_an_index_takes_stops_no_mailbox(self):
        name = "".join(chr(random.Random(number).randrange(0x4E00, 0x9FFF)) for number in range(1400))
        encoded = base64.b64encode(f"<{name}@example.com>".encode()).decode()
        words = "\r\n ".join(f"=?utf-8?b?{encoded[start:start + 60]}?=" for start in range(0, len(encoded), 60))
        row = self.journal(eml(From=words))
        self.assertFalse(row.sender)
        self.assertIn(name, row.email_from)

    def test_bytes_that_were_stored_before_it_was_said_how_come_back(self):
        content = eml()
        row = self.journal(content)
        self.sql("UPDATE spp_email_content SET is_compressed = NULL WHERE inbound_id = %s RETURNING id", row.id)
        self.assertEqual(self.env["spp.email.content"]._load(row.id), content)

    def test_who_lets_the_database_commit_unsaved_still_has_what_the_server_is_told(self):
        self.env.cr.execute("SET LOCAL synchronous_commit TO OFF")
        self.write(self.entry(eml()))
        self.env.cr.execute("SHOW synchronous_commit")
        self.assertEqual(self.env.cr.fetchone()[0], "on")
        self.env.cr.execute("SET LOCAL synchronous_commit TO remote_apply")
        self.write(self.entry(eml()))
        self.env.cr.execute("SHOW synchronous_commit")
        self.assertEqual(self.env.cr.fetchone()[0], "remote_apply")
