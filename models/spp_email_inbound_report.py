# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What a message is, and what a report says of each recipient, as the journal keeps and shows it."""

from markupsafe import Markup
from psycopg2.extras import Json

from odoo import api, fields, models

from ..engine.bounce_reason import BOUNCE_REASON_WORDS, BounceReason
from ..engine.message_kind import MESSAGE_KIND_WORDS, REPORT_ACTION_WORDS, ReportAction
from ..engine.outcome import InboundState, selection
from ..engine.report import CONSEQUENCE_WORDS, MOST_REPORTS, Consequence, server_words
from ..engine.storable import storable
from .content_json import ContentJson
from .engine_text import said


class SppEmailInbound(models.Model):
    _inherit = "spp.email.inbound"

    kind = fields.Selection(selection(MESSAGE_KIND_WORDS), readonly=True, help="What the gateway takes it for.")
    reports = ContentJson(readonly=True, help="What a report says of each recipient, and what followed.")
    reports_text = fields.Html("Recipients", compute="_compute_reports_text", sanitize=False)
    report_delivery_count = fields.Integer(compute="_compute_report_delivery_count")

    @api.depends("reports")
    def _compute_reports_text(self):
        heads = (self.env._("Recipient"), self.env._("What"), self.env._("Why"), self.env._("What followed"))
        head = Markup().join(Markup("<th>%s</th>") % words for words in heads)
        for inbound in self:
            rows = Markup().join(_report_row(self.env, report) for report in inbound.reports or [])
            inbound.reports_text = rows and Markup(
                "<table class='table table-sm'><thead><tr>%s</tr></thead><tbody>%s</tbody></table>"
            ) % (head, rows)

    @api.depends("reports")
    def _compute_report_delivery_count(self):
        for inbound in self:
            inbound.report_delivery_count = len(inbound._report_delivery_ids())

    def _report_delivery_ids(self):
        """Return the ids of the deliveries that this report is about, as it was taken in."""
        return list({row for report in self.reports or [] for row in report.get("deliveries") or []})

    def action_open_report_deliveries(self):
        """Open the deliveries that the report is about."""
        self.ensure_one()
        rows = self._report_delivery_ids()
        action = self.env["ir.actions.act_window"]._for_xml_id("spp_email_gateway.action_spp_email_delivery")
        action["domain"] = [("id", "in", rows)]
        if len(rows) == 1:
            action.update(res_id=rows[0], views=[(False, "form")])
        return action


def _report_row(env, report):
    status = " ".join(filter(None, (str(report.get("code") or ""), report.get("status"))))
    answer = ": ".join(filter(None, (report.get("server"), " ".join(filter(None, (status, report.get("text")))))))
    why = said(env, BOUNCE_REASON_WORDS[BounceReason(report["reason"])])
    cells = (
        report.get("recipient") or report.get("original_recipient") or "",
        said(env, REPORT_ACTION_WORDS[ReportAction(report["action"])]),
        Markup("%s<div class='text-muted small'>%s</div>") % (why, answer) if answer else why,
        said(env, CONSEQUENCE_WORDS[Consequence(report.get("followed") or Consequence.NONE)]),
    )
    return Markup("<tr>%s</tr>") % Markup().join(Markup("<td>%s</td>") % cell for cell in cells)


def _report_values(report, outcome=Consequence.NONE, deliveries=()):
    return {
        "recipient": storable(report.recipient, 320),
        "original_recipient": storable(report.original_recipient, 320),
        "action": report.action.value,
        "status": storable(report.status, 20),
        "code": report.code,
        "reason": report.reason.value,
        "is_hard": report.is_hard,
        "text": storable(server_words(report), 1000),
        "server": storable(report.remote_server, 255),
        "followed": outcome.value,
        "deliveries": list(deliveries),
    }


class SppEmailProcessing(models.AbstractModel):
    _inherit = "spp.email.processing"

    def _finish(self, claim, attempt, state, reason, **values):
        """Keep what the message is; what followed from a report, only where it is not undone."""
        found = attempt.facts.get("kind")
        if found:
            followed = attempt.facts.get("reports") if state is InboundState.DONE else None
            entries = followed or [(report,) for report in found.reports[:MOST_REPORTS]]
            values = {
                "kind": found.kind.value,
                "reports": Json([_report_values(*entry) for entry in entries]) if entries else None,
                **attempt.facts.get("about", {}),
                **values,
            }
        return super()._finish(claim, attempt, state, reason, **values)
