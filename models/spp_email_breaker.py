# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Outgoing servers that keep failing are left alone for a while: one row a server that has failed."""

from dataclasses import asdict

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine.breaker import BREAKER_STATE_WORDS, Breaker, BreakerState, admit, after, give_back, try_now
from ..engine.health import HealthFinding, HealthState
from ..engine.outcome import selection
from .engine_text import EngineText
from .transaction_answers import asked_once

COLUMNS = ("state", "failures", "pauses", "since", "until", "cause")


class SppEmailBreaker(models.Model):
    """A table of its own: sending threads write here while a person has the server's form open."""

    _name = "spp.email.breaker"
    _inherit = ["spp.email.transaction"]
    _description = "State of an Outgoing Server"
    _log_access = False
    _rec_name = "server_id"

    # Empty for the configuration file's server.
    server_id = fields.Many2one("ir.mail_server", readonly=True, ondelete="cascade")
    state = fields.Selection(selection(BREAKER_STATE_WORDS), required=True, readonly=True, default="closed")
    failures = fields.Integer("Failures in a Row", required=True, readonly=True, default=0)
    pauses = fields.Integer(required=True, readonly=True, default=0)
    since = fields.Datetime("Failing Since", readonly=True)
    until = fields.Datetime("Next Attempt", readonly=True)
    cause = EngineText("Last Failure", readonly=True)

    _server_unique = models.UniqueIndex("(COALESCE(server_id, 0))")

    @api.model
    def _ask(self, server_id):
        """Return (whether a message may leave by this server now, its Breaker).

        A Breaker that is half open and lets it leave makes this message the probe: exactly one across all processes.
        Whoever asked must tell the outcome by ``_learn``, or that nothing left by ``_give_back``.
        """
        breaker = self._look(server_id)
        if breaker.state is BreakerState.CLOSED:
            return True, breaker
        answers = []

        def ask(breaker, now):
            answers.append(admit(breaker, now))
            return answers[-1][1]

        self._change(server_id, ask)
        return answers[-1]

    @api.model
    def _learn(self, server_id, verdict):
        """Take in what a transaction said about a server (engine.breaker.Verdict)."""
        if verdict.works is not False and self._look(server_id) == Breaker():
            return
        self._change(server_id, lambda breaker, now: after(breaker, verdict, now))

    @api.model
    def _give_back(self, server_id):
        """The probe did not leave."""
        self._change(server_id, give_back)

    @api.model
    def _try_now(self, server_id):
        """End a pause: the next message probes."""
        self._change(server_id, try_now)

    @api.model
    def _forget(self, server_id):
        """What it failed with was put right."""
        self._change(server_id, lambda _breaker, _now: Breaker())

    def _look(self, server_id):
        """Return the Breaker as this transaction sees it: nearly always there is none, or it is closed."""
        return asked_once(
            self.env, "breakers", server_id, lambda: self._read_breaker(self.env, server_id, SQL())
        )

    def _change(self, server_id, change):
        """Write what ``change(breaker, now)`` makes of a server's Breaker, in a transaction of its own."""
        with self._gateway_cursor(read_committed=True) as env:
            # The server may have been deleted meanwhile.
            env.execute_query(
                SQL(
                    """
                    INSERT INTO spp_email_breaker (server_id, state, failures, pauses)
                         SELECT %(id)s::integer, 'closed', 0, 0
                          WHERE %(id)s IS NULL OR EXISTS (SELECT FROM ir_mail_server WHERE id = %(id)s)
                    ON CONFLICT DO NOTHING RETURNING id
                    """,
                    id=server_id,
                )
            )
            breaker = self._read_breaker(env, server_id, SQL("FOR NO KEY UPDATE"))
            # PostgreSQL's clock is the only one that all hosts share.
            ((now,),) = env.execute_query(SQL("SELECT date_trunc('second', clock_timestamp() AT TIME ZONE 'UTC')"))
            changed = change(breaker, now)
            if changed != breaker:
                values = asdict(changed)
                assignments = [SQL("%s = %s", SQL.identifier(name), _column(values[name])) for name in COLUMNS]
                env.execute_query(
                    SQL(
                        "UPDATE spp_email_breaker SET %s WHERE COALESCE(server_id, 0) = %s RETURNING id",
                        SQL(", ").join(assignments),
                        server_id or 0,
                    )
                )
        self.invalidate_model(flush=False)

    def _read_breaker(self, env, server_id, lock):
        rows = env.execute_query(
            SQL(
                "SELECT %s FROM spp_email_breaker WHERE COALESCE(server_id, 0) = %s %s",
                SQL(", ").join(map(SQL.identifier, COLUMNS)),
                server_id or 0,
                lock,
            )
        )
        if not rows:
            return Breaker()
        values = dict(zip(COLUMNS, rows[0], strict=True))
        return Breaker(**{**values, "state": BreakerState(values["state"]), "cause": values["cause"] or ""})

    @api.model
    def _gateway_health(self):
        return [
            HealthFinding(
                f"outgoing_server_{breaker.server_id.id or 0}_paused",
                HealthState.FAILURE,
                self.env._("Outgoing server is paused: %s", breaker.server_id.name or "odoo.conf"),
                self.env._(
                    "%(failures)s failures in a row since %(since)s UTC. The last one: %(cause)s",
                    failures=breaker.failures,
                    since=breaker.since,
                    cause=breaker.cause or "",
                ),
                self.env._(
                    "Mail waits, nothing is lost; one message tries the server from time to time. Open the server, "
                    "press Test Connection and put right what it names, then press Try Now."
                ),
                "ir.mail_server" if breaker.server_id else "",
                tuple(breaker.server_id.ids),
            )
            for breaker in self.search([("state", "!=", BreakerState.CLOSED.value)])
            if not breaker.server_id or breaker.server_id.active
        ]


def _column(value):
    return value.value if isinstance(value, BreakerState) else value
