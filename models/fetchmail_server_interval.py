# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""When a mailbox is checked, said on its form; and how it is listened to and read without the database."""

from dataclasses import replace
from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import format_datetime

from ..engine.interval import is_due, next_check
from ..engine.mailbox import open_mailbox
from ..engine.watching import Watched
from .engine_text import EngineChar
from .sealed_field import refuse_evaluated
from .spp_email_watch import FETCH_JOB

INTERVALS = {
    "minutes": timedelta(minutes=1),
    "hours": timedelta(hours=1),
    "days": timedelta(days=1),
    "weeks": timedelta(weeks=1),
    "months": timedelta(days=30),
}


class FetchmailServer(models.Model):
    _inherit = "fetchmail.server"

    gateway_interval_minutes = fields.Integer(
        "Check Every (Minutes)",
        help="0: at every run of the scheduled action “Mail: Fetchmail Service”. A mailbox can be checked less "
        "often than that, not more often.",
    )
    gateway_next_check = EngineChar("Next Check", compute="_compute_gateway_next_check")

    _gateway_interval_positive = models.Constraint(
        "CHECK (COALESCE(gateway_interval_minutes, 0) >= 0)",
        "The interval of a mailbox cannot be negative.",
    )

    def _gateway_job(self):
        """Return Odoo's job that reads mailboxes, and its interval."""
        # sudo: when it runs is no secret, and managers need not be allowed to see scheduled actions.
        job = self.env.ref(FETCH_JOB).sudo()  # nosemgrep
        return job, job.interval_number * INTERVALS[job.interval_type]

    def _gateway_next_check_date(self):
        """Return when the mailbox is checked next, None when it is not."""
        self.ensure_one()
        job, job_interval = self._gateway_job()
        if not job.active or not self.active or self.state != "done":
            return None
        return next_check(
            fields.Datetime.now(),
            job.nextcall,
            job_interval,
            self.date or None,
            timedelta(minutes=self.gateway_interval_minutes),
            self.gateway_next_fetch_date or None,
        )

    def _compute_gateway_next_check(self):
        job = self._gateway_job()[0]
        listened = self.env["spp.email.watch"]._is_listening(self)
        for server in self:
            date = server._gateway_next_check_date()
            if server.state != "done" or server.server_type == "local":
                server.gateway_next_check = False
            elif not server.active:
                server.gateway_next_check = self.env._("Never: this mailbox is archived.")
            elif not job.active:
                server.gateway_next_check = self.env._(
                    "Never: the scheduled action “%s” is switched off. Switch it on in Settings, Technical, "
                    "Scheduled Actions.",
                    job.name,
                )
            else:
                when = format_datetime(self.env, date)
                server.gateway_next_check = (
                    self.env._("As mail arrives (push), and at %s", when) if server in listened else when
                )

    def _gateway_due(self):
        """Return those of these mailboxes that the run of the job that goes on now has to read.

        A run at its time reads what is due by its interval. One that was triggered in between reads what mail is known
        to wait in; when that is nothing, somebody else wanted a run, and it is read as at its time.
        """
        now = fields.Datetime.now()
        job, job_interval = self._gateway_job()
        rested = self.filtered(lambda server: (server.gateway_next_fetch_date or now) <= now)
        awaited = rested.browse(self.env["spp.email.watch"]._awaited(self.ids)) & rested
        due = rested.filtered(
            lambda server: is_due(
                now, server.date or None, timedelta(minutes=server.gateway_interval_minutes), job_interval
            )
        )
        return awaited if awaited and job.nextcall > now else awaited | due

    def action_gateway_compare(self):
        """Open a new comparison of this mailbox with the journal."""
        self.ensure_one().check_access("write")
        action = self.env["ir.actions.act_window"]._for_xml_id("spp_email_gateway.action_spp_email_reconciliation")
        return {
            **action,
            "views": [(False, "form")],
            "res_id": False,
            "context": {"default_server_id": self.id},
        }

    def _gateway_settings_now(self):
        """Return (protocol, connection, credential) as of now; called where refreshing an OAuth token may write.

        Raises:
            ConfigurationError, GatewayError, UserError: a setting is wrong, or there is no token.
        """
        self.ensure_one()
        refuse_evaluated(self.env)
        return self._get_connection_type(), self._gateway_connection(), self._credential()

    def _gateway_opening(self, opening=open_mailbox):
        """Return a function of ``dial`` (and ``folder``) that opens the mailbox without the database: for a thread.

        Args:
            opening: engine.mailbox.open_mailbox, or another that takes the same and gives another reader.

        Raises:
            as `_gateway_settings_now`.
        """
        if not self.active:
            raise UserError(self.env._("This mailbox is archived."))
        with self.env["spp.email.transaction"]._gateway_cursor() as env:
            protocol, connection, credential = self.with_env(env)._gateway_settings_now()
        return lambda dial, **options: opening(protocol, connection, credential, dial=dial, **options)

    def _gateway_watched(self, database):
        """Return an engine.watching.Watched for each folder that the push command listens to."""
        _protocol, connection, credential = self._gateway_settings_now()
        # Who listens has no session to get done with.
        connection = replace(connection, session_timeout=0.0)
        mailbox = (database, self.id)
        return [
            Watched((mailbox, selection.folder), mailbox, connection, credential, selection.folder)
            for selection in self._gateway_selections()
        ]
