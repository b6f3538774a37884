"""A private Dovecot on free ports: IMAP, POP3 (both with and without TLS from the start) and LMTP.

Works as root and as an ordinary user. On 127.0.0.1 a client may log in without TLS; on 127.0.0.2, same ports, TLS is
required, and the certificate is for another host. Written for Dovecot 2.3 (Debian 12) and 2.4 (Debian 13).
"""

import contextlib
import functools
import imaplib
import os
import pwd
import re
import smtplib
import time

from tools import checkout, process
from tools.dovecot_configuration import CONFIGURATION_23, CONFIGURATION_24, OAUTH, OAUTH_PASSDB
from tools.report import Failure

PROGRAM = "/usr/sbin/dovecot"
TIMEOUT = 30
BATCH = 500

# One response of `UID FETCH n (UID FLAGS BODY.PEEK[])`, up to the literal.
FETCHED = re.compile(rb"UID (\d+).*?FLAGS \(([^)]*)\)|FLAGS \(([^)]*)\).*?UID (\d+)", re.DOTALL)


@functools.cache
def is_24():
    """Tell whether Dovecot is 2.4 or newer, which writes its configuration in another way."""
    version = process.run([PROGRAM, "--version"], "ask Dovecot's version").stdout
    return not version.startswith(("2.2", "2.3"))


def end(directory):
    """End the instance of a directory, if it runs; a pid file that outlived its process hits nobody else."""
    with contextlib.suppress(OSError, ValueError):
        pid = int((directory / "run" / "master.pid").read_text())
        if str(directory) in process.command_line(pid):
            process.end(pid)


class Dovecot:
    """One Dovecot instance.

    Args:
        introspect_url: where it asks about access tokens (`OAuthProvider.introspect_url`); "" takes passwords only.

    Attributes:
        imap, imaps, pop3, pop3s, lmtp: ports; they stay the same over `stop()` and `start()`.
        sasl: port at which Postfix asks whether a password is right.
    """

    def __init__(self, directory, authority, introspect_url=""):
        if introspect_url and is_24():
            raise Failure("Logging in with access tokens needs Dovecot 2.3 (Debian 12); this one is newer.")
        self.directory = directory
        self.introspect_url = introspect_url
        self.authority = authority
        self.imap, self.imaps, self.pop3, self.pop3s, self.lmtp, self.sasl = (process.free_port() for _ in range(6))
        self._owner = pwd.getpwnam("dovecot") if checkout.is_root() else pwd.getpwuid(os.geteuid())
        self._users = directory / "users"
        self._delivered = 0

    def start(self):
        """Start the server and return self once it answers; mail of earlier starts is kept."""
        for name in ("run", "state", "mail", "log"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        end(self.directory)
        # A socket left by an earlier start makes the first login wait for five seconds.
        checkout.clear(self.directory / "run")
        self._users.touch()
        if checkout.is_root():
            for path in (self.directory / "mail", self._users):
                os.chown(path, self._owner.pw_uid, self._owner.pw_gid)
        configuration = self.directory / "dovecot.conf"
        text = self._configuration()
        if self.introspect_url:
            (self.directory / "oauth2.conf").write_text(OAUTH.replace("@url@", self.introspect_url))
            text += OAUTH_PASSDB.replace("@directory@", str(self.directory))
        configuration.write_text(text)
        process.run([PROGRAM, "-c", configuration], "start Dovecot", timeout=TIMEOUT, cwd="/")
        if not process.wait_for_port(self.imap) or not process.wait_for_port(self.lmtp):
            raise Failure(f"Dovecot does not answer; see {self.directory / 'log' / 'dovecot.log'}.")
        return self

    def stop(self):
        """Stop the server and return once it is gone. Mail stays."""
        end(self.directory)

    def add_user(self, address, password, quota=None):
        """Add a mailbox, or change its password, at any time; `quota` is as Dovecot writes it ("1K")."""
        self.add_users({address: password}, quota)

    def add_users(self, passwords, quota=None):
        """Add many mailboxes at once: a dictionary of address and password."""
        self._users.parent.mkdir(parents=True, exist_ok=True)
        lines = self._users.read_text().splitlines() if self._users.exists() else []
        lines = [line for line in lines if line.partition(":")[0] not in passwords]
        if quota and is_24():
            raise Failure("A mailbox with a quota needs Dovecot 2.3 (Debian 12); this one is newer.")
        rule = f"userdb_quota_rule=*:storage={quota}" if quota else ""
        # A list of users needs all the empty fields, or Dovecot misses "userdb info".
        lines += [f"{address}:{{PLAIN}}{password}::::::{rule}" for address, password in passwords.items()]
        self._users.write_text("\n".join(lines) + "\n")
        if self._pid:
            time.sleep(1.05)  # Dovecot looks at the file at most once a second

    @property
    def _pid(self):
        try:
            return int((self.directory / "run" / "master.pid").read_text())
        except (OSError, ValueError):
            return None

    def deliver(self, recipient, raw, sender="sender@remote.test"):
        """Deliver one message by LMTP, as Postfix does.

        Raises:
            smtplib.SMTPRecipientsRefused: as Dovecot answers for a mailbox that does not exist or is full.
        """
        with smtplib.LMTP("127.0.0.1", self.lmtp, timeout=TIMEOUT) as session:
            session.sendmail(sender, [recipient], raw)

    def append(self, address, raw, folder="INBOX", flags=""):
        """Add one message by IMAP."""
        with self._session(address) as session:
            self._expect(session.append(folder, flags, None, raw))

    def fill(self, address, raws):
        """Put many messages into the inbox at once, as files: thousands a second. Return how many there were.

        They arrive as new (`\\Recent`, unseen), in the order of the list.
        """
        new = self._maildir(address) / "new"
        began = int(time.time())
        count = 0
        for raw in raws:
            self._delivered += 1
            content = raw.replace(b"\r\n", b"\n")
            # "{delivery}." sorts by time of delivery; Dovecot numbers new files in the order of their names.
            name = f"{began}.M{self._delivered:09d}P{os.getpid()}.sandbox,S={len(content)}"
            waiting = new.parent / "tmp" / name
            waiting.write_bytes(content)
            if checkout.is_root():
                os.chown(waiting, self._owner.pw_uid, self._owner.pw_gid)
            waiting.rename(new / name)
            count += 1
        return count

    def messages(self, address, folder="INBOX"):
        """Return the messages of a folder as (uid, flags, raw), oldest first, without changing a flag."""
        with self._session(address) as session:
            self._expect(session.select(folder, readonly=True))
            answer = self._expect(session.uid("FETCH", "1:*", "(UID FLAGS BODY.PEEK[])"))
        found = []
        for part in answer:
            if isinstance(part, tuple):
                match = FETCHED.search(part[0])
                uid, flags = (match[1], match[2]) if match[1] else (match[4], match[3])
                found.append((int(uid), tuple(flags.decode().split()), part[1]))
        return found

    def delete_all(self, address, folder="INBOX"):
        """Remove every message of a folder; UIDs go on counting from where they were."""
        with self._session(address) as session:
            self._expect(session.select(folder))
            if int(session.response("EXISTS")[1][0] or 0):
                self._expect(session.uid("STORE", "1:*", "+FLAGS.SILENT", "(\\Deleted)"))
                self._expect(session.expunge())

    def password(self, address):
        for line in self._users.read_text().splitlines():
            if line.startswith(f"{address}:"):
                return line.split(":")[1].removeprefix("{PLAIN}")
        raise Failure(f"The sandbox has no mailbox {address}.")

    @contextlib.contextmanager
    def _session(self, address):
        session = imaplib.IMAP4("127.0.0.1", self.imap, timeout=TIMEOUT)
        try:
            session.login(address, self.password(address))
            yield session
        finally:
            with contextlib.suppress(imaplib.IMAP4.error, OSError):
                session.logout()

    def _expect(self, answer):
        if answer[0] != "OK":
            raise Failure(f"Dovecot refused: {answer[1]!r}")
        return answer[1]

    def _maildir(self, address):
        maildir = self.directory / "mail" / address.partition("@")[0] / "Maildir"
        if not (maildir / "new").exists():
            for name in ("cur", "new", "tmp"):
                (maildir / name).mkdir(parents=True, exist_ok=True)
            if checkout.is_root():
                for path in (maildir.parent, maildir, *maildir.iterdir()):
                    os.chown(path, self._owner.pw_uid, self._owner.pw_gid)
        return maildir

    def _configuration(self):
        template = CONFIGURATION_24 if is_24() else CONFIGURATION_23
        values = {
            "directory": self.directory,
            "user": self._owner.pw_name,
            "group": self._group(),
            "certificate": self.authority.certificate_path,
            "key": self.authority.key_path,
        }
        for name in ("imap", "imaps", "pop3", "pop3s", "lmtp", "sasl"):
            values[name] = getattr(self, name)
        return re.sub(r"@(\w+)@", lambda match: str(values[match[1]]), template)

    def _group(self):
        import grp

        return grp.getgrgid(self._owner.pw_gid).gr_name
