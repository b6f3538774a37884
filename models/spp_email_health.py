# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The registry of health checks, and the activities that they raise and clear for managers."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..engine.errors import SealError
from ..engine.health import HEALTH_STATE_WORDS, HealthFinding, HealthState
from ..engine.outcome import selection
from .credential_key import MANAGER, configured_words, sealer
from .engine_text import EngineChar, EngineText
from .key_manager_ring import is_derived_from_database
from .sealed_column import count_closed, seal_columns


class SppEmailHealth(models.Model):
    """One row a kind of finding, active while it holds. Managers get an activity with it, and hear of its end."""

    _name = "spp.email.health"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _description = "Email Gateway Health"
    _order = "state, id"
    _rec_name = "title"

    code = fields.Char(required=True, readonly=True)
    active = fields.Boolean(default=True, readonly=True)
    state = fields.Selection(selection(HEALTH_STATE_WORDS), required=True, readonly=True)
    title = EngineChar(required=True, readonly=True)
    text = EngineText("What Was Seen", readonly=True)
    cure = EngineText("What To Do", readonly=True)
    res_model = fields.Char(readonly=True, help="Model of the records to open to put it right.")
    res_ids = fields.Json(readonly=True, help="Ids of these records.")
    res_field = fields.Char(readonly=True, help="Field of theirs to look at.")
    field_words = fields.Char("Field", compute="_compute_field_words")
    since_date = fields.Datetime("Since", required=True, readonly=True, default=fields.Datetime.now)
    checked_date = fields.Datetime("Last Checked", required=True, readonly=True, default=fields.Datetime.now)

    _code_unique = models.UniqueIndex("(code)")

    @api.model
    def _health_models(self):
        """Return the names of the models whose ``_gateway_health`` is asked. Extend it to add a check.

        ``_gateway_health`` is called on an empty recordset and returns a list of engine.health.HealthFinding; it
        returns only what is not well.
        """
        return [
            "spp.email.health",
            "spp.email.inbound",
            "spp.email.capacity",
            "spp.email.unreadable",
            "spp.email.reconciliation",
            "spp.email.rule",
            "spp.email.breaker",
            "fetchmail.server",
            "spp.email.quota.use",
            "spp.email.round.trip",
            "spp.email.loop.breaker",
        ]

    @api.model
    def _job(self):
        """Return the scheduled action that checks; none where somebody deleted it."""
        return self.env.ref("spp_email_gateway.ir_cron_health", raise_if_not_found=False) or self.env["ir.cron"]

    @api.model
    def _gateway_health(self):
        """Findings about the credential key. With a key at hand, what still lies in clear is sealed."""
        try:
            has_key = bool(sealer(self.env).current_key_id)
            closed = count_closed(self.env)
        except SealError as error:
            return [self._key_finding(self.env._("The credential key cannot be used"), str(error))]
        if has_key:
            seal_columns(self.env)
        if closed:
            return [
                self._key_finding(
                    self.env._("Stored passwords cannot be opened"),
                    self.env._("%s stored passwords were sealed with a key that is not configured.", closed),
                )
            ]
        if has_key:
            return self._manager_findings()
        return [
            self._key_finding(
                self.env._("Passwords are stored in clear text"),
                self.env._("No credential key is configured."),
                HealthState.WARNING,
            )
        ]

    def _manager_findings(self):
        """Findings about OpenSPP's key manager, where its keys seal credentials."""
        is_alone = not set(configured_words()) - {MANAGER}
        if not is_alone or not is_derived_from_database(self.env):
            return []
        return [
            HealthFinding(
                "credential_key_derived",
                HealthState.WARNING,
                self.env._("Whoever has the database has the passwords"),
                self.env._(
                    "OpenSPP's key manager keeps the key in the database, protected by nothing but the database's id."
                ),
                self.env._(
                    "Set the key manager's SPP_MASTER_KEY (environment or spp_master_key in odoo.conf) before keys are "
                    "made, or configure SPP_EMAIL_GATEWAY_KEY and run “odoo spp_email_key rotate”. "
                    "docs/credentials.md says more."
                ),
            )
        ]

    def _key_finding(self, title, text, state=HealthState.FAILURE):
        return HealthFinding(
            "credential_key_missing",
            state,
            title,
            text,
            self.env._(
                "Put the key into the environment variable SPP_EMAIL_GATEWAY_KEY, or a file named by "
                "SPP_EMAIL_GATEWAY_KEY_FILE, or the option spp_email_gateway_key of odoo.conf, keep a copy of it "
                "outside of the database's backups, and restart. If the key is lost, enter the passwords anew. "
                "docs/credentials.md says more."
            ),
        )

    @api.depends("res_model", "res_field")
    def _compute_field_words(self):
        for row in self:
            model = self.env.get(row.res_model or "")
            field = model._fields.get(row.res_field or "") if model is not None else None
            row.field_words = field._description_string(self.env) if field is not None else False

    @api.model
    def _cron_check(self):
        """Check, in a transaction that sees what others write meanwhile: a job is not repeated as requests are."""
        with self.env["spp.email.transaction"]._gateway_cursor(read_committed=True) as env:
            env[self._name]._check()

    @api.model
    def _check(self):
        """Ask all checks; write, refresh and remove findings; raise and clear activities.

        Returns:
            whether it was done; False while somebody else checks.
        """
        ((is_free,),) = self.env.execute_query(
            SQL("SELECT pg_try_advisory_xact_lock(hashtext(%s), hashtext(%s))", self._table, self._name)
        )
        if not is_free:
            return False
        findings = {
            finding.code: finding
            for model in self._health_models()
            for finding in self.env[model]._gateway_health()
            if finding.state is not HealthState.OK
        }
        now = fields.Datetime.now()
        self._make_rows(findings.values())
        for row in self.with_context(active_test=False).search([("code", "!=", False)]):
            finding = findings.get(row.code)
            if finding is None and row.active:
                row._announce_recovery()
            elif finding is not None:
                row._note(finding, now)
        return True

    @api.model
    def _make_rows(self, findings):
        """Make the rows that are missing, archived. In a request that began before another check ended, Odoo repeats
        the request: PostgreSQL calls it a collision then, and not a value that is there twice."""
        self.flush_model()
        values = [
            SQL(
                "(%s, FALSE, %s, %s, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC', %s, %s,"
                " now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC')",
                finding.code,
                finding.state.value,
                finding.title,
                self.env.uid,
                self.env.uid,
            )
            for finding in findings
        ]
        if values:
            self.env.execute_query(
                SQL(
                    "INSERT INTO spp_email_health (code, active, state, title, since_date, checked_date, create_uid,"
                    " write_uid, create_date, write_date) VALUES %s ON CONFLICT (code) DO NOTHING RETURNING id",
                    SQL(", ").join(values),
                )
            )
            self.invalidate_model()

    def _note(self, finding, now):
        """Write what a check found now; who has to know it is told when it is new."""
        self.ensure_one()
        values = {
            "state": finding.state.value,
            "title": finding.title,
            "text": finding.text,
            "cure": finding.cure,
            "checked_date": now,
            "res_model": finding.model or False,
            "res_ids": list(finding.ids),
            "res_field": finding.field or False,
        }
        if self.active:
            self.write(values)
        else:
            self.write({**values, "active": True, "since_date": now})
            self._raise_activity()

    def action_check(self):
        """Check now, and show the findings."""
        self.env["spp.email.health"].check_access("read")
        # sudo: the checks look at all servers and the whole journal; findings hold no message content.
        if not self.env["spp.email.health"].sudo()._check():  # nosemgrep: odoo-sudo-without-context
            return {
                "type": "ir.actions.client",
                "tag": "display_notification",
                "params": {
                    "type": "info",
                    "message": self.env._("A check goes on just now. Look again in a moment."),
                },
            }
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def action_open(self):
        """Open the records that the finding names: those that are still there.

        Raises:
            UserError: they are gone.
        """
        self.ensure_one()
        model = self.env.get(self.res_model or "")
        records = model.browse(self.res_ids or ()).exists() if model is not None else ()
        if not records:
            raise UserError(self.env._("What this finding is about is gone. Press Check Now."))
        # Archived ones are among them: what is wrong is not hidden.
        action = {
            "type": "ir.actions.act_window",
            "name": self.title,
            "res_model": self.res_model,
            "views": [(False, "list"), (False, "form")],
            "domain": [("id", "in", records.ids)],
            "context": {"active_test": False},
        }
        if len(records) == 1:
            action.update(views=[(False, "form")], res_id=records.id)
        return action

    def _raise_activity(self):
        """Give every manager one activity about this finding; those who have one keep it."""
        self.ensure_one()
        managers = self.env.ref("spp_email_gateway.group_email_gateway_manager").all_user_ids
        have = self.activity_ids.user_id
        # OdooBot belongs to every group and reads nothing.
        for user in managers.filtered(lambda user: user.active and not user.share) - have:
            self.activity_schedule(
                "spp_email_gateway.mail_activity_type_health",
                summary=self.title,
                note=self.cure,
                user_id=user.id,
            )

    def _announce_recovery(self):
        """Clear the activities of a finding that is gone and tell those who had them. The row stays as archive."""
        self.ensure_one()
        told = self.activity_ids.user_id.partner_id
        self.activity_unlink(["spp_email_gateway.mail_activity_type_health"])
        self.message_notify(
            partner_ids=told.ids,
            subject=self.env._("Well again: %s", self.title),
            body=self.env._("This is well again: %s", self.title),
        )
        self.active = False
