# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A cure: what a provider writes when something does not work, why it does not, and what helps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum


class Where(str, Enum):
    """When a text is met."""

    CONNECT = "connect"
    LOGIN = "login"
    SENDING = "sending"
    BROWSER = "browser"


WHERE_WORDS = {
    Where.CONNECT: "while connecting",
    Where.LOGIN: "at login",
    Where.SENDING: "while sending",
    Where.BROWSER: "in the browser",
}


@dataclass(frozen=True, slots=True)
class Cure:
    """One row.

    Attributes:
        provider: for people.
        said: the provider's words as they are shown and looked up by people.
        pattern: finds them.
        cause: why, in one or two sentences.
        cure: what to do; no links, which age.
        field: the setting at fault, as in GatewayError.
        hosts: finds the servers that mean this by it, None where the words alone are enough.
        is_temporary: it passes by itself.
    """

    provider: str
    where: Where
    said: str
    pattern: re.Pattern
    cause: str
    cure: str
    field: str = ""
    hosts: re.Pattern | None = None
    is_temporary: bool = False

    @property
    def words(self) -> str:
        return f"{self.cause} {self.cure}"


def row(provider, where, said, pattern, cause, cure, field="", hosts="", is_temporary=False):
    flags = re.IGNORECASE | re.DOTALL
    found = re.compile(hosts, re.IGNORECASE) if hosts else None
    return Cure(provider, where, said, re.compile(pattern, flags), cause, cure, field, found, is_temporary)
