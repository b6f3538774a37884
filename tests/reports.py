# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the tests of reports share: mails that were sent, and reports on them as mail servers write them."""

from contextlib import contextmanager
from unittest.mock import patch

from odoo import fields

from ..engine import classify as classification
from ..engine.bounce_reason import BounceReason
from ..engine.message_kind import Classification, MessageKind, RecipientReport, ReportAction
from ..engine.return_path import sign_return_path
from .common import eml
from .sending import DeliveryCase

BOUNCES = "bounce@gateway.test"


def failed(recipient, *, hard=True, reason=None, status=None, code=None, text="no such user here", **values):
    """Return what a report says of a recipient that it could not be delivered to."""
    unknown = BounceReason.ADDRESS_UNKNOWN if hard else BounceReason.MAILBOX_FULL
    return RecipientReport(
        recipient,
        ReportAction.FAILED,
        reason=reason or unknown,
        is_hard=hard,
        status=status or ("5.1.1" if hard else "5.2.2"),
        code=code or (550 if hard else 552),
        text=text,
        **values,
    )


def says(*reports, ids=(), kind=MessageKind.DELIVERY_FAILURE, **values):
    """Return the Classification of a report."""
    return Classification(kind, reports=reports, original_ids=tuple(ids), **values)


def report(original_id="", to=BOUNCES, *, recipient="bob@exmaple.com", enclosed="", **fields_):
    """Return a delivery report as Postfix writes it."""
    body = (
        "--b\r\nContent-Type: text/plain\r\n\r\nI'm sorry to have to inform you that your message could not be "
        "delivered.\r\nSECRET-OF-THE-BODY\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.remote.test\r\n\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 no such user here\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\n{enclosed}Message-ID: {original_id}\r\n\r\n--b--\r\n"
    )
    headers = {
        "From": "MAILER-DAEMON@mx.remote.test",
        "To": to,
        "Subject": "Undelivered Mail Returned to Sender",
        "Return-Path": "<>",
        "Auto-Submitted": "auto-replied",
        "MIME-Version": "1.0",
        "Content-Type": "multipart/report; report-type=delivery-status; boundary=b",
        **fields_,
    }
    return eml(body=body.encode(), **headers)


class ReportCase(DeliveryCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.box = cls.mailbox()

    @contextmanager
    def taken_for(self, found):
        """Context: every message is classified so."""
        with patch.object(classification, "classify", lambda content, summary: found):
            yield

    def report_in(self, found, content=None, server=None, **options):
        """Receive a report that is classified as ``found``; return its journal row."""
        content = content or report(next(iter(found.original_ids), ""))
        with self.taken_for(found):
            return self.receive(content, self.box if server is None else server, **options)

    def sent(self, *partners, signed=False, keep=True, **values):
        """Return (message, rows by contact) of a mail that the server took for each of ``partners``."""
        message, mail = self.message(*partners, statuses=("sent",) * len(partners))
        mail.state = "sent"
        rows = {}
        for number, partner in enumerate(partners):
            rows[partner] = self.row(
                partner.email,
                "sent",
                mail,
                **{
                    "partner_id": partner.id,
                    "message_id": message.message_id,
                    "envelope_sender": self.signed_path(number + 1) if signed else BOUNCES,
                    "reason": "accepted",
                    "smtp_code": 250,
                    "smtp_text": "2.0.0 Ok: queued as 4XyZ",
                    "attempts": 1,
                    "attempt_date": fields.Datetime.now(),
                    "final_date": fields.Datetime.now(),
                    **values,
                },
            )
        if not keep:
            mail.unlink()
        return message, rows

    def signed_path(self, value=1):
        ring = self.env["spp.email.token.key"]._ring()
        return sign_return_path(ring, BOUNCES, value, fields.Datetime.now())

    def notification(self, message, partner):
        return message.notification_ids.filtered(lambda one: one.res_partner_id == partner)

    def assertUntouched(self, message, rows):
        """Nobody learned anything."""
        for partner, row in rows.items():
            self.assertEqual((row.state, row.reason, row.bounce_reason), ("sent", "accepted", False))
            self.assertEqual(self.notification(message, partner).notification_status, "sent")
            self.assertEqual(partner.message_bounce, 0)
