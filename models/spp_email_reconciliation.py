# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Comparing a mailbox with the journal, and taking in what was lost."""

import logging
import time
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, split_every

from ..engine.connection import dial
from ..engine.errors import ConfigurationError, GatewayError
from ..engine.health import HealthFinding, HealthState
from ..engine.inventory import open_inventory
from ..engine.reconciliation import Comparison, add_up, compare, take_in
from ..engine.storable import storable
from .spp_email_transaction import DATABASE_ILL

_logger = logging.getLogger(__name__)

# A person waits for it; what is older can be asked for with another date.
COMPARE_SECONDS = 60
MOST_MESSAGES = 5000
DAYS = 30
# Messages that a reader took and that are not written yet, or that arrive while we look, are no gap.
SETTLING = timedelta(hours=1)
KEEP_DAYS = 90


class SppEmailReconciliation(models.Model):
    _name = "spp.email.reconciliation"
    _inherit = ["spp.email.transaction"]
    _description = "Comparison of a Mailbox with the Journal"
    _order = "id desc"
    _rec_name = "server_id"

    server_id = fields.Many2one(
        "fetchmail.server",
        string="Mailbox",
        required=True,
        ondelete="cascade",
        domain=[("state", "=", "done"), ("server_type", "!=", "local")],
    )
    company_id = fields.Many2one(related="server_id.company_id", store=True)
    since_date = fields.Datetime(
        "Since",
        required=True,
        default=lambda self: fields.Datetime.now() - timedelta(days=DAYS),
        help="Messages that came into the mailbox earlier are not looked at. Messages of a POP mailbox are dated by "
        "their header.",
    )
    most_messages = fields.Integer("At Most", required=True, default=500, help="The newest messages are looked at.")
    is_automatic = fields.Boolean("By the Daily Job", readonly=True)
    state = fields.Selection(
        [("draft", "Not Compared"), ("done", "Compared"), ("failed", "Failed")],
        required=True,
        readonly=True,
        default="draft",
        copy=False,
    )
    compared_date = fields.Datetime("Compared", readonly=True, copy=False)
    error_message = fields.Text(readonly=True, copy=False)
    total_count = fields.Integer("On the Server", readonly=True, copy=False)
    looked_at_count = fields.Integer("Looked At", readonly=True, copy=False)
    journaled_count = fields.Integer("In the Journal", readonly=True, copy=False)
    recorded_count = fields.Integer(
        "Known by Message-ID", readonly=True, copy=False, help="A record has it, though the journal does not name it."
    )
    waiting_count = fields.Integer("Waiting", readonly=True, copy=False, help="The next check takes them.")
    is_cut = fields.Boolean(readonly=True, copy=False)
    line_ids = fields.One2many("spp.email.reconciliation.line", "reconciliation_id", string="Missing Messages")
    missing_count = fields.Integer("Missing", compute="_compute_missing_count", store=True)

    _most_messages_bounds = models.Constraint(
        f"CHECK (most_messages BETWEEN 1 AND {MOST_MESSAGES})",
        f"Between 1 and {MOST_MESSAGES} messages can be compared at once.",
    )

    @api.depends("line_ids.state")
    def _compute_missing_count(self):
        for comparison in self:
            comparison.missing_count = len(comparison.line_ids.filtered(lambda line: line.state == "missing"))

    # ------------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------------

    def action_compare(self):
        """Ask the server and the journal, and list what neither the journal nor a record knows."""
        self.ensure_one().check_access("write")
        # sudo: lines are written by comparing only, and messages of all records are searched for Message-IDs.
        self.sudo()._compare()  # nosemgrep: odoo-sudo-without-context
        return True

    def action_choose_all(self):
        self.ensure_one().line_ids.filtered(lambda line: line.state == "missing").is_chosen = True
        return True

    def action_take_in(self):
        """Journal and process the chosen messages."""
        chosen = self._chosen()
        # sudo: as for all fetching, this is the system's work; the right to start it was checked.
        new, failure = self.sudo()._take_in(chosen.sudo())  # nosemgrep: odoo-sudo-without-context
        if failure:
            raise UserError(failure)
        return self.server_id._gateway_notification(
            "success", self.env._("%s messages were taken in. The journal shows what became of them.", new)
        )

    def action_leave(self):
        """Let the chosen messages count as known from now on."""
        # sudo: lines are changed by actions only.
        self._chosen().sudo().write({"state": "left", "is_chosen": False})  # nosemgrep: odoo-sudo-without-context
        return True

    def _chosen(self):
        self.ensure_one().check_access("write")
        chosen = self.line_ids.filtered(lambda line: line.is_chosen and line.state == "missing")
        if not chosen:
            raise UserError(self.env._("Choose messages first: tick the box at their line."))
        return chosen

    # ------------------------------------------------------------------
    # Comparing
    # ------------------------------------------------------------------

    def _compare(self):
        """Compare, and write what was found; a server that fails is noted on the comparison."""
        self.ensure_one()
        self.line_ids.filtered(lambda line: line.state == "missing").unlink()
        try:
            with self._leased() as opening:
                # Of all folders together: Odoo ends a process that is silent for two minutes.
                end = time.monotonic() + COMPARE_SECONDS
                found = add_up([self._compare_folder(opening, each.folder, end) for each in self._selections()])
        except (GatewayError, ConfigurationError, UserError) as error:
            self.write({"state": "failed", "error_message": storable(error), "compared_date": fields.Datetime.now()})
            return
        self.write(
            {
                "state": "done",
                "error_message": False,
                "compared_date": fields.Datetime.now(),
                "total_count": found.total,
                "looked_at_count": found.looked_at,
                "journaled_count": found.journaled,
                "recorded_count": found.recorded,
                "waiting_count": found.waiting,
                "is_cut": found.is_cut,
            }
        )
        left = self._left_keys()
        self.env["spp.email.reconciliation.line"].create(
            [
                {
                    "reconciliation_id": self.id,
                    "folder": item.entry.folder,
                    "uid_validity": item.entry.uid_validity,
                    "uid": item.entry.uid,
                    "size": item.entry.size,
                    "message_id": item.message_id,
                    "email_from": item.email_from,
                    "subject": item.subject,
                    "arrived_date": item.arrived,
                }
                for item in found.missing
                if item.entry.key not in left
            ]
        )

    def _selections(self):
        return self.server_id._gateway_selections()

    def _compare_folder(self, opening, folder, end):
        seconds = end - time.monotonic()
        if seconds <= 0:
            return Comparison(0, 0, 0, 0, 0, (), is_cut=True)
        with opening(folder) as reader:
            return compare(
                reader,
                since=self.since_date,
                most=self.most_messages,
                seconds=seconds,
                known_entries=self._known_entries,
                known_message_ids=self._known_message_ids,
            )

    @contextmanager
    def _leased(self):
        """Context: the mailbox is ours. Gives a function that opens a folder of it.

        Raises:
            UserError: another worker reads it.
        """
        leases = self.env["spp.email.lease"]
        lease = leases._acquire(f"mailbox:{self.server_id._gateway_server_key()}")
        if lease is None:
            raise UserError(self.env._("This mailbox is being read just now. Try again in a minute."))
        try:
            opening = self.server_id._gateway_opening(open_inventory)
            yield lambda folder: opening(dial, folder=folder)
        finally:
            leases._release(lease)

    def _known_entries(self, keys):
        # The job leaves out what was passed over on purpose, at the first contact; a person may ask for it.
        known = self.env["spp.email.ledger" if self.is_automatic else "spp.email.journal"]
        return known._known(self.server_id._gateway_server_key(), keys)

    def _known_message_ids(self, message_ids):
        known = set()
        for chunk in split_every(1000, message_ids):
            for table in ("mail_message", "spp_email_inbound"):
                rows = self.env.execute_query(
                    SQL(
                        "SELECT DISTINCT message_id FROM %s WHERE message_id IN %s", SQL.identifier(table), tuple(chunk)
                    )
                )
                known.update(row[0] for row in rows)
        return known

    def _left_keys(self):
        lines = self.env["spp.email.reconciliation.line"].search(
            [("reconciliation_id.server_id", "=", self.server_id.id), ("state", "=", "left")]
        )
        return {line._key() for line in lines}

    # ------------------------------------------------------------------
    # Taking in
    # ------------------------------------------------------------------

    def _take_in(self, lines):
        """Journal the messages of ``lines`` and process them; return (number of new ones, what failed or None)."""
        reading, server, failure = self.env["spp.email.reading"], self.server_id, None
        new = 0
        for (folder, _validity), group in lines.grouped(lambda line: (line.folder, line.uid_validity)).items():
            try:
                with self._leased() as opening:
                    conversation = take_in(partial(opening, folder or "INBOX"), [line._entry() for line in group])
                    new += reading._converse(server, conversation).new
            except (GatewayError, ConfigurationError, UserError) as error:
                failure = failure or str(error)
        taken = self.env["spp.email.journal"]._known(server._gateway_server_key(), [line._key() for line in lines])
        lines.filtered(lambda line: line._key() in taken).write({"state": "taken", "is_chosen": False})
        self.env["spp.email.lane"]._process_due(COMPARE_SECONDS, server.ids)
        return new, failure

    # ------------------------------------------------------------------
    # The daily job
    # ------------------------------------------------------------------

    @api.model
    def _cron_compare(self):
        """Compare all mailboxes, as far as the scheduler leaves time; those that were not for longest come first."""
        job = self.env["ir.cron"]
        servers = self.env["fetchmail.server"].search([("state", "=", "done"), ("server_type", "!=", "local")])
        last = dict(
            self._read_group(
                [("server_id", "in", servers.ids), ("is_automatic", "=", True)], ["server_id"], ["compared_date:max"]
            )
        )
        today = fields.Datetime.now() - timedelta(hours=12)
        due = servers.filtered(lambda server: not last.get(server) or last[server] < today)
        due = due.sorted(lambda server: (bool(last.get(server)), last.get(server) or False, server.id))
        remaining = len(due)
        left = job._commit_progress(remaining=remaining)
        for server in due:
            if not left:
                break
            remaining -= 1
            if not server._gateway_is_foreign():
                try:
                    self._compare_automatically(server)
                except DATABASE_ILL:
                    raise
                except Exception as error:  # noqa: BLE001 - one bad mailbox must not stop the others
                    self.env.cr.rollback()
                    _logger.warning("Incoming server %s could not be compared: %s.", server.id, type(error).__name__)
            left = job._commit_progress(1, remaining=remaining)

    def _compare_automatically(self, server):
        """Compare what came in since the gateway reads a mailbox: before that it had not to be taken."""
        began = self._first_journaled(server)
        if began is None:
            return
        since = max(began, fields.Datetime.now() - timedelta(days=DAYS))
        comparison = self.create(
            {"server_id": server.id, "since_date": since, "most_messages": MOST_MESSAGES, "is_automatic": True}
        )
        comparison._compare()
        settled = fields.Datetime.now() - SETTLING
        comparison.line_ids.filtered(lambda line: (line.arrived_date or settled) > settled).unlink()

    def _first_journaled(self, server):
        rows = self.env.execute_query(
            SQL("SELECT min(received_date) FROM spp_email_inbound WHERE server_key = %s", server._gateway_server_key())
        )
        return rows[0][0]

    @api.model
    def _gateway_health(self):
        """A finding for each mailbox whose last comparison by the job found messages that nobody knows."""
        findings = []
        latest = self._read_group([("is_automatic", "=", True), ("state", "=", "done")], ["server_id"], ["id:max"])
        for server, comparison_id in latest:
            count = self.browse(comparison_id).missing_count
            if count and server.active and server.state == "done":
                findings.append(
                    HealthFinding(
                        f"mailbox_{server.id}_gaps",
                        HealthState.WARNING,
                        self.env._("Mailbox “%s” has messages that nobody took", server.name),
                        self.env._(
                            "%s messages are marked as read on the server, and neither the journal nor a record has "
                            "them. Somebody read them in the mailbox, or another program did.",
                            count,
                        ),
                        self.env._(
                            "Open the mailbox, press Compare with the Server, tick the messages that are wanted and "
                            "press Take In; tick the others and press Leave."
                        ),
                        self._name,
                        (comparison_id,),
                    )
                )
        return findings

    @api.autovacuum
    def _gc_comparisons(self):
        """Remove old comparisons, but not what people decided to leave."""
        limit = fields.Datetime.now() - timedelta(days=KEEP_DAYS)
        old = self.search([("create_date", "<", limit), ("line_ids.state", "!=", "left")], limit=1000)
        old.filtered(lambda comparison: "left" not in comparison.line_ids.mapped("state")).unlink()
