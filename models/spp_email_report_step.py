# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The step of the processing that tells people who write in the words of mail servers from reports on our mail."""

from odoo import models

from ..engine.attempt import Attempt
from ..engine.doubtful_report import doubt_report
from ..engine.report import recipient_reports
from ..engine.report_match import match_reports
from ..engine.storable import storable


class SppEmailProcessing(models.AbstractModel):
    _inherit = "spp.email.processing"

    def _kind_steps(self, inbound, content):
        # Before the steps that ask what it is: reports are spared the sender's check, limits and rules.
        return [
            *super()._kind_steps(inbound, content),
            doubt_report(lambda found: self._is_report_on_ours(inbound, found)),
        ]

    def _is_report_on_ours(self, inbound, found):
        """Return whether a report names a mail of ours and somebody whom it was sent to.

        Of a report by words a Message-ID alone says nothing: a person's answer has it too.

        Args:
            found: the Classification.
        """
        work, reports = self.env["spp.email.report"], recipient_reports(found, "")
        named = {storable(one) for report in reports for one in (report.recipient, report.original_recipient)} - {""}
        if not named:
            return False
        # Who sent it is asked later: what this lets through is held then, if it is forged.
        _rows, copies = work._copies(Attempt(inbound.id, facts={"kind": found}), found, reports)
        if copies:
            ours = {copy.id for copy in copies if copy.recipient in named}
            return any(ours.intersection(match.copies) for match in match_reports(found.kind, reports, copies))
        ids = work._original_ids(found)
        if not ids:
            return False
        # sudo: whether a Message-ID is ours is asked for everybody's mail.
        notifications = self.env["mail.notification"].sudo()  # nosemgrep
        domain = [
            ("mail_message_id.message_id", "in", ids),
            # Whoever wrote an email chose its Message-ID.
            ("mail_message_id.message_type", "!=", "email"),
            ("notification_type", "=", "email"),
            "|",
            ("mail_email_address", "in", list(named)),
            ("res_partner_id.email_normalized", "in", list(named)),
        ]
        return bool(notifications.search_count(domain, limit=1) or work._traces(ids, named))
