# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What Odoo's mass mailing and OCA's mail_tracking, where they are installed, learn of reports."""

from odoo import models

TRACE, TRACKING = "mailing.trace", "mail.tracking.email"


class SppEmailReport(models.AbstractModel):
    _inherit = "spp.email.report"

    def _traces(self, ids, addresses):
        if TRACE not in self.env or not ids or not addresses:
            return super()._traces(ids, addresses)
        # sudo: traces are the system's, whatever processes the report.
        return self.env[TRACE].sudo().search(  # nosemgrep
            [("message_id", "in", ids), ("email", "in", sorted(addresses))], limit=100
        )

    def _tell_softly(self, message_dict, bounced, words):
        """Call it a failure, and no bounce: five bounces put an address on Odoo's blacklist."""
        result = super()._tell_softly(message_dict, bounced, words)
        traces = self._traces(bounced["bounced_msg_ids"], {bounced["bounced_email"]})
        if traces:
            traces.set_failed(failure_type="unknown")
            traces.write({"failure_reason": words})
        if TRACKING in self.env:
            rows = bounced["bounced_message"].sudo().mail_tracking_ids  # nosemgrep: as above
            rows = rows.filtered(
                lambda row: row.recipient_address == bounced["bounced_email"]
                or (row.partner_id and row.partner_id in bounced["bounced_partner"])
            )
            rows.event_create("soft_bounce", {**message_dict, **bounced})
        return result
