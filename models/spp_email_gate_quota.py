# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The gate that holds mail while a limit of its server is reached."""

import threading
from dataclasses import replace
from datetime import timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from odoo import fields, models

from ..engine.gate import Hold
from ..engine.outcome import OutboundReason, OutboundState
from ..engine.quota import Window, describe_shortage, wishes
from ..engine.trace import TraceStep
from .transaction_answers import asked_once

# What a server took, or may have taken, counts.
_COUNTED = (OutboundState.SENT, OutboundState.UNKNOWN)
# Reached for these, managers are told.
WARNED_WINDOWS = (Window.HOUR, Window.DAY, Window.MASS_DAY)
WARNING_SHARE = 0.9
QUEUE_JOB = "mail.ir_cron_mail_scheduler_action"

# What the thread's last departure reserved. A thread asks, sends and notes one after the other; when it could not send
# at all, the results do not say for whom it had asked.
_thread = threading.local()


class SppEmailGate(models.AbstractModel):
    _inherit = "spp.email.gate"

    def _gates(self):
        # The last one: what a later gate held would have taken its places for nothing.
        return [*super()._gates(), "_gate_quota"]

    def _gate_quota(self, departure, permit):
        """Take a message's places in its server's quota, or hold it until there is room."""
        server = self._limited_server(departure)
        recipients = [address for address in departure.recipients if address not in permit.refused]
        if not server or not recipients:
            return
        limits = server._gateway_limits()
        wanted = wishes(recipients, server._gateway_unit(), is_mass=departure.is_mass)
        short, counts = self.env["spp.email.quota.use"]._reserve(server.id, limits, wanted)
        if short:
            text = describe_shortage(short, fields.Datetime.now(), self._local(departure))
            # Naive, whole seconds, and never before there is room.
            until = short.until.replace(microsecond=0) + timedelta(seconds=1)
            permit.hold = Hold(until, OutboundReason.QUOTA, text)
            permit.steps.append(TraceStep(f"limits of server {server.id}", text, "waits"))
            self._wake_queue(until)
            return
        _thread.reserved = ((self.env.cr.dbname, departure), wanted)
        if any(self._crosses(limits, counts, wanted, window) for window in WARNED_WINDOWS):
            self._look_at_health()

    def _note(self, departure, results):
        super()._note(departure, results)
        server = self._limited_server(departure)
        if not server:
            return
        unit = server._gateway_unit()
        accepted = [address for address, result in results.items() if result.state in _COUNTED]
        kept = {
            (wish.window, wish.domain): wish.count for wish in wishes(accepted, unit, is_mass=departure.is_mass)
        }
        asked, reserved = getattr(_thread, "reserved", None) or (None, None)
        if asked == (self.env.cr.dbname, departure):
            _thread.reserved = None
        else:
            # Reserved elsewhere: what is noted was asked for.
            reserved = wishes(list(results), unit, is_mass=departure.is_mass)
        self.env["spp.email.quota.use"]._give_back(
            server.id,
            [replace(wish, count=wish.count - kept.get((wish.window, wish.domain), 0)) for wish in reserved],
        )

    def _limited_server(self, departure):
        """Return the server of a departure if it has limits, else an empty recordset."""
        return asked_once(
            self.env, "limited servers", departure.server_id, lambda: self._read_limited_server(departure.server_id)
        )

    def _read_limited_server(self, server_id):
        # sudo: whoever causes mail sends it through servers whose settings are not shown to them.
        server = self.env["ir.mail_server"].sudo().browse(server_id or ()).exists()  # nosemgrep
        return server if server and server._gateway_limits() else server.browse()

    def _crosses(self, limits, counts, wanted, window):
        """Return whether this message is the one that reached the share of a limit at which managers are told."""
        if window not in counts:
            return False
        mark = limits.get(window, 0) * WARNING_SHARE
        own = next((wish.count for wish in wanted if wish.window is window and not wish.domain), 0)
        return bool(mark) and counts[window] - own < mark <= counts[window]

    def _look_at_health(self):
        """Have managers told within a minute: the regular check comes every quarter of an hour."""
        with self.env["spp.email.transaction"]._gateway_cursor(read_committed=True) as env:
            # sudo: starting work, no data.
            if job := env["spp.email.health"]._job().sudo():  # nosemgrep
                job._trigger()

    def _wake_queue(self, until):
        """Have Odoo's queue run at the minute in which there is room again; once for all mail that waits for it."""
        with self.env["spp.email.transaction"]._gateway_cursor(read_committed=True) as env:
            # sudo: as above.
            job = env.ref(QUEUE_JOB).sudo()  # nosemgrep
            # sudo: when the job runs, no data.
            waits = env["ir.cron.trigger"].sudo()  # nosemgrep
            soon = [("call_at", ">=", until), ("call_at", "<=", until + timedelta(minutes=1))]
            if not waits.search_count([("cron_id", "=", job.id), *soon], limit=1):
                job._trigger(at=until)

    def _local(self, departure):
        """Return the function that puts a UTC time into the time zone of a departure's company.

        The text is stored with the mail and read by many: the company's zone is the one that they share.
        """
        # sudo: only the time zone is read.
        company = self.env["res.company"].sudo().browse(departure.company_id or self.env.company.id)  # nosemgrep
        author = self.env["mail.mail"].sudo().browse(departure.mail_id).exists().author_id  # nosemgrep: as above
        name = company.partner_id.tz or author.tz or self.env.user.tz
        try:
            zone = ZoneInfo(name) if name else None
        except (ZoneInfoNotFoundError, ValueError):
            zone = None
        return lambda moment: moment.replace(tzinfo=timezone.utc).astimezone(zone) if zone else moment
