# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import date

from ...engine.errors import ConfigurationError
from ...engine.imap_filing import is_keyword
from ...engine.mailbox import After, AfterKind, Folder, Selection, Take
from .case import EngineCase
from .scripted_server import Expect
from .test_imap import GREETING, LOGOUT, OPEN, SELECT, ImapCase, answer, body, entry

DONE = b"<tag> OK done\r\n"


def ok(pattern):
    return Expect(pattern, DONE)


def capable(words=b""):
    """The session's beginning with a server that has these capabilities once we are in."""
    capabilities = Expect("CAPABILITY$", b"* CAPABILITY IMAP4rev1 " + words + b"\r\n" + DONE)
    return [GREETING, capabilities, ok("LOGIN"), SELECT, capabilities]


def after(kind, name="", failed=""):
    return After(AfterKind(kind), name, failed)


class TestAfter(ImapCase):
    def do(self, script, after, act=None):
        """Acknowledge messages 1 and 2, or `act`, in a dialogue; every line of it must be spoken."""
        act = act or (lambda reader: reader.acknowledge([entry(1), entry(2)]))
        with self.served([*script, LOGOUT]) as server:
            with self.reader(server, after=after) as reader:
                act(reader)
        wanted = len([action for action in [*script, LOGOUT] if isinstance(action, Expect)])
        self.assertEqual(len(server.lines), wanted, server.lines)

    def test_each(self):
        no = b"<tag> NO [TRYCREATE] no such folder\r\n"
        deleted = ok(r"UID STORE 1,2 \+FLAGS.SILENT \(\\Deleted\)$")
        copied = ok(r'UID COPY 1,2 "?Done"?$')

        def search(found):
            return Expect("UID SEARCH DELETED$", b"* SEARCH " + found + b"\r\n" + DONE)

        for name, after_, script in (
            ("seen", after("seen"), [*OPEN, ok(r"UID STORE 1,2 \+FLAGS.SILENT \(\\Seen\)$")]),
            ("keyword", after("keyword", "Taken"), [*OPEN, ok(r"UID STORE 1,2 \+FLAGS.SILENT \(Taken\)$")]),
            ("move", after("move", "Done"), [*capable(b"MOVE UIDPLUS"), ok(r'UID MOVE 1,2 "?Done"?$')]),
            (
                "move to a folder with umlauts and a blank",
                after("move", "Büro fertig"),
                [*capable(b"MOVE"), ok('UID MOVE 1,2 "B&APw-ro fertig"$')],
            ),
            (
                "move, folder missing",
                after("move", "Done"),
                [
                    *capable(b"MOVE"),
                    Expect("UID MOVE", no),
                    ok('CREATE "?Done"?$'),
                    ok('SUBSCRIBE "?Done"?$'),
                    ok("UID MOVE 1,2"),
                ],
            ),
            (
                "move without MOVE",
                after("move", "Done"),
                [*capable(b"UIDPLUS"), copied, deleted, ok("UID EXPUNGE 1,2$")],
            ),
            (
                "move without MOVE and UIDPLUS",
                after("move", "Done"),
                [*capable(), copied, search(b""), deleted, ok("EXPUNGE$")],
            ),
            (
                "what others marked deleted is not expunged",
                after("move", "Done"),
                [*capable(), copied, search(b"2 7"), deleted],
            ),
            ("delete", after("delete"), [*capable(b"UIDPLUS"), deleted, ok("UID EXPUNGE 1,2$")]),
            ("delete without UIDPLUS", after("delete"), [*capable(), search(b"1"), deleted, ok("EXPUNGE$")]),
        ):
            with self.subTest(name):
                self.do(script, after_)

    def test_leave_says_nothing_and_opens_the_folder_for_reading(self):
        examine = Expect(
            "EXAMINE", b"* 3 EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n<tag> OK [READ-ONLY] done\r\n"
        )
        self.do([*OPEN[:-1], examine], after("leave"))

    def test_a_copy_that_was_refused_deletes_nothing(self):
        for reply in (b"<tag> NO [OVERQUOTA] full\r\n", b"<tag> BAD what\r\n"):
            with self.subTest(reply=reply):
                script = [*capable(b"UIDPLUS"), Expect("UID COPY", reply), LOGOUT]
                error = self.refusal(script, lambda r: r.acknowledge([entry(1)]), after=after("move", "Done"))
                self.assertEqual(error.phase, "acknowledge")
                self.assertFalse([line for line in self.server.lines if b"STORE" in line])

    def test_a_folder_that_cannot_be_made(self):
        no = b"<tag> NO [TRYCREATE] no such folder\r\n"
        script = [*capable(b"MOVE"), Expect("UID MOVE", no), Expect("CREATE", b"<tag> NO [NOPERM] no\r\n"), LOGOUT]
        error = self.refusal(script, lambda r: r.acknowledge([entry(1)]), after=after("move", "Done"))
        self.assertEqual((error.code, error.permanent), ("TRYCREATE", True))

    def test_names_that_cannot_be(self):
        for after_ in (
            after("move", "INBOX"),
            after("move", "inbox"),
            after("move", " "),
            after("move", "a\r\nb LOGOUT"),
            after("keyword", "a b"),
            after("keyword", "\\Deleted"),
        ):
            with self.subTest(after_=after_), self.served([*OPEN, LOGOUT]) as server:
                with self.assertRaises(ConfigurationError), self.reader(server, after=after_) as reader:
                    reader.acknowledge([entry(1)])
                self.assertEqual(len(server.lines), 4)

    def test_keywords_that_the_server_forgets(self):
        select = b"* 3 EXISTS\r\n* OK [UIDVALIDITY 7] v\r\n* OK [PERMANENTFLAGS (%s)] f\r\n<tag> OK [READ-WRITE] d\r\n"
        for kept, good in ((rb"\Seen \*", True), (rb"\Seen taken", True), (rb"\Seen", False)):
            with self.subTest(kept=kept):
                script = [*OPEN[:-1], Expect("SELECT", select % kept), LOGOUT]
                if good:
                    self.do(script[:-1], after("keyword", "Taken"), lambda reader: None)
                else:
                    error = self.refusal(script, after=after("keyword", "Taken"))
                    self.assertEqual((error.code, error.field, error.permanent), ("PERMANENTFLAGS", "after", True))

    def test_what_failed_is_moved(self):
        self.do(
            [*capable(b"MOVE"), ok('UID MOVE 5 "?Failed"?$')],
            after("seen", failed="Failed"),
            # One of them was renumbered: its number may be another message's now.
            lambda reader: reader.file_failed([(entry(5), ""), (entry(6, validity="3"), "")]),
        )

    def test_what_failed_is_found_where_it_was_moved_to(self):
        self.do(
            [
                *OPEN,
                Expect('SELECT "?Done"?$', SELECT.answer),
                Expect('UID SEARCH HEADER Message-ID "<a@b>"$', b"* SEARCH 3 9\r\n" + DONE),
                Expect(
                    "UID FETCH 3,9 .*SIZE",
                    answer(b"* 1 FETCH (UID 3 RFC822.SIZE 4)\r\n", b"* 2 FETCH (UID 9 RFC822.SIZE 10)\r\n"),
                ),
                Expect("CAPABILITY", b"* CAPABILITY IMAP4rev1 MOVE\r\n" + DONE),
                ok('UID MOVE 9 "?Failed"?$'),
            ],
            after("move", "Done", "Failed"),
            lambda reader: reader.file_failed([(entry(1), "<a@b>"), (entry(2), 'a"b'), (entry(3), "")]),
        )


class TestSelecting(ImapCase):
    def test_criteria(self):
        since = date(2026, 3, 5)
        for selection, criteria, found in (
            (Selection(), "UNSEEN UNDELETED", [2, 9]),
            (Selection(take=Take.ALL), "UNDELETED", [2, 9]),
            (Selection(take=Take.ALL, since=since), "UNDELETED SINCE 5-Mar-2026", [2, 9]),
            (Selection(floor=("7", 2)), "UNSEEN UNDELETED UID 3:[*]", [9]),
            # n:* names the last message, however low it is.
            (Selection(floor=("7", 9)), "UNSEEN UNDELETED UID 10:[*]", []),
            (Selection(floor=("6", 2)), "UNSEEN UNDELETED", [2, 9]),
            (Selection(floor=("6", 2), begin=since), "UNSEEN UNDELETED SINCE 5-Mar-2026", [2, 9]),
            (Selection(floor=("7", 2), begin=since), "UNSEEN UNDELETED UID 3:[*]", [9]),
            (Selection(since=since, begin=date(2026, 1, 1)), "UNSEEN UNDELETED SINCE 5-Mar-2026", [2, 9]),
        ):
            with self.subTest(criteria=criteria):
                search = Expect(f"UID SEARCH {criteria}$", b"* SEARCH 9 2\r\n" + DONE)
                with self.served([*OPEN, search, LOGOUT]) as server, self.reader(server) as reader:
                    reader.enter(selection)
                    self.assertEqual(reader.count(), len(found))

    def test_keyword(self):
        search = Expect("UID SEARCH UNSEEN UNDELETED UNKEYWORD Taken$", b"* SEARCH\r\n" + DONE)
        with self.served([*OPEN, search, LOGOUT]) as server:
            with self.reader(server, after=after("keyword", "Taken")) as reader:
                self.assertEqual(reader.waiting(), [])

    def test_folders_one_after_the_other(self):
        other = Expect('SELECT "B&APw-ro"$', SELECT.answer)
        with self.served([*OPEN[:-1], SELECT, other, LOGOUT]) as server, self.reader(server, folder=None) as reader:
            reader.enter(Selection())
            reader.enter(Selection("Büro"))
        self.assertEqual(len(server.lines), 5)

    def test_a_folder_that_ended_the_session_does_not_stop_the_next(self):
        first = [*OPEN[:-1], Expect("SELECT", b"* BYE gone\r\n")]
        second = [*OPEN[:-1], Expect('SELECT "?B"?$', SELECT.answer), LOGOUT]
        with self.served(first, second) as server, self.reader(server, folder=None) as reader:
            with self.assertRaisesRegex(Exception, "ended the connection"):
                reader.enter(Selection())
            reader.enter(Selection("B"))
            self.assertEqual(reader.folder, "B")

    def test_headers_of_large_messages(self):
        fetch = Expect(
            r"UID FETCH 1,2 \(BODY.PEEK\[HEADER\]\)$",
            answer(body(1, 1, b"Subject: a\r\n\r\n").replace(b"BODY[]", b"BODY[HEADER]")),
        )
        with self.served([*OPEN, fetch, LOGOUT]) as server, self.reader(server) as reader:
            found = list(reader.headers([entry(1), entry(2)]))
        self.assertEqual([(one.content, one.is_whole) for one in found], [(b"Subject: a\r\n\r\n", False)])

    def test_last_uid(self):
        select = Expect("SELECT", SELECT.answer.replace(b"<tag>", b"* OK [UIDNEXT 12] next\r\n<tag>"))
        with self.served([*OPEN[:-1], select, LOGOUT]) as server, self.reader(server) as reader:
            self.assertEqual(reader.last_uid(), ("7", 11))
        last = Expect(r"UID SEARCH UID \*$", b"* SEARCH 4\r\n" + DONE)
        with self.served([*OPEN, last, LOGOUT]) as server, self.reader(server) as reader:
            self.assertEqual(reader.last_uid(), ("7", 4))


class TestFolderList(ImapCase):
    def listed(self, *lines):
        listing = Expect('LIST "?"? ?"?\\*?', b"".join(b"* LIST " + line + b"\r\n" for line in lines) + DONE)
        with self.served([*OPEN[:-1], listing, LOGOUT]) as server, self.reader(server, folder=None) as reader:
            return reader.folders()

    def test_lines(self):
        for line, folder in (
            (b'() "/" INBOX', Folder("INBOX")),
            (b'() "/" inbox', Folder("INBOX")),
            (b'(\\HasNoChildren \\Sent) "." "INBOX.Sent"', Folder("INBOX.Sent", "Sent")),
            (b'(\\HasNoChildren) NIL "B&APw-ro/&Ti1lhw-"', Folder("Büro/中文")),
            (b'() "/" 2026', Folder("2026")),
            (b'() "/" "a \\"b\\" \\\\c"', Folder('a "b" \\c')),
            (b'() "/" {5}\r\na b&-', Folder("a b&")),
            (b'(\\Noselect) "/" "[Gmail]"', None),
            (b'(\\NonExistent) "/" gone', None),
        ):
            with self.subTest(line=line):
                self.assertEqual(self.listed(line), [folder] if folder else [])
        self.assertEqual(self.listed(), [])


class TestKeyword(EngineCase):
    def test_keywords(self):
        for text, good in (
            ("Odoo", True),
            ("$Forwarded", True),
            ("a.b-c_1", True),
            ("", False),
            ("\\Seen", False),
            ("a b", False),
            ("ä", False),
            ("a*", False),
            ("x" * 65, False),
        ):
            with self.subTest(text=text):
                self.assertIs(is_keyword(text), good)
