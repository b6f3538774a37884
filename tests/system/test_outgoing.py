# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Mail leaves over verified connections only, and Test Connection sends nothing."""

from __future__ import annotations

import contextlib
import socket
import threading

from tools.proxy import Proxy
from tools.smtp_sink import SmtpSink

from .case import SystemCase, box, wait_for
from .console import ConsoleError

RELAY, RELAY_PASSWORD = "relay@example.test", "relaypw"


class Stripper:
    """An SMTP server, or somebody on the way, that offers no STARTTLS; it keeps every line that it is sent."""

    def __init__(self):
        self.lines: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError), client, client.makefile("rwb", buffering=0) as stream:
            stream.write(b"220 stripped ESMTP\r\n")
            for line in stream:
                self.lines.append(line)
                word = line[:4].upper()
                if word == b"EHLO":
                    stream.write(b"250-stripped\r\n250-AUTH PLAIN LOGIN\r\n250 SIZE 1000000\r\n")
                elif word == b"QUIT":
                    stream.write(b"221 bye\r\n")
                    return
                else:
                    stream.write(b"250 ok\r\n")

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class TestOutgoing(SystemCase):
    def setUp(self):
        self.rows("DELETE FROM mail_mail")
        self.ask("env['ir.mail_server'].search([]).active = False")

    def server(self, port, encryption, **values):
        values = {
            "name": "out",
            "smtp_host": self.sandbox.host,
            "smtp_port": port,
            "smtp_encryption": encryption,
            "smtp_user": RELAY,
            "smtp_pass": RELAY_PASSWORD,
            "gateway_ca_certificate": self.sandbox.ca_certificate,
            **values,
        }
        return self.ask("answer = env['ir.mail_server'].create(values).id", values=values)

    def send(self, to, subject):
        """Send a mail through the queue and return (state, failure reason)."""
        return self.ask(
            """
mail = env["mail.mail"].create(
    {"subject": subject, "body_html": "<p>x</p>", "email_to": to, "email_from": sender, "auto_delete": False}
)
env.cr.commit()
mail.process_email_queue(email_ids=mail.ids)
answer = [mail.state, mail.failure_reason or ""]
""",
            to=to,
            subject=subject,
            sender=RELAY,
        )

    def arrives(self, address, subject):
        found = wait_for(lambda: self.dovecot.messages(address), f"{subject} arrives", 15)
        self.assertEqual(len(found), 1)
        self.assertIn(f"Subject: {subject}".encode(), found[0][2])
        return found[0][2]

    def test_starttls_verified_by_a_private_authority(self):
        address = box()
        self.server(self.postfix.submission, "starttls_strict")
        self.assertEqual(self.send(address, "by starttls"), ["sent", ""])
        self.assertRegex(self.arrives(address, "by starttls"), rb"with ESMTPSA")

    def test_tls_verified_by_a_private_authority(self):
        address = box()
        self.server(self.postfix.smtps, "ssl_strict")
        self.assertEqual(self.send(address, "by tls"), ["sent", ""])
        self.assertRegex(self.arrives(address, "by tls"), rb"with ESMTPSA")

    def test_without_the_private_authority_nothing_is_sent(self):
        address = box()
        for port, encryption in ((self.postfix.submission, "starttls_strict"), (self.postfix.smtps, "ssl_strict")):
            with self.subTest(encryption), Proxy(port) as proxy:
                self.ask("env['ir.mail_server'].search([]).active = False")
                self.server(proxy.port, encryption, gateway_ca_certificate=False)
                state, reason = self.send(address, "unverified")
                # It waits, and says what a person has to put right.
                self.assertEqual(state, "outgoing")
                self.assertIn("authority that is not trusted", reason)
        self.assertEqual(self.dovecot.messages(address), [])

    def test_certificate_of_another_host_gets_no_password(self):
        # The sandbox's certificate is not valid for this name of the same machine.
        for tls, encryption in ((False, "starttls_strict"), (True, "ssl_strict")):
            with self.subTest(encryption), SmtpSink(keep=True, tls=tls, authority=self.sandbox.authority) as sink:
                relayed = Relay(("127.0.0.3", 0), sink.port)
                self.addCleanup(relayed.stop)
                self.ask("env['ir.mail_server'].search([]).active = False")
                self.server(relayed.port, encryption, smtp_host="127.0.0.3", smtp_user="u", smtp_pass="sinkpw")
                state, reason = self.send("a@remote.test", "to another host")
                self.assertEqual(state, "outgoing")
                self.assertIn("certificate belongs to another host", reason)
                self.assertNotIn("sinkpw", reason)
                self.assertEqual(sink.count, 0)
                # After the greeting and STARTTLS nothing but the handshake went out: no login, no mail.
                self.assertNotIn(b"AUTH", relayed.sent)
                self.assertNotIn(b"MAIL FROM", relayed.sent.upper())

    def test_stripped_starttls_gets_no_password(self):
        stripper = Stripper()
        self.addCleanup(stripper.stop)
        self.server(stripper.port, "starttls_strict")
        state, reason = self.send("a@remote.test", "stripped")
        self.assertEqual(state, "outgoing")
        self.assertIn("does not offer STARTTLS", reason)
        words = b"".join(stripper.lines).upper()
        self.assertNotIn(b"AUTH", words)
        self.assertNotIn(b"MAIL", words)

    # Test Connection

    def try_connection(self, server):
        """Press Test Connection; return (kind, text, encryption, port), or the error's text."""
        try:
            return self.ask(
                "server = env['ir.mail_server'].browse(id)\n"
                "found = server.test_smtp_connection()['params']\n"
                "answer = [found['type'], found['message'], server.smtp_encryption, server.smtp_port]",
                id=server,
            )
        except ConsoleError as error:
            self.assertEqual(error.kind, "UserError", error)
            return error.text

    def test_connection_test_sends_nothing(self):
        mailboxes = ("alice@example.test", "relay@example.test", "bounce@example.test")
        before = [len(self.dovecot.messages(address)) for address in mailboxes]
        log = self.postfix.log_text()
        for port, encryption in ((self.postfix.submission, "starttls_strict"), (self.postfix.smtps, "ssl_strict")):
            kind, text, after, after_port = self.try_connection(self.server(port, encryption))
            self.assertEqual((kind, after, after_port), ("success", encryption, port))
            self.assertIn("Nothing was sent", text)
        self.assertTrue(self.postfix.queue_empty(10))
        new = self.postfix.log_text()[len(log) :]
        self.assertIn("sasl_username=relay@example.test", new)
        # A queue id with a message-id is what every mail that Postfix takes leaves behind.
        self.assertNotIn("message-id=", new)
        self.assertNotIn("status=sent", new)
        self.assertEqual([len(self.dovecot.messages(address)) for address in mailboxes], before)
        self.assertEqual(self.value("SELECT count(*) FROM mail_mail"), 0)

    def test_connection_test_puts_a_mixed_up_encryption_right(self):
        for port, wrong, right in (
            (self.postfix.submission, "ssl_strict", "starttls_strict"),
            (self.postfix.smtps, "starttls_strict", "ssl_strict"),
        ):
            with self.subTest(wrong):
                server = self.server(port, wrong)
                kind, text, encryption, after_port = self.try_connection(server)
                self.assertEqual((kind, encryption, after_port), ("warning", right, port))
                self.assertIn("put right", text)

    def test_connection_test_never_gives_up_encryption(self):
        stripper = Stripper()
        self.addCleanup(stripper.stop)
        server = self.server(stripper.port, "ssl_strict")
        text = self.try_connection(server)
        self.assertIsInstance(text, str)
        self.assertEqual(
            self.rows("SELECT smtp_encryption, smtp_port FROM ir_mail_server WHERE id = %s", server),
            [("ssl_strict", stripper.port)],
        )
        self.assertNotIn(b"AUTH", b"".join(stripper.lines).upper())

    def test_connection_test_names_other_ports_that_answer(self):
        # 127.0.0.4 has a server on one of the usual ports only.
        relayed = Relay(("127.0.0.4", 2525), self.postfix.submission)
        self.addCleanup(relayed.stop)
        server = self.server(587, "starttls_strict", smtp_host="127.0.0.4")
        text = self.try_connection(server)
        self.assertIsInstance(text, str)
        self.assertIn("2525", text)
        self.assertEqual(self.value("SELECT smtp_port FROM ir_mail_server WHERE id = %s", server), 587)

    def test_connection_test_with_a_wrong_password(self):
        server = self.server(self.postfix.submission, "starttls_strict", smtp_pass="not-the-password")
        text = self.try_connection(server)
        self.assertIn("User name or password is wrong", text)
        self.assertNotIn("not-the-password", text)


class Relay:
    """Passes connections on from any loopback address, and keeps what clients sent."""

    def __init__(self, address, target):
        self.sent = b""
        self._target = target
        self._listener = socket.create_server(address)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            there = socket.create_connection(("127.0.0.1", self._target))
            threading.Thread(target=self._pump, args=(client, there, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(there, client, False), daemon=True).start()

    def _pump(self, source, drain, is_client):
        with contextlib.suppress(OSError), contextlib.closing(source), contextlib.closing(drain):
            while data := source.recv(65536):
                if is_client:
                    self.sent += data
                drain.sendall(data)

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
