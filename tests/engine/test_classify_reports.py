# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import base64
import json

from ...engine.bounce_reason import BounceReason as R
from ...engine.classify import classify
from ...engine.message_kind import MessageKind as K
from ...engine.message_kind import ReportAction as A
from ...engine.summary import summarize
from .case import EngineCase

HEAD = "From: MAILER-DAEMON@mx.example.org\nTo: box@example.com\nSubject: Returned\nMessage-ID: <report@example.org>\n"
ORIGINAL = "From: box@example.com\nTo: jo@example.net\nMessage-ID: <sent@example.com>\nSubject: Hello\n"


def report(fields, text="", *, content_type='multipart/report; report-type=delivery-status; boundary="b"', head=HEAD):
    """Return a multipart/report with the groups of fields."""
    return (
        f"{head}Content-Type: {content_type}\n\npreamble\n--b\nContent-Type: text/plain\n\n{text}\n"
        f"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\n\n{fields}\n"
        f"--b\nContent-Type: message/rfc822\n\n{ORIGINAL}\nhello\n--b--\n"
    )


def read(source):
    content = source.encode().replace(b"\n", b"\r\n")
    return classify(content, summarize(content))


def group(**fields):
    values = {"Final_Recipient": "rfc822; jo@example.net", "Action": "failed", "Status": "5.1.1", **fields}
    return "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in values.items() if value is not None)


class TestClassifyReports(EngineCase):
    def test_content_types_that_are_malformed(self):
        for content_type in (
            'multipart/report; report-type=delivery-status; boundary="b"',
            "multipart/report; boundary=b; report-type=delivery-status",
            'multipart/report: report-type=delivery-status; boundary="b"',
            "multipart/report report-type=delivery-status boundary=b",
            "MULTIPART/Report;boundary=b",
            'multipart/mixed; boundary="b"',
            "multipart/report; report-type=delivery-status",
            'multipart/report; report-type=delivery-status; boundary="another"',
        ):
            with self.subTest(content_type=content_type):
                found = read(report(group(), content_type=content_type))
                self.assertEqual(found.kind, K.DELIVERY_FAILURE)
                self.assertEqual([one.recipient for one in found.reports], ["jo@example.net"])

    def test_the_fields_of_a_recipient(self):
        for fields, expected in (
            ({}, ("jo@example.net", "", A.FAILED, "5.1.1", 0, R.ADDRESS_UNKNOWN, True)),
            (
                {"Original_Recipient": "rfc822;Jo.Old@Example.net"},
                ("jo@example.net", "jo.old@example.net", A.FAILED, "5.1.1", 0, R.ADDRESS_UNKNOWN, True),
            ),
            (
                {"Diagnostic_Code": "smtp; 552 5.2.2 <jo@example.net>... Mailbox full"},
                ("jo@example.net", "", A.FAILED, "5.2.2", 552, R.MAILBOX_FULL, False),
            ),
            (
                {"Status": "5.0.0", "Diagnostic_Code": "smtp; 550 5.7.26 unauthenticated: SPF did not pass"},
                ("jo@example.net", "", A.FAILED, "5.7.26", 550, R.AUTHENTICATION, False),
            ),
            (
                {"Status": "4.4.7", "Diagnostic_Code": "smtp; 450 4.2.2 over quota"},
                ("jo@example.net", "", A.FAILED, "4.2.2", 450, R.MAILBOX_FULL, False),
            ),
            (
                {"Status": None, "Diagnostic_Code": "smtp; 550 <jo@example.net>: User unknown"},
                ("jo@example.net", "", A.FAILED, "5.1.1", 550, R.ADDRESS_UNKNOWN, True),
            ),
            (
                {"Status": "5.1.1 (bad destination mailbox address)"},
                ("jo@example.net", "", A.FAILED, "5.1.1", 0, R.ADDRESS_UNKNOWN, True),
            ),
            ({"Action": "Failed (it did)"}, ("jo@example.net", "", A.FAILED, "5.1.1", 0, R.ADDRESS_UNKNOWN, True)),
            ({"Action": None}, ("jo@example.net", "", A.FAILED, "5.1.1", 0, R.ADDRESS_UNKNOWN, True)),
            (
                {"Action": "delayed", "Status": "4.1.1"},
                ("jo@example.net", "", A.DELAYED, "4.1.1", 0, R.ADDRESS_UNKNOWN, False),
            ),
            (
                {"Action": "delayed", "Status": "5.1.1"},
                ("jo@example.net", "", A.DELAYED, "5.1.1", 0, R.ADDRESS_UNKNOWN, False),
            ),
            (
                {"Action": "relayed", "Status": "2.0.0"},
                ("jo@example.net", "", A.DELIVERED, "2.0.0", 0, R.DELIVERED, False),
            ),
            (
                {"Action": "expanded", "Status": "2.1.5"},
                ("jo@example.net", "", A.DELIVERED, "2.1.5", 0, R.DELIVERED, False),
            ),
            (
                {"Final_Recipient": "utf-8; j\\x{F6}@example.net"},
                ("jö@example.net", "", A.FAILED, "5.1.1", 0, R.ADDRESS_UNKNOWN, True),
            ),
            (
                {"Final_Recipient": "rfc822;<Jo@Example.net>"},
                ("jo@example.net", "", A.FAILED, "5.1.1", 0, R.ADDRESS_UNKNOWN, True),
            ),
            (
                {"Final_Recipient": "rfc822;@gate.example:jo@example.net"},
                ("jo@example.net", "", A.FAILED, "5.1.1", 0, R.ADDRESS_UNKNOWN, True),
            ),
            (
                {"Final_Recipient": "x-unix; |/bin/filter jo", "Original_Recipient": "rfc822; jo@example.net"},
                ("jo@example.net", "jo@example.net", A.FAILED, "5.1.1", 0, R.ADDRESS_UNKNOWN, True),
            ),
        ):
            with self.subTest(fields=fields):
                (one,) = read(report(group(**fields))).reports
                found = (
                    one.recipient,
                    one.original_recipient,
                    one.action,
                    one.status,
                    one.code,
                    one.reason,
                    one.is_hard,
                )
                self.assertEqual(found, expected)

    def test_kinds_by_action(self):
        for actions, kind in (
            (("failed",), K.DELIVERY_FAILURE),
            (("delayed",), K.DELIVERY_DELAY),
            (("delivered",), K.DELIVERY_SUCCESS),
            (("relayed", "expanded"), K.DELIVERY_SUCCESS),
            (("delivered", "delayed"), K.DELIVERY_DELAY),
            (("delivered", "delayed", "failed"), K.DELIVERY_FAILURE),
        ):
            with self.subTest(actions=actions):
                found = read(report("\n".join(group(Action=action, Status="2.0.0") for action in actions)))
                self.assertEqual((found.kind, len(found.reports)), (kind, len(actions)))

    def test_groups_without_an_empty_line_between_them(self):
        first, second = group(), group(Final_Recipient="rfc822; bo@example.net")
        self.assertEqual(
            [one.recipient for one in read(report(first + second)).reports], ["jo@example.net", "bo@example.net"]
        )

    def test_which_command_was_refused(self):
        unknown = group(Status="5.0.0", Diagnostic_Code="smtp; 550 Unknown user")
        for text, is_hard in (
            ("<jo@example.net>: host mx said: 550 Unknown user (in reply to RCPT TO command)", True),
            ("<jo@example.net>: host mx said: 550 Unknown user (in reply to end of DATA command)", False),
            ("... while talking to mx.example.net.:\n>>> RCPT To:<jo@example.net>\n<<< 550 Unknown user", True),
            (
                "... while talking to mx.example.net.:\n>>> DATA\n<<< 550 Unknown user\n554 5.0.0 Service unavailable",
                False,
            ),
            (
                "... while talking to mx.example.net.:\n>>> DATA\n<<< 550 Unknown user\n"
                "550 5.1.1 <jo@example.net>... User unknown",
                True,
            ),
        ):
            with self.subTest(text=text):
                self.assertEqual(read(report(unknown, text)).reports[0].is_hard, is_hard)

    def test_what_the_server_said_and_who(self):
        fields = group(
            Remote_MTA="dns; mx.example.net (192.0.2.1)", Diagnostic_Code="smtp; 550 5.1.1\n  no\tsuch user here"
        )
        (one,) = read(report(fields)).reports
        self.assertEqual((one.text, one.remote_server), ("550 5.1.1 no such user here", "mx.example.net"))

    def test_the_original(self):
        for source, ids in (
            (report(group()), ("<sent@example.com>",)),
            (report(group(), "Message-ID: <report@example.org>"), ("<sent@example.com>",)),
            (report(group()).replace("message/rfc822", "text/rfc822-headers"), ("<sent@example.com>",)),
            (
                HEAD
                + "X-Failed-Recipients: jo@example.net\n\nfailed\n\n--- Original message ---\n"
                + "Message-Id:\n <sent@example.com>\n",
                ("<sent@example.com>",),
            ),
            (
                HEAD
                + "X-Failed-Recipients: jo@example.net\nReferences: <first@example.com> <sent@example.com>\n\nfailed\n",
                ("<sent@example.com>", "<first@example.com>"),
            ),
        ):
            with self.subTest(source=source[-200:]):
                self.assertEqual(read(source).original_ids, ids)

    def test_parts_of_a_report_that_a_person_forwards(self):
        head = "From: Ann <ann@example.org>\nTo: box@example.com\nSubject: Fwd: Returned\n"
        found = read(report(group(), content_type="multipart/mixed; boundary=b", head=head))
        self.assertEqual((found.kind, found.reports), (K.PERSON, ()))

    def test_a_report_that_a_filter_wrapped(self):
        inner = report(group()).replace("--b", "--c").replace('"b"', '"c"')
        head = f"{HEAD}Content-Type: multipart/mixed; boundary=b\n\n--b\n\nnotice\n"
        outer = f"{head}--b\nContent-Type: message/rfc822\n\n{inner}\n--b--\n"
        found = read(outer)
        self.assertEqual(
            (found.kind, [one.recipient for one in found.reports]), (K.DELIVERY_FAILURE, ["jo@example.net"])
        )

    def test_read_receipts(self):
        fields = (
            "Reporting-UA: x\nFinal-Recipient: rfc822; jo@example.net\nOriginal-Message-ID: <sent@example.com>\n"
            "Disposition: manual-action/MDN-sent-manually; displayed\n"
        )
        source = (
            report("")
            .replace("delivery-status", "disposition-notification")
            .replace("Reporting-MTA: dns; mx.example.org\n\n", fields)
        )
        found = read(source.replace("MAILER-DAEMON@mx.example.org", "Jo <jo@example.net>"))
        self.assertEqual((found.kind, found.original_ids), (K.READ_RECEIPT, ("<sent@example.com>",)))
        self.assertEqual(
            [(one.recipient, one.action, one.is_hard) for one in found.reports],
            [("jo@example.net", A.DELIVERED, False)],
        )

    def test_abuse_reports(self):
        for fields, kind, people in (
            ("Feedback-Type: abuse\nOriginal-Rcpt-To: <jo@example.net>\n", K.ABUSE_COMPLAINT, ["jo@example.net"]),
            (
                "Feedback-Type: fraud\nOriginal-Rcpt-To: jo@example.net\nOriginal-Rcpt-To: bo@example.net\n",
                K.ABUSE_COMPLAINT,
                ["jo@example.net", "bo@example.net"],
            ),
            # Hidden by the provider: the mail that is complained of has it.
            ("Feedback-Type: abuse\n", K.ABUSE_COMPLAINT, ["jo@example.net"]),
            ("Feedback-Type: abuse\nOriginal-Rcpt-To: redacted\n", K.ABUSE_COMPLAINT, ["jo@example.net"]),
            # Nobody complains: a failed check of our domain, or the opposite of a complaint.
            ("Feedback-Type: auth-failure\nOriginal-Rcpt-To: jo@example.net\n", K.OTHER_REPORT, []),
            ("Feedback-Type: not-spam\nOriginal-Rcpt-To: jo@example.net\n", K.OTHER_REPORT, []),
        ):
            with self.subTest(fields=fields):
                source = report("").replace("Reporting-MTA: dns; mx.example.org\n\n", fields)
                source = source.replace("message/delivery-status", "message/feedback-report")
                found = read(source.replace("report-type=delivery-status", "report-type=feedback-report"))
                self.assertEqual((found.kind, [one.recipient for one in found.reports]), (kind, people))
                self.assertTrue(all(one.action is A.COMPLAINED and not one.is_hard for one in found.reports))

    def test_reports_for_administrators(self):
        head = HEAD.replace("Returned", "Report Domain: example.com Submitter: example.org Report-ID: <1>")
        for media_type, kind in (
            ("application/gzip", K.OTHER_REPORT),
            ("application/zip", K.OTHER_REPORT),
            ("image/png", K.AUTO_GENERATED),
        ):
            with self.subTest(media_type=media_type):
                self.assertEqual(read(f"{head}Content-Type: {media_type}\n\nx\n").kind, kind)

    def test_notices_in_json(self):
        bounce = {
            "bounceType": "Permanent",
            "bouncedRecipients": [
                {
                    "emailAddress": "jo@example.net",
                    "action": "failed",
                    "status": "5.1.1",
                    "diagnosticCode": "smtp; 550 5.1.1 user unknown",
                }
            ],
        }
        mail = {"destination": ["jo@example.net"], "commonHeaders": {"messageId": "<sent@example.com>"}}
        complaint = {"complainedRecipients": [{"emailAddress": "jo@example.net"}], "complaintFeedbackType": "abuse"}
        for notice, kind, is_hard in (
            ({"notificationType": "Bounce", "bounce": bounce, "mail": mail}, K.DELIVERY_FAILURE, True),
            ({"eventType": "Bounce", "bounce": bounce, "mail": mail}, K.DELIVERY_FAILURE, True),
            ({"notificationType": "Complaint", "complaint": complaint, "mail": mail}, K.ABUSE_COMPLAINT, False),
            (
                {"notificationType": "Delivery", "delivery": {"recipients": ["jo@example.net"]}, "mail": mail},
                K.DELIVERY_SUCCESS,
                False,
            ),
        ):
            for text in (json.dumps(notice), json.dumps({"Type": "Notification", "Message": json.dumps(notice)})):
                with self.subTest(text=text):
                    found = read(
                        f"From: no-reply@sns.example\nTo: box@example.com\nSubject: N\n\n{text}\n\n--\nunsubscribe\n"
                    )
                    self.assertEqual((found.kind, found.original_ids), (kind, ("<sent@example.com>",)))
                    self.assertEqual(
                        [(one.recipient, one.is_hard) for one in found.reports], [("jo@example.net", is_hard)]
                    )

    def test_encoded_parts(self):
        text = base64.b64encode(b"<jo@example.net>: 550 5.1.1 no such user\r\n").decode()
        for encoding, body in (("base64", text), ("quoted-printable", "<jo=40example.net>: 550 5.1.1 no such u=\nser")):
            with self.subTest(encoding=encoding):
                found = read(f"{HEAD}Content-Transfer-Encoding: {encoding}\n\n{body}\n")
                self.assertEqual(
                    [(one.recipient, one.status, one.is_hard) for one in found.reports],
                    [("jo@example.net", "5.1.1", True)],
                )
