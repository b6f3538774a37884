# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import date

from ...engine.errors import GatewayError
from .scripted_server import Close, Expect
from .test_pop import LISTED, OK, QUIT, PopCase, entry, retr

REFUSED = b"-ERR unknown command\r\n"


def top(number, headers):
    return Expect(f"^TOP {number} 0$", b"+OK\r\n" + headers + b"\r\n.\r\n")


class TestReconnecting(PopCase):
    def test_once(self):
        first = [*LISTED, retr(1, b"a\r\n"), Expect("RETR 2", b"+OK\r\nhalf"), Close()]
        second = [*LISTED, retr(3, b"c\r\n"), retr(2, b"b\r\n"), QUIT]
        with self.served(first, second) as server, self.reader(server) as reader:
            found = [fetched.content for fetched in reader.fetch(reader.waiting())]
        self.assertEqual(found, [b"a\r\n", b"c\r\n", b"b\r\n"])

    def test_not_twice(self):
        script = [*LISTED, Expect("RETR", b"+OK\r\nhalf"), Close()]
        with self.served(script) as server:
            reader = self.reader(server)
            with self.assertRaises(GatewayError) as caught, reader:
                list(reader.fetch(reader.waiting()))
            self.assertEqual(caught.exception.phase, "fetch")
            self.assertEqual(server.lines.count(b"CAPA"), 2)

    def test_marks_for_deletion_are_set_again(self):
        dele = Expect("^DELE 1$", OK)
        first = [*LISTED, retr(1, b"a\r\n"), dele, Expect("RETR 2"), Close()]
        second = [*LISTED, dele, retr(2, b"b\r\n"), QUIT]
        with self.served(first, second) as server, self.reader(server) as reader:
            for fetched in reader.fetch([entry("aa"), entry("bb")]):
                if fetched.entry.uid == "aa":
                    reader.acknowledge([fetched.entry])
        self.assertIs(reader.deletions_confirmed, True)


class TestTop(PopCase):
    def test_headers(self):
        script = [*LISTED, top(2, b"Subject: a\r\n..b: c\r\n"), Expect("^TOP 3 0$", REFUSED), QUIT]
        with self.served(script) as server, self.reader(server) as reader:
            found = list(reader.headers([entry("gone"), entry("bb"), entry("cc")]))
        # A server without TOP still leaves a row to decide about.
        self.assertEqual(
            [(one.entry.uid, one.content, one.is_whole) for one in found],
            [("bb", b"Subject: a\r\n.b: c\r\n\r\n", False), ("cc", b"", False)],
        )

    def test_older(self):
        day = b"Date: %s\r\n"
        script = [
            *LISTED,
            top(1, day % b"Thu, 30 Apr 2026 23:59:59 +0000"),
            top(2, day % b"Fri, 1 May 2026 00:00:00 +0000"),
            # What does not say when it came is taken: a message too many is better than one too few.
            top(3, b"Subject: when?\r\n"),
            QUIT,
        ]
        with self.served(script) as server, self.reader(server) as reader:
            self.assertEqual([one.uid for one in reader.older(reader.waiting(), date(2026, 5, 1))], ["aa"])
