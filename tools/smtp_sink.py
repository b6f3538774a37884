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

import base64
import json
import smtplib
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import checkout, process
from tools.certificate import Authority
from tools.report import Failure


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
        mechanisms: of logging in, separated by blanks.
        introspect_url: where access tokens are asked about (`OAuthProvider.introspect_url`); without it the password is
            the one good token, of any user.
        token_refusal: what is said to every token, such as "535 5.7.139 Authentication unsuccessful, …".
        authority: a `tools.certificate.Authority`; a sandbox's, or one of its own when None.
        port: a free one when None (give a sandbox's `postfix.sink` to get the mail that leaves Postfix).

    Attributes:
        host, port, ca_path, ca_certificate.
    """

    host = "localhost"

    def __init__(
        self, delay_ms=0, *, password="sinkpw", tls=False, max_size=10_000_000, keep=False, authority=None, port=None,
        without=(), messages_a_session=0, idle=0, mechanisms="PLAIN LOGIN XOAUTH2", introspect_url="",
        token_refusal="",
    ):  # fmt: skip
        self.port = port or process.free_port()
        self.authority = authority or Authority(checkout.DEV / "sink-certificates")
        self._directory = None
        self._options = [f"--delay={delay_ms}", f"--password={password}", f"--max-size={max_size}"]
        self._options += ["--tls"] * tls + ["--keep"] * keep
        self._options += [f"--without={','.join(without)}", f"--messages-a-session={messages_a_session}"]
        self._options += [f"--idle={idle}", f"--mechanisms={mechanisms}"]
        self._options += [f"--introspect-url={introspect_url}", f"--token-refusal={token_refusal}"]
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
        command = [sys.executable, "-m", "tools.smtp_sink_server", f"--port={self.port}", f"--log={self._log}"]
        command += self._options
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
    def pid(self):
        """The id of the sink's process."""
        return self._process.pid

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
