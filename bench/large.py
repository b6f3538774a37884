"""A message of 25 MB becomes a lead with an attachment."""

import base64
import random

from bench.inbound import WARM_UP, Inbound, message
from tools.sandbox import Sandbox

MEGABYTES = 25
LINE = 57  # octets that make a line of 76 in base64


class Large(Inbound):
    name = "large"
    description = (
        f"As inbound, with messages of {MEGABYTES} MB, an attachment of random bytes in each. The peak is that of the "
        "whole process; a process without any message takes the peak of inbound."
    )
    limit = "Decoding and storing the attachment, on both sides."
    count = 3
    rounds = 2

    def start(self):
        self._dovecot = Sandbox.shared().dovecot
        self._ids = {}

    def prepare(self, side):
        for part, count, make in (("warm", WARM_UP, message), ("measured", self.count, large_message)):
            address = f"{self.name}-{side.kind}-{part}@example.test"
            self._dovecot.delete_all(address)
            for number in range(count):
                self._dovecot.fill(address, [make(side.round, part, number)])


def large_message(turn, part, number):
    choice = random.Random(f"large {turn} {part} {number}")
    data = base64.encodebytes(choice.randbytes(MEGABYTES * 1_000_000 // 78 * LINE)).replace(b"\n", b"\r\n")
    return b"\r\n".join(
        (
            f"From: Person {number} <person{number}.{turn}.{part}@remote.test>".encode(),
            b"To: help@example.test",
            f"Subject: Bench {turn} {part} {number}".encode(),
            f"Message-ID: <{number}-{turn}-{part}@bench.test>".encode(),
            b"MIME-Version: 1.0",
            b'Content-Type: multipart/mixed; boundary="part"',
            b"",
            b"--part",
            b"Content-Type: text/plain; charset=utf-8",
            b"",
            b"the papers are attached",
            b"--part",
            b"Content-Type: application/octet-stream",
            b'Content-Disposition: attachment; filename="papers.bin"',
            b"Content-Transfer-Encoding: base64",
            b"",
            data + b"--part--",
            b"",
        )
    )
