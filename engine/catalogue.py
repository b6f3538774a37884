# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The engine's texts in another language.

The engine speaks English, and what it said is stored as it was said: whoever reads it later may speak another language
than whoever, or whatever, caused it. So a text is translated when it is shown. Texts with something put in are known by
the words around it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_PLACE = re.compile(r"%\((\w+)\)[sd]")
_NAMELESS = re.compile(r"(?<!%)%[sd]")
_WORD = re.compile(r"[^\W\d_]{2,}")
_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z“])")
# A text is in a text is in a text: "… The server said: …". What is deeper stays as it is.
_DEEPEST = 4
# Longer than anything that the engine says; a server's answer of that size is nobody's to compare with patterns.
_LONGEST = 4000


class Catalogue:
    """Args:
    translations: {English text: its translation}; a part that is put in is written "%(host)s" or "%s" in both.
    """

    def __init__(self, translations: Mapping[str, str]):
        self._texts = dict(translations)
        patterns = []
        for text, translation in ((_named(text), _named(value)) for text, value in translations.items()):
            words = sum(map(len, _WORD.findall(_PLACE.sub(" ", text))))
            if _PLACE.search(text) and words >= 4:
                patterns.append((words, _pattern(text), translation))
        # The one with the most words of its own first: "%(text)s The server said: %(detail)s" fits many.
        self._patterns = sorted(patterns, key=lambda each: -each[0])

    def say(self, text: str) -> str:
        """Return the translation of a text, of its lines or of its sentences; what is not known stays."""
        return self._say(text, 0) if text else text

    def _say(self, text: str, depth: int) -> str:
        if text in self._texts:
            return self._texts[text]
        if depth > _DEEPEST or len(text) > _LONGEST or not _WORD.search(text):
            return text
        if "\n" in text:
            return "\n".join(self._say(line, depth + 1) for line in text.split("\n"))
        for _words, pattern, translation in self._patterns:
            if found := pattern.fullmatch(text):
                return self._filled(translation, found.groupdict(), depth)
        sentences = _END.split(text)
        return " ".join(self._say(each, depth + 1) for each in sentences) if len(sentences) > 1 else text

    def _filled(self, translation: str, values: dict[str, str], depth: int) -> str:
        # Not by the % operator: a translation that names a place which the text has not would raise.
        filled = _PLACE.sub(lambda place: self._say(values.get(place[1], place[0]), depth + 1), translation)
        return filled.replace("%%", "%")


def _named(text: str) -> str:
    """Give parts without a name one by their order."""
    count = 0

    def name(_found: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return f"%(part{count})s"

    return _NAMELESS.sub(name, text)


def _pattern(text: str) -> re.Pattern[str]:
    parts = _PLACE.split(text)
    names: set[str] = set()
    pattern = ""
    for index, part in enumerate(parts):
        if index % 2 == 0:
            pattern += re.escape(part.replace("%%", "%"))
        elif part in names:
            pattern += f"(?P={part})"
        else:
            names.add(part)
            pattern += f"(?P<{part}>.+?)"
    return re.compile(pattern, re.DOTALL)
