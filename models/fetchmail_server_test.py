# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Test & Confirm of a mailbox: what works, and what is wrong in which field."""

from datetime import timezone

from odoo import models
from odoo.exceptions import UserError
from odoo.tools import format_datetime

from ..engine.mailbox_diagnosis import diagnose_mailbox
from .engine_text import said


class FetchmailServer(models.Model):
    _inherit = "fetchmail.server"

    def button_confirm_login(self):
        foreign = self.filtered(lambda server: server._gateway_is_foreign())
        if foreign:
            super(FetchmailServer, foreign).button_confirm_login()
        messages = [server._gateway_confirm() for server in self - foreign]
        if not messages:
            return True
        return self._gateway_notification("success", "\n".join(messages))

    def _gateway_diagnose(self):
        """Return the engine's MailboxDiagnosis of the login in force; raises as `_gateway_settings_now`."""
        return diagnose_mailbox(
            self._get_connection_type(),
            self._gateway_connection(),
            self._credential(),
            after=self._gateway_after_policy(),
        )

    def _gateway_confirm(self):
        """Open the mailbox, confirm it and return what was found, in words.

        Raises:
            UserError: names the first step that failed, the field at fault and the cure.
        """
        diagnosis, _check = self._gateway_checked(apart=True)
        if not diagnosis.ok:
            failure = diagnosis.failure
            raise UserError(self._gateway_failure_text(failure.text, failure.cure, failure.field))
        self.write(
            {
                "state": "done",
                "error_date": False,
                "error_message": False,
                "gateway_failures": 0,
                "gateway_next_fetch_date": False,
            }
        )
        status = diagnosis.status
        words = [
            self.env._(
                "Connected to folder %(folder)s: %(messages)s messages, %(unread)s of them unread.",
                folder=status.folder or "INBOX",
                messages=status.messages,
                unread=status.unread,
            )
            if self._get_connection_type() == "imap"
            else self.env._("Connected: %s messages in the mailbox.", status.messages)
        ]
        if diagnosis.first_date:
            first = diagnosis.first_date.astimezone(timezone.utc).replace(tzinfo=None)
            words.append(self.env._("The first to be taken is of %s.", format_datetime(self.env, first)))
        elif not status.unread:
            words.append(self.env._("Nothing is waiting to be taken."))
        return " ".join([*words, *(said(self.env, warning) for warning in diagnosis.warnings)])
