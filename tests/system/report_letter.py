# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Reports on mail as a mail server writes them (RFC 3464), for tests of what follows from them."""

from __future__ import annotations

import itertools

_numbers = itertools.count(1)


def failure_report(to: str, recipient: str, message_id: str, status: str, words: str) -> bytes:
    """Return the report that a mail could not be delivered.

    Args:
        to: return path of the mail.
        status: such as "5.1.1".
        words: what the recipient's server said after code and status.
    """
    lines = [
        "Return-Path: <>",
        "From: MAILER-DAEMON@mx.remote.test (Mail Delivery System)",
        "Subject: Undelivered Mail Returned to Sender",
        f"To: {to}",
        "Auto-Submitted: auto-replied",
        f"Message-ID: <report-{next(_numbers)}@mx.remote.test>",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="part"',
        "",
        "--part",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        "This is the mail system at host mx.remote.test. Your message could not be delivered.",
        "",
        "--part",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.remote.test",
        "",
        f"Final-Recipient: rfc822; {recipient}",
        f"Original-Recipient: rfc822;{recipient}",
        "Action: failed",
        f"Status: {status}",
        "Remote-MTA: dns; mail.remote.test",
        f"Diagnostic-Code: smtp; 550 {status} {words}",
        "",
        "--part",
        "Content-Type: text/rfc822-headers",
        "",
        f"Message-ID: {message_id}",
        f"To: {recipient}",
        "",
        "--part--",
        "",
    ]
    return "\r\n".join(lines).encode()
