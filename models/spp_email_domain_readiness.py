# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Whether a domain is ready for the rules of Google, Yahoo and Microsoft for senders in bulk."""

from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import SQL, LazyTranslate

from ..engine.bulk_sender import BulkFacts, Rule, readiness
from ..engine.connection import Security
from ..engine.dns_record import RecordState
from ..engine.mail_domain import mail_domain
from .ir_mail_server import ENCRYPTIONS
from .spp_email_domain_words import filled

_lt = LazyTranslate(__name__)

DAYS = 30
RULE_WORDS = {
    Rule.SPF: _lt("SPF"),
    Rule.DKIM: _lt("DKIM"),
    Rule.DMARC: _lt("DMARC"),
    Rule.ALIGNMENT: _lt("Alignment"),
    Rule.UNSUBSCRIBE: _lt("One-click unsubscribe"),
    Rule.COMPLAINTS: _lt("Complaints"),
    Rule.TLS: _lt("Encryption"),
    Rule.REVERSE: _lt("Name of the sending address (PTR)"),
}
_CHECK = _lt("Not known yet: check the domain.")
_SEE = _lt("Correct it under DNS Records.")
WORDS = {
    "spf_met": _lt("There is one record, and receivers can use it."),
    "spf_missed": _SEE,
    "spf_unknown": _CHECK,
    "dkim_met": _lt("A key for this domain is published."),
    "dkim_missed": _lt(
        "No key for this domain is published. Enter the provider's key under DNS Records, or sign with a key of this "
        "database."
    ),
    "dkim_unknown": _CHECK,
    "dmarc_met": _lt("There is a record. The policy none is enough for these rules."),
    "dmarc_missed": _SEE,
    "dmarc_unknown": _CHECK,
    "alignment_met": _lt("The domain of the From is the one that SPF or DKIM prove."),
    "alignment_missed": _lt("Neither SPF nor DKIM prove the domain of the From: publish a DKIM key of this domain."),
    "alignment_unknown": _CHECK,
    "unsubscribe_met": _lt("Campaigns carry it (List-Unsubscribe-Post)."),
    "unsubscribe_missed": _lt(
        "Campaigns do not carry it: the base URL of this database (parameter web.base.url) is no https address, and "
        "the rules ask for one."
    ),
    "unsubscribe_unknown": _lt("Nothing to say: campaigns (the Email Marketing app) are not installed."),
    "complaints_met": _lt("%(rate)s %% of %(sent)s messages of 30 days. It must stay below 0.3 %%."),
    "complaints_near": _lt(
        "%(rate)s %% of %(sent)s messages of 30 days. It should stay below 0.1 %%, and never reach 0.3 %%: write only "
        "to those who asked for it."
    ),
    "complaints_missed": _lt(
        "%(rate)s %% of %(sent)s messages of 30 days, and 0.3 %% is too much: stop campaigns to those who did not ask "
        "for them."
    ),
    "complaints_unknown": _lt(
        "%(complaints)s of %(sent)s messages of 30 days: too few to say. Google counts by itself: see "
        "postmaster.google.com."
    ),
    "tls_met": _lt("All outgoing servers of this domain are spoken to with TLS."),
    "tls_missed": _lt("An outgoing server of this domain is spoken to without encryption: change it on its form."),
    "tls_unknown": _lt("Not known: no outgoing server is set up for this domain."),
    "reverse_met": _lt("Each address of your own servers has a name that leads back to it."),
    "reverse_missed": _lt(
        "An address of your own server has no name that leads back to it. Ask who gave you the address (your hosting "
        "provider) for a PTR record."
    ),
    "reverse_unknown": _lt("Nothing to say: the provider's servers send, or their addresses are not known."),
}
COLOURS = {"right": "success", "warning": "warning", "wrong": "danger"}


class SppEmailDomain(models.Model):
    _inherit = "spp.email.domain"

    reverse_names = fields.Json(readonly=True, copy=False)
    # Of the last 30 days, as the last check counted them.
    monthly_complaints = fields.Json("Complaints", readonly=True, copy=False)
    dmarc_policy = fields.Char("DMARC Policy", readonly=True, copy=False)
    is_bulk_ready = fields.Boolean("Ready for Campaigns", compute="_compute_readiness")
    readiness_html = fields.Html("Rules for Senders in Bulk", compute="_compute_readiness", sanitize=False)

    def _compute_readiness(self):
        for domain in self:
            verdicts = readiness(domain._bulk_facts())
            domain.is_bulk_ready = all(one.state not in (RecordState.WRONG,) for one in verdicts) and any(
                one.rule is Rule.DMARC and one.state is RecordState.RIGHT for one in verdicts
            )
            domain.readiness_html = self._verdict_table(
                (one.state, self.env._(RULE_WORDS[one.rule]), filled(self.env, WORDS[one.verdict], one.facts))
                for one in verdicts
            )

    def _verdict_table(self, rows):
        """Return a table of (state, what, text), each state as a badge with its word."""
        words = dict(self._fields["state"]._description_selection(self.env))
        # The parts are escaped by Markup's own formatting.
        body = Markup("").join(
            Markup(
                '<tr><td class="text-nowrap"><span class="badge text-bg-{colour}">{word}</span></td>'
                '<th scope="row" class="fw-normal text-nowrap">{what}</th><td>{text}</td></tr>'
            ).format(colour=COLOURS.get(state.value, "secondary"), word=words[state.value], what=what, text=text)
            for state, what, text in rows
        )
        return Markup('<table class="table table-sm"><tbody>{}</tbody></table>').format(body)

    def _bulk_facts(self):
        self.ensure_one()
        states = {}
        for row in self.record_ids:
            states.setdefault(row.kind, []).append(RecordState(row.state))
        servers = self._sending_servers()
        paths = self.record_ids.filtered(lambda row: row.kind == "return_path")
        counted = self.monthly_complaints or {}
        return BulkFacts(
            spf=next(iter(states.get("spf", ())), RecordState.NEW),
            dkim=tuple(states.get("dkim", ())),
            dmarc=next(iter(states.get("dmarc", ())), RecordState.NEW),
            is_aligned=all(row.state == "right" for row in paths) if paths else None if not self.record_ids else False,
            unsubscribes=self._unsubscribes(),
            sent=counted.get("sent", 0),
            complaints=counted.get("complaints", 0),
            is_encrypted=all(
                ENCRYPTIONS[server.smtp_encryption or "none"][0] is not Security.NONE for server in servers
            )
            if servers
            else None,
            reverse=tuple((self.reverse_names or {}).values()),
        )

    def _unsubscribes(self):
        if "mailing.mailing" not in self.env:
            return None
        # Odoo's campaigns put List-Unsubscribe-Post into every mail, and RFC 8058 §3.1 asks for an https address in it.
        # sudo: the address of the database is no secret.
        url = self.env["ir.config_parameter"].sudo().get_param("web.base.url") or ""  # nosemgrep
        return url.startswith("https://")

    def _note_complaints(self, counted):
        """Write down what _complaints_by_domain found of this domain."""
        self.ensure_one()
        sent, complaints = counted.get(self.name, (0, 0))
        self.monthly_complaints = {"sent": sent, "complaints": complaints}

    @api.model
    def _complaints_by_domain(self):
        """Return {domain of the From, ASCII form: (messages sent in the last days, complaints about them)}.

        It reads all deliveries of these days, once for all domains: a check does that, no form.
        """
        since = fields.Datetime.now() - timedelta(days=DAYS)
        self.env["spp.email.delivery"].flush_model(["created_date", "email_from", "state", "bounce_reason"])
        found = {}
        for text, sent, complaints in self.env.execute_query(
            SQL(
                # What follows the last @ of: us@a.org, "Us" <us@a.org>.
                """
                SELECT reverse(split_part(reverse(rtrim(lower(email_from), '> ')), '@', 1)),
                       count(*) FILTER (WHERE state = 'sent' OR bounce_reason = 'complaint'),
                       count(*) FILTER (WHERE bounce_reason = 'complaint')
                  FROM spp_email_delivery
                 WHERE created_date >= %s AND email_from LIKE '%%@%%'
                 GROUP BY 1
                """,
                since,
            )
        ):
            name = mail_domain(text)
            before = found.get(name, (0, 0))
            found[name] = (before[0] + sent, before[1] + complaints)
        return found
