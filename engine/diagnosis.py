# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What a test of a server found, step by step, and what would put it right."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from .connection import Connection, Security
from .errors import ConfigurationError, GatewayError
from .port_probe import PortAnswer

PROTOCOL_NAMES = {"imap": "IMAP", "pop": "POP3", "smtp": "SMTP", "ssh": "SSH", "http": "HTTP", "ftp": "FTP"}
SECURITY_NAMES = {Security.NONE: "no encryption", Security.STARTTLS: "STARTTLS", Security.TLS: "TLS"}


@dataclass(frozen=True, slots=True)
class Step:
    """`text` says what was found, `cure` what to do about it, `field` which setting is most probably at fault."""

    name: str
    ok: bool
    text: str
    cure: str = ""
    field: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Settings that the server was seen to answer to; the caller may set them and repeat."""

    port: int
    security: Security
    text: str


@dataclass(frozen=True)
class Diagnosis:
    steps: tuple[Step, ...]
    suggestion: Suggestion | None = None

    @property
    def ok(self) -> bool:
        return bool(self.steps) and all(step.ok for step in self.steps)

    @property
    def failure(self) -> Step | None:
        return next((step for step in self.steps if not step.ok), None)


class Stop(Exception):
    """A step failed and those behind it make no sense."""


@dataclass
class Course:
    """Collects steps while a server is being tried."""

    steps: list[Step] = field(default_factory=list)
    suggestion: Suggestion | None = None

    @contextmanager
    def step(self, name: str, cures: dict[str, str] | None = None) -> Iterator[list[str]]:
        """Runs one step: its failures become a Step and Stop; the texts put into the list become its text.

        `cures` maps the field at fault to what helps.
        """
        texts: list[str] = []
        start = time.monotonic()
        try:
            yield texts
        except (GatewayError, ConfigurationError) as error:
            text = str(error)
            detail = getattr(error, "detail", "")
            if detail and error.phase not in ("tls", "connect"):
                text = f"{text} The server said: {detail}"
            cure = (cures or {}).get(error.field, "")
            self.steps.append(Step(name, False, text, cure, error.field, time.monotonic() - start))
            raise Stop from error
        self.steps.append(Step(name, True, " ".join(texts), "", "", time.monotonic() - start))


def suggest(connection: Connection, protocol: str, answer: PortAnswer) -> Suggestion | None:
    """What to set instead, if `answer` shows that the port speaks `protocol` but secured in another way.

    Never from encrypted to not: an attacker could make a caller who follows suggestions send the password in the clear.
    """
    if answer.protocol != protocol or answer.security is None:
        return None
    if answer.security is Security.NONE and connection.security is not Security.NONE:
        return None
    if answer.port == connection.port and answer.security is connection.security:
        return None
    text = f"Port {answer.port} speaks {PROTOCOL_NAMES[protocol]} with {SECURITY_NAMES[answer.security]}."
    return Suggestion(answer.port, answer.security, text)


def describe(answers: list[PortAnswer], protocol: str) -> str:
    """The ports that answered, in words."""
    parts = []
    for answer in answers:
        name = PROTOCOL_NAMES.get(answer.protocol, "something unknown")
        how = f" with {SECURITY_NAMES[answer.security]}" if answer.security and answer.protocol == protocol else ""
        parts.append(f"{answer.port} ({name}{how})")
    return f"These ports answer: {', '.join(parts)}." if parts else "No other usual port answers either."
