# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What becomes of automatic replies, as an alias domain or a mailbox says."""

from __future__ import annotations

from enum import Enum


class AutomaticPolicy(str, Enum):
    """The values are stored."""

    ATTACH = "attach"
    DISCARD = "discard"
    QUARANTINE = "quarantine"
    ACCEPT = "accept"


AUTOMATIC_POLICY_WORDS = {
    AutomaticPolicy.ATTACH: "Attach Quietly to Their Record",
    AutomaticPolicy.DISCARD: "Discard",
    AutomaticPolicy.QUARANTINE: "Quarantine",
    AutomaticPolicy.ACCEPT: "Treat Like Other Mail",
}
