# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What receivers report about mail in the name of our domains (DMARC), by sending server."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine.dmarc_report import DmarcReportError, read_dmarc_report
from ..engine.dns_dmarc import would_align
from ..engine.message_kind import MessageKind
from ..engine.sender_verdict import SenderResult
from ..engine.storable import storable

# Anybody may send reports: so many of a domain are taken a day, and none about times that are far.
MOST_A_DAY = 200
OLDEST_DAYS = 60
KEEP_PARAMETER, KEEP_DAYS = "spp_email_gateway.keep_dmarc_days", 400
BATCH = 2_000
CURRENT_DAYS = 30


class SppEmailDmarcReport(models.Model):
    """One report. It is somebody's word, is only shown, and changes nothing."""

    _name = "spp.email.dmarc.report"
    _description = "DMARC Report"
    _order = "end_date desc, id desc"
    _rec_name = "organization"

    domain_id = fields.Many2one("spp.email.domain", required=True, readonly=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="domain_id.company_id")
    organization = fields.Char("Reported by", required=True, readonly=True)
    report_name = fields.Char("Report", required=True, readonly=True)
    begin_date = fields.Datetime("From", required=True, readonly=True)
    end_date = fields.Datetime("Until", required=True, readonly=True)
    policy = fields.Char("Policy Found", readonly=True)
    is_proved = fields.Boolean("Sender Proved", readonly=True, help="The mail that brought it proves who sent it.")
    is_cut = fields.Boolean("Shortened", readonly=True)
    message_count = fields.Integer("Emails", readonly=True)
    failed_count = fields.Integer("Failed", readonly=True)
    inbound_id = fields.Many2one("spp.email.inbound", readonly=True, ondelete="set null", index="btree_not_null")
    line_ids = fields.One2many("spp.email.dmarc.line", "report_id", readonly=True)

    _report_unique = models.UniqueIndex("(domain_id, organization, report_name)")
    _end_index = models.Index("(end_date)")

    @api.model
    def _take_in(self, attempt, content):
        """Store the report in a message that was classified as one; say in its trace what became of it.

        Args:
            attempt: the engine.attempt.Attempt of the message.
            content: its bytes.
        """
        looked_at = "DMARC report"
        try:
            report = read_dmarc_report(content, self._domain_of)
        except DmarcReportError as error:
            attempt.trace.add(looked_at, str(error), "not shown")
            return
        domain = self._domain_of(report.domain)
        now = fields.Datetime.now()
        if not domain:
            attempt.trace.add(looked_at, "about a domain that is not ours", "not shown")
            return
        if not now - timedelta(days=OLDEST_DAYS) < report.end < now + timedelta(days=1):
            attempt.trace.add(looked_at, "about a time long ago, or to come", "not shown")
            return
        known = self.search_count(
            [
                ("domain_id", "=", domain.id),
                ("organization", "=", storable(report.organization)),
                ("report_name", "=", storable(report.report_id)),
            ]
        )
        if known:
            attempt.trace.add(looked_at, "known already", "nothing")
            return
        verdict = attempt.facts.get("sender_verdict")
        is_proved = bool(verdict and verdict.result is SenderResult.PASS)
        # Each kind has its own: whoever proves nothing crowds out nobody who does.
        today = [
            ("domain_id", "=", domain.id),
            ("create_date", ">", now - timedelta(days=1)),
            ("is_proved", "=", is_proved),
        ]
        if self.search_count(today, limit=MOST_A_DAY) >= MOST_A_DAY:
            attempt.trace.add(looked_at, "too many about this domain today", "not shown")
            return
        record = self.create(
            {
                "domain_id": domain.id,
                "organization": storable(report.organization),
                "report_name": storable(report.report_id),
                "begin_date": report.begin,
                "end_date": report.end,
                "policy": report.policy,
                "is_proved": is_proved,
                "is_cut": report.is_cut,
                "message_count": min(sum(line.count for line in report.lines), 2**31 - 1),
                "failed_count": min(sum(line.count for line in report.lines if not line.is_passed), 2**31 - 1),
                "inbound_id": attempt.inbound_id,
            }
        )
        record.env["spp.email.dmarc.line"].create(
            [
                {
                    "report_id": record.id,
                    "source_ip": line.source_ip,
                    "message_count": line.count,
                    "failed_count": 0 if line.is_passed else line.count,
                    "disposition": line.disposition,
                    "dkim": line.dkim,
                    "spf": line.spf,
                    "header_from": line.header_from,
                    "signature": storable(
                        " ".join(filter(None, (line.dkim_selector, line.dkim_domain, line.dkim_result)))
                    ),
                    "return_path": storable(" ".join(filter(None, (line.spf_domain, line.spf_result)))),
                }
                for line in report.lines
            ]
        )
        attempt.trace.add(looked_at, f"{len(report.lines)} sources", "shown with the domain")

    @api.model
    def _domain_of(self, name):
        """Return our domain that a report on ``name`` is about: itself, else one below, whose policy is its."""
        domains = self.env["spp.email.domain"].with_context(active_test=False)
        if own := domains.search([("name", "=", name)], limit=1):
            return own
        below = domains.search([("name", "=like", "%." + name.replace("_", r"\_"))], order="name")
        # No policy of a public suffix is ours: anybody's report on "org" would be.
        return below.filtered(lambda domain: would_align(domain.name, name, is_strict=False))[:1]

    @api.autovacuum
    def _gc_reports(self):
        """Remove reports whose time is over; 0 days keep them for ever."""
        days = self.env["ir.config_parameter"]._gateway_number(KEEP_PARAMETER, KEEP_DAYS)
        if not days:
            return 0, 0
        old = self.search([("end_date", "<", fields.Datetime.now() - timedelta(days=days))], limit=BATCH)
        old.unlink()
        return len(old), int(len(old) == BATCH)


class SppEmailDmarcLine(models.Model):
    _name = "spp.email.dmarc.line"
    _description = "Line of a DMARC Report"
    _order = "message_count desc, id"
    _rec_name = "source_ip"

    report_id = fields.Many2one("spp.email.dmarc.report", required=True, readonly=True, index=True, ondelete="cascade")
    domain_id = fields.Many2one(related="report_id.domain_id", store=True, index=True)
    organization = fields.Char(related="report_id.organization")
    end_date = fields.Datetime("Day", related="report_id.end_date", store=True)
    source_ip = fields.Char("Sending Server", required=True, readonly=True)
    message_count = fields.Integer("Emails", readonly=True)
    failed_count = fields.Integer("Failed", readonly=True, help="Neither DKIM nor SPF proved the domain of the From.")
    disposition = fields.Selection(
        [("none", "Delivered"), ("quarantine", "Quarantined"), ("reject", "Rejected")], "What Was Done", readonly=True
    )
    dkim = fields.Selection([("pass", "Pass"), ("fail", "Fail")], "DKIM Result", readonly=True)
    spf = fields.Selection([("pass", "Pass"), ("fail", "Fail")], "SPF Result", readonly=True)
    header_from = fields.Char("From", readonly=True)
    signature = fields.Char("Signed with", readonly=True, help="Selector, domain and result of the first signature.")
    return_path = fields.Char(readonly=True, help="Domain and result of SPF.")


class SppEmailReport(models.AbstractModel):
    _inherit = "spp.email.report"

    def _take_in(self, threads, message, message_dict, attempt):
        self._note_dmarc(attempt)
        return super()._take_in(threads, message, message_dict, attempt)

    def _note_dmarc(self, attempt):
        found = attempt.facts["kind"]
        if found.kind is MessageKind.OTHER_REPORT and any("DMARC" in step.found for step in found.steps):
            content = self.env["spp.email.content"]._load(attempt.inbound_id) or b""
            self.env["spp.email.dmarc.report"]._take_in(attempt, content)


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

    @api.model
    def _gateway_wants_report(self, message_dict, attempt):
        is_wanted = super()._gateway_wants_report(message_dict, attempt)
        if is_wanted:
            # It becomes a record for somebody who asked for that, and is shown with the domain all the same.
            # sudo: a program's mail is processed as its user, who need not see journal and domains.
            self.env["spp.email.report"].sudo()._note_dmarc(attempt)  # nosemgrep
        return is_wanted


class SppEmailDomain(models.Model):
    _inherit = "spp.email.domain"

    dmarc_count = fields.Integer("Emails Reported", compute="_compute_dmarc_count")
    dmarc_failed_count = fields.Integer("Emails That Failed", compute="_compute_dmarc_count")

    def _compute_dmarc_count(self):
        """Sums of the last month."""
        since = fields.Datetime.now() - timedelta(days=CURRENT_DAYS)
        rows = self.env.execute_query(
            SQL(
                """
                SELECT domain_id, sum(message_count::bigint), sum(failed_count::bigint) FROM spp_email_dmarc_report
                 WHERE domain_id = ANY(%s) AND end_date > %s GROUP BY domain_id
                """,
                self.ids,
                since,
            )
        )
        counts = {domain: (total, failed) for domain, total, failed in rows}
        most = 2**31 - 1
        for domain in self:
            total, failed = counts.get(domain.id, (0, 0))
            domain.dmarc_count, domain.dmarc_failed_count = min(int(total), most), min(int(failed), most)

    def action_dmarc(self):
        """Open what was reported about this domain, by sending server."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("DMARC Reports of %s", self.name),
            "res_model": "spp.email.dmarc.line",
            "view_mode": "list,pivot,graph",
            "domain": [("domain_id", "=", self.id)],
            "context": {"search_default_month": 1, "search_default_by_source": 1},
        }
