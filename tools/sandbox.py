"""Real mail servers on loopback: Postfix moves mail, Dovecot holds mailboxes, a private authority certifies both.

    with Sandbox.shared() as sandbox:
        sandbox.dovecot.deliver("alice@example.test", raw)

Mailboxes alice, bob, bounce and relay of example.test exist from the start; each password is the name and `pw`.
"""

import atexit
import contextlib
import os
import shutil
import smtplib
from pathlib import Path

from tools import checkout, debian, dovecot, postfix, stand_in
from tools.certificate import Authority
from tools.dovecot import PROGRAM as DOVECOT
from tools.dovecot import Dovecot
from tools.postfix import PROGRAM as POSTFIX
from tools.postfix import Postfix
from tools.report import Quiet

DOMAIN = "example.test"
USERS = ("alice", "bob", "bounce", "relay")
PACKAGES = ("postfix", "dovecot-imapd", "dovecot-pop3d", "dovecot-lmtpd", "openssl")


def install(steps=None):
    """Install Debian's mail servers if they are missing; without root that is a Failure which names them."""
    steps = steps or Quiet()
    modules = [Path("/usr/lib/dovecot") / name for name in ("imap", "pop3", "lmtp")]
    programs = [Path(DOVECOT), Path(POSTFIX), Path("/usr/bin/openssl"), *modules]
    if not all(program.exists() for program in programs):
        debian.install(PACKAGES, "The sandbox's mail servers (Postfix and Dovecot)", steps.progress)


class Sandbox:
    """Dovecot and Postfix on free ports.

    Args:
        directory: a path, or a name below `.dev/`. Mail of an earlier sandbox in it is removed.

    Attributes:
        host: the name for which the servers' certificate is valid. So is 127.0.0.1, but not 127.0.0.2, where Dovecot
            listens too.
        ca_certificate, ca_path: the authority's certificate, as PEM text and as a file.
        dovecot, postfix: see their classes. `postfix` is None where Postfix cannot run (no root).
    """

    host = "localhost"
    words = "Postfix and Dovecot"
    mail_server = "Postfix"
    _shared = None

    def __init__(self, directory="sandbox"):
        name = Path(directory)
        self.directory = name if name.is_absolute() else checkout.state(str(directory))
        self.authority = Authority(self.directory / "certificates")
        self.dovecot = self.postfix = None

    @classmethod
    def shared(cls):
        """Return the sandbox of this process, started; it is stopped when the process ends."""
        if cls._shared is None:
            sandbox = cls(f"sandbox-{os.getpid()}")
            atexit.register(sandbox._remove)
            cls._shared = sandbox.start()
        return cls._shared

    @staticmethod
    def best(directory):
        """Return a sandbox, or one of stand-ins where real servers can neither be found nor installed."""
        if checkout.is_root():
            return Sandbox(directory)
        return stand_in.StandIns(directory)

    @staticmethod
    def end(directory):
        """End the servers that an earlier process left running in a directory."""
        stand_in.end(directory)
        postfix.end(directory / "postfix")
        dovecot.end(directory / "dovecot")

    @property
    def ca_path(self):
        return self.authority.ca_path

    @property
    def ca_certificate(self):
        return self.authority.ca_certificate

    def start(self, steps=None):
        """Start all servers, with empty mailboxes, and return self."""
        install(steps)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.end(self.directory)
        checkout.clear(self.directory)
        self.authority.ensure()
        self.dovecot = Dovecot(self.directory / "dovecot", self.authority)
        self.dovecot.add_users({f"{user}@{DOMAIN}": f"{user}pw" for user in USERS})
        self.dovecot.start()
        if checkout.is_root():
            self.postfix = Postfix(self.directory / "postfix", self.authority, self.dovecot).start()
        return self

    def send(self, message):
        """Hand an `EmailMessage` to the port that other mail servers deliver to, as a stranger's server would."""
        with smtplib.SMTP("127.0.0.1", self.postfix.smtp, timeout=30) as session:
            session.send_message(message)

    def stop(self):
        """Stop all servers. Files stay, for a look at the logs."""
        for server in (self.postfix, self.dovecot):
            if server:
                server.stop()

    def _remove(self):
        with contextlib.suppress(Exception):  # at the end of a process nobody is left to hear of it
            self.stop()
        shutil.rmtree(self.directory.resolve(), ignore_errors=True)
        if self.directory.is_symlink():
            self.directory.unlink()

    def __enter__(self):
        return self if self is type(self)._shared else self.start()

    def __exit__(self, *unused):
        if self is not type(self)._shared:
            self.stop()
