# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A bad mailbox, or a bad message in a good one, delays itself only and says what is wrong."""

from __future__ import annotations

import socket

from tools import process
from tools.proxy import Proxy

from ..engine.scripted_server import Expect, ScriptedServer, Send
from .case import SystemCase, box, letter

PAUSE = "EXTRACT(EPOCH FROM gateway_next_fetch_date - date)"
# The product waits for a minute for a silent server; a test need not.
PATIENCE = 2


class TestMailboxes(SystemCase):
    def mailbox(self, address, protocol="imap", port=None, **values):
        return super().mailbox(address, protocol, port, **{"gateway_read_timeout": PATIENCE, **values})

    def fetch_all(self, servers):
        """One round of the scheduled action over these mailboxes."""
        self.ask("env['fetchmail.server'].browse(ids)._fetch_mail()", ids=servers)

    def state_of(self, server):
        return self.rows(
            f"SELECT error_message, COALESCE(gateway_failures, 0), {PAUSE} FROM fetchmail_server WHERE id = %s",  # noqa: S608
            server,
        )[0]

    def bad_beside_good(self, protocol):
        """Six mailboxes, the good one last: each bad one has its own words and its own pause."""
        imap = protocol == "imap"
        plain, tls = (self.dovecot.imap, self.dovecot.imaps) if imap else (self.dovecot.pop3, self.dovecot.pop3s)
        good, cut, other = box(), box(), box()
        hung = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(hung.close)
        subjects = [f"{protocol} cut {number}" for number in range(5)]
        self.dovecot.fill(cut, [letter(subject, "x" * 20_000) for subject in subjects])
        self.dovecot.fill(good, [letter(f"{protocol} good {number}") for number in range(3)])
        self.dovecot.fill(other, [letter(f"{protocol} kept")])
        proxy = Proxy(plain, cut_reply_after=50_000)
        self.addCleanup(proxy.stop)
        proxy.start()
        ca = self.sandbox.ca_certificate
        servers = {
            "hung": self.mailbox(other, protocol, hung.getsockname()[1]),
            "password": self.mailbox(other, protocol, password="wrong"),  # noqa: S106
            "port": self.mailbox(other, protocol, process.free_port()),
            "certificate": self.mailbox(
                other, protocol, tls, server="127.0.0.2", is_ssl=True, gateway_ca_certificate=ca
            ),
            "cut": self.mailbox(cut, protocol, proxy.port),
            "good": self.mailbox(good, protocol, tls, server=self.sandbox.host, is_ssl=True, gateway_ca_certificate=ca),
        }
        self.fetch_all(list(servers.values()))

        self.assert_taken_once(good, servers["good"], [f"{protocol} good {number}" for number in range(3)], protocol)
        self.assertEqual(self.state_of(servers["good"]), (None, 0, None))
        words = {
            "hung": "The server stopped answering.",
            "password": "User name or password is wrong.",
            "port": "The host is there, but nothing listens on this port.",
            "certificate": "The certificate belongs to another host.",
        }
        for name, text in words.items():
            message, failures, pause = self.state_of(servers[name])
            self.assertTrue(message.startswith(text), f"{name}: {message}")
            self.assertEqual(failures, 1)
            self.assertGreaterEqual(pause, 30)
        message, failures, _pause = self.state_of(servers["cut"])
        self.assertRegex(message, "connection")
        self.assertEqual(failures, 1)

        self.fetch_all(list(servers.values()))
        for name in words:
            _message, failures, pause = self.state_of(servers[name])
            self.assertEqual(failures, 2)
            self.assertGreaterEqual(pause, 60)

        # The line holds again: what was cut off comes, and what had come before the cut does not come twice.
        self.ask("env['fetchmail.server'].browse(id).port = port", id=servers["cut"], port=plain)
        # The message in which the connection broke each time may be why it broke: it rests for a while.
        self.rows("UPDATE spp_email_unreadable SET next_date = NULL WHERE server_id = %s", servers["cut"])
        self.fetch_all([servers["cut"]])
        self.assert_taken_once(cut, servers["cut"], subjects, protocol)
        self.assertEqual(self.state_of(servers["cut"]), (None, 0, None))
        # Nobody came so far as to touch this mailbox.
        self.assertEqual([flags for flags in self.flags(other) if "\\Seen" in flags], [])
        self.assertEqual(self.leads(f"{protocol} kept"), [])

    def test_imap_bad_mailboxes_beside_a_good_one(self):
        self.bad_beside_good("imap")

    def test_pop_bad_mailboxes_beside_a_good_one(self):
        self.bad_beside_good("pop")

    # Single messages

    def test_imap_message_that_the_server_cannot_read(self):
        self.unreadable_message("imap")

    def test_pop_message_that_the_server_cannot_read(self):
        self.unreadable_message("pop")

    def unreadable_message(self, protocol):
        address = box()
        server = self.mailbox(address, protocol)
        subjects = [f"{protocol} unreadable {number}" for number in range(5)]
        self.dovecot.fill(address, [letter(subject) for subject in subjects])
        # Let Dovecot number the files before one is damaged.
        self.assertEqual(len(self.dovecot.messages(address)), 5)
        ill = self.file_of(address, subjects[2])
        ill.chmod(0)
        self.fetch_all([server])
        self.assertEqual(self.leads(f"{protocol} unreadable %"), [*subjects[:2], *subjects[3:]])
        message, failures, pause = self.state_of(server)
        # The mailbox is well; the message rests.
        self.assertEqual((message, failures), (None, 0))
        rest = self.rows(
            "SELECT failures, next_date > now() AT TIME ZONE 'UTC' FROM spp_email_unreadable WHERE server_id = %s",
            server,
        )
        self.assertEqual(rest, [(1, True)])
        # New mail behind it is not made to wait.
        self.assertIsNone(pause)
        self.dovecot.fill(address, [letter(f"{protocol} unreadable 5")])
        self.fetch_all([server])
        self.assertEqual(self.leads(f"{protocol} unreadable 5"), [f"{protocol} unreadable 5"])

        self.file_of(address, subjects[2], ill.name).chmod(0o600)
        self.rows("UPDATE spp_email_unreadable SET next_date = now() AT TIME ZONE 'UTC'")
        self.fetch_all([server])
        self.assert_taken_once(address, server, [*subjects, f"{protocol} unreadable 5"], protocol)
        self.assertEqual(self.state_of(server), (None, 0, None))

    def file_of(self, address, subject, name=None):
        """The file of a message, by its subject or by the name that it had before its flags changed."""
        files = (self.dovecot.directory / "mail" / address.partition("@")[0] / "Maildir").glob("*/*,S=*")
        if name:
            return next(path for path in files if path.name.partition(":")[0] == name.partition(":")[0])
        return next(path for path in files if f"Subject: {subject}\n".encode() in path.read_bytes())

    def test_fetch_refused_for_one_run(self):
        """A tagged NO for one message: it is not flagged, and comes when it has rested."""
        raws = {uid: letter(f"refused {uid}") for uid in (1, 2, 3)}

        def body(uid):
            return b"* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n" % (uid, uid, len(raws[uid]), raws[uid])

        def session(uids, *dialogue):
            sizes = b"".join(b"* %d FETCH (UID %d RFC822.SIZE 200)\r\n" % (uid, uid) for uid in uids)
            done = b"<tag> OK done\r\n"
            return [
                Send(b"* OK ready\r\n"),
                Expect("CAPABILITY", b"* CAPABILITY IMAP4rev1\r\n" + done),
                Expect("LOGIN", done),
                Expect("SELECT", b"* 3 EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n<tag> OK [READ-WRITE] done\r\n"),
                Expect("UID SEARCH", b"* SEARCH" + b"".join(b" %d" % uid for uid in uids) + b"\r\n" + done),
                Expect("UID FETCH .*RFC822.SIZE", sizes + done),
                *dialogue,
                Expect("LOGOUT", b"* BYE bye\r\n" + done),
            ]

        no, done = b"<tag> NO [SERVERBUG] try later\r\n", b"<tag> OK done\r\n"
        first = session(
            [1, 2, 3],
            Expect(r"UID FETCH 1[:,].*BODY.PEEK", no),
            Expect(r"UID FETCH 1 .*BODY.PEEK", body(1) + done),
            Expect(r"UID FETCH 2 .*BODY.PEEK", no),
            Expect(r"UID FETCH 3 .*BODY.PEEK", body(3) + done),
            Expect(r"UID STORE 1,3 \+FLAGS", done),
        )
        second = session([2], Expect(r"UID FETCH 2 .*BODY.PEEK", body(2) + done), Expect(r"UID STORE 2 \+FLAGS", done))
        with ScriptedServer(first, second) as imap:
            server = self.mailbox(box(), port=imap.port)
            self.fetch_all([server])
            self.assertEqual(self.leads("refused %"), ["refused 1", "refused 3"])
            self.assertEqual(self.state_of(server), (None, 0, None))
            rest = self.rows(
                "UPDATE spp_email_unreadable SET next_date = NULL WHERE server_id = %s RETURNING uid, error_message",
                server,
            )
            self.assertEqual(rest, [("2", "The server did not hand out a message.")])
            self.fetch_all([server])
            self.assertEqual(self.leads("refused %"), ["refused 1", "refused 2", "refused 3"])
            self.assertEqual(self.state_of(server), (None, 0, None))
            self.assertEqual(imap.surprises, [])

    def test_message_that_vanishes_between_list_and_fetch(self):
        address = box()
        with Proxy(self.dovecot.imap) as proxy:
            server = self.mailbox(address, port=proxy.port)
            self.dovecot.fill(address, [letter(f"gone {number}") for number in range(5)])
            proxy.hold(rb"UID FETCH [^\r]*BODY")
            running = self.start_fetch(server)
            self.assertTrue(proxy.held.wait(30))
            with self.dovecot._session(address) as session:
                session.select("INBOX")
                session.uid("STORE", "3", "+FLAGS", "(\\Deleted)")
                session.expunge()
            proxy.release()
            output, _nothing = running.communicate(timeout=60)
            self.assertEqual(running.returncode, 0, output[-2000:])
        self.assert_taken_once(address, server, ["gone 0", "gone 1", "gone 3", "gone 4"])
        self.assertEqual(self.state_of(server), (None, 0, None))
