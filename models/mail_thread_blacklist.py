# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""An index for the question that Odoo asks of every model with a blacklist, for each message."""

from odoo import models
from odoo.tools import SQL, sql


class MailThreadBlacklist(models.AbstractModel):
    _inherit = "mail.thread.blacklist"

    def init(self):
        """Index the few rows with bounces by address: a reply sets their count to 0.

        Called for each model that has a blacklist, also of addons that are installed later.
        """
        result = super().init()
        if self._auto and not self._abstract and sql.table_exists(self.env.cr, self._table):
            columns = sql.table_columns(self.env.cr, self._table)
            if {"message_bounce", "email_normalized"} <= columns.keys():
                self.env.cr.execute(
                    SQL(
                        "CREATE INDEX IF NOT EXISTS %s ON %s (email_normalized) WHERE message_bounce > 0",
                        SQL.identifier(sql.make_index_name(self._table, "gateway_bounced")),
                        SQL.identifier(self._table),
                    )
                )
        return result
