# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The file that a person is given: everything held about her, as JSON and as messages that any mail program opens."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from datetime import date, datetime


def personal_archive(
    tables: Mapping[str, Iterable[Mapping]], messages: Iterable[tuple[str, bytes]], about: Mapping
) -> bytes:
    """Return a ZIP file.

    Args:
        tables: rows by name; each becomes <name>.json.
        messages: (path without ending, bytes as they are); each becomes an .eml file.
        about: what the archive is and is not, about.json.
    """
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("about.json", _json(about))
        for name, rows in tables.items():
            archive.writestr(f"{name}.json", _json(list(rows)))
        for path, content in messages:
            archive.writestr(f"{path}.eml", content)
    return target.getvalue()


def _json(value):
    return json.dumps(value, ensure_ascii=False, indent=1, default=_plain).encode("utf-8", "replace")


def _plain(value):
    """Return what JSON does not know as text: dates in ISO 8601, UTC."""
    if isinstance(value, datetime):
        return f"{value.isoformat(timespec='seconds')}Z"
    return value.isoformat() if isinstance(value, date) else str(value)
