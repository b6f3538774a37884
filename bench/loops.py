"""What it costs to learn that a sender did not write too often, beside few and beside many records."""

from email.message import EmailMessage

from bench.meter import Meter
from bench.scale import statements
from bench.workload import Workload

# Just below the limit of the guides: the most that is ever counted of a sender who is let in.
RECENT = 19
BATCH = 10


class FewLoopChecks(Workload):
    name = "loop-check-10k"
    records = 10_000
    count = 200
    rounds = 2
    description = (
        "Only the check whether a sender wrote too often, for messages of distinct senders with 19 new records each "
        "within the last two hours, in a database with 10,000 leads, and as many journal rows where there is a "
        "journal. Stock Odoo counts leads; the gateway counts its journal, for ten messages at once as it does for a "
        "batch."
    )
    limit = "Compare with loop-check-1m: what is slower there is a search without an index."

    def set_up(self, side):
        for statement in statements(self.records, side.kind == "gateway"):
            side.execute(statement)
        side.execute(recent_leads(self.count))
        if side.kind == "gateway":
            side.execute(recent_journal(self.count))
        side.execute("ANALYZE")

    def run(self, side):
        return side.measure(check, count=self.count)

    def verify(self, side):
        """Nothing: `check` raises where a message is held that must not be, or let in that must be held."""


class ManyLoopChecks(FewLoopChecks):
    name = "loop-check-1m"
    records = 1_000_000
    count = 50
    rounds = 1
    description = "As loop-check-10k, with 1,000,000 of each."
    limit = "Compare with loop-check-10k. Stock Odoo looks in the middle of addresses, through all leads."


def recent_leads(count):
    """The last one has 20."""
    return f"""
        INSERT INTO crm_lead (name, type, active, email_from, email_normalized, priority, create_uid, create_date,
                              write_uid, write_date, message_bounce)
        SELECT 'New', 'lead', TRUE, 'new' || n || '@remote.test', 'new' || n || '@remote.test', '0', 1,
               now() AT TIME ZONE 'UTC' - times * interval '1 minute', 1, now(), 0
          FROM generate_series(0, {count}) AS n, generate_series(1, {RECENT} + (n = {count})::int) AS times
    """


def recent_journal(count):
    """As many rows that count, and a message of each sender that is to be judged."""
    return f"""
        INSERT INTO spp_email_inbound (server_key, folder, uid_validity, uid, state, received_date, digest, size,
                                       message_id, conversation, subject, email_from, sender, attempts, starts,
                                       claim_fence, is_held, loop_sender, loop_count, loop_target)
        SELECT 'new', 'INBOX', '1', n || '-' || times, CASE WHEN times = 0 THEN 'processing' ELSE 'done' END,
               now() AT TIME ZONE 'UTC' - times * interval '1 minute', md5(n || '-' || times), 1000,
               '<new-' || n || '-' || times || '@bench.test>', md5(n::text), 'New', 'new' || n || '@remote.test',
               'new' || n || '@remote.test', 1, 0, 1, FALSE,
               CASE WHEN times > 0 THEN 'new' || n || '@remote.test' END, CASE WHEN times > 0 THEN 'new' END,
               CASE WHEN times > 0 THEN 'crm.lead' END
          FROM generate_series(0, {count}) AS n, generate_series(0, {RECENT} + (n = {count})::int) AS times
    """


def check(env, count):
    """Inside Odoo: judge a message of each sender, then one of the sender who wrote too often."""
    judge = judge_by_journal if "spp.email.loop" in env else judge_as_stock
    judge(env, range(BATCH))
    with Meter() as meter:
        held = judge(env, range(count))
    if any(held):
        raise RuntimeError(f"{sum(held)} messages were held of senders who are below the limit")
    if judge(env, [count]) != [True]:
        raise RuntimeError("the sender who is over the limit was let in")
    env.cr.rollback()
    return meter.sample(count)


def judge_as_stock(env, numbers):
    held = []
    for number in numbers:
        message = EmailMessage()
        message["To"], message["Subject"] = "help@example.test", "New"
        values = {
            "email_from": f"new{number}@remote.test",
            "to": "help@example.test",
            "message_id": f"<{number}@bench.test>",
            "author_id": False,
        }
        routes = [("crm.lead", 0, {}, env.uid, None)]
        held.append(bool(env["mail.thread"]._detect_loop_sender(message, values, routes)))
    return held


def judge_by_journal(env, numbers):
    from odoo.addons.spp_email_gateway.engine.attempt import Attempt
    from odoo.addons.spp_email_gateway.engine.loop import Arrival
    from odoo.addons.spp_email_gateway.models.transaction_answers import answers

    held, loops, numbers = [], env["spp.email.loop"], list(numbers)
    for start in range(0, len(numbers), BATCH):
        # Each batch is a transaction: nothing is known of the one before.
        answers(env).clear()
        uids = [f"{number}-0" for number in numbers[start : start + BATCH]]
        inbounds = env["spp.email.inbound"].search([("server_key", "=", "new"), ("uid", "in", uids)])
        loops._prepare(inbounds)
        for inbound in inbounds:
            attempt = Attempt(inbound.id)
            attempt.facts["loop_since"] = loops._since(inbound, env.cr.now())
            held.append(loops._holds(attempt, Arrival(inbound.sender, targets=("crm.lead",))))
    return held
