# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A DNS server on loopback that knows what a test tells it, and nothing else."""

from __future__ import annotations

import socket
import threading

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset


class NameServer:
    """Answers over UDP.

    Args:
        records: {(name without the last dot, type): [value as in a zone file]}. Other names do not exist; a value of
            None lets the question fail, and "silence" leaves it without an answer.
    """

    def __init__(self, records):
        self._records = records
        self.asked: list[tuple[str, str]] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *unused):
        # A closed socket wakes nobody who waits on it.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._socket.getsockname())
        self._thread.join(5)
        self._socket.close()

    def resolver(self) -> dns.resolver.Resolver:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = self._socket.getsockname()[1]
        resolver.timeout = 0.5
        return resolver

    def _serve(self):
        while True:
            data, client = self._socket.recvfrom(4096)
            if not data:
                return
            question = dns.message.from_wire(data)
            (asked,) = question.question
            name, kind = asked.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(asked.rdtype)
            self.asked.append((name, kind))
            values = self._records.get((name, kind))
            if values == "silence":
                continue
            reply = dns.message.make_response(question)
            reply.flags |= dns.flags.RA
            if values is None and (name, kind) in self._records:
                reply.set_rcode(dns.rcode.SERVFAIL)
            elif values is None and not any(name == known for known, _kind in self._records):
                reply.set_rcode(dns.rcode.NXDOMAIN)
            elif values:
                reply.answer.append(dns.rrset.from_text(asked.name, 60, "IN", kind, *values))
            self._socket.sendto(reply.to_wire(), client)
