# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Text that PostgreSQL can keep, whatever a mail or a server said."""

from __future__ import annotations


def storable(text: object, longest: int = 4000) -> str:
    """Return ``text`` without what a database text cannot hold (NUL, lone surrogates), cut to ``longest``."""
    clean = str(text).replace("\0", "").encode("utf-8", "replace").decode()
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"
