# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Header fields that were parsed before: most fields of most messages are the same as of the message before."""

from __future__ import annotations

import email.policy
import functools
import sys
from email.headerregistry import BaseHeader, HeaderRegistry
from email.policy import EmailPolicy

# Fields that are kept, and the longest that is.
REMEMBERED = 2048
LONGEST = 500


class FoldedHeader(BaseHeader):
    """A field that is folded once for each kind of policy, and without a walk through its parts where it need not be.

    Python takes every field apart to fold it, which is another tenth of what a message costs to compose.
    """

    def fold(self, *, policy):
        # All that folding asks of a policy.
        kind = (policy.max_line_length, policy.utf8, policy.linesep)
        known = self.__dict__.setdefault("_folded", {})
        if kind not in known:
            known[kind] = self._one_line(policy) or super().fold(policy=policy)
        return known[kind]

    def _one_line(self, policy) -> str:
        """Return the field where it is ASCII and fits: what Python's own folding makes of it then. "" otherwise."""
        line = f"{self.name}: {self._parse_tree}"
        if not self._parse_tree or not line.isascii() or "\n" in line or "\r" in line:
            return ""
        return line + policy.linesep if len(line) <= (policy.max_line_length or sys.maxsize) else ""


class FoldingRegistry(HeaderRegistry):
    """Makes fields of the kind above; the class of each kind of field once, and not for each field."""

    def __init__(self, other: HeaderRegistry):
        super().__init__(FoldedHeader, other.default_class, use_default_map=False)
        self.registry = other.registry
        self._types: dict[type, type] = {}

    def __getitem__(self, name: str) -> type:
        kind = self.registry.get(name.lower(), self.default_class)
        if kind not in self._types:
            self._types[kind] = super().__getitem__(name)
        return self._types[kind]

    def __getstate__(self):
        # Classes that nobody can find by their name cannot be pickled.
        return {**self.__dict__, "_types": {}}


class RememberingRegistry:
    """A HeaderRegistry that parses the same field once.

    Python parses a field each time that it is set, which is a third of what a message costs to compose. What comes of
    it is a string with attributes, which nobody changes.
    """

    def __init__(self, registry: HeaderRegistry):
        if type(registry) is HeaderRegistry and registry.base_class is BaseHeader:
            registry = FoldingRegistry(registry)
        self._registry = registry
        self._remembered = functools.lru_cache(REMEMBERED)(registry)

    def __call__(self, name: str, value):
        # A value that was parsed already has attributes of its own, and may be equal to a plain string without them.
        if type(value) is not str or len(value) > LONGEST:
            return self._registry(name, value)
        return self._remembered(name, value)

    def __getitem__(self, name: str) -> type:
        return self._registry[name]

    def __getattr__(self, name: str):
        if name.startswith("__"):
            # What Python asks of an object that it is only just making.
            raise AttributeError(name)
        return getattr(self._registry, name)

    def __deepcopy__(self, _memo) -> RememberingRegistry:
        # Python copies a message, its policy and all, to write it in seven bits.
        return self

    def __reduce__(self):
        return RememberingRegistry, (self._registry,)


def remembering(policy: EmailPolicy) -> EmailPolicy:
    """Return the policy with such a registry; itself where it has one."""
    if isinstance(policy.header_factory, RememberingRegistry):
        return policy
    return policy.clone(header_factory=RememberingRegistry(policy.header_factory))


def remember_headers() -> None:
    """Have all messages remember that are composed with ``email.policy.SMTP``: Odoo puts a policy of its own there."""
    email.policy.SMTP = remembering(email.policy.SMTP)
