"""Known and likely holes: bandit looks at our code, pip-audit at what it needs. Both are parts of `./dev lint`."""

import json
import re

from tools import checkout, environment, process
from tools.report import Failure

# Tests and measurements are not part of what runs; their passwords and statements are made up.
NOT_LOOKED_AT = ("tests", "bench", ".dev")
PATIENCE = 180
# What pip-audit says when it cannot ask: no network, or a service that does not answer.
UNREACHABLE = (
    "ConnectionError",
    "ServiceError",
    "Max retries exceeded",
    "Name or service not known",
    "Temporary failure in name resolution",
    "timed out",
    "ProxyError",
    "HTTPError",
    "Read timed out",
)


def bandit():
    """Return bandit's findings of medium and high severity as lines; an accepted one has `# nosec` and its reason."""
    excluded = ",".join(f"./{name}" for name in NOT_LOOKED_AT)
    command = [environment.ensure_audit(), "-m", "bandit", "-q", "-ll", "-r", ".", "-x", excluded, "-f", "json"]
    words = process.run(command, "run bandit", cwd=checkout.ROOT, check=False, timeout=PATIENCE)
    try:
        report = json.loads(words.stdout)
    except ValueError:
        return [f"bandit gave no report: {words.stderr.strip()[-300:]}"]
    lines = [
        f"{one['filename'].removeprefix('./')}:{one['line_number']}: {one['test_id']}: {one['issue_text']}"
        for one in report["results"]
    ]
    return lines + [f"{one['filename']}: {one['reason']}" for one in report["errors"]]


def pip_audit():
    """Return (known holes of the locked packages of requirements.txt, why it could not look)."""
    wanted = checkout.DEV / "audited.txt"
    wanted.write_text("\n".join(_locked()) + "\n")
    command = [environment.ensure_audit(), "-m", "pip_audit", "-r", str(wanted), "--no-deps", "--disable-pip"]
    command += ["-f", "json", "--progress-spinner=off", "--timeout=20"]
    try:
        words = process.run(command, "run pip-audit", cwd=checkout.ROOT, check=False, timeout=PATIENCE)
    except Failure as failure:
        return [], str(failure)
    try:
        report = json.loads(words.stdout)
    except ValueError:
        last = (words.stderr.strip().splitlines() or ["no words"])[-1][:200]
        if any(sign in words.stderr for sign in UNREACHABLE):
            return [], f"its list of known holes cannot be reached ({last})"
        return [f"pip-audit ended with {words.returncode}: {last}"], ""
    # A registry without such a list answers with nothing for each package, which is no answer.
    packages = report["dependencies"]
    unasked = [package["skip_reason"] for package in packages if "skip_reason" in package]
    why = f"{len(unasked)} of {len(packages)} packages were not looked at: {unasked[0]}" if unasked else ""
    return [
        f"{package['name']} {package['version']}: {hole['id']}, mended in {hole['fix_versions'] or 'no version'}"
        for package in packages
        for hole in package.get("vulns", ())
    ], why


def _locked():
    """Return `name==version` of what requirements.txt asks for, as the lock file has it."""
    wanted = (checkout.ROOT / "requirements.txt").read_text()
    names = {_normal(name) for name in re.findall(r"^[A-Za-z0-9._-]+", wanted, re.MULTILINE)}
    locked = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", environment.LOCK.read_text(), re.MULTILINE)
    return [f"{name}=={version}" for name, version in locked if _normal(name) in names]


def _normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()
