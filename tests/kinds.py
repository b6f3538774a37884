# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Messages of a kind that the test says, whatever the classifier makes of their bytes."""

from contextlib import contextmanager
from unittest.mock import patch

from ..engine import classify
from ..engine.message_kind import Classification, MessageKind


@contextmanager
def classified(kind):
    """Context: each message is of this kind."""
    kind = MessageKind(kind)
    automatic = "" if kind is MessageKind.PERSON else "the test says so"
    found = Classification(kind, (), automatic)
    with patch.object(classify, "classify", lambda content, summary: found):
        yield
