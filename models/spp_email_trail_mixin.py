# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Rows that tell who did what: written by the gateway, and altered by nobody."""

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import SQL

# Rows that one run of the autovacuum removes at most; the next one goes on.
BATCH = 10_000


class SppEmailTrailMixin(models.AbstractModel):
    _name = "spp.email.trail.mixin"
    _description = "Trail That Nobody Alters"
    # The rows say themselves when, and who.
    _log_access = False

    date = fields.Datetime(required=True, readonly=True, index=True)
    # Who is in a trail is archived, not deleted: a trail that forgets who it was is none.
    user_id = fields.Many2one(
        "res.users", string="Person", readonly=True, ondelete="restrict", index="btree_not_null"
    )
    model = fields.Char("Technical Model", required=True, readonly=True)
    # No foreign key: a row outlives its record, and is written without waiting for whoever works on that.
    res_id = fields.Many2oneReference("Record ID", model_field="model", required=True, readonly=True)
    company_id = fields.Many2one("res.company", readonly=True, ondelete="set null", index="btree_not_null")

    who = fields.Char(compute="_compute_who")
    model_name = fields.Char("Kind", compute="_compute_model_name")

    @api.depends("user_id")
    def _compute_who(self):
        for row in self:
            # sudo: the name of a colleague, also of one who has left.
            row.who = row.sudo().user_id.name or self.env._("The system")  # nosemgrep

    @api.depends("model")
    @api.depends_context("lang")
    def _compute_model_name(self):
        for row in self:
            # sudo: what things are called. An addon may be gone.
            row.model_name = self.env["ir.model"].sudo()._get(row.model).name or row.model  # nosemgrep

    @api.model_create_multi
    def create(self, vals_list):  # pylint: disable=method-required-super
        return self._refuse()

    def write(self, vals):  # pylint: disable=method-required-super
        return self._refuse()

    def unlink(self):  # pylint: disable=method-required-super
        return self._refuse()

    def _refuse(self):
        """The rights say it for people; this says it for server actions and other code that runs with all rights."""
        raise AccessError(self.env._("What was done is not altered: nobody adds to it, changes or deletes it."))

    @api.model
    def _person_id(self):
        """Return the id of the person who acts; None for the system itself."""
        return None if self.env.uid == SUPERUSER_ID else self.env.uid

    @api.model
    def _add(self, rows):
        """Add rows in the current transaction: they are there if what they tell of is.

        Args:
            rows: dictionaries of columns, all with the same keys.
        """
        if not rows:
            return
        names = list(rows[0])
        # A failing INSERT is logged by Odoo with all of its values.
        self.env.cr.execute(
            SQL(
                "INSERT INTO %s (%s) VALUES %s",
                SQL.identifier(self._table),
                SQL(", ").join(map(SQL.identifier, names)),
                SQL(", ").join(SQL("%s", tuple(row[name] for name in names)) for row in rows),
            ),
            log_exceptions=False,
        )
        self.invalidate_model(flush=False)

    @api.model
    def _remove_old(self, parameter, days, condition=None):
        """Remove rows that are older than the parameter's days; 0 keeps them for ever. Return what autovacuum wants.

        Args:
            parameter: name of the system parameter.
            days: where it is not set.
            condition: SQL that holds for rows that may go.
        """
        days = self.env["ir.config_parameter"]._gateway_number(parameter, days)
        if not days:
            return 0, 0
        table = SQL.identifier(self._table)
        rows = self.env.execute_query(
            SQL(
                "DELETE FROM %s WHERE id IN (SELECT id FROM %s WHERE date < now() AT TIME ZONE 'UTC'"
                " - %s * interval '1 day' AND %s ORDER BY id LIMIT %s) RETURNING id",
                table,
                table,
                days,
                condition or SQL("TRUE"),
                BATCH,
            )
        )
        self.invalidate_model(flush=False)
        return len(rows), int(len(rows) == BATCH)
