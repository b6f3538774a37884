# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What became of settings, in words that are kept: never a secret, never more than people read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

# Characters of one value that are kept.
LONGEST = 2000
SET, CHANGED, REMOVED = "set", "changed", "removed"
# A parameter whose name holds one of these holds a secret, whoever made it.
SECRET_WORDS = ("secret", "password", "passwd", "token", "private", "api_key", "apikey", "credential")


@dataclass(frozen=True)
class Setting:
    """A setting at one moment.

    Attributes:
        value: what is compared; of a secret only whether there is one.
        words: the value as people read it.
    """

    value: object
    words: str = ""
    is_secret: bool = False


@dataclass(frozen=True)
class SettingChange:
    """One setting that is another now; "" where there was, or is, none."""

    name: str
    old: str
    new: str


def is_secret_name(name: str) -> bool:
    # "mail.sfu_server_key" signs calls.
    return name.lower().endswith(("_key", ".key")) or any(word in name.lower() for word in SECRET_WORDS)


def shortened(text: str) -> str:
    """Return the text; a long one cut, with how long it was."""
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}… ({len(text)} characters in all)"


def setting_changes(
    before: Mapping[str, Setting], after: Mapping[str, Setting], entered: Collection[str] = ()
) -> list[SettingChange]:
    """Return what is another than before, in the order of ``after``.

    Args:
        before: settings by name; empty for a record that was just made.
        after: the same later; empty for a record that was removed.
        entered: names that were written. A secret is only known to be another because somebody entered one: it is
            never opened to be compared.
    """
    changes = []
    for name in [*after, *(name for name in before if name not in after)]:
        old, new = before.get(name, Setting(None)), after.get(name, Setting(None))
        if old.is_secret or new.is_secret:
            words = _secret_words(bool(old.value), bool(new.value), name in entered)
        elif (old.value or None) != (new.value or None):
            words = _plain_words(old, new)
        else:
            words = None
        if words:
            changes.append(SettingChange(name, *words))
    return changes


def _secret_words(had, has, is_entered):
    if had and has:
        return (SET, CHANGED) if is_entered else None
    if has:
        return "", SET
    return (SET, REMOVED) if had else None


def _plain_words(old, new):
    before, after = shortened(old.words), shortened(new.words)
    if before == after:
        # Formatting, or what comes after the cut: that something changed is told all the same.
        after = f"{after} (it differs in what is not shown)"
    return before, after
