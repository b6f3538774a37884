# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""DMARC aggregate reports (RFC 7489 §7.2): what receivers say each day about mail in the name of a domain.

They come from anybody, packed: what they unpack to is bounded, and the XML may refer to nothing.
"""

from __future__ import annotations

import io
import ipaddress
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import islice

from lxml import etree

from .report_part import Part, parameter, walk_parts
from .sender_address import ascii_domain

# Octets: packed as it comes, unpacked, and how much larger one may be than the other. Honest ones pack 20 to 1.
MOST_PACKED = 4_194_304
MOST_XML = 4_194_304
# What is small may be as alike as it likes.
MOST_TIMES, ALWAYS_UNPACKED = 100, 1_048_576
# An element costs a hundred times its octets in memory; honest records have some thirty, with a dozen in one.
MOST_ELEMENTS = 200_000
MOST_CHILDREN = 200
MOST_RECORDS = 5_000
MOST_LINES = 1_000
MOST_FILES = 5
_MOST_COUNT = 1_000_000_000
_LONGEST_WORD = 200
_ZIP, _GZIP = b"PK\x03\x04", b"\x1f\x8b"
# receiver "!" policy domain "!" begin "!" end ["!" unique] (RFC 7489 §7.2.1.1).
_NAME = re.compile(
    r"[^!\s\"]{1,255}![^!\s\"]{1,255}!\d{9,11}!\d{9,11}(?:![^!\s\"]{0,200})?\.(?:xml(?:\.gz)?|zip|gz)", re.I
)
_TOO_MUCH = "Its file unpacks to more than any report has."
_DISPOSITIONS = ("none", "quarantine", "reject")
_EARLIEST, _LATEST = 946_684_800, 4_102_444_800


class DmarcReportError(Exception):
    """What came is no report that can be read; its text is for people."""


@dataclass(frozen=True, slots=True)
class DmarcLine:
    """Mail of one source that fared alike.

    Attributes:
        source_ip: the sending server, as the receiver saw it.
        count: messages.
        disposition: none, quarantine or reject; "" when it is not said.
        dkim, spf: whether it passed and was aligned: pass, fail, or "".
        header_from: domain of their From.
        dkim_domain, dkim_selector, dkim_result: the signature that the receiver names first.
        spf_domain, spf_result: of the return path.
    """

    source_ip: str
    count: int
    disposition: str = ""
    dkim: str = ""
    spf: str = ""
    header_from: str = ""
    dkim_domain: str = ""
    dkim_selector: str = ""
    dkim_result: str = ""
    spf_domain: str = ""
    spf_result: str = ""

    @property
    def is_passed(self) -> bool:
        """RFC 7489 §4.2: one of both is enough."""
        return "pass" in (self.dkim, self.spf)


@dataclass(frozen=True, slots=True)
class DmarcReport:
    """Attributes:
    organization: who reports, as it calls itself.
    report_id: its name for the report.
    domain: whose policy it is about, ASCII form.
    begin, end: naive UTC.
    policy: p= that the receiver found; "".
    lines: those with most messages first.
    is_cut: there was more than is kept.
    """

    organization: str
    report_id: str
    domain: str
    begin: datetime
    end: datetime
    policy: str = ""
    lines: tuple[DmarcLine, ...] = ()
    is_cut: bool = False


def has_name_of_a_report(part: Part) -> bool:
    """Return whether a part's file is called as RFC 7489 §7.2.1.1 has it."""
    return bool(_NAME.fullmatch(_file_name(part)))


def read_dmarc_report(content: bytes, is_wanted: Callable[[str], object] = bool) -> DmarcReport:
    """Return the report in a message given as received.

    Args:
        is_wanted: see parse_dmarc_report.

    Raises:
        DmarcReportError: there is none, or none that can be read.
    """
    problem = "It holds no file that could be a report."
    parts = [part for part in walk_parts(content).parts if not part.media_type.startswith(("text/plain", "text/html"))]
    # What is called as it should be goes first.
    for part in sorted(parts, key=lambda part: not has_name_of_a_report(part))[:MOST_FILES]:
        payload = part.payload(MOST_PACKED)
        if not payload:
            continue
        try:
            return parse_dmarc_report(unpack(payload), is_wanted)
        except DmarcReportError as error:
            problem = str(error)
    raise DmarcReportError(problem)


def unpack(payload: bytes) -> bytes:
    """Return the XML of a file: zip, gzip, or as it is.

    Raises:
        DmarcReportError: it is damaged, locked, or unpacks to more than any report has.
    """
    most = min(MOST_XML, max(ALWAYS_UNPACKED, MOST_TIMES * len(payload)))
    try:
        if payload.startswith(_ZIP):
            xml = _unzipped(payload, most)
        elif payload.startswith(_GZIP):
            xml = zlib.decompressobj(wbits=31).decompress(payload, most + 1)
        else:
            xml, most = payload, MOST_XML
    except (zlib.error, zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        # RuntimeError and NotImplementedError: what zipfile raises for passwords and packing that it does not know.
        raise DmarcReportError("Its file is damaged.") from error
    if len(xml) > most:
        raise DmarcReportError(_TOO_MUCH)
    return xml


def parse_dmarc_report(xml: bytes, is_wanted: Callable[[str], object] = bool) -> DmarcReport:
    """Return the report of an XML text.

    Args:
        is_wanted: is asked with the report's domain, ASCII form, before any of its rows is read; where it says no, the
            report is returned without lines.

    Raises:
        DmarcReportError: it is none.
    """
    xml = xml.strip()
    metadata = published = None
    # A second reading finds the rows: some may stand before what says whose they are.
    for part in _parts(xml):
        if _name(part) == "report_metadata" and metadata is None:
            metadata = deepcopy(part)
        elif _name(part) == "policy_published" and published is None:
            published = deepcopy(part)
        if metadata is not None and published is not None:
            break
    period = _child(metadata, "date_range")
    domain = ascii_domain(_text(published, "domain"))
    report_id = _text(metadata, "report_id")
    begin, end = _time(_text(period, "begin")), _time(_text(period, "end"))
    if not domain or not report_id or begin is None or end is None or end < begin:
        raise DmarcReportError("It does not say which domain and which time it is about.")
    counts: Counter[DmarcLine] = Counter()
    is_cut = False
    records = (one for one in _parts(xml) if _name(one) == "record") if is_wanted(domain) else ()
    for number, record in enumerate(records):
        if number >= MOST_RECORDS:
            is_cut = True
            break
        if (found := _line(record)) is not None:
            line, count = found
            counts[line] = min(counts[line] + count, _MOST_COUNT)
    lines = [_with_count(line, count) for line, count in counts.most_common(MOST_LINES)]
    return DmarcReport(
        _text(metadata, "org_name") or "?",
        report_id,
        domain,
        begin,
        end,
        _one_of(_text(published, "p"), _DISPOSITIONS),
        tuple(lines),
        is_cut or len(counts) > MOST_LINES,
    )


def _parts(xml: bytes) -> Iterator:
    """Yield the elements right below the root, each of which is emptied when the next one is asked for.

    Raises:
        DmarcReportError: it is no report, or has more elements than any has.
    """
    depth = 0
    events = etree.iterparse(
        io.BytesIO(xml),
        ("start", "end"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )
    try:
        for number, (event, element) in enumerate(events):
            if number > 2 * MOST_ELEMENTS:
                raise DmarcReportError(_TOO_MUCH)
            if not number:
                _check_root(element)
            depth += 1 if event == "start" else -1
            if event == "end" and depth == 1:
                yield element
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
    except (etree.XMLSyntaxError, ValueError) as error:
        raise DmarcReportError("Its file is no XML.") from error


def _check_root(root) -> None:
    if root.getroottree().docinfo.doctype:
        # No report has one; entities that expand without end are declared there.
        raise DmarcReportError("Its XML declares a document type, which no report does.")
    if _name(root) != "feedback":
        raise DmarcReportError("Its XML is no DMARC report.")


def _unzipped(payload: bytes, most: int) -> bytes:
    with zipfile.ZipFile(io.BytesIO(payload)) as archive:
        for entry in archive.infolist()[:MOST_FILES]:
            if entry.is_dir() or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                continue
            with archive.open(entry) as file:
                # What the archive says of its size is the sender's word.
                return file.read(most + 1)
    raise zipfile.BadZipFile("nothing in it")


def _line(record) -> tuple[DmarcLine, int] | None:
    row, results = _child(record, "row"), _child(record, "auth_results")
    evaluated, signature, spf = _child(row, "policy_evaluated"), _child(results, "dkim"), _child(results, "spf")
    try:
        source = str(ipaddress.ip_address(_text(row, "source_ip")))
    except ValueError:
        return None
    count = _text(row, "count")
    # A number of thousands of digits costs as much as it likes.
    if not re.fullmatch(r"\d{1,10}", count, re.ASCII):
        return None
    line = DmarcLine(
        source,
        0,
        _one_of(_text(evaluated, "disposition"), _DISPOSITIONS),
        _one_of(_text(evaluated, "dkim"), ("pass", "fail")),
        _one_of(_text(evaluated, "spf"), ("pass", "fail")),
        ascii_domain(_text(_child(record, "identifiers"), "header_from")),
        ascii_domain(_text(signature, "domain")),
        _text(signature, "selector"),
        _text(signature, "result").lower(),
        ascii_domain(_text(spf, "domain")),
        _text(spf, "result").lower(),
    )
    return line, min(int(count), _MOST_COUNT)


def _with_count(line: DmarcLine, count: int) -> DmarcLine:
    values = {name: getattr(line, name) for name in line.__slots__}
    return DmarcLine(**{**values, "count": count})


def _file_name(part: Part) -> str:
    disposition = parameter(part.fields.get("content-disposition", ""), "filename")
    return disposition or parameter(part.fields.get("content-type", ""), "name")


def _name(element) -> str:
    # Some reporters put a namespace in, and comments have a function for a name.
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def _child(element, name: str):
    children = islice(element, MOST_CHILDREN) if element is not None else ()
    return next((one for one in children if _name(one) == name), None)


def _text(element, name: str) -> str:
    found = _child(element, name)
    text = (found.text or "").strip() if found is not None else ""
    return "".join(char for char in text[:_LONGEST_WORD] if char.isprintable())


def _one_of(word: str, words: tuple[str, ...]) -> str:
    return word.lower() if word.lower() in words else ""


def _time(text: str) -> datetime | None:
    # Some write fractions of a second.
    number = text.partition(".")[0]
    if not re.fullmatch(r"\d{1,12}", number, re.ASCII) or not _EARLIEST <= int(number) <= _LATEST:
        return None
    return datetime.fromtimestamp(int(number), timezone.utc).replace(tzinfo=None)
