# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The records that a message made or reached, and the stamp that keeps a retry from making them again."""

from odoo import fields, models
from odoo.tools import SQL


class SppEmailInboundRecord(models.Model):
    _name = "spp.email.inbound.record"
    _description = "Record of an Incoming Email"
    _order = "inbound_id, number"
    _log_access = False

    inbound_id = fields.Many2one("spp.email.inbound", required=True, readonly=True, ondelete="cascade")
    number = fields.Integer(readonly=True, help="Which of the message's records: 1 for the first created.")
    is_created = fields.Boolean(readonly=True, help="The message created it; otherwise it was there before.")
    res_model = fields.Char("Model", required=True, readonly=True)
    res_id = fields.Many2oneReference("Record", model_field="res_model", required=True, readonly=True)

    _number_unique = models.UniqueIndex("(inbound_id, is_created, number)")

    def _find(self, inbound_id, number, model_name):
        """Return the record that an earlier attempt created as number ``number``, or None."""
        rows = self.env.execute_query(
            SQL(
                "SELECT res_model, res_id FROM %s WHERE inbound_id = %s AND number = %s AND is_created",
                SQL.identifier(self._table),
                inbound_id,
                number,
            )
        )
        if not rows or rows[0][0] != model_name:
            return None
        return self.env[model_name].browse(rows[0][1]).exists() or None

    def _stamp(self, inbound_id, number, record, is_created=True):
        """Note a record, in the transaction that creates it."""
        self.env.execute_query(
            SQL(
                "INSERT INTO %s (inbound_id, number, res_model, res_id, is_created) VALUES (%s, %s, %s, %s, %s)"
                " ON CONFLICT (inbound_id, is_created, number)"
                " DO UPDATE SET res_model = EXCLUDED.res_model, res_id = EXCLUDED.res_id RETURNING id",
                SQL.identifier(self._table),
                inbound_id,
                number,
                record._name,
                record.id,
                is_created,
            )
        )
