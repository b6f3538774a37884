# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The LMTP server on a real socket, with a desk that notes what it is asked."""

import asyncio
import threading

from ...engine.lmtp import Limits, LmtpServer
from .case import EngineCase


class Desk:
    def __init__(self):
        self.kept = []
        self.most = None
        self.reached, self.go = threading.Event(), threading.Event()

    def size(self):
        if self.most == "broken":
            raise RuntimeError
        return self.most

    def judge(self, recipient):
        if recipient.startswith("broken"):
            raise RuntimeError(recipient)
        return "550 5.1.1 Mailbox unavailable" if recipient.startswith("nobody") else ""

    def keep(self, content, sender, recipients):
        if b"hold" in content:
            self.reached.set()
            self.go.wait(10)
        if b"broken" in content:
            raise RuntimeError
        self.kept.append((content, sender, recipients))
        return ["250 2.0.0 Stored" if "full" not in recipient else "452 4.3.1 No room" for recipient in recipients]


class Client:
    """Sends lines and reads answers."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def say(self, line, answers=1):
        """Send a line (bytes, without its end) and return the codes of the answers."""
        if line is not None:
            self.writer.write(line + b"\r\n")
        codes = []
        while len(codes) < answers:
            answer = await asyncio.wait_for(self.reader.readline(), 10)
            if not answer:
                break
            if answer[3:4] != b"-":
                codes.append(answer.decode().rstrip())
        return codes

    async def begin(self, *recipients, sender=b"<ann@example.org>"):
        await self.say(b"MAIL FROM:" + sender)
        return [code for recipient in recipients for code in await self.say(b"RCPT TO:<%s>" % recipient)]


class TestLmtp(EngineCase):
    def serve(self, scenario, **limits):
        """Run a scenario (async, gets the server, its desk and a function that connects)."""
        desk, errors = Desk(), []

        async def run():
            values = {"size": 1000, "connections": 3, "seconds": 5, **limits}
            server = LmtpServer(desk, Limits(**values), "mx", errors.append)
            await server.listen(host="127.0.0.1", port=0)
            port = server._listener.sockets[0].getsockname()[1]

            async def connect():
                client = Client(*await asyncio.open_connection("127.0.0.1", port))
                self.greeting = (await client.say(None))[0]
                if self.greeting.startswith("220"):
                    await client.say(b"LHLO client")
                return client

            try:
                await scenario(server, desk, connect)
            finally:
                desk.go.set()
                await server.close(1)

        asyncio.run(run())
        return desk, errors

    def test_one_answer_for_each_recipient_that_was_taken(self):
        async def scenario(server, desk, connect):
            client = await connect()
            self.assertEqual(
                await client.begin(b"a@x.org", b"nobody@x.org", b"full@x.org"),
                ["250 2.1.5 OK", "550 5.1.1 Mailbox unavailable", "250 2.1.5 OK"],
            )
            await client.say(b"DATA")
            self.assertEqual(
                await client.say(b"Subject: x\r\n\r\n..dot \xff\r\n.", 2), ["250 2.0.0 Stored", "452 4.3.1 No room"]
            )
            self.assertEqual(await client.say(b"NOOP"), ["250 OK"])

        desk, errors = self.serve(scenario)
        self.assertEqual(
            desk.kept, [(b"Subject: x\r\n\r\n.dot \xff\r\n", "ann@example.org", ["a@x.org", "full@x.org"])]
        )
        self.assertEqual(errors, [])

    def test_an_error_of_ours_is_temporary_for_each(self):
        async def scenario(server, desk, connect):
            client = await connect()
            self.assertEqual(await client.begin(b"broken@x.org"), ["451 4.3.0 Try again later"])
            await client.say(b"RCPT TO:<a@x.org>")
            await client.say(b"RCPT TO:<b@x.org>")
            await client.say(b"DATA")
            self.assertEqual(await client.say(b"broken\r\n.", 2), ["451 4.3.0 Try again later"] * 2)
            # The session goes on, in step.
            await client.begin(b"a@x.org")
            await client.say(b"DATA")
            self.assertEqual(await client.say(b"S: x\r\n."), ["250 2.0.0 Stored"])

        self.assertEqual(self.serve(scenario)[1], ["RuntimeError", "RuntimeError"])

    def test_too_large_is_said_to_each(self):
        async def scenario(server, desk, connect):
            client = await connect()
            await client.begin(b"a@x.org", b"b@x.org")
            await client.say(b"DATA")
            answers = await client.say(b"x" * 1001 + b"\r\n.", 2)
            self.assertEqual([answer[:3] for answer in answers], ["552", "552"])
            self.assertEqual(await client.say(b"NOOP"), ["250 OK"])
            self.assertEqual((await client.say(b"MAIL FROM:<a@b.org> SIZE=5000"))[0][:3], "552")

        self.assertEqual(self.serve(scenario)[0].kept, [])

    def test_a_size_limit_that_was_changed_holds_for_the_next_greeting(self):
        async def accepted(client, size):
            return [(await client.say(b"MAIL FROM:<a@b.org> SIZE=%d" % size))[0][:3], await client.say(b"RSET")][0]

        async def scenario(server, desk, connect):
            client = await connect()
            self.assertEqual(await accepted(client, 5000), "552")
            desk.most = 6000
            self.assertEqual(await accepted(client, 5000), "552")
            for most, size, code in (
                (6000, 5000, "250"),
                (6000, 6001, "552"),
                (300, 301, "552"),
                ("broken", 301, "552"),
            ):
                desk.most = most
                await client.say(b"LHLO client")
                self.assertEqual(await accepted(client, size), code, most)
            self.assertEqual(await accepted(await connect(), 1000), "250")

        # Where it cannot be asked for, what was known last holds: at first what the server began with.
        self.assertEqual(self.serve(scenario)[1], ["RuntimeError"] * 2)

    def test_null_sender_and_long_lines(self):
        line = b"x" * 500_000

        async def scenario(server, desk, connect):
            client = await connect()
            await client.begin(b"a@x.org", sender=b"<>")
            await client.say(b"DATA")
            self.assertEqual(await client.say(line + b"\r\n."), ["250 2.0.0 Stored"])

        self.assertEqual(self.serve(scenario, size=2_000_000)[0].kept, [(line + b"\r\n", "", ["a@x.org"])])

    def test_addresses_that_no_database_can_keep(self):
        async def scenario(server, desk, connect):
            client = await connect()
            await client.say(b"MAIL FROM:<m\xfcller@x.org>")
            self.assertEqual(await client.say(b"RCPT TO:<h\xfclp@x.org>"), ["553 5.1.3 Malformed address"])
            self.assertEqual(await client.say(b"RCPT TO:<a@x.org>"), ["250 2.1.5 OK"])
            await client.say(b"DATA")
            self.assertEqual(await client.say(b"Text\r\n."), ["250 2.0.0 Stored"])

        self.assertEqual(self.serve(scenario)[0].kept, [(b"Text\r\n", "m?ller@x.org", ["a@x.org"])])

    def test_what_rfc_2033_asks_for(self):
        async def scenario(server, desk, connect):
            reader, writer = await asyncio.open_connection(*server._listener.sockets[0].getsockname())
            # Pipelined, from the greeting on.
            writer.write(b"LHLO c\r\nMAIL FROM:<a@b.org>\r\nRCPT TO:<a@x.org>\r\nDATA\r\n")
            text = b""
            while b"354" not in text:
                text += await asyncio.wait_for(reader.read(1000), 10)
            for word in (b"PIPELINING", b"ENHANCEDSTATUSCODES", b"8BITMIME", b"SIZE 1000", b"SMTPUTF8"):
                self.assertIn(word, text)
            client = await connect()
            self.assertEqual((await client.say(b"EHLO x"))[0][:3], "500")
            self.assertEqual((await client.say(b"DATA"))[0][:3], "503")

        self.serve(scenario)

    def test_connections_over_the_limit_are_sent_away(self):
        async def scenario(server, desk, connect):
            for _number in range(3):
                await connect()
            full = await connect()
            self.assertEqual(self.greeting, "421 4.3.2 Too many connections")
            self.assertEqual(await full.say(None), [])

        self.serve(scenario)

    def test_a_silent_client_is_cut(self):
        async def scenario(server, desk, connect):
            client = await connect()
            self.assertEqual(await client.say(None), [])

        self.serve(scenario, seconds=0.3)

    def test_closing_lets_a_message_in_work_be_answered(self):
        async def scenario(server, desk, connect):
            client = await connect()
            idle = await connect()
            await client.begin(b"a@x.org")
            await client.say(b"DATA")
            client.writer.write(b"hold\r\n.\r\n")
            await asyncio.to_thread(desk.reached.wait, 10)
            closing = asyncio.create_task(server.close(10))
            await asyncio.sleep(0.1)
            desk.go.set()
            self.assertEqual(await client.say(None), ["250 2.0.0 Stored"])
            await closing
            with self.assertRaises(OSError):
                self.assertEqual(await idle.say(b"NOOP"), [])
                raise ConnectionError

        self.serve(scenario)

    def test_more_recipients_than_a_message_may_have(self):
        async def scenario(server, desk, connect):
            client = await connect()
            answers = await client.begin(*(b"a%d@x.org" % number for number in range(101)))
            self.assertEqual(answers[99:], ["250 2.1.5 OK", "452 4.5.3 Too many recipients"])

        self.serve(scenario)
