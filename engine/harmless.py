# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Markup of a message without anything that a browser acts upon: a list of what is kept, not of what is dropped.

Odoo's cleaner leaves drawings, formulas and films in, which fetch and whose links lead away.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, tostring

from lxml import html
from lxml.etree import LxmlError

# Text, tables, and pictures that the message brings itself.
_ELEMENTS = frozenset(
    "a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del div dl dt "
    "em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark nav ol p pre q s samp "
    "section small span strike strong sub sup table tbody td tfoot th thead time tr tt u ul var wbr".split()
)
_ATTRIBUTES = frozenset("align alt colspan dir height lang rowspan title valign width".split())
# What is inside these is no text for people.
_KILLED = frozenset("script style title head noscript template object svg math iframe xml".split())
# Pictures only: an SVG is a document.
_PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]*", re.IGNORECASE)
# Deeper nesting is an attack on whoever walks it.
_DEEPEST = 200
# Links that are written out, and characters of one: confirmation links have hundreds, a page of thousands is no help.
_MOST_LINKS = 200
_LONGEST_LINK = 4000
_LINK = re.compile(r"(https?://|mailto:).", re.IGNORECASE)


def harmless(markup: str) -> str:
    """Return ``markup`` (HTML, any) with the elements and attributes alone that do nothing; "" when it is no HTML.

    Where a link led is its title, and stands beside its words as text that can be copied: providers have addresses
    confirmed by links.
    """
    try:
        source = html.fragment_fromstring(markup, create_parent="div")
    except (LxmlError, ValueError):  # nothing in it, or no text at all
        return ""
    target = Element("div")
    _copy(source, target)
    return tostring(target, encoding="unicode", method="html")


@dataclass(frozen=True)
class _Destination:
    """Where a link led, to be written after it."""

    text: str


def _destination(node):
    """Return the _Destination of a link, None where its words say it already or it leads to no place of the web."""
    href = (node.get("href") or "").strip()
    if not _LINK.match(href):
        return None
    # Blanks and signs that turn the direction of text make it look like another place.
    shown = "".join(
        char if char.isprintable() and not char.isspace() else quote(char, errors="replace") for char in href
    )
    words = "".join(node.itertext()).strip()
    if words in (shown, shown.partition(":")[2]):
        return None
    return _Destination(shown if len(shown) <= _LONGEST_LINK else f"(a link of {len(shown)} characters)")


def _copy(source, target):
    # An explicit stack: nesting is chosen by the sender.
    _add_text(target, source.text)
    stack = [(child, target, 1) for child in reversed(source)]
    links = 0
    while stack:
        step = stack.pop()
        if isinstance(step[0], str):
            _add_text(step[1], step[0])
            continue
        if isinstance(step[0], _Destination):
            _add_text(step[1], " ")
            SubElement(step[1], "code").text = step[0].text
            continue
        node, parent, depth = step
        if node.tail:
            stack.append((node.tail, parent, depth))
        # Comments and the like have no text for a name.
        if not isinstance(node.tag, str) or node.tag in _KILLED or depth > _DEEPEST:
            continue
        into = parent
        if node.tag in _ELEMENTS:
            into = _kept(node, parent)
        if into is None:
            continue
        _add_text(into, node.text)
        destination = _destination(node) if node.tag == "a" and links < _MOST_LINKS else None
        if destination:
            links += 1
            stack.append((destination, parent, depth))
        stack.extend((child, into, depth + 1) for child in reversed(node))


def _kept(node, parent):
    """Append the harmless copy of an element; return it, or None when a word stands for it."""
    if node.tag == "img" and not _PICTURE.fullmatch(node.get("src") or ""):
        _add_text(parent, node.get("alt"))
        return None
    copy = SubElement(parent, node.tag, {name: node.get(name) for name in node.keys() if name in _ATTRIBUTES})  # noqa: SIM118
    if node.tag == "img":
        copy.set("src", node.get("src"))
        return None
    if node.get("href"):
        copy.set("title", node.get("href"))
    return copy


def _add_text(element, text):
    if not text:
        return
    if len(element):
        element[-1].tail = (element[-1].tail or "") + text
    else:
        element.text = (element.text or "") + text
