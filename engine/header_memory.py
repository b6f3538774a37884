# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Header fields that were parsed before: most fields of most messages are the same as of the message before."""

from __future__ import annotations

import email.policy
import functools
from email.headerregistry import HeaderRegistry
from email.policy import EmailPolicy

# Fields that are kept, and the longest that is.
REMEMBERED = 2048
LONGEST = 500


class RememberingRegistry:
    """A HeaderRegistry that parses the same field once.

    Python parses a field each time that it is set, which is a third of what a message costs to compose. What comes of
    it is a string with attributes, which nobody changes.
    """

    def __init__(self, registry: HeaderRegistry):
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
