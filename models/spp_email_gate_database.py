# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A copy of the database holds its mail, and reads and takes none, until a person says that it may."""

from collections import Counter
from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import UserError

from ..engine.errors import ConfigurationError
from ..engine.gate import Hold
from ..engine.outcome import OutboundReason
from ..engine.trace import TraceStep
from .spp_email_binding import FINDING
from .spp_email_sender_resolver import NOBODY
from .transaction_answers import answers

# How soon mail that was held is looked at again: so long it may take from the confirmation to the sending.
HOLD_MINUTES = 15


class SppEmailGate(models.AbstractModel):
    _inherit = "spp.email.gate"

    def _gates(self):
        # First: what else a copy is asked does not matter.
        return ["_gate_database", *super()._gates()]

    def _gate_database(self, departure, permit):
        """Hold everything in a database that may be a copy."""
        held = self.env["spp.email.binding"]._held()
        if held:
            until = fields.Datetime.now() + timedelta(minutes=HOLD_MINUTES)
            permit.hold = Hold(until, OutboundReason.OTHER_DATABASE, held)
            permit.steps.append(TraceStep("database", "may be a copy", "held"))


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    def _connect__(self, *args, **kwargs):
        """Refuse to connect for whoever sends past the queue; the mail stays, and can be sent later.

        Raises:
            UserError: this database may be a copy.
        """
        if not self._disable_send():
            self.env["spp.email.binding"]._require_original()
        return super()._connect__(*args, **kwargs)

    def _gateway_diagnose(self):
        """Test no connection either: it would log in to the original's server, under the original's name."""
        self.env["spp.email.binding"]._require_original()
        return super()._gateway_diagnose()


class FetchmailServer(models.Model):
    _inherit = "fetchmail.server"

    def _connect__(self, *args, **kwargs):
        """The way of other addons, and of mailboxes whose connection they replace."""
        self.env["spp.email.binding"]._require_original()
        return super()._connect__(*args, **kwargs)

    def _gateway_confirm(self):
        self.env["spp.email.binding"]._require_original()
        return super()._gateway_confirm()

    def fetch_mail(self):
        # Not noted on the mailbox: there is nothing wrong with it.
        self.env["spp.email.binding"]._require_original()
        return super().fetch_mail()

    def _fetch_mail(self, batch_limit=50):
        held = self.env["spp.email.binding"]._held()
        return UserError(held) if held else super()._fetch_mail(batch_limit=batch_limit)

    # The other ways to a mailbox: comparisons, folders, what a decision still has to fetch.

    def _gateway_open_mailbox(self):
        self.env["spp.email.binding"]._require_original(ConfigurationError)
        return super()._gateway_open_mailbox()

    def _gateway_opening(self, *args, **kwargs):
        self.env["spp.email.binding"]._require_original(ConfigurationError)
        return super()._gateway_opening(*args, **kwargs)


class SppEmailWatch(models.Model):
    _inherit = "spp.email.watch"

    def _watched(self):
        """The push command does not listen for a copy."""
        return [] if self.env["spp.email.binding"]._held() else super()._watched()


class SppEmailLane(models.AbstractModel):
    """What was journaled before the copy was made waits: its records, notices and questions are the original's."""

    _inherit = "spp.email.lane"

    def _cron_process(self, lane=1):
        return None if self.env["spp.email.binding"]._held() else super()._cron_process(lane)

    def _queue_process(self, lane):
        return None if self.env["spp.email.binding"]._held() else super()._queue_process(lane)

    def _process_due(self, seconds=None, server_ids=None, lane=0, inbound_ids=None, interrupted=None):
        # What a person decides about by hand is processed: she tries something in the copy.
        if inbound_ids is None and self.env["spp.email.binding"]._held():
            return Counter()
        return super()._process_due(seconds, server_ids, lane, inbound_ids, interrupted)


class SppEmailIntake(models.Model):
    _inherit = "spp.email.intake"

    def _admit(self):
        """Take no mail in a copy, which the original would never see: the sender's server keeps it and comes again."""
        if self.env["spp.email.binding"]._held():
            return 60 * HOLD_MINUTES
        return super()._admit()


class SppEmailSenderResolver(models.AbstractModel):
    _inherit = "spp.email.sender.resolver"

    def _resolver_servers(self):
        """Ask nobody in a copy: who asks about a sender tells that sender's name server that his mail was read."""
        known = answers(self.env)
        if "is copy" not in known:
            known["is copy"] = bool(self.env["spp.email.binding"]._held())
        return NOBODY if known["is copy"] else super()._resolver_servers()


class SppEmailHealth(models.Model):
    _inherit = "spp.email.health"

    is_other_database = fields.Boolean(compute="_compute_is_other_database")

    def _health_models(self):
        return [*super()._health_models(), "spp.email.binding"]

    def _compute_is_other_database(self):
        for finding in self:
            finding.is_other_database = finding.active and finding.code == FINDING

    def action_confirm_database(self):
        """Let this database send and read mail, and look anew."""
        self.env["spp.email.binding"]._confirm()
        return self.action_check()
