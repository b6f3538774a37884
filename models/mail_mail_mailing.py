# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Emails of Odoo's mass mailing, where that module is there: its traces say what became of each."""

from odoo import models

# What a trace can be before anybody has the mail.
UNSENT = ("outgoing", "process", "pending", "error")


class MailMail(models.Model):
    _inherit = "mail.mail"

    def write(self, vals):
        result = super().write(vals)
        if "state" in vals and "mailing_trace_ids" in self._fields:
            self._gateway_follow_traces(vals["state"])
        return result

    def _gateway_follow_traces(self, state):
        """Write what Odoo does not know of: sent and failed are its own, once a mail is decided.

        A cancelled mail would be *outgoing* in the mailing's figures for ever, one that is tried again *failed* until
        it is sent, and a failure has no reason.
        """
        # sudo: traces are the system's, whoever writes on the mail.
        for mail in self.sudo().filtered("mailing_id"):  # nosemgrep
            traces = mail.mailing_trace_ids
            if state == "cancel":
                values = {"trace_status": "cancel", "failure_type": mail.failure_type}
                traces = traces.filtered(lambda trace: trace.trace_status in UNSENT)
            elif state == "outgoing":
                values = {"trace_status": "outgoing", "failure_type": False, "failure_reason": False}
                traces = traces.filtered(lambda trace: trace.trace_status in ("error", "cancel"))
            else:
                values = {"failure_reason": mail.failure_reason if state == "exception" else False}
                traces = traces.filtered(lambda trace, values=values: trace.failure_reason != values["failure_reason"])
            if traces:
                traces.write(values)
