# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which database the servers belong to: a copy of it must not send and read in its name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Identity:
    """What a database is known by.

    Attributes:
        uuid: Odoo's parameter database.uuid; Odoo changes it when it duplicates a database or restores a copy.
        name: as PostgreSQL has it; another one stands beside the original on the same server.
        system: PostgreSQL's system identifier, which no other cluster has; "" where it may not be read.
    """

    uuid: str
    name: str
    system: str = ""


def differences(bound: Identity, here: Identity) -> list[str]:
    """Return in words how this database differs from the one that the servers were bound to; [] when it is the same."""
    found = []
    if bound.uuid != here.uuid:
        found.append("its identifier (database.uuid) is another one")
    if bound.name != here.name:
        found.append(f"its name was “{bound.name}” and is “{here.name}”")
    # Where one of the two is unknown, nothing is said by it.
    if bound.system and here.system and bound.system != here.system:
        found.append("it lies on another PostgreSQL server")
    return found
