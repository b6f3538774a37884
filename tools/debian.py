"""Debian's packages: installed on the machine when root, or only downloaded, with apt's state kept private."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from tools import checkout, process
from tools.report import Failure

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
POLICY = Path("/usr/sbin/policy-rc.d")


def mirror():
    """Return the address of the Debian mirror that the machine's own apt sources name.

    $DEBIAN_MIRROR overrides it. No address is written in this repository: whoever runs it chose a mirror already.
    """
    if os.environ.get("DEBIAN_MIRROR"):
        return os.environ["DEBIAN_MIRROR"].rstrip("/")
    sources = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    for source in sources:
        if not source.is_file():
            continue
        for line in source.read_text(errors="replace").splitlines():
            found = re.match(r"(?:deb\s+(?:\[[^\]]*\]\s*)?|URIs:\s*)(\S+)", line)
            if found and found[1].rstrip("/").endswith("/debian"):
                return found[1].rstrip("/")
    raise Failure("No Debian mirror is named in /etc/apt. Set DEBIAN_MIRROR to the address of one, ending in /debian.")


def install(packages, what, progress):
    """Install packages with apt-get, as root, without starting any service.

    Args:
        what: what needs them, for the error.
        progress: called with words for people.
    """
    if not checkout.is_root() or not shutil.which("apt-get"):
        raise Failure(f"{what} is missing. Install it as root: apt-get install {' '.join(packages)}")
    environment = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    # Debian starts a server as soon as it is installed, on the default ports; 101 means "not allowed here".
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        if "postfix" in packages:
            answer = "postfix postfix/main_mailer_type select No configuration\n"
            process.run(["debconf-set-selections"], "preseed postfix", input=answer, env=environment)
        progress("reading package lists")
        process.run(["apt-get", "update", "-q"], "read Debian's package lists", timeout=300, env=environment)
        progress("installing " + ", ".join(packages))
        process.run(
            ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages],
            f"install {' '.join(packages)}",
            timeout=1200,
            env=environment,
        )
    finally:
        if ours:
            POLICY.unlink(missing_ok=True)


class PrivateApt:
    """apt with state of its own: works without root and changes nothing on the machine.

    Package lists may be older than their own expiry date, as those of a frozen mirror are: what is downloaded is still
    signed, and the package that matters is compared with a digest of our own.
    """

    def __init__(self, directory, suites):
        self.directory = directory
        for name in ("lists/partial", "cache/archives/partial", "state"):
            (directory / name).mkdir(parents=True, exist_ok=True)
        (directory / "status").touch()
        signed = f"[signed-by={KEYRING}] " if Path(KEYRING).exists() else ""
        (directory / "sources.list").write_text("".join(f"deb {signed}{mirror()} {suite} main\n" for suite in suites))
        (directory / "apt.conf").write_text(
            f'''Dir "/";
Dir::Etc::SourceList "{directory}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "{directory}/state";
Dir::State::lists "{directory}/lists";
Dir::State::status "{directory}/status";
Dir::Cache "{directory}/cache";
Dir::Log "{directory}";
Debug::NoLocking "true";
APT::Architecture "amd64";
APT::Architectures {{ "amd64"; }};
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
APT::Sandbox::User "";
'''
        )
        self._environment = {"APT_CONFIG": str(directory / "apt.conf"), "LC_ALL": "C.UTF-8"}

    def update(self):
        process.run(["apt-get", "update", "-q"], "read Debian's package lists", timeout=300, env=self._environment)

    def field(self, package, name):
        """Return one field of a package's record, of the newest version offered, or None."""
        words = process.run(
            ["apt-cache", "show", "--no-all-versions", package], f"find {package}", env=self._environment, check=False
        ).stdout
        found = re.search(rf"^{name}: (.*)$", words, re.MULTILINE)
        return found[1].strip() if found else None

    def download(self, packages, directory, progress):
        """Download packages into a directory; `progress` is called with the bytes so far."""
        command = ["apt-get", "download", "-q", *packages]
        log = self.directory / "download.log"
        with (
            log.open("w") as words,
            subprocess.Popen(
                command,
                cwd=directory,
                env=process.environment(self._environment),
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
            ) as running,
        ):
            limit = time.monotonic() + 1800
            while running.poll() is None:
                if time.monotonic() > limit:
                    running.kill()
                    raise Failure(f"Downloading {packages[0]} took longer than half an hour. Check the network.")
                progress(sum(file.stat().st_size for file in directory.rglob("*") if file.is_file()))
                time.sleep(0.5)
        if running.returncode:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
            raise Failure(f"{packages[0]} could not be downloaded from {mirror()}.\n{tail}")
