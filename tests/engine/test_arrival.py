# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import datetime, timezone

from ...engine.arrival import arrival
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
