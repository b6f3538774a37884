# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Servers keep what their connection checks found."""

from dataclasses import replace

from odoo import fields, models
from odoo.exceptions import UserError

from ..engine.diagnosis import SAID
from ..engine.login_refusal import secrets_of
from ..engine.seal import MASK
from ..engine.transcript import Recorder
from .spp_email_check import STATES
from .spp_email_transcript import SERVERS

# Longer than any check: its name, its connections and the ports beside it.
RECORDED_SECONDS = 300
RECORD = "gateway_check_record"


class CheckRecord:
    """What is said in the connections of one check; in the context, where no caller from outside can put it."""

    def __init__(self):
        self.transcripts = []

    @property
    def text(self):
        return "\n\n".join(transcript.text for transcript in self.transcripts)


class SppEmailServerMixin(models.AbstractModel):
    _inherit = "spp.email.server.mixin"

    gateway_check_id = fields.Many2one(
        "spp.email.check",
        "Last Check",
        compute="_compute_gateway_check",
        groups="spp_email_gateway.group_email_gateway_manager",
    )
    gateway_check_state = fields.Selection(
        STATES,
        "Last Check's Result",
        compute="_compute_gateway_check",
        groups="spp_email_gateway.group_email_gateway_manager",
    )
    gateway_check_date = fields.Datetime(
        "Checked", compute="_compute_gateway_check", groups="spp_email_gateway.group_email_gateway_manager"
    )
    gateway_check_summary = fields.Char(
        compute="_compute_gateway_check", groups="spp_email_gateway.group_email_gateway_manager"
    )

    def _compute_gateway_check(self):
        column, last = SERVERS[self._name], {}
        for check in self.env["spp.email.check"].search([(column, "in", self.ids)], order="id"):
            last[check[column].id] = check
        for server in self:
            check = last.get(server._origin.id, self.env["spp.email.check"])
            server.gateway_check_id = check
            server.gateway_check_state = check.state
            server.gateway_check_date = check.date
            server.gateway_check_summary = check.summary

    def _gateway_recorder(self):
        recorder, record = super()._gateway_recorder(), self.env.context.get(RECORD)
        if not isinstance(record, CheckRecord):
            return recorder

        def keep(transcript):
            record.transcripts.append(transcript)
            if recorder:
                recorder.keep(transcript)

        return Recorder(
            self._gateway_protocol(), keep, RECORDED_SECONDS, keep_addresses=bool(recorder and recorder.keep_addresses)
        )

    def _gateway_checked(self, *, apart):
        """Try the server and keep what was found; return (engine Diagnosis, row of the check).

        Args:
            apart: keep a failure in a transaction of its own, for a caller who raises.

        Raises:
            UserError: there is nothing to be tried; in words.
        """
        self.ensure_one()
        record = CheckRecord()
        diagnosis = self.with_context(**{RECORD: record})._gateway_diagnose()
        kept = replace(diagnosis, steps=tuple(self._gateway_without_secrets(step) for step in diagnosis.steps))
        is_apart = apart and not diagnosis.ok
        return diagnosis, self.env["spp.email.check"]._keep(self, kept, record.text, apart=is_apart)

    def _gateway_without_secrets(self, step):
        """Return a Step in which no server quotes the password; with tokens the engine has seen to it."""
        if self.gateway_oauth_id:
            return step
        credential = self._credential()
        ours, mark, said = step.text.partition(SAID)
        for secret in secrets_of(credential) if credential.user else ():
            said = said.replace(secret, MASK)
        return replace(step, text=f"{ours}{mark}{said}")

    def _gateway_checkable(self):
        """Return why this server cannot be checked step by step, "" when it can."""
        return ""

    def action_check_connection(self):
        """Try the server step by step, change nothing, and show what was found.

        Raises:
            UserError: there is nothing to be tried; in words.
        """
        self.ensure_one().check_access("write")
        if why := self._gateway_checkable():
            raise UserError(why)
        return self._gateway_checked(apart=False)[1]._show()

    def action_open_check(self):
        """Show the last check."""
        self.ensure_one()
        return self.gateway_check_id._show()


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    def _gateway_checkable(self):
        if self.smtp_authentication in ("cli", "certificate"):
            return self.env._("This server is set up in odoo.conf or by a certificate: use Test Connection.")
        return super()._gateway_checkable()


class FetchmailServer(models.Model):
    _inherit = "fetchmail.server"

    def _gateway_checkable(self):
        if self.server_type == "local":
            return self.env._("A local server has no connection to check.")
        if self._gateway_is_foreign():
            return self.env._("Another addon opens this mailbox: use Test & Confirm.")
        return super()._gateway_checkable()
