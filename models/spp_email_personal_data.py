# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the gateway holds about one address: where it is, how much of it, and what of it stays when it is erased."""

import hashlib

from odoo import fields, models
from odoo.exceptions import AccessError
from odoo.fields import Domain
from odoo.tools import SQL

from ..engine.outcome import InboundState
from ..engine.person_address import as_pattern
from ..engine.suppression import SuppressionReason
from .spp_email_delivery import FINAL
from .spp_email_retention import FINISHED

# What a person said: it outlives her address, or she would be written to again.
ASKED_FOR = (SuppressionReason.COMPLAINT.value, SuppressionReason.BY_HAND.value, SuppressionReason.IMPORTED.value)
FINISHED_STATES = tuple(state.value for state in FINISHED)
# States of the journal in which a person can discard a message.
DISCARDABLE = (InboundState.RECEIVED.value, InboundState.RETRY.value, InboundState.QUARANTINED.value)
# Where an address is a trace that is removed with all of its row: what is counted, and the model.
TRACES = (
    ("soft", "spp.email.suppression.count"),
    ("breaker", "spp.email.loop.breaker"),
    ("notice", "spp.email.notice"),
    ("comparison", "spp.email.reconciliation.line"),
    ("transcript", "spp.email.transcript"),
)
# Counted no further in the preview.
MOST_COUNTED = 1_000_000


class SppEmailInbound(models.Model):
    _inherit = "spp.email.inbound"

    erased_date = fields.Datetime(
        "Erased", readonly=True, help="Who wrote it and what was removed for a request of the person concerned."
    )

    # Whoever asks what is held about a person waits for an answer, whatever the size of the journal. The operators of
    # patterns serve equality and the beginning of an address alike.
    _person_sender_index = models.Index("(sender varchar_pattern_ops) WHERE sender IS NOT NULL AND sender <> ''")
    _person_return_path_index = models.Index(
        "(lower(envelope_sender) varchar_pattern_ops)"
        " WHERE envelope_sender IS NOT NULL AND lower(envelope_sender) <> COALESCE(sender, '')"
    )
    _person_original_index = models.Index(
        "(original_sender varchar_pattern_ops) WHERE original_sender IS NOT NULL AND original_sender <> ''"
    )


class SppEmailDelivery(models.Model):
    _inherit = "spp.email.delivery"

    erased_date = fields.Datetime(
        "Erased", readonly=True, help="Who it was sent to was removed for a request of the person concerned."
    )

    _person_recipient_index = models.Index("(lower(recipient) varchar_pattern_ops)")


class SppEmailPersonalData(models.AbstractModel):
    """Everything is asked as the user who asks: what the user may not see is neither counted, given out nor erased."""

    _name = "spp.email.personal.data"
    _inherit = ["spp.email.transaction"]
    _description = "Personal Data of an Address"

    def _require_manager(self):
        """
        Raises:
            AccessError: the user is no manager of the email gateway.
        """
        if not self.env.user.has_group("spp_email_gateway.group_email_gateway_manager"):
            raise AccessError(self.env._("Only managers of the email gateway see all that is held about an address."))

    # ------------------------------------------------------------------
    # Where it is
    # ------------------------------------------------------------------

    def _domains(self, person):
        """Return {place: domain} of the rows about a PersonAddress.

        What others wrote to the person or about her is not among it: a message is its sender's, and To, Cc and text of
        a million messages are no index.
        """
        # Conditions in SQL look at the tables.
        self.env.flush_all()
        return {
            "spp.email.inbound": _among("spp_email_inbound", _wrote(person)),
            "spp.email.delivery": _among("spp_email_delivery", _is(person, SQL("lower(recipient)"))),
            "spp.email.suppression": self._domain_of_list(person, "address", person.digest),
            "spp.email.suppression.count": self._domain_of_list(person, "address"),
            "spp.email.loop.breaker": Domain.OR(
                Domain("who", "=", form) | Domain("who", "=like", f"{as_pattern(form)} → %") for form in person.plain
            ),
            "spp.email.notice": Domain(
                "recipient_digest", "in", [hashlib.sha256(form.encode()).hexdigest() for form in person.plain]
            ),
            "spp.email.reconciliation.line": Domain.OR(
                Domain("email_from", "=ilike", f"%{as_pattern(form)}%") for form in person.plain
            ),
            # With whole addresses where a manager chose that; a week's at most, and few of a server.
            "spp.email.transcript": Domain.OR(
                Domain("text", "=ilike", f"%{as_pattern(form)}%") for form in person.plain
            ),
            "spp.email.change": Domain.OR(
                Domain(name, "=ilike", f"%{as_pattern(form)}%")
                for name in ("record_name", "old", "new")
                for form in person.plain
            ),
            "spp.email.recipient.entry": Domain("entry", "in", list(person.plain)),
            "spp.email.former.address": Domain("email", "in", list(person.plain)),
        }

    def _domain_of_list(self, person, column, *others):
        return Domain(column, "in", [*person.plain, *others]) | Domain.OR(
            Domain(column, "=like", pattern) for pattern in person.details
        )

    # ------------------------------------------------------------------
    # How much
    # ------------------------------------------------------------------

    def _count(self, person):
        """Return [(place, found, held, waiting)] of all places, in the order in which people look at them.

        Args:
            person: engine PersonAddress.
        """
        self._require_manager()
        domains = self._domains(person)
        inbound, delivery = domains["spp.email.inbound"], domains["spp.email.delivery"]
        waiting, pending = Domain("state", "not in", FINISHED_STATES), Domain("state", "not in", FINAL)
        held = Domain("is_held", "=", True)
        found = [
            ("incoming", *self._counts("spp.email.inbound", inbound, inbound & held, inbound & waiting & ~held)),
            ("content", self._count_contents(inbound), 0, 0),
            ("relayed", self._count_relayed(inbound), 0, 0),
            ("delivery", *self._counts("spp.email.delivery", delivery, delivery & held, delivery & pending & ~held)),
            ("report", *self._count_reports(delivery)),
            ("sent", self._count_sent(delivery), 0, 0),
        ]
        suppression = domains["spp.email.suppression"]
        asked = suppression & self._asked_for()
        found += [
            ("suppression", *self._counts("spp.email.suppression", suppression, asked), 0),
            (
                "event",
                self._search_count("spp.email.suppression.event", [("suppression_id", "any", suppression)]),
                0,
                0,
            ),
        ]
        for name, place in TRACES:
            found.append((name, self._search_count(place, domains[place]), 0, 0))
        found.append(("change", self._search_count("spp.email.change", domains["spp.email.change"]), 0, 0))
        for name, place in (("entry", "spp.email.recipient.entry"), ("former", "spp.email.former.address")):
            count = self._search_count(place, domains[place])
            found.append((name, count, count, 0))
        count = sum(
            self._search_count("spp.email.audit", [("model", "=", place), ("res_id", "in", ids)])
            for place, ids in (
                ("spp.email.inbound", self.env["spp.email.inbound"]._search(inbound)),
                ("spp.email.delivery", self.env["spp.email.delivery"]._search(delivery)),
            )
        )
        found.append(("audit", count, count, 0))
        return found

    def _asked_for(self):
        return Domain("active", "=", True) & Domain("reason", "in", ASKED_FOR)

    def _counts(self, place, *domains):
        return tuple(self._search_count(place, domain) for domain in domains)

    def _search_count(self, place, domain):
        return self._place(place).search_count(domain, limit=MOST_COUNTED)

    def _place(self, place):
        """Return the model of a place; what was removed from a list is there all the same."""
        return self.env[place].with_context(active_test=False)

    def _count_contents(self, domain):
        query = self.env["spp.email.inbound"]._search(domain)
        return self.env.execute_query(
            SQL("SELECT count(*) FROM spp_email_content WHERE inbound_id IN %s", query.subselect())
        )[0][0]

    def _count_relayed(self, domain):
        query = self.env["spp.email.inbound"]._search(domain & Domain("mail_message_id", "!=", False))
        return self._search_count(
            "spp.email.sent.content", Domain("mail_message_id", "in", query.subselect("mail_message_id"))
        )

    def _count_reports(self, domain):
        """Return (found, held, waiting) of reports on mail that was sent to the person."""
        query = self.env["spp.email.delivery"]._search(domain & Domain("report_id", "!=", False))
        reports = Domain("id", "in", query.subselect("report_id")) & Domain("erased_date", "=", False)
        held = Domain("is_held", "=", True)
        waiting = Domain("state", "not in", FINISHED_STATES)
        return self._counts("spp.email.inbound", reports, reports & held, reports & waiting & ~held)

    def _count_sent(self, domain):
        query = self.env["spp.email.delivery"]._search(domain)
        return self.env.execute_query(
            SQL(
                "SELECT count(DISTINCT content_id) FROM spp_email_sent_content_delivery_rel WHERE delivery_id IN %s",
                query.subselect(),
            )
        )[0][0]


def _among(table, condition):
    """Return the domain of the rows for which an SQL condition holds.

    Their ids are found first, by the indexes of the condition: for "the first 500 by id" PostgreSQL would otherwise
    walk through the whole table by id, hoping to meet 500 soon.
    """
    found = SQL("ARRAY(SELECT id FROM %s WHERE %s)", SQL.identifier(table), condition)
    return Domain.custom(to_sql=lambda model, alias, query: SQL("%s = ANY(%s)", SQL.identifier(alias, "id"), found))


def _wrote(person):
    """Return the SQL condition that a journal row is of a message that the person wrote."""
    return SQL(
        "(%s AND sender <> '') OR (%s AND lower(envelope_sender) <> COALESCE(sender, ''))"
        " OR (%s AND original_sender <> '')",
        _is(person, SQL("sender")),
        _is(person, SQL("lower(envelope_sender)")),
        _is(person, SQL("original_sender")),
    )


def _is(person, value):
    """Return the SQL condition that ``value`` is one of a person's addresses; each part of it uses an index."""
    parts = [SQL("%s = ANY(%s)", value, list(person.plain))]
    parts += [SQL("%s LIKE %s", value, pattern) for pattern in person.details]
    return SQL("(%s)", SQL(" OR ").join(parts))
