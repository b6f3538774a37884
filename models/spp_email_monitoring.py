# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What monitoring programs read: states, codes, numbers and ids. Kept for some seconds, whoever asks how often."""

import time
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine.breaker import BreakerState
from ..engine.health import HealthState, public_code, worst
from ..engine.metrics import Metric, exposition
from .spp_email_standstill import MOST_COUNTED

# An answer is given again for so long: a scraper cannot load the database, however often it comes.
KEPT_SECONDS = 10
# The check runs every quarter of an hour; without it nobody knows anything.
LONGEST_UNCHECKED = timedelta(hours=1)
NOT_CHECKED = "health_not_checked"
MOST_FINDINGS = 500
MOST_SERVERS = 1000
STATE_NUMBERS = {HealthState.OK: 0, HealthState.WARNING: 1, HealthState.FAILURE: 2}

# (database, kind): (until, answer), of this process.
_kept = {}


class SppEmailMonitoring(models.AbstractModel):
    _name = "spp.email.monitoring"
    _description = "What Monitoring Programs Read"

    @api.model
    def _answer(self, kind):
        """Return the health (a dictionary) or the metrics (bytes), not older than KEPT_SECONDS.

        Args:
            kind: health or metrics.
        """
        key = (self.env.cr.dbname, kind)
        until, answer = _kept.get(key, (0, None))
        if until < time.monotonic():
            answer = self._health() if kind == "health" else exposition(self._metrics())
            _kept[key] = (time.monotonic() + KEPT_SECONDS, answer)
        return answer

    @api.model
    def _forget(self):
        """Forget what this process keeps."""
        _kept.clear()

    @api.model
    def _findings(self):
        """Return [(code, HealthState)] of what does not go well, and when the check ran last."""
        # sudo: the caller has shown a token; codes and states, no words.
        rows = self.env["spp.email.health"].sudo().search([], limit=MOST_FINDINGS)  # nosemgrep
        # sudo: when it ran last.
        job = self.env["spp.email.health"]._job().sudo()  # nosemgrep
        checked = max(filter(None, (job.lastcall, *rows.mapped("checked_date"))), default=None) if job else None
        found = [(public_code(row.code), HealthState(row.state)) for row in rows]
        if not checked or checked < fields.Datetime.now() - LONGEST_UNCHECKED:
            found.append((NOT_CHECKED, HealthState.FAILURE))
        return found, checked

    def _health(self):
        found, checked = self._findings()
        return {
            "state": worst(state for _code, state in found).value,
            "checked": checked.isoformat() + "Z" if checked else None,
            "findings": [{"code": code, "state": state.value} for code, state in found],
        }

    # ------------------------------------------------------------------
    # Metrics
    # ------------------------------------------------------------------

    def _metrics(self):
        """Yield engine Metrics."""
        found, checked = self._findings()
        state = worst(state for _code, state in found)
        yield _one("health_state", "0 well, 1 warning, 2 failure", STATE_NUMBERS[state])
        yield Metric(
            "health_finding",
            "1 for what does not go well",
            ("code", "state"),
            tuple(sorted({((code, state.value), 1) for code, state in found})),
        )
        yield _one("health_checked_timestamp_seconds", "When the checks ran last", _seconds(checked))
        yield from self._waiting_metrics()
        yield from self._day_metrics()
        yield from self._mailbox_metrics()
        yield from self._server_metrics()

    def _waiting_metrics(self):
        # sudo: numbers of everybody's mail.
        standstill = self.env["spp.email.standstill"].sudo()  # nosemgrep
        now = fields.Datetime.now()
        for name, (count, due) in (
            ("incoming", standstill._incoming_waiting()),
            ("outgoing", standstill._outgoing_waiting()),
        ):
            late = max((now - due).total_seconds(), 0) if due else 0
            yield _one(f"{name}_waiting", f"Emails that are not decided, counted up to {MOST_COUNTED}", count)
            yield _one(f"{name}_late_seconds", "Since when the one that waits longest is due", late)
        quarantined = standstill.env["spp.email.inbound"].search_count(
            [("state", "=", "quarantined")], limit=MOST_COUNTED
        )
        text = f"Messages that wait for a decision, counted up to {MOST_COUNTED}"
        yield _one("incoming_quarantined", text, quarantined)
        paces = standstill.env["spp.email.sample"]._pace()
        for name, pace in zip(("incoming", "outgoing"), paces, strict=True):
            if pace is not None:
                yield _one(f"{name}_per_minute", "Emails that are done in a minute, of the last half hour", pace)

    def _day_metrics(self):
        rows = self.env.execute_query(
            SQL(
                "SELECT direction, state, sum(messages) FROM spp_email_day WHERE day = %s GROUP BY 1, 2 ORDER BY 1, 2",
                fields.Date.today(),
            )
        )
        yield Metric(
            "messages_today",
            "Emails since midnight UTC, as counted every five minutes",
            ("direction", "state"),
            tuple(((direction, state), int(number)) for direction, state, number in rows),
        )

    def _mailbox_metrics(self):
        # sudo: ids and dates.
        mailboxes = self.env["fetchmail.server"].sudo().search(  # nosemgrep
            [("state", "=", "done"), ("server_type", "!=", "local")], limit=MOST_SERVERS, order="id"
        )
        for name, text, value in (
            ("mailbox_checked_timestamp_seconds", "When a mailbox was checked last", lambda box: _seconds(box.date)),
            ("mailbox_failures", "Checks in a row that failed", lambda box: box.gateway_failures),
            (
                "mailbox_certificate_timestamp_seconds",
                "Until when the certificate of a mailbox's server is valid",
                lambda box: _seconds(box.gateway_certificate_until),
            ),
        ):
            yield _of_each(name, text, "mailbox", mailboxes, value)

    def _server_metrics(self):
        # sudo: ids, dates and states.
        servers = self.env["ir.mail_server"].sudo().search([], limit=MOST_SERVERS, order="id")  # nosemgrep
        # sudo: as above.
        paused = self.env["spp.email.breaker"].sudo().search([("state", "!=", BreakerState.CLOSED.value)])  # nosemgrep
        yield _of_each(
            "server_paused",
            "1 while an outgoing server is left alone after failures",
            "server",
            servers,
            lambda server: int(server in paused.server_id),
        )
        yield _of_each(
            "server_certificate_timestamp_seconds",
            "Until when the certificate of an outgoing server is valid",
            "server",
            servers,
            lambda server: _seconds(server.gateway_certificate_until),
        )


def _one(name, text, value):
    return Metric(name, text, (), () if value is None else (((), value),))


def _of_each(name, text, label, records, value):
    """Return the Metric with a sample for each record of which ``value`` says anything."""
    samples = ((record.id, value(record)) for record in records)
    return Metric(name, text, (label,), tuple(((str(id_),), number) for id_, number in samples if number is not None))


def _seconds(date):
    """Return a naive UTC date in seconds since 1970, None for none."""
    return (date - fields.Datetime.to_datetime("1970-01-01")).total_seconds() if date else None
