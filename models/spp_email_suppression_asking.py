# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Who of a mail's recipients is on the suppression list: asked once for all mails of a batch."""

from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.mail import email_normalize_all

from ..engine.bounce_reason import BounceReason
from ..engine.person_address import erased_address
from ..engine.suppression import Entry, Reach, SuppressionReason, binds
from ..engine.suppression_address import suppression_address
from ..engine.suppression_words import refusal_text
from .spp_email_suppression import QUESTION
from .transaction_answers import DISPATCHING, answers


class SppEmailSuppression(models.Model):
    _inherit = "spp.email.suppression"

    @api.model
    def _refusals(self, recipients, company_id, mail_class):
        """Return {recipient: why it is not written to, in words} of those that mail of this class is not sent to.

        Args:
            recipients: bare addresses.
            company_id: of the mail; entries of other companies do not count. None: only those of all companies.
        """
        forms = {recipient: suppression_address(recipient) for recipient in recipients}
        known = self._known(set(forms.values()) - {""})
        if not any(known.values()):
            return {}
        policy, _learns_refusals = self.env["spp.email.suppression.policy"]._of(company_id)
        now = fields.Datetime.now()
        found = {}
        for recipient, address in forms.items():
            entries = [entry for owner, entry in known.get(address, ()) if owner in (None, company_id)]
            entry = next((one for one in entries if binds(one, mail_class, policy, now)), None)
            if entry:
                found[recipient] = refusal_text(entry)
        return found

    @api.model
    def _known(self, addresses):
        """Return {address: [(company id or None, Entry)]}; kept for the transaction while the queue sends.

        Args:
            addresses: as `suppression_address` returns them.
        """
        is_kept = DISPATCHING in self.env.context
        known = answers(self.env).setdefault(QUESTION, {}) if is_kept else {}
        unknown = [address for address in addresses if address not in known]
        if unknown:
            known.update({address: [] for address in unknown})
            self.flush_model()
            # Of who asked not to be written to, and then to be forgotten, a digest is listed.
            forms = {form: address for address in unknown for form in (address, erased_address(address))}
            rows = self.env.execute_query(
                SQL(
                    "SELECT address, company_id, reason, entered_date, expiry_date, reach, has_bounced, bounce_reason"
                    " FROM spp_email_suppression WHERE active AND address IN %s",
                    tuple(forms),
                )
            )
            for address, company_id, reason, since, until, reach, has_bounced, bounce_reason in rows:
                why = BounceReason(bounce_reason) if bounce_reason else None
                entry = Entry(SuppressionReason(reason), since, until, Reach(reach), bool(has_bounced), why)
                known[forms[address]].append((company_id, entry))
        return {address: known[address] for address in addresses}

    @api.model
    def _ask_for(self, mails):
        """Learn about all recipients of some mails at once."""
        texts = [text for mail in mails for text in (mail.email_to, mail.email_cc) if text]
        # They are read for the sending a moment later, and all at once.
        texts += [email for email in mails.recipient_ids.mapped("email") if email]
        found = {suppression_address(address) for text in texts for address in email_normalize_all(text)}
        self._known(found - {""})


class SppEmailDispatch(models.AbstractModel):
    _inherit = "spp.email.dispatch"

    def _groups(self, mails, known):
        self.env["spp.email.suppression"]._ask_for(mails)
        return super()._groups(mails, known)
