# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import struct

from ...engine.binary_copy import RowReader, single_value
from .case import EngineCase


def written(*rows):
    reader, pieces = RowReader(rows), []
    while piece := reader.read(3):
        pieces.append(piece)
    return b"".join(pieces)


class TestBinaryCopy(EngineCase):
    def test_what_is_written_can_be_read(self):
        for value in (b"", b"\0", b"\xff" * 1000, b"PGCOPY"):
            with self.subTest(value=value[:10]):
                self.assertEqual(single_value(written((value,))), value)

    def test_numbers_and_truth(self):
        self.assertIn(struct.pack(">hii", 2, 4, 7) + struct.pack(">i?", 1, True), written((7, True)))

    def test_no_row_and_null_are_none(self):
        self.assertIsNone(single_value(written()))
        self.assertIsNone(single_value(written((b"x",))[:21] + struct.pack(">ih", -1, -1)))

    def test_anything_else_is_an_error(self):
        for data in (b"", b"text", written((b"a", b"b")), written((b"a",), (b"b",))):
            with self.subTest(data=data[:30]), self.assertRaises((ValueError, struct.error)):
                single_value(data)
