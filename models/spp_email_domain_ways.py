# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which of a domain's addresses have a way into this database: answers and bounces need one."""

from odoo import fields, models
from odoo.tools import SQL

from ..engine.dns_record import RecordState

# Aliases that are shown; a database may have thousands, and all go the same way.
MOST_ALIASES = 20
# The latest messages that are looked through: where mail arrives, it shows among them.
LATEST = 20_000


class SppEmailDomain(models.Model):
    _inherit = "spp.email.domain"

    ways_html = fields.Html("Ways In", compute="_compute_ways_html", sanitize=False)

    def _compute_ways_html(self):
        for domain in self:
            ways = domain._ways()
            domain.ways_html = self._verdict_table(ways) if ways else False

    def _ways(self):
        """Return [(state, address, what is known)] of the bounce, catchall and alias addresses of this domain."""
        self.ensure_one()
        # sudo: mailboxes and aliases of all companies may take in what comes to a shared domain; addresses only.
        own = self.sudo().alias_domain_ids  # nosemgrep
        if not own:
            return []
        aliases = (
            self.env["mail.alias"]
            .sudo()
            .search(  # nosemgrep: as above
                [("alias_domain_id", "in", own.ids), ("alias_name", "!=", False)], order="id", limit=MOST_ALIASES
            )
        )
        addresses = [
            (self.env._("bounces"), own.mapped("bounce_email")),
            (self.env._("catchall, for answers"), own.mapped("catchall_email")),
            (self.env._("alias"), aliases.mapped("alias_full_name")),
        ]
        named = [(what, address.lower()) for what, found in addresses for address in found if address]
        arrived = self._arrived({address for _what, address in named})
        mailboxes = (
            self.env["fetchmail.server"]
            .sudo()
            .search(  # nosemgrep: as above
                [("state", "=", "done"), ("server_type", "!=", "local")]
            )
        )
        users = {(user or "").lower() for user in mailboxes.mapped("user")}
        is_catching = any(user.rpartition("@")[2] == self.name for user in users)
        has_intake = bool(self.env["spp.email.intake"].sudo().search_count([], limit=1))  # nosemgrep: as above
        rows = []
        for what, address in named:
            if address in arrived:
                state, text = RecordState.RIGHT, self.env._("Mail to it has arrived (%s).", what)
            elif address in users:
                state, text = RecordState.RIGHT, self.env._("A mailbox of its own is read (%s).", what)
            elif is_catching or has_intake:
                state, text = (
                    RecordState.UNKNOWN,
                    self.env._(
                        "None has arrived yet (%s). It has a way in if your mail server puts all mail of the domain "
                        "into the mailbox that is read, or hands it to an intake.",
                        what,
                    ),
                )
            else:
                state, text = (
                    RecordState.WRONG,
                    self.env._(
                        "No way in (%s): no mailbox of this domain is read, and there is no intake. Add an incoming "
                        "server.",
                        what,
                    ),
                )
            rows.append((state, address, text))
        return rows

    def _arrived(self, addresses):
        """Return those of ``addresses`` that one of the latest messages was for."""
        self.env["spp.email.inbound"].flush_model(["envelope_recipient", "email_to"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT asked.address FROM unnest(%(addresses)s) AS asked(address)
                 WHERE EXISTS (
                    SELECT FROM (
                        SELECT lower(envelope_recipient) AS envelope_recipient, lower(email_to) AS email_to
                          FROM spp_email_inbound ORDER BY id DESC LIMIT %(latest)s
                    ) AS row
                     WHERE envelope_recipient = asked.address
                        OR strpos(email_to, asked.address) > 0
                        OR envelope_recipient LIKE split_part(asked.address, '@', 1) || '+%%@' || %(domain)s
                 )
                """,
                addresses=sorted(addresses),
                latest=LATEST,
                domain=self.name,
            )
        )
        return {address for (address,) in rows}
