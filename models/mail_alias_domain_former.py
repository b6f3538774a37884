# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What an alias domain was called before: replies to old mail still come there."""

from odoo import api, fields, models
from odoo.tools import email_split

from ..engine.answered import answered_ids, enclosed_ids
from ..engine.unknown_recipient import hold_former_recipient

# Set where only living addresses count.
LIVING_ONLY = "spp_email_living_only"


class MailAliasDomain(models.Model):
    _inherit = "mail.alias.domain"

    gateway_former_ids = fields.One2many("spp.email.former.address", "alias_domain_id", string="Former Addresses")

    def _gateway_addresses(self):
        """Return {kind: (local part, domain name)} of the catchall and the bounce address as they are."""
        self.ensure_one()
        return {
            "catchall": (self.catchall_alias or "", self.name or ""),
            "bounce": (self.bounce_alias or "", self.name or ""),
        }

    @api.model_create_multi
    def create(self, vals_list):
        domains = super().create(vals_list)
        # An address that is taken again is no former one.
        self.env["spp.email.former.address"]._remember({}, domains)
        return domains

    def write(self, vals):
        if not {"name", "catchall_alias", "bounce_alias"} & vals.keys():
            return super().write(vals)
        before = {domain.id: domain._gateway_addresses() for domain in self}
        result = super().write(vals)
        self.env["spp.email.former.address"]._remember(before, self)
        return result

    @api.model
    def _find_aliases(self, email_list):
        """Former addresses are ours too: they are no contact, and no recipient of an answer."""
        found = super()._find_aliases(email_list)
        if self.env.context.get(LIVING_ONLY):
            return found
        former = self.env["spp.email.former.address"]._former({email.lower() for email in email_list if email})
        return [email for email in email_list if email in found or (email and email.lower() in former)]


class MailAlias(models.Model):
    _inherit = "mail.alias"

    @api.model
    def _gateway_aliases_among(self, addresses):
        """A former catchall or bounce address is no record's alias."""
        found = super()._gateway_aliases_among(addresses)
        former = self.env["spp.email.former.address"]._former({address.lower() for address in found})
        return [address for address in found if address.lower() not in former]


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

    @api.model
    def _detect_is_bounce(self, message, message_dict):
        """Mail at a former bounce address is a bounce when it is about mail of ours.

        For mail that Odoo's own code reads; while the gateway processes, its kind decides (mail_thread_report.py).
        """
        if super()._detect_is_bounce(message, message_dict):
            return True
        formers = self.env["spp.email.former.address"]
        recipients = {address.lower() for address in email_split(message_dict.get("to") or "")}
        if not formers._former(recipients, "bounce"):
            return False
        references = message_dict.get("references") or "", message_dict.get("in_reply_to") or ""
        return formers._are_ours([*answered_ids(*references), *enclosed_ids(message)])


class SppEmailProcessing(models.AbstractModel):
    _inherit = "spp.email.processing"

    def _steps(self, inbound, content):
        """Hold mail that an intake got for a former address and that answers none of ours."""
        steps = super()._steps(inbound, content)
        if inbound.intake_id and inbound.envelope_recipient:
            living_only = inbound.intake_id.with_context(**{LIVING_ONLY: True})
            verdict = living_only._judge(inbound.envelope_recipient)
            formers = self.env["spp.email.former.address"]
            steps.append(hold_former_recipient(verdict, content, formers._are_ours))
        return steps
