# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import json

from ...engine.message_kind import MessageKind as K
from ...engine.message_kind import ReportAction as A
from .case import EngineCase
from .reports import HEAD, read, report


class TestClassifyOtherReports(EngineCase):
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

    def test_a_refusal_in_the_form_of_a_receipt(self):
        for text, disposition, kind, reason in (
            (
                "Your message to <jo@example.net> was automatically rejected:\nQuota exceeded",
                "deleted",
                K.DELIVERY_FAILURE,
                "mailbox_full",
            ),
            (
                "Your message to <jo@example.net> was automatically rejected:\nNo thanks",
                "deleted",
                K.DELIVERY_FAILURE,
                "undefined",
            ),
            ("Your message was deleted without being read", "deleted", K.READ_RECEIPT, "delivered"),
            ("Your message was read. It was rejected by nobody.", "displayed", K.READ_RECEIPT, "delivered"),
        ):
            with self.subTest(text=text):
                fields = f"Final-Recipient: rfc822; jo@example.net\nDisposition: automatic-action/x; {disposition}\n"
                source = report("", text).replace("Reporting-MTA: dns; mx.example.org\n\n", fields)
                found = read(source.replace("delivery-status", "disposition-notification"))
                (one,) = found.reports
                self.assertEqual(
                    (found.kind, one.recipient, one.reason.value, one.is_hard), (kind, "jo@example.net", reason, False)
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
