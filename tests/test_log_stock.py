# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Odoo's own lines that name people, logged by Odoo's own code, with the filter behind them."""

import logging
from unittest.mock import patch

from odoo.tests import tagged

from odoo.addons.mail.models import mail_mail as stock_mail

from ..models.spp_email_log import protect_log
from .common import GatewayCase, eml

SENDER = "Zyxwanja Quill <zyxwanja@plover.example>"
PLANTED = ("zyxwanja", "quill", "plover.example", "marzipan", "cornelius")


class Kept(logging.Handler):
    """Keeps (logger, line) of what reaches it behind its filters."""

    def __init__(self):
        super().__init__(logging.INFO)
        self.lines = []

    def emit(self, record):
        self.lines.append((record.name, record.getMessage()))


@tagged("post_install", "-at_install")
class TestLogStock(GatewayCase):
    def setUp(self):
        super().setUp()
        self.handler = Kept()
        logging.getLogger().addHandler(self.handler)
        self.addCleanup(logging.getLogger().removeHandler, self.handler)
        for name in ("odoo.addons.mail", "odoo.addons.auth_signup"):
            logger = logging.getLogger(name)
            self.addCleanup(logger.setLevel, logger.level)
            logger.setLevel(logging.INFO)
        protect_log()

    def assertLine(self, name, *words):  # noqa: N802
        """One line of the logger has all words, and no line at all names anybody."""
        lines = [line for logger, line in self.handler.lines if logger.endswith(name)]
        self.assertTrue(any(all(word in line for word in words) for line in lines), lines)
        for _logger, line in self.handler.lines:
            for planted in PLANTED:
                self.assertNotIn(planted, line.lower())

    def process(self, **values):
        content = eml(From=SENDER, Subject="Marzipan", **values)
        return self.env["mail.thread"].message_process("res.partner", content.decode())

    def test_an_alias_matches(self):
        self.alias("zyxwanja-box")
        self.process(To="zyxwanja-box@gateway.test")
        self.assertLine("mail_thread", "Routing mail from", "direct alias match")

    def test_no_alias_matches(self):
        self.process(To="Cornelius <cornelius@plover.example>")
        self.assertLine("mail_thread", "Routing mail from", "fallback to model:res.partner")

    def test_a_reply_and_a_duplicate(self):
        partner = self.env["res.partner"].create({"name": "Zyxwanja", "email": "zyxwanja@plover.example"})
        message = partner.message_post(body="Marzipan", message_type="comment")
        values = {"To": "cornelius@plover.example", "In_Reply_To": message.message_id}
        self.process(Message_ID="<zyxwanja-1@plover.example>", **values)
        self.assertLine("mail_thread", "Routing mail from", "direct reply to msg", "res.partner", str(partner.id))
        self.process(Message_ID="<zyxwanja-1@plover.example>", **values)
        self.assertLine("mail_thread", "Ignored mail from", "found duplicated Message-Id")

    def test_a_mail_is_sent(self):
        mail = self.env["mail.mail"].create(
            {"subject": "Marzipan", "email_from": SENDER, "email_to": "cornelius@plover.example", "body_html": "x"}
        )
        # Odoo logs this line outside of tests only.
        module = type("module", (), {"current_test": False})
        servers = type(self.env["ir.mail_server"])
        with (
            patch.object(stock_mail, "modules", type("modules", (), {"module": module})),
            patch.object(servers, "_disable_send", lambda *args: False),
            patch.object(servers, "_connect__", lambda *args, **kwargs: None),
            patch.object(servers, "send_email", lambda *args, **kwargs: "<zyxwanja-2@plover.example>"),
        ):
            stock_mail.MailMail._send(mail, raise_exception=True)
        self.assertLine("mail_mail", f"with ID {mail.id}", "successfully sent")

    def test_a_password_is_reset(self):
        users = self.env["res.users"]
        if "action_reset_password" not in dir(users):
            self.skipTest("auth_signup is not installed")
        user = users.create({"name": "Zyxwanja", "login": "zyxwanja", "email": "zyxwanja@plover.example"})
        user.with_context(create_user=False).action_reset_password()
        self.assertLine("auth_signup.models.res_users", "Password reset email sent for user <[hidden]> to <[address]>")
