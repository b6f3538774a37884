# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Values that stand nowhere else, and a search for them in whatever was written."""

from __future__ import annotations

import base64
import re
import urllib.parse

# A person, what she writes, where she writes from, a server of hers, its login and its password.
PLANTED = {
    "name": "Zyxwanja",
    "family name": "Quillfeather",
    "local part": "zq.plover",
    "domain": "plover-ngo.example",
    "subject": "Quixotic kettle",
    "body": "marzipan testimony",
    "server": "Wombat relay",
    "host": "wombat-relay",
    "password": "perplexed-hunter-9",
    "message-id": "brandy-moss-4711",
    "alias": "gnurled-help",
}


def leaks(text: str, planted: dict[str, str] | None = None) -> list[str]:
    """Return, for each planted value, the first line that holds it in clear, in percent signs or in base64."""
    lines = text.splitlines()
    found = []
    for what, value in (planted or PLANTED).items():
        pattern = re.compile("|".join(map(re.escape, _forms(value))), re.IGNORECASE)
        for number, line in enumerate(lines, 1):
            if pattern.search(line):
                found.append(f"{what} in line {number}: {line[:400]}")
                break
    return found


def _forms(value):
    """Yield a value as it may stand in a log. Base64 has three shapes, by what stands in front."""
    yield value
    yield urllib.parse.quote(value, safe="")
    yield value.replace(" ", "_")
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + value.encode())
        # The first and last digits depend on what is around them.
        yield encoded[4 if before else 0 : -4].decode()
