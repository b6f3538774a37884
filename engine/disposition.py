# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The fields of a message disposition notification, which people call a read receipt (RFC 8098 §3)."""

from __future__ import annotations

from dataclasses import dataclass

from .delivery_status import field_groups
from .report_address import typed_address


@dataclass(frozen=True, slots=True)
class Disposition:
    """What a receipt says.

    Attributes:
        final: address of whoever the receipt is about, lower-case; "".
        original: address that the sender gave; "".
        disposition: type such as "displayed" or "deleted" (RFC 8098 §3.2.6.2), lower-case; "".
        original_id: Message-ID of the mail that was read; "".
    """

    final: str = ""
    original: str = ""
    disposition: str = ""
    original_id: str = ""


def read_disposition(text: str) -> Disposition:
    """Return what the text of a message/disposition-notification part says."""
    fields: dict[str, str] = {}
    for group in field_groups(text):
        fields = {**group, **fields}
    # "manual-action/MDN-sent-manually; displayed/error": mode, then type and modifiers.
    words = fields.get("disposition", "").lower().rpartition(";")[2].split("/")[0].split()
    return Disposition(
        final=typed_address(fields.get("final-recipient", "")),
        original=typed_address(fields.get("original-recipient", "")),
        disposition=words[0] if words else "",
        original_id=fields.get("original-message-id", ""),
    )
