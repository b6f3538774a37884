# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The HTTP intake: a mail server's client hands over one message, and hears what became of it."""

import json
import logging

import psycopg2

from odoo import SUPERUSER_ID, http
from odoo.http import request

from ..engine.bearer import read_authorization
from ..engine.envelope_address import read_recipients, read_sender
from ..engine.errors import EnvelopeError, GatewayError
from ..engine.outcome import InboundSource
from ..engine.recipient_policy import RecipientVerdict
from ..models.spp_email_intake import LARGEST_SIZE, PATH

_logger = logging.getLogger(__name__)

MEDIA_TYPES = ("message/rfc822", "message/global")
# Seconds until a caller may try again after trouble of ours.
PAUSE = 60
LONGEST_KEY = 255


class IntakeController(http.Controller):
    # Odoo replays a request after a serialization failure, and cannot read its body again. So nothing is written on the
    # request's own cursor. It is no read-only one: a replica that lags would not know a new alias, and refuse it.
    @http.route(
        PATH,
        type="http",
        auth="none",
        methods=["POST"],
        csrf=False,
        save_session=False,
        readonly=False,
        max_content_length=LARGEST_SIZE,
    )
    def intake(self, **_query):
        try:
            return self._intake()
        except (psycopg2.Error, GatewayError) as error:
            # Database or disk: the sender's server keeps the message and comes again.
            _logger.warning("A message could not be journaled: %s.", type(error).__name__)
            return _answer(503, "unavailable", "The message could not be stored now.", retry_after=PAUSE)

    def _intake(self):
        call = request.httprequest
        env = request.env(user=SUPERUSER_ID, su=True)
        intake = env["spp.email.intake"]._authenticate(read_authorization(call.headers.get("Authorization", "")))
        if not intake:
            return _answer(401, "unauthorized", "The token is missing, wrong or revoked.", authenticate=True)
        if call.mimetype not in MEDIA_TYPES:
            return _answer(415, "media_type", "The body must be a message/rfc822.")
        if call.content_length is None:
            return _answer(411, "length_required", "The request needs a Content-Length.")
        limit = intake._size_limit_bytes()
        if call.content_length > limit:
            return _answer(413, "too_large", f"The message is over the limit of {limit} bytes.", limit=limit)
        try:
            sender = read_sender(_text(call.headers.get("X-Envelope-From")) or call.args.get("from") or "")
            recipients = read_recipients([_text(call.headers.get("X-Envelope-To")), *call.args.getlist("to")])
        except EnvelopeError as error:
            return _answer(400, "malformed_envelope", f"The envelope cannot be read: {error}.")
        if not recipients and intake.is_envelope_required:
            return _answer(400, "no_recipient", "The recipient is missing: X-Envelope-To, or to= in the address.")
        refused = [address for address in recipients if intake._judge(address) is RecipientVerdict.REFUSE]
        if refused:
            # All or none: the caller has one answer to give to its sender.
            return _answer(404, "unknown_recipient", "Nobody has this address.", recipients=refused)
        wait = intake._admit()
        if wait:
            return _answer(429, "too_many", "Too many messages.", retry_after=wait)
        content = call.get_data(cache=False)
        if len(content) != call.content_length:
            # Cut on the way: what is there is not the message.
            return _answer(503, "incomplete", "The body is shorter than its Content-Length.", retry_after=1)
        if not content.strip():
            return _answer(400, "empty", "The message is empty.")
        reception = env["spp.email.reception"]
        key = call.headers.get("Idempotency-Key", "")[:LONGEST_KEY]
        deliveries = []
        for recipient in recipients or ("",):
            row, is_new = reception._receive(intake, content, sender, recipient, InboundSource.HTTP, key)
            deliveries.append({"recipient": recipient, "id": row, "status": "stored" if is_new else "known"})
        if any(delivery["status"] == "stored" for delivery in deliveries):
            reception._start_processing()
        first = deliveries[0]
        return _answer(202, id=first["id"], status=first["status"], deliveries=deliveries)


def _text(header):
    """Return a header as UTF-8, in which addresses come (RFC 6532); WSGI gives it as Latin-1 (PEP 3333).

    Raises:
        EnvelopeError: it is none.
    """
    try:
        return (header or "").encode("latin-1").decode()
    except UnicodeError as error:
        raise EnvelopeError("not UTF-8") from error


def _answer(code, /, error="", message="", *, retry_after=0, authenticate=False, **values):
    """Return a JSON answer. ``gateway`` tells clients that it is ours, and not some proxy's on the way."""
    body = {"gateway": "spp_email_gateway", **values}
    headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
    if error:
        body.update(error=error, message=message)
    if retry_after:
        headers.append(("Retry-After", str(retry_after)))
    if authenticate:
        headers.append(("WWW-Authenticate", 'Bearer realm="spp_email_gateway"'))
    return request.make_response(json.dumps(body), headers=headers, status=code)
