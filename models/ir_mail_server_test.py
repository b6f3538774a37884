# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Test Connection of an outgoing server: what works, and what is wrong in which field."""

from odoo import models
from odoo.exceptions import UserError
from odoo.tools import email_normalize

from ..engine.connection import Security
from ..engine.errors import ConfigurationError
from ..engine.sender import sender_for_test
from ..engine.smtp_diagnosis import diagnose_smtp
from .engine_text import said
from .ir_mail_server import ENCRYPTIONS, OAUTH, smtplib_is_replaced


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    def _get_test_email_from(self):
        self.ensure_one()
        only_from = self._gateway_only_from()
        if only_from:
            return only_from
        return sender_for_test(
            self._gateway_filter(self.from_filter),
            email_normalize(self.smtp_user or "") or "",
            email_normalize(self._get_default_from_address()) or "",
            self.env.user.email_normalized or "",
        )

    def test_smtp_connection(self, autodetect_max_email_size=False):
        replaced = smtplib_is_replaced()
        odoo_tests = self.filtered(lambda server: replaced or server.smtp_authentication in ("cli", "certificate"))
        if odoo_tests or autodetect_max_email_size:
            result = super(
                IrMailServer, self if autodetect_max_email_size else odoo_tests
            ).test_smtp_connection(autodetect_max_email_size=autodetect_max_email_size)
            if autodetect_max_email_size or odoo_tests == self:
                return result
        texts = [server._gateway_test() for server in self - odoo_tests]
        is_changed = any(changed for _text, changed in texts)
        return self._gateway_notification(
            "warning" if is_changed else "success",
            "\n".join(text for text, _changed in texts),
            title=self.env._("Connection Test Successful"),
        )

    def _gateway_test(self):
        """Test one server without sending; put a mixed-up encryption right. Return (what was found, whether changed).

        Raises:
            UserError: names the first step that failed, the field at fault and the cure.
        """
        self.ensure_one()
        self.check_access("write")
        (diagnosis, _check), change = self._gateway_checked(apart=True), ""
        if not diagnosis.ok and diagnosis.suggestion and self.smtp_authentication not in OAUTH:
            suggestion = diagnosis.suggestion
            # A savepoint: what does not help is not kept.
            with self.env.cr.savepoint() as savepoint:
                verified = ENCRYPTIONS[self.smtp_encryption][1]
                # sudo: the same server, verified as before; the right to write was needed to come here.
                self.sudo().write(  # nosemgrep
                    {
                        "smtp_port": suggestion.port,
                        "smtp_encryption": next(
                            name
                            for name, value in ENCRYPTIONS.items()
                            if value == (suggestion.security, verified or suggestion.security is Security.NONE)
                        ),
                    }
                )
                second = self._gateway_diagnose()
                if second.ok:
                    diagnosis, change = second, suggestion.text
                else:
                    savepoint.rollback()
                    self.invalidate_recordset()
        if not diagnosis.ok:
            failure = diagnosis.failure
            raise UserError(self._gateway_failure_text(failure.text, failure.cure, failure.field))
        lines = [
            f"{said(self.env, step.name.capitalize())}: {said(self.env, f'{step.text} {step.warning}'.strip())}"
            for step in diagnosis.steps
        ]
        if change:
            lines.insert(0, self.env._("The settings were put right: %s", said(self.env, change)))
        return "\n".join(lines), bool(change)

    def _gateway_diagnose(self):
        self.ensure_one()
        try:
            login = self._gateway_login if self._credential().user else None
            return diagnose_smtp(self._gateway_connection(), login, self._get_test_email_from())
        except ConfigurationError as error:
            raise UserError(said(self.env, str(error))) from error
