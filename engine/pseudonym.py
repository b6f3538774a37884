# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Texts for people outside: who is meant is hidden, and the same one is hidden in the same way everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .summary import summarize

_ADDRESS = re.compile(r"[^\s<>()\[\]\",;:'=]+@([^\s<>()\[\]\",;:'=]+)")
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
        self._hidden = sorted((word for word in words if len(word) >= _SHORTEST_HIDDEN), key=len, reverse=True)

    def learn(self, text: str) -> None:
        """Note the addresses of a text, so that their domains are hidden in what comes before it too."""
        for match in _ADDRESS.finditer(text or ""):
            self._address(match)

    def text(self, text: str) -> str:
        """Return a text of one or more lines without addresses, their domains and what is hidden."""
        text = _ADDRESS.sub(self._address, text or "")
        for word in self._hidden:
            pattern = re.escape(word).replace(r"\ ", r"\s+")
            text = re.sub(rf"(?<!\w){pattern}(?!\w)", "(hidden)", text, flags=re.IGNORECASE)
        for domain in sorted(self._domains, key=len, reverse=True):
            text = re.sub(rf"(?<![\w-]){re.escape(domain)}(?![\w-])", self._domains[domain], text, flags=re.IGNORECASE)
        return text

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
        return self._domains[domain]
