# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Trying a mailbox, step by step, without changing anything in it."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from .certificate import describe_encryption, read_encryption
from .connection import Connection, Credential, Security, connect, default_port, for_a_test, resolve
from .diagnosis import (
    PROTOCOL_NAMES,
    Course,
    Diagnosis,
    Found,
    Stop,
    Suggestion,
    describe,
    describe_addresses,
    suggest,
)
from .errors import GatewayError
from .imap import ImapReader
from .mailbox import After, MailboxReader, MailboxStatus
from .mailbox_abilities import ask_rights, folders_of, in_words, missing_rights, offered, size_in_words, size_limit
from .pop import PopReader
from .port_probe import PATIENCE, probe_port, probe_ports, silent
from .tls import certificate_names, explain_tls_error, tls_context

_CURES = {
    "host": "Check the spelling of the server name.",
    "port": "Check the port and the firewall.",
    "security": "Change how the connection is encrypted.",
    "certificate": "Add the CA certificate, or have the certificate renewed.",
    "user": "Check the user name.",
    "token": "Renew the token, or connect the account again.",
    "password": "Enter the password again. Providers with two-step verification want an app password or OAuth.",
    "folder": "Check the name of the folder; subfolders are written as INBOX/Name or INBOX.Name, as the server does.",
}


@dataclass(frozen=True)
class MailboxDiagnosis(Diagnosis):
    """Of the message that will be taken first: `first_date` (when it arrived; POP does not tell) and `first_size`."""

    status: MailboxStatus | None = None
    first_date: datetime | None = None
    first_size: int | None = None


def diagnose_mailbox(
    protocol: str,
    connection: Connection,
    credential: Credential,
    folder: str = "INBOX",
    *,
    getaddrinfo: Callable | None = None,
    patience: float = PATIENCE,
    other_ports: tuple[int, ...] | None = None,
    after: After | None = None,
    now: datetime | None = None,
) -> MailboxDiagnosis:
    """Name, connect, encryption, login, folder: up to the first that fails. Then rights, size limit, extensions.

    `after` is what will be done to messages that were taken, which needs rights; `now` has a time zone.
    `patience` is how long a server may take to greet before its port is looked at more closely, and how long each of
    `other_ports` (by default the usual ones of the protocol) gets when the chosen one does not answer.
    """
    connection = for_a_test(connection)
    course = Course(host=connection.host)
    found: dict = {}
    reader: MailboxReader | None = None
    try:
        with suppress(Stop):
            with course.step("name", _CURES) as texts:
                addresses = resolve(connection, getaddrinfo) if getaddrinfo else resolve(connection)
                texts.append(describe_addresses(addresses))

            def dial(wanted: Connection):
                return connect(wanted, [(*entry[:4], (entry[4][0], wanted.port, *entry[4][2:])) for entry in addresses])

            reader = _reader(protocol, connection, credential, folder, dial)
            with course.step("connect", _CURES) as texts:
                try:
                    reader.connect()
                except GatewayError as error:
                    raise _with_other_ports(error, course, protocol, connection, dial, patience, other_ports) from error
                texts.append(f"Port {connection.port} accepts connections.")
            with course.step("encryption", _CURES) as texts:
                _secure(reader, course, protocol, connection, dial, patience)
                _describe_encryption(reader, connection, texts, now or datetime.now(timezone.utc))
            with course.step("login", _CURES) as texts:
                reader.login()
                texts.append("The server let us in.")
            with course.step("folder", _CURES) as texts:
                if protocol == "imap":
                    reader.select()
                found["status"] = status = reader.status()
                texts.append(f"{status.messages} message(s), {status.unread} of them to be taken.")
                if status.unread:
                    _look_at_first(reader, found)
            _look_at_abilities(course, reader, after or After())
    finally:
        if reader is not None:
            reader.close()
    return MailboxDiagnosis(tuple(course.steps), course.suggestion, **found)


def _reader(protocol: str, connection: Connection, credential: Credential, folder: str, dial, context=None):
    if protocol == "imap":
        return ImapReader(connection, credential, folder=folder, dial=dial, context=context)
    return PopReader(connection, credential, dial=dial, context=context)


def _with_other_ports(error, course, protocol, connection, dial, patience, ports) -> GatewayError:
    """The same error, saying which other ports answer, and with the suggestion noted."""
    if ports is None:
        ports = tuple({default_port(protocol, security): None for security in Security})
    answers = probe_ports(connection, [port for port in ports if port != connection.port], patience, dial)
    suggestions = [suggestion for answer in answers if (suggestion := suggest(connection, protocol, answer))]
    course.suggestion = next(
        (s for s in suggestions if s.security is connection.security), suggestions[0] if suggestions else None
    )
    return GatewayError(f"{error} {describe(answers, protocol)}", phase=error.phase, code=error.code, field="port")


def _secure(reader, course, protocol, connection, dial, patience) -> None:
    """Greeting and encryption; where they do not fit, what the port really speaks."""
    if connection.security is not Security.TLS and silent(reader._socket, patience):
        # Either slow, or waiting for TLS; a second connection finds out while the first may still be greeted.
        _look_closer(course, protocol, connection, dial, patience, only=Security.TLS)
    try:
        reader.secure()
    except GatewayError as error:
        if error.field == "host" and isinstance(error.__cause__, ssl.SSLCertVerificationError):
            names = _names(protocol, connection, dial)
            raise explain_tls_error(error.__cause__, connection.host, names) from error.__cause__
        if error.field != "certificate":
            _look_closer(course, protocol, connection, dial, patience)
        raise


def _look_closer(course, protocol, connection, dial, patience, only: Security | None = None) -> None:
    """Raises when the port speaks something else than was asked for, and notes the suggestion."""
    answer = probe_port(connection, patience, dial, known_silent=only is not None)
    if answer is None or (only and answer.security is not only):
        return
    if answer.protocol and answer.protocol != protocol:
        raise GatewayError(
            f"This port speaks {PROTOCOL_NAMES[answer.protocol]}, not {PROTOCOL_NAMES[protocol]}.",
            permanent=True,
            phase="greeting",
            field="port",
        )
    suggestion: Suggestion | None = suggest(connection, protocol, answer)
    if suggestion:
        course.suggestion = suggestion
        raise GatewayError(suggestion.text, permanent=True, phase="tls", field="security")


def _names(protocol: str, connection: Connection, dial) -> list[str]:
    """For whom the certificate is. It is asked for again with its host name unchecked, but its issuer checked."""
    context = tls_context(replace(connection, verify=True))
    context.check_hostname = False
    second = _reader(protocol, connection, None, "", dial, context)
    try:
        second.connect()
        second.secure()
        return certificate_names(second._socket.getpeercert())
    except GatewayError:
        return []
    finally:
        second._abandon()


def _describe_encryption(reader, connection: Connection, texts: Found, now: datetime) -> None:
    if connection.security is Security.NONE:
        texts.append("The connection is not encrypted, as chosen: the password can be read on the way.")
        return
    text, warning = describe_encryption(read_encryption(reader._socket), is_verified=connection.verify, now=now)
    texts.append(text)
    if warning:
        texts.warnings.append(warning)


def _look_at_abilities(course: Course, reader: MailboxReader, after: After) -> None:
    """Rights, size limit and extensions: told, and no reason to call a mailbox broken."""
    extensions: list[str] = []
    with course.asking("extensions") as texts:
        extensions += offered(reader)
        texts.append(in_words(extensions) or "None.")
    if not isinstance(reader, ImapReader):
        return
    with course.asking("rights") as texts:
        _look_at_rights(reader, after, extensions, texts)
    with course.asking("size") as texts:
        limit = size_limit(reader, extensions)
        texts.append(f"Messages up to {size_in_words(limit)}." if limit else "The server tells no limit.")
    # Asked first, since the others need it; the longest comes last.
    course.steps.append(course.steps.pop(-3))


def _look_at_rights(reader: ImapReader, after: After, extensions: list[str], texts: Found) -> None:
    if "ACL" not in (name.upper() for name in extensions):
        texts.append("The server tells no rights (no ACL). The folder can be opened for writing.")
        return
    rights = {name: ask_rights(reader, name) for name in folders_of(after, reader.folder)}
    for name, known in rights.items():
        texts.append(f"{name}: {''.join(sorted(known))}." if known else f"{name}: not told.")
    if missing := missing_rights(after, reader.folder, rights):
        texts.warnings.append(" ".join([*missing, "Have them granted, or choose another way under After Reading."]))


def _look_at_first(reader: MailboxReader, found: dict) -> None:
    first = next(iter(reader.waiting(1)), None)
    if first is None:
        return
    found["first_size"] = first.size
    if isinstance(reader, ImapReader):
        found["first_date"] = reader.received_at(first)
