"""A queue of mail and two processes that send it."""

import time
from concurrent.futures import ThreadPoolExecutor

from bench.lanes import PATIENCE, _get, _set, _wait
from bench.meter import Meter, together
from bench.outbound import WARM_UP, Outbound, OutboundSlow, queue


class OutboundTwoLanes(Outbound):
    name = "outbound-two-lanes"
    description = (
        "As outbound, with a second process that takes from the gateway's queue beside the first, as a second cron "
        "worker does. Stock Odoo's queue is one job, which one process works on. The CPU shown is of both."
    )
    limit = "Two processors, which PostgreSQL and the SMTP server need too."
    count = 2000

    def run(self, side):
        if side.kind == "stock":
            return super().run(side)
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(
                side.measure, send_beside, env=self._trust, count=self.count, turn=side.round
            )
            first = side.measure(send_together, env=self._trust, count=self.count, turn=side.round)
            return together(first, second.result())


class OutboundTwoLanesSlow(OutboundTwoLanes, OutboundSlow):
    name = "outbound-20ms-two-lanes"
    description = "The same with a server that takes 20 ms for each reply."
    limit = OutboundSlow.limit
    count = 1000
    rounds = 2
    delay_ms = 20


class OutboundTwoLanesFar(OutboundTwoLanesSlow):
    name = "outbound-20ms-8-sessions"
    description = (
        "The same, set up for a server that is far away and takes more: `spp_email_gateway.sending_threads` is 8, and "
        "so are the server's *Sessions at Once*."
    )

    def set_up(self, side):
        super().set_up(side)
        if side.kind == "gateway":
            side.call(allow, sessions=8)


def allow(env, sessions):
    """Inside Odoo: as many threads, and as many sessions with the server."""
    env["ir.config_parameter"].set_param("spp_email_gateway.sending_threads", sessions)
    env["ir.mail_server"].search([]).gateway_session_limit = sessions
    env.cr.commit()


def send_together(env, count, turn):
    """Inside Odoo: warm up, wait until the other process has, then send until nothing waits."""
    mails = env["mail.mail"]
    mails.process_email_queue(email_ids=queue(env, WARM_UP, turn, "warm"))
    _wait(env, "bench.ready")
    with Meter() as meter:
        _set(env, "bench.begun", "1")
        patience = time.monotonic() + PATIENCE
        while _waiting(env) and time.monotonic() < patience:
            mails.process_email_queue()
    sample = meter.sample(count)
    _set(env, "bench.over", "1")
    return sample


def send_beside(env, count, turn):
    """Inside Odoo: send until the first process says that it is over."""
    for name in ("bench.begun", "bench.over"):
        _set(env, name, "")
    env["mail.mail"].process_email_queue(email_ids=queue(env, WARM_UP, turn, "beside"))
    _set(env, "bench.ready", "1")
    _wait(env, "bench.begun")
    patience = time.monotonic() + PATIENCE
    with Meter() as meter:
        while not _get(env, "bench.over") and time.monotonic() < patience:
            env["mail.mail"].process_email_queue()
            time.sleep(0.01)
    _set(env, "bench.ready", "")
    return meter.sample(count)


def _waiting(env):
    env.cr.rollback()
    env.cr.execute("SELECT EXISTS (SELECT 1 FROM mail_mail WHERE state = 'outgoing')")
    return env.cr.fetchone()[0]
