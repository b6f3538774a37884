# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Messages as rules look at them, for the tests."""

from ...engine.letter import Letter
from ...engine.summary import summarize


def letter(body="hello", envelope=(), kind="", **fields):
    """Return the Letter of a message; None leaves a field out, a list gives it several times."""
    values = {
        "From": "Ann Lee <Ann@Example.com>",
        "To": "Box <box@gateway.test>, other@gateway.test",
        "Cc": "copy@gateway.test",
        "Subject": "A Question",
        "Date": "Mon, 04 May 2026 14:00:00 +0200",
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    lines = [
        f"{name}: {one}"
        for name, value in values.items()
        if value is not None
        for one in (value if isinstance(value, list) else [value])
    ]
    content = "\r\n".join([*lines, "", body]).encode()
    return Letter(summarize(content), content, envelope, kind)


MIXED = (
    "--b\r\nContent-Type: text/plain\r\n\r\nsee the file\r\n"
    "--b\r\nContent-Type: application/pdf; name=Invoice.PDF\r\n\r\nx\r\n--b--"
)
