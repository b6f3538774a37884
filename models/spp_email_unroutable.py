# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The notice to a sender whose message has no route, for mailboxes that want it."""

from odoo import fields, models
from odoo.exceptions import UserError

from ..engine import own_mark
from ..engine.attempt import NoticeIntent
from ..engine.classify import find_kind
from ..engine.pipeline import walk
from ..engine.summary import summarize

TEMPLATE = "spp_email_gateway.mail_template_unroutable"


class SppEmailNotice(models.Model):
    _inherit = "spp.email.notice"

    notice_type = fields.Selection(
        selection_add=[("unroutable", "Nobody reads it yet")], ondelete={"unroutable": "cascade"}
    )

    def _facts(self, inbound):
        """Return (Summary, facts) of a message: what decides whether its sender may be answered."""
        content = self.env["spp.email.content"]._load(inbound.id) or b""
        summary = summarize(content)
        ring = self.env["spp.email.token.key"]._ring()
        steps = [own_mark.find_own_mark(ring, fields.Datetime.now()), find_kind(content)]
        return summary, walk(steps, summary).facts

    def _tell_unroutable(self, inbound, attempt):
        """Queue the notice that a message has no route, in the transaction that quarantines it.

        A text that cannot be made keeps the message from nothing: the trace says so.
        """
        if not inbound.server_id.gateway_notify_unroutable:
            return
        template = self.env.ref(TEMPLATE, raise_if_not_found=False)
        if not template:
            attempt.trace.add("text of the notice to the sender", "deleted", "no notice")
            return
        template = template.with_company(inbound.company_id or self.env.company)
        summary, facts = self._facts(inbound)
        # Of the sender only the attempt's own walk knows.
        facts = {**facts, **attempt.facts}
        try:
            with self.env.cr.savepoint():
                subject = template._render_field("subject", inbound.ids)[inbound.id]
                body = template._render_field("body_html", inbound.ids)[inbound.id]
        except UserError as error:
            attempt.trace.add("text of the notice to the sender", type(error).__name__, "no notice")
            return
        values = (("references", summary.message_id),) if summary.message_id else ()
        intent = NoticeIntent(summary.email_from, str(subject), str(body), values)
        attempt.trace.extend([self._send(inbound, intent, facts, notice_type="unroutable")])
