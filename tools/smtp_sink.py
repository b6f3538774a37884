"""A fast SMTP server that swallows mail, with latency and with faults that the recipient's address asks for.

It runs as its own process, so that it takes no time from the program under test. Faults are words in the local part, so
they need no control channel and work through Odoo as well:

    e550@  refused at RCPT with that code          d451@  refused after DATA with that code
    t2@    refused twice with 451, then accepted   q421@  421 at RCPT, and the connection closed
    rslow0.5@  RCPT answered after half a second   slow0.5@  DATA answered after half a second
    droprcpt@  connection cut at RCPT              dropdata@  connection cut in the middle of DATA
    dropend@   message taken, then cut without an answer: was it accepted?
    hang@  RCPT never answered                     hangend@  message taken, never answered
    grey300@   refused once with "Greylisted, try again in 300 seconds", then accepted
    full@      refused at RCPT with 552 5.2.2, mailbox full

A message counts as accepted also for `dropend@` and `hangend@`: it was taken whole, only nobody said so.
"""

import argparse
import asyncio
import base64
import collections
import contextlib
import json
import re
import signal
import smtplib
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import checkout, process
from tools.certificate import Authority
from tools.report import Failure

ADDRESS = re.compile(rb"<(.*?)>")
FLUSH = 0.05


class SmtpSink:
    """The sink as a test sees it: a context manager around the process.

    Args:
        delay_ms: time that each reply takes. Pipelined commands share one, as they would on a slow line.
        password: of any user; login is offered after STARTTLS, or at once with `tls=True`.
        tls: TLS from the start instead of STARTTLS.
        max_size: bytes, announced by SIZE and enforced.
        without: names of extensions that are not offered, such as "PIPELINING"; commands that are pipelined all the
            same are refused.
        messages_a_session: MAIL is answered with 421 after so many messages on one connection; 0 for no limit.
        idle: seconds after which a connection without a command is closed without a word; 0 for never.
        keep: whether `messages()` holds the content (`raw`, bytes) as well.
        authority: a `tools.certificate.Authority`; a sandbox's, or one of its own when None.
        port: a free one when None (give a sandbox's `postfix.sink` to get the mail that leaves Postfix).

    Attributes:
        host, port, ca_path, ca_certificate.
    """

    host = "localhost"

    def __init__(
        self, delay_ms=0, *, password="sinkpw", tls=False, max_size=10_000_000, keep=False, authority=None, port=None,
        without=(), messages_a_session=0, idle=0,
    ):  # fmt: skip
        self.port = port or process.free_port()
        self.authority = authority or Authority(checkout.DEV / "sink-certificates")
        self._directory = None
        self._options = [f"--delay={delay_ms}", f"--password={password}", f"--max-size={max_size}"]
        self._options += ["--tls"] * tls + ["--keep"] * keep
        self._options += [f"--without={','.join(without)}", f"--messages-a-session={messages_a_session}"]
        self._options += [f"--idle={idle}"]
        self._tls = tls
        self._process = None

    @property
    def ca_path(self):
        return self.authority.ca_path

    @property
    def ca_certificate(self):
        return self.authority.ca_certificate

    def start(self):
        """Start the sink and return self once it listens."""
        with checkout.alone("sink-certificates"):
            self.authority.ensure()
        self._directory = tempfile.TemporaryDirectory(prefix="sink-")
        command = [sys.executable, "-m", "tools.smtp_sink", f"--port={self.port}", f"--log={self._log}", *self._options]
        command += [f"--certificate={self.authority.certificate_path}", f"--key={self.authority.key_path}"]
        self._process = subprocess.Popen(
            command,
            cwd=checkout.ROOT,
            env=process.environment({"PYTHONPATH": checkout.ROOT}),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        if not process.wait_for_port(self.port):
            self.stop()
            raise Failure(f"The SMTP sink does not listen on port {self.port}.")
        return self

    def stop(self):
        if self._process and self._process.poll() is None:
            process.end(self._process.pid)
            self._process.wait(5)
        if self._directory:
            self._directory.cleanup()
            self._directory = None

    @property
    def count(self):
        """How many messages were accepted."""
        return self._ask("XCOUNT")[0]

    @property
    def connections(self):
        """How many connections were opened for mail."""
        return self._ask("XCOUNT")[1]

    def messages(self):
        """Return the accepted messages: dictionaries with sender, recipients, size, user, tls, connection (and raw)."""
        self._ask("XCOUNT")  # it writes the log out
        found = [json.loads(line) for line in self._log.read_text().splitlines()] if self._log.exists() else []
        for message in found:
            if "raw" in message:
                message["raw"] = base64.b64decode(message["raw"])
        return found

    def reset(self):
        """Forget all messages, counts and tries."""
        self._ask("XRESET")

    def _ask(self, word):
        if self._tls:
            context = ssl.create_default_context(cafile=str(self.ca_path))
            session = smtplib.SMTP_SSL(self.host, self.port, timeout=30, context=context)
        else:
            session = smtplib.SMTP(self.host, self.port, timeout=30)
        with session:
            return [int(number) for number in session.docmd(word)[1].split()]

    @property
    def _log(self):
        return Path(self._directory.name) / "messages"

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.stop()


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


class Connection(asyncio.Protocol):
    """One SMTP session. Replies to commands that came in one packet leave in one packet."""

    def __init__(self, server):
        self.server = server
        self.loop = asyncio.get_running_loop()
        self.buffer = b""
        self.recipients = []
        self.sender = self.user = self.transport = None
        self.tls = server.implicit
        self.number = 0
        self.in_data = self.waiting = self.dropping = self.upgrading = False
        self.login_step = None
        self.taken = 0
        self.clock = None

    def connection_made(self, transport):
        self.transport = transport
        if self.upgrading:
            self.upgrading = False
            return
        self.reply(b"220 sink.test ESMTP\r\n")

    def data_received(self, data):
        if self.dropping:
            self.transport.abort()
            return
        if self.clock:
            self.clock.cancel()
        if self.server.idle:
            self.clock = self.loop.call_later(self.server.idle, lambda: self.transport.close())
        self.buffer += data
        if not self.waiting:
            self.work()

    def reply(self, words):
        if self.server.delay:
            self.loop.call_later(self.server.delay, self._write, words)
        else:
            self._write(words)

    def _write(self, words):
        if not self.transport.is_closing():
            self.transport.write(words)

    def wait(self, seconds, words):
        """Answer later, and look at no further command before."""
        self.waiting = True

        def go_on():
            self.waiting = False
            self.reply(words)
            self.work()

        self.loop.call_later(seconds, go_on)

    def work(self):
        """Answer every whole command that has arrived."""
        replies = []
        while not self.waiting and not self.transport.is_closing():
            answer = self._take_body() if self.in_data else self._take_command()
            if answer is None:
                break
            replies.append(answer)
        if replies:
            self.reply(b"".join(replies))

    def _take_command(self):
        end = self.buffer.find(b"\n")
        if end < 0:
            return None
        line, self.buffer = self.buffer[:end].rstrip(b"\r"), self.buffer[end + 1 :]
        if self.login_step:
            return self.login_step(line)
        if self.buffer and "PIPELINING" in self.server.without:
            return b"503 5.5.0 improper command pipelining\r\n"
        command = COMMANDS.get(line[:4].upper())
        return command(self, line) if command else b"500 5.5.2 unknown command\r\n"

    def _take_body(self):
        if self.buffer.startswith(b".\r\n"):
            body, self.buffer = b"", self.buffer[3:]
        else:
            end = self.buffer.find(b"\r\n.\r\n")
            if end < 0:
                return None
            body, self.buffer = self.buffer[: end + 2], self.buffer[end + 5 :]
        self.in_data = False
        return self._finish(body.replace(b"\r\n..", b"\r\n."))

    def _finish(self, body):
        words = [address.partition("@")[0] for address in self.recipients]
        for word in words:
            if code := re.match(r"d([45])(\d)(\d)", word):
                return refusal(code, "refused after DATA")
        if len(body) > self.server.max_size:
            return b"552 5.3.4 message too big\r\n"
        self.server.accept(self, body)
        self.taken += 1
        done = f"250 2.0.0 Ok: queued as {self.server.accepted}\r\n".encode()
        for word in words:
            if word == "dropend":
                self.transport.abort()
                return b""
            if word == "hangend":
                self.waiting = True
                return b""
            if seconds := re.match(r"slow([\d.]+)", word):
                self.wait(float(seconds[1]), done)
                return b""
        return done

    def hello(self, line):
        if not self.number:  # a connection counts once it says hello: a look whether the port is open does not
            self.server.connections += 1
            self.number = self.server.connections
        if line[:1].upper() == b"H":
            return b"250 sink.test\r\n"
        lines = ["sink.test", "PIPELINING", f"SIZE {self.server.max_size}", "8BITMIME", "SMTPUTF8", "DSN"]
        lines += ["AUTH PLAIN LOGIN XOAUTH2"] if self.tls else ["STARTTLS"]
        lines.append("ENHANCEDSTATUSCODES")
        lines = [line for line in lines if line.split(" ")[0] not in self.server.without]
        return "".join(f"250{' ' if word is lines[-1] else '-'}{word}\r\n" for word in lines).encode()

    def mail(self, line):
        if self.server.messages_a_session and self.taken >= self.server.messages_a_session:
            self._write(b"421 4.7.0 too many messages in this session\r\n")
            self.transport.close()
            return b""
        if b" SMTPUTF8" in line and "SMTPUTF8" in self.server.without:
            return b"555 5.5.4 unsupported option\r\n"
        size = re.search(rb"SIZE=(\d+)", line, re.IGNORECASE)
        if size and int(size[1]) > self.server.max_size:
            return b"552 5.3.4 message size exceeds fixed limit\r\n"
        address = ADDRESS.search(line)
        if not address:
            return b"501 5.1.7 no address\r\n"
        self.sender, self.recipients = address[1].decode(errors="replace"), []
        return b"250 2.1.0 Ok\r\n"

    def recipient(self, line):
        found = ADDRESS.search(line)
        if not found:
            return b"501 5.1.3 no address\r\n"
        address = found[1].decode(errors="replace")
        word = address.partition("@")[0]
        if code := re.match(r"e([45])(\d)(\d)", word):
            return refusal(code, "refused at RCPT")
        if tries := re.match(r"t(\d+)$", word):
            self.server.tries[address] += 1
            if self.server.tries[address] <= int(tries[1]):
                return b"451 4.7.1 try again later\r\n"
        if wait := re.match(r"grey(\d+)$", word):
            self.server.tries[address] += 1
            if self.server.tries[address] == 1:
                return f"450 4.2.0 Greylisted, please try again in {wait[1]} seconds\r\n".encode()
        if word == "full":
            return b"552 5.2.2 The mailbox is full\r\n"
        if word == "droprcpt":
            self.transport.abort()
            return b""
        if word == "q421":
            self._write(b"421 4.3.2 shutting down\r\n")
            self.transport.close()
            return b""
        if word == "hang":
            self.waiting = True
            return b""
        self.recipients.append(address)
        if seconds := re.match(r"rslow([\d.]+)", word):
            self.wait(float(seconds[1]), b"250 2.1.5 Ok\r\n")
            return b""
        return b"250 2.1.5 Ok\r\n"

    def data(self, line):
        if not self.recipients:
            return b"554 5.5.1 no valid recipients\r\n"
        self.dropping = any(address.startswith("dropdata@") for address in self.recipients)
        self.in_data = not self.dropping
        return b"354 End data with <CR><LF>.<CR><LF>\r\n"

    def forget(self, line):
        self.sender, self.recipients = None, []
        return b"250 2.0.0 Ok\r\n"

    def nothing(self, line):
        return b"250 2.0.0 Ok\r\n"

    def quit(self, line):
        self.loop.call_later(self.server.delay + 0.005, self.transport.close)
        return b"221 2.0.0 Bye\r\n"

    def starttls(self, line):
        if self.tls:
            return b"503 5.5.1 TLS is on\r\n"
        self._write(b"220 2.0.0 Ready\r\n")
        self.waiting = self.upgrading = self.tls = True
        self.buffer = b""  # RFC 3207 §4.2: what was pipelined before TLS is discarded
        self._task = self.loop.create_task(self._upgrade())
        return None

    async def _upgrade(self):
        with contextlib.suppress(ssl.SSLError, OSError):  # a client that refuses the certificate is no fault here
            self.transport = await self.loop.start_tls(self.transport, self, self.server.context, server_side=True)
            self.upgrading = self.waiting = False
            self.work()

    def login(self, line):
        words = line.split(b" ")
        method, first = words[1].upper() if len(words) > 1 else b"", words[2] if len(words) > 2 else None
        steps = {b"PLAIN": (self._plain, b"334 \r\n"), b"LOGIN": (self._name, b"334 VXNlcm5hbWU6\r\n")}
        if method == b"XOAUTH2" and first:
            return self._bearer(first)
        if method not in steps:
            return b"504 5.5.4 unknown mechanism\r\n"
        step, question = steps[method]
        if first is not None:
            return step(first)
        self.login_step = step
        return question

    def _plain(self, words):
        self.login_step = None
        parts = base64.b64decode(words).split(b"\0")
        if len(parts) != 3 or parts[2] != self.server.password:
            return b"535 5.7.8 bad credentials\r\n"
        self.user = parts[1].decode()
        return b"235 2.7.0 ok\r\n"

    def _name(self, words):
        name = base64.b64decode(words)
        self.login_step = lambda secret: self._plain(base64.b64encode(b"\0" + name + b"\0" + base64.b64decode(secret)))
        return b"334 UGFzc3dvcmQ6\r\n"

    def _bearer(self, words):
        """XOAUTH2; the access key that is accepted is the password."""
        text = base64.b64decode(words)
        user = re.search(rb"user=(.*?)\x01", text)
        if user and b"Bearer " + self.server.password + b"\x01" in text:
            self.user = user[1].decode()
            return b"235 2.7.0 ok\r\n"

        def refuse(_line):
            self.login_step = None
            return b"535 5.7.8 bad bearer\r\n"

        self.login_step = refuse
        return b"334 eyJzdGF0dXMiOiI0MDEifQ==\r\n"

    def counts(self, line):
        if line.upper() == b"XRESET":
            self.server.reset()
        return self.server.counts()


COMMANDS = {
    b"EHLO": Connection.hello,
    b"HELO": Connection.hello,
    b"MAIL": Connection.mail,
    b"RCPT": Connection.recipient,
    b"DATA": Connection.data,
    b"RSET": Connection.forget,
    b"NOOP": Connection.nothing,
    b"QUIT": Connection.quit,
    b"STAR": Connection.starttls,
    b"AUTH": Connection.login,
    b"XCOU": Connection.counts,
    b"XRES": Connection.counts,
}


def refusal(code, words):
    return f"{code[1]}{code[2]}{code[3]} {code[1]}.{code[2]}.{code[3]} {words}\r\n".encode()


async def serve(options):
    """Serve until SIGTERM."""
    loop = asyncio.get_running_loop()
    server = Server(options)
    context = server.context if server.implicit else None
    listening = await loop.create_server(
        lambda: Connection(server), ["127.0.0.1", "127.0.0.2"], options.port, backlog=512, ssl=context
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
    for name in ("--tls", "--keep"):
        parser.add_argument(name, action="store_true")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
