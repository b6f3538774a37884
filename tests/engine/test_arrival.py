# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import datetime, timezone

from ...engine.arrival import arrival, delivered
from .case import EngineCase


class TestArrival(EngineCase):
    def test_arrivals(self):
        for headers, found in (
            (b"Received: from a by b; Tue, 3 Jun 2025 12:00:00 +0200\r\nDate: Mon, 1 Jan 2001 00:00:00 +0000", 10),
            (b"Received: by b;\r\n Tue, 3 Jun 2025 10:00:00 GMT", 10),
            (b"Received: nonsense\r\nDate: Tue, 03 Jun 2025 10:00:00 +0000", 10),
            (b"Date: Tue, 03 Jun 2025 10:00:00", 10),
            (b"Received: by c; Tue, 3 Jun 2025 11:00:00 +0000\r\nReceived: by b; Tue, 3 Jun 2025 10:00:00 +0000", 11),
            (b"Date: \xff\xfe", None),
            (b"Date: Tue, 99 Jun 2025 10:00:00 +0000", None),
            (b"Subject: none", None),
            (b"", None),
        ):
            with self.subTest(headers=headers):
                expected = found and datetime(2025, 6, 3, found, tzinfo=timezone.utc)
                self.assertEqual(arrival(headers + b"\r\n\r\n"), expected)

    def test_when_the_last_server_took_it(self):
        now = datetime(2025, 6, 3, 12)
        for name, content, hour in (
            ("waited", b"Received: by b; Tue, 3 Jun 2025 10:00:00 +0200\r\n\r\n", 8),
            ("folded, not the first", b"X: y\r\nRECEIVED: by b;\r\n\tTue, 3 Jun 2025 10:00 GMT\n\n", 10),
            ("the uppermost", b"Received: ; Tue, 3 Jun 2025 11:00 +0000\nReceived: ; Mon, 2 Jun 2025 9:00\n\n", 11),
            ("a clock that is fast", b"Received: by b; Tue, 3 Jun 2025 13:00:00 +0000\r\n\r\n", 12),
            # The sender writes these himself.
            ("its own date", b"Date: Mon, 2 Jun 2025 09:00:00 +0000\r\n\r\n", 12),
            ("a field of the text", b"Subject: x\r\n\r\nReceived: by b; Tue, 3 Jun 2025 10:00:00 +0000", 12),
            ("a field before the program's own", b"X-Received: by b; Tue, 3 Jun 2025 10:00:00 +0000\r\n\r\n", 12),
            ("nonsense above a date", b"Received: nonsense\r\nReceived: by b; Tue, 3 Jun 2025 10:00:00 +0000\n\n", 12),
            ("before there was mail", b"Received: by b; Thu, 1 Jan 1970 00:00:00 +1400\r\n\r\n", 12),
            ("no bytes", b"", 12),
            ("hostile", b"Received:" + b"\r\n ;" * 500_000, 12),
            ("hostile too", b"Received:" * 500_000 + b";" * 500_000, 12),
        ):
            with self.subTest(name):
                self.assertEqual(delivered(content, now), now.replace(hour=hour))
