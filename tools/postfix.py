"""A private Postfix on free ports of 127.0.0.1: one plain, one with STARTTLS and login, one with TLS from the start.

Needs root, and the users that Debian's package makes. Mail for example.test and second.test goes to Dovecot by LMTP;
mail for any other domain goes to the sink port on this machine, so that nothing can leave it. Waiting times are seconds
where a real server's are hours, so that delay and failure notices come within a test.
"""

import contextlib
import os
import pwd
import re
import shutil
import time

from tools import process
from tools.report import Failure

PROGRAM = "/usr/sbin/postfix"


def end(directory):
    """End the instance of a directory, if it runs."""
    if not (directory / "etc" / "main.cf").exists():
        return
    process.run([PROGRAM, "-c", directory / "etc", "stop"], "stop Postfix", timeout=30, check=False)
    with contextlib.suppress(OSError, ValueError):
        master = int((directory / "spool" / "pid" / "master.pid").read_text())
        limit = time.monotonic() + 10
        while "postfix" in process.command_line(master) and time.monotonic() < limit:
            time.sleep(0.02)


class Postfix:
    """One Postfix instance.

    Attributes:
        smtp: the port that other servers deliver to; no login.
        submission: STARTTLS and login required.
        smtps: TLS from the start, login required.
        sink: port to which mail for other domains is sent; closed unless something listens there (`SmtpSink`).
        down: a port on which nothing ever listens; mail for `down.test` goes there.
    """

    def __init__(self, directory, authority, dovecot):
        self.directory = directory
        self.authority = authority
        self.dovecot = dovecot
        self.smtp, self.submission, self.smtps, self.sink, self.down = (process.free_port() for _ in range(5))

    def start(self):
        """Start the server and return self once it answers."""
        etc = self.directory / "etc"
        for name in ("etc", "spool", "data"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        owner = pwd.getpwnam("postfix")
        os.chown(self.directory / "data", owner.pw_uid, owner.pw_gid)
        (etc / "transport").write_text("")
        (etc / "main.cf").write_text(self._fill(MAIN))
        (etc / "master.cf").write_text(self._fill(MASTER))
        process.run([PROGRAM, "-c", etc, "start"], "start Postfix", timeout=30)
        if not process.wait_for_port(self.smtp):
            raise Failure(f"Postfix does not answer; see {self.directory / 'mail.log'}.")
        return self

    def route(self, domain, transport, service="", options=()):
        """Send mail for a domain by a transport, from now on.

        Args:
            transport: as in transport(5), "lmtp:unix:/path" or the name of a service.
            service: lines for master.cf that make a service of our own, or "".
            options: lines for main.cf.
        """
        etc = self.directory / "etc"
        for name, lines in (("transport", [f"{domain} {transport}"]), ("master.cf", [service]), ("main.cf", options)):
            with (etc / name).open("a") as file:
                file.write("".join(f"{line}\n" for line in lines if line))
        process.run([PROGRAM, "-c", etc, "reload"], "reload Postfix", timeout=30)

    def flush(self):
        """Try at once to deliver all that waits in the queue."""
        process.run([shutil.which("postqueue") or "/usr/sbin/postqueue", "-c", self.directory / "etc", "-f"], "flush")

    def stop(self):
        """Stop the server. Queued mail stays in its queue."""
        end(self.directory)

    def queue(self):
        """Return how many messages wait in the queue."""
        program = shutil.which("postqueue") or "/usr/sbin/postqueue"
        words = process.run([program, "-c", self.directory / "etc", "-j"], "read Postfix's queue").stdout
        return len(words.splitlines())

    def queue_empty(self, timeout=10):
        """Return True as soon as no message waits, False when the time is over."""
        limit = time.monotonic() + timeout
        # Twice in a row: postqueue reads one directory after the other, and misses what moves between them meanwhile.
        looks = 0
        while looks < 2:
            looks = 0 if self.queue() else looks + 1
            if looks < 2:
                if time.monotonic() > limit:
                    return False
                time.sleep(0.2)
        return True

    def log_text(self):
        with contextlib.suppress(FileNotFoundError):
            return (self.directory / "mail.log").read_text(errors="replace")
        return ""

    def _fill(self, template):
        values = {
            "directory": self.directory,
            "certificate": self.authority.certificate_path,
            "key": self.authority.key_path,
            "lmtp": self.dovecot.lmtp,
            "sasl": self.dovecot.sasl,
        }
        for name in ("smtp", "submission", "smtps", "sink", "down"):
            values[name] = getattr(self, name)
        return re.sub(r"@(\w+)@", lambda match: str(values[match[1]]), template)


# No recipient map: an unknown mailbox is accepted, refused by Dovecot and bounced, so that tests get real notices.
# Two addresses are refused at RCPT instead. A domain routed to `error:` would be refused at RCPT too.
MAIN = """
compatibility_level = 3.6
queue_directory = @directory@/spool
data_directory = @directory@/data
mail_owner = postfix
setgid_group = postdrop
maillog_file_prefixes = @directory@
maillog_file = @directory@/mail.log
syslog_name = sandbox
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.test
mydomain = example.test
myorigin = $mydomain
mydestination =
mynetworks = 127.0.0.1/32
alias_maps =
alias_database =
local_recipient_maps =
smtpd_relay_restrictions = permit_sasl_authenticated, permit_mynetworks, reject_unauth_destination
virtual_mailbox_domains = example.test, second.test
virtual_transport = lmtp:inet:127.0.0.1:@lmtp@
smtpd_recipient_restrictions =
  check_recipient_access inline:{{reject@example.test=550 5.1.1 no such user},
    {greylist@example.test=450 4.2.0 greylisted}}
  permit
transport_maps = inline:{{discard.test=discard:silently}, {down.test=smtp:[127.0.0.1]:@down@}},
  texthash:@directory@/etc/transport
default_transport = smtp:[127.0.0.1]:@sink@
relay_transport = error
smtp_host_lookup = native
disable_dns_lookups = yes
notify_classes =
bounce_queue_lifetime = 25s
maximal_queue_lifetime = 25s
delay_warning_time = 3s
minimal_backoff_time = 2s
maximal_backoff_time = 4s
queue_run_delay = 2s
message_size_limit = 31457280
mailbox_size_limit = 0
recipient_delimiter = +
smtpd_tls_cert_file = @certificate@
smtpd_tls_key_file = @key@
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_session_cache_database =
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:@sasl@
smtpd_sasl_security_options = noanonymous
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
lmtp_destination_recipient_limit = 1
lmtp_destination_concurrency_limit = 4
default_process_limit = 30
biff = no
smtpd_error_sleep_time = 0
smtpd_delay_reject = yes
strict_rfc821_envelopes = no
"""

MASTER = """
127.0.0.1:@smtp@ inet n - n - - smtpd
127.0.0.1:@submission@ inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o mynetworks=
127.0.0.1:@smtps@ inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o mynetworks=
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
