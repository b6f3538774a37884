# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""How far a folder was read: what is below was taken, or was not to be."""

from odoo import fields, models
from odoo.tools import SQL


class SppEmailReadingMark(models.Model):
    """One row a folder that was read, by the mailbox's key, so that it outlives the server's record."""

    _name = "spp.email.reading.mark"
    _inherit = ["spp.email.transaction"]
    _description = "Mark in a Mailbox Folder"
    _rec_name = "folder"

    server_key = fields.Char(required=True, readonly=True)
    folder = fields.Char(required=True, readonly=True)
    uid_validity = fields.Char("UIDVALIDITY", readonly=True)
    # RFC 3501 §2.3.1.1: 32 bits without sign, one more than an integer column holds.
    uid = fields.Char("UID", readonly=True)

    _folder_unique = models.UniqueIndex("(server_key, folder)")

    def _floors(self, server_key):
        """Return (UIDVALIDITY, UID) by folder that was read before, None where there is no floor yet."""
        rows = self.sudo().search_fetch(  # nosemgrep: numbers of a mailbox, for the system's own work
            [("server_key", "=", server_key)], ["folder", "uid_validity", "uid"]
        )
        return {row.folder: (row.uid_validity, int(row.uid)) if row.uid else None for row in rows}

    def _note(self, server_key, floors, met=()):
        """Note floors by folder, and that folders were met which have none; committed when this returns."""
        values = [(folder, *floors[folder]) for folder in floors]
        values += [(folder, None, None) for folder in met if folder not in floors]
        if not values:
            return
        with self._gateway_cursor(read_committed=True) as env:
            for folder, uid_validity, uid in values:
                env.execute_query(
                    SQL(
                        """
                        INSERT INTO spp_email_reading_mark (server_key, folder, uid_validity, uid)
                             VALUES (%s, %s, %s, %s)
                        ON CONFLICT (server_key, folder) DO UPDATE
                                SET uid_validity = COALESCE(EXCLUDED.uid_validity, spp_email_reading_mark.uid_validity),
                                    uid = COALESCE(EXCLUDED.uid, spp_email_reading_mark.uid)
                          RETURNING id
                        """,
                        server_key,
                        folder,
                        uid_validity,
                        None if uid is None else str(uid),
                    )
                )
