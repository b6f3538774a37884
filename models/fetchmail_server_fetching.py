# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Fetch Now and Odoo's job on a mailbox, with the gateway's reading and processing under them; and its failures."""

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine.health import HealthFinding, HealthState
from ..engine.outcome import INBOUND_REASON_WORDS, InboundReason, InboundState
from .engine_text import said

# A person who clicks Fetch Now waits no longer than this; the rest follows in the background.
FETCH_NOW_SECONDS = 60
# Failures in a row before managers are told: one or two are a server that restarts.
FAILURES_TO_TELL = 3


class FetchmailServer(models.Model):
    _inherit = "fetchmail.server"

    gateway_failures = fields.Integer("Failures in a Row", readonly=True, copy=False)
    gateway_next_fetch_date = fields.Datetime(
        "Not Checked Before", readonly=True, copy=False, help="After failures a mailbox is left alone for a while."
    )

    def fetch_mail(self):
        """Read and process this mailbox now and tell what became of the messages."""
        self.ensure_one().check_access("write")
        if self._gateway_is_foreign():
            return super().fetch_mail()
        # sudo: as in Odoo, processing is the system's work; the right to start it was checked above.
        error, new, outcomes = self.env["spp.email.fetching"]._fetch(self.sudo(), FETCH_NOW_SECONDS)  # nosemgrep
        if error is not None:
            cure = getattr(error, "cure", "")
            raise UserError(self._gateway_failure_text(str(error), cure, getattr(error, "field", "")))
        return self._gateway_notification(*self._gateway_report(new, outcomes))

    def _fetch_mail(self, batch_limit=50):
        foreign = self.filtered(lambda server: server._gateway_is_foreign())
        error = super(FetchmailServer, foreign)._fetch_mail(batch_limit=batch_limit) if foreign else None
        own = self - foreign
        return (self.env["spp.email.fetching"]._fetch(own)[0] if own else None) or error

    def _gateway_report(self, new, outcomes):
        """Return (kind of notification, text) that tells what became of the messages of a run."""
        lines = [self.env._("%s new messages.", new) if new else self.env._("No new messages.")]
        kind = "success"
        for (state, reason), count in sorted(outcomes.items()):
            words = said(self.env, INBOUND_REASON_WORDS[InboundReason(reason)]) if reason else state
            lines.append(f"{count} × {words}")
            if state not in (InboundState.DONE.value, InboundState.DUPLICATE.value):
                kind = "warning"
        return kind, "\n".join(lines)

    @api.model
    def _gateway_health(self):
        findings = []
        for server in self.search([("state", "=", "done"), ("server_type", "!=", "local")]):
            if server.gateway_failures >= FAILURES_TO_TELL:
                findings.append(
                    HealthFinding(
                        f"mailbox_{server.id}_unreadable",
                        HealthState.FAILURE,
                        self.env._("Mailbox “%s” cannot be read", server.name),
                        self.env._(
                            "Since %(date)s, %(count)s times in a row: %(message)s",
                            date=server.error_date,
                            count=server.gateway_failures,
                            message=server.error_message,
                        ),
                        self.env._("Open the mailbox, press Reset Confirmation and Test & Confirm."),
                        self._name,
                        (server.id,),
                    )
                )
        return findings
