# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Support Package: one ZIP file about a message, for whoever helps; its content masked by choice."""

import base64

from odoo import fields, models
from odoo.exceptions import AccessError, UserError

from ..engine.audit_action import AuditAction
from ..engine.outcome import selection
from ..engine.support_package import PACKAGE_CONTENT_WORDS, PackageContent

MODELS = ("spp.email.inbound", "spp.email.delivery", "mail.mail")
MOST_DAYS = 90


class SppEmailPackage(models.TransientModel):
    _name = "spp.email.package"
    _description = "Support Package"
    _rec_name = "id"

    model = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference("Message", model_field="model", required=True, readonly=True)
    content = fields.Selection(
        selection(PACKAGE_CONTENT_WORDS), required=True, default=PackageContent.MASKED.value, string="The Message"
    )
    days = fields.Integer("Changes of Settings (days)", default=14)
    archive = fields.Binary("File", readonly=True, attachment=False)
    archive_name = fields.Char(readonly=True)

    def _record(self):
        """
        Raises:
            UserError: it is gone, or nothing that a package is made of.
            AccessError: the user is no manager, or may not see it.
        """
        self.ensure_one()
        if not self.env.user.has_group("spp_email_gateway.group_email_gateway_manager"):
            raise AccessError(self.env._("Only managers of the email gateway make support packages."))
        record = self.env[self.model].browse(self.res_id).exists() if self.model in MODELS else None
        if not record:
            raise UserError(self.env._("It is not there any more."))
        record.check_access("read")
        return record

    def action_make(self):
        """Make the file and note it in the audit trail.

        Raises:
            UserError: the days are none, or too many.
            AccessError: the message, or what it says, is not for this user.
        """
        if not 0 <= self.days <= MOST_DAYS:
            raise UserError(self.env._("Choose from 0 to %s days.", MOST_DAYS))
        record = self._record()
        content = PackageContent(self.content)
        archive = self.env["spp.email.support"]._package(record, content, self.days)
        # Committed with the file, and so before anybody has it.
        self.env["spp.email.audit"]._note(AuditAction.EXPORTED, record, f"support package, {content.value}")
        self.write(
            {
                "archive": base64.b64encode(archive),
                "archive_name": f"support-{record._name.rpartition('.')[2]}-{record.id}.zip",
            }
        )
        return self._show()

    def _show(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Support Package"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
            "target": "new",
        }

    @staticmethod
    def _open(record):
        """Return the action that opens the dialogue for a row."""
        record.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": record.env._("Support Package"),
            "res_model": "spp.email.package",
            "views": [(False, "form")],
            "target": "new",
            "context": {"default_model": record._name, "default_res_id": record.id},
        }


class SppEmailInbound(models.Model):
    _inherit = "spp.email.inbound"

    def action_support_package(self):
        """Open the dialogue that makes a support package."""
        return SppEmailPackage._open(self)


class SppEmailDelivery(models.Model):
    _inherit = "spp.email.delivery"

    def action_support_package(self):
        """Open the dialogue that makes a support package."""
        return SppEmailPackage._open(self)


class MailMail(models.Model):
    _inherit = "mail.mail"

    def action_support_package(self):
        """Open the dialogue that makes a support package."""
        return SppEmailPackage._open(self)


class SppEmailFindLine(models.TransientModel):
    _inherit = "spp.email.find.line"

    def action_support_package(self):
        """Open the dialogue that makes a support package of what was found.

        Raises:
            UserError: it is gone, or not for this user.
        """
        record = self._record()
        if not record:
            raise UserError(self.env._("It is not there any more."))
        return SppEmailPackage._open(record)
