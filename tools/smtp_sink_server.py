"""The process of the SMTP sink: `python -m tools.smtp_sink_server`, started by smtp_sink.py."""

import argparse
import asyncio
import base64
import collections
import contextlib
import json
import signal
import ssl

from tools.smtp_sink_session import Session

FLUSH = 0.05


class Server:
    """What all connections share: options, counters and the log."""

    def __init__(self, options):
        self.delay = options.delay / 1000
        self.password = options.password.encode()
        self.max_size = options.max_size
        self.keep = options.keep
        self.without = set(options.without.upper().split(","))
        self.messages_a_session = options.messages_a_session
        self.idle = options.idle
        self.mechanisms = options.mechanisms.upper().split()
        self.introspect_url, self.token_refusal = options.introspect_url, options.token_refusal
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(options.certificate, options.key)
        self.implicit = options.tls
        self.log = open(options.log, "a", buffering=1 << 16)
        self.tries = collections.Counter()
        self.accepted = self.connections = 0

    def accept(self, connection, body):
        self.accepted += 1
        entry = {
            "sender": connection.sender,
            "recipients": connection.recipients,
            "size": len(body),
            "user": connection.user,
            "tls": connection.tls,
            "connection": connection.number,
        }
        if self.keep:
            entry["raw"] = base64.b64encode(body).decode()
        self.log.write(json.dumps(entry) + "\n")

    def counts(self):
        self.log.flush()
        return f"250 {self.accepted} {self.connections}\r\n".encode()

    def reset(self):
        self.log.flush()
        self.log.truncate(0)
        self.tries.clear()
        self.accepted = self.connections = 0


async def serve(options):
    """Serve until SIGTERM."""
    loop = asyncio.get_running_loop()
    server = Server(options)
    context = server.context if server.implicit else None
    listening = await loop.create_server(
        lambda: Session(server), ["127.0.0.1", "127.0.0.2"], options.port, backlog=512, ssl=context
    )
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    while not ended.is_set():
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(ended.wait(), FLUSH)
        server.log.flush()
    listening.close()
    server.log.close()


def main():
    parser = argparse.ArgumentParser()
    for name in ("--log", "--certificate", "--key", "--password"):
        parser.add_argument(name, required=True)
    for name in ("--port", "--max-size"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--delay", type=float, default=0)
    parser.add_argument("--without", default="")
    parser.add_argument("--messages-a-session", type=int, default=0)
    parser.add_argument("--idle", type=float, default=0)
    parser.add_argument("--mechanisms", default="PLAIN LOGIN XOAUTH2")
    for name in ("--introspect-url", "--token-refusal"):
        parser.add_argument(name, default="")
    for name in ("--tls", "--keep"):
        parser.add_argument(name, action="store_true")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
