# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Field values that a person wrote down for the records that mail makes."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from typing import Any

from .errors import ConfigurationError

# Longer ones are no list of a few values.
LONGEST = 10_000


def parse_default_values(text: str) -> dict[str, Any]:
    """Return the values in ``text``: a JSON object, or a Python dictionary of literals as aliases have it.

    Raises:
        ConfigurationError: it is neither, or a name in it is no text.
    """
    if not text.strip():
        return {}
    if len(text) > LONGEST:
        raise ConfigurationError(f"The default values are longer than {LONGEST} characters.")
    values = _json(text)
    if values is None:
        values = _literal(text)
    if not isinstance(values, dict):
        raise ConfigurationError("Write the default values as {'field': value, …}, such as {'priority': '1'}.")
    if not all(isinstance(name, str) and name for name in values):
        raise ConfigurationError("Every field of the default values is named by a text, such as 'priority'.")
    return values


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # no JSON: perhaps a dictionary of Python's
        return None


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):  # all that the documentation names
        return None


def show_default_values(values: Mapping[str, Any]) -> str:
    """Return ``values`` as a person would write them, one a line."""
    return json.dumps(dict(values), ensure_ascii=False, indent=1, sort_keys=True) if values else ""
