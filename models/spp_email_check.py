# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Connection checks: what the last tries of a mail server found, step by step, for managers."""

from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine.storable import storable
from .engine_text import said
from .spp_email_transcript import KEPT_DAYS, SERVERS

MOST_OF_A_SERVER = 10
BATCH = 1000
STATES = [("well", "Works"), ("warning", "Works, with a Warning"), ("failed", "Failed")]


class SppEmailCheck(models.Model):
    _name = "spp.email.check"
    _description = "Connection Check"
    _order = "id desc"
    _rec_name = "date"

    mail_server_id = fields.Many2one("ir.mail_server", "Outgoing Server", ondelete="cascade", index="btree_not_null")
    fetchmail_server_id = fields.Many2one(
        "fetchmail.server", "Incoming Server", ondelete="cascade", index="btree_not_null"
    )
    company_id = fields.Many2one("res.company", compute="_compute_company_id", store=True)
    date = fields.Datetime("Checked", required=True)
    seconds = fields.Float("Duration (s)", digits=(16, 2))
    state = fields.Selection(STATES, required=True)
    steps = fields.Json(help="The engine's diagnosis.Step of each, as far as it came.")
    steps_html = fields.Html("Table of Steps", compute="_compute_words", sanitize=False)
    summary = fields.Char("Result", compute="_compute_words")
    failure_text = fields.Text("What Is Wrong", compute="_compute_words")
    failure_cure = fields.Text("What To Do", compute="_compute_words")
    transcript = fields.Text(
        prefetch=False,
        help="Seconds since the connection began; > is what we said, < the server, * a remark.",
    )

    _server_check = models.Constraint(
        "CHECK (num_nonnulls(mail_server_id, fetchmail_server_id) = 1)", "A check is of one server."
    )

    @api.depends("mail_server_id.company_id", "fetchmail_server_id.company_id")
    def _compute_company_id(self):
        for check in self:
            check.company_id = (check.mail_server_id or check.fetchmail_server_id).company_id

    @api.depends("steps", "state")
    @api.depends_context("lang")
    def _compute_words(self):
        names = self._step_names()
        for check in self:
            steps = check.steps or []
            failure = next((step for step in steps if not step["ok"]), {})
            check.failure_text = said(self.env, failure.get("text"))
            check.failure_cure = said(self.env, failure.get("cure"))
            if failure:
                check.summary = self.env._("Failed at: %s", names.get(failure["name"], failure["name"]))
            else:
                warnings = [said(self.env, step["warning"]) for step in steps if step.get("warning")]
                check.summary = " ".join(warnings) or self.env._("Every step went well.")
            rows = Markup().join(self._row(names, step) for step in steps)
            check.steps_html = rows and Markup(
                "<table class='table table-sm o_spp_email_check'><thead><tr><th>%s</th><th>%s</th><th>%s</th>"
                "<th class='text-end'>%s</th></tr></thead><tbody>%s</tbody></table>"
            ) % (self.env._("Step"), self.env._("Result"), self.env._("Found"), self.env._("Time"), rows)

    def _row(self, names, step):
        if not step["ok"]:
            kind, word = "danger", self.env._("Failed")
        elif step.get("warning"):
            kind, word = "warning", self.env._("Warning")
        else:
            kind, word = "success", self.env._("Works")
        remarks = Markup().join(
            Markup("<div class='fw-bold'>%s</div>") % said(self.env, text)
            for text in (step.get("warning"), step.get("cure"))
            if text
        )
        return Markup(
            "<tr><td>%s</td><td><span class='badge text-bg-%s'>%s</span></td><td>%s%s</td>"
            "<td class='text-end text-nowrap'>%.2f s</td></tr>"
        ) % (names.get(step["name"], step["name"]), kind, word, said(self.env, step["text"]), remarks, step["seconds"])

    def _step_names(self):
        return {
            "name": self.env._("Name"),
            "connect": self.env._("Connection"),
            "greeting": self.env._("Greeting"),
            "hello": self.env._("Introduction"),
            "encryption": self.env._("Encryption"),
            "login": self.env._("Login"),
            "folder": self.env._("Folder"),
            "sender": self.env._("Sender"),
            "rights": self.env._("Rights"),
            "size": self.env._("Size Limit"),
            "extensions": self.env._("Extensions"),
        }

    # ------------------------------------------------------------------
    # Keeping
    # ------------------------------------------------------------------

    @api.model
    def _keep(self, server, diagnosis, transcript, *, apart):
        """Keep what a check found; return its row, empty where the server itself is not there to whoever writes it.

        Args:
            server: the server, of a model in SERVERS.
            diagnosis: the engine's Diagnosis.
            transcript: what was said, in words.
            apart: in a transaction of its own, since the caller's will be rolled back.
        """
        state = "failed" if not diagnosis.ok else "warning" if diagnosis.warnings else "well"
        values = {
            SERVERS[server._name]: server.id,
            "date": fields.Datetime.now(),
            "seconds": sum(step.seconds for step in diagnosis.steps),
            "state": state,
            "steps": [
                {
                    "name": step.name,
                    "ok": step.ok,
                    "text": storable(step.text),
                    "cure": step.cure,
                    "warning": storable(step.warning),
                    "seconds": round(step.seconds, 3),
                }
                for step in diagnosis.steps
            ],
        }
        if not apart:
            return self._make(values, transcript)
        with self.env["spp.email.transaction"]._gateway_cursor() as env:
            # A server that was only just made is not there for others.
            if not env[server._name].browse(server.id).exists():
                return self.browse()
            return self.browse(self.with_env(env)._make(values, transcript).id)

    def _make(self, values, transcript):
        # sudo: rows are made by checks alone; who may check was asked where the check began.
        checks = self.sudo()  # nosemgrep
        kept = checks.create(values)
        self.env.flush_all()
        # Odoo writes a query that fails into the log, with its values: this one must not get there.
        self.env.cr.execute(
            SQL("UPDATE spp_email_check SET transcript = %s WHERE id = %s", storable(transcript), kept.id),
            log_exceptions=False,
        )
        kept.invalidate_recordset(["transcript"])
        column = SERVERS["ir.mail_server" if kept.mail_server_id else "fetchmail.server"]
        same = checks.search([(column, "=", kept[column].id)], order="id desc")
        same[MOST_OF_A_SERVER:].unlink()
        return self.browse(kept.id)

    @api.autovacuum
    def _gc_check_transcripts(self):
        """Forget what was said after the days that transcripts are kept; what was found stays with the server."""
        old = fields.Datetime.now() - timedelta(days=KEPT_DAYS)
        found = self.search([("date", "<", old), ("transcript", "!=", False)], limit=BATCH)
        found.write({"transcript": False})
        return len(found), int(len(found) == BATCH)

    # ------------------------------------------------------------------
    # Showing
    # ------------------------------------------------------------------

    def _show(self):
        """Return the action that shows this check."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Connection Check"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
            "target": "new",
        }

    def action_check_again(self):
        """Try the same server once more, and show that."""
        self.ensure_one()
        return (self.mail_server_id or self.fetchmail_server_id).action_check_connection()
