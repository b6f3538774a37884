# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""How mailboxes are read, on a real Dovecot: folders, what is taken, what is done afterwards, where to start, sizes."""

from __future__ import annotations

import time

from imapclient import imap_utf7

from tools.dovecot import Dovecot, is_24

from .case import PASSWORD, SystemCase, box, letter

NAMES = ("Büro", "Büro/Anträge & Co", "中文 тест")


class DovecotWithoutMove(Dovecot):
    """Says that it has neither MOVE nor UIDPLUS, or MOVE only."""

    capability = "IMAP4rev1 LITERAL+"

    def _configuration(self):
        if is_24():
            return super()._configuration() + "\nimap_capability {\n MOVE = no\n UIDPLUS = no\n}\n"
        return super()._configuration() + f"\nprotocol imap {{\n imap_capability = {self.capability}\n}}\n"


class DovecotWithUidplus(DovecotWithoutMove):
    capability = "IMAP4rev1 LITERAL+ UIDPLUS"


class ReadingCase(SystemCase):
    def make_folders(self, address, *names, dovecot=None):
        with (dovecot or self.dovecot)._session(address) as session:
            for name in names:
                quoted = b'"' + imap_utf7.encode(name) + b'"'
                session.create(quoted)

    def append(self, address, raw, folder):
        self.dovecot.append(address, raw, folder='"' + imap_utf7.encode(folder).decode() + '"')

    def in_folder(self, address, folder, dovecot=None):
        """(flags, subject) of what is in a folder."""
        quoted = '"' + imap_utf7.encode(folder).decode() + '"'
        found = []
        for _uid, flags, raw in (dovecot or self.dovecot).messages(address, quoted):
            subject = next((line for line in raw.splitlines() if line.startswith(b"Subject: ")), b"Subject: ")
            found.append((set(flags) - {"\\Recent"}, subject[9:].decode()))
        return found

    def uids(self, server):
        return [
            uid for (uid,) in self.rows("SELECT uid FROM spp_email_inbound WHERE server_id = %s ORDER BY id", server)
        ]


class TestFolders(ReadingCase):
    def test_folders_with_names_in_any_script(self):
        address = box()
        self.make_folders(address, *NAMES)
        server = self.mailbox(address)
        offered = self.ask(
            "server = env['fetchmail.server'].browse(id)\n"
            "choice = env['spp.email.folder.choice'].browse(server.action_gateway_choose_folders()['res_id'])\n"
            "answer = [(line.name, line.use, line.is_chosen) for line in choice.line_ids]\n"
            "for line in choice.line_ids:\n"
            "    line.is_chosen = line.name in names\n"
            "choice.action_apply()\n"
            "env.cr.commit()",
            id=server,
            names=NAMES,
        )
        self.assertLessEqual(
            {("INBOX", "", True), ("Trash", "Trash", False), *((name, "", False) for name in NAMES)},
            {tuple(line) for line in offered},
        )
        self.dovecot.append(address, letter("in the inbox"))
        for name in NAMES:
            self.append(address, letter(f"in {name}"), name)
        record = self.ask(
            "record = env['res.partner'].create({'name': 'Applications'})\n"
            "env['fetchmail.server'].browse(id)._gateway_folder(name).write("
            "{'gateway_action': 'attach', 'gateway_record': f'res.partner,{record.id}'})\n"
            "env.cr.commit()\nanswer = record.id",
            id=server,
            name=NAMES[1],
        )
        self.fetch(server)
        self.assertEqual(self.leads("in %"), sorted([f"in {NAMES[0]}", f"in {NAMES[2]}"]))
        self.assertEqual(
            self.rows("SELECT res_id FROM mail_message WHERE model = 'res.partner' AND subject = %s", f"in {NAMES[1]}"),
            [(record,)],
        )
        for name in NAMES:
            self.assertEqual(self.in_folder(address, name), [({"\\Seen"}, f"in {name}")])
        # INBOX was not chosen.
        self.assertEqual(self.in_folder(address, "INBOX"), [(set(), "in the inbox")])

    def test_a_folder_that_is_gone_does_not_stop_the_others(self):
        address = box()
        self.make_folders(address, "B")
        folders = [(0, 0, {"name": name}) for name in ("Gone", "INBOX", "B")]
        server = self.mailbox(address, gateway_folder_ids=folders)
        self.dovecot.append(address, letter("left 1"))
        self.append(address, letter("left 2"), "B")
        self.ask("env['fetchmail.server'].browse(id)._fetch_mail()", id=server)
        self.assertEqual(self.leads("left %"), ["left 1", "left 2"])
        self.assertEqual(
            self.rows("SELECT error_message FROM fetchmail_server WHERE id = %s", server),
            [("The folder cannot be opened.",)],
        )


class TestAfter(ReadingCase):
    def take(self, name, dovecot=None, **values):
        """Take two messages, one of which ends in quarantine, in two rounds; return the mailbox' address."""
        dovecot = dovecot or self.dovecot
        address = box()
        if dovecot is not self.dovecot:
            dovecot.add_user(address, PASSWORD)
        server = self.mailbox(address, port=dovecot.imap, **values)
        good = f"{name} good"
        dovecot.append(address, letter(good))
        # It has no header fields, and is quarantined.
        dovecot.append(address, b"\r\n")
        for _round in range(3):
            self.fetch(server)
        self.assertEqual(self.leads(f"{name} %"), [good])
        self.assertEqual(self.value("SELECT count(*) FROM spp_email_inbound WHERE server_id = %s", server), 2)
        return address

    def test_leave(self):
        for take in ("unread", "all"):
            with self.subTest(take):
                address = self.take(f"leave {take}", gateway_after="leave", gateway_take=take)
                self.assertEqual([flags for flags, _s in self.in_folder(address, "INBOX")], [set(), set()])

    def test_seen(self):
        for take in ("unread", "all"):
            address = self.take(f"seen {take}", gateway_take=take)
            self.assertEqual([flags for flags, _s in self.in_folder(address, "INBOX")], [{"\\Seen"}] * 2)

    def test_keyword(self):
        address = self.take("keyword", gateway_after="keyword", gateway_keyword="Odoo-19")
        self.assertEqual([flags for flags, _s in self.in_folder(address, "INBOX")], [{"Odoo-19"}] * 2)

    def test_delete(self):
        address = self.take("delete", gateway_after="delete")
        self.assertEqual(self.in_folder(address, "INBOX"), [])

    def test_move_to_a_folder_that_is_made(self):
        address = self.take("move", gateway_after="move", gateway_processed_folder="Erledigt/Für Odoo")
        self.assertEqual(self.in_folder(address, "INBOX"), [])
        self.assertEqual(len(self.in_folder(address, "Erledigt/Für Odoo")), 2)

    def test_what_failed_is_moved(self):
        failure = {"gateway_after_failure": "move", "gateway_failed_folder": "Gescheitert ä"}
        address = self.take("failed", **failure)
        self.assertEqual([s for _f, s in self.in_folder(address, "INBOX")], ["failed good"])
        self.assertEqual(len(self.in_folder(address, "Gescheitert ä")), 1)

    def test_without_move_nothing_is_lost(self):
        for name, kind in (("no uidplus", DovecotWithoutMove), ("uidplus", DovecotWithUidplus)):
            with self.subTest(name):
                dovecot = kind(self.sandbox.directory / f"dovecot {name}".replace(" ", "-"), self.sandbox.authority)
                dovecot.start()
                self.addCleanup(dovecot.stop)
                address = self.take(
                    name, dovecot, gateway_after="move", gateway_processed_folder="Done", gateway_take="all"
                )
                self.assertEqual(self.in_folder(address, "INBOX", dovecot), [])
                self.assertEqual(len(self.in_folder(address, "Done", dovecot)), 2)

    def test_what_people_marked_deleted_is_not_expunged(self):
        dovecot = DovecotWithoutMove(self.sandbox.directory / "dovecot-deleted", self.sandbox.authority)
        dovecot.start()
        self.addCleanup(dovecot.stop)
        address = box()
        dovecot.add_user(address, PASSWORD)
        dovecot.append(address, letter("marked by a person"), flags="\\Deleted")
        dovecot.append(address, letter("ours to delete"))
        server = self.mailbox(address, port=dovecot.imap, gateway_after="delete")
        self.fetch(server)
        self.assertEqual(self.leads("ours to delete"), ["ours to delete"])
        self.assertEqual(
            self.in_folder(address, "INBOX", dovecot),
            [({"\\Deleted"}, "marked by a person"), ({"\\Deleted"}, "ours to delete")],
        )


class TestTaking(ReadingCase):
    def test_all_takes_what_people_have_read_and_asks_for_new_uids_only(self):
        address = box()
        server = self.mailbox(address, gateway_take="all")
        self.dovecot.append(address, letter("all 1"), flags="\\Seen")
        self.dovecot.append(address, letter("all 2"))
        self.fetch(server)
        self.assertEqual(self.leads("all %"), ["all 1", "all 2"])
        self.assertEqual(
            self.rows("SELECT uid FROM spp_email_reading_mark ORDER BY id DESC LIMIT 1"),
            [(str(self.dovecot.messages(address)[-1][0]),)],
        )
        self.dovecot.append(address, letter("all 3"), flags="\\Seen")
        self.fetch(server)
        self.fetch(server)
        self.assertEqual(self.leads("all %"), ["all 1", "all 2", "all 3"])
        self.assertEqual(self.uids(server), ["1", "2", "3"])

    def test_since_a_date(self):
        address = box()
        with self.dovecot._session(address) as session:
            for number, day in enumerate(("01-Jan-2020 10:00:00 +0000", "05-Jun-2025 10:00:00 +0000")):
                session.append("INBOX", "(\\Seen)", f'"{day}"', letter(f"since {number}"))
        server = self.mailbox(address, gateway_take="since", gateway_take_since="2025-06-05")
        self.fetch(server)
        self.assertEqual(self.leads("since %"), ["since 1"])

    def renumber(self, address):
        """Let Dovecot forget all numbers, as after a mailbox was restored or moved to another server."""
        maildir = self.dovecot.directory / "mail" / address.partition("@")[0] / "Maildir"
        before = self.validity(address)
        # Dovecot makes it of the clock's seconds.
        time.sleep(1.1)
        for path in maildir.glob("dovecot*"):
            if path.is_file():
                path.unlink()
        self.assertNotEqual(self.validity(address), before)

    def validity(self, address):
        with self.dovecot._session(address) as session:
            session.select("INBOX", readonly=True)
            return session.response("UIDVALIDITY")[1][0]

    def test_a_renumbered_mailbox(self):
        for take in ("unread", "all"):
            with self.subTest(take):
                address = box()
                server = self.mailbox(address, gateway_take=take)
                subjects = [f"renumbered {take} {number}" for number in range(5)]
                self.dovecot.fill(address, [letter(subject) for subject in subjects[:4]])
                self.fetch(server)
                # Gone from the server, and so from the numbers.
                with self.dovecot._session(address) as session:
                    session.select("INBOX")
                    session.uid("STORE", "2", "+FLAGS", "(\\Deleted)")
                    session.uid("STORE", "3:4", "-FLAGS", "(\\Seen)")
                    session.expunge()
                self.renumber(address)
                self.dovecot.fill(address, [letter(subjects[4])])
                for _round in range(2):
                    self.fetch(server)
                self.assertEqual(self.leads(f"renumbered {take} %"), subjects)
                self.assertEqual(
                    self.rows("SELECT subject, state FROM spp_email_inbound WHERE server_id = %s ORDER BY id", server),
                    [(subject, "done") for subject in subjects],
                )

    def test_pop_leaves_messages_for_days(self):
        address = box()
        server = self.mailbox(address, "pop", gateway_pop_leave_days=14)
        self.dovecot.fill(address, [letter(f"pop days {number}") for number in range(3)])
        for _round in range(3):
            self.fetch(server)
        self.assertEqual(self.leads("pop days %"), [f"pop days {number}" for number in range(3)])
        self.assertEqual(len(self.flags(address)), 3)
        self.rows(
            "UPDATE spp_email_inbound SET received_date = received_date - interval '15 days'"
            " WHERE server_id = %s AND subject = 'pop days 1'",
            server,
        )
        self.fetch(server)
        self.assertEqual([s for _f, s in self.in_folder(address, "INBOX")], ["pop days 0", "pop days 2"])
        self.assertEqual(len(self.leads("pop days %")), 3)


class TestSize(ReadingCase):
    def test_imap(self):
        self.large("imap")

    def test_pop(self):
        self.large("pop")

    def large(self, protocol):
        address = box()
        server = self.mailbox(address, protocol, gateway_size_limit=1)
        raw = letter(f"{protocol} large", "\r\n".join(["x" * 70] * 20_000))
        self.dovecot.fill(address, [letter(f"{protocol} small"), raw])
        for _round in range(2):
            self.fetch(server)
        self.assertEqual(self.leads(f"{protocol} %"), [f"{protocol} small"])
        ((row, subject, state, reason, size, server_size),) = self.rows(
            "SELECT id, subject, state, reason, size, server_size FROM spp_email_inbound"
            " WHERE server_id = %s AND is_headers_only",
            server,
        )
        self.assertEqual((subject, state, reason), (f"{protocol} large", "quarantined", "too_large"))
        self.assertLess(size, 1000)
        self.assertGreater(server_size, 1024 * 1024)
        left = [(flags, s) for flags, s in self.in_folder(address, "INBOX") if s.endswith("large")]
        self.assertEqual(left, [(set(), f"{protocol} large")])

        content = self.ask(
            "row = env['spp.email.inbound'].browse(row)\nrow.action_fetch_whole()\nenv.cr.commit()\n"
            "env['spp.email.lane']._process_due()\n"
            "answer = len(env['spp.email.content']._load(row.id))",
            row=row,
        )
        self.assertEqual(content, len(raw))
        self.assertEqual(self.leads(f"{protocol} %"), [f"{protocol} large", f"{protocol} small"])
        left = [flags for flags, s in self.in_folder(address, "INBOX") if s.endswith("large")]
        self.assertEqual(left, [{"\\Seen"}] if protocol == "imap" else [])


class TestStart(ReadingCase):
    def ask_start(self, server, **values):
        self.ask(
            "env['spp.email.start'].create({'server_id': id, **values}).action_apply()\nenv.cr.commit()",
            id=server,
            values=values,
        )

    def test_from_now_on(self):
        for protocol in ("imap", "pop"):
            with self.subTest(protocol):
                address = box()
                server = self.mailbox(address, protocol, gateway_start="ask")
                self.dovecot.fill(address, [letter(f"{protocol} old {number}") for number in range(201)])
                self.assertIn("201 messages wait", self.fetch(server)[0])
                self.assertEqual(self.uids(server), [])
                confirmed = self.ask(
                    "answer = env['fetchmail.server'].browse(id).button_confirm_login()['params']['type']", id=server
                )
                self.assertEqual(confirmed, "success")
                self.ask_start(server, start="now")
                self.dovecot.fill(address, [letter(f"{protocol} new")])
                self.fetch(server)
                self.assertEqual(self.leads(f"{protocol} old %"), [])
                self.assertEqual(self.leads(f"{protocol} new"), [f"{protocol} new"])
                if protocol == "imap":
                    self.assertEqual(len([flags for flags in self.flags(address) if "\\Seen" in flags]), 1)
                else:
                    self.assertEqual(len(self.flags(address)), 201)

    def test_since_a_date_by_pop(self):
        address = box()
        server = self.mailbox(address, "pop", gateway_start="ask")
        old = [letter(f"pop since old {number}") for number in range(205)]
        new = [letter("pop since new").replace(b"03 Jun 2025", b"04 Jun 2025")]
        self.dovecot.fill(address, [*old, *new])
        self.fetch(server)
        self.ask_start(server, start="since", since="2025-06-04")
        self.fetch(server)
        self.assertEqual(self.leads("pop since %"), ["pop since new"])
        self.assertEqual(len(self.flags(address)), 205)

    def test_everything(self):
        address = box()
        server = self.mailbox(address, gateway_start="ask")
        self.dovecot.fill(address, [letter(f"every {number}") for number in range(201)])
        self.fetch(server)
        self.ask_start(server, start="everything")
        self.fetch(server)
        self.assertEqual(len(self.leads("every %")), 201)
