# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Where the reading of a mailbox starts: nobody wants ten years of mail as new records by connecting a mailbox."""

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine.errors import ConfigurationError, GatewayError
from ..engine.health import HealthFinding, HealthState
from .engine_text import EngineChar

# Where more messages wait in a mailbox that was never read, a person says where to start.
MOST_AT_FIRST = 200
# Which mailbox it is.
_MAILBOX_FIELDS = {"server", "user", "server_type"}


class FetchmailServer(models.Model):
    _inherit = "fetchmail.server"

    gateway_start = fields.Selection(
        [("ask", "Not decided"), ("now", "New messages only"), ("since", "Since a date"), ("everything", "Everything")],
        string="Started With",
        required=True,
        readonly=True,
        copy=False,
        default="ask",
    )
    gateway_start_date = fields.Date("Start Date", readonly=True, copy=False)
    gateway_waiting_count = fields.Integer("Waiting for a Start", readonly=True, copy=False)
    gateway_problem = EngineChar("Problem", compute="_compute_gateway_problem")

    @api.depends("state", "error_message", "gateway_waiting_count")
    def _compute_gateway_problem(self):
        """Why a confirmed mailbox takes nothing, in one line for the list."""
        for server in self:
            problem = False
            if server.state == "done" and server.error_message:
                problem = server.error_message.split("\n")[0]
            elif server.state == "done" and server.gateway_waiting_count:
                problem = self.env._("%s messages wait: say where to start.", server.gateway_waiting_count)
            server.gateway_problem = problem

    def write(self, vals):
        before = {}
        if _MAILBOX_FIELDS & set(vals):
            before = {server.id: server._gateway_server_key() for server in self}
        widened = self.filtered(lambda server: vals.get("gateway_take") == "all" and server.gateway_take == "unread")
        result = super().write(vals)
        asked = self.filtered(lambda server: server.id in before and before[server.id] != server._gateway_server_key())
        for server in asked.filtered(lambda server: server.gateway_start != "ask" or server.gateway_waiting_count):
            # Another mailbox: nobody has said where to start in that one.
            super(FetchmailServer, server).write(
                {"gateway_start": "ask", "gateway_start_date": False, "gateway_waiting_count": 0}
            )
        for server in widened:
            # What was read long ago by people would all come at once.
            super(FetchmailServer, server).write({"gateway_start": "ask"})
            server._gateway_forget_marks()
        return result

    def _gateway_forget_marks(self):
        # sudo: the marks are the system's; who may write on the mailbox decides how it is read.
        marks = self.env["spp.email.reading.mark"].sudo()  # nosemgrep
        marks.search([("server_key", "=", self._gateway_server_key())]).unlink()

    def _gateway_start_with(self, start, date=None):
        """Decide where the reading of this mailbox starts.

        Args:
            start: "now", "since" or "everything".
            date: for "since".

        Raises:
            UserError: the mailbox cannot be opened, or is being read just now.
        """
        self.ensure_one().check_access("write")
        if start == "now":
            self._gateway_pass_over_all()
        self._gateway_note_start(start, date)

    def _gateway_note_start(self, start, date=None):
        """Note where the reading starts, as `_gateway_start_with`; opens no mailbox."""
        self.write(
            {
                "gateway_start": start,
                "gateway_start_date": {"now": fields.Date.today(), "since": date}.get(start) or False,
                "gateway_waiting_count": 0,
            }
        )
        self.env.ref("mail.ir_cron_mail_gateway_action").sudo()._trigger()  # nosemgrep: starting work, no data

    def _gateway_pass_over_all(self):
        """Note what is in the mailbox now as not to be taken."""
        leases = self.env["spp.email.lease"]
        lease = leases._acquire(f"mailbox:{self._gateway_server_key()}")
        if lease is None:
            raise UserError(self.env._("This mailbox is being read just now. Try again in a minute."))
        try:
            self._gateway_pass_over(*self._gateway_present())
        finally:
            leases._release(lease)

    def _gateway_present(self):
        """Return what is in the mailbox now: {folder: (UIDVALIDITY, UID) of the last}, and the UIDLs of a POP mailbox.

        Writes nothing.

        Raises:
            UserError: the mailbox cannot be opened.
        """
        floors, passed = {}, []
        try:
            with self._gateway_open_mailbox() as reader:
                for selection in self._gateway_selections():
                    reader.enter(selection)
                    last = reader.last_uid()
                    if last:
                        floors[selection.folder] = last
                    else:
                        passed = [entry.uid for entry in reader.waiting()]
        except (GatewayError, ConfigurationError) as error:
            raise UserError(self._gateway_failure_text(str(error), setting=error.field)) from error
        return floors, passed

    def _gateway_pass_over(self, floors, passed):
        """Note these, as `_gateway_present` returns them, as not to be taken; committed when this returns."""
        key = self._gateway_server_key()
        self.env["spp.email.reading.mark"]._note(key, floors)
        self.env["spp.email.passed.entry"]._add(key, passed)

    def _gateway_report(self, new, outcomes):
        kind, text = super()._gateway_report(new, outcomes)
        if self.gateway_waiting_count:
            kind = "warning"
            text = self.env._(
                "%s messages wait. Say on the form where to start; until then nothing is taken.",
                self.gateway_waiting_count,
            )
        return kind, text

    @api.model
    def _gateway_health(self):
        findings = super()._gateway_health()
        for server in self.search([("state", "=", "done"), ("gateway_waiting_count", ">", 0)]):
            findings.append(
                HealthFinding(
                    f"mailbox_{server.id}_start",
                    HealthState.WARNING,
                    self.env._("Mailbox “%s” waits for you to say where to start", server.name),
                    self.env._(
                        "%s messages were in it when it was read for the first time. Nothing was taken yet.",
                        server.gateway_waiting_count,
                    ),
                    self.env._("Open the mailbox and press “Say Where to Start”."),
                    self._name,
                    (server.id,),
                )
            )
        return findings

    def action_gateway_start(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Where to Start"),
            "res_model": "spp.email.start",
            "view_mode": "form",
            "target": "new",
            "context": {"default_server_id": self.id},
        }
