# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The gate of a server that keeps failing: nothing leaves while it is paused, but for one message that tries."""

from datetime import timedelta

from odoo import fields, models

from ..engine.breaker import BreakerState, judge_server
from ..engine.gate import Hold
from ..engine.outcome import OutboundReason
from ..engine.trace import TraceStep

PROBE = TraceStep("pause of the server", "its time is over", "this message tries the server")

PROBE_WAIT = timedelta(seconds=15)


class SppEmailGate(models.AbstractModel):
    _inherit = "spp.email.gate"

    def _gates(self):
        return [*super()._gates(), "_gate_breaker"]

    def _gate_breaker(self, departure, permit):
        may_leave, breaker = self._breakers()._ask(departure.server_id)
        if may_leave:
            if breaker.state is BreakerState.HALF_OPEN:
                permit.steps.append(PROBE)
            return
        text = self.env._(
            "The server is paused after %(failures)s failures in a row; next attempt at %(until)s UTC. "
            "The last failure: %(cause)s",
            failures=breaker.failures,
            until=breaker.until,
            cause=breaker.cause,
        )
        until = breaker.until
        if breaker.state is BreakerState.HALF_OPEN:
            # One message tries it just now; the others follow as soon as it has gone.
            until = min(until, fields.Datetime.now() + PROBE_WAIT)
        permit.hold = Hold(until, OutboundReason.PAUSED, text)
        permit.steps.append(TraceStep("pause of the server", text, "the mail waits"))

    def _ask(self, departure):
        permit = super()._ask(departure)
        if PROBE in permit.steps and (permit.hold or set(permit.refused) >= set(departure.recipients)):
            self._breakers()._give_back(departure.server_id)
        return permit

    def _note(self, departure, results):
        self._breakers()._learn(departure.server_id, judge_server(results))
        return super()._note(departure, results)

    def _breakers(self):
        # sudo: whoever writes a mail has it sent, without a right to see how the servers are.
        return self.env["spp.email.breaker"].sudo()  # nosemgrep: odoo-sudo-without-context
