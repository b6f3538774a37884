# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The rules as the engine wants them, kept between messages and never older than the transaction that asks."""

from odoo import api, models, tools
from odoo.tools import SQL

from ..engine.rule import Rule
from .spp_email_rule import COMPILED
from .transaction_answers import answers


class SppEmailRule(models.Model):
    _inherit = "spp.email.rule"

    @api.model
    def _compiled(self):
        """Return all active rules as engine.rule.Rule, in order, as the current transaction sees them."""
        found = answers(self.env)
        if COMPILED not in found:
            found[COMPILED] = self._compiled_at(self._version())
        return found[COMPILED]

    @api.model
    def _version(self):
        """Return what changes with every change to a rule, as the current transaction sees them: one query.

        Odoo tells other processes of a change after its commit, and they hear of it when their next request or job
        begins: a worker with much to do would not hear of it for long. And a thread that reads the rules between a
        change and its commit would keep the old ones for good. PostgreSQL's mark of a row's version tells no such lies.
        """
        models = [self, *(self.env[self._fields[name].comodel_name] for name in ("condition_ids", "value_ids"))]
        for model in models:
            model.flush_model()
        tables = [model._table for model in models]
        tables += [self._fields[name].relation for name in ("server_ids", "tag_ids")]
        rows = SQL(" UNION ALL ").join(
            SQL("SELECT concat_ws(' ', %s, ctid, xmin) AS version FROM %s", table, SQL.identifier(table))
            for table in tables
        )
        query = SQL("SELECT md5(string_agg(version, ',' ORDER BY version)) FROM (%s) AS rows", rows)
        return self.env.execute_query(query)[0][0]

    @api.model
    @tools.ormcache("version")
    def _compiled_at(self, version):
        # sudo: every message is judged by all rules of its company, whoever asks for it to be processed.
        rules = self.sudo().search([("active", "=", True)])  # nosemgrep: odoo-sudo-without-context
        return tuple(rule._engine() for rule in rules)

    def _engine(self):
        """Return the engine's Rule."""
        self.ensure_one()
        record = self.record if self.target == "attach" else None
        servers = frozenset()
        if self.scope == "mailboxes":
            # 0 is mail of no mailbox and -1 is nothing: a rule whose mailboxes are gone must not apply to all.
            servers = frozenset(self.server_ids.ids) or frozenset({-1})
        return Rule(
            self.id,
            tuple(condition._engine() for condition in self.condition_ids),
            match_any=self.match == "any",
            company_id=self.company_id.id or 0,
            server_ids=servers,
            target=self.target or "",
            model=self.model_id.model or "",
            record_id=record.id if record else 0,
            not_found=self.not_found or "create",
            values=tuple(value._engine() for value in self.value_ids),
            lang=self.lang or "",
            tag_ids=tuple(self.tag_ids.ids),
            quarantine=self.quarantine,
            stops=self.stops,
        )
