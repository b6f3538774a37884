# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import base64
import gzip
import io
import time
import zipfile
from datetime import datetime

from ...engine import dmarc_report
from ...engine.classify import classify
from ...engine.dmarc_report import MOST_XML, DmarcReportError, parse_dmarc_report, read_dmarc_report, unpack
from ...engine.message_kind import MessageKind
from ...engine.summary import summarize
from .case import EngineCase

RECORD = """<record><row><source_ip>{ip}</source_ip><count>{count}</count><policy_evaluated>
<disposition>{disposition}</disposition><dkim>{dkim}</dkim><spf>{spf}</spf></policy_evaluated></row>
<identifiers><header_from>gateway.test</header_from></identifiers><auth_results>
<dkim><domain>gateway.test</domain><selector>odoo</selector><result>{dkim}</result></dkim>
<spf><domain>bounce.gateway.test</domain><result>{spf}</result></spf></auth_results></record>"""


def record(ip="192.0.2.1", count=2, disposition="none", dkim="pass", spf="fail"):
    return RECORD.format(ip=ip, count=count, disposition=disposition, dkim=dkim, spf=spf)


def report(*records, domain="gateway.test", report_id="r-1", head='<?xml version="1.0"?>', begin="1762992000", name=""):
    """Return an aggregate report as XML."""
    return f"""{head}<feedback{name}><report_metadata><org_name>Receiver Inc.</org_name>
<email>noreply@receiver.example</email><report_id>{report_id}</report_id>
<date_range><begin>{begin}</begin><end>1763078399</end></date_range></report_metadata>
<policy_published><domain>{domain}</domain><adkim>r</adkim><p>quarantine</p></policy_published>
{"".join(records or [record()])}</feedback>""".encode()


def zipped(*files, password=False):
    with io.BytesIO() as target:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for number, content in enumerate(files):
                archive.writestr(f"{number}.xml", content)
        return target.getvalue()


def letter(
    payload,
    media_type="application/gzip",
    name="receiver.example!gateway.test!1762992000!1763078399.xml.gz",
    subject="Report Domain: gateway.test Submitter: receiver.example Report-ID: r-1",
    sender="noreply@receiver.example",
):
    """Return a message with a report."""
    encoded = base64.encodebytes(payload).replace(b"\n", b"\r\n")
    head = (
        f"From: {sender}\r\nTo: dmarc@gateway.test\r\nSubject: {subject}\r\n"
        f"Message-ID: <{time.time_ns()}@receiver.example>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
        f'--x\r\nContent-Type: {media_type}; name="{name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    )
    return head.encode() + encoded + b"--x--\r\n"


class TestDmarcReport(EngineCase):
    def test_each_way_of_packing_is_read(self):
        for name, payload, media_type in (
            ("gzip", gzip.compress(report()), "application/gzip"),
            ("zip", zipped(report()), "application/zip"),
            ("as it is", report(), "text/xml"),
            ("mislabelled", zipped(report()), "application/gzip"),
            ("octets", gzip.compress(report()), "application/octet-stream"),
            (
                "with a namespace",
                gzip.compress(report(name=' xmlns="urn:ietf:params:xml:ns:dmarc-2.0"')),
                "application/gzip",
            ),
            ("byte order mark", gzip.compress(b"\xef\xbb\xbf" + report()), "application/gzip"),
            ("without a declaration", gzip.compress(report(head="")), "application/gzip"),
        ):
            with self.subTest(name=name):
                found = read_dmarc_report(letter(payload, media_type))
                self.assertEqual(
                    (found.organization, found.report_id, found.domain, found.policy, found.is_cut),
                    ("Receiver Inc.", "r-1", "gateway.test", "quarantine", False),
                )
                self.assertEqual((found.begin, found.end), (datetime(2025, 11, 13), datetime(2025, 11, 13, 23, 59, 59)))
                (line,) = found.lines
                self.assertEqual(
                    (line.source_ip, line.count, line.disposition, line.dkim, line.spf, line.is_passed),
                    ("192.0.2.1", 2, "none", "pass", "fail", True),
                )
                self.assertEqual(
                    (line.header_from, line.dkim_domain, line.dkim_selector, line.dkim_result),
                    ("gateway.test", "gateway.test", "odoo", "pass"),
                )
                self.assertEqual((line.spf_domain, line.spf_result), ("bounce.gateway.test", "fail"))

    def test_lines_that_fared_alike_are_one(self):
        found = parse_dmarc_report(report(record(), record(count=3), record("2001:DB8::1", 9, "reject", "fail")))
        self.assertEqual(
            [(line.source_ip, line.count, line.is_passed) for line in found.lines],
            [("2001:db8::1", 9, False), ("192.0.2.1", 5, True)],
        )

    def test_what_is_wrong_in_a_record_costs_that_record(self):
        found = parse_dmarc_report(
            report(
                record("nonsense"),
                record(count="-1"),
                record(count="9" * 5000),
                "<record/>",
                record("192.0.2.2", disposition="explode", dkim="perhaps"),
            )
        )
        (line,) = found.lines
        self.assertEqual((line.source_ip, line.disposition, line.dkim), ("192.0.2.2", "", ""))

    def test_what_is_no_report_is_refused_in_words(self):
        damaged = "Its file is damaged."
        no_time = "It does not say which domain and which time it is about."
        entities = (
            '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "xxxxxxxxxx"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
        )
        outside = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
        doctype = "Its XML declares a document type, which no report does."
        for name, payload, words in (
            ("cut gzip header", b"\x1f\x8b\x08", "Its file is no XML."),
            ("broken gzip", b"\x1f\x8b" + b"x" * 50, damaged),
            ("broken zip", b"PK\x03\x04" + b"x" * 50, damaged),
            ("empty zip", zipped(), "Its file is no XML."),
            ("text", b"hello", "Its file is no XML."),
            ("another XML", b"<html/>", "Its XML is no DMARC report."),
            ("no domain", report(domain="a b"), no_time),
            ("no name", report(report_id=""), no_time),
            ("no time", report(begin="yesterday"), no_time),
            ("time that ends before it begins", report(begin="1863078399"), no_time),
            ("a time without end", report(begin="9" * 5000), no_time),
            ("entities", report(head=entities), doctype),
            ("a file of ours", report(report_id="&a;", head=outside), doctype),
        ):
            with self.subTest(name=name), self.assertRaises(DmarcReportError) as caught:
                read_dmarc_report(letter(payload, "application/octet-stream"))
            self.assertEqual(str(caught.exception), words, name)
        with self.assertRaises(DmarcReportError) as caught:
            read_dmarc_report(b"From: a@b.org\r\n\r\nhello")
        self.assertEqual(str(caught.exception), "It holds no file that could be a report.")

    def test_what_unpacks_without_end_is_not_unpacked(self):
        words = "Its file unpacks to more than any report has."
        bomb = b" " * (MOST_XML + 10)
        for payload in (gzip.compress(bomb), zipped(bomb)):
            self.assertLess(len(payload), 100_000)
            begun = time.monotonic()
            with self.assertRaises(DmarcReportError) as caught:
                unpack(payload)
            self.assertEqual(str(caught.exception), words)
            self.assertLess(time.monotonic() - begun, 2)

    def test_what_unpacks_to_a_hundred_times_is_not_unpacked(self):
        words = "Its file unpacks to more than any report has."
        for name, payload in (("zip", zipped(b" " * 2_000_000)), ("gzip", gzip.compress(b" " * 2_000_000))):
            with self.subTest(name), self.assertRaises(DmarcReportError) as caught:
                unpack(payload)
            self.assertEqual(str(caught.exception), words)
        # Small ones may be as alike as they like.
        self.assertEqual(len(unpack(gzip.compress(b" " * 1_000_000))), 1_000_000)

    def test_very_many_elements_are_refused_before_they_are_read(self):
        words = "Its file unpacks to more than any report has."
        for name, xml in (
            ("at the top", b"<feedback>" + b"<a/>" * 900_000 + b"</feedback>"),
            ("in a record", report("<record>" + "<a/>" * 900_000 + "</record>")),
            ("in what is read first", b"<feedback><report_metadata>" + b"<a/>" * 900_000),
        ):
            begun = time.process_time()
            with self.subTest(name), self.assertRaises(DmarcReportError) as caught:
                parse_dmarc_report(xml)
            self.assertLess(time.process_time() - begun, 2, name)
            self.assertEqual(str(caught.exception), words, name)

    def test_a_field_behind_very_many_others_is_not_looked_for(self):
        (line,) = parse_dmarc_report(
            report(record(), "<record><row>" + "<a/>" * 1_000 + "<source_ip>192.0.2.2</source_ip></row></record>")
        ).lines
        self.assertEqual(line.source_ip, "192.0.2.1")

    def test_the_rows_of_another_domain_are_not_read(self):
        asked = []
        xml = report("<record>" + "<a/>" * 900_000 + "</record>", domain="example.org")
        found = parse_dmarc_report(xml, lambda domain: asked.append(domain))
        self.assertEqual((asked, found.domain, found.lines), (["example.org"], "example.org", ()))

    def test_the_order_of_the_parts_does_not_matter(self):
        head, policy = report().partition(b"<policy_published>")[::2]
        policy, rest = policy.partition(b"</policy_published>")[::2]
        rest = rest.removesuffix(b"</feedback>")
        xml = head + rest + b"<policy_published>" + policy + b"</policy_published></feedback>"
        self.assertEqual(len(parse_dmarc_report(xml).lines), 1)

    def test_a_report_of_very_many_lines_is_cut(self):
        many = [record(f"2001:db8::{number:x}", number) for number in range(1, dmarc_report.MOST_RECORDS + 10)]
        found = parse_dmarc_report(report(*many))
        self.assertEqual((len(found.lines), found.is_cut), (dmarc_report.MOST_LINES, True))
        # Those with most messages stay.
        self.assertEqual(found.lines[0].count, dmarc_report.MOST_RECORDS)

    def test_deep_xml_is_refused(self):
        with self.assertRaises(DmarcReportError):
            parse_dmarc_report(b"<feedback>" + b"<a>" * 100_000)

    def test_a_message_with_a_report_is_known_as_one(self):
        packed = gzip.compress(report())
        for name, content, kind in (
            ("as the standard has it", letter(packed), MessageKind.OTHER_REPORT),
            (
                "its own subject",
                letter(packed, subject="DMARC aggregate report for gateway.test"),
                MessageKind.OTHER_REPORT,
            ),
            (
                "its own subject, no such file",
                letter(packed, name="a.gz", subject="Our DMARC report", sender="ann@receiver.example"),
                MessageKind.PERSON,
            ),
            (
                "a person asks about one",
                letter(packed, name="a.gz", subject="What is DMARC?", sender="ann@receiver.example"),
                MessageKind.PERSON,
            ),
        ):
            with self.subTest(name=name):
                self.assertEqual(classify(content, summarize(content)).kind, kind)
