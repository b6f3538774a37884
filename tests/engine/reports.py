# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Reports as mail servers write them, from the fields that a test is about."""

from ...engine.classify import classify
from ...engine.summary import summarize

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
