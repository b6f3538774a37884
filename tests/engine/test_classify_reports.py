# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import base64

from ...engine.bounce_reason import BounceReason as R
from ...engine.message_kind import MessageKind as K
from ...engine.message_kind import ReportAction as A
from .case import EngineCase
from .reports import HEAD, ORIGINAL, group, read, report


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

    def test_who_is_meant_where_the_report_names_nobody(self):
        head = HEAD.replace("Returned", "Mail delivery failed")
        text = f"One recipient is not a valid user.\n--b\nContent-Type: message/rfc822\n\n{ORIGINAL}\nhello\n--b--\n"
        (one,) = read(f"{head}Content-Type: multipart/mixed; boundary=b\n\n--b\n\n{text}").reports
        self.assertEqual((one.recipient, one.reason, one.is_hard), ("jo@example.net", R.ADDRESS_UNKNOWN, False))

    def test_answers_in_a_text(self):
        said = "The mail system at host a.example.\n\n<jo@example.net>: host mx.example.net[192.0.2.1] said: 550\n"
        at_rcpt = "(in reply to RCPT TO command)"
        for text, status, code, reason, is_hard, words, remote in (
            (
                f"{said}    5.1.1 no such user {at_rcpt}",
                *("5.1.1", 550, R.ADDRESS_UNKNOWN, True),
                f"550 5.1.1 no such user {at_rcpt}",
                "mx.example.net",
            ),
            (
                f"{said}    <jo@example.net>: Recipient address rejected. {at_rcpt}",
                *("5.1.1", 550, R.ADDRESS_UNKNOWN, True),
                f"550 <jo@example.net>: Recipient address rejected. {at_rcpt}",
                "mx.example.net",
            ),
            (
                f"The account is disabled.\n\n<jo@example.net>: 550 user unknown {at_rcpt}",
                *("5.2.1", 550, R.MAILBOX_DISABLED, False),
                f"550 user unknown {at_rcpt}",
                "",
            ),
            (
                "<jo@example.net>\n   (reason: 552 5.2.2 full)\n\n   ----- Transcript -----\n<<< 552 5.2.2 full",
                *("5.2.2", 552, R.MAILBOX_FULL, False),
                "552 5.2.2 full",
                "",
            ),
        ):
            with self.subTest(text=text):
                (one,) = read(f"{HEAD}\n{text}\n").reports
                self.assertEqual((one.status, one.code, one.reason, one.is_hard), (status, code, reason, is_hard))
                self.assertEqual((one.text, one.remote_server), (words, remote))

    def test_each_recipient_has_its_own_answer(self):
        text = "<jo@example.net>:\n550 5.1.1 no user\n\n<bo@example.net>:\n552 5.2.2 quota\n\n<ed@example.net>:\n"
        found = [(one.recipient, one.status, one.is_hard) for one in read(f"{HEAD}\n{text}").reports]
        expected = [
            ("jo@example.net", "5.1.1", True),
            ("bo@example.net", "5.2.2", False),
            ("ed@example.net", "", False),
        ]
        self.assertEqual(found, expected)

    def test_encoded_parts(self):
        text = base64.b64encode(b"<jo@example.net>: 550 5.1.1 no such user\r\n").decode()
        for encoding, body in (("base64", text), ("quoted-printable", "<jo=40example.net>: 550 5.1.1 no such u=\nser")):
            with self.subTest(encoding=encoding):
                found = read(f"{HEAD}Content-Transfer-Encoding: {encoding}\n\n{body}\n")
                self.assertEqual(
                    [(one.recipient, one.status, one.is_hard) for one in found.reports],
                    [("jo@example.net", "5.1.1", True)],
                )
