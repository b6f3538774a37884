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
# Behind it stand words that are not ours.
SAID = "The server said:"
# Of a name; large providers have dozens.
MOST_ADDRESSES = 6
SECURITY_NAMES = {Security.NONE: "no encryption", Security.STARTTLS: "STARTTLS", Security.TLS: "TLS"}


@dataclass(frozen=True, slots=True)
class Step:
    """`text` says what was found, `cure` what to do about it, `field` which setting is most probably at fault.

    `warning` is what a person should know of a step that went well.
    """

    name: str
    ok: bool
    text: str
    cure: str = ""
    field: str = ""
    seconds: float = 0.0
    warning: str = ""


class Found(list):
    """Texts of a step, and what a person should know of it."""

    def __init__(self):
        super().__init__()
        self.warnings: list[str] = []


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

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(step.warning for step in self.steps if step.warning)


class Stop(Exception):
    """A step failed and those behind it make no sense."""


@dataclass
class Course:
    """Collects steps while a server is being tried; `host` is its name, by which its provider is known."""

    steps: list[Step] = field(default_factory=list)
    suggestion: Suggestion | None = None
    host: str = ""

    @contextmanager
    def step(self, name: str, cures: dict[str, str] | None = None) -> Iterator[Found]:
        """Runs one step: its failures become a Step and Stop; the texts put into the list become its text.

        `cures` maps the field at fault to what helps, where nothing is known of the server's own words.
        """
        found = Found()
        start = time.monotonic()
        try:
            yield found
        except (GatewayError, ConfigurationError) as error:
            cure = getattr(error, "cure", "")
            text = str(error).removesuffix(cure).strip()
            detail = getattr(error, "detail", "")
            if detail and error.phase not in ("tls", "connect"):
                text = f"{text} {SAID} {detail}"
            cure = cure or (cures or {}).get(error.field, "")
            self.steps.append(Step(name, False, text, cure, error.field, time.monotonic() - start))
            raise Stop from error
        self._add(name, found, start)

    @contextmanager
    def asking(self, name: str) -> Iterator[Found]:
        """Runs a step on which nothing depends: a server that fails at it is well all the same."""
        found = Found()
        start = time.monotonic()
        try:
            yield found
        except GatewayError as error:
            found.append("The server did not answer the question.")
            found.warnings.append(str(error))
        self._add(name, found, start)

    def _add(self, name: str, found: Found, start: float) -> None:
        warning = " ".join(found.warnings)
        self.steps.append(Step(name, True, " ".join(found), "", "", time.monotonic() - start, warning))


def describe_addresses(addresses: list) -> str:
    """What a name leads to, in words; `addresses` as getaddrinfo() returns them."""
    found = list(dict.fromkeys(entry[4][0] for entry in addresses))
    shown = ", ".join(found[:MOST_ADDRESSES]) + ("…" if len(found) > MOST_ADDRESSES else "")
    return f"The name leads to {len(found)} address(es): {shown}."


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
