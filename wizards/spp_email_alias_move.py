# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which companies use an alias domain, with the aliases that move shown before anything is done."""

from odoo import api, fields, models
from odoo.exceptions import UserError

# Of one database; more are no longer looked through by a person.
MOST_ALIASES = 20000


class SppEmailAliasMove(models.TransientModel):
    _name = "spp.email.alias.move"
    _description = "Companies of an Alias Domain"
    _rec_name = "alias_domain_id"

    alias_domain_id = fields.Many2one("mail.alias.domain", required=True, readonly=True, ondelete="cascade")
    company_ids = fields.Many2many("res.company", string="Used In")
    line_ids = fields.One2many(
        "spp.email.alias.move.line", "move_id", string="Aliases That Move", compute="_compute_line_ids", store=True
    )
    is_blocked = fields.Boolean(compute="_compute_is_blocked")

    @api.model
    def default_get(self, names):
        values = super().default_get(names)
        domain = self.env["mail.alias.domain"].browse(values.get("alias_domain_id")).exists()
        if domain and "company_ids" in names:
            values["company_ids"] = [fields.Command.set(domain.company_ids.ids)]
        return values

    @api.depends("company_ids", "alias_domain_id")
    def _compute_line_ids(self):
        for move in self:
            aliases = move._moving()
            taken = move._taken(aliases)
            move.line_ids = [fields.Command.clear()] + [
                fields.Command.create(
                    {
                        "alias_id": alias.id,
                        "old_address": alias.alias_full_name,
                        "new_address": f"{alias.alias_name}@{move.alias_domain_id.name}",
                        "owner": owner,
                        "is_taken": alias.alias_name in taken,
                    }
                )
                for alias, owner in aliases
            ]

    @api.depends("line_ids.is_taken")
    def _compute_is_blocked(self):
        for move in self:
            move.is_blocked = any(move.line_ids.mapped("is_taken"))

    def _new_companies(self):
        return self.company_ids._origin - self.alias_domain_id.company_ids

    def _moving(self):
        """Return [(alias, name of its record)] of the aliases whose record belongs to a company that is new here."""
        companies = self._new_companies()
        # What comes by RPC may name any company: whose aliases are shown must be the user's to write.
        companies = (companies & self.env.user.company_ids)._filtered_access("write")
        if not companies:
            return []
        # sudo: all aliases of these companies move, also of records that the person does not see; Odoo refuses to
        # keep one at another domain than its company's.
        aliases = self.env["mail.alias"].sudo()  # nosemgrep
        found = aliases.search(
            [("alias_name", "!=", False), ("alias_domain_id", "!=", self.alias_domain_id.id)], limit=MOST_ALIASES
        )
        there = self._there(found)
        return [
            (alias, record.display_name)
            for alias in found
            if (record := self._record_of(alias, there)) and record[record._mail_get_company_field()] in companies
        ]

    def _owners(self, alias):
        """Return [(model, id)] of the records that an alias may belong to, the first one first."""
        return [
            (model, record_id)
            for model, record_id in (
                (alias.alias_parent_model_id.model, alias.alias_parent_thread_id),
                (alias.alias_model_id.model, alias.alias_force_thread_id),
            )
            if model in self.env and record_id and self.env[model]._mail_get_company_field()
        ]

    def _there(self, aliases):
        """Return {(model, id): record} of the aliases' records that are there, asked for once a model."""
        wanted = {}
        for alias in aliases:
            for model, record_id in self._owners(alias):
                wanted.setdefault(model, set()).add(record_id)
        return {
            (model, record.id): record
            for model, ids in wanted.items()
            # sudo: as above.
            for record in self.env[model].sudo().browse(ids).exists()  # nosemgrep
        }

    def _record_of(self, alias, there):
        """Return the record that an alias belongs to, None where it has no company."""
        for model, record_id in self._owners(alias):
            if (model, record_id) in there:
                return there[model, record_id]
        return None

    def _taken(self, moving):
        """Return the names among those that move that are an address of the new domain already."""
        domain = self.alias_domain_id
        names = [alias.alias_name for alias, _owner in moving]
        # sudo: an address is taken whoever has it.
        there = self.env["mail.alias"].sudo().search(  # nosemgrep
            [("alias_domain_id", "=", domain.id), ("alias_name", "in", names)]
        )
        doubles = {name for name in names if names.count(name) > 1}
        return {*there.mapped("alias_name"), *doubles, domain.catchall_alias, domain.bounce_alias}

    def action_apply(self):
        """Give the companies this domain, and move their aliases.

        Raises:
            UserError: a company would be left without a domain, or an address is taken.
        """
        self.ensure_one()
        domain, companies = self.alias_domain_id, self._new_companies()
        domain.check_access("write")
        companies.check_access("write")
        left = domain.company_ids - self.company_ids
        if left:
            raise UserError(
                self.env._(
                    "%s would be left without an alias domain. Open the domain that it is to use from now on, and add "
                    "it there.",
                    ", ".join(left.mapped("name")),
                )
            )
        if self.is_blocked:
            raise UserError(self.env._("Rename the aliases whose new address is taken, or remove them, first."))
        moving = [alias.id for alias, _owner in self._moving()]
        companies.write({"alias_domain_id": domain.id})
        # sudo: as for looking at them.
        self.env["mail.alias"].sudo().browse(moving).write({"alias_domain_id": domain.id})  # nosemgrep
        return {"type": "ir.actions.client", "tag": "soft_reload"}
