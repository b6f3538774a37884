# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import date, datetime, timedelta

from ...engine.errors import GatewayError
from ...engine.inventory import ImapInventory, Inventory, Item, PopInventory
from ...engine.mailbox import Entry, Fetched
from ...engine.reading import Arrived, Listed
from ...engine.reading_request import Known
from ...engine.reconciliation import Comparison, add_up, compare, take_in
from .case import EngineCase
from .scripted_server import Expect
from .test_imap import HELLO, LOGIN, LOGOUT, PASSWORD, ImapCase
from .test_pop import LISTED, QUIT, PopCase
from .test_pop import PASSWORD as POP_PASSWORD

EXAMINE = Expect('EXAMINE "?INBOX"?$', b"* 3 EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n<tag> OK [READ-ONLY] done\r\n")
OPEN = [*HELLO, LOGIN, EXAMINE]
MAY = datetime(2026, 5, 1)


def flags(sequence, uid, seen=True, day="04-May-2026 12:00:00 +0200", size=10):
    mark = b"\\Seen" if seen else b""
    return b'* %d FETCH (UID %d FLAGS (%s) INTERNALDATE "%s" RFC822.SIZE %d)\r\n' % (
        sequence,
        uid,
        mark,
        day.encode(),
        size,
    )


def fields(sequence, uid, content, name=b"BODY[HEADER.FIELDS (FROM SUBJECT DATE MESSAGE-ID)]"):
    return b"* %d FETCH (UID %d %s {%d}\r\n%s)\r\n" % (sequence, uid, name, len(content), content)


class TestImapInventory(ImapCase):
    def inventory(self, *script, since=date(2026, 5, 1), most=9, act=None):
        with self.served([*OPEN, *script, LOGOUT]) as server:
            with ImapInventory(self.reader(server).connection, PASSWORD) as reader:
                found = reader.inventory(since, most)
                return found, act and act(reader, found)

    def test_the_newest_come_first_and_are_bounded(self):
        search = Expect("UID SEARCH UNDELETED SINCE 30-Apr-2026$", b"* SEARCH 3 1 9 7\r\n<tag> OK done\r\n")
        fetch = Expect(
            r"UID FETCH [0-9,]+ \(FLAGS INTERNALDATE RFC822.SIZE\)$",
            flags(1, 7, seen=False) + flags(2, 9) + b"<tag> OK done\r\n",
        )
        found, _nothing = self.inventory(search, fetch, most=2)
        self.assertEqual(found.total, 4)
        self.assertEqual([(item.entry.uid, item.is_seen) for item in found.items], [("9", True), ("7", False)])
        self.assertEqual(found.items[0].arrived, datetime(2026, 5, 4, 10), "in UTC")

    def test_what_vanished_meanwhile_is_left_out(self):
        search = Expect("UID SEARCH", b"* SEARCH 1 2\r\n<tag> OK done\r\n")
        fetch = Expect("UID FETCH", flags(1, 1) + b"* 2 FETCH (UID 2 FLAGS ())\r\n<tag> OK done\r\n")
        found, _nothing = self.inventory(search, fetch)
        self.assertEqual([item.entry.uid for item in found.items], ["1"])

    def test_headers(self):
        search = Expect("UID SEARCH", b"* SEARCH 1 2 3 4\r\n<tag> OK done\r\n")
        fetch = Expect("UID FETCH", b"".join(flags(uid, uid) for uid in (1, 2, 3, 4)) + b"<tag> OK done\r\n")
        peek = Expect(
            r"UID FETCH [0-9,]+ \(BODY.PEEK\[HEADER.FIELDS \(FROM SUBJECT DATE MESSAGE-ID\)\]\)$",
            fields(1, 1, b"From: Ann <a@b.c>\r\nSubject: =?utf-8?q?caf=C3=A9?=\r\nMessage-ID: <1@b.c>\r\n\r\n")
            # Exchange quotes the names.
            + fields(2, 2, b"Message-Id: <2@b.c>\r\n\r\n", b'BODY[HEADER.FIELDS ("FROM" "SUBJECT")]')
            + fields(3, 3, b"\r\n")
            + b"<tag> OK done\r\n",
        )
        _found, items = self.inventory(
            search,
            fetch,
            peek,
            act=lambda reader, found: reader.describe(sorted(found.items, key=lambda i: i.entry.uid)),
        )
        self.assertEqual(
            [(item.entry.uid, item.message_id, item.email_from, item.subject) for item in items],
            [("1", "<1@b.c>", "Ann <a@b.c>", "café"), ("2", "<2@b.c>", "", ""), ("3", "", "", "")],
        )

    def test_a_refusal(self):
        with self.assertRaises(GatewayError) as caught:
            self.inventory(Expect("UID SEARCH", b"<tag> NO [UNAVAILABLE] later\r\n"))
        self.assertEqual((caught.exception.code, caught.exception.permanent), ("UNAVAILABLE", False))


class TestPopInventory(PopCase):
    def test_headers(self):
        def top(number, head):
            return Expect(f"^TOP {number} 0$", b"+OK\r\n" + head + b"\r\n.\r\n")

        first = b"From: Ann <a@b.c>\r\nMessage-ID: <3@b.c>\r\nDate: Mon, 04 May 2026 12:00:00 +0200\r\n"
        with self.served([*LISTED, top(3, first), Expect("^TOP 2 0$", b"-ERR no such command\r\n"), QUIT]) as server:
            with PopInventory(self.reader(server).connection, POP_PASSWORD) as reader:
                found = reader.inventory(date(2026, 5, 1), 2)
                items = reader.describe(found.items)
        self.assertEqual((found.total, [item.entry.uid for item in found.items]), (3, ["cc", "bb"]))
        self.assertEqual(
            [(item.message_id, item.arrived) for item in items], [("<3@b.c>", datetime(2026, 5, 4, 10)), ("", None)]
        )

    def test_a_hostile_date_is_no_date(self):
        for text in (b"never", b"", b"Mon, 99 May 9999 12:00:00 +0000", b"Fri, 31 Dec 9999 23:59:59 -2359"):
            with self.subTest(text=text):
                answer = b"+OK\r\nDate: " + text + b"\r\n\r\n.\r\n"
                with self.served([*LISTED, Expect("^TOP 3 0$", answer), QUIT]) as server:
                    with PopInventory(self.reader(server).connection, POP_PASSWORD) as reader:
                        items = reader.describe(reader.inventory(date(2026, 5, 1), 1).items)
                self.assertIsNone(items[0].arrived)

    def test_nothing_is_deleted(self):
        retr = Expect("^RETR 3$", b"+OK\r\nSubject: x\r\n\r\nbody\r\n.\r\n")
        with self.served([*LISTED, retr, QUIT]) as server:

            def opening():
                return PopInventory(self.reader(server).connection, POP_PASSWORD)

            reading = take_in(opening, [Entry("", "", "cc", 30)])
            self.assertIsInstance(reading.send(None), Listed)
            self.assertIsInstance(reading.send({}), Arrived)
            with self.assertRaises(StopIteration) as end:
                reading.send(1)
        self.assertEqual(end.exception.value.new, 1)
        self.assertNotIn(b"DELE 3", server.lines)


class Shelf:
    """A reader over items, that notes which were described."""

    def __init__(self, *items, total=None):
        self.items, self.total, self.described = items, total or len(items), []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return None

    def inventory(self, since, most):
        return Inventory(tuple(self.items[:most]), self.total)

    def describe(self, items):
        self.described += [item.entry.uid for item in items]
        return list(items)

    def fetch(self, entries):
        for entry in entries:
            if entry.uid == "bad":
                raise GatewayError("cannot be read")
            yield Fetched(entry, b"x")


def item(uid, seen=True, arrived=MAY + timedelta(days=1), message_id=None, folder="INBOX"):
    name = f"<{uid}@x>" if message_id is None else message_id
    return Item(Entry(folder, "1" if folder else "", uid, 1), seen, arrived, name)


class TestCompare(EngineCase):
    def compare(self, *items, journal=(), records=(), most=100, seconds=60, **options):
        self.shelf = Shelf(*items, **options)
        return compare(
            self.shelf,
            since=MAY,
            most=most,
            seconds=seconds,
            known_entries=lambda keys: {key for key in keys if key[2] in journal},
            known_message_ids=lambda names: {name for name in names if name in records},
        )

    def test_where_each_message_is_found(self):
        for name, one, journal, records, counts in (
            ("in the journal", item("1"), ["1"], [], (1, 0, 0, 0)),
            ("in the journal, unseen", item("1", False), ["1"], [], (1, 0, 0, 0)),
            ("in a chatter", item("1"), [], ["<1@x>"], (0, 1, 0, 0)),
            ("waits", item("1", False), [], [], (0, 0, 1, 0)),
            ("lost", item("1"), [], [], (0, 0, 0, 1)),
            ("lost, without a name", item("1", message_id=""), [], [""], (0, 0, 0, 1)),
            ("lost, without a date", item("1", arrived=None), [], [], (0, 0, 0, 1)),
            ("too old", item("1", arrived=MAY - timedelta(seconds=1)), [], [], (0, 0, 0, 0)),
            ("POP, unknown", item("1", False, folder=""), [], [], (0, 0, 0, 1)),
            ("POP, in a chatter", item("1", False, folder=""), [], ["<1@x>"], (0, 1, 0, 0)),
        ):
            with self.subTest(name):
                found = self.compare(one, journal=journal, records=records)
                self.assertEqual((found.journaled, found.recorded, found.waiting, len(found.missing)), counts)
                self.assertFalse(found.is_cut)

    def test_only_what_the_journal_does_not_have_is_asked_for(self):
        self.compare(item("1"), item("2", False), item("3"), journal=["1"])
        self.assertEqual(self.shelf.described, ["3"])

    def test_more_than_wanted_is_said(self):
        found = self.compare(item("3"), item("2"), item("1"), most=2)
        self.assertEqual((found.total, found.looked_at, len(found.missing), found.is_cut), (3, 2, 2, True))

    def test_time_is_bounded(self):
        found = self.compare(*[item(str(number)) for number in range(250)], most=250, seconds=-1)
        self.assertEqual((len(found.missing), found.is_cut), (0, True))


    def test_folders_are_added_up(self):
        one = Comparison(9, 5, 4, 3, 2, (item("1"),), False)
        two = Comparison(1, 1, 1, 1, 1, (item("2"),), True)
        self.assertEqual(add_up([one, two]), Comparison(10, 6, 5, 4, 3, (item("1"), item("2")), True))
        self.assertEqual(add_up([]), Comparison(0, 0, 0, 0, 0, (), False))


class TestTakeIn(EngineCase):
    def test_what_was_passed_over_is_fetched_when_a_person_asks_for_it(self):
        entries = [Entry("", "", uid, 1) for uid in ("passed", "too large")]
        reading = take_in(Shelf, entries)
        reading.send(None)
        known = {entries[0].key: Known(None, is_held=True), entries[1].key: Known(1, is_held=True)}
        self.assertEqual([one.entry.uid for one in reading.send(known).fetched], ["passed"])

    def test_what_the_journal_has_is_not_fetched_and_what_came_before_a_failure_stays(self):
        entries = [Entry("INBOX", "1", uid, 1) for uid in ("1", "2", "bad", "3")]
        reading = take_in(Shelf, entries)
        self.assertEqual(reading.send(None), Listed(tuple(entries)))
        arrived = reading.send({entries[0].key: Known(1)})
        self.assertEqual([one.entry.uid for one in arrived.fetched], ["2"])
        with self.assertRaises(GatewayError):
            reading.send(1)
