# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.automatic import sign_of_a_machine
from ...engine.summary import summarize
from .case import EngineCase


class TestAutomatic(EngineCase):
    def test_signs_of_a_machine(self):
        for head, sign in (
            ("Auto-Submitted: auto-replied", "Auto-Submitted: auto-replied"),
            ("Auto-Submitted: auto-generated (rejected)", "Auto-Submitted: auto-generated"),
            ("AUTO-SUBMITTED: Auto-Notified; owner-email=a", "Auto-Submitted: auto-notified"),
            ("Auto-Submitted: auto-replied(comment)", "Auto-Submitted: auto-replied"),
            ("Return-Path: <>", "Return-Path: <>"),
            ("Return-Path: < >", "Return-Path: <>"),
            ("Return-Path:", "Return-Path: <>"),
            ("Return-Path: <MAILER-DAEMON>", "Return-Path: <>"),
            ("Return-Path: <MAILER-DAEMON@mx.example.com>", "Return-Path: <>"),
            ("List-Id: Announcements <a.example.com>", "List-Id"),
            ("List-Unsubscribe: <mailto:off@example.com>", "List-Unsubscribe"),
            ("List-Post: NO", "List-Post"),
            ("List-Help: <mailto:help@example.com>", "List-Help"),
            ("Precedence: bulk", "Precedence: bulk"),
            ("Precedence: List", "Precedence: list"),
            ("Precedence: junk", "Precedence: junk"),
            ("Precedence: auto_reply", "Precedence: auto_reply"),
            ("X-Auto-Response-Suppress: All", "X-Auto-Response-Suppress"),
            ("X-Auto-Response-Suppress: DR, OOF, AutoReply", "X-Auto-Response-Suppress"),
            ("X-Autoreply: yes", "X-Autoreply"),
            ("X-Autorespond: 1", "X-Autorespond"),
            ("X-Loop: a@example.com", "X-Loop"),
            ("Content-Type: multipart/report; report-type=delivery-status", "multipart/report"),
            ("Content-Type: multipart/report: report-type=delivery-status", "multipart/report"),
            ("Content-Type: MULTIPART/REPORT", "multipart/report"),
            ("X-Failed-Recipients: ann@example.com", "X-Failed-Recipients"),
            ("From: MAILER-DAEMON@mx.example.com", "address that takes no replies"),
            ("From: Mail <mailer-daemon@mx.example.com>", "address that takes no replies"),
            ("From: Shop <no-reply@example.com>", "address that takes no replies"),
            ("From: noreply+5@example.com", "address that takes no replies"),
            ("From: no_reply.shop@example.com", "address that takes no replies"),
            ("From: donotreply@example.com", "address that takes no replies"),
            ("From: do-not-reply@example.com", "address that takes no replies"),
            ("From: postmaster@example.com", "address that takes no replies"),
        ):
            self.check(head, sign)

    def test_signs_of_a_person(self):
        for head in (
            "Auto-Submitted: no",
            "Auto-Submitted: No",
            "Auto-Submitted: no (really)",
            "Auto-Submitted:",
            "Return-Path: <ann@example.com>",
            "Return-Path: <mailer-daemons@example.com>",
            "Content-Type: multipart/reports; boundary=b",
            "Precedence: first-class",
            "X-Auto-Response-Suppress: DR, NDR, RN",
            "Content-Type: multipart/mixed; boundary=report",
            "From: Norepl Yoda <norepl@example.com>",
            "From: Ann <ann.noreply.fan@example.com>",
            "From: noreplyjones@example.com",
            "From: postmasters@example.com",
            "From: no address at all",
        ):
            self.check(head, "")

    def check(self, head, sign):
        with self.subTest(head=head):
            lines = [head] if head.startswith("From:") else ["From: Ann <ann@example.com>", head]
            message = summarize("\r\n".join([*lines, "", "hello"]).encode())
            self.assertEqual(sign_of_a_machine(message), sign)
