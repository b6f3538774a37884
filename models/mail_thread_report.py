# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Reports in Odoo's processing: what a message is decides, not its content type or the address it came to."""

from odoo import api, models
from odoo.tools import email_split

from ..engine.message_kind import REPORTS, MessageKind
from ..engine.outcome import InboundReason, InboundState
from ..engine.subaddress import without_detail
from .mail_thread import ATTEMPT


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

    @api.model
    def _gateway_kind(self):
        """Return the MessageKind of the message that is processed; None where the gateway does not process."""
        attempt = self.env.context.get(ATTEMPT)
        found = attempt.facts.get("kind") if attempt is not None and attempt is not True else None
        return found.kind if found else None

    @api.model
    def _detect_is_bounce(self, message, message_dict):
        """Follow the classification.

        Odoo takes read receipts, reports about DMARC and whatever anybody writes to the bounce address for bounces.
        """
        kind = self._gateway_kind()
        if kind is None:
            return super()._detect_is_bounce(message, message_dict)
        return kind is MessageKind.DELIVERY_FAILURE

    @api.model
    def _message_parse_extract_bounce(self, email_message, message_dict):
        """Leave open which mail bounced: that is only believed once it is proved (models/spp_email_report.py)."""
        if self._gateway_kind() is None:
            return super()._message_parse_extract_bounce(email_message, message_dict)
        if not self._detect_is_bounce(email_message, message_dict):
            return {"is_bounce": False}
        return {
            "is_bounce": True,
            "bounced_email": False,
            "bounced_partner": self.env["res.partner"],
            "bounced_msg_ids": [],
            "bounced_message": self.env["mail.message"],
        }

    @api.model
    def message_parse(self, message, save_original=False):
        """Let what comes to the signed return path of a mail answer that mail, also where it names none."""
        parsed = super().message_parse(message, save_original=save_original)
        if self._gateway_kind() in (None, *REPORTS) or parsed.get("parent_id"):
            return parsed
        # sudo, here and below: a program's mail is processed as its user, who need not see journal and ledger.
        original = self.env["spp.email.report"].sudo()._message_of_return_path(self.env.context[ATTEMPT])  # nosemgrep
        if original:
            parsed.update(self._message_parse_extract_from_parent(original))
            parsed["references"] = f"{parsed.get('references') or ''} {original.message_id}".strip()
        return parsed

    @api.model
    def _gateway_route(self, find_routes, message, message_dict, model, thread_id, custom_values, attempt):
        target, kind = attempt.target, self._gateway_kind()
        is_decided = bool(target and target.model and target.forced)
        if kind in REPORTS and not is_decided:
            if not self._gateway_is_report_for_people(message, message_dict, attempt):
                return []
        elif not (target and target.model) and self._gateway_is_for_bounces(message_dict, attempt):
            return self._gateway_route_from_bounce_address(
                lambda: super(MailThread, self)._gateway_route(
                    find_routes, message, message_dict, None, None, None, attempt
                ),
                attempt,
            )
        return super()._gateway_route(find_routes, message, message_dict, model, thread_id, custom_values, attempt)

    @api.model
    def _gateway_is_report_for_people(self, message, message_dict, attempt):
        """Take in a report and set its fate; return True, without a fate, for one that goes on to become a record.

        Those are reports about no mail of ours that somebody wants: about DMARC or TLS, and complaints, which come
        about what a newsletter service or the mail server sent in our name as well.
        """
        kind = self._gateway_kind()
        is_wanted = kind in (MessageKind.OTHER_REPORT, MessageKind.ABUSE_COMPLAINT) and self._gateway_wants_report(
            message_dict, attempt
        )
        if is_wanted and kind is MessageKind.OTHER_REPORT:
            return True
        fate = self.env["spp.email.report"].sudo()._take_in(self, message, message_dict, attempt)  # nosemgrep
        if is_wanted and fate[1] is InboundReason.FOREIGN_REPORT:
            attempt.trace.add("kind of message", "a complaint about no mail of ours", "goes where it was written to")
            return True
        attempt.fate = fate
        return False

    @api.model
    def _gateway_wants_report(self, message_dict, attempt):
        """Return whether a report that is about no mail of ours, such as one about DMARC, has a place to go.

        Somebody who makes an alias for them, or a rule, wants them as records. A mailbox that makes records of all
        else it gets does not.
        """
        if attempt.envelope_recipients or (attempt.target and attempt.target.model):
            return True
        recipients = email_split(message_dict.get("recipients") or "")
        return bool(self.env["mail.alias"]._gateway_aliases_among([address.lower() for address in recipients]))

    @api.model
    def _gateway_is_for_bounces(self, message_dict, attempt):
        """Return whether a message was written to bounce addresses only."""
        inbound = self.env["spp.email.inbound"].sudo().browse(attempt.inbound_id)  # nosemgrep: as in message_parse
        if attempt.envelope_recipients:
            return False
        written_to = email_split(inbound.envelope_recipient or "") or email_split(
            ",".join(filter(None, (message_dict.get("to"), message_dict.get("cc"))))
        )
        ours = self.env["mail.alias.domain"]._gateway_domain_addresses("bounce") if written_to else set()
        return bool(written_to) and all(without_detail(address) in ours for address in written_to)

    @api.model
    def _gateway_route_from_bounce_address(self, find_routes, attempt):
        """Route what somebody wrote to the bounce address: an answer reaches its thread, all else waits for a person.

        Odoo takes it for a bounce, and nobody hears of it.

        Args:
            find_routes: returns the routes that replies and aliases give; the mailbox's target is not asked.
        """
        try:
            return find_routes()
        except ValueError as error:
            # Odoo's word for "no route"; a subclass is a fault of somebody's code.
            if type(error) is not ValueError:
                raise
        attempt.trace.add("address that it was written to", "takes reports on mail, not mail", "quarantine")
        attempt.fate = InboundState.QUARANTINED, InboundReason.NOT_FOR_WRITING
        return []
