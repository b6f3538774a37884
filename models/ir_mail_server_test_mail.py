# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A mail that is really sent through one server and no other, and what the server said about each recipient."""

import smtplib
from contextlib import suppress

from odoo import models
from odoo.exceptions import UserError
from odoo.tools import email_normalize, email_normalize_all

from odoo.addons.base.models.ir_mail_server import MailDeliveryException

from ..engine.delivery import RecipientResult
from ..engine.errors import ConfigurationError, GatewayError
from ..engine.gate import Departure
from ..engine.outcome import OutboundReason, OutboundState
from ..engine.smtp_answer import no_session
from ..engine.watched_session import watched
from .engine_text import said


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    def action_send_test_mail(self):
        """Open the dialogue that sends a test mail."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Send a Test Mail"),
            "res_model": "spp.email.test.mail",
            "view_mode": "form",
            "target": "new",
            "context": {"default_server_id": self.id},
        }

    def _gateway_send_now(self, recipients, subject, body, headers=None):
        """Send a mail through this server, with the From that any mail of this user gets here.

        Returns:
            {bare address: RecipientResult}.

        Raises:
            UserError: nothing was sent; in words.
        """
        self.ensure_one()
        recipients = tuple(dict.fromkeys(email_normalize_all(recipients)))
        if not recipients:
            raise UserError(self.env._("Enter the address that the mail is to be sent to."))
        if not self.active:
            raise UserError(self.env._("This server is archived."))
        email_from = self._gateway_test_sender()
        smtp_from = self._find_mail_server(email_from, self)[1]
        message = self._build_email__(email_from, ", ".join(recipients), subject, body, headers=headers)
        departure = Departure(0, self.id, email_normalize(smtp_from) or smtp_from, recipients, self.env.company.id)
        permit = self.env["spp.email.gate"]._ask(departure)
        if permit.hold:
            raise UserError(said(self.env, permit.hold.text))
        results = {
            address: RecipientResult(refusal.state, refusal.reason, text=refusal.text)
            for address, refusal in permit.refused.items()
        }
        allowed = tuple(address for address in recipients if address not in results)
        if allowed:
            message.replace_header("To", ", ".join(allowed))
            sent = self._gateway_transmit(message, smtp_from, allowed)
            self.env["spp.email.gate"]._note(departure, sent)
            results.update(sent)
        return results

    def _gateway_transmit(self, message, smtp_from, recipients):
        """Connect, hand over and say goodbye; return {recipient: RecipientResult}, whatever the server does."""
        try:
            session = self._connect__(mail_server_id=self.id, smtp_from=smtp_from)
        except ConfigurationError as error:
            raise UserError(said(self.env, str(error))) from error
        except (GatewayError, smtplib.SMTPException, OSError) as error:
            return dict.fromkeys(recipients, no_session(error))
        if session is None:
            raise UserError(self.env._("This database sends no mail: it runs tests, or a rehearsal."))
        # A session of the gateway keeps each answer; for one of another addon its keeper does.
        session, failure = watched(session), None
        if return_path := self.env.context.get("gateway_return_path"):
            session.sign_sender = lambda _sender: return_path
        try:
            self.send_email(message, mail_server_id=self.id, smtp_session=session)
        except (GatewayError, smtplib.SMTPException, OSError, MailDeliveryException, AssertionError) as error:
            # What the server said stands in the results; Odoo asserts that there is a sender that can be used.
            failure = error
        finally:
            with suppress(smtplib.SMTPException, OSError):
                session.quit()
        answers = {address.lower(): result for address, result in session.results.items()}
        not_begun = RecipientResult(OutboundState.FAILED, OutboundReason.NOT_BUILT, text=str(failure or ""))
        return {address: answers.get(address, not_begun) for address in recipients}

    def action_test_round_trip(self):
        """Open the round trips of this server; a new one where it has none."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("spp_email_gateway.action_spp_email_round_trip")
        trips = self.env["spp.email.round.trip"].search([("server_id", "=", self.id)])
        readable = [("state", "=", "done"), ("server_type", "!=", "local")]
        mailboxes = self.env["fetchmail.server"].search(readable, limit=2)
        action["context"] = {
            "default_server_id": self.id,
            # Where there is only one, it is the one.
            "default_mailbox_id": mailboxes.id if len(mailboxes) == 1 else False,
        }
        if len(trips) > 1:
            return {**action, "domain": [("server_id", "=", self.id)]}
        form = self.env.ref("spp_email_gateway.view_spp_email_round_trip_form")
        return {**action, "views": [(form.id, "form")], "res_id": trips.id}
