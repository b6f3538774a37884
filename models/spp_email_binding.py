# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The database that the servers belong to. A copy or a restored one neither sends nor reads until somebody says so."""

import logging

from odoo import api, fields, models, tools
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ..engine.database_binding import Identity, differences
from ..engine.health import HealthFinding, HealthState
from .transaction_answers import asked_once

_logger = logging.getLogger(__name__)

# Name of the finding, which the health form's button looks for.
FINDING = "other_database"


class SppEmailBinding(models.Model):
    """One row, written when the addon is installed and when a person confirms a copy."""

    _name = "spp.email.binding"
    _description = "Database That Sends and Reads Mail"
    _rec_name = "database_name"
    _log_access = False

    database_uuid = fields.Char(required=True, readonly=True)
    database_name = fields.Char(required=True, readonly=True)
    system_identifier = fields.Char(readonly=True, help="Of the PostgreSQL server; blank where it may not be read.")
    bound_date = fields.Datetime(required=True, readonly=True, default=fields.Datetime.now)
    bound_uid = fields.Many2one("res.users", string="Confirmed by", readonly=True, ondelete="set null")

    def init(self):
        """Bind on install, and on the first update that knows of it; a copy that is updated stays what it is."""
        if not self.search_count([], limit=1):
            self._bind()

    @api.model
    def _bind(self):
        """Bind the servers to this database, whatever they were bound to."""
        here = self._here()
        values = {
            "database_uuid": here.uuid,
            "database_name": here.name,
            "system_identifier": here.system,
            "bound_date": fields.Datetime.now(),
            "bound_uid": self.env.uid,
        }
        # sudo: the callers have asked for the right; the row is nobody's to write.
        bound = self.sudo().search([], limit=1)  # nosemgrep: odoo-sudo-without-context
        if bound:
            bound.write(values)
        else:
            bound.create(values)

    @api.model
    def _here(self):
        """Return the engine's Identity of this very database."""
        uuid = self.env["ir.config_parameter"].sudo().get_param("database.uuid")  # nosemgrep: no content
        return Identity(uuid or "", self.env.cr.dbname, self._system_identifier())

    @api.model
    @tools.ormcache()
    def _system_identifier(self):
        """Return PostgreSQL's system identifier, "" where this user may not read it."""
        allowed = self.env.execute_query(SQL("SELECT has_function_privilege('pg_control_system()', 'execute')"))
        if not allowed[0][0]:
            return ""
        return str(self.env.execute_query(SQL("SELECT system_identifier FROM pg_control_system()"))[0][0])

    @api.model
    def _differences(self):
        """Return in words how this database differs from the bound one; [] when it is the same or none is bound."""
        # sudo: everybody's mail depends on it.
        bound = self.sudo().search([], limit=1)  # nosemgrep: odoo-sudo-without-context
        if not bound:
            return []
        known = Identity(bound.database_uuid, bound.database_name, bound.system_identifier or "")
        return differences(known, self._here())

    @api.model
    def _held(self):
        """Return why this database neither sends nor reads, in words for people; "" when it does."""
        found = asked_once(self.env, "binding", None, self._differences)
        if not found:
            return ""
        return self.env._(
            "This database may be a copy: %s. It sends and reads no mail until a manager confirms under "
            "Email Gateway → Health that it may. Nothing is lost meanwhile.",
            "; ".join(found),
        )

    @api.model
    def _require_original(self, error=UserError):
        """Go on only in a database that sends and reads.

        Args:
            error: class of what is raised: what the caller's callers understand.

        Raises:
            UserError, or ``error``: this database may be a copy; in words for people.
        """
        held = self._held()
        if held:
            raise error(held)

    def _gateway_health(self):
        held = self._held()
        if not held:
            return []
        return [
            HealthFinding(
                FINDING,
                HealthState.FAILURE,
                self.env._("This database may be a copy, and sends and reads no mail"),
                held,
                self.env._(
                    "If it takes the place of the original (it was renamed, moved or restored), open this finding and "
                    "press “This database may send and read mail”. If it is a copy to try things out, leave it as it "
                    "is: two databases must not read one mailbox, nor send the same mail twice."
                ),
            )
        ]

    @api.model
    def _confirm(self):
        """Let this database send and read.

        Raises:
            AccessError: the user is no manager of the email gateway.
        """
        if not self.env.user.has_group("spp_email_gateway.group_email_gateway_manager"):
            raise AccessError(self.env._("Only managers of the email gateway decide which database sends and reads."))
        self._bind()
        _logger.info("User %s let this database send and read mail.", self.env.uid)
