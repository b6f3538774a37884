# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The server of odoo.conf, which sends where no other is set up: what it is, and whether it works."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import config, email_normalize

from ..engine.sender import sender_for_test
from ..engine.smtp_diagnosis import diagnose_smtp
from ..models.engine_text import said


class SppEmailConfigurationServer(models.TransientModel):
    _name = "spp.email.configuration.server"
    _description = "Server of odoo.conf"

    host = fields.Char("SMTP Server", compute="_compute_settings")
    port = fields.Char("SMTP Port", compute="_compute_settings")
    encryption = fields.Char("Connection Encryption", compute="_compute_settings")
    user_name = fields.Char("Username", compute="_compute_settings")
    from_filter = fields.Char("FROM Filtering", compute="_compute_settings")
    is_used = fields.Boolean(compute="_compute_settings")

    def _compute_display_name(self):
        for server in self:
            server.display_name = self.env._("Server of odoo.conf")

    @api.depends_context("uid")
    def _compute_settings(self):
        servers = self.env["ir.mail_server"]
        connection, user_name = servers._gateway_configuration()
        is_used = not servers.search_count(servers._find_mail_server_allowed_domain(), limit=1)
        for server in self:
            server.host = connection.host
            # Text: a port has no thousands separator.
            server.port = str(connection.port)
            server.encryption = (
                self.env._("TLS (STARTTLS), not verified") if config.get("smtp_ssl") else self.env._("None")
            )
            server.user_name = user_name
            server.from_filter = servers._get_default_from_filter()
            server.is_used = is_used

    def action_test(self):
        """Try the server without sending, as Test Connection does.

        Raises:
            UserError: names what failed, and the cure.
        """
        self.ensure_one().check_access("write")
        servers = self.env["ir.mail_server"]
        connection, user_name = servers._gateway_configuration()
        sender = sender_for_test(
            servers._gateway_filter(servers._get_default_from_filter()),
            email_normalize(user_name) or "",
            email_normalize(servers._get_default_from_address()) or "",
            self.env.user.email_normalized or "",
        )

        def log_in(session):
            session.login(user_name, config.get("smtp_password") or "")

        diagnosis = diagnose_smtp(connection, log_in if user_name else None, sender)
        if not diagnosis.ok:
            failure = diagnosis.failure
            raise UserError(
                "\n".join(
                    [
                        self.env._("Change odoo.conf, or add a server here."),
                        said(self.env, failure.text),
                        said(self.env, failure.cure) or "",
                    ]
                )
            )
        text = "\n".join(
            f"{said(self.env, step.name.capitalize())}: {said(self.env, step.text)}" for step in diagnosis.steps
        )
        return servers._gateway_notification("success", text, title=self.env._("Connection Test Successful"))
