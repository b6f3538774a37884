# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Messages in POP mailboxes that are not to be taken: they were there before the start that a person chose."""

from odoo import fields, models
from odoo.tools import SQL, split_every

CHUNK = 1000


class SppEmailPassedEntry(models.Model):
    """IMAP needs none: there a UID or a date says it for all at once."""

    _name = "spp.email.passed.entry"
    _inherit = ["spp.email.transaction"]
    _description = "Mailbox Entry Passed Over"
    _log_access = False
    _rec_name = "uid"

    server_key = fields.Char(required=True, readonly=True)
    uid = fields.Char("UIDL", required=True, readonly=True)

    _entry_unique = models.UniqueIndex("(server_key, uid)")

    def _add(self, server_key, uids):
        """Remember these UIDLs, committed when this returns."""
        for chunk in split_every(CHUNK, uids):
            with self._gateway_cursor(read_committed=True) as env:
                env.execute_query(
                    SQL(
                        "INSERT INTO spp_email_passed_entry (server_key, uid) VALUES %s"
                        " ON CONFLICT (server_key, uid) DO NOTHING RETURNING id",
                        SQL(", ").join(SQL("(%s, %s)", server_key, uid) for uid in chunk),
                    )
                )

    def _among(self, server_key, uids):
        """Return those of ``uids`` that were passed over."""
        found = set()
        for chunk in split_every(CHUNK, uids):
            found.update(
                uid
                for (uid,) in self.env.execute_query(
                    SQL(
                        "SELECT uid FROM spp_email_passed_entry WHERE server_key = %s AND uid IN %s",
                        server_key,
                        tuple(chunk),
                    )
                )
            )
        return found
