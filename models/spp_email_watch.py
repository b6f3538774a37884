# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What is known of a mailbox between two checks: whether mail waits there, and whether somebody listens."""

import logging

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..engine.errors import ConfigurationError, GatewayError

_logger = logging.getLogger(__name__)

FETCH_JOB = "mail.ir_cron_mail_gateway_action"


class SppEmailWatch(models.Model):
    """One row a mailbox, in a table of its own: whoever saves a mailbox must not collide with mail that arrives."""

    _name = "spp.email.watch"
    _inherit = ["spp.email.transaction"]
    _description = "Watch over a Mailbox"
    _rec_name = "server_id"

    server_id = fields.Many2one("fetchmail.server", required=True, readonly=True, ondelete="cascade")
    is_awaited = fields.Boolean(
        "Mail Waits", readonly=True, help="The next run reads this mailbox, whatever its interval."
    )
    listening_until = fields.Datetime(readonly=True, help="Until then the push command has said that it listens.")

    _server_unique = models.UniqueIndex("(server_id)")

    def _await(self, server_ids):
        """Let the next run of the job read these mailboxes, whatever their intervals, and let it run now.

        Committed when this returns. Where the job is switched off nothing is read until it is on again.
        """
        with self._gateway_cursor(read_committed=True) as env:
            env["spp.email.watch"]._write_rows(server_ids, SQL("is_awaited"), SQL("TRUE"))
            env.ref(FETCH_JOB).sudo()._trigger()  # nosemgrep: starting work, no data

    def _awaited(self, server_ids):
        """Return those of ``server_ids`` in which mail is known to wait."""
        with self._gateway_cursor(read_committed=True) as env:
            rows = env.execute_query(
                SQL(
                    "SELECT server_id FROM spp_email_watch WHERE is_awaited AND server_id IN %s",
                    tuple(server_ids) or (0,),
                )
            )
        return {row[0] for row in rows}

    def _begin(self, server_id):
        """Note that a mailbox is about to be read: what arrives from now on has to be told anew."""
        with self._gateway_cursor(read_committed=True) as env:
            env.execute_query(
                SQL(
                    "UPDATE spp_email_watch SET is_awaited = FALSE WHERE server_id = %s AND is_awaited RETURNING id",
                    server_id,
                )
            )

    def _note_listening(self, server_ids, seconds):
        """Note that mail in these mailboxes is heard of at once, for so long."""
        with self._gateway_cursor(read_committed=True) as env:
            until = SQL("now() AT TIME ZONE 'UTC' + %s * interval '1 second'", seconds)
            env["spp.email.watch"]._write_rows(server_ids, SQL("listening_until"), until)

    def _write_rows(self, server_ids, column, value):
        self.env.execute_query(
            SQL(
                """
                INSERT INTO spp_email_watch (server_id, %(column)s)
                     SELECT id, %(value)s FROM fetchmail_server WHERE id IN %(ids)s ORDER BY id
                ON CONFLICT (server_id) DO UPDATE SET %(column)s = EXCLUDED.%(column)s
                  RETURNING id
                """,
                column=column,
                value=value,
                ids=tuple(server_ids) or (0,),
            )
        )

    def _watched(self):
        """Return an engine.watching.Watched for each folder that the push command listens to.

        Called in a transaction of its own, as refreshing OAuth tokens writes. A mailbox whose settings are wrong is
        left out: its checks tell people.
        """
        servers = self.env["fetchmail.server"].search([("state", "=", "done")])
        found = []
        for server in servers:
            if server._get_connection_type() != "imap" or server._gateway_is_foreign():
                continue
            try:
                found += server._gateway_watched(self.env.cr.dbname)
            except (ConfigurationError, GatewayError, UserError) as error:
                _logger.info("Incoming server %s cannot be listened to: %s.", server.id, type(error).__name__)
        return found

    def _is_listening(self, servers):
        """Return those of ``servers`` that the push command listens to now."""
        return self.search(
            [("server_id", "in", servers.ids), ("listening_until", ">", fields.Datetime.now())]
        ).server_id
