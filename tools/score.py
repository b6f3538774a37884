"""`./dev score FOLDER`: how right the classifier is about real mails whose meaning is known.

The folder holds .eml files and `expected.json`: file name to a list of `[enhanced status, SMTP code, reason, hard?]`,
one for each recipient that the mail reports on, in order. The reasons' names are those of the sisimai project. Neither
Odoo nor a server is needed.
"""

import argparse
import json
import re
import subprocess
import sys
import traceback
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from tools import checkout, environment, process
from tools.report import Failure

EXPECTED = "expected.json"

# sisimai's reasons that are no failure or delay. A mail without any row reports on no delivery.
KINDS = {
    "feedback": ("abuse_complaint", "other_report"),
    "": ("abuse_complaint", "other_report"),
    "vacation": ("automatic_reply",),
    "delivered": ("delivery_success",),
}
FAILED = ("delivery_failure", "delivery_delay")
NOT_REPORTED = ("feedback", "vacation")

# "5.0.911" is no status of a mail: sisimai numbers its reasons like that where a mail gives none. What RFC 3463 has
# for the reason is then right, and nothing else.
INTERNAL = re.compile(r"^([45])\.0\.9\d\d$")
STANDARD = {
    "authfailure": ("7.1", "7.20", "7.23", "7.26"),
    "badreputation": ("7.1",),
    "blocked": ("7.1",),
    "contenterror": ("6.0",),
    "exceedlimit": ("2.3",),
    "expired": ("4.7",),
    "filtered": ("2.0", "2.1"),
    "hasmoved": ("1.6",),
    "hostunknown": ("1.2",),
    "mailboxfull": ("2.2",),
    "mailererror": ("3.0",),
    "mesgtoobig": ("3.4", "2.3"),
    "networkerror": ("4.1", "4.0", "4.2"),
    "norelaying": ("7.1",),
    "notaccept": ("3.2", "1.10"),
    "policyviolation": ("7.1",),
    "rejected": ("7.1", "1.8"),
    "requireptr": ("7.25", "7.1"),
    "securityerror": ("7.1",),
    "spamdetected": ("7.1",),
    "suspend": ("2.1",),
    "systemerror": ("3.0",),
    "systemfull": ("3.1",),
    "toomanyconn": ("7.0",),
    "userunknown": ("1.1",),
    "virusdetected": ("7.1",),
}


@dataclass
class Tally:
    """Right answers of all answers."""

    right: int = 0
    all: int = 0

    def add(self, is_right):
        self.right += bool(is_right)
        self.all += 1

    @property
    def share(self):
        return round(self.right / self.all, 4) if self.all else 1.0

    def __str__(self):
        return f"{self.right:4} of {self.all:4}  {100 * self.share:5.1f} %" if self.all else "             –"


@dataclass
class Score:
    """All that was counted. `misses` are lines for people: what was expected, what was found."""

    mails: int = 0
    exceptions: int = 0
    kind: Tally = field(default_factory=Tally)
    hard_soft: Tally = field(default_factory=Tally)
    status: Tally = field(default_factory=Tally)
    own_status: Tally = field(default_factory=Tally)  # rows whose status stands in the mail
    made_status: Tally = field(default_factory=Tally)  # rows whose status is worked out
    recipients: Tally = field(default_factory=Tally)  # mails with as many recipients as expected, all with an address
    by_reason: dict = field(default_factory=lambda: defaultdict(lambda: (Tally(), Tally(), Tally())))
    by_kind: dict = field(default_factory=lambda: defaultdict(Tally))
    misses: list = field(default_factory=list)

    def as_json(self):
        return {
            "mails": self.mails,
            "exceptions": self.exceptions,
            "kind": self.kind.share,
            "hard_soft": self.hard_soft.share,
            "status": self.status.share,
        }


def score(folder, as_json=False):
    """Score in the virtual environment, which has what the engine needs; return the exit code."""
    environment.ensure()
    command = [environment.python(), "-m", "tools.score", folder, *(["--json"] if as_json else [])]
    variables = {"PYTHONPATH": checkout.ROOT, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [*command[:3], Path(folder).absolute(), *command[4:]],
        cwd=checkout.ROOT,
        env=process.environment(variables),
        check=False,
    ).returncode


def count(folder):
    """Classify every mail that `expected.json` names; return the Score."""
    classify, summarize = _engine()
    folder = Path(folder)
    result = Score()
    for name, rows in read_expected(folder).items():
        content = _content(folder / name)
        result.mails += 1
        try:
            found = classify(content, summarize(content))
        except Exception:
            result.exceptions += 1
            result.misses.append(f"{name}: {traceback.format_exc(limit=-1).strip().splitlines()[-1]}")
            found = None
        _count_mail(result, name, rows, found)
    return result


def read_expected(folder):
    """Return file name to rows; a Failure says in plain words what is wrong with the folder."""
    if not folder.is_dir():
        raise Failure(f"{folder} is no folder.")
    path = folder / EXPECTED
    try:
        expected = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Failure(f"{folder} has no {EXPECTED}, which says what each mail means.") from None
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise Failure(f"{path} is no valid JSON: {error}.") from None
    if not isinstance(expected, dict) or not expected:
        raise Failure(f"{path} must be an object with at least one mail: file name to a list of rows.")
    for name, rows in expected.items():
        if not name or Path(name).name != name:
            raise Failure(f"{path} names {name!r}, which is no name of a file in the folder.")
        if not isinstance(rows, list) or not all(_is_row(row) for row in rows):
            raise Failure(f"{path}: the rows of {name} must be lists of [status, code, reason, true or false].")
    return expected


def _is_row(row):
    return (
        isinstance(row, list)
        and len(row) >= 4
        and all(isinstance(value, str) for value in row[:3])
        and isinstance(row[3], (bool, int))
    )


def _content(path):
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise Failure(f"{EXPECTED} names {path.name}, which is not in the folder.") from None
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}.") from None


def _engine():
    from tools import suite

    suite.mount()
    from spp_email_gateway.engine.classify import classify
    from spp_email_gateway.engine.summary import summarize

    return classify, summarize


def _count_mail(result, name, rows, found):
    kind = found.kind.value if found else "exception"
    wanted = {one for row in rows or [["", "", "", False]] for one in KINDS.get(row[2], FAILED)}
    is_right = kind in wanted
    result.kind.add(is_right)
    result.by_kind[" or ".join(sorted(wanted))].add(is_right)
    if not is_right:
        result.misses.append(f"{name}: kind {kind}, expected {' or '.join(sorted(wanted))}")
    reports = found.reports if found else ()
    reported = [row for row in rows if row[2] not in NOT_REPORTED]
    if reported:
        is_complete = len(reports) == len(reported) and all(one.recipient for one in reports)
        result.recipients.add(is_complete)
        if not is_complete:
            result.misses.append(f"{name}: {len(reports)} recipients, expected {len(reported)}, each with an address")
    for number, row in enumerate(rows):
        _count_row(result, f"{name} #{number + 1}", row, reports[number] if number < len(reports) else None, is_right)


def _count_row(result, name, row, report, is_kind_right):
    status, _code, reason, is_hard = row[:4]
    hard_soft = bool(is_hard) == report.is_hard if report else is_kind_right and reason in NOT_REPORTED
    found = report.status if report else ""
    internal = INTERNAL.match(status)
    if internal:
        standard = [f"{internal[1]}.{detail}" for detail in STANDARD.get(reason, ())]
        is_status = found in (standard or ("", f"{internal[1]}.0.0"))
        result.made_status.add(is_status)
    else:
        is_status = found == status
        result.own_status.add(is_status)
    result.hard_soft.add(hard_soft)
    result.status.add(is_status)
    for tally, is_right in zip(result.by_reason[reason], (is_kind_right, hard_soft, is_status), strict=True):
        tally.add(is_right)
    what = f"{report.reason.value}, {report.status or 'no status'}" if report else "no report"
    if not hard_soft:
        was, wanted = ("hard", "soft") if not is_hard else ("soft", "hard")
        result.misses.append(f"{name}: {was if report else 'nothing'} ({what}), expected {wanted} ({reason}, {status})")
    if not is_status:
        result.misses.append(f"{name}: status {found or 'none'} ({what}), expected {status or 'none'} ({reason})")


def table(result):
    """Return the score for people."""
    lines = [f"{result.mails} mails, {result.exceptions} exceptions", ""]
    for label, tally in (
        ("kind", result.kind),
        ("hard or soft", result.hard_soft),
        ("recipients", result.recipients),
        ("status", result.status),
        ("  as the mail has it", result.own_status),
        ("  worked out", result.made_status),
    ):
        lines.append(f"{label:<22}{tally}")
    lines += ["", f"{'expected kind':<44}right"]
    lines += [f"{kind:<42}{tally}" for kind, tally in sorted(result.by_kind.items())]
    lines += ["", f"{'reason':<18}{'kind':<24}{'hard or soft':<24}status"]
    for reason, tallies in sorted(result.by_reason.items()):
        lines.append(f"{reason or '(none)':<16}" + "".join(f"{tally!s:<24}" for tally in tallies).rstrip())
    lines += ["", f"{len(result.misses)} misses"]
    lines += [f"  {miss}" for miss in result.misses]
    return "\n".join(lines)


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="./dev score")
    parser.add_argument("folder")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    result = count(options.folder)
    print(json.dumps(result.as_json()) if options.json else table(result))
    return 0


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"Error: {failure}")
