# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Regular expressions that admins write and that run over what strangers send: bounded in length and in time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

import regex

from .errors import ConfigurationError

# Time for one expression over everything that it looks at in one message, by the clock: a busy machine must not make a
# harmless one fail. `(a+)+$` needs years for 60 characters.
SECONDS = 1.0
# Characters of one text that are looked at.
LONGEST_TEXT = 100_000
LONGEST_PATTERN = 1000

Clock = Callable[[], float]


class PatternError(ConfigurationError):
    """A regular expression cannot be used.

    Attributes:
        position: character at which it goes wrong, counted from 1; 0 when it is wrong as a whole.
    """

    def __init__(self, message: str, position: int = 0):
        super().__init__(message, field="pattern")
        self.position = position


class PatternTimeout(Exception):
    """A regular expression ran out of its time."""


@lru_cache(maxsize=1000)
def compile_pattern(text: str, case_sensitive: bool = False) -> regex.Pattern:
    """Return the compiled expression; ``^`` and ``$`` match at each line.

    Raises:
        PatternError: it is malformed, with the position of the fault, or too long.
    """
    if len(text) > LONGEST_PATTERN:
        raise PatternError(f"the expression is longer than {LONGEST_PATTERN} characters", LONGEST_PATTERN)
    try:
        return regex.compile(text, regex.MULTILINE | (0 if case_sensitive else regex.IGNORECASE))
    except (regex.error, RecursionError, OverflowError) as error:
        place = getattr(error, "pos", None)
        words = str(getattr(error, "msg", None) or type(error).__name__)
        raise PatternError(words, place + 1 if place is not None else 0) from error


def search(pattern: regex.Pattern, texts: Iterable[str], clock: Clock, seconds: float = SECONDS) -> regex.Match | None:
    """Return the first match in ``texts``, None when there is none.

    Args:
        clock: seconds that only grow.
        seconds: for all texts together.

    Raises:
        PatternTimeout: the time was over before the answer was known.
    """
    end = clock() + seconds
    for text in texts:
        left = end - clock()
        if left <= 0:
            raise PatternTimeout(f"no answer in {seconds} s")
        try:
            found = pattern.search(text[:LONGEST_TEXT], timeout=left)
        except TimeoutError as error:
            raise PatternTimeout(f"no answer in {seconds} s") from error
        if found:
            return found
    return None
