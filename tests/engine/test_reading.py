# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.errors import ConfigurationError, GatewayError
from ...engine.mailbox import Entry, Fetched, Selection
from ...engine.reading import BATCH_MESSAGES, Arrived, Known, Listed, read_mailbox
from .case import EngineCase


class Mailbox:
    """A reader over folders of messages, that notes in `log` what is done to the server.

    Attributes:
        folders: contents by folder and UID.
        failing: what is raised, by (method, folder) or (method, folder, uid).
    """

    def __init__(self, folders, log, failing=()):
        self.folders = folders
        self.log = log
        self.failing = dict(failing)
        self.folder = ""
        self.told = set()

    def fail(self, *place):
        if place in self.failing:
            raise self.failing[place]

    def __enter__(self):
        self.fail("open")
        return self

    def __exit__(self, kind, error, traceback):
        self.log.append("close")
        if kind is None:
            self.fail("close")

    def enter(self, selection):
        self.folder = selection.folder
        self.log.append(f"enter {self.folder}")
        self.fail("enter", self.folder)

    def waiting(self, limit=None):
        self.fail("list", self.folder)
        contents = self.folders[self.folder]
        entries = [Entry(self.folder, "1", uid, len(content)) for uid, content in contents.items()]
        return [entry for entry in entries if entry.key not in self.told][:limit]

    def fetch(self, entries):
        for entry in entries:
            self.fail("fetch", self.folder, entry.uid)
            self.log.append(f"fetch {entry.uid}")
            yield Fetched(entry, self.folders[entry.folder][entry.uid])

    def acknowledge(self, entries):
        self.fail("tell", self.folder)
        self.log.append(f"tell {','.join(entry.uid for entry in entries)}")
        self.told.update(entry.key for entry in entries)


class ReadingCase(EngineCase):
    def setUp(self):
        super().setUp()
        self.log = []
        self.journal = {}

    def box(self, *contents, failing=(), **folders):
        folders = {"INBOX": contents, **folders}
        numbered = {name: {str(n): c for n, c in enumerate(all_, 1)} for name, all_ in folders.items()}
        return Mailbox(numbered, self.log, failing)

    def answer(self, request):
        if isinstance(request, Listed):
            return {
                entry.key: Known(len(self.journal[entry.key])) for entry in request.entries if entry.key in self.journal
            }
        self.assertIsInstance(request, Arrived)
        self.log.append(f"journal {','.join(one.entry.uid for one in request.fetched)}")
        before = len(self.journal)
        self.journal.update({one.entry.key: one.content for one in request.fetched})
        return len(self.journal) - before

    def read(self, box, *folders, limit=100):
        return self.drive(
            read_mailbox(lambda: box, [Selection(name) for name in folders or ("INBOX",)], limit=limit)
        )

    def drive(self, reading):
        """Answer what a reading asks for until it ends; return its result."""
        answer = None
        while True:
            try:
                request = reading.send(answer)
            except StopIteration as end:
                return end.value
            answer = self.answer(request)

    def uids(self, keys):
        return [uid for _folder, _validity, uid in keys]


class TestReading(ReadingCase):
    def test_the_server_is_told_after_the_journal_only(self):
        result = self.read(self.box(b"a", b"b"))
        self.assertEqual(self.log, ["enter INBOX", "fetch 1", "fetch 2", "journal 1,2", "tell 1,2", "close"])
        self.assertEqual((result.new, result.more, result.failures), (2, False, {}))
        self.assertEqual(self.uids(result.told), ["1", "2"])

    def test_batches(self):
        result = self.read(self.box(*[b"x"] * (2 * BATCH_MESSAGES + 1)))
        told = [line.count(",") + 1 for line in self.log if line.startswith("tell")]
        self.assertEqual(told, [BATCH_MESSAGES, BATCH_MESSAGES, 1])
        self.assertEqual(result.new, 2 * BATCH_MESSAGES + 1)

    def test_what_an_earlier_session_journaled_is_told_last_and_not_fetched(self):
        self.journal[("INBOX", "1", "1")] = b"a"
        result = self.read(self.box(b"a", b"b"))
        self.assertEqual(self.log, ["enter INBOX", "fetch 2", "journal 2", "tell 2", "tell 1", "close"])
        self.assertEqual((result.new, self.uids(result.told)), (1, ["2", "1"]))

    def test_a_known_name_with_another_size_is_fetched_before_it_is_told(self):
        self.journal[("INBOX", "1", "1")] = b"another"
        self.read(self.box(b"a"))
        self.assertEqual(self.log, ["enter INBOX", "fetch 1", "journal 1", "tell 1", "close"])

    def test_a_full_window(self):
        box = self.box(*[b"x"] * 5)
        result = self.read(box, limit=2)
        self.assertEqual((result.new, result.more, self.uids(result.told)), (2, True, ["1", "2"]))
        result = self.read(box, limit=3)
        self.assertEqual((result.new, result.more), (3, False))

    def test_a_full_window_of_known_ones_hides_nothing(self):
        self.journal.update({("INBOX", "1", str(uid)): b"x" for uid in (1, 2, 3)})
        result = self.read(self.box(*[b"x"] * 4), limit=2)
        self.assertEqual((result.new, result.more), (1, True))
        self.assertIn(("INBOX", "1", "4"), self.journal)

    def test_failures(self):
        lost = GatewayError("The connection broke.", phase="fetch")
        for place, new, told in (
            (("list", "INBOX"), 0, []),
            (("fetch", "INBOX", "2"), 1, ["1"]),
            (("tell", "INBOX"), 3, []),
            (("close",), 3, []),
        ):
            with self.subTest(place=place):
                self.setUp()
                result = self.read(self.box(b"a", b"b", b"c", failing={place: lost}))
                self.assertIs(result.failure, lost)
                self.assertEqual((result.new, self.uids(result.told), result.more), (new, told, False))
                self.assertEqual(len(self.journal), new)
                self.assertEqual(self.log[-1], "close")

    def test_a_mailbox_that_cannot_be_opened(self):
        for error in (GatewayError("no", phase="login"), ConfigurationError("no host")):
            with self.subTest(error=error), self.assertRaises(type(error)) as caught:
                self.read(self.box(failing={("open",): error}))
            self.assertIs(caught.exception, error)

    def test_an_exception_of_the_driver_ends_the_session(self):
        for ending in ("throw", "close"):
            with self.subTest(ending):
                self.setUp()
                reading = read_mailbox(lambda: self.box(b"a"), limit=9)  # noqa: B023
                self.answer(reading.send(None))
                request = reading.send({})
                self.assertIsInstance(request, Arrived)
                if ending == "throw":
                    with self.assertRaises(ZeroDivisionError):
                        reading.throw(ZeroDivisionError())
                else:
                    reading.close()
                # Not journaled, so not told.
                self.assertEqual(self.log, ["enter INBOX", "fetch 1", "close"])


class TestFolders(ReadingCase):
    def test_one_after_the_other(self):
        result = self.read(self.box(b"a", Büro=[b"b"], Empty=[]), "INBOX", "Büro", "Empty")
        self.assertEqual(result.new, 2)
        self.assertEqual([line for line in self.log if "enter" in line], ["enter INBOX", "enter Büro", "enter Empty"])
        self.assertEqual(result.told, [("INBOX", "1", "1"), ("Büro", "1", "1")])

    def test_one_that_fails_does_not_stop_the_others(self):
        for error, after in (
            (GatewayError("gone", phase="folder", permanent=True), 2),
            (ConfigurationError("control characters"), 2),
            (GatewayError("no way to the server", phase="connect"), 1),
        ):
            with self.subTest(error=error):
                self.setUp()
                box = self.box(b"a", B=[b"b"], C=[b"c"], failing={("enter", "B"): error})
                result = self.read(box, "INBOX", "B", "C")
                self.assertEqual((result.new, result.failures), (after, {"B": error}))
