"""One session of the SMTP sink: its commands, and the faults that a recipient's address asks for (see smtp_sink.py)."""

import asyncio
import contextlib
import re
import ssl

from tools.smtp_sink_login import Login

ADDRESS = re.compile(rb"<(.*?)>")


class Session(Login, asyncio.Protocol):
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
        lines += [f"AUTH {' '.join(self.server.mechanisms)}"] if self.tls else ["STARTTLS"]
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

    def counts(self, line):
        if line.upper() == b"XRESET":
            self.server.reset()
        return self.server.counts()


COMMANDS = {
    b"EHLO": Session.hello,
    b"HELO": Session.hello,
    b"MAIL": Session.mail,
    b"RCPT": Session.recipient,
    b"DATA": Session.data,
    b"RSET": Session.forget,
    b"NOOP": Session.nothing,
    b"QUIT": Session.quit,
    b"STAR": Session.starttls,
    b"AUTH": Session.login,
    b"XCOU": Session.counts,
    b"XRES": Session.counts,
}


def refusal(code, words):
    return f"{code[1]}{code[2]}{code[3]} {code[1]}.{code[2]}.{code[3]} {words}\r\n".encode()
