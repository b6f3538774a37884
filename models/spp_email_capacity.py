# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Whether there is room for more messages: reading stops before a disk is full, not after."""

import shutil

from odoo import models
from odoo.tools import SQL, config

from ..engine.errors import GatewayError
from ..engine.health import HealthFinding, HealthState

RESERVE_PARAMETER = "spp_email_gateway.disk_reserve_mb"
RESERVE_MEGABYTES = 512
MAXIMUM_PARAMETER = "spp_email_gateway.journal_maximum_mb"
MEGABYTE = 1_000_000


class SppEmailCapacity(models.AbstractModel):
    _name = "spp.email.capacity"
    _description = "Capacity of the Journal"

    def _require_room(self, size):
        """Stop whoever wants to journal ``size`` more bytes if there is no room for them.

        Nothing was told to the mail server by then: the messages wait there.

        Raises:
            GatewayError: with phase "journal"; it may pass.
        """
        shortage = self._shortage(size)
        if shortage:
            raise GatewayError(shortage, phase="journal", code="FULL")

    def _shortage(self, size=0):
        """Return what there is too little of, in words; "" when there is room."""
        parameters = self.env["ir.config_parameter"]
        reserve = parameters._gateway_number(RESERVE_PARAMETER, RESERVE_MEGABYTES) * MEGABYTE
        # The one disk that can be seen from here. PostgreSQL refuses by itself when its own is full.
        free = shutil.disk_usage(config["data_dir"]).free
        if free - size < reserve:
            return self.env._(
                "The disk is nearly full: %(free)s MB are free, and %(reserve)s MB are kept in reserve.",
                free=free // MEGABYTE,
                reserve=reserve // MEGABYTE,
            )
        maximum = parameters._gateway_number(MAXIMUM_PARAMETER, 0) * MEGABYTE
        if maximum:
            (used,) = self.env.execute_query(SQL("SELECT pg_total_relation_size('spp_email_content')"))[0]
            if used + size > maximum:
                # PostgreSQL keeps the room of what was removed, and fills it again: what is there counts. Counted only
                # here, as it takes longer the more there is.
                query = "SELECT COALESCE(sum(stored_size), 0)::bigint FROM spp_email_content"
                (used,) = self.env.execute_query(SQL(query))[0]
            if used + size > maximum:
                return self.env._(
                    "The journal is full: its contents take %(used)s MB of the %(maximum)s MB that it may.",
                    used=used // MEGABYTE,
                    maximum=maximum // MEGABYTE,
                )
        return ""

    def _gateway_health(self):
        shortage = self._shortage()
        if not shortage:
            return []
        return [
            HealthFinding(
                "journal_full",
                HealthState.FAILURE,
                self.env._("Incoming mail is not read: there is no room for it"),
                shortage,
                self.env._(
                    "Messages wait on the mail server, nothing is lost. Free the disk or shorten what is kept under "
                    "Email Gateway → Configuration → Retention. The limits are the system parameters %(reserve)s and "
                    "%(maximum)s.",
                    reserve=RESERVE_PARAMETER,
                    maximum=MAXIMUM_PARAMETER,
                ),
            )
        ]
