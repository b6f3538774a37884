# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The texts that the gateway writes to senders: templates, and Odoo's own views of the notices."""

from odoo import models

TEMPLATE_MODEL = "spp.email.inbound"
# Who wrote to the catchall, to an alias that is closed to him, or too much.
NOTICE_VIEWS = (
    "mail.mail_bounce_catchall",
    "mail.mail_bounce_alias_security",
    "mail.message_notification_limit_email",
)


class MailTemplate(models.Model):
    _name = "mail.template"
    _inherit = ["mail.template", "spp.email.change.mixin"]

    _gateway_kept = (
        "name",
        "active",
        "model_id",
        "lang",
        "email_from",
        "reply_to",
        "subject",
        "body_html",
        "gateway_overrides_suppression",
    )

    def _gateway_kept_among(self, vals):
        # sudo: only what it is for.
        return self.sudo().filtered(lambda one: one.model == TEMPLATE_MODEL).with_env(self.env)  # nosemgrep

    def _gateway_change_name(self):
        return self.name


class IrUiView(models.Model):
    _name = "ir.ui.view"
    _inherit = ["ir.ui.view", "spp.email.change.mixin"]

    _gateway_kept = ("arch_db", "active", "inherit_id", "mode", "priority")

    def _gateway_kept_among(self, vals):
        # sudo: only which it is; views that extend a notice change it as well.
        watched = self.sudo().filtered(  # nosemgrep
            lambda view: view.key in NOTICE_VIEWS or view.inherit_id.key in NOTICE_VIEWS
        )
        return watched.with_env(self.env)

    def _gateway_change_name(self):
        return self.name
