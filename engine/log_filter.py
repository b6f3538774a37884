# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Keeps who wrote to whom, and what, out of the log, at any level and whoever logs it.

Odoo and the libraries under it log addresses, subjects, names of servers and whole statements while mail is worked on.
The filter sits on handlers, behind every logger and its level, so that what is logged where stays as it was configured.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable

from .log_words import (
    HIDDEN,
    IsKnown,
    error_text,
    error_words,
    mask_sql,
    mask_text,
    mask_traceback,
    mask_value,
    modules_of,
)

_ADDON = "odoo.addons.spp_email_gateway"
# Whose lines are about mail: of their values only numbers, records and names of models stay.
_ABOUT_MAIL = (
    "odoo.addons.mail",
    "odoo.addons.mass_mailing",
    "odoo.addons.auth_signup",
    "odoo.addons.google_gmail",
    "odoo.addons.microsoft_outlook",
    "odoo.addons.base.models.ir_mail_server",
    "odoo.addons.iap",
    "aiosmtpd",
    "authlib",
    "checkdmarc",
    "dkim",
    "dkimpy",
    "dns",
    "imapclient",
    "imaplib",
    "mail.log",  # aiosmtpd's
    "mail.error",
    "mail.debug",
    "poplib",
    "requests",
    "requests_oauthlib",
    "smtplib",
    "urllib3",
)
# Whose lines are calls from outside: the method's name stays, its arguments (passwords, too) do not.
_ABOUT_CALLS = ("odoo.service.model",)
# Whose lines hold statements.
_ABOUT_SQL = ("odoo.sql_db", "odoo.addons.base.models.ir_cron")
# While one of these runs, lines of any logger are about the mail that is being worked on.
_MAIL_AT_WORK = frozenset(
    f"{_ADDON}.{name}"
    for name in (
        "controllers.intake",
        "controllers.lmtp_desk",
        "controllers.oauth",
        "find_command",
        "models.fetchmail_server_reading",
        "models.mail_mail",
        "models.mail_thread",
        "models.spp_email_batch",
        "models.spp_email_certificate",
        "models.spp_email_dispatch",
        "models.spp_email_fetching",
        "models.spp_email_journal",
        "models.spp_email_notice",
        "models.spp_email_oauth_token",
        "models.spp_email_parallel_fetching",
        "models.spp_email_reading",
        "models.spp_email_rehearsal",
        "models.spp_email_search",
        "models.spp_email_sending",
        "models.spp_email_sending_thread",
        "models.spp_email_support",
        "models.spp_email_timeline",
        "models.spp_email_transmission",
        "push",
    )
)
# An error that passed through one of these may quote mail, a server's answer or a server's name.
_MAIL_CODE = (
    _ADDON,
    "odoo.addons.mail.",
    "odoo.addons.base.models.ir_mail_server",
    "odoo.addons.google_gmail",
    "odoo.addons.microsoft_outlook",
    "imaplib",
    "imapclient",
    "poplib",
    "smtplib",
    "aiosmtpd",
)
# Loggers that are left alone otherwise: other programs in the same process.
_OURS = ("odoo", "werkzeug", "longpolling", "py.warnings")
# Frames of a stack that are looked at: Odoo's deepest are some hundreds.
_MOST_FRAMES = 400
_DONE = "_spp_email_gateway_masked"


class PersonalDataFilter(logging.Filter):
    """A filter for handlers; it lets every record pass, without what identifies somebody.

    Args:
        is_known: whether a word is one of the program's own, such as a model's name.
    """

    def __init__(self, is_known: IsKnown = lambda _word: False):
        super().__init__()
        self._is_known = is_known

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, _DONE, False):  # by another handler's filter
            return True
        setattr(record, _DONE, True)
        try:
            self._mask(record)
        except Exception as error:  # noqa: BLE001 - a line that cannot be read must neither fail its caller nor leak
            record.msg, record.args = f"{HIDDEN} ({type(error).__name__} while this line was masked)", None
            record.exc_info = record.exc_text = record.stack_info = None
        return True

    def _mask(self, record):
        is_own = _below(record.name, (_ADDON,))
        caller, is_work = (None, False) if is_own else self._look_around(record)
        if _below(record.name, _ABOUT_SQL):
            self._mask_statement(record)
        elif _below(record.name, _ABOUT_CALLS):
            self._mask_values(record, caller, lambda word: word.isidentifier() or self._is_known(word))
        elif is_work or _below(record.name, _ABOUT_MAIL):
            is_work = True
            self._mask_values(record, caller, self._is_known)
        elif _below(record.name, _OURS):
            self._mask_message(record)
        else:
            return
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            words = error_words if is_work or _is_of_mail(error) else error_text
            # Formatters take this text in place of one that they would make.
            record.exc_text = mask_traceback(error, words)

    def _mask_values(self, record, caller, is_known):
        """Keep the line's own words, and of its values what identifies nobody."""
        if isinstance(record.msg, BaseException):
            record.msg, record.args = error_words(record.msg), None
        elif not _is_literal(record.msg, caller):
            # It was put together before it was logged: nothing tells its own words from the others.
            record.msg, record.args = f"{HIDDEN} ({record.filename}:{record.lineno})", None
        elif record.args:
            if isinstance(record.args, dict):
                record.args = {name: mask_value(value, is_known) for name, value in record.args.items()}
            else:
                record.args = tuple(mask_value(value, is_known) for value in record.args)

    def _mask_statement(self, record):
        if record.args and not isinstance(record.args, dict):
            record.args = tuple(
                error_words(value) if isinstance(value, BaseException) else _statement(value) for value in record.args
            )

    def _mask_message(self, record):
        """Take addresses out of a line of somebody else, and touch nothing where there are none."""
        if isinstance(record.msg, BaseException):
            words = error_words if _is_of_mail(record.msg) else error_text
            record.msg, record.args = words(record.msg), None
            return
        message = record.getMessage()
        masked = mask_text(message)
        if masked != message:
            # Colours of werkzeug's lines are in the message already.
            record.msg, record.args = masked, None

    def _look_around(self, record):
        """Return (frame that logged, whether mail is being worked on), by the stack of this very call."""
        frame, caller = sys._getframe(2), None
        for _number in range(_MOST_FRAMES):
            if frame is None:
                break
            code = frame.f_code
            if caller is None and code.co_name == record.funcName and code.co_filename == record.pathname:
                caller = frame
            if caller and frame.f_globals.get("__name__") in _MAIL_AT_WORK:
                return caller, True
            frame = frame.f_back
        return caller, False


def install(filter_: PersonalDataFilter, loggers: Iterable[logging.Logger]) -> int:
    """Put the filter on all handlers of ``loggers`` that have none of its class yet; return on how many."""
    count = 0
    for logger in loggers:
        for handler in logger.handlers:
            if not any(type(each).__name__ == PersonalDataFilter.__name__ for each in handler.filters):
                handler.addFilter(filter_)
                count += 1
    return count


def every_logger() -> list[logging.Logger]:
    """Return the root logger and all that were asked for by name."""
    named = list(logging.root.manager.loggerDict.values())
    return [logging.root, *(logger for logger in named if isinstance(logger, logging.Logger))]


def _below(name, prefixes):
    return any(name == prefix or name.startswith(prefix if prefix[-1] == "." else f"{prefix}.") for prefix in prefixes)


def _is_of_mail(error):
    """Return whether an error or one of its causes passed through code about mail."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if any(_below(module, _MAIL_CODE) for module in modules_of(error.__traceback__)):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_literal(message, caller):
    """Return whether a message stands in the code of the function that logged it, or of its module."""
    if caller is None or not isinstance(message, str):
        return False
    return message in caller.f_code.co_consts or any(value is message for value in caller.f_globals.values())


def _statement(value):
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    text = str(value)
    masked = mask_text(mask_sql(text))
    return value if masked == text else masked
