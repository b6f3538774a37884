# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The set-up's end: all is made at once, then mail is sent to the addresses that this database needs."""

from odoo import fields, models
from odoo.exceptions import UserError

from ..engine.mailbox import open_mailbox
from ..engine.outcome import OutboundState
from ..engine.trial_letter import describe_result
from ..models.engine_text import EngineText

# Set while a mailbox is looked at that is not written yet: no other transaction sees it.
UNCOMMITTED = "spp_email_setup_uncommitted"


class SppEmailSetup(models.TransientModel):
    _inherit = "spp.email.setup"

    address_ids = fields.One2many("spp.email.setup.address", "setup_id", readonly=True)
    test_recipient = fields.Char("Send a Test Mail To", default=lambda self: self.env.user.email)
    test_result = EngineText("What the Server Said", readonly=True)
    is_tested = fields.Boolean(readonly=True)

    def action_finish(self):
        """Make servers, alias domain and addresses in one go; pressed again, change what was made.

        Raises:
            UserError: something is not as it has to be, and nothing was made.
        """
        self.ensure_one()
        self._require_entries()
        if not self._is_checked():
            raise UserError(self.env._("The check has to go well first: go back and change what is wrong."))
        self._require_domain()
        # Before the first write: Odoo gives the first alias domain to all companies and aliases, and whoever sends or
        # fetches would wait for these rows as long as the mailbox's server takes.
        present = self._look_at_present() if self._receives() else None
        self._write_domain()
        if self._sends():
            self.outgoing_server_id = self._make("outgoing")
        if self._receives():
            self._finish_incoming(present)
        # The servers have it now; without one typed anew they keep it.
        self.password = False
        self._plan_test()
        return self._go("test")

    def _look_at_present(self):
        """Return what the mailbox holds and is not to be taken, as ``_gateway_present``; None if not asked."""
        server, mailbox = self._known("incoming"), self._candidate("incoming")
        is_other = server and server._gateway_server_key() != mailbox._gateway_server_key()
        if self.start != "now" or not (mailbox.gateway_start == "ask" or is_other) or not self._is_beginning(server):
            return None
        return mailbox.with_context(**{UNCOMMITTED: True})._gateway_present()

    def _is_beginning(self, server):
        """Return whether reading begins with this set-up, and not with an earlier press of Set Up."""
        return not self.incoming_server_id or server.state == "draft"

    def _finish_incoming(self, present):
        is_beginning = self._is_beginning(self._known("incoming"))
        server = self._make("incoming")
        self.incoming_server_id = server
        if is_beginning or server.state == "draft":
            if server.gateway_start == "ask" and (self.start != "now" or present):
                if present:
                    server._gateway_pass_over(*present)
                server._gateway_note_start(self.start)
            # Confirmed: the check of a moment ago read it.
            server.write({"state": "done", "error_date": False, "error_message": False})

    # ------------------------------------------------------------------
    # Test
    # ------------------------------------------------------------------

    def _plan_test(self):
        """Have a round trip for each address that this database needs, if both ways are there."""
        self.address_ids.unlink()
        self.write({"is_tested": False, "test_result": False})
        if not (self.outgoing_server_id and self.incoming_server_id and self.scope == "both"):
            return
        # Addresses of another domain are read elsewhere.
        domain = self.alias_domain_id.filtered(lambda one: one.name.lower() == self.address_domain)
        wanted = {
            (self.address or "").lower(): "mailbox",
            (domain.default_from_email or "").lower(): "default_from",
            (domain.catchall_email or "").lower(): "catchall",
            (domain.bounce_email or "").lower(): "bounce",
        }
        # The mailbox's own address says more than that it is the Default From as well.
        wanted[(self.address or "").lower()] = "mailbox"
        trips = self.env["spp.email.round.trip"].with_context(active_test=False)
        for address, kind in wanted.items():
            if not address:
                continue
            values = {
                "server_id": self.outgoing_server_id.id,
                "mailbox_id": self.incoming_server_id.id,
                "address": address,
            }
            trip = trips.search([(name, "=", value) for name, value in values.items()], limit=1) or trips.create(
                # Only the mailbox's own is for health to watch: the others may be read elsewhere.
                {**values, "active": kind == "mailbox"}
            )
            self.env["spp.email.setup.address"].create({"setup_id": self.id, "kind": kind, "trip_id": trip.id})

    def action_test(self):
        """Send the test mails, and read the mailbox."""
        self.ensure_one()
        for line in self.address_ids:
            line.trip_id._send()
        self.is_tested = True
        if self.address_ids:
            return self.action_look()
        return True

    def action_look(self):
        """Read the mailbox now; what arrived shows on the lines."""
        self.ensure_one()
        action = self.incoming_server_id.fetch_mail() if self.incoming_server_id else True
        self.address_ids.trip_id.invalidate_recordset()
        return action

    def action_send_test_mail(self):
        """Send a mail to the address that was typed, and show what the server said."""
        self.ensure_one()
        self.outgoing_server_id.check_access("write")
        results = self.outgoing_server_id._gateway_send_now(
            self.test_recipient,
            self.env._("Test mail of %s", self.env.company.name),
            self.env._(
                "This is a test. The outgoing server “%(server)s” sent it because %(user)s asked for it.",
                server=self.outgoing_server_id.name,
                user=self.env.user.name,
            ),
            # RFC 3834 §5: nobody's absence notice is to answer a test.
            headers={"Auto-Submitted": "auto-generated"},
        )
        self.test_result = "\n".join(describe_result(address, result) for address, result in results.items())
        self.is_tested = self.is_tested or all(result.state is OutboundState.SENT for result in results.values())
        return True

    def action_done(self):
        """Show what was made and what remains to be done."""
        return self._go("done")

    # ------------------------------------------------------------------
    # What was made
    # ------------------------------------------------------------------

    def action_open_outgoing(self):
        return self._open(self.outgoing_server_id)

    def action_open_incoming(self):
        return self._open(self.incoming_server_id)

    def action_open_domain(self):
        return self._open(self.alias_domain_id)

    def action_again(self):
        """Begin a set-up of another mailbox."""
        return self.env["ir.actions.act_window"]._for_xml_id("spp_email_gateway.action_spp_email_setup")

    def _open(self, record):
        return {
            "type": "ir.actions.act_window",
            "res_model": record._name,
            "res_id": record.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }


class FetchmailServer(models.Model):
    _inherit = "fetchmail.server"

    def _gateway_open_mailbox(self):
        if not self.env.context.get(UNCOMMITTED):
            return super()._gateway_open_mailbox()
        return open_mailbox(self._get_connection_type(), self._gateway_connection(), self._credential())
