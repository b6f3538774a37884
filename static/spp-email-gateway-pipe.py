#!/usr/bin/env python3
# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Hand one mail from a mail server to the OpenSPP Email Gateway.

The mail is read from standard input and sent byte for byte; Python 3.6 or newer is all it needs.

Exit status (sysexits.h), as Postfix, Exim and sendmail understand it:
   0  the gateway has stored the mail, or the spool directory has
  75  not now: the mail server keeps the mail and tries again. Whatever can pass or be repaired is this, also a wrong
      token, option or address of the gateway
  67  the gateway says that nobody has this address
  65  the gateway says that the mail cannot be taken: too large, or empty

A mail that is delivered again, because the answer was lost, is not taken twice.

Postfix, /etc/postfix/master.cf (and "gateway_destination_recipient_limit = 1" in main.cf, "@example.org gateway:" in
the transport map):
  gateway unix - n n - 10 pipe
    flags=q user=mailgate argv=/usr/local/bin/spp-email-gateway-pipe.py
    --url https://odoo.example.org/spp_email_gateway/intake --token-file /etc/spp-email-gateway.token
    -f ${sender} -- ${recipient}

/etc/aliases (Postfix and sendmail; the envelope comes from the environment):
  help: "|/usr/local/bin/spp-email-gateway-pipe.py --url https://… --token-file /etc/spp-email-gateway.token"

Exim:
  gateway:
    driver = pipe
    command = /usr/local/bin/spp-email-gateway-pipe.py --url https://… --token-file … \
              -f "${sender_address}" -- "${local_part}@${domain}"
    temp_errors = 75
    user = mailgate
    message_prefix =
    message_suffix =

Cron, when there is a spool directory:
  */5 * * * * mailgate /usr/local/bin/spp-email-gateway-pipe.py --url … --token-file … --spool DIRECTORY --flush
"""

import argparse
import http.client
import ipaddress
import json
import os
import random
import signal
import socket
import ssl
import stat
import sys
import time
from urllib.parse import urlsplit

STORED, BAD_DATA, NO_USER, LATER = 0, 65, 67, 75
# What the gateway says of itself in each of its answers: a 404 of some proxy on the way must not bounce mail.
GATEWAY = "spp_email_gateway"
REFUSALS = {
    (404, "unknown_recipient"): NO_USER,
    (400, "malformed_envelope"): BAD_DATA,
    (400, "empty"): BAD_DATA,
    (413, "too_large"): BAD_DATA,
}
# Less than Postfix's command_time_limit of 1,000 seconds, after which it would bounce.
LONGEST = 600
# While flushing: so many in a row without an answer mean that the gateway is down.
PATIENCE = 3


class Later(Exception):
    """The mail cannot be handed over now."""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        # argparse's own status, 2, would make a mail server bounce the mail because of a typing error.
        raise Later("wrong options: " + message)


def main(arguments):
    try:
        options = read_options(arguments)
    except Later as problem:
        return say(LATER, problem)
    if options.flush:
        return flush(options)
    # Anything that ends this program otherwise would be a bounce.
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LONGEST)
    content = None
    try:
        content = sys.stdin.buffer.read()
        return deliver(options, options.sender, options.recipients, content)
    except Exception as problem:  # every fault on this side is one to be repaired, not one of the mail
        if content is not None and options.spool:
            try:
                spool(options.spool, options.sender, options.recipients, content)
            except Exception as second:  # the disk is full, or the time is over
                return say(LATER, f"{words(problem)}; and the spool directory cannot be used: {words(second)}")
            return STORED
        return say(LATER, words(problem))


def read_options(arguments):
    parser = Parser(
        prog="spp-email-gateway-pipe.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", required=True, help="address of the intake, ending in /spp_email_gateway/intake")
    parser.add_argument("--token-file", required=True, help="file with the token; others must not be able to read it")
    parser.add_argument("--database", help="name of the database, where Odoo serves several at this address")
    parser.add_argument("--ca-file", help="certificate of a private authority that signed Odoo's certificate")
    parser.add_argument("--timeout", type=float, default=60, help="seconds to wait for each answer (default: 60)")
    parser.add_argument("--allow-http", action="store_true", help="send token and mail in clear to another machine")
    parser.add_argument("--spool", metavar="DIR", help="keep mail here while the gateway cannot be reached")
    parser.add_argument("--flush", action="store_true", help="send what is in the spool directory, then end")
    parser.add_argument("-f", "--from", dest="sender", help="return path; default: $SENDER")
    parser.add_argument("recipients", nargs="*", metavar="recipient", help="default: $ORIGINAL_RECIPIENT or $RECIPIENT")
    arguments = list(arguments)
    if "-f" in arguments[:-1]:
        # The sender chooses his address: one that begins with a dash is no option.
        place = arguments.index("-f")
        arguments[place : place + 2] = ["--from=" + arguments[place + 1]]
    options = parser.parse_args(arguments)
    if options.flush and not options.spool:
        parser.error("--flush needs --spool")
    if options.sender is None:
        options.sender = os.environ.get("SENDER", "")
    if not options.recipients:
        found = os.environ.get("ORIGINAL_RECIPIENT") or os.environ.get("RECIPIENT")
        options.recipients = [found] if found else []
    return options


def deliver(options, sender, recipients, content):
    """Send a mail for each recipient; return the exit status. Raise Later or another error to try again."""
    statuses = [post(options, sender, recipient, content) for recipient in recipients or [""]]
    # With several recipients in one call the mail server can be told only one thing: what went wrong.
    return max(statuses)


def post(options, sender, recipient, content):
    """Send a mail for one recipient. Return STORED, NO_USER or BAD_DATA."""
    url = urlsplit(options.url)
    connection = connect(options, url)
    headers = {
        "Authorization": "Bearer " + read_token(options.token_file),
        "Content-Type": "message/rfc822",
        "User-Agent": "spp-email-gateway-pipe",
        # Not in the address: servers and proxies write that into their logs.
        "X-Envelope-From": os.fsencode(sender),
    }
    if recipient:
        headers["X-Envelope-To"] = os.fsencode(recipient)
    if options.database:
        headers["X-Odoo-Database"] = options.database
    try:
        try:
            connection.request("POST", url.path or "/", body=content, headers=headers)
        except (BrokenPipeError, ConnectionResetError):
            # A server that will not read so much may have said so before it hung up.
            pass
        answer = connection.getresponse()
        body = answer.read(1000000)
    finally:
        connection.close()
    try:
        said = json.loads(body.decode("utf-8"))
    except ValueError:
        said = None
    if not isinstance(said, dict) or said.get("gateway") != GATEWAY:
        raise Later(f"{url.netloc} answered with {answer.status}, and is not the gateway")
    if answer.status == 202:
        return STORED
    status = REFUSALS.get((answer.status, said.get("error")))
    text = "{}: {}".format(answer.status, said.get("message", ""))
    if status is None:
        raise Later(text)
    return say(status, text)


def connect(options, url):
    if url.scheme == "https":
        context = ssl.create_default_context(cafile=options.ca_file)
        return http.client.HTTPSConnection(url.hostname, url.port, timeout=options.timeout, context=context)
    if url.scheme != "http" or not url.hostname:
        raise Later("the address of the gateway must begin with https://")
    if not options.allow_http and not is_this_machine(url.hostname):
        raise Later("the token would travel in clear: use https://, or --allow-http")
    return http.client.HTTPConnection(url.hostname, url.port, timeout=options.timeout)


def is_this_machine(host):
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_token(path):
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_mode & stat.S_IROTH:
            raise Later("everybody can read the token: chmod o-r " + path)
        token = file.read(1000).strip().decode("ascii", "replace")
    if not token or not token.isprintable() or " " in token:
        raise Later("there is no token in " + path)
    return token


# The spool directory: a file is in new/ when it is whole and on disk, and leaves it when the gateway has it. A line of
# JSON, then the mail.


def spool(directory, sender, recipients, content):
    os.umask(0o077)
    for name in ("tmp", "new", "refused"):
        os.makedirs(os.path.join(directory, name), exist_ok=True)
    name = f"{time.time():.6f}.{os.getpid()}.{random.SystemRandom().getrandbits(32):08x}"
    draft = os.path.join(directory, "tmp", name)
    with open(draft, "xb") as file:
        try:
            file.write(json.dumps({"sender": sender, "recipients": recipients}).encode("ascii") + b"\n" + content)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            # The mail server tries again and again: the halves would fill what is left of the disk.
            os.unlink(draft)
            raise
    move(draft, os.path.join(directory, "new", name))


def flush(options):
    import fcntl  # not on every system, and only needed here

    status, failures = STORED, 0
    try:
        lock = open(os.path.join(options.spool, "lock"), "w")  # held until this program ends
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return STORED  # another one is at it
        new = os.path.join(options.spool, "new")
        for name in sorted(os.listdir(new)) if os.path.isdir(new) else []:
            path = os.path.join(new, name)
            try:
                with open(path, "rb") as file:
                    envelope, content = json.loads(file.readline().decode("ascii")), file.read()
                result = deliver(options, envelope["sender"], envelope["recipients"], content)
            except Exception as problem:  # the file stays, and the next one has its turn
                status = say(LATER, f"{name}: {words(problem)}")
                # Only who does not answer is asked no more: mail that is never taken must not hold up the rest.
                failures = failures + 1 if isinstance(problem, (OSError, http.client.HTTPException)) else 0
                if failures >= PATIENCE:
                    break
                continue
            failures = 0
            if result == STORED:
                os.unlink(path)
            else:
                # The mail server has long been told that all is well: a person must see to it.
                move(path, os.path.join(options.spool, "refused", name))
                status = max(status, say(result, "refused, kept in {}".format(os.path.join(options.spool, "refused"))))
    except OSError as problem:
        return say(LATER, words(problem))
    return status


def move(path, target):
    os.rename(path, target)
    for directory in {os.path.dirname(path), os.path.dirname(target)}:
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def too_long(*_unused):
    raise Later(f"not done within {LONGEST} seconds")


def words(problem):
    if isinstance(problem, (Later, ssl.SSLError, socket.gaierror, ConnectionError, OSError)):
        return str(problem) or type(problem).__name__
    return f"{type(problem).__name__}: {problem}"


def say(status, text):
    """Tell people why, where mail servers log it."""
    try:
        sys.stderr.write(f"spp-email-gateway-pipe: {text}\n")
    except (AttributeError, OSError, ValueError):
        pass  # closed: the exit status is what counts
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
