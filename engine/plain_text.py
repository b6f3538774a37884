# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The text that a person reads in an HTML body, so that rules need not know HTML."""

from __future__ import annotations

import lxml.etree
import lxml.html

_UNSEEN = frozenset(("script", "style", "head", "title", "template", "noscript"))
# After these a new line begins; a row of a table is one line, so that "Name: | Ann" reads as "Name: Ann".
_LINES = frozenset(
    "address article blockquote br dd div dl dt footer form h1 h2 h3 h4 h5 h6 header hr li ol p pre section table "
    "tr ul".split()
)
_CELLS = frozenset(("td", "th"))


def plain_text(html: str, longest: int = 100_000) -> str:
    """Return the lines of text in ``html``, each without blanks around it, cut to ``longest`` characters."""
    try:
        # Bytes: a text with an encoding declaration is refused by lxml. Nesting is bounded by libxml2 itself.
        parser = lxml.html.HTMLParser(encoding="utf-8")
        tree = lxml.html.document_fromstring(html.encode("utf-8", "replace"), parser=parser)
    except (lxml.etree.LxmlError, ValueError):  # empty, or nothing that could be HTML
        return ""
    lines = "".join(_pieces(tree)).split("\n")
    words = (" ".join(line.split()) for line in lines)
    return "\n".join(line for line in words if line)[:longest]


def _pieces(tree):
    unseen = 0
    for event, node in lxml.etree.iterwalk(tree, events=("start", "end", "comment", "pi")):
        tag = node.tag if isinstance(node.tag, str) else ""
        if event == "start":
            unseen += tag in _UNSEEN
            if tag in _LINES:
                yield "\n"
            if not unseen and node.text:
                yield _flat(node.text)
            continue
        if event == "end":
            unseen -= tag in _UNSEEN
            if tag in _LINES:
                yield "\n"
            elif tag in _CELLS:
                yield " "
        if not unseen and node.tail:
            yield _flat(node.tail)


def _flat(text: str) -> str:
    """In HTML a line break in the source is a blank."""
    return text.replace("\r", " ").replace("\n", " ")
