# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""PostgreSQL's binary COPY format, as far as raw messages need it (PostgreSQL manual, COPY, Binary Format).

In SQL a bytea travels as hexadecimal text: twice its size, several times over. Here it travels as it is.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable

_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_HEADER = _SIGNATURE + struct.pack(">ii", 0, 0)
_TRAILER = struct.pack(">h", -1)


class RowReader:
    """A file of rows, to be read by COPY … FROM STDIN.

    Args:
        rows: of integers (int4), booleans and bytes. The bytes are not copied.
    """

    def __init__(self, rows: Iterable[tuple[int | bool | bytes, ...]]):
        self._pieces = self._encode(rows)
        self._piece = io.BytesIO(_HEADER)

    @staticmethod
    def _encode(rows):
        for row in rows:
            yield struct.pack(">h", len(row))
            for value in row:
                if isinstance(value, bool):
                    yield struct.pack(">i?", 1, value)
                elif isinstance(value, int):
                    yield struct.pack(">ii", 4, value)
                else:
                    yield struct.pack(">i", len(value))
                    yield value
        yield _TRAILER

    def read(self, size: int) -> bytes:
        """Return up to ``size`` octets, b"" at the end."""
        while True:
            data = self._piece.read(size)
            if data:
                return data
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            # BytesIO shares the memory of the bytes that it is made of.
            self._piece = io.BytesIO(piece)


def single_value(data: bytes | memoryview) -> bytes | None:
    """Return the only field of the only row that COPY … TO STDOUT wrote; None for no row or NULL.

    Raises:
        ValueError: it is something else.
    """
    data = memoryview(data)
    if bytes(data[: len(_SIGNATURE)]) != _SIGNATURE:
        raise ValueError("not the binary COPY format")
    (extension,) = struct.unpack_from(">i", data, len(_SIGNATURE) + 4)
    start = len(_HEADER) + extension
    (fields,) = struct.unpack_from(">h", data, start)
    if fields == -1:
        return None
    (length,) = struct.unpack_from(">i", data, start + 2)
    end = start + 6 + max(length, 0)
    if fields != 1 or bytes(data[end : end + 2]) != _TRAILER:
        raise ValueError("more than one field or row")
    return None if length < 0 else bytes(data[start + 6 : end])
