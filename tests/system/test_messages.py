# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Messages of every kind come whole, once, and byte for byte."""

from __future__ import annotations

import base64
import hashlib
import os

from tools import odoo_server

from .case import SystemCase, box, letter

MEGABYTE = 1024 * 1024

STRANGE = {
    "no message-id": b"From: a@remote.test\r\nTo: help@example.test\r\nSubject: no message-id\r\n\r\nBody\r\n",
    "no from": b"To: help@example.test\r\nSubject: no from\r\nMessage-ID: <nofrom@remote.test>\r\n\r\nBody\r\n",
    "empty from": b"From: \r\nSubject: empty from\r\nMessage-ID: <emptyfrom@remote.test>\r\n\r\nBody\r\n",
    "unknown charset": b"From: a@remote.test\r\nSubject: unknown charset\r\nMessage-ID: <cs@remote.test>\r\n"
    b"Content-Type: text/plain; charset=x-klingon\r\nContent-Transfer-Encoding: 8bit\r\n\r\nnuqneH \xe9\xff\r\n",
    "8-bit": b"From: Ren\xe9 <rene@remote.test>\r\nTo: \xe9\xe8 <help@example.test>\r\nX-Note: \xff\xfe\r\n"
    b"Subject: 8-bit \xe4\xf6\xfc\r\nMessage-ID: <8bit@remote.test>\r\n\r\nGr\xfc\xdfe\r\n",
    "broken mime": b"From: a@remote.test\r\nSubject: broken mime\r\nMessage-ID: <mime@remote.test>\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="never"\r\n\r\nno boundary at all\r\n',
    "no body": b"From: a@remote.test\r\nSubject: no body\r\nMessage-ID: <nobody@remote.test>\r\n\r\n",
    "null byte": b"From: a@remote.test\r\nSubject: null\x00byte\r\nMessage-ID: <null@remote.test>\r\n\r\nA\x00B\r\n",
    "long line": b"From: a@remote.test\r\nSubject: long line\r\nMessage-ID: <long@remote.test>\r\n\r\n"
    + b"x" * 100_000
    + b"\r\n",
    "lone dot": b"From: a@remote.test\r\nSubject: lone dot\r\nMessage-ID: <dot@remote.test>\r\n\r\n.\r\n..\r\nend\r\n",
}


class TestMessages(SystemCase):
    def contents(self, server):
        """The journaled bytes of a mailbox, by a process that reads them as the product does."""
        return self.ask(
            "import hashlib\n"
            "rows = env['spp.email.inbound'].search([('server_id', '=', server)], order='id')\n"
            "contents = [env['spp.email.content']._load(row.id) for row in rows]\n"
            "answer = [[len(c), hashlib.sha256(c).hexdigest(), row.digest, row.size]\n"
            "          for row, c in zip(rows, contents)]",
            server=server,
        )

    def assert_same_bytes(self, server, raws):
        found = sorted(self.contents(server))
        digests = [(len(raw), hashlib.sha256(raw).hexdigest()) for raw in raws]
        self.assertEqual(found, sorted([size, digest, digest, size] for size, digest in digests))

    def large(self, protocol):
        address, subject = box(), f"large {protocol}"
        attachment = base64.encodebytes(os.urandom(18 * MEGABYTE)).replace(b"\n", b"\r\n")
        raw = (
            b"From: a@remote.test\r\nTo: help@example.test\r\nMIME-Version: 1.0\r\n"
            + f"Subject: {subject}\r\nMessage-ID: <large.{protocol}@remote.test>\r\n".encode()
            + b'Content-Type: multipart/mixed; boundary="B"\r\n\r\n--B\r\nContent-Type: text/plain\r\n\r\nSee file\r\n'
            + b'--B\r\nContent-Type: application/octet-stream; name="a.bin"\r\n'
            + b'Content-Disposition: attachment; filename="a.bin"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
            + attachment
            + b"\r\n--B--\r\n"
        )
        self.assertGreater(len(raw), 24 * MEGABYTE)
        server = self.mailbox(address, protocol)
        # Small ones around it, so that it shares its batch.
        around = [letter(f"{subject} {number}") for number in range(2)]
        self.dovecot.fill(address, [around[0], raw, around[1]])
        self.fetch(server)
        self.assert_taken_once(address, server, [f"{subject} 0", subject, f"{subject} 1"], protocol)
        self.assert_same_bytes(server, [around[0], raw, around[1]])
        size = self.value(
            "SELECT a.file_size FROM ir_attachment a JOIN crm_lead l ON l.id = a.res_id AND a.res_model = 'crm.lead'"
            " WHERE l.name = %s",
            subject,
        )
        self.assertEqual(size, 18 * MEGABYTE)

    def test_25_megabytes_by_imap(self):
        self.large("imap")

    def test_25_megabytes_by_pop(self):
        self.large("pop")

    def strange(self, protocol):
        address = box()
        server = self.mailbox(address, protocol)
        raws = [raw.replace(b"@remote.test>", f".{protocol}@remote.test>".encode()) for raw in STRANGE.values()]
        self.dovecot.fill(address, raws)
        # By the way that mail takes, too: Dovecot adds lines of its own.
        self.dovecot.deliver(address, b"Subject: delivered without any sender\r\n\r\nBody\r\n", sender="a@remote.test")
        kept = [raw for _uid, _flags, raw in self.dovecot.messages(address)]
        self.assertEqual(len(kept), len(raws) + 1)
        if protocol == "pop":
            # Dovecot writes the byte 0 as 0x80 in IMAP, where it is not allowed, and as it is in POP.
            kept = [raw.replace(b"\x80", b"\0") for raw in kept]
        before = self.value("SELECT count(*) FROM crm_lead")
        self.fetch(server)
        self.assert_same_bytes(server, kept)
        states = self.rows(
            "SELECT state, reason, detail, count(*) FROM spp_email_inbound WHERE server_id = %s GROUP BY 1, 2, 3",
            server,
        )
        self.assertEqual(states, [("done", "record_created", None, len(kept))])
        self.assertEqual(self.value("SELECT count(*) FROM crm_lead"), before + len(kept))
        # A second round, and a third whose mailbox shows everything as new again, change nothing.
        self.fetch(server)
        if protocol == "imap":
            with self.dovecot._session(address) as session:
                session.select("INBOX")
                session.uid("STORE", "1:*", "-FLAGS.SILENT", "(\\Seen)")
            self.fetch(server)
            self.assertTrue(all("\\Seen" in flags for flags in self.flags(address)))
        else:
            self.assertEqual(self.flags(address), [])
        self.assertEqual(len(self.journal(server)), len(kept))
        self.assertEqual(self.value("SELECT count(*) FROM crm_lead"), before + len(kept))

    def test_strange_messages_by_imap(self):
        self.strange("imap")

    def test_strange_messages_by_pop(self):
        self.strange("pop")

    def test_a_message_of_no_bytes_is_kept_and_explained(self):
        for protocol in ("imap", "pop"):
            with self.subTest(protocol):
                address = box()
                server = self.mailbox(address, protocol)
                self.dovecot.fill(address, [b"", letter(f"after nothing {protocol}")])
                self.fetch(server)
                self.assertEqual(
                    [(state, reason) for _subject, state, reason in self.journal(server)],
                    [("quarantined", "empty"), ("done", "record_created")],
                )
                self.assertEqual(self.leads(f"after nothing {protocol}"), [f"after nothing {protocol}"])

    def test_the_same_message_in_two_mailboxes_makes_one_record(self):
        first, second, raw = box(), box(), letter("in two")
        servers = [self.mailbox(first), self.mailbox(second)]
        self.dovecot.fill(first, [raw])
        self.dovecot.fill(second, [raw])
        self.fetch(*servers)
        self.assertEqual(self.leads("in two"), ["in two"])
        self.assertEqual(self.journal(servers[1]), [("in two", "duplicate", "known_message_id")])

    def test_a_message_comes_though_the_database_is_new(self):
        # An Odoo process that ends right after the fetch has nothing left to write.
        address = box()
        server = self.mailbox(address)
        self.dovecot.fill(address, [letter("at once")])
        running = self.start(f"env['fetchmail.server'].browse({server}).fetch_mail()\nimport os\nos._exit(1)\n")
        running.wait(60)
        odoo_server.kill_group(running)
        self.assert_taken_once(address, server, ["at once"])
