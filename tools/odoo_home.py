"""Where Odoo 19 comes from: $ODOO_HOME, an installed `odoo`, or Debian's package unpacked into `.dev/odoo/`."""

import contextlib
import email
import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

from tools import checkout, debian
from tools.report import Failure, Quiet

PACKAGE = "odoo-19"
SHA256 = "9d2f598b0555db17e291d48ed24df184c70823c053c4c5ed53c467ca7f629bbf"

# The package links to these instead of containing them. The icon font's old name is only in bookworm.
COMPANIONS = (
    "libjs-jquery",
    "libjs-jquery-form",
    "libjs-underscore",
    "fonts-inconsolata",
    "fonts-roboto-unhinted",
    "fonts-montserrat",
    "fonts-ocr-b",
    "fonts-glyphicons-halflings",
    "fonts-font-awesome/bookworm",
)

# Translations are 820 MB of the package and localisations 50 MB; `dist-packages/addons` is a stray partial copy.
LEFT_OUT = re.compile(r"/i18n/|^\./usr/lib/python3/dist-packages/addons(/|$)|/l10n_")

# Debian removed this file, and without it every bundle of the web client logs an error that fails browser tests.
STUB = "odoo/addons/mail/static/lib/selfie_segmentation/selfie_segmentation.js"

# Debian's names in the package's own metadata, and what they are called where `pip` finds them.
RENAMED = {"psycopg2": "psycopg2-binary", "pypdf2": "pypdf"}


class OdooHome:
    """An Odoo 19 that can be run.

    Attributes:
        path: what goes on PYTHONPATH.
        addons: Odoo's own addons directories.
        origin: words for people.
    """

    def __init__(self, path, addons, origin):
        self.path = Path(path)
        self.addons = [str(directory) for directory in addons]
        self.origin = origin

    @property
    def digest(self):
        """The key of everything that was made with this Odoo: changes when Odoo does."""
        with contextlib.suppress(OSError):
            return checkout.digest((checkout.DEV / "odoo" / "stamp").read_text(), str(self.path))
        return checkout.digest(str(self.path), self.path / "odoo" / "release.py", self.path / "odoo" / "modules")

    def requirements(self):
        """Return the requirement lines of Odoo's own metadata (its Debian package has no requirements.txt)."""
        found = sorted(self.path.glob("odoo-*.egg-info/PKG-INFO"))
        if not found:
            raise Failure(f"{self.path} has no odoo-*.egg-info: the lock file is made from Debian's package.")
        lines = []
        for line in email.message_from_string(found[0].read_text()).get_all("Requires-Dist"):
            if "extra ==" not in line:
                name = re.match(r"[A-Za-z0-9_.-]+", line)[0]
                lines.append(RENAMED.get(name.lower()) or line)
        return lines


def find(steps=None):
    """Return the Odoo to use, fetching Debian's package when there is no other."""
    steps = steps or Quiet()
    if os.environ.get("ODOO_HOME"):
        return _from_source(Path(os.environ["ODOO_HOME"]).resolve())
    unpacked = checkout.DEV / "odoo" / "root" / "usr" / "lib" / "python3" / "dist-packages"
    if not _is_unpacked():
        installed = _installed()
        if installed:
            return installed
        with checkout.alone("odoo"):
            if not _is_unpacked():
                _fetch(steps)
    return OdooHome(unpacked, [unpacked / "odoo" / "addons"], "Debian's package odoo-19")


def _from_source(home):
    if not (home / "odoo" / "release.py").exists():
        raise Failure(f"ODOO_HOME is {home}, which has no odoo/release.py. Name a folder with Odoo 19's sources.")
    version = re.search(r"version_info = \((\d+)", (home / "odoo" / "release.py").read_text())
    if not version or version[1] != "19":
        raise Failure(f"ODOO_HOME is {home}, which is not Odoo 19.")
    addons = [home / name for name in ("odoo/addons", "addons") if (home / name).is_dir()]
    return OdooHome(home, addons, f"ODOO_HOME ({home})")


def _installed():
    """Return the Odoo 19 that the machine's Python can import, or None."""
    import importlib.util

    spec = importlib.util.find_spec("odoo")
    for location in (spec and spec.submodule_search_locations) or ():
        release = Path(location) / "release.py"
        if release.exists() and "version_info = (19" in release.read_text():
            # Only `odoo` itself may come from there: the packages beside it would hide the locked ones.
            alone = checkout.DEV / "odoo-installed"
            alone.mkdir(parents=True, exist_ok=True)
            link = alone / "odoo"
            if not link.is_symlink():
                link.symlink_to(location)
            return OdooHome(alone, [alone / "odoo" / "addons"], f"installed in {location}")
    return None


def _is_unpacked():
    stamp = checkout.DEV / "odoo" / "stamp"
    return stamp.exists() and stamp.read_text().strip() == SHA256


def _fetch(steps):
    directory = checkout.DEV / "odoo"
    debs = directory / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    archive = debian.PrivateApt(directory / "apt", suites=("sid", "bookworm"))
    steps.progress("reading Debian's package lists")
    archive.update()
    offered = archive.field(PACKAGE, "SHA256")
    if offered != SHA256:
        raise Failure(
            f"Debian's sid has moved on: its package {PACKAGE} is now {archive.field(PACKAGE, 'Version')}, not the\n"
            f"one that this project was tested with (SHA256 {SHA256[:12]}…). Either set ODOO_HOME to a folder with\n"
            f"Odoo 19's sources, or try the new package: put its SHA256 {offered}\n"
            "into tools/odoo_home.py, then run ./dev oracle and ./dev test."
        )
    total = int(archive.field(PACKAGE, "Size")) + 11_000_000
    archive.download(
        [PACKAGE, *COMPANIONS],
        debs,
        lambda size: steps.progress(f"downloading … {min(size, total) // 1_000_000} of {total // 1_000_000} MB"),
    )
    package = next(iter(debs.glob(f"{PACKAGE}_*.deb")), None)
    if not package or hashlib.sha256(package.read_bytes()).hexdigest() != SHA256:
        raise Failure(f"The downloaded {PACKAGE} is damaged (wrong SHA256). Remove {debs} and try again.")
    fresh = directory / "root.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    for deb in sorted(debs.glob("*.deb")):
        _unpack(deb, fresh, lambda count: steps.progress(f"unpacking … {count} files"))
    stub = fresh / "usr/lib/python3/dist-packages" / STUB
    stub.parent.mkdir(parents=True, exist_ok=True)
    stub.write_text("/* stub: not in Debian's package; it only blurs the background of calls */\n")
    shutil.rmtree(directory / "root", ignore_errors=True)
    fresh.rename(directory / "root")
    (directory / "stamp").write_text(SHA256 + "\n")
    shutil.rmtree(debs)


def _unpack(deb, directory, progress):
    """Unpack a Debian package without the parts that nothing here needs."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as packed:
        with tarfile.open(fileobj=packed.stdout, mode="r|") as archive:
            count = 0
            for member in archive:
                if LEFT_OUT.search(member.name):
                    continue
                count += 1
                if count % 500 == 0:
                    progress(count)
                archive.extract(member, directory, set_attrs=True, **_EXTRACT)
        if packed.wait(timeout=60):
            raise Failure(f"{deb.name} could not be unpacked.")


# Python before 3.12 warns or not, depending on its patch level; the packages' signed list vouches for their paths.
_EXTRACT = {"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}
