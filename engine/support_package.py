# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""One ZIP file about one message, for whoever helps: what is in it, and in what form, is the caller's choice."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from enum import Enum


class PackageContent(str, Enum):
    """What of the message itself is in a package."""

    MASKED = "masked"
    HEADERS = "headers"
    WHOLE = "whole"


PACKAGE_CONTENT_WORDS = {
    PackageContent.MASKED: "Masked: nobody's address, name or subject",
    PackageContent.HEADERS: "With the header, as it is",
    PackageContent.WHOLE: "With the whole message",
}


def support_package(
    parts: Mapping[str, object], texts: Mapping[str, str], messages: Iterable[tuple[str, bytes]]
) -> bytes:
    """Return the ZIP file.

    Args:
        parts: what becomes JSON, by name without ending.
        texts: files by name with ending.
        messages: (name without ending, bytes as they are); each becomes an .eml file.
    """
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in parts.items():
            archive.writestr(f"{name}.json", json.dumps(value, ensure_ascii=False, indent=1, default=_plain))
        for name, text in texts.items():
            archive.writestr(name, text.encode("utf-8", "replace"))
        for name, content in messages:
            archive.writestr(f"{name}.eml", content)
    return target.getvalue()


def header_of(content: bytes) -> str:
    """Return the header section of a message as it is."""
    ends = [end for mark in (b"\r\n\r\n", b"\n\n") if (end := content.find(mark)) >= 0]
    return content[: min(ends, default=len(content))].decode("utf-8", "replace") + "\n"


def _plain(value: object) -> str:
    """What JSON does not know as text: dates in ISO 8601, UTC."""
    if isinstance(value, datetime):
        return f"{value.isoformat(timespec='seconds')}Z"
    return value.isoformat() if isinstance(value, date) else str(value)
