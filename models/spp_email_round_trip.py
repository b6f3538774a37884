# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A mail sent through one of our servers and awaited in one of our mailboxes: the whole way, as others see it."""

import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import email_normalize

from ..engine.errors import SealError
from ..engine.health import HealthFinding, HealthState
from ..engine.outcome import OutboundState
from ..engine.round_trip import HEADER, describe_seconds, round_trip_subject, round_trip_token
from ..engine.trial_letter import describe_result
from .engine_text import EngineText, said

_logger = logging.getLogger(__name__)

JOB = "spp_email_gateway.ir_cron_round_trip"
# How long a mailbox is read out of turn for a mail that does not come.
PATIENCE = timedelta(hours=2)


class SppEmailRoundTrip(models.Model):
    """What a turn changes is written in transactions of its own: its mail may be back before a request ends."""

    _name = "spp.email.round.trip"
    _inherit = ["spp.email.transaction"]
    _description = "Round Trip"
    _order = "server_id, id"
    _rec_name = "server_id"

    active = fields.Boolean(default=True)
    server_id = fields.Many2one("ir.mail_server", string="Sent Through", required=True, ondelete="cascade")
    mailbox_id = fields.Many2one(
        "fetchmail.server",
        string="Awaited In",
        required=True,
        ondelete="cascade",
        domain=[("state", "=", "done"), ("server_type", "!=", "local")],
    )
    address = fields.Char(
        "Sent To",
        compute="_compute_address",
        store=True,
        readonly=False,
        required=True,
        precompute=True,
        help="Address whose mail comes into the mailbox.",
    )
    interval_hours = fields.Integer("Repeat Every", default=0, help="Hours; 0 to test only when somebody says so.")
    limit_minutes = fields.Integer("Late After", default=15, required=True, help="Minutes.")

    state = fields.Selection(
        [
            ("new", "Not Tried"),
            ("waiting", "On the Way"),
            ("done", "Arrived"),
            ("late", "Late"),
            ("failed", "Not Sent"),
        ],
        required=True,
        readonly=True,
        copy=False,
        default="new",
    )
    turn = fields.Integer(readonly=True, copy=False, help="How often it was tried.")
    sent_date = fields.Datetime("Sent", readonly=True, copy=False)
    arrived_date = fields.Datetime("Arrived", readonly=True, copy=False)
    duration_text = fields.Char("Time Taken", compute="_compute_duration_text")
    result = EngineText("What the Server Said", readonly=True, copy=False)
    inbound_id = fields.Many2one(
        "spp.email.inbound", string="Journal", readonly=True, copy=False, ondelete="set null", index="btree_not_null"
    )

    _interval_range = models.Constraint(
        "CHECK(interval_hours >= 0 AND limit_minutes > 0)",
        "The hours between two tests are 0 or more, and the minutes after which one is late 1 or more.",
    )

    @api.depends("mailbox_id")
    def _compute_address(self):
        for trip in self:
            trip.address = email_normalize(trip.mailbox_id.user or "") or trip.address

    @api.depends("server_id", "mailbox_id")
    def _compute_display_name(self):
        for trip in self:
            trip.display_name = f"{trip.server_id.name or ''} → {trip.mailbox_id.name or ''}"

    @api.depends("sent_date", "arrived_date")
    def _compute_duration_text(self):
        for trip in self:
            seconds = trip.arrived_date and trip.sent_date and (trip.arrived_date - trip.sent_date).total_seconds()
            # Both are whole seconds: what arrives in the same one took less than 1.
            trip.duration_text = describe_seconds(max(1, int(seconds))) if trip.arrived_date else False

    @api.constrains("address")
    def _check_address(self):
        for trip in self:
            if not email_normalize(trip.address):
                raise ValidationError(self.env._("“%s” is no email address.", trip.address))

    # ------------------------------------------------------------------
    # Sending
    # ------------------------------------------------------------------

    def action_send(self):
        """Send the mail now, and have the mailbox read."""
        self.check_access("write")
        for trip in self:
            trip._send()
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def action_look(self):
        """Read the mailbox now."""
        self.ensure_one()
        self.check_access("write")
        return self.mailbox_id.fetch_mail()

    def _send(self):
        self.ensure_one()
        if self.mailbox_id.state != "done":
            raise UserError(self.env._("The mailbox is not confirmed: press Test & Confirm on its form first."))
        now = fields.Datetime.now()
        turn = self.turn + 1
        try:
            token = round_trip_token(self.env["spp.email.token.key"]._ring(), self.id, turn, now)
        except SealError as error:
            raise UserError(said(self.env, str(error))) from error
        # Before it leaves: it may be back, and looked for, before this transaction ends.
        self._write_apart(
            {
                "state": "waiting",
                "turn": turn,
                "sent_date": now,
                "arrived_date": False,
                "inbound_id": False,
                "result": False,
            }
        )
        try:
            results = self.server_id._gateway_send_now(
                self.address,
                round_trip_subject(token),
                self.env._("A test of the way out and back in. It makes no record."),
                # RFC 3834 §5: no absence notice is to answer it.
                headers={HEADER: token, "Auto-Submitted": "auto-generated"},
            )
        except UserError as error:
            self._write_apart({"state": "failed", "result": str(error)})
            return
        sent = any(result.state in (OutboundState.SENT, OutboundState.UNKNOWN) for result in results.values())
        words = "\n".join(describe_result(address, result) for address, result in results.items())
        self._write_apart({"result": words} if sent else {"state": "failed", "result": words})
        if sent:
            self._await()

    def _write_apart(self, values):
        """Write in a transaction of its own, committed when this returns."""
        # What a person has just entered is saved by then; a row that this transaction changed would lock itself out.
        self.env.flush_all()
        with self._gateway_cursor(read_committed=True) as env:
            # sudo: the right to write was needed to come here.
            self.with_env(env).sudo().write(values)  # nosemgrep
        self.invalidate_recordset()

    def _await(self):
        """Have the mailboxes read at once, and once more in a minute: mail takes its time."""
        self.env["spp.email.watch"]._await(self.mailbox_id.ids)
        with self._gateway_cursor(read_committed=True) as env:
            # sudo: starting work, no data.
            env.ref(JOB).sudo()._trigger(at=fields.Datetime.now() + timedelta(minutes=1))  # nosemgrep

    # ------------------------------------------------------------------
    # Arrival
    # ------------------------------------------------------------------

    def _note_arrival(self, trip_id, turn, inbound):
        """Note that a turn's mail is in the journal, in the transaction that says so there."""
        trip = self.browse(trip_id).exists()
        if not trip or trip.turn != turn or trip.arrived_date or trip.mailbox_id != inbound.server_id:
            return
        trip.write({"state": "done", "arrived_date": inbound.received_date, "inbound_id": inbound.id})

    # ------------------------------------------------------------------
    # The scheduled action
    # ------------------------------------------------------------------

    @api.model
    def _cron_round_trips(self):
        """Send what is due, call late what is late, and read the mailboxes where something is awaited."""
        now = fields.Datetime.now()
        trips = self.search([("mailbox_id.state", "=", "done"), ("server_id.active", "=", True)])
        for trip in trips:
            if trip.state == "waiting" and trip.sent_date + timedelta(minutes=trip.limit_minutes) < now:
                trip._write_apart({"state": "late"})
        for trip in trips.filtered(lambda trip: trip._is_due(now)):
            try:
                trip._send()
            except UserError:
                # Said on the mailbox, and in its health.
                _logger.info("Round trip %s was not begun.", trip.id)
        awaited = trips.filtered(
            lambda trip: trip.state in ("waiting", "late") and trip.sent_date and trip.sent_date > now - PATIENCE
        )
        if awaited:
            self.env["spp.email.watch"]._await(awaited.mailbox_id.ids)

    def _is_due(self, now):
        if self.interval_hours <= 0:
            return False
        # A minute off: the job runs every five, and would come one round late each time.
        pause = timedelta(hours=self.interval_hours) - timedelta(minutes=1)
        return not self.sent_date or self.sent_date + pause <= now

    # ------------------------------------------------------------------
    # Health
    # ------------------------------------------------------------------

    @api.model
    def _gateway_health(self):
        return [trip._finding() for trip in self.search([("state", "in", ("late", "failed"))])]

    def _finding(self):
        if self.state == "late":
            return HealthFinding(
                f"round_trip_{self.id}",
                HealthState.FAILURE,
                self.env._("A round trip is late: %s", self.server_id.name),
                self.env._(
                    "The server took the mail, and after %s minutes it is not in the mailbox.", self.limit_minutes
                ),
                self.env._(
                    "Look into the spam folder of the mailbox, and whether the mailbox is read without errors. If it "
                    "is not there either, ask the provider of the outgoing server with the time and the answer that "
                    "stand on the round trip."
                ),
                self._name,
                tuple(self.ids),
            )
        return HealthFinding(
            f"round_trip_{self.id}",
            HealthState.FAILURE,
            self.env._("A round trip could not be sent: %s", self.server_id.name),
            self.result or "",
            self.env._("Press Test Connection on the outgoing server: it says what is wrong, and in which field."),
            "ir.mail_server",
            tuple(self.server_id.ids),
        )
