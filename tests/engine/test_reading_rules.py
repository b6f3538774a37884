# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import date, datetime, timedelta

from ...engine.errors import GatewayError
from ...engine.mailbox import Entry, Fetched, Selection
from ...engine.reading import Arrived, Failed, Known, Listed, PassedOver, Rules, read_mailbox
from .test_reading import Mailbox, ReadingCase

NOW = datetime(2026, 5, 4, 12)
LEDGER = Selection(keeps_floor=True)


class Box(Mailbox):
    """Adds what the rules need: headers, dates by UID (older than `than` when below), and a folder for what failed."""

    ages = {}

    def count(self):
        return len(self.waiting())

    def headers(self, entries):
        for entry in entries:
            self.log.append(f"headers {entry.uid}")
            yield Fetched(entry, b"head", is_whole=False)

    def older(self, entries, than):
        entries = list(entries)
        self.log.append(f"dates {','.join(entry.uid for entry in entries)}")
        return [entry for entry in entries if self.ages.get(entry.uid, than) < than]

    def file_failed(self, entries):
        self.fail("file", self.folder)
        self.log.append(f"file {','.join(entry.uid for entry, _message_id in entries)}")


class TestRules(ReadingCase):
    known = {}
    failed = ()

    def box(self, *contents, failing=(), **folders):
        made = super().box(*contents, failing=failing, **folders)
        return Box(made.folders, self.log, failing)

    def answer(self, request):
        if isinstance(request, PassedOver):
            self.log.append(f"pass {','.join(entry.uid for entry in request.entries)}")
            return None
        if isinstance(request, Failed):
            return self.failed
        if isinstance(request, Listed) and self.known:
            return {key: known for key, known in self.known.items() if key in {e.key for e in request.entries}}
        return super().answer(request)

    def run_rules(self, box, rules=Rules(), selection=Selection(), *, limit=100, clock=None):  # noqa: B008
        return self.drive(
            read_mailbox(lambda: box, [selection], rules, limit=limit, **({"clock": clock} if clock else {}))
        )

    def key(self, uid):
        return ("INBOX", "1", str(uid))

    # Size

    def test_only_the_headers_of_large_messages_are_taken_and_the_server_is_not_told(self):
        result = self.run_rules(self.box(b"a" * 11, b"b" * 10), Rules(size_limit=10))
        self.assertEqual(
            self.log, ["enter INBOX", "fetch 2", "journal 2", "tell 2", "headers 1", "journal 1", "close"]
        )
        self.assertEqual((result.new, self.uids(result.told)), (2, ["2"]))

    def test_what_is_held_is_neither_fetched_again_nor_told(self):
        self.known = {self.key(1): Known(11, is_held=True), self.key(2): Known(None, is_held=True)}
        result = self.run_rules(self.box(b"a" * 11, b"b"), Rules(size_limit=10))
        self.assertEqual((self.log, result.told), (["enter INBOX", "close"], []))

    # First contact

    def test_a_new_folder_with_much_in_it_waits_for_a_person(self):
        for is_new, most, taken in ((True, 2, 0), (True, 3, 3), (False, 2, 3), (True, None, 3)):
            with self.subTest(is_new=is_new, most=most):
                self.setUp()
                box = self.box(b"a", b"b", b"c")
                result = self.run_rules(box, Rules(most_at_first=most), Selection(is_new=is_new))
                self.assertEqual((result.new, result.unstarted), (taken, {} if taken else {"INBOX": 3}))
                self.assertEqual(result.met, ["INBOX"] if is_new and taken else [])

    def test_what_is_older_than_the_start_is_passed_over(self):
        box = self.box(b"a", b"b", b"c")
        since = date(2026, 5, 1)
        box.ages = {"1": date(2026, 4, 30), "2": since}
        result = self.run_rules(box, selection=Selection(since=since))
        self.assertEqual(self.log[1:6], ["dates 1,2,3", "pass 1", "fetch 2", "fetch 3", "journal 2,3"])
        self.assertEqual((result.new, result.more), (2, False))

    def test_passing_over_a_window_is_progress(self):
        box = self.box(*[b"x"] * 5)
        box.ages = {str(uid): date(2000, 1, 1) for uid in range(1, 6)}
        result = self.run_rules(box, selection=Selection(since=date(2026, 5, 1)), limit=2)
        self.assertEqual((result.new, result.more), (0, True))

    # What the server is told

    def test_untouched(self):
        self.known = {self.key(1): Known(1)}
        result = self.run_rules(self.box(b"a", b"b"), Rules(tells=False), LEDGER)
        self.assertEqual(self.log, ["enter INBOX", "fetch 2", "journal 2", "close"])
        self.assertEqual((result.told, result.floors), ([], {"INBOX": ("1", 2)}))

    def test_pop_leaves_messages_for_a_while(self):
        self.known = {
            self.key(1): Known(1, since=NOW - timedelta(days=15)),
            self.key(2): Known(1, since=NOW - timedelta(days=13)),
        }
        result = self.run_rules(self.box(b"a", b"b", b"c"), Rules(told_before=NOW - timedelta(days=14)))
        self.assertEqual(self.log, ["enter INBOX", "fetch 3", "journal 3", "tell 1", "close"])
        self.assertEqual(self.uids(result.told), ["1"])

    # The floor

    def test_the_floor_rises_to_what_is_done(self):
        boom = GatewayError("no", phase="fetch")
        held = Known(1, is_held=True)
        for name, known, failing, limit, floor in (
            ("all", {}, {}, 9, 4),
            ("window", {}, {}, 2, 2),
            ("nothing", {}, {("fetch", "INBOX", "1"): boom}, 9, None),
            ("until what failed", {}, {("fetch", "INBOX", "3"): boom}, 9, 2),
            ("not told", {}, {("tell", "INBOX"): boom}, 9, None),
            ("known and told", {1: Known(1, is_told=True)}, {}, 9, 4),
            ("known, not told, refused", {1: Known(1)}, {("tell", "INBOX"): boom}, 9, None),
            ("held", {2: held}, {}, 9, 4),
        ):
            with self.subTest(name):
                self.setUp()
                self.known = {self.key(uid): value for uid, value in known.items()} or {("", "", ""): held}
                box = self.box(b"a", b"b", b"c", b"d", failing=failing)
                result = self.run_rules(box, selection=LEDGER, limit=limit)
                self.assertEqual(result.floors, {"INBOX": ("1", floor)} if floor else {})

    def test_messages_under_new_numbers_do_not_keep_those_behind_them_waiting(self):
        # UIDVALIDITY changed: what is fetched turns out to be known, and nothing is new.
        self.known = {("", "", ""): Known(1)}
        journal = self.answer
        self.answer = lambda request: 0 if isinstance(request, Arrived) else journal(request)
        for floor in (None, ("0", 4)):
            with self.subTest(floor=floor):
                box = self.box(b"a", b"b", b"c")
                result = self.run_rules(box, Rules(tells=False), Selection(keeps_floor=True, floor=floor), limit=2)
                self.assertEqual((result.new, result.more, result.floors), (0, True, {"INBOX": ("1", 2)}))
        # No progress, no more.
        result = self.run_rules(self.box(b"a", b"b", b"c"), Rules(tells=False), Selection(), limit=2)
        self.assertFalse(result.more)

    # What failed

    def test_what_failed_is_moved_by_a_later_session(self):
        box = self.box(b"a")
        self.failed = [(self.entry(7), "<a@b>")]
        result = self.run_rules(box, Rules(files_failed=True))
        self.assertEqual(self.log[-2:], ["file 7", "close"])
        self.assertEqual(self.uids(result.filed), ["7"])

    def test_what_could_not_be_moved_is_moved_later(self):
        self.failed = [(self.entry(7), "")]
        box = self.box(b"a", failing={("file", "INBOX"): GatewayError("no", phase="acknowledge")})
        result = self.run_rules(box, Rules(files_failed=True))
        self.assertEqual((result.new, result.filed, str(result.failure)), (1, [], "no"))

    def entry(self, uid):
        return Entry("INBOX", "1", str(uid), 1)

    # Time

    def test_a_session_begins_nothing_more_when_its_time_is_over(self):
        times = iter(range(1000))
        box = self.box(*[b"x"] * 50)
        result = self.run_rules(box, Rules(seconds=30), clock=lambda: next(times))
        self.assertLess(result.new, 50)
        self.assertGreater(result.new, 0)
        # What had come is journaled and told all the same, and the rest is left for the next session.
        self.assertEqual(len(result.told), result.new)
        self.assertTrue(result.more)
        self.assertEqual(self.log[-1], "close")
