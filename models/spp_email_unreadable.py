# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Single messages that a mail server lists and does not hand out."""

import random

from odoo import api, fields, models
from odoo.tools import SQL, split_every

from ..engine.health import HealthFinding, HealthState
from ..engine.reading_request import Known
from ..engine.retry import next_attempt
from ..engine.storable import storable

CHUNK = 1000
# Attempts before managers are told: one or two are a server that is busy.
FAILURES_TO_TELL = 3
FORGET_DAYS = 30


class SppEmailUnreadable(models.Model):
    """Each has growing pauses of its own, so that the rest of its mailbox counts as read."""

    _name = "spp.email.unreadable"
    _inherit = ["spp.email.transaction"]
    _description = "Message That Cannot Be Read"
    _log_access = False
    _rec_name = "uid"

    server_id = fields.Many2one("fetchmail.server", readonly=True, ondelete="cascade", index=True)
    server_key = fields.Char(required=True, readonly=True)
    folder = fields.Char(readonly=True)
    uid_validity = fields.Char(readonly=True)
    uid = fields.Char(required=True, readonly=True)
    failures = fields.Integer(readonly=True)
    next_date = fields.Datetime(readonly=True)
    error_message = fields.Char(readonly=True)

    _entry_unique = models.UniqueIndex("(server_key, folder, uid_validity, uid)")

    def _resting(self, server_key, keys):
        """Return an engine.reading_request.Known for those of ``keys`` that are not to be tried yet."""
        resting = {}
        for chunk in split_every(CHUNK, keys):
            with self._gateway_cursor() as env:
                rows = env.execute_query(
                    SQL(
                        "SELECT folder, uid_validity, uid FROM spp_email_unreadable"
                        " WHERE server_key = %s AND (folder, uid_validity, uid) IN %s"
                        "   AND next_date > now() AT TIME ZONE 'UTC'",
                        server_key,
                        tuple(chunk),
                    )
                )
            resting.update({row: Known(None, is_resting=True) for row in rows})
        return resting

    def _note(self, server, keys, error):
        """Note that the server did not hand out ``keys``: each is left alone for longer and longer."""
        now = fields.Datetime.now()
        with self._gateway_cursor(read_committed=True) as env:
            for key in keys:
                ((failures,),) = env.execute_query(
                    SQL(
                        """
                        INSERT INTO spp_email_unreadable AS known
                                    (server_id, server_key, folder, uid_validity, uid, failures, error_message)
                             VALUES (%s, %s, %s, %s, %s, 1, %s)
                        ON CONFLICT (server_key, folder, uid_validity, uid)
                          DO UPDATE SET failures = known.failures + 1, error_message = EXCLUDED.error_message
                          RETURNING failures
                        """,
                        server.id,
                        server._gateway_server_key(),
                        *key,
                        storable(error),
                    )
                )
                due = next_attempt(now, failures, random.Random())  # noqa: S311 - jitter
                env.execute_query(
                    SQL(
                        "UPDATE spp_email_unreadable SET next_date = %s WHERE server_key = %s"
                        " AND (folder, uid_validity, uid) = %s RETURNING id",
                        due,
                        server._gateway_server_key(),
                        tuple(key),
                    )
                )

    @api.model
    def _gateway_health(self):
        rows = self.env.execute_query(
            SQL(
                """
                SELECT server_id, count(*), max(error_message) FROM spp_email_unreadable AS unreadable
                 WHERE failures >= %s
                   AND NOT EXISTS (SELECT 1 FROM spp_email_inbound AS inbound
                                    WHERE (inbound.server_key, inbound.folder, inbound.uid_validity, inbound.uid)
                                        = (unreadable.server_key, unreadable.folder, unreadable.uid_validity,
                                           unreadable.uid))
                 GROUP BY server_id ORDER BY server_id
                """,
                FAILURES_TO_TELL,
            )
        )
        servers = self.env["fetchmail.server"]
        return [
            HealthFinding(
                f"mailbox_{server_id}_unreadable_messages",
                HealthState.WARNING,
                self.env._("Mailbox “%s” has messages that cannot be read", servers.browse(server_id).name),
                self.env._("%(count)s messages: %(message)s All others are read.", count=count, message=message),
                self.env._(
                    "Open the mailbox with a mail program and move or delete the messages that it cannot show. They "
                    "are tried again from time to time."
                ),
                "fetchmail.server",
                (server_id,),
            )
            for server_id, count, message in rows
            if servers.browse(server_id).exists().state == "done"
        ]

    @api.autovacuum
    def _gc_unreadable(self):
        """Forget what is no longer listed: nobody has tried it for long."""
        self.env.execute_query(
            SQL(
                "DELETE FROM spp_email_unreadable WHERE next_date < now() AT TIME ZONE 'UTC' - %s * interval '1 day'"
                " RETURNING id",
                FORGET_DAYS,
            )
        )
