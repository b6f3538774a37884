# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import mailbox
import tempfile
import time
import tracemalloc
from email.message import EmailMessage
from pathlib import Path

from ...engine.upload import Piece, pieces
from .case import EngineCase

LINE = b"From ann@example.org Tue Jun  3 10:00:00 2025\n"


class TestUpload(EngineCase):
    def found(self, content):
        return [(piece.content, piece.problem) for piece in pieces(content)]

    def test_files(self):
        a, b = b"Subject: a\n\nText.\n", b"Subject: b\r\n\r\nText.\r\n"
        for name, content, expected in (
            ("one message", a, [(a, "")]),
            ("raw bytes", b"Subject: \xff\r\n\r\n\x00\xfe", [(b"Subject: \xff\r\n\r\n\x00\xfe", "")]),
            ("mbox of one", LINE + a + b"\n", [(a, "")]),
            ("mbox of two", LINE + a + b"\n" + LINE + b + b"\r\n", [(a, ""), (b, "")]),
            ("no empty line at the end", LINE + a, [(a, "")]),
            ("CRLF", LINE.replace(b"\n", b"\r\n") + b + b"\r\n" + LINE + b, [(b, ""), (b, "")]),
            ("quoted From stays", LINE + a + b">From here\n", [(a + b">From here\n", "")]),
            ("unquoted From in a text", LINE + a + b"\nFrom now on.\n", [(a + b"\nFrom now on.\n", "")]),
            ("separator in a paragraph", LINE + a + LINE, [(a + LINE, "")]),
            ("first line without a date", b"From MAILER-DAEMON\n" + a, [(a, "")]),
            ("empty file", b"", [(b"", "empty")]),
            ("only space", b" \r\n", [(b" \r\n", "empty")]),
            ("no message", b"\xff\xd8\xff\xe0JFIF", [(b"\xff\xd8\xff\xe0JFIF", "no_header")]),
            ("a text", b"Dear all,\n", [(b"Dear all,\n", "no_header")]),
        ):
            with self.subTest(name):
                self.assertEqual(self.found(content), expected)

    def test_a_damaged_message_takes_none_with_it(self):
        good = b"Subject: a\n\nText.\n"
        content = LINE + good + b"\n" + LINE + b"\x00\x01 garbage\n\n" + LINE + b"\n" + LINE + good
        self.assertEqual(
            list(pieces(content)),
            [
                Piece(1, good),
                Piece(2, b"\x00\x01 garbage\n", "no_header"),
                Piece(3, b"\n", "empty"),
                Piece(4, good),
            ],
        )

    def test_what_pythons_own_writer_writes(self):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "box"
            box = mailbox.mbox(path)
            for number in range(3):
                message = EmailMessage()
                message["Subject"] = f"Number {number}"
                message.set_content("Text.\n\nFrom here 10:00 on.\n\n")
                box.add(message)
            box.flush()
            expected = [box.get_bytes(key) for key in box.keys()]
            self.assertEqual([content for content, _problem in self.found(path.read_bytes())], expected)

    def test_a_large_mailbox_is_read_in_one_pass(self):
        content = (LINE + b"Subject: a\n\n" + b"From nothing.\n\n" * 50 + b"\n") * 3000
        self.assertEqual(sum(1 for _piece in pieces(content)), 3000)

    def test_the_time_does_not_grow_with_the_square_of_a_hostile_line(self):
        line = b"From " + b"00:00 " * 300_000
        for end in (b"", b"\rX"):
            began = time.monotonic()
            self.assertEqual(len(self.found(LINE + b"Subject: a\n\n" + line + end)), 1)
            self.assertLess(time.monotonic() - began, 2)

    def test_a_file_of_separators_is_not_counted_first(self):
        content = (LINE + b"\n") * 200_000
        tracemalloc.start()
        try:
            first = next(pieces(content))
            self.assertLess(tracemalloc.get_traced_memory()[1], 1_000_000)
        finally:
            tracemalloc.stop()
        self.assertEqual((first.number, first.problem), (1, "empty"))
