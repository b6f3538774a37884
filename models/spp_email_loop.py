# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Counts what came in from whom, and holds what is over a limit. The journal is the memory; no other table is asked."""

from odoo import fields, models
from odoo.tools import SQL, email_normalize
from odoo.tools.mail import generate_tracking_message_id

from ..engine.arrival import delivered
from ..engine.attempt import NoticeIntent
from ..engine.loop import (
    DEFAULTS,
    MINUTES,
    OF_THE_SENDER,
    Arrival,
    Count,
    LoopLimit,
    LoopSettings,
    bare,
    counted_sender,
    counted_with,
    is_forged,
    passed,
    questions,
)
from ..engine.loop_signs import HOPS, Own
from ..engine.summary import addresses
from .spp_email_inbound_loop import DATE, DOMAIN, NEW, REPLY
from .transaction_answers import answers

MINUTES_PARAMETER = "mail.gateway.loop.minutes"
HOPS_PARAMETER = "spp_email_gateway.loop_hops"
# The first one is Odoo's, as in the guides.
LIMIT_PARAMETERS = {
    LoopLimit.SENDER: "mail.gateway.loop.threshold",
    LoopLimit.SENDER_REPLIES: "spp_email_gateway.loop_threshold_replies",
    LoopLimit.SENDER_TARGET: "spp_email_gateway.loop_threshold_sender_target",
    LoopLimit.TARGET: "spp_email_gateway.loop_threshold_record",
    LoopLimit.DOMAIN: "spp_email_gateway.loop_threshold_domain",
}
# What each limit counts, as an index has it.
CONDITIONS = {
    LoopLimit.SENDER: f"loop_sender = asked.who AND loop_count = '{NEW}'",
    LoopLimit.SENDER_REPLIES: f"loop_sender = asked.who AND loop_count = '{REPLY}'",
    LoopLimit.SENDER_TARGET: "loop_sender = asked.who AND loop_target = asked.target"
    f" AND loop_count = CASE WHEN strpos(asked.target, ',') > 0 THEN '{REPLY}' ELSE '{NEW}' END",
    LoopLimit.TARGET: f"loop_target = asked.who AND loop_count = '{REPLY}'",
    LoopLimit.DOMAIN: f"{DOMAIN} = asked.who AND loop_count IS NOT NULL",
}
# A count reads no more rows than its limit, so a limit is no more than can be counted in a moment.
LONGEST_MINUTES, HIGHEST_LIMIT = 43_200, 100_000
# Of the addresses that a notice names: a sender chooses what stands in To.
MOST_NAMED = 3


class SppEmailLoop(models.AbstractModel):
    _name = "spp.email.loop"
    _description = "Limits of Incoming Emails"

    def _settings(self):
        """Return the engine's LoopSettings, as the parameters say in this transaction."""
        known = answers(self.env)
        if "loop settings" not in known:
            number = self.env["ir.config_parameter"]._gateway_number
            known["loop settings"] = LoopSettings(
                min(number(MINUTES_PARAMETER, MINUTES), LONGEST_MINUTES) or MINUTES,
                {
                    limit: min(number(parameter, DEFAULTS[limit]), HIGHEST_LIMIT)
                    for limit, parameter in LIMIT_PARAMETERS.items()
                },
            )
        return known["loop settings"]

    def _most_hops(self):
        return self.env["ir.config_parameter"]._gateway_number(HOPS_PARAMETER, HOPS)

    def _is_allowed(self, sender):
        """Return whether an address is on Odoo's list of those who may send without limit."""
        # sudo: the list is the administrators'; whether an address is on it decides about its mail.
        allowed = self.env["mail.gateway.allowed"].sudo()  # nosemgrep
        if not bare(sender) or is_forged(sender):
            # A forger has no permission of whom he names.
            return False
        normalized = {sender, email_normalize(sender) or sender}
        return bool(allowed.search_count([("email_normalized", "in", list(normalized))], limit=1))

    # ------------------------------------------------------------------
    # Counting
    # ------------------------------------------------------------------

    def _since(self, inbound, now, content=b""):
        """Return when the window of a message begins, naive UTC.

        It is counted back from when its mail server took it: what waited there or here because the gateway was down is
        no flood. Who is processed again has waited meanwhile.
        """
        return (now if inbound.trace else min(delivered(content, inbound.received_date), now)) - self._settings().window

    def _prepare(self, inbounds):
        """Ask at once what messages of a batch will ask: how much came from their senders, and what mail is our own."""
        known, now = answers(self.env), fields.Datetime.now()
        messages = known.get("messages", {})
        asked = [
            (question, self._since(inbound, now, messages.get(inbound.id, (b"",))[0] or b""))
            for inbound in inbounds
            # Nearly all of them make records. What a reply asks beside this it asks itself.
            for question in questions(Arrival(counted_sender(inbound.sender or "")), self._settings())
        ]
        known["loop counts"] = self._counts(asked)
        known["loop arrivals"] = []
        known["sent message ids"] = self._sent({inbound.message_id for inbound in inbounds if inbound.message_id})

    def _sent(self, message_ids):
        """Return those of ``message_ids`` that mail of ours had, as we or the provider named it."""
        if not message_ids:
            return set()
        rows = self.env.execute_query(
            SQL(
                "SELECT message_id FROM spp_email_delivery WHERE message_id IN %(ids)s UNION"
                " SELECT remote_message_id FROM spp_email_delivery WHERE remote_message_id IN %(ids)s",
                ids=tuple(message_ids),
            )
        )
        return {message_id for (message_id,) in rows}

    def _counts(self, asked):
        """Return {(Question, since): Count}: one query, each part of which ends at its limit, by an index.

        Its cost does not grow with the journal, nor with how much a sender ever sent. What is done counts; what is
        tried again, in earnest or not, must not count itself.
        """
        asked = list(dict.fromkeys(asked))
        by_limit = {}
        for number, (question, since) in enumerate(asked):
            row = SQL("(%s, %s, %s, %s::timestamp, %s)", number, question.who, question.target, since, question.most)
            by_limit.setdefault(question.limit, []).append(row)
        if not by_limit:
            return {}
        parts = [
            SQL(
                "SELECT asked.number, count(*), min(counted.date)"
                " FROM (VALUES %s) AS asked(number, who, target, since, most),"
                " LATERAL (SELECT %s AS date FROM spp_email_inbound"
                " WHERE %s AND state = 'done' AND %s > asked.since"
                " ORDER BY %s DESC LIMIT asked.most) AS counted GROUP BY 1",
                SQL(", ").join(rows),
                SQL(DATE),
                SQL(CONDITIONS[limit]),
                SQL(DATE),
                SQL(DATE),
            )
            for limit, rows in by_limit.items()
        ]
        found = {
            number: Count(count, oldest)
            for number, count, oldest in self.env.execute_query(SQL(" UNION ALL ").join(parts))
        }
        return {one: found.get(number, Count()) for number, one in enumerate(asked)}

    def _counted(self, asked, since):
        """Return {Question: Count}, with what was let in earlier in this transaction."""
        known = answers(self.env)
        counts, arrivals = known.setdefault("loop counts", {}), known.setdefault("loop arrivals", [])
        missing = [(question, since) for question in asked if (question, since) not in counts]
        # What the query sees of this transaction must not be added once more.
        fresh = self._counts(missing)
        return {
            question: fresh[question, since]
            if (question, since) in fresh
            else counted_with(question, counts[question, since], arrivals, since)
            for question in asked
        }

    # ------------------------------------------------------------------
    # Deciding
    # ------------------------------------------------------------------

    def _own(self, inbound, is_allowed, content, is_for_others):
        """Return the engine's Own of a message."""
        known = answers(self.env)
        message_id = inbound.message_id
        return Own(
            is_in_chatter=bool(message_id) and message_id not in known.get("new message ids", ()),
            is_sent=bool(message_id) and message_id in known.get("sent message ids", ()),
            is_allowed=is_allowed,
            is_for_others=is_for_others,
            was_taken=lambda: bool(message_id) and self._was_taken(inbound, content),
        )

    def _was_taken(self, inbound, content):
        """Return whether an earlier copy of a message reached its end here; another text is another message."""
        same = [("message_id", "=", inbound.message_id), ("id", "<", inbound.id)]
        taken = self.env["spp.email.inbound"].search_count([*same, ("state", "in", ("done", "duplicate"))], limit=1)
        return bool(taken) and not inbound._is_other_content(content)

    def _holds(self, attempt, arrival):
        """Return whether an arrival is over a limit; if so, note it on the attempt, and show the breaker."""
        facts = attempt.facts
        if facts.get("loop_released") or (attempt.target and attempt.target.forced):
            return False
        facts["arrival"] = arrival
        settings, now = self._settings(), fields.Datetime.now()
        since = facts.get("loop_since") or now - settings.window
        found = passed(self._counted(questions(arrival, settings), since), settings, now)
        if not found:
            return False
        if self._is_allowed(arrival.sender):
            attempt.trace.add("number of messages", found.words, "let in: the sender may send without limit")
            return False
        breakers = self.env["spp.email.loop.breaker"]
        company = self.env["spp.email.inbound"].browse(attempt.inbound_id).company_id
        reset = breakers._reset_date(found.question, company)
        if reset and reset > since:
            found = passed(self._counts_since(questions(arrival, settings), company, since), settings, now)
            if not found:
                return False
        breakers._open(found, company, now)
        attempt.is_loop = True
        # It reaches no record.
        attempt.creates = ""
        attempt.updates.clear()
        attempt.trace.extend(found.steps)
        facts["loop_passed"] = found
        return True

    def _counts_since(self, asked, company, since):
        """Return {Question: Count}, each counted from when a manager reset its breaker, if he did."""
        breakers = self.env["spp.email.loop.breaker"]
        begins = [(one, max(since, breakers._reset_date(one, company) or since)) for one in asked]
        return {question: count for (question, _since), count in self._counts(begins).items()}

    def _note(self, attempt):
        """Return the values of the journal row by which a message counts, or by which its breaker knows it."""
        arrival, found = attempt.facts.get("arrival"), attempt.facts.get("loop_passed")
        if not arrival:
            return {}
        values = {"loop_sender": arrival.sender or None}
        if found:
            return {**values, "loop_held_by": found.question.key}
        inbound = self.env["spp.email.inbound"].browse(attempt.inbound_id)
        counted = min(attempt.facts.get("loop_date") or inbound.received_date, inbound.received_date)
        answers(self.env).setdefault("loop arrivals", []).append((arrival, counted))
        return {
            **values,
            "loop_date": counted if counted < inbound.received_date else None,
            "loop_count": REPLY if arrival.is_reply else NEW,
            "loop_target": arrival.targets[0] if arrival.targets else None,
        }

    def _tell(self, attempt, message_dict):
        """Note the guide's notice for a sender who wrote too often; whether it is sent is decided as for all notices.

        Only of the sender's own limits: whoever shares a domain or a conversation did nothing.
        """
        found = attempt.facts.get("loop_passed")
        if found.question.limit not in OF_THE_SENDER:
            attempt.trace.add("whether the sender may be answered", "the limit is not of one sender", "no notice")
            return
        counted, settings = attempt.facts.get("loop_date"), self._settings()
        if counted and fields.Datetime.now() - counted > settings.window:
            # The notice speaks of the last minutes.
            words = f"it came more than {settings.minutes} minutes ago"
            attempt.trace.add("whether the sender may be answered", words, "no notice")
            return
        sender = bare(found.question.who)
        if not sender:
            attempt.trace.add("whether the sender may be answered", "the message names no sender", "no notice")
            return
        # sudo: which language a sender reads.
        partners = self.env["res.partner"].sudo()  # nosemgrep
        partner = partners.browse(partners._gateway_partners_by_address([sender])[sender][:1])
        company = self.env["spp.email.inbound"].browse(attempt.inbound_id).company_id or self.env.company
        named = attempt.envelope_recipients or addresses(message_dict.get("to") or "")
        templates = self.env["ir.qweb"].with_context(lang=partner.lang or company.partner_id.lang)
        body = templates._render(
            "mail.message_notification_limit_email",
            {"email": ", ".join(named[:MOST_NAMED])},
            minimal_qcontext=True,
            raise_if_not_found=False,
        )
        # Odoo's tag, by which an answer to the notice is known.
        tag = generate_tracking_message_id("loop-detection-bounce-email")
        attempt.notices.append(
            NoticeIntent(
                sender,
                f"Re: {message_dict.get('subject') or ''}",
                str(body or ""),
                (("references", f"{message_dict.get('message_id') or ''} {tag}".strip()),),
                "loop",
            )
        )
