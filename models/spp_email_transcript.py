# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Transcripts: what was said between us and a mail server, for managers, for some days."""

import logging
from datetime import timedelta

from odoo import SUPERUSER_ID, api, fields, models
from odoo.modules.registry import Registry
from odoo.tools import SQL

from .spp_email_transaction import autonomous, commit

_logger = logging.getLogger(__name__)

KEPT_DAYS = 7
# Of one server: a mailbox that is read every minute has 1440 sessions a day, of 256 kB at most.
MOST_OF_A_SERVER = 100
# Rows that one run of the autovacuum removes.
BATCH = 1000
SERVERS = {"ir.mail_server": "mail_server_id", "fetchmail.server": "fetchmail_server_id"}


class SppEmailTranscript(models.Model):
    _name = "spp.email.transcript"
    _description = "Transcript of a Mail Server Session"
    _order = "id desc"
    _rec_name = "date"

    mail_server_id = fields.Many2one("ir.mail_server", "Outgoing Server", ondelete="cascade", index="btree_not_null")
    fetchmail_server_id = fields.Many2one(
        "fetchmail.server", "Incoming Server", ondelete="cascade", index="btree_not_null"
    )
    company_id = fields.Many2one("res.company", compute="_compute_company_id", store=True)
    protocol = fields.Selection([("smtp", "SMTP"), ("imap", "IMAP"), ("pop", "POP3")], required=True)
    date = fields.Datetime("Began", required=True, index=True)
    seconds = fields.Float("Duration (s)", digits=(16, 1))
    line_count = fields.Integer("Lines")
    is_cut = fields.Boolean("Cut Off", help="More was said than is kept of one session.")
    text = fields.Text(
        "Transcript",
        prefetch=False,
        help="Seconds since the connection began; > is what we said, < the server, * a remark.",
    )

    _server_check = models.Constraint(
        "CHECK (num_nonnulls(mail_server_id, fetchmail_server_id) = 1)", "A transcript is of one server."
    )

    @api.depends("mail_server_id.company_id", "fetchmail_server_id.company_id")
    def _compute_company_id(self):
        for transcript in self:
            server = transcript.mail_server_id or transcript.fetchmail_server_id
            transcript.company_id = server.company_id

    def action_remove(self):
        """Remove transcripts, and show the form behind them without them."""
        self.unlink()
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    @api.model
    def _keeper(self, model, server_id):
        """Return the function that keeps an engine Transcript of a server; for any thread, and it never raises."""
        database = self.env.cr.dbname

        def keep(transcript):
            # On a cursor of its own: the transcript of a session that failed is what is wanted, and the transaction
            # around that session is rolled back.
            try:
                with Registry(database).cursor() as cr, autonomous(cr):
                    env = api.Environment(cr, SUPERUSER_ID, {})
                    env["spp.email.transcript"]._keep(model, server_id, transcript)
                    env.flush_all()
                    commit(cr)
            except Exception as error:  # noqa: BLE001 - a session ends well or badly without its transcript
                _logger.warning("A transcript of %s %s was not kept: %s.", model, server_id, type(error).__name__)

        return keep

    @api.model
    def _keep(self, model, server_id, transcript):
        server = SERVERS[model]
        if not self.env[model].browse(server_id).exists():
            return
        kept = self.create(
            {
                server: server_id,
                "protocol": transcript.protocol,
                "date": fields.Datetime.now() - timedelta(seconds=transcript.seconds),
                "seconds": transcript.seconds,
                "line_count": transcript.text.count("\n") + 1,
                "is_cut": transcript.is_cut,
            }
        )
        # Odoo writes a query that fails into the log, with its values: this one must not get there.
        query = SQL("UPDATE spp_email_transcript SET text = %s WHERE id = %s", transcript.text, kept.id)
        self.env.flush_all()
        self.env.cr.execute(query, log_exceptions=False)
        kept.invalidate_recordset(["text"])
        newest = self.search([(server, "=", server_id)], order="id desc", limit=MOST_OF_A_SERVER)
        self.search([(server, "=", server_id), ("id", "<", newest[-1].id)], limit=BATCH).unlink()

    @api.autovacuum
    def _gc_transcripts(self):
        old = self.search([("date", "<", fields.Datetime.now() - timedelta(days=KEPT_DAYS))], limit=BATCH)
        old.unlink()
        return len(old), int(len(old) == BATCH)
