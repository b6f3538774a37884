# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What a reading session asks the database for, what it is told beforehand, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from .errors import ConfigurationError, GatewayError
from .mailbox import After, Entry, Fetched

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Known:
    """What the journal knows of an entry.

    Attributes:
        size: octets that the server said it has; None when it is known whatever its size.
        is_told: the server was told that it is taken.
        is_held: neither to be fetched nor told: only its headers are in the journal, or it was passed over.
        since: when it was journaled.
        is_resting: the server would not hand it out; it is left alone for a while, and not done with.
    """

    size: int | None
    is_told: bool = False
    is_held: bool = False
    since: datetime | None = None
    is_resting: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for all folders of a session.

    Attributes:
        after: what telling an IMAP server does.
        size_limit: octets; of larger messages only the headers are taken. 0 for no limit.
        most_at_first: where more than this would be taken from a folder that is new, nothing is, and a person decides.
        tells: the server is told what was taken; otherwise it is left as it was.
        told_before: only entries that were journaled before this time are told: POP leaves the others for a while.
        files_failed: what ended in quarantine is moved to the folder for it.
        seconds: after this time nothing more is begun; what was begun is ended in good order. 0 for no limit.
    """

    after: After = After()
    size_limit: int = 0
    most_at_first: int | None = None
    tells: bool = True
    told_before: datetime | None = None
    files_failed: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Listed:
    """Which of these does the journal know? Answer: a mapping of Entry.key to Known."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Arrived:
    """To be journaled and COMMITTED before it is answered. Answer: how many of them were new."""

    fetched: tuple[Fetched, ...]


@dataclass(frozen=True, slots=True)
class PassedOver:
    """Not to be taken, now or later: to be remembered and COMMITTED. Answer: nothing."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """Which entries of this folder ended in quarantine and were not moved yet? Answer: pairs (Entry, Message-ID)."""

    folder: str


@dataclass
class ReadingResult:
    """How a session went.

    Attributes:
        new: rows that the journal gained.
        more: whether messages were left behind that the next session can take.
        told: keys of the entries that the server was told about, and has confirmed.
        filed: keys of the entries that were moved to the folder for what failed.
        failures: what stopped a folder, by its name; "" is the end of the session itself.
        floors: (UIDVALIDITY, UID) by folder, up to which all is in the journal and told.
        unstarted: new folders from which nothing was taken, as a person must say where to start, and how much waits.
        met: new folders that were read.
    """

    new: int = 0
    more: bool = False
    told: list[Key] = field(default_factory=list)
    filed: list[Key] = field(default_factory=list)
    failures: dict[str, GatewayError | ConfigurationError] = field(default_factory=dict)
    floors: dict[str, tuple[str, int]] = field(default_factory=dict)
    unstarted: dict[str, int] = field(default_factory=dict)
    met: list[str] = field(default_factory=list)

    @property
    def failure(self) -> GatewayError | ConfigurationError | None:
        """The first failure, None when all went well."""
        return next(iter(self.failures.values()), None)
