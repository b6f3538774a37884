"""The program by which Odoo mirrors its style sheets for languages that are written from right to left.

Odoo calls `rtlcss` where it is on the PATH, and without it serves Arabic with the sheets of English.
"""

import shutil
from pathlib import Path

from tools import checkout, debian, process
from tools.report import Quiet

WANTED = Path(__file__).with_name("rtlcss")


def folder(steps=None):
    """Return the folder that has the program; fetch it once with npm, at the versions of the lock file."""
    found = shutil.which("rtlcss")
    if found:
        return Path(found).parent
    home = checkout.DEV / "rtlcss"
    program = home / "node_modules" / ".bin" / "rtlcss"
    with checkout.alone("rtlcss"):
        if not program.exists():
            if not shutil.which("npm"):
                debian.install(["npm"], "npm, which fetches rtlcss,", (steps or Quiet()).progress)
            checkout.state("rtlcss")
            for name in ("package.json", "package-lock.json"):
                shutil.copy(WANTED / name, home / name)
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", home]
            process.run(command, "fetch rtlcss", timeout=300, cwd=home)
    return program.parent
