# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Texts for people outside: who is meant is hidden, and the same one is hidden in the same way everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .summary import summarize

# From the beginning of a run on: a long one without an @ is looked through once.
_ADDRESS = re.compile(r"(?<![^\s<>()\[\]\",;:'=])[^\s<>()\[\]\",;:'=]+@([^\s<>()\[\]\",;:'=]+)")
_SHORTEST_HIDDEN = 3
# Fields of a header that say how a message travelled and what it is, and nothing of what it says.
_TECHNICAL = re.compile(
    r"received|return-path|delivered-to|x-original-to|envelope-to|message-id|references|in-reply-to|date"
    r"|authentication-results|received-spf|arc-.*|dkim-signature|from|sender|to|cc|reply-to|auto-submitted|precedence"
    r"|x-auto-response-suppress|x-failed-recipients|list-id|list-unsubscribe(-post)?|mime-version"
    r"|content-transfer-encoding|x-odoo-.*|x-spam-(flag|status|level|score)|feedback-id",
    re.IGNORECASE,
)
_WITH_NAMES = {"from", "sender", "to", "cc", "reply-to"}
# Of these the first word: what follows may be the name of a file.
_FIRST_WORD = {"content-type", "content-disposition"}
_MOST_FIELDS = 500


class _Phrases:
    """Finds phrases in a text by their words: what a text costs does not grow with the number of phrases.

    Args:
        pattern: what of a text is a word; all else is split into single characters and white space.
    """

    def __init__(self, pattern: str):
        self._token = re.compile(rf"{pattern}|\s+|.", re.DOTALL)
        self._stand_ins: dict[tuple[str, ...], str] = {}
        self._lengths: dict[str, list[int]] = {}

    def add(self, phrase: str, stand_in: str) -> None:
        if not (words := self._words(self._token.findall(phrase))):
            return
        self._stand_ins[words] = stand_in
        lengths = {*self._lengths.get(words[0], ()), len(words)}
        self._lengths[words[0]] = sorted(lengths, reverse=True)

    def replaced(self, text: str) -> str:
        """Return a text with stand-ins; phrases that lie over each other are replaced as one."""
        if not self._lengths:
            return text
        tokens = self._token.findall(text)
        words = self._words(tokens)
        shown, place = [], 0
        while place < len(words):
            end, stand_in = self._found(words, place)
            if not end:
                shown.append(tokens[place])
                place += 1
                continue
            place += 1
            while place < end:
                end = max(end, self._found(words, place)[0])
                place += 1
            shown.append(stand_in)
        return "".join(shown)

    def _found(self, words: tuple[str, ...], place: int) -> tuple[int, str]:
        for length in self._lengths.get(words[place], ()):
            if (stand_in := self._stand_ins.get(words[place : place + length])) is not None:
                return place + length, stand_in
        return 0, ""

    @staticmethod
    def _words(tokens: Iterable[str]) -> tuple[str, ...]:
        return tuple(" " if token.isspace() else token.casefold() for token in tokens)


class Pseudonyms:
    """Puts the same stand-in for an address, a domain or a word wherever it stands.

    Args:
        hidden: subjects, names, names of servers; what is shorter than three characters would be found everywhere.
        known_domains: domains that are nobody's secret, such as those of large providers.
    """

    def __init__(self, hidden: Iterable[str] = (), known_domains: Iterable[str] = ()):
        self._addresses: dict[str, str] = {}
        self._domains: dict[str, str] = {}
        self._known = {domain.lower() for domain in known_domains}
        words = {" ".join(word.split()) for word in hidden if word}
        self._hidden = _Phrases(r"\w+")
        for word in words:
            if len(word) >= _SHORTEST_HIDDEN:
                self._hidden.add(word, "(hidden)")
        self._hosts = _Phrases(r"[\w-]+")

    def learn(self, text: str) -> None:
        """Note the addresses of a text, so that their domains are hidden in what comes before it too."""
        for match in _ADDRESS.finditer(text or ""):
            self._address(match)

    def text(self, text: str) -> str:
        """Return a text of one or more lines without addresses, their domains and what is hidden."""
        text = _ADDRESS.sub(self._address, text or "")
        return self._hosts.replaced(self._hidden.replaced(text))

    def value(self, value: object) -> object:
        """Return a value of JSON with every text in it as `text` returns it; names of members stay."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {name: self.value(found) for name, found in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(found) for found in value]
        return value

    def headers(self, content: bytes) -> str:
        """Return the header of a message given as received: technical fields masked, of others the length."""
        lines = []
        self.learn(" ".join(found for _name, found in summarize(content).headers[:_MOST_FIELDS]))
        for name, found in summarize(content).headers[:_MOST_FIELDS]:
            if name in _FIRST_WORD:
                shown = found.partition(";")[0].strip()
            elif name in _WITH_NAMES:
                shown = ", ".join(self._address(match) for match in _ADDRESS.finditer(found)) or f"({len(found)})"
            elif _TECHNICAL.fullmatch(name):
                shown = self.text(found)
            else:
                shown = f"({len(found)} characters)"
            lines.append(f"{name}: {shown}")
        return "\n".join(lines) + "\n"

    def _address(self, match: re.Match) -> str:
        whole, domain = match[0].lower(), match[1].lower().rstrip(".")
        if whole not in self._addresses:
            self._addresses[whole] = f"address-{len(self._addresses) + 1}"
        return f"{self._addresses[whole]}@{self._domain(domain)}"

    def _domain(self, domain: str) -> str:
        if domain in self._known:
            return domain
        if domain not in self._domains:
            self._domains[domain] = f"domain-{len(self._domains) + 1}"
            self._hosts.add(domain, self._domains[domain])
        return self._domains[domain]
