# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What a real Postfix writes about mail is read as what happened. No Odoo takes part."""

from __future__ import annotations

import smtplib
import time
import unittest

from tools.sandbox import DOMAIN
from tools.smtp_sink import SmtpSink

from ...engine.bounce_reason import BounceReason as R
from ...engine.classify import classify
from ...engine.message_kind import MessageKind as K
from ...engine.summary import summarize
from .case import box, sandbox, wait_for

FAILURE, DELAY, SUCCESS = K.DELIVERY_FAILURE, K.DELIVERY_DELAY, K.DELIVERY_SUCCESS


class TestKinds(unittest.TestCase):
    """Each mail has a return path of its own, and the reports in its mailbox are about it alone."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sandbox = sandbox()
        cls.dovecot, cls.postfix = cls.sandbox.dovecot, cls.sandbox.postfix

    def reports(self, to, *options, count=1, seconds=60):
        """Send a mail; return the Classification of each report that comes back, in order, and its Message-ID."""
        sender = box()
        message_id = f"<{time.time_ns()}@{DOMAIN}>"
        mail = f"From: {sender}\r\nTo: {to}\r\nSubject: Hello\r\nMessage-ID: {message_id}\r\n\r\nhello\r\n"
        with smtplib.SMTP("127.0.0.1", self.postfix.smtp, timeout=30) as session:
            session.sendmail(sender, [to], mail, rcpt_options=list(options))
        wait_for(lambda: len(self.dovecot.messages(sender)) >= count, f"{count} reports", seconds)
        found = [classify(raw, summarize(raw)) for _uid, _flags, raw in self.dovecot.messages(sender)]
        for one in found:
            self.assertEqual(one.original_ids[:1], (message_id,))
            self.assertEqual(one.automatic, "Auto-Submitted: auto-replied")
            self.assertEqual([report.sent_to for report in one.reports], [to])
        return found

    def check(self, found, kind, status, reason, is_hard, code=0):
        (report,) = found.reports
        self.assertEqual((found.kind, report.status, report.reason), (kind, status, reason))
        self.assertEqual((report.is_hard, report.code), (is_hard, code))

    def test_an_unknown_mailbox(self):
        (found,) = self.reports(f"nobody-has-this@{DOMAIN}")
        self.check(found, FAILURE, "5.1.1", R.ADDRESS_UNKNOWN, True, 550)
        self.assertIn("User doesn't exist", found.reports[0].text)

    def test_the_original_address_is_kept(self):
        (found,) = self.reports(f"nobody-either@{DOMAIN}", f"ORCPT=rfc822;nobody-either@{DOMAIN}")
        self.assertEqual(found.reports[0].original_recipient, f"nobody-either@{DOMAIN}")

    def test_success_is_told_when_it_is_asked_for(self):
        (found,) = self.reports(f"alice@{DOMAIN}", "NOTIFY=SUCCESS")
        self.check(found, SUCCESS, "2.0.0", R.DELIVERED, False)

    def test_a_delay_and_then_the_end(self):
        delay, failure = self.reports("jo@down.test", "NOTIFY=DELAY,FAILURE", count=2)
        self.check(delay, DELAY, "4.4.1", R.NETWORK, False)
        self.check(failure, FAILURE, "4.4.1", R.NETWORK, False)

    def test_refusals_by_another_server(self):
        with SmtpSink(port=self.postfix.sink):
            for local, status, reason, is_hard, code in (
                ("e550", "5.5.0", R.UNDEFINED, False, 550),
                ("full", "5.2.2", R.MAILBOX_FULL, False, 552),
                ("d554", "5.5.4", R.SYSTEM, False, 554),
            ):
                with self.subTest(local=local):
                    (found,) = self.reports(f"{local}@remote.test")
                    self.check(found, FAILURE, status, reason, is_hard, code)
