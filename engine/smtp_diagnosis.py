# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Trying an outgoing server, step by step, without sending anything."""

from __future__ import annotations

import re
import smtplib
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from .certificate import describe_encryption, read_encryption
from .connection import Connection, PlainSocket, Security, connect, dial_within, for_a_test, resolve
from .cure import Where
from .cure_table import find_cure
from .diagnosis import PROTOCOL_NAMES, Course, Diagnosis, Stop, describe, describe_addresses, suggest
from .errors import ConfigurationError, GatewayError
from .mailbox_abilities import in_words, size_in_words
from .port_probe import PATIENCE, PortAnswer, probe_port, probe_ports, silent
from .smtp_login import LoginSession, smtp_login_refusal
from .tls import (
    certificate_names,
    encrypt,
    explain_tls_error,
    is_slipped_in,
    slipped_in_error,
    tls_context,
)

_CURES = {
    "host": "Check the spelling of the server name.",
    "port": "Choose a port that answers, or ask whoever runs the firewall to let it through.",
    "security": "Change how the connection is encrypted.",
    "certificate": "Add the CA certificate, or have the certificate renewed.",
    "user": "Check the user name.",
    "token": "Renew the token, or connect the account again.",
    "password": "Enter the password again. Providers with two-step verification want an app password or OAuth.",
    "sender": "Use a sender that this account may use, and set the FROM filter to it.",
}
_ENHANCED = re.compile(r"^[245]\.\d{1,3}\.\d{1,3}\b")  # RFC 3463 §2
_ABOUT_SENDER = re.compile(
    r"sender|mail from|from address|not owned by|send ?as|not permitted to relay as|SPF|5\.1\.[78]|5\.7\.60",
    re.IGNORECASE,
)
_AUTH_FIRST = re.compile(
    r"auth\w* (is )?required|must authenticate|5\.7\.0.*auth|not authenticated|log ?in first", re.IGNORECASE
)

Login = Callable[[smtplib.SMTP], None]


class Session(LoginSession, smtplib.SMTP):
    """smtplib on a socket that it did not open; the greeting is asked for separately."""

    def __init__(self, sock: PlainSocket, connection: Connection, helo: str):
        # With a name given smtplib asks the DNS nothing about ourselves, which may hang.
        super().__init__("", local_hostname=helo, timeout=connection.read_timeout)
        self._host = connection.host
        self.connection = connection
        self.sock = sock

    def putcmd(self, *args, **kwargs):
        self._allow()
        super().putcmd(*args, **kwargs)

    def _allow(self) -> None:
        if hasattr(self.sock, "allow"):
            self.sock.allow(self.connection.answer_timeout)

    def encrypt(self, context: ssl.SSLContext) -> None:
        """TLS from here on; RFC 3207 §4.2: what was learnt before is forgotten, what is buffered with it."""
        self.sock = encrypt(self.sock, context, self._host)
        self.file = None
        self.helo_resp = self.ehlo_resp = None
        self.esmtp_features = {}
        self.does_esmtp = False


@dataclass
class _Trial:
    course: Course
    connection: Connection
    dial: Callable
    patience: float
    helo: str
    session: Session | None = None
    end: float | None = None
    now: datetime | None = None


def diagnose_smtp(
    connection: Connection,
    login: Login | None,
    sender: str,
    other_ports: tuple[int, ...] = (587, 465, 2525, 25),
    *,
    helo: str = "localhost",
    getaddrinfo: Callable | None = None,
    patience: float = PATIENCE,
    now: datetime | None = None,
) -> Diagnosis:
    """Name, connect, greeting, hello, encryption, login, sender, size limit, extensions: up to the first that fails.

    `login` does what the account needs on the session given to it (None: no login). `sender` is tried with MAIL FROM,
    and with itself as recipient, since many servers judge the sender only then; RSET follows, never DATA.
    `patience` is how long the server may take to greet before its port is looked at more closely.
    `now` has a time zone.
    """
    connection = for_a_test(connection)
    trial = _Trial(Course(host=connection.host), connection, connect, patience, helo)
    trial.end = time.monotonic() + connection.session_timeout
    trial.now = now or datetime.now(timezone.utc)
    try:
        with suppress(Stop):
            _try(trial, login, sender, other_ports, getaddrinfo)
    finally:
        if trial.session is not None:
            trial.session.close()
    return Diagnosis(tuple(trial.course.steps), trial.course.suggestion)


def _try(trial: _Trial, login: Login | None, sender: str, other_ports: tuple, getaddrinfo: Callable | None) -> None:
    course, connection = trial.course, trial.connection
    with course.step("name", _CURES) as texts:
        addresses = resolve(connection, getaddrinfo) if getaddrinfo else resolve(connection)
        texts.append(describe_addresses(addresses))
    trial.dial = lambda wanted: connect(
        wanted, [(*entry[:4], (entry[4][0], wanted.port, *entry[4][2:])) for entry in addresses]
    )
    with course.step("connect", _CURES) as texts:
        try:
            trial.session = Session(dial_within(trial.dial, connection, trial.end), connection, trial.helo)
        except GatewayError as error:
            raise _with_other_ports(trial, error, other_ports) from error
        texts.append(f"Port {connection.port} accepts connections.")
    if connection.security is Security.TLS:
        _step_encryption(trial)
        _step_greeting(trial)
        _step_hello(trial)
    else:
        _step_greeting(trial)
        _step_hello(trial)
        _step_encryption(trial)
    with course.step("login", _CURES) as texts:
        _login(trial, login, texts)
    with course.step("sender", _CURES) as texts:
        _try_sender(trial, login, sender, texts)
    _say_goodbye(trial.session)
    # Of what it said under encryption: RFC 3207 §4.2.
    features = trial.session.esmtp_features
    with course.asking("size") as texts:
        size = features.get("size", "")
        # RFC 1870 §3: 0 is no fixed limit.
        has_limit = size.isdigit() and int(size) > 0
        texts.append(f"Messages up to {size_in_words(int(size))}." if has_limit else "The server tells no limit.")
    with course.asking("extensions") as texts:
        offered = sorted(" ".join([name.upper(), *values.split()]) for name, values in features.items())
        texts.append(in_words(offered) or "None.")


def _step_encryption(trial: _Trial) -> None:
    connection, session = trial.connection, trial.session
    with trial.course.step("encryption", _CURES) as texts:
        if connection.security is Security.NONE:
            texts.append("The connection is not encrypted, as chosen.")
            return
        context = tls_context(connection)
        try:
            if connection.security is Security.STARTTLS:
                _start_tls(session, context)
                # RFC 3207 §4.2: what the server can is only true when it says so under encryption.
                _asked(session.ehlo, "greeting")
            else:
                session.encrypt(context)
        except GatewayError as error:
            if error.field == "host" and isinstance(error.__cause__, ssl.SSLCertVerificationError):
                names = _names(trial)
                raise explain_tls_error(error.__cause__, connection.host, names) from error.__cause__
            if error.field != "certificate":
                _look_closer(trial)
            raise
        text, warning = describe_encryption(read_encryption(session.sock), is_verified=connection.verify, now=trial.now)
        texts.append(text)
        if warning:
            texts.warnings.append(warning)


def _start_tls(session: Session, context: ssl.SSLContext) -> None:
    if not session.has_extn("starttls"):
        raise GatewayError(
            "The server does not offer STARTTLS on this port. Nothing was sent in the clear.",
            permanent=True,
            phase="tls",
            code="STARTTLS",
            field="security",
        )
    code, reply = _asked(session.docmd, "tls", "STARTTLS")
    if code != 220:
        raise _refusal(code, reply, "tls", "security", "The server refused to start encryption.")
    if is_slipped_in(session.sock, session.file):
        raise slipped_in_error()
    session.encrypt(context)


def _step_greeting(trial: _Trial) -> None:
    connection, session = trial.connection, trial.session
    with trial.course.step("greeting", _CURES) as texts:
        if connection.security is not Security.TLS and silent(session.sock, trial.patience):
            # Either slow, or waiting for TLS; a second connection finds out while the first may still be greeted.
            _look_closer(trial, only=Security.TLS)
        session._allow()
        code, reply = _asked(session.getreply, "greeting")
        if code == -1:
            _look_closer(trial)
            raise GatewayError("This port does not speak SMTP.", permanent=True, phase="greeting", field="port")
        if code != 220:
            # RFC 5321 §3.1: 554 means no service for us here
            known = find_cure(f"{code} {_text(reply)}", connection.host, Where.CONNECT)
            text, cure = (known.words, known.cure) if known else ("The server does not want to serve this machine.", "")
            raise _refusal(code, reply, "greeting", "host", text, cure)
        texts.append("An SMTP server answered.")


def _step_hello(trial: _Trial) -> None:
    session = trial.session
    with trial.course.step("hello", _CURES) as texts:
        code, reply = _asked(session.ehlo, "greeting")
        if not 200 <= code <= 299:
            code, reply = _asked(session.helo, "greeting")
        if not 200 <= code <= 299:
            raise _refusal(code, reply, "greeting", "", "The server refused our name.")
        texts.append("The server is ready.")


def _login(trial: _Trial, login: Login | None, texts: list[str]) -> None:
    session, connection = trial.session, trial.connection
    if login is None:
        texts.append("No login, as chosen.")
        return
    try:
        session._allow()
        login(session)
    except smtplib.SMTPNotSupportedError as error:
        if connection.security is Security.NONE and session.has_extn("starttls"):
            answer = PortAnswer(connection.port, "smtp", Security.STARTTLS)
            trial.course.suggestion = suggest(connection, "smtp", answer)
            text = "The server takes no login on an unencrypted connection. Choose STARTTLS."
            raise GatewayError(text, permanent=True, phase="login", field="security") from error
        text = "The server offers no login here. Leave the user empty, or use the port for submission (587 or 465)."
        raise GatewayError(text, permanent=True, phase="login", field="port") from error
    except smtplib.SMTPResponseException as error:
        raise smtp_login_refusal(error.smtp_code, error.smtp_error, host=connection.host) from error
    except smtplib.SMTPServerDisconnected as error:
        raise GatewayError("The server ended the connection during login.", phase="login", field="user") from error
    except smtplib.SMTPException as error:
        text = "Server and client have no way of logging in in common."
        raise GatewayError(text, permanent=True, phase="login", detail=str(error), field="user") from error
    except UnicodeError as error:
        text = "User name or password has characters that SMTP login cannot carry."
        raise GatewayError(text, permanent=True, phase="login", field="password") from error
    except OSError as error:
        raise GatewayError("The connection broke during login.", phase="login", detail=str(error)) from error
    texts.append("The server let us in.")


def _try_sender(trial: _Trial, login: Login | None, sender: str, texts: list[str]) -> None:
    session = trial.session
    if not sender or any(ord(char) < 33 or char in "<>" for char in sender):
        raise ConfigurationError("There is no proper sender address to try.", field="sender")
    options = ["SMTPUTF8"] if not sender.isascii() and session.has_extn("smtputf8") else []
    if not sender.isascii() and not options:
        raise GatewayError(
            "The sender address has characters that this server cannot take (no SMTPUTF8).",
            permanent=True,
            phase="sender",
            field="sender",
        )
    if options:
        session.command_encoding = "utf-8"
    code, reply = _asked(session.docmd, "sender", "MAIL", f"FROM:<{sender}>{' SMTPUTF8' if options else ''}")
    if not 200 <= code <= 299:
        raise _sender_refusal(code, reply, login, trial.connection.host)
    # Postfix and others delay what they think of the sender until a recipient is named (smtpd_delay_reject).
    code, reply = _asked(session.docmd, "sender", "RCPT", f"TO:<{sender}>")
    if code >= 400 and (_ABOUT_SENDER.search(_text(reply)) or _AUTH_FIRST.search(_text(reply))):
        raise _sender_refusal(code, reply, login, trial.connection.host)
    _asked(session.docmd, "sender", "RSET")
    texts.append("The server accepts this sender. Nothing was sent.")


def _sender_refusal(code: int, reply: bytes, login: Login | None, host: str) -> GatewayError:
    detail = _text(reply)
    if known := find_cure(f"{code} {detail}", host, Where.SENDING):
        return _refusal(code, reply, "sender", known.field or "sender", known.words, known.cure)
    if login is None and (code == 530 or _AUTH_FIRST.search(detail)):
        return _refusal(code, reply, "sender", "user", "The server wants a login. Enter user name and password.")
    if 400 <= code < 500:
        text = "The server does not accept this sender at the moment."
    else:
        text = "The server does not let this account send as this sender."
    return _refusal(code, reply, "sender", "sender", text)


def _refusal(code: int, reply: bytes | str, phase: str, field: str, text: str, cure: str = "") -> GatewayError:
    detail = _text(reply)
    enhanced = _ENHANCED.match(detail)
    word = f"{code} {enhanced[0]}" if enhanced else str(code)
    said = f"{code} {detail}".strip()[:500]
    return GatewayError(text, permanent=code >= 500, phase=phase, code=word, detail=said, field=field, cure=cure)


def _asked(call: Callable, phase: str, *args) -> tuple[int, bytes]:
    """One exchange; whatever breaks it, as a GatewayError."""
    try:
        return call(*args)
    except smtplib.SMTPServerDisconnected as error:
        slow = isinstance(error.__context__, TimeoutError)
        text = "The server stopped answering." if slow else "The server ended the connection."
        raise GatewayError(text, phase=phase, field="port" if phase == "greeting" else "") from error
    except smtplib.SMTPException as error:
        raise GatewayError("The server's answer is not SMTP.", phase=phase, detail=str(error)[:500]) from error
    except (OSError, ValueError) as error:
        raise GatewayError("The connection broke.", phase=phase, detail=str(error)[:500]) from error


def _with_other_ports(trial: _Trial, error: GatewayError, ports: tuple[int, ...]) -> GatewayError:
    """The same error, saying which other ports answer, and with the suggestion noted."""
    connection = trial.connection
    answers = probe_ports(connection, [port for port in ports if port != connection.port], trial.patience, trial.dial)
    suggestions = [suggestion for answer in answers if (suggestion := suggest(connection, "smtp", answer))]
    trial.course.suggestion = next(
        (s for s in suggestions if s.security is connection.security), suggestions[0] if suggestions else None
    )
    said = f"port {connection.port}: {error}"
    known = find_cure(said, connection.host, Where.CONNECT)
    words = f"{error} {describe(answers, 'smtp')}"
    if known:
        words, cure = f"{words} {known.words}", known.cure
    else:
        cure = ""
    return GatewayError(words, phase=error.phase, code=error.code, field="port", cure=cure)


def _look_closer(trial: _Trial, only: Security | None = None) -> None:
    """Raises when the port speaks something else than was asked for, and notes the suggestion."""
    answer = probe_port(trial.connection, trial.patience, trial.dial, known_silent=only is not None)
    if answer is None or (only and answer.security is not only):
        return
    if answer.protocol not in ("", "smtp"):
        text = f"This port speaks {PROTOCOL_NAMES[answer.protocol]}, not SMTP."
        raise GatewayError(text, permanent=True, phase="greeting", field="port")
    suggestion = suggest(trial.connection, "smtp", answer)
    if suggestion:
        trial.course.suggestion = suggestion
        raise GatewayError(suggestion.text, permanent=True, phase="tls", field="security")


def _names(trial: _Trial) -> list[str]:
    """For whom the certificate is. It is asked for again with its host name unchecked, but its issuer checked."""
    connection = trial.connection
    context = tls_context(replace(connection, verify=True))
    context.check_hostname = False
    session = None
    try:
        session = Session(trial.dial(connection), connection, trial.helo)
        if connection.security is Security.TLS:
            session.encrypt(context)
        else:
            _asked(session.getreply, "greeting")
            _asked(session.ehlo, "greeting")
            _start_tls(session, context)
        return certificate_names(session.sock.getpeercert())
    except GatewayError:
        return []
    finally:
        if session is not None:
            session.close()


def _say_goodbye(session: Session) -> None:
    try:
        _asked(session.docmd, "close", "QUIT")
    except GatewayError:
        return  # nothing depends on it


def _text(reply: bytes | str) -> str:
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)
