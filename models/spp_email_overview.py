# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The figures of the first screen, within the rights of who looks: numbers, never an address or a subject."""

from collections import Counter, defaultdict
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine.outcome import INBOUND_STATE_WORDS, InboundState, OutboundState, selection
from .engine_text import said
from .res_users_roles import MANAGER
from .spp_email_day import LEAST_RECIPIENTS
from .spp_email_delivery import PENDING
from .spp_email_standstill import MOST_COUNTED

SETUP_ACTION = "spp_email_gateway.action_spp_email_setup"
LONGEST_DAYS = 366
# Rows of today that are counted while somebody waits; with more, the figures are those of the job's last run.
COUNTED_AT_ONCE = 20_000
MOST_SERVERS = 10
MOST_DOMAINS = 10
MOST_MAILBOXES = 20
MOST_FINDINGS = 10
WAITING_STATES = (InboundState.RECEIVED.value, InboundState.RETRY.value, InboundState.PROCESSING.value)
# Those whose outcome is known, of which shares are told.
REACHED = (OutboundState.SENT.value,)
LOST = (OutboundState.FAILED.value, OutboundState.BOUNCED.value)


class SppEmailOverview(models.AbstractModel):
    _name = "spp.email.overview"
    _description = "Overview of the Email Gateway"

    @api.model
    def read_figures(self, days=30):
        """Return all that the screen shows, as the user may see it.

        Args:
            days: of how many days, today among them; 1 to LONGEST_DAYS.

        Raises:
            AccessError: the user is no viewer of the email gateway.
        """
        journal, deliveries = self.env["spp.email.inbound"], self.env["spp.email.delivery"]
        journal.check_access("read")
        deliveries.check_access("read")
        days = min(max(int(days), 1), LONGEST_DAYS)
        today = fields.Date.today()
        span = [today - timedelta(days=before) for before in range(days - 1, -1, -1)]
        counts = _Counts(self._day_rows(span[0], today))
        is_manager = self.env.user.has_group(MANAGER)
        waiting, due = self._waiting_incoming()
        figures = {
            "days": days,
            "is_manager": is_manager,
            "labels": [fields.Date.to_string(day) for day in span],
            "received": [counts.of("in", day) for day in span],
            "sent": [counts.of("out", day, REACHED) for day in span],
            "lost": [counts.of("out", day, LOST) for day in span],
            "incoming": {
                "today": counts.of("in", today),
                "total": counts.of("in"),
                "waiting": waiting,
                "is_more": waiting >= MOST_COUNTED,
                "waiting_minutes": self._minutes_since(due),
                "quarantined": journal.search_count([("state", "=", "quarantined")], limit=MOST_COUNTED),
                "states": [
                    (state, label, counts.of("in", states=(state,)))
                    for state, label in selection(INBOUND_STATE_WORDS)
                    if counts.of("in", states=(state,))
                ],
            },
            "outgoing": {
                "today": counts.of("out", today),
                "total": counts.of("out"),
                "sent": counts.of("out", states=REACHED),
                "waiting": deliveries.search_count([("state", "in", PENDING)], limit=MOST_COUNTED),
                "unknown": counts.of("out", states=(OutboundState.UNKNOWN.value,)),
                **self._shares(counts),
            },
            "servers": self._servers(counts),
            "domains": [
                {"name": domain, **_success(states)} for domain, states in counts.ranked("domain", MOST_DOMAINS)
            ],
            "is_empty": self._is_empty() if is_manager else False,
            "setup_action": self.env.ref(SETUP_ACTION, raise_if_not_found=False) and SETUP_ACTION or False,
        }
        if is_manager:
            figures.update(self._for_managers())
        return figures

    # ------------------------------------------------------------------
    # Counts
    # ------------------------------------------------------------------

    def _day_rows(self, first, today):
        """Yield (day, direction, server, domain, state, is complaint, number) as far as the user sees them."""
        rows = self.env["spp.email.day"]
        groups = ["day:day", "direction", "sender_id", "domain", "state", "is_complaint"]
        live = {
            "in": self._live("spp.email.inbound", "received_date", ["state"], today),
            "out": self._live(
                "spp.email.delivery", "created_date", ["server_id", "recipient_domain", "state", "reason"], today
            ),
        }
        for day, direction, server, domain, state, is_complaint, number in rows._read_group(
            [("day", ">=", first)], groups, ["messages:sum"]
        ):
            if day < today or live[direction] is None:
                yield day, direction, server.id, domain or "", state, is_complaint, number
        for state, number in live["in"] or ():
            yield today, "in", False, "", state, False, number
        reached = Counter()
        for _server, domain, _state, _reason, number in live["out"] or ():
            reached[domain] += number
        for server, domain, state, reason, number in live["out"] or ():
            # As in the counted days: a domain at which few are written to is next to an address.
            domain = domain if reached[domain] >= LEAST_RECIPIENTS else ""
            yield today, "out", server.id, domain or "", state, reason == "complaint", number

    def _live(self, model, date, groups, today):
        """Return today's rows grouped, or None where there are too many to be counted now."""
        begin = fields.Datetime.to_datetime(today)
        domain = [(date, ">=", begin)]
        ids = self.env[model]._search(domain, limit=COUNTED_AT_ONCE)
        ((number,),) = self.env.execute_query(
            SQL("SELECT count(*) FROM (%s) AS today", ids.select(SQL("1")))
        )
        if number >= COUNTED_AT_ONCE:
            return None
        return self.env[model]._read_group(domain, groups, ["__count"])

    def _waiting_incoming(self):
        """Return (number that waits, since when the first one is due), of what the user sees."""
        query = self.env["spp.email.inbound"]._search([("state", "in", WAITING_STATES)], limit=MOST_COUNTED)
        due = SQL("COALESCE(spp_email_inbound.next_attempt_date, spp_email_inbound.received_date) AS due")
        return self.env.execute_query(SQL("SELECT count(*), min(due) FROM (%s) AS waiting", query.select(due)))[0]

    def _minutes_since(self, date):
        """Return whole minutes since then; 0 for what is not due yet."""
        return max(int((fields.Datetime.now() - date).total_seconds() // 60), 0) if date else 0

    def _shares(self, counts):
        bounced = counts.of("out", states=(OutboundState.BOUNCED.value,), complaints=False)
        complaints = counts.complaints()
        decided = counts.of("out", states=(*REACHED, *LOST))
        return {
            "bounced": bounced,
            "complaints": complaints,
            "failed": counts.of("out", states=(OutboundState.FAILED.value,)),
            "success_share": _share(counts.of("out", states=REACHED), decided),
            "bounce_share": _share(bounced, decided),
            # Google and Yahoo ask for less than 0.3 % of what was delivered.
            "complaint_share": _share(complaints, decided, 2),
        }

    def _servers(self, counts):
        ranked = counts.ranked("server", MOST_SERVERS)
        # sudo: the name of a server that own mail was sent by, as the delivery itself shows it to viewers.
        names = self.env["ir.mail_server"].sudo().browse([server for server, _states in ranked if server])  # nosemgrep
        known = {server.id: server.display_name for server in names.exists()}
        return [
            {
                "id": server or False,
                "name": known.get(server) or self.env._("Other servers"),
                **_success(states),
            }
            for server, states in ranked
        ]

    # ------------------------------------------------------------------
    # For managers
    # ------------------------------------------------------------------

    def _is_empty(self):
        # sudo: whether there is any at all, also of other companies.
        return not any(
            self.env[model].sudo().search_count(domain, limit=1)  # nosemgrep
            for model, domain in (
                ("fetchmail.server", [("server_type", "!=", "local")]),
                ("ir.mail_server", []),
                ("spp.email.intake", []),
            )
        )

    def _for_managers(self):
        findings = self.env["spp.email.health"].search([], order="state, since_date", limit=MOST_FINDINGS)
        labels = dict(findings._fields["state"]._description_selection(self.env))
        # sudo: when the job ran last.
        job = self.env["spp.email.health"]._job().sudo()  # nosemgrep
        # sudo: how much waits in all: numbers, no mail.
        standstill = self.env["spp.email.standstill"].sudo()  # nosemgrep
        waiting_in, _due = standstill._incoming_waiting()
        waiting_out, due_out = standstill._outgoing_waiting()
        pace_in, pace_out = self.env["spp.email.sample"]._pace()
        return {
            "findings": [
                {
                    "id": finding.id,
                    "state": finding.state,
                    "label": labels[finding.state],
                    "title": said(self.env, finding.title),
                    "cure": said(self.env, finding.cure or ""),
                    "is_openable": bool(finding.res_model and finding.res_ids),
                }
                for finding in findings
            ],
            "finding_count": self.env["spp.email.health"].search_count([]),
            "checked_minutes": self._minutes_since(job.lastcall) if job.lastcall else False,
            "queue": {
                "waiting": waiting_out,
                "is_more": waiting_out >= MOST_COUNTED,
                "waiting_minutes": self._minutes_since(due_out),
            },
            "forecast": {"incoming": _forecast(waiting_in, pace_in), "outgoing": _forecast(waiting_out, pace_out)},
            "mailboxes": self._mailboxes(),
        }

    def _mailboxes(self):
        servers = self.env["fetchmail.server"].search(
            [("state", "=", "done"), ("server_type", "!=", "local")], order="date, id", limit=MOST_MAILBOXES
        )
        unread = self.env["spp.email.standstill"]._unread_mailboxes()
        return [
            {
                "id": server.id,
                "name": server.name,
                "checked_minutes": self._minutes_since(server.date) if server.date else False,
                "problem": said(self.env, server.gateway_problem)
                or (self.env._("Not read any more") if server in unread else ""),
            }
            for server in servers
        ]


class _Counts:
    """Sums over rows of days."""

    def __init__(self, rows):
        # {(direction, day): {(state, is complaint): number}}; the day None has the sum of all.
        self._days = defaultdict(lambda: defaultdict(int))
        self._keys = {"server": defaultdict(lambda: defaultdict(int)), "domain": defaultdict(lambda: defaultdict(int))}
        self._complaints = 0
        for day, direction, server, domain, state, is_complaint, number in rows:
            for its_day in (day, None):
                self._days[direction, its_day][state, bool(is_complaint)] += number
            if direction == "out":
                self._keys["server"][server][state] += number
                if domain:
                    self._keys["domain"][domain][state] += number
                if is_complaint:
                    self._complaints += number

    def of(self, direction, day=None, states=None, complaints=True):
        return sum(
            number
            for (state, is_complaint), number in self._days[direction, day].items()
            if (states is None or state in states) and (complaints or not is_complaint)
        )

    def complaints(self):
        return self._complaints

    def ranked(self, key, most):
        """Return [(value, {state: number})] of the most, the largest first."""
        found = self._keys[key].items()
        return sorted(found, key=lambda item: (-sum(item[1].values()), str(item[0])))[:most]


def _success(states):
    """Return the numbers of one server or domain."""
    sent = sum(states.get(state, 0) for state in REACHED)
    lost = sum(states.get(state, 0) for state in LOST)
    return {"sent": sent, "lost": lost, "total": sum(states.values()), "share": _share(sent, sent + lost)}


def _share(part, whole, digits=1):
    """Return a share in percent; False where there is nothing to share."""
    return round(100 * part / whole, digits) if whole else False


def _forecast(waiting, pace):
    """Return what waits, how many are done in a minute (False: not measured), and in how many minutes all are done."""
    return {
        "waiting": waiting,
        "pace": False if pace is None else round(pace, 1),
        "minutes": -(-waiting // pace) if waiting and pace else False,
    }
