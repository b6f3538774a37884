# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""One SMTP transaction: MAIL, every RCPT and DATA in as few writes as the server allows, each answer kept."""

from __future__ import annotations

import re
import smtplib
import time
from collections.abc import Sequence

from .delivery import RecipientResult
from .smtp_answer import judge, lost_after_data, lost_before_data, provider_message_id, remote_id

# Commands sent before their answers are read. RFC 2920 §3.1: a client that never reads while it writes can end with
# both sides waiting for the other to read; this many commands and answers fit into any system's buffers.
COMMANDS_AT_ONCE = 100
# Bytes written under one time limit: Python's limit holds for a whole sendall(), however slow the line.
SLICE = 256 * 1024
# What each recipient may add to the time that all commands together may take.
SECONDS_PER_RECIPIENT = 2

# What needs no quotes in the envelope; all else is left to Python, which takes the address apart for it.
_PLAIN = re.compile(r"[A-Za-z0-9._%+=-]+@[A-Za-z0-9.-]+")
_LEADING_DOT = re.compile(rb"(?m)^\.")
_END = b".\r\n"


class StaleSession(Exception):
    """The server had given up a kept connection before this transaction began: nothing was handed over."""


class Transaction:
    """Hands one message to a connected session.

    Args:
        session: an SmtpSession or SmtpTlsSession.
        sender: envelope sender, "" for the null return path.
        recipients: addresses as the session's caller named them, each with the form it goes over the wire in.
        content: the message with CRLF line ends.
        mail_options, rcpt_options: parameters of MAIL and of each RCPT.

    Attributes:
        results: {address: RecipientResult}; complete once run() has ended, whichever way.
        remote_message_id: the Message-ID that the provider gave the message; "" when it kept ours.
    """

    def __init__(
        self,
        session,
        sender: str,
        recipients: dict[str, str],
        content: bytes,
        mail_options: Sequence[str] = (),
        rcpt_options: Sequence[str] = (),
    ):
        self.session = session
        self.sender = sender
        self.recipients = recipients
        self.content = content
        self.results: dict[str, RecipientResult] = {}
        self.remote_message_id = ""
        self._accepted: list[str] = []
        self._refused: dict[str, tuple[int, bytes]] = {}
        self._mail: tuple[int, bytes] | None = None
        self._data: tuple[int, bytes] | None = None
        self._phase = "sender"
        self._dot_sent = False
        mail = " ".join([f"MAIL FROM:{_quoted(sender)}", *mail_options])
        options = "".join(f" {option}" for option in rcpt_options)
        self._commands = [
            ("mail", "", mail),
            *(("rcpt", name, f"RCPT TO:{_quoted(form)}{options}") for name, form in recipients.items()),
            ("data", "", "DATA"),
        ]

    def run(self) -> dict[str, tuple[int, bytes]]:
        """Send it. Return smtplib's dictionary of the refused recipients.

        Raises:
            SMTPSenderRefused, SMTPRecipientsRefused, SMTPDataError: as smtplib does.
            SMTPServerDisconnected: the connection broke, or the server spoke nonsense; `results` says how far it was.
            StaleSession: a kept connection was dead; try again with another.
        """
        try:
            self._ask()
            self._hand_over()
        except smtplib.SMTPServerDisconnected as error:
            self._fail(str(error))
            raise
        except (smtplib.SMTPSenderRefused, smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError, StaleSession):
            raise
        except smtplib.SMTPResponseException as error:
            # smtplib's word for an answer without end; getreply() has closed the connection.
            self._fail(str(error))
            raise smtplib.SMTPServerDisconnected(str(error)) from error
        except BaseException as error:
            # A time limit of the process, say. Answers may be on their way that nobody will read.
            self.session.close()
            self._fail(type(error).__name__)
            raise
        return self._refused

    # ------------------------------------------------------------------
    # Commands
    # ------------------------------------------------------------------

    def _ask(self) -> None:
        session = self.session
        commands = self._commands
        if session.must_reset:
            # With the others, so that tidying up takes no round trip of its own.
            commands = [("rset", "", "RSET"), *commands]
        encoding = session.command_encoding
        at_once = COMMANDS_AT_ONCE if session.has_extn("pipelining") else 1
        session.limit(SECONDS_PER_RECIPIENT * len(self.recipients))
        session.must_reset = True
        try:
            for start in range(0, len(commands), at_once):
                group = [entry for entry in commands[start : start + at_once] if self._is_of_use(entry[0])]
                if not group:
                    continue
                session.send(b"".join(f"{line}\r\n".encode(encoding) for _kind, _name, line in group))
                for kind, name, _line in group:
                    self._note(kind, name, *self._answer())
        except smtplib.SMTPServerDisconnected as error:
            if self._mail is None and session.is_kept:
                raise StaleSession from error
            raise

    def _is_of_use(self, kind: str) -> bool:
        """Whether a command is still worth sending after the answers so far."""
        if kind in ("rset", "mail"):
            return True
        if self._mail is not None and not _is_good(self._mail):
            return False
        # In one group with the recipients it goes without their answers.
        return kind != "data" or len(self._refused) < len(self.recipients)

    def _answer(self) -> tuple[int, bytes]:
        code, reply = self.session.getreply()
        if not 200 <= code <= 599:
            # Which answer belongs to which command is not known any more.
            self.session.close()
            raise smtplib.SMTPServerDisconnected("The server's answer is not SMTP.")
        return code, reply

    def _note(self, kind: str, name: str, code: int, reply: bytes) -> None:
        if code == 421:
            self._farewell(kind, name, code, reply)
        if kind == "mail":
            self._mail = (code, reply)
            self._phase = "recipient"
        elif kind == "rcpt":
            # 2xx, not only 250 and 251: some relays answer 252 to recipients that they cannot check.
            if _is_good(self._mail) and _is_good((code, reply)):
                self._accepted.append(name)
            else:
                self._refused[name] = (code, reply)
                if _is_good(self._mail):
                    self.results[name] = judge(code, reply, "recipient")
        elif kind == "data":
            self._data = (code, reply)
            self._phase = "data"

    def _farewell(self, kind: str, name: str, code: int, reply: bytes) -> None:
        """421 may answer any command, and the server closes (RFC 5321 §3.8)."""
        session = self.session
        session.close()
        if kind in ("rset", "mail") and session.is_kept:
            raise StaleSession(reply)
        phase = {"rset": "sender", "mail": "sender", "rcpt": "recipient", "data": "data"}[kind]
        self._decide(judge(code, reply, phase))
        for address in self.recipients:
            if address not in self._refused:
                self._refused[address] = (code, reply)
        if phase == "sender":
            raise smtplib.SMTPSenderRefused(code, reply, self.sender)
        if phase == "recipient":
            raise smtplib.SMTPRecipientsRefused(self._refused)
        raise smtplib.SMTPDataError(code, reply)

    # ------------------------------------------------------------------
    # Content
    # ------------------------------------------------------------------

    def _hand_over(self) -> None:
        session = self.session
        is_open = self._data is not None and self._data[0] == 354
        if is_open and not (_is_good(self._mail) and self._accepted):
            # RFC 2920 §3.1: nobody is left to send it to, so an empty message ends what the server began.
            session.send(_END)
            self._answer()
        if not _is_good(self._mail):
            self._decide(judge(*self._mail, "sender"))
            raise smtplib.SMTPSenderRefused(*self._mail, self.sender)
        if not self._accepted:
            raise smtplib.SMTPRecipientsRefused(self._refused)
        if not is_open:
            if self._data[0] < 400:
                session.close()
                raise smtplib.SMTPServerDisconnected("The server's answer to DATA is not SMTP.")
            self._decide(judge(*self._data, "data"))
            raise smtplib.SMTPDataError(*self._data)
        self._phase = "message"
        self._write(_with_end(self.content))
        self._dot_sent = True
        session.await_verdict()
        code, reply = self._answer()
        if not _is_good((code, reply)):
            if code == 421:
                session.close()
            self._decide(judge(code, reply, "message"))
            raise smtplib.SMTPDataError(code, reply)
        session.must_reset = False
        self._decide(judge(code, reply, "message", remote_id(reply)))
        self.remote_message_id = provider_message_id(session.host, reply)

    def _write(self, content: bytes) -> None:
        # An error means that not all was handed to the system, and the dot comes last: the server cannot have it.
        view = memoryview(content)
        end = time.monotonic() + self.session.transfer_timeout
        for start in range(0, len(view), SLICE):
            if time.monotonic() > end:
                self.session.close()
                raise smtplib.SMTPServerDisconnected("Handing the message over took too long.")
            self.session.send(view[start : start + SLICE])

    # ------------------------------------------------------------------
    # Results
    # ------------------------------------------------------------------

    def _decide(self, result: RecipientResult) -> None:
        """This is what became of everybody who has no answer of their own."""
        for address in self.recipients:
            self.results.setdefault(address, result)

    def _fail(self, text: str) -> None:
        self._decide(lost_after_data(text) if self._dot_sent else lost_before_data(text, self._phase))


def _quoted(address: str) -> str:
    return f"<{address}>" if _PLAIN.fullmatch(address) else smtplib.quoteaddr(address)


def _is_good(answer: tuple[int, bytes] | None) -> bool:
    return answer is not None and 200 <= answer[0] < 300


def _with_end(content: bytes) -> bytes:
    """The content with dots doubled (RFC 5321 §4.5.2) and the end of data."""
    if b"\n." in content or content.startswith(b"."):
        content = _LEADING_DOT.sub(b"..", content)
    return content + (_END if content.endswith(b"\r\n") else b"\r\n" + _END)
