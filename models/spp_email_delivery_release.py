# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Mail that waits because of its server, once there is reason to think that the server works again."""

from odoo import models
from odoo.tools import SQL

from ..engine.outcome import OutboundReason, OutboundState

# What is wrong with the server or the way to it, and not with the message, its recipients or how many there are.
WAITS_FOR_SERVER = tuple(
    reason.value
    for reason in (
        OutboundReason.PAUSED,
        OutboundReason.NO_LOGIN,
        OutboundReason.NO_CONNECTION,
        OutboundReason.CONNECTION_LOST,
    )
)
# The others follow by themselves when the queue comes to them.
MOST_ROWS = 10_000


class SppEmailDelivery(models.Model):
    _inherit = "spp.email.delivery"

    def _release_of_servers(self, server_ids):
        """Make due now what waits for these outgoing servers, and start the queue; committed when this returns.

        What a worker or a person has in work at this moment is left to them.
        """
        if not server_ids:
            return
        with self.env["spp.email.transaction"]._gateway_cursor(read_committed=True) as env:
            env.execute_query(
                SQL(
                    """
                    WITH released AS (
                        UPDATE spp_email_delivery SET next_attempt_date = NULL
                         WHERE id IN (SELECT id FROM spp_email_delivery
                                       WHERE server_id IN %(servers)s AND reason IN %(reasons)s
                                         AND state IN %(states)s AND next_attempt_date > now() AT TIME ZONE 'UTC'
                                       ORDER BY id LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED)
                        RETURNING mail_id)
                    UPDATE mail_mail SET scheduled_date = NULL
                     WHERE id IN (SELECT mail.id FROM mail_mail AS mail
                                   WHERE mail.id IN (SELECT mail_id FROM released) AND mail.state = 'outgoing'
                                     AND mail.scheduled_date > now() AT TIME ZONE 'UTC'
                                   ORDER BY mail.id FOR NO KEY UPDATE SKIP LOCKED)
                    RETURNING id
                    """,
                    servers=tuple(server_ids),
                    reasons=WAITS_FOR_SERVER,
                    states=(OutboundState.QUEUED.value, OutboundState.DEFERRED.value),
                    most=MOST_ROWS,
                )
            )
            env["spp.email.sending"]._call(1)
        self.invalidate_model(["next_attempt_date"])
        self.env["mail.mail"].invalidate_model(["scheduled_date"])
