"""OpenDKIM as an independent verifier: another implementation says whether a signature holds."""

import re
from pathlib import Path

from tools import debian, process
from tools.report import Quiet

PROGRAM = Path("/usr/sbin/opendkim")
_RESULT = re.compile(r"dkim=(\w+)[^;]*?header\.a=([\w-]+)")


def install(steps=None):
    """Install Debian's opendkim if it is missing; without root that is a Failure which names it."""
    if not PROGRAM.exists():
        debian.install(("opendkim",), "OpenDKIM, which verifies signatures in the tests", (steps or Quiet()).progress)


def verdicts(directory, content, records):
    """Return [(algorithm, "pass" or "fail")] of each signature of a message, from the top.

    Args:
        directory: a path where files may be written.
        content: the message as received.
        records: {name: text of the DNS record}; the DNS itself is not asked.
    """
    directory.mkdir(parents=True, exist_ok=True)
    message, keys, settings = directory / "message.eml", directory / "keys", directory / "opendkim.conf"
    # A body that ends without a line end is another body for OpenDKIM's file reader.
    message.write_bytes(content)
    keys.write_text("".join(f"{name} {text}\n" for name, text in records.items()))
    settings.write_text(f"Mode v\nTestPublicKeys {keys}\nSyslog no\nAlwaysAddARHeader yes\n")
    words = process.run([PROGRAM, "-x", settings, "-vv", "-t", message], "verify by OpenDKIM", timeout=30, check=False)
    inserted = [part for part in words.stdout.split("###") if "Authentication-Results" in part]
    return [(found[2], found[1]) for part in inserted for found in _RESULT.finditer(part)]
