# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What stands still without an error: mail that waits past its time, mailboxes that nobody reads, jobs that are off."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL, format_datetime

from ..engine.health import HealthFinding, HealthState
from .spp_email_gate_quota import QUEUE_JOB
from .spp_email_watch import FETCH_JOB

WAITING_PARAMETER = "spp_email_gateway.health_waiting_minutes"
WAITING_MINUTES = 30
UNREAD_PARAMETER = "spp_email_gateway.health_unread_minutes"
UNREAD_MINUTES = 60
QUARANTINE_PARAMETER = "spp_email_gateway.health_quarantine_a_day"
QUARANTINE_A_DAY = 20
# A mailbox may miss so many of its own checks.
MISSED_CHECKS = 3
# Beyond this, counting costs more than the figure is worth.
MOST_COUNTED = 100_000
MOST_OPENED = 1000
# Lanes 2 to 4 are only called while much waits: without them mail is slower, and not late.
CALLED_LANES = tuple(
    f"spp_email_gateway.ir_cron_{name}_{lane}" for name in ("process_inbound", "send") for lane in range(2, 5)
)


class SppEmailStandstill(models.AbstractModel):
    _name = "spp.email.standstill"
    _description = "Health of What Goes on by Itself"

    # ------------------------------------------------------------------
    # What waits
    # ------------------------------------------------------------------

    @api.model
    def _incoming_waiting(self):
        """Return (number of messages that are not decided, up to MOST_COUNTED; when the oldest was due, or None)."""
        return self._first_and_count(
            SQL("spp_email_inbound"),
            SQL("state IN ('received', 'retry', 'processing')"),
            SQL("COALESCE(next_attempt_date, received_date)"),
        )

    @api.model
    def _outgoing_waiting(self):
        """As `_incoming_waiting`, of emails in the queue. One that waits for a planned time is not late."""
        count, first = self._first_and_count(
            SQL("mail_mail"), SQL("state = 'outgoing' AND scheduled_date IS NOT NULL"), SQL("scheduled_date")
        )
        # Equal keys of an index lie in the order of the table: these are the oldest, or nearly so.
        ((unplanned, oldest),) = self.env.execute_query(
            SQL(
                "SELECT count(*), min(create_date) FROM (SELECT create_date FROM mail_mail"
                " WHERE state = 'outgoing' AND scheduled_date IS NULL LIMIT %s) AS waiting",
                MOST_COUNTED,
            )
        )
        return min(count + unplanned, MOST_COUNTED), min(filter(None, (first, oldest)), default=None)

    def _first_and_count(self, table, where, due):
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL("SELECT %s FROM %s WHERE %s ORDER BY %s LIMIT 1", due, table, where, due)
        )
        ((count,),) = self.env.execute_query(
            SQL("SELECT count(*) FROM (SELECT 1 FROM %s WHERE %s LIMIT %s) AS waiting", table, where, MOST_COUNTED)
        )
        return count, rows[0][0] if rows else None

    # ------------------------------------------------------------------
    # Health
    # ------------------------------------------------------------------

    @api.model
    def _gateway_health(self):
        return [
            *self._waiting_findings(),
            *self._mailbox_findings(),
            *self._job_findings(),
            *self._quarantine_findings(),
        ]

    def _waiting_findings(self):
        now = fields.Datetime.now()
        minutes = self.env["ir.config_parameter"]._gateway_number(WAITING_PARAMETER, WAITING_MINUTES)
        findings = []
        for code, (count, due), title, cure, model, domain in (
            (
                "incoming_waits",
                self._incoming_waiting(),
                self.env._("Incoming messages wait to be processed"),
                self.env._(
                    "Look whether the scheduled action “Email Gateway: Process Journal” runs (Settings, Technical, "
                    "Scheduled Actions) and Odoo has workers for scheduled actions (max_cron_threads). "
                    "docs/operations.md says how to have more done at once."
                ),
                "spp.email.inbound",
                [("state", "in", ("received", "retry", "processing"))],
            ),
            (
                "outgoing_waits",
                self._outgoing_waiting(),
                self.env._("Emails wait in the queue"),
                self.env._(
                    "Look whether the scheduled action “Mail: Email Queue Manager” runs (Settings, Technical, "
                    "Scheduled Actions) and Odoo has workers for scheduled actions (max_cron_threads). "
                    "docs/operations.md says how to have more done at once."
                ),
                "mail.mail",
                [("state", "=", "outgoing")],
            ),
        ):
            if due and due < now - timedelta(minutes=minutes):
                oldest = self.env[model].search(domain, order="id", limit=80)
                findings.append(
                    HealthFinding(
                        code,
                        HealthState.FAILURE,
                        title,
                        self.env._(
                            "%(count)s wait; the oldest was due on %(date)s, more than %(minutes)s minutes ago.",
                            count=count,
                            date=format_datetime(self.env, due),
                            minutes=minutes,
                        ),
                        cure,
                        model,
                        tuple(oldest.ids),
                    )
                )
        return findings

    @api.model
    def _unread_mailboxes(self):
        """Return the mailboxes that should have been checked long ago."""
        now = fields.Datetime.now()
        least = timedelta(minutes=self.env["ir.config_parameter"]._gateway_number(UNREAD_PARAMETER, UNREAD_MINUTES))

        def is_unread(server):
            _job, interval = server._gateway_job()
            interval = max(interval, timedelta(minutes=server.gateway_interval_minutes))
            seen = server.date or server.write_date
            # One that is left alone after failures is told of as such.
            rests = server.gateway_next_fetch_date and server.gateway_next_fetch_date > now
            return not rests and seen and seen < now - max(least, MISSED_CHECKS * interval)

        servers = self.env["fetchmail.server"].search([("state", "=", "done"), ("server_type", "!=", "local")])
        return servers.filtered(is_unread)

    def _mailbox_findings(self):
        return [
            HealthFinding(
                f"mailbox_{server.id}_not_read",
                HealthState.FAILURE,
                self.env._("Mailbox “%s” is not read any more", server.name),
                self.env._(
                    "It was checked last on %s.", format_datetime(self.env, server.date or server.write_date)
                ),
                self.env._(
                    "Look whether the scheduled action “Mail: Fetchmail Service” runs (Settings, Technical, "
                    "Scheduled Actions), and press Fetch Now on the mailbox."
                ),
                server._name,
                (server.id,),
                "gateway_next_check",
            )
            for server in self._unread_mailboxes()
        ]

    @api.model
    def _required_jobs(self):
        """Return the scheduled actions that have to be on, also those that are off."""
        jobs = self.env["ir.cron"].with_context(active_test=False)
        needed = jobs.search([])._gateway_kept_among({})  # pylint: disable=no-search-all
        for name in CALLED_LANES:
            needed -= self.env.ref(name, raise_if_not_found=False) or jobs
        # Odoo switches its own on with the first mailbox.
        has_mailbox = self.env["fetchmail.server"].search_count(
            [("state", "=", "done"), ("server_type", "!=", "local")], limit=1
        )
        if not has_mailbox:
            needed -= self.env.ref(FETCH_JOB)
        return needed | self.env.ref(QUEUE_JOB)

    def _job_findings(self):
        return [
            HealthFinding(
                f"job_{job.id}_off",
                HealthState.FAILURE,
                self.env._("A scheduled action is switched off: %s", job.name),
                self.env._("Mail that it works on waits until it is on again."),
                self.env._(
                    "Switch it on under Settings, Technical, Scheduled Actions. Odoo switches off what failed five "
                    "times within a week: the server's log says why."
                ),
                job._name,
                (job.id,),
                "active",
            )
            for job in self._required_jobs()
            if not job.active
        ]

    def _quarantine_findings(self):
        limit = self.env["ir.config_parameter"]._gateway_number(QUARANTINE_PARAMETER, QUARANTINE_A_DAY)
        yesterday = fields.Datetime.now() - timedelta(days=1)
        new = self.env["spp.email.inbound"].search(
            [("state", "=", "quarantined"), ("received_date", ">=", yesterday)], limit=MOST_OPENED
        )
        if not limit or len(new) < limit:
            return []
        reasons = self.env["spp.email.inbound"]._read_group(
            [("id", "in", new.ids)], ["reason"], ["__count"], order="__count desc", limit=3
        )
        labels = dict(new._fields["reason"]._description_selection(self.env))
        lines = [f"{count} × {labels.get(reason, reason)}" for reason, count in reasons if reason]
        return [
            HealthFinding(
                "quarantine_grows",
                HealthState.FAILURE,
                self.env._("The quarantine grows"),
                "\n".join([self.env._("%s messages of the last 24 hours wait for a decision.", len(new)), *lines]),
                self.env._(
                    "Many messages with one reason have one cause: an alias that is missing, a mailbox without a "
                    "target, a rule. Open one of them, put right what it names, then retry all."
                ),
                new._name,
                tuple(new.ids),
            )
        ]


class SppEmailHealth(models.Model):
    _inherit = "spp.email.health"

    @api.model
    def _health_models(self):
        return [*super()._health_models(), "spp.email.standstill"]
