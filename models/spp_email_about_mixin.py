# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What is about a message that came by a mailbox or intake of a team: its answers, notices, reports and trail."""

from odoo import fields, models


class SppEmailAboutMixin(models.AbstractModel):
    """The ways in of that message, and not the message: what is about it may outlive its row."""

    _name = "spp.email.about.mixin"
    _description = "About a Message of a Team"

    about_mailbox_id = fields.Many2one(
        "fetchmail.server", string="About Mail of Mailbox", readonly=True, ondelete="set null", index="btree_not_null"
    )
    about_intake_id = fields.Many2one(
        "spp.email.intake", string="About Mail of Intake", readonly=True, ondelete="set null", index="btree_not_null"
    )

    def _about(self):
        """Return {column: id or None} for what is about these records too."""
        # sudo: which ways in, not what came by them.
        rows = self.sudo()  # nosemgrep
        return {
            "about_mailbox_id": rows.about_mailbox_id[:1].id or None,
            "about_intake_id": rows.about_intake_id[:1].id or None,
        }


class SppEmailInbound(models.Model):
    _name = "spp.email.inbound"
    _inherit = ["spp.email.inbound", "spp.email.about.mixin"]

    def _about(self):
        # sudo: as above.
        rows = self.sudo()  # nosemgrep
        found = super()._about()
        return {
            "about_mailbox_id": found["about_mailbox_id"] or rows.server_id[:1].id or None,
            "about_intake_id": found["about_intake_id"] or rows.intake_id[:1].id or None,
        }


class SppEmailDelivery(models.Model):
    _name = "spp.email.delivery"
    _inherit = ["spp.email.delivery", "spp.email.about.mixin"]

    inbound_id = fields.Many2one(
        "spp.email.inbound",
        string="Answers",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
        help="The incoming email that this one answers, or tells its sender about.",
    )


class SppEmailSentContent(models.Model):
    _name = "spp.email.sent.content"
    _inherit = ["spp.email.sent.content", "spp.email.about.mixin"]


class SppEmailAudit(models.Model):
    _name = "spp.email.audit"
    _inherit = ["spp.email.audit", "spp.email.about.mixin"]


class MailMail(models.Model):
    _inherit = "mail.mail"

    gateway_inbound_id = fields.Many2one(
        "spp.email.inbound",
        string="Answers the Incoming Email",
        readonly=True,
        copy=False,
        ondelete="set null",
        index="btree_not_null",
    )

    def _about(self):
        """Return {column: id or None} for what is about the message that these mails answer."""
        return self.gateway_inbound_id[:1]._about()
