"""A TCP proxy in a thread of the test, between Odoo and a mail server.

    with Proxy(sandbox.dovecot.imap) as proxy:
        proxy.hold(rb"UID STORE")        # the client's bytes stop just before the first match
        ...                              # Odoo talks to 127.0.0.1, port proxy.port
        proxy.held.wait(20)              # now Odoo waits at exactly this step: kill it
        proxy.release()

Patterns need bytes that can be read. For TLS from the start, `Proxy(sandbox.dovecot.imaps, tls=sandbox.authority)`
takes the place of the server, with its certificate; STARTTLS cannot be looked into.
"""

import asyncio
import contextlib
import re
import ssl
import threading

from tools.report import Failure


class Proxy:
    """Forward connections to a port of 127.0.0.1.

    Args:
        target_port: where to.
        delay_ms: true one-way latency: bytes are queued with the time at which they are due, so that a pipeline stays a
            pipeline. Making a connection costs a round trip as well.
        cut_after: cut a connection after that many bytes from the client, without forwarding the part that reaches it.
        cut_reply_after: the same for bytes from the server.
        pace: bytes a second that the server's answers may have.
        tls: a `tools.certificate.Authority`: decrypt what comes, and encrypt it again towards the target.

    Attributes:
        port: where to connect.
        held: a `threading.Event`, set once a held pattern has arrived.
        connections, sent: how many connections were made, and how many bytes clients sent.
    """

    def __init__(self, target_port, delay_ms=0, cut_after=None, cut_reply_after=None, pace=None, tls=None):
        self.target_port = target_port
        self.delay = delay_ms / 1000
        self.cut_after = cut_after
        self.pace = pace
        self.cut_reply_after = cut_reply_after
        self._ours = self._theirs = None
        if tls:
            self._ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._ours.load_cert_chain(tls.certificate_path, tls.key_path)
            self._theirs = ssl.create_default_context(cafile=str(tls.ca_path))
        self.port = None
        self.held = threading.Event()
        self.connections = 0
        self.sent = 0
        self._pattern = self._reply_pattern = None
        self._released = threading.Event()
        self._loop = self._thread = None
        self._ready = threading.Event()
        self._writers = set()

    def start(self):
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._thread.start()
        if not self._ready.wait(10):
            raise Failure("The proxy did not start.")
        return self

    def stop(self):
        """Cut all connections and stop listening."""
        if self._loop:
            self._released.set()
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._finished.set)
            self._thread.join(10)

    def hold(self, pattern, reply=False):
        """Stop the client's bytes before the first match of a regular expression (of bytes), from now on.

        With `reply`, stop the server's bytes before the first match instead: the server has done its work, and the
        client does not hear of it. One pattern at a time; a new one takes the place of the old.
        """
        self.held.clear()
        self._released = threading.Event()
        expression = re.compile(pattern, re.IGNORECASE)
        self._pattern, self._reply_pattern = (None, expression) if reply else (expression, None)

    def release(self):
        """Let the held bytes go, and hold nothing more."""
        self._pattern = self._reply_pattern = None
        self._released.set()

    def cut(self):
        """Reset every connection that is open now."""
        self._loop.call_soon_threadsafe(self._abort)

    def _abort(self):
        for writer in list(self._writers):
            writer.transport.abort()

    def _run(self):
        asyncio.run(self._serve())

    async def _serve(self):
        self._loop = asyncio.get_running_loop()
        self._finished = asyncio.Event()
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0, backlog=512, ssl=self._ours)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._finished.wait()
        server.close()
        self._abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=2)

    async def _connect(self, reader, writer):
        self.connections += 1
        await asyncio.sleep(2 * self.delay)  # the round trip in which a real connection is made
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target_port, ssl=self._theirs)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, back}
        self._writers |= pair
        try:
            await asyncio.gather(
                self._pump(reader, back, pair, self.cut_after, from_client=True),
                self._pump(there, writer, pair, self.cut_reply_after, from_client=False),
            )
        finally:
            self._writers -= pair
            for end in pair:
                end.close()

    async def _pump(self, reader, writer, pair, limit, *, from_client):
        queue = asyncio.Queue()
        sender = asyncio.ensure_future(self._send(queue, writer, None if from_client else self.pace))
        seen = 0
        try:
            while data := await reader.read(65536):
                seen += len(data)
                if from_client:
                    self.sent += len(data)
                if limit is not None and seen >= limit:
                    for end in pair:
                        end.transport.abort()
                    return
                data = await self._hold(data, queue, from_client)
                queue.put_nowait((self._loop.time() + self.delay, data))
            queue.put_nowait((self._loop.time() + self.delay, b""))
            with contextlib.suppress(asyncio.CancelledError):
                await sender
        except (ConnectionError, OSError):
            for end in pair:
                end.transport.abort()
        finally:
            sender.cancel()

    async def _hold(self, data, queue, from_client):
        """Forward what comes before the held pattern, wait, and return the rest."""
        pattern = self._pattern if from_client else self._reply_pattern
        match = pattern.search(data) if pattern else None
        if not match:
            return data
        if match.start():
            queue.put_nowait((self._loop.time() + self.delay, data[: match.start()]))
        self.held.set()
        released = self._released
        while not released.is_set():
            await asyncio.sleep(0.01)
        return data[match.start() :]

    async def _send(self, queue, writer, pace):
        while True:
            due, data = await queue.get()
            rest = due - self._loop.time()
            if rest > 0:
                await asyncio.sleep(rest)
            if not data:
                with contextlib.suppress(OSError):
                    if writer.can_write_eof():
                        writer.write_eof()
                    else:  # TLS knows no half-closed connection
                        writer.close()
                return
            if pace:
                await asyncio.sleep(len(data) / pace)
            writer.write(data)
            with contextlib.suppress(ConnectionError):
                await writer.drain()

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.stop()
