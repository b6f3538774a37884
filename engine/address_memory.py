# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Addresses that were taken apart before: Odoo asks a dozen times a message what is in the same few texts."""

from __future__ import annotations

import functools
from collections.abc import Callable

# Texts that are kept, and the longest that is.
REMEMBERED = 4096
LONGEST = 320

Split = Callable[[str], list[tuple[str, str]]]


def remembering(split: Split) -> Split:
    """Return ``split``, which takes a text apart into (name, address) pairs, so that it does so once for each text.

    What is in a text depends on nothing else; each caller gets a list of its own.
    """
    if hasattr(split, "remembered"):
        return split
    remembered = functools.lru_cache(REMEMBERED)(lambda text: tuple(split(text)))

    @functools.wraps(split)
    def split_once(text):
        if not isinstance(text, str) or not text or len(text) > LONGEST:
            return split(text)
        # A header field is a text with attributes, equal to one without them.
        return list(remembered(str(text)))

    split_once.remembered = remembered
    return split_once
