# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which rules matched a message, and the tags they gave it."""

from odoo import fields, models
from odoo.exceptions import AccessError
from odoo.tools import SQL


class SppEmailInbound(models.Model):
    _inherit = "spp.email.inbound"

    tag_ids = fields.Many2many("spp.email.tag", string="Tags", readonly=True)
    rule_ids = fields.Many2many(
        "spp.email.rule",
        "spp_email_inbound_rule_rel",
        "inbound_id",
        "rule_id",
        string="Rules",
        readonly=True,
        help="Incoming rules that matched.",
    )

    def action_dry_run(self):
        """Show what would happen if the message were processed now; nothing is written but the question."""
        self.ensure_one()
        self.check_access("read")
        if not self.env.user.has_group("spp_email_gateway.group_email_gateway_officer"):
            raise AccessError(self.env._("Only officers of the email gateway try messages."))
        run = self.env["spp.email.dry.run"].create({"inbound_id": self.id})
        run.action_try()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("What Would Happen"),
            "res_model": run._name,
            "res_id": run.id,
            "views": [(False, "form")],
        }

    def _note_rules(self, rule_ids, tag_ids):
        """Link what the rules said to a message, in the current transaction."""
        self.ensure_one()
        for name, ids in (("rule_ids", rule_ids), ("tag_ids", tag_ids)):
            if not ids:
                continue
            field = self._fields[name]
            # Rows are only added: nobody waits for anybody. What was deleted meanwhile is left out.
            self.env.execute_query(
                SQL(
                    "INSERT INTO %(link)s (%(mine)s, %(theirs)s) SELECT %(inbound)s, id FROM %(table)s"
                    " WHERE id IN %(ids)s ON CONFLICT DO NOTHING RETURNING 1",
                    link=SQL.identifier(field.relation),
                    mine=SQL.identifier(field.column1),
                    theirs=SQL.identifier(field.column2),
                    inbound=self.id,
                    table=SQL.identifier(self.env[field.comodel_name]._table),
                    ids=tuple(ids),
                )
            )
            self.invalidate_recordset([name], flush=False)
