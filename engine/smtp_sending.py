# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Sending a message over a session: what is checked before, and what each recipient's result is, whatever happens."""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from email.message import EmailMessage

from . import own_mark
from .delivery import RecipientResult
from .dkim_signing import DkimSigner, UnsignedError, domain_of_from
from .errors import GatewayError
from .outcome import OutboundReason, OutboundState
from .smtp_answer import as_text, judge, lost_before_data, no_session
from .smtp_message import envelope_of, flatten, is_broken, on_the_wire
from .smtp_transaction import StaleSession, Transaction

_NO_UTF8 = "The address has characters beyond ASCII, which this server cannot take (no SMTPUTF8)."


_NOT_OF_THE_CONNECTION = {
    "on_begin",
    "on_wait",
    "reopen",
    "results",
    "content",
    "remote_message_id",
    "smtp_from",
    "from_filter",
    "own_mark",
    "signer",
}


class NotBuiltError(smtplib.SMTPDataError):
    """The message could not be put into bytes; nothing was said to the server."""


class NotSignedError(smtplib.SMTPDataError):
    """The message's domain asks for a signature, and there is none; nothing was said to the server."""


class SendingSession:
    """A part of smtplib sessions: sends messages, and says what became of each recipient.

    Attributes:
        own_mark: this database's mark, put on every message; "" for none.
        signer: signs the message's final bytes (DKIM); None for nobody.
        on_begin: called with (from_addr, to_addrs, message) before anything is said about a message; what it raises
            ends the sending.
        sign_sender: makes the envelope sender what the server is told, a signed return path.
        reopen: returns another session for the same server and login, for a kept one that turns out dead.
        results: {address: RecipientResult} for every address of the last send_message(), also when it raised.
        content: the bytes of the last message as they went, or would have gone, over the wire.
        remote_message_id: the Message-ID that the provider gave the last message, "" when it is not known to differ.
        messages: how many transactions this connection has had.
        must_reset: the server may still be in a transaction.
        is_kept: the connection has been used or has waited before, so the server may have given it up.
        transfer_timeout: seconds for handing over one message, however large.
    """

    own_mark = ""
    signer: DkimSigner | None = None
    on_begin: Callable[[str, list[str], EmailMessage], None] | None = None
    sign_sender: Callable[[str], str] | None = None
    reopen: Callable[[], smtplib.SMTP] | None = None
    results: dict[str, RecipientResult] = {}
    content = b""
    remote_message_id = ""
    messages = 0
    must_reset = False
    is_kept = False
    transfer_timeout = 240.0

    @property
    def host(self) -> str:
        return self._host

    # ------------------------------------------------------------------
    # Sending
    # ------------------------------------------------------------------

    def send_message(self, msg: EmailMessage, from_addr=None, to_addrs=None, mail_options=(), rcpt_options=()):
        """Send like smtplib, with this database's mark, and fill `results`.

        Returns:
            {address: (code, reply)} of the recipients that were refused, when at least one was accepted.

        Raises:
            smtplib.SMTPSenderRefused, SMTPRecipientsRefused, SMTPDataError, SMTPServerDisconnected: as in smtplib.
            smtplib.SMTPNotSupportedError: the sender's address needs SMTPUTF8, which the server does not offer.
            GatewayError, ConfigurationError, smtplib.SMTPException: a kept connection was dead and no other could
                be opened.
        """
        sender, addresses = envelope_of(msg, from_addr, to_addrs)
        if self.sign_sender is not None:
            sender = self.sign_sender(sender)
        self.results, self.content, self.remote_message_id = {}, b"", ""
        if self.own_mark:
            del msg[own_mark.HEADER]
            msg[own_mark.HEADER] = self.own_mark
        try:
            if self.on_begin is not None:
                self.on_begin(sender, addresses, msg)
            if self.sock is None and self.reopen is not None:
                self._reopen()
            self.ehlo_or_helo_if_needed()
            try:
                return self._send(msg, sender, addresses, mail_options, rcpt_options)
            except StaleSession as error:
                if self.reopen is None:
                    raise smtplib.SMTPServerDisconnected("The server has closed the connection.") from error
                self.results = {}
                self._reopen()
                self.ehlo_or_helo_if_needed()
                return self._send(msg, sender, addresses, mail_options, rcpt_options)
        except BaseException as error:
            # Whatever it was, the ledger gets a row for everybody; what was decided stays.
            self._decide_all(addresses, error)
            raise

    def _send(self, msg, sender, addresses, mail_options, rcpt_options):
        recipients, local = self._sort_recipients(sender, addresses)
        if not recipients:
            raise smtplib.SMTPRecipientsRefused(local)
        needs_utf8 = not sender.isascii() or not all(map(str.isascii, recipients.values()))
        # The last change: whatever is done to the bytes after this breaks the signature.
        self.content = content = self._signed(self._flatten(msg, needs_utf8))
        self._check_size(sender, len(content))
        options = []
        if self.has_extn("size"):
            options.append(f"SIZE={len(content)}")
        if self.has_extn("8bitmime") and not content.isascii():
            options.append("BODY=8BITMIME")
        if needs_utf8:
            options.append("SMTPUTF8")
        if self.does_esmtp:
            options += [option for option in mail_options if option.upper() not in options]
        self.command_encoding = "utf-8" if needs_utf8 else "ascii"
        transaction = Transaction(self, sender, recipients, content, options, rcpt_options if self.does_esmtp else ())
        self.messages += 1
        try:
            refused = transaction.run()
        except smtplib.SMTPRecipientsRefused as error:
            error.recipients.update(local)
            raise
        finally:
            self.is_kept = True
            self.unlimit()
            self.results = {**transaction.results, **self.results}
        self.remote_message_id = transaction.remote_message_id
        return {**refused, **local}

    def _flatten(self, msg, needs_utf8):
        try:
            content = flatten(msg, utf8=needs_utf8)
            if not content.isascii() and (not self.has_extn("8bitmime") or self._signs(msg)):
                # RFC 6152 §3: what a server does not offer to take must be put into seven bits by the client. RFC 6376
                # §5.3: so is what is signed, since a server further on may have to, and the signature would be broken.
                content = flatten(msg, utf8=needs_utf8, seven_bit=True)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            # What Python's generator raises for a message that is none. It would fail for ever.
            raise NotBuiltError(554, f"5.6.0 The message cannot be written: {error}".encode()) from error
        return content

    def _signs(self, msg):
        return self.signer is not None and self.signer.signs(domain_of_from(str(msg["From"] or "")))

    def _signed(self, content):
        if self.signer is None:
            return content
        try:
            return self.signer.sign(content, self.host)
        except UnsignedError as error:
            raise NotSignedError(451, f"4.7.0 {error}".encode()) from error

    def _sort_recipients(self, sender, addresses):
        """Return ({address: form on the wire}, refusals of those that cannot even be asked about)."""
        has_utf8 = self.has_extn("smtputf8")
        if is_broken(sender):
            error = b"5.1.7 The sender address contains control characters."
            raise smtplib.SMTPSenderRefused(501, error, sender)
        if not sender.isascii() and not has_utf8:
            for address in addresses:
                self.results[address] = judge(550, "5.6.7 " + _NO_UTF8, "sender")
            raise smtplib.SMTPNotSupportedError(_NO_UTF8)
        recipients, refused = {}, {}
        for address in addresses:
            form = on_the_wire(address)
            if is_broken(form):
                refused[address] = (501, b"5.1.3 The address is empty or contains control characters.")
            elif not form.isascii() and not has_utf8:
                # RFC 6531 §3.2: it must not be sent to such a server.
                refused[address] = (550, b"5.6.7 " + _NO_UTF8.encode())
            else:
                recipients[address] = form
        for address, (code, reply) in refused.items():
            self.results[address] = judge(code, reply, "recipient")
        return recipients, refused

    def _check_size(self, sender, size):
        """RFC 1870 §6.1: what is over the declared maximum is refused without troubling the server."""
        maximum = self.esmtp_features.get("size", "").strip()
        if not maximum.isdigit() or not 0 < int(maximum) < size:
            return
        text = f"The message has {size} bytes, and the server takes {maximum}."
        raise smtplib.SMTPSenderRefused(552, f"5.3.4 {text}".encode(), sender)

    def _reopen(self):
        """Become another connection to the same server; whoever holds this object notices nothing."""
        self.close()
        fresh = self.reopen()
        if isinstance(fresh, SendingSession):
            self.__class__ = type(fresh)
        # All of the old connection goes, with what its server said about itself.
        own = {name: value for name, value in vars(self).items() if name in _NOT_OF_THE_CONNECTION}
        vars(self).clear()
        vars(self).update({**vars(fresh), **own})

    def _decide_all(self, addresses, error):
        if isinstance(error, NotBuiltError):
            result = RecipientResult(OutboundState.FAILED, OutboundReason.NOT_BUILT, text=as_text(error.smtp_error))
        elif isinstance(error, NotSignedError):
            # Not the server's doing, nor the mail's: it waits for whoever puts the key right.
            text = as_text(error.smtp_error)
            result = RecipientResult(OutboundState.DEFERRED, OutboundReason.NOT_SIGNED, text=text, counts=False)
        elif isinstance(error, smtplib.SMTPSenderRefused):
            result = judge(error.smtp_code, error.smtp_error, "sender")
        elif isinstance(error, smtplib.SMTPServerDisconnected):
            result = lost_before_data(str(error), "connect")
        elif isinstance(error, (GatewayError, OSError, smtplib.SMTPException)):
            result = no_session(error)
        else:
            # Not the server's doing: a bug or a database error of a caller. It is no failed attempt.
            result = RecipientResult(
                OutboundState.DEFERRED, OutboundReason.TRY_LATER, text=type(error).__name__, counts=False
            )
        for address in addresses:
            self.results.setdefault(address, result)
