# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the suppression list learns: from reports, from refusals, and from people who write."""

import logging

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine.message_kind import MessageKind
from ..engine.outcome import InboundReason, InboundState
from ..engine.sender_verdict import SenderResult
from ..engine.suppression import Lesson, SuppressionSource, after_hearing, are_enough, entry_of, learn
from ..engine.suppression_address import suppression_address
from .mail_thread import ATTEMPT
from .spp_email_sender_step import DECISION
from .spp_email_suppression import QUESTION
from .spp_email_transaction import DATABASE_ILL
from .transaction_answers import answers

_logger = logging.getLogger(__name__)

SENDERS = "suppressed senders"
# Of the last deliveries of a server so many, and this share, call an address dead: then nothing is learned from it.
LAST_DELIVERIES, MANY_REFUSALS, MANY_SHARE = 100, 20, 0.2


class SppEmailSuppression(models.Model):
    _inherit = "spp.email.suppression"

    @api.model
    def _learn(
        self, company, address, report, mail_class, delivery=None, inbound=None, source=SuppressionSource.REPORT
    ):
        """Take in what a report says about one recipient of a mail of ours; return the entry, empty for none.

        Hard failures and complaints put the address on the list at once, soft failures once they are enough.

        Args:
            company: whose mail it was; an empty recordset for that of all.
            address: that the mail was sent to.
            report: engine.message_kind.RecipientReport.
            mail_class: of the mail: transactional, mass, legal or login.
            delivery, inbound: the delivery's row and the journal's row, where they are known.
        """
        address = suppression_address(address)
        lesson = learn(report)
        if not address or lesson is Lesson.NOTHING or self._own_among([address]):
            return self.browse()
        # sudo: the list learns whoever's mail it is.
        counts = self.env["spp.email.suppression.count"].sudo()  # nosemgrep
        if lesson is Lesson.ALIVE:
            counts._forget(address, company.id)
            return self.browse()
        policy, _learns_refusals = self.env["spp.email.suppression.policy"]._of(company.id)
        now = fields.Datetime.now()
        if lesson is Lesson.COUNT and not are_enough(counts._add(company.id, address, now.date()), now.date(), policy):
            return self.browse()
        attempt = self.env.context.get(ATTEMPT)
        facts = {
            "delivery_id": delivery.id if delivery else False,
            "inbound_id": inbound.id if inbound else getattr(attempt, "inbound_id", False),
            "enhanced_status": report.status,
            "remote_text": report.text,
        }
        # What is not known this time was known the last time.
        facts = {name: value for name, value in facts.items() if value}
        return self._enter(company.id, address, entry_of(report, mail_class, now, policy), source, **facts)

    @api.model
    def _learn_refusals(self, departure, reports):
        """Take in what a server said at RCPT, in a transaction of its own: the sending one waits for the network.

        Args:
            departure: engine.gate.Departure.
            reports: {address: RecipientReport}.
        """
        _policy, learns_refusals = self.env["spp.email.suppression.policy"]._of(departure.company_id)
        if not learns_refusals:
            return
        if self._refuses_many(departure.server_id):
            _logger.warning("Outgoing server %s refuses many recipients: nobody is listed for it.", departure.server_id)
            return
        try:
            with self.env["spp.email.transaction"]._gateway_cursor(read_committed=True) as env:
                # A message that is processed just now may hold a row, and the sending does not wait for it.
                env.cr.execute("SET LOCAL lock_timeout = '2s'")
                self.with_env(env)._enter_refusals(departure, reports)
        except DATABASE_ILL as error:
            # The next refusal teaches it again.
            _logger.warning("What a server refused was not learned: %s.", type(error).__name__)
        self.invalidate_model(flush=False)
        # Later mails of this batch have asked already.
        known = answers(self.env).get(QUESTION, {})
        for address in reports:
            known.pop(suppression_address(address), None)

    @api.model
    def _enter_refusals(self, departure, reports):
        rows = self.env.execute_query(
            SQL(
                "SELECT lower(recipient), id FROM spp_email_delivery WHERE mail_id = %s AND lower(recipient) IN %s",
                departure.mail_id,
                tuple(reports),
            )
        )
        deliveries = dict(rows)
        # sudo: as in _learn.
        listed = self.sudo()  # nosemgrep
        company = self.env["res.company"].browse(departure.company_id or ())
        # In one order for all: two mails with the same recipients do not wait for each other.
        for address in sorted(reports):
            delivery = self.env["spp.email.delivery"].browse(deliveries.get(address, ()))
            listed._learn(
                company,
                address,
                reports[address],
                departure.mail_class,
                delivery,
                source=SuppressionSource.DELIVERY,
            )

    @api.model
    def _refuses_many(self, server_id):
        """Return whether a server calls so many addresses dead that it is at fault: a relay without its list."""
        if not server_id:
            return False
        refused, total = self.env.execute_query(
            SQL(
                "SELECT count(*) FILTER (WHERE state = 'failed' AND enhanced_status LIKE '5.1.%%'), count(*)"
                " FROM (SELECT state, enhanced_status FROM spp_email_delivery"
                " WHERE server_id = %s AND state IN ('sent', 'failed', 'bounced') ORDER BY id DESC LIMIT %s) AS last",
                server_id,
                LAST_DELIVERIES,
            )
        )[0]
        return refused >= MANY_REFUSALS and refused > MANY_SHARE * total

    # ------------------------------------------------------------------
    # The person writes
    # ------------------------------------------------------------------

    @api.model
    def _heard_from(self, company, address):
        """The person behind an address has written: what was entered since mail came back is over.

        Complaints and what people or files entered stay, see `engine.suppression.after_hearing`.

        Args:
            company: whose mailbox it came to; an empty recordset where that is nobody's in particular.
        """
        address = suppression_address(address)
        if not address:
            return
        # sudo: as in _learn.
        rows = self.sudo().search([("address", "=", address), *self._of_company(company.id)])  # nosemgrep
        for row in rows:
            entry = row._entry()
            left = after_hearing(entry)
            if left is None:
                row._remove("heard")
            elif left != entry:
                row.write(row._columns(left))
                row._remember("heard", row.words)
        self.env["spp.email.suppression.count"].sudo()._forget(address, company.id)  # nosemgrep: as above

    @api.model
    def _listed_among(self, addresses):
        """Return those of ``addresses``, as messages have them, that are listed or have soft bounces."""
        forms = {address: suppression_address(address) for address in addresses}
        asked = tuple(set(forms.values()) - {""})
        if not asked:
            return set()
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                "SELECT address FROM spp_email_suppression WHERE active AND address IN %(asked)s"
                " UNION SELECT address FROM spp_email_suppression_count WHERE address IN %(asked)s",
                asked=asked,
            )
        )
        known = {address for (address,) in rows}
        return {address for address, form in forms.items() if form in known}


class SppEmailPreparation(models.AbstractModel):
    _inherit = "spp.email.preparation"

    def _prepare(self, ids):
        inbounds = super()._prepare(ids)
        senders = {inbound.sender for inbound in inbounds if inbound.sender}
        answers(self.env)[SENDERS] = senders, self.env["spp.email.suppression"]._listed_among(senders)
        return inbounds


class SppEmailProcessing(models.AbstractModel):
    _inherit = "spp.email.processing"

    def _finish(self, claim, attempt, state, reason, **values):
        sender = self._heard_sender(claim, attempt, state, reason)
        result = super()._finish(claim, attempt, state, reason, **values)
        if sender:
            company = self.env["spp.email.inbound"].browse(claim.id).company_id
            self.env["spp.email.suppression"]._heard_from(company, sender)
        return result

    def _heard_sender(self, claim, attempt, state, reason):
        """Return the address of a person who has just proved that it lives, if the list has it; else "".

        What a machine sends proves nothing: an answering machine answers for a mailbox that nobody opens. Nor does a
        message whose sender is shown to be false, claims to be of ours without a proof, or is known by a forwarder's
        word only.
        """
        facts = attempt.facts
        kind, verdict = facts.get("kind"), facts.get("sender_verdict")
        if state is not InboundState.DONE or reason is InboundReason.BOUNCE_HANDLED or not kind:
            return ""
        if kind.kind is not MessageKind.PERSON or facts.get("own_mark") or facts.get("original_sender"):
            return ""
        if verdict and verdict.result is SenderResult.FAIL or not getattr(facts.get(DECISION), "is_author", True):
            return ""
        sender = self.env["spp.email.inbound"].browse(claim.id).sender
        asked, listed = answers(self.env).get(SENDERS, ((), ()))
        if sender not in asked:
            # The batch's answers ended with its transaction, which a callee committed.
            listed = self.env["spp.email.suppression"]._listed_among([sender] if sender else [])
        return sender if sender in listed else ""
