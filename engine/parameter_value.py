# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Values of system parameters as people type them: brought into one form, or refused."""

from __future__ import annotations

from .from_policy import is_address


class ParameterError(ValueError):
    """A value that its parameter does not take. ``part`` is what is wrong with it, for people to see."""

    def __init__(self, part: str):
        super().__init__(part)
        self.part = part


def whole_number(value: str, least: int, most: int) -> str:
    """Return a whole number as plain digits.

    Raises:
        ParameterError: it is none, or not between ``least`` and ``most``.
    """
    text = value.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and least <= int(text) <= most):
        raise ParameterError(value)
    return str(int(text))


def domain_list(value: str) -> str:
    """Return domains separated by commas, lower-case, each once.

    Raises:
        ParameterError: ``part`` is the first that is no domain; the whole value when it names none.
    """
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if not parts:
        raise ParameterError(value)
    for part in parts:
        if "@" in part or not is_address(f"anybody@{part}"):
            raise ParameterError(part)
    return ",".join(dict.fromkeys(part.lower() for part in parts))


def address_or_domain_list(value: str) -> str:
    """Return addresses and domains separated by commas, lower-case, each once; ".a.org" stands for all below a.org.

    Raises:
        ParameterError: ``part`` is the first that is neither; the whole value when it names none.
    """
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if not parts:
        raise ParameterError(value)
    for part in parts:
        if not is_address(part if "@" in part else f"anybody@{part.removeprefix('.')}"):
            raise ParameterError(part)
    return ",".join(dict.fromkeys(part.lower() for part in parts))
