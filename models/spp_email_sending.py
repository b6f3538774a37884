# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Who sends: lanes of the queue, each with some threads, within the time that the scheduler leaves."""

import logging
import time
from datetime import timedelta

from odoo import SUPERUSER_ID, api, fields, models, modules

from ..engine.outcome import OutboundReason
from .delivery_ledger import DeliveryLedger
from .ir_mail_server import smtplib_is_replaced
from .spp_email_transaction import DATABASE_BUSY
from .transaction_answers import answers

_logger = logging.getLogger(__name__)

# Mails that one claim takes at most, and one transaction writes the outcome of.
BATCH_MAILS = 50
# Of what waits each thread claims one part of so many for each thread: all end together, whoever is slow.
PARTS = 2
# Seconds after which a batch's outcome is written, and what it has not begun given back.
BATCH_SECONDS = 2.0
# Threads of a lane. Each waits for its own server; Odoo's work is done by one at a time.
THREADS = 4
# As many as a setting allows, for servers that are far away and take more sessions at once: each takes three of the
# process's connections to the database, and 64 MB of its address space.
MOST_THREADS = 8
THREADS_PARAMETER = "spp_email_gateway.sending_threads"
# Mails for which another thread is worth its start.
MAILS_A_THREAD = 5
# Scheduled actions that send, as data has them, and how many mails wait when one calls the next.
LANES = 4
LANES_PARAMETER = "spp_email_gateway.sending_lanes"
BACKLOG = 50
# A call outside of the scheduler sets no limit.
SECONDS = 60
# How often mails are looked for that a worker began and never ended, where there were none.
SUSPECT_SECONDS = 1.0
# How often a batch's outcome is written that collides with somebody else's write.
FOLLOW_ATTEMPTS = 3


class SppEmailSending(models.AbstractModel):
    _name = "spp.email.sending"
    _inherit = ["spp.email.transaction"]
    _description = "Sending of Outgoing Emails"

    @api.model
    def _is_active(self):
        """Return whether mail leaves by the gateway's queue: not in Odoo's tests, nor where smtplib is replaced."""
        if modules.module.current_test:
            return bool(self.env.context.get("gateway_queue"))
        return not self.env["ir.mail_server"]._disable_send() and not smtplib_is_replaced()

    def _cron_send(self, lane):
        """Send what is due. Called by the job of each lane but the first, which is Odoo's own."""
        self._send_due(self.env["ir.cron"]._commit_progress(), lane)

    def _send_due(self, seconds=SECONDS, lane=1, mail_ids=None):
        """Send what is due until nothing is left or ``seconds`` are over; have the rest sent when it is due.

        Args:
            mail_ids: only these mails; None for all.
        """
        if not seconds:
            self._call(lane)
            return
        end = time.monotonic() + seconds
        queue = self.env["spp.email.queue"]
        is_more = queue._adopt()
        queue._free_claims_of_the_dead()
        with self._gateway_cursor() as env:
            waiting = env["spp.email.queue"]._backlog(max(BACKLOG, MOST_THREADS * MAILS_A_THREAD))
        if waiting >= BACKLOG and lane < self._lanes() and mail_ids is None:
            with self._gateway_cursor() as env:
                env["spp.email.sending"]._call(lane + 1)
        done = set()
        if waiting:
            count = min(self._threads(), -(-waiting // MAILS_A_THREAD))
            self._send_in_threads(count, end, mail_ids, done)
        with self._gateway_cursor() as env:
            env["spp.email.sending"]._call_for_the_rest(lane, is_more or bool(done))

    def _call_for_the_rest(self, lane, has_worked):
        """Have this lane work again when something is due.

        Args:
            has_worked: something came of this run. Otherwise what is due is held by somebody, and asking again at once
                would ask without end.
        """
        queue = self.env["spp.email.queue"]
        if has_worked and queue._backlog(1):
            self._call(lane)
        elif lane == 1:
            due = [queue._next_due()]
            if queue._backlog(1):
                due.append(fields.Datetime.now() + timedelta(minutes=1))
            for job in self._job(1) if any(due) else ():
                job._trigger(at=min(filter(None, due)))

    def _call(self, lane):
        for job in self._job(lane):
            job._trigger()

    def _call_once(self, due=None):
        """Have the queue look at once, or when something is due (naive UTC); asked for once a transaction."""
        called = answers(self.env).setdefault("sending", set())
        if due not in called:
            called.add(due)
            for job in self._job(1):
                job._trigger(due)

    def _has_job(self):
        """Return whether Odoo's own queue job runs: somebody may have switched it off, or deleted it."""
        return bool(self._job(1).active)

    def _job(self, lane):
        name = "mail.ir_cron_mail_scheduler_action" if lane == 1 else f"spp_email_gateway.ir_cron_send_{lane}"
        job = self.env.ref(name, raise_if_not_found=False) or self.env["ir.cron"]
        return job.sudo()  # nosemgrep: starting work, no data

    def _lanes(self):
        return min(self.env["ir.config_parameter"]._gateway_number(LANES_PARAMETER, LANES), LANES)

    def _threads(self):
        return max(1, min(self.env["ir.config_parameter"]._gateway_number(THREADS_PARAMETER, THREADS), MOST_THREADS))

    # ------------------------------------------------------------------
    # One thread
    # ------------------------------------------------------------------

    def _send_until(self, end, mail_ids=None, done=None, threads=1, paces=None, stop=None):
        """Claim and send until nothing is due or it is ``end``. One thread's whole work, on an autonomous cursor.

        Args:
            done: set that gets the ids of mails whose work is over.
            threads: how many share the work.
            paces: list that gets the thread's Pace.
            stop: Event; once it is set no message is begun any more.
        """
        queue = self.env["spp.email.queue"]
        ledger = DeliveryLedger(self.env, stop=stop)
        ledger.prepare()
        if paces is not None:
            paces.append(ledger.pace)
        more, seen, suspects_at = True, set(), 0.0
        while more and time.monotonic() < end and not ledger.stop.is_set():
            more = False
            # In turn, so that neither kind keeps the other waiting.
            for is_suspect in (False, True):
                if is_suspect and more and time.monotonic() < suspects_at:
                    continue
                claims = queue._claim_due(1 if is_suspect else BATCH_MAILS, mail_ids, is_suspect, PARTS * threads)
                if is_suspect:
                    suspects_at = 0.0 if claims else time.monotonic() + SUSPECT_SECONDS
                more = more or bool(claims)
                if is_suspect and claims and queue._killed_too_often(*claims.values()):
                    self._set_aside(claims, ledger, OutboundReason.PROCESS_DIED, self._killer_words())
                elif claims and not seen.issuperset(claims):
                    seen.update(self._send_claims(claims, ledger, end))
                elif claims:
                    # Worked on in this run already, and due again at once: nothing comes of it now.
                    queue._let_go(list(claims.values()))
        if done is not None:
            done.update(seen)

    def _send_claims(self, claims, ledger, end):
        """Send claimed mails, write what became of them, and give back what was not begun."""
        done, failure = [], None
        try:
            with self._gateway_cursor() as env:
                until = min(end, time.monotonic() + BATCH_SECONDS)
                env(user=SUPERUSER_ID)["spp.email.dispatch"]._dispatch(claims, ledger, until, done)
        except Exception as error:  # noqa: BLE001 - one bad mail; what was sent stands in the ledger
            _logger.warning("A batch of outgoing emails ended early: %s.", type(error).__name__)
            failure = error
        ledger.flush()
        self._signal(failure)
        self._follow(done, claims)
        rest = [claim for mail_id, claim in claims.items() if mail_id not in done]
        queue = self.env["spp.email.queue"]
        if not failure:
            queue._give_back(rest)
        elif len(claims) > 1:
            # Which of them it was shows when each is claimed alone.
            queue._suspect(rest)
        elif isinstance(failure, DATABASE_BUSY):
            # It may pass, and counts as begun all the same.
            queue._let_go(rest)
        elif rest:
            self._set_aside(claims, ledger, OutboundReason.NOT_BUILT, str(failure))
        return done

    def _killer_words(self):
        return self.env._("The server process died each time it was sent. Look into Odoo's log, then press Retry.")

    def _signal(self, failure):
        """Tell other processes of caches that the batch made stale: Odoo does it for the job's own thread only."""
        if not modules.module.current_test:
            if failure:
                self.env.registry.reset_changes()
            else:
                self.env.registry.signal_changes()

    def _set_aside(self, claims, ledger, reason, text):
        """Call mails failed that end the work each time they are come to; a person decides about them."""
        with self._gateway_cursor() as env:
            env(user=SUPERUSER_ID)["spp.email.dispatch"]._give_up(claims, ledger, reason, text)
        ledger.flush()
        self._follow(list(claims), claims)

    def _follow(self, mail_ids, claims):
        """Let the mails show what the ledger says, and free their claims; one by one if it fails for all."""
        mine = {mail_id: claims[mail_id] for mail_id in mail_ids}
        if not mine:
            return
        is_busy = False
        for _attempt in range(FOLLOW_ATTEMPTS):
            try:
                with self._gateway_cursor() as env:
                    env(user=SUPERUSER_ID)["mail.mail"].browse(mine)._gateway_follow(mine)
                return
            except DATABASE_BUSY:
                # A person, or a bounce, writes on the same mail or notification just now.
                is_busy = True
            except Exception as error:  # noqa: BLE001 - another addon's fault must not make anything be sent again
                _logger.warning("The outcome of %s emails could not be written: %s.", len(mine), type(error).__name__)
                is_busy = False
                break
        if len(mine) > 1:
            for mail_id in mine:
                self._follow([mail_id], claims)
        elif is_busy:
            # The ledger has it: the next worker sends nothing and writes it.
            self.env["spp.email.queue"]._give_back(list(mine.values()), is_begun=True)
        else:
            with self._gateway_cursor() as env:
                env(user=SUPERUSER_ID)["mail.mail"].browse(mine)._gateway_follow_plainly(mine)
