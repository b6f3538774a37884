"""Stand-ins for the sandbox, where real mail servers can neither be found nor installed (no root).

aiosmtpd takes mail and files it, pymap shows it by IMAP: enough for the demonstration, not for the system tests, which
are about how real servers behave. The class looks like `Sandbox`; run as a program, this file is the servers.
"""

import argparse
import asyncio
import contextlib
import imaplib
import json
import shutil
import signal
import smtplib
import ssl
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

from tools import checkout, environment, process
from tools.certificate import Authority
from tools.report import Failure

DOMAIN = "example.test"
LOOK = 0.2  # seconds between two looks at the list of mailboxes


def end(directory):
    """End the stand-ins of a directory, if they run."""
    with contextlib.suppress(OSError, ValueError):
        pid = int((directory / "pid").read_text())
        if str(directory) in process.command_line(pid):
            process.end(pid)


class StandIns:
    """The part of `Sandbox` that `./dev run` uses.

    Attributes:
        dovecot: has `imap`, `imaps`, `add_user`, `messages`.
        postfix: has `smtp` (no login) and `submission` (STARTTLS and login).
    """

    host = "localhost"
    words = "stand-ins (aiosmtpd and pymap), as real servers need root"
    mail_server = "the stand-in for Postfix"

    def __init__(self, directory):
        self.directory = checkout.state(directory)
        self.authority = Authority(self.directory / "certificates")
        self.dovecot = self.postfix = self._process = None
        self._passwords = {f"{user}@{DOMAIN}": f"{user}pw" for user in ("alice", "bob", "bounce", "relay")}

    @property
    def ca_path(self):
        return self.authority.ca_path

    @property
    def ca_certificate(self):
        return self.authority.ca_certificate

    def start(self, steps=None):
        """Start the servers, with empty mailboxes, and return self."""
        if not shutil.which("openssl"):
            raise Failure("openssl is missing. Install it as root: apt-get install openssl")
        interpreter = environment.ensure_stand_ins(steps)
        end(self.directory)
        checkout.clear(self.directory)
        self.authority.ensure()
        ports = {name: process.free_port() for name in ("smtp", "submission", "imap", "imaps")}
        self.postfix = SimpleNamespace(smtp=ports["smtp"], submission=ports["submission"])
        self.dovecot = SimpleNamespace(
            imap=ports["imap"], imaps=ports["imaps"], add_user=self._add_user, messages=self._messages
        )
        self._write_users()
        command = [interpreter, "-m", "tools.stand_in", str(self.directory), json.dumps(ports)]
        self._process = subprocess.Popen(
            command,
            cwd=checkout.ROOT,
            env=process.environment({"PYTHONPATH": checkout.ROOT}),
            stdin=subprocess.DEVNULL,
            stdout=(self.directory / "log").open("w"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        (self.directory / "pid").write_text(str(self._process.pid))
        if not all(process.wait_for_port(port) for port in ports.values()):
            self.stop()
            raise Failure(f"The stand-in mail servers do not answer; see {self.directory / 'log'}.")
        return self

    def stop(self):
        end(self.directory)

    def send(self, message):
        with smtplib.SMTP("127.0.0.1", self.postfix.smtp, timeout=30) as session:
            session.send_message(message)

    def _add_user(self, address, password):
        self._passwords[address] = password
        self._write_users()
        time.sleep(3 * LOOK)

    def _write_users(self):
        (self.directory / "passwords.json").write_text(json.dumps(self._passwords))

    def _messages(self, address):
        session = imaplib.IMAP4("127.0.0.1", self.dovecot.imap, timeout=30)
        session.login(address, self._passwords[address])
        session.select("INBOX", readonly=True)
        answer = session.uid("FETCH", "1:*", "(UID BODY.PEEK[])")[1]
        session.logout()
        return [(0, (), part[1]) for part in answer if isinstance(part, tuple)]


class Filing:
    """aiosmtpd's handler: a message becomes a file in the recipient's Maildir."""

    def __init__(self, directory):
        self.directory = directory
        self.count = 0

    def passwords(self):
        return json.loads((self.directory / "passwords.json").read_text())

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.lower() not in self.passwords():
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server, session, envelope):
        for address in envelope.rcpt_tos:
            maildir = mailbox(self.directory, address.lower())
            self.count += 1
            waiting = maildir / "tmp" / f"{int(time.time())}.M{self.count:06d}.standin"
            waiting.write_bytes(envelope.content)  # pymap shows the file as it is, so CRLF stays
            waiting.rename(maildir / "new" / waiting.name)
        return "250 2.0.0 Ok: filed"


def mailbox(directory, address):
    maildir = directory / "mail" / address.partition("@")[0]
    for name in ("cur", "new", "tmp"):
        (maildir / name).mkdir(parents=True, exist_ok=True)
    return maildir


async def serve(directory, ports):
    """Run all servers until the process is ended (in the stand-ins' own environment)."""
    from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

    loop = asyncio.get_running_loop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "certificates" / "server.pem", directory / "certificates" / "server.key")
    filing = Filing(directory)

    def login(server, session, envelope, mechanism, data):
        good = isinstance(data, LoginPassword) and filing.passwords().get(data.login.decode()) == data.password.decode()
        return AuthResult(success=good, handled=False)

    def submission():
        return SMTP(filing, require_starttls=True, tls_context=context, authenticator=login, auth_required=True)

    await loop.create_server(lambda: SMTP(filing), "127.0.0.1", ports["smtp"])
    await loop.create_server(submission, "127.0.0.1", ports["submission"])

    async def to_imap(reader, writer):
        """pymap has no TLS from the start: it is added here."""
        there, back = await asyncio.open_connection("127.0.0.1", ports["imap"])
        await asyncio.gather(pump(reader, back), pump(there, writer))

    async def pump(source, target):
        try:
            while data := await source.read(65536):
                target.write(data)
                await target.drain()
        except OSError:
            target.transport.abort()
        finally:
            target.close()

    await asyncio.start_server(to_imap, "127.0.0.1", ports["imaps"], ssl=context)
    written = ""
    while True:  # pymap reads its lists at every login: a mailbox that was added is there at once
        if written != (directory / "passwords.json").read_text():
            written = write_accounts(directory)
        await asyncio.sleep(LOOK)


def write_accounts(directory):
    """Write pymap's lists of users and passwords; return what they were made from."""
    from pysasl.hashing import BuiltinHash

    text = (directory / "passwords.json").read_text()
    accounts = json.loads(text)
    for address in accounts:
        mailbox(directory, address)
    users = [f"{address}:::::{address.partition('@')[0]}:" for address in accounts]
    secrets = [f"{address}:{BuiltinHash(rounds=1000).hash(password)}:::::::" for address, password in accounts.items()]
    (directory / "mail" / "pymap-etc-passwd").write_text("\n".join(users) + "\n")
    (directory / "mail" / "pymap-etc-shadow").write_text("\n".join(secrets) + "\n")
    return text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("ports", type=json.loads)
    options = parser.parse_args()
    write_accounts(options.directory)
    program = Path(sys.executable).with_name("pymap")
    command = [program, "--host", "127.0.0.1", "--port", str(options.ports["imap"]), "--no-tls"]
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that pymap is ended as well
    with (
        contextlib.suppress(KeyboardInterrupt),
        subprocess.Popen([*command, "maildir", options.directory / "mail"]) as imap,
    ):
        try:
            asyncio.run(serve(options.directory, options.ports))
        finally:
            imap.terminate()


if __name__ == "__main__":
    main()
