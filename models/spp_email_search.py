# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Looks for messages in journal, deliveries, queue and suppression list, as the user who asks, by indexes alone."""

from datetime import timedelta

from odoo import fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..engine.mail_query import first_since
from ..engine.person_address import as_pattern
from .spp_email_personal_data import _among, _is, _wrote

# Of each kind.
MOST_HITS = 80
# Rows that a search for words, which no index serves, looks through: a third of a second where they are in memory.
MOST_SCANNED = 200_000
# Where no time was given for such a search.
DEFAULT_DAYS = 7
# By which times and ids may be out of step: transactions that took long.
SLACK = timedelta(hours=1)
TABLES = {"spp.email.inbound": "received_date", "spp.email.delivery": "created_date"}


class SppEmailSearch(models.AbstractModel):
    _name = "spp.email.search"
    _description = "Search for Emails"

    def _hits(self, query, start=None, end=None):
        """Return ([recordsets of what was found, newest first], whether the time was cut).

        Args:
            query: engine MailQuery.
            start, end: naive UTC or None.
        """
        # Conditions in SQL look at the tables.
        self.env.flush_all()
        inbound, cut_in = self._incoming(query, start, end)
        delivery, cut_out = self._outgoing(query, start, end)
        mail = self._waiting(query) - delivery.mail_id if self._may("mail.mail") else self.env["mail.mail"]
        return [inbound, delivery, mail, self._messages(query), self._suppressed(query)], cut_in or cut_out

    def _may(self, model):
        return self.env[model].has_access("read")

    # ------------------------------------------------------------------
    # Journal and deliveries
    # ------------------------------------------------------------------

    def _incoming(self, query, start, end):
        model, found, is_cut = "spp.email.inbound", self.env["spp.email.inbound"], False
        if not self._may(model):
            return found, False
        within = self._within(TABLES[model], start, end)
        exact = []
        if query.message_id:
            exact.append(Domain("message_id", "=", query.message_id))
        if query.address:
            exact.append(_among("spp_email_inbound", _wrote(query.address)))
        for domain in exact:
            found |= found.search(domain & within, order="id desc", limit=MOST_HITS)
        words = []
        if query.subject:
            words.append(self._about(query))
        if query.address:
            for form in query.address.plain:
                words += [
                    Domain("envelope_recipient", "=", form),
                    Domain("email_to", "=ilike", f"%{as_pattern(form)}%"),
                ]
        if words or not (query.address or query.message_id):
            window, is_cut = self._window(model, start, end)
            domain = Domain.OR(words) if words else Domain.TRUE
            found |= found.search(domain & window & within, order="id desc", limit=MOST_HITS)
        return found.sorted("id", reverse=True)[:MOST_HITS], is_cut

    def _outgoing(self, query, start, end):
        model, found, is_cut = "spp.email.delivery", self.env["spp.email.delivery"], False
        if not self._may(model):
            return found, False
        within = self._within(TABLES[model], start, end)
        exact = []
        if query.message_id:
            bare = query.message_id[1:-1]
            exact.append(Domain("message_id", "=", query.message_id))
            exact.append(Domain("remote_message_id", "in", [query.message_id, bare]))
        if query.address:
            exact.append(_among("spp_email_delivery", _is(query.address, SQL("lower(recipient)"))))
        for domain in exact:
            found |= found.search(domain & within, order="id desc", limit=MOST_HITS)
        if not exact:
            window, is_cut = self._window(model, start, end)
            domain = self._about(query) if query.subject else Domain.TRUE
            found |= found.search(domain & window & within, order="id desc", limit=MOST_HITS)
        return found.sorted("id", reverse=True)[:MOST_HITS], is_cut

    def _about(self, query):
        return Domain("subject", "=ilike", f"%{as_pattern(query.subject)}%")

    def _within(self, column, start, end):
        domain = Domain(column, ">=", start) if start else Domain.TRUE
        return domain & Domain(column, "<=", end) if end else domain

    def _window(self, model, start, end):
        """Return (domain of the ids of a time, whether its older part was left out): what no index serves is looked
        for in so many rows at most."""
        table, column = self.env[model]._table, TABLES[model]
        start = start or (end or fields.Datetime.now()) - timedelta(days=DEFAULT_DAYS)
        ((last,),) = self.env.execute_query(SQL("SELECT COALESCE(max(id), 0) FROM %s", SQL.identifier(table)))

        def look(row_id):
            rows = self.env.execute_query(
                SQL(
                    "SELECT id, COALESCE(%s, '-infinity') FROM %s WHERE id >= %s ORDER BY id LIMIT 1",
                    SQL.identifier(column),
                    SQL.identifier(table),
                    row_id,
                )
            )
            return rows[0] if rows else None

        low = first_since(start - SLACK, last, look)
        high = first_since(end + SLACK, last, look) if end else last
        cut = max(low, high - MOST_SCANNED)
        return Domain("id", ">=", cut) & Domain("id", "<=", high), cut > low

    # ------------------------------------------------------------------
    # Queue, chatter, suppression
    # ------------------------------------------------------------------

    def _waiting(self, query):
        """Return emails that nobody began to send, for those who may see the queue."""
        mails = self.env["mail.mail"]
        if query.message_id and (found := mails.search([("message_id", "=", query.message_id)], limit=MOST_HITS)):
            return found
        if query.address:
            forms = list(query.address.plain)
            likes = SQL(" OR ").join(SQL("mail.email_to ILIKE %s", f"%{as_pattern(form)}%") for form in forms)
            # Of what waits there is a partial index, and it is little.
            condition = SQL(
                "id IN (SELECT mail.id FROM mail_mail AS mail WHERE mail.state = 'outgoing' AND (%s OR EXISTS ("
                "SELECT FROM mail_mail_res_partner_rel AS rel JOIN res_partner AS partner"
                " ON partner.id = rel.res_partner_id"
                " WHERE rel.mail_mail_id = mail.id AND partner.email_normalized = ANY(%s))))",
                likes,
                forms,
            )
            return mails.search(_among("mail_mail", condition), order="id desc", limit=MOST_HITS)
        return mails

    def _messages(self, query):
        """Return messages of records with this Message-ID, as far as the user sees these records."""
        messages = self.env["mail.message"]
        if not query.message_id:
            return messages
        return messages.search([("message_id", "=", query.message_id)], order="id desc", limit=MOST_HITS)

    def _suppressed(self, query):
        listed = self.env["spp.email.suppression"].with_context(active_test=False)
        if not query.address or not self._may("spp.email.suppression"):
            return listed
        return listed.search([("address", "in", list(query.address.plain))], limit=MOST_HITS)
