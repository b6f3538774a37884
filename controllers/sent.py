# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Download of emails as they were sent."""

import io
import zipfile

from odoo import http
from odoo.http import request

from ..engine.audit_action import AuditAction

# Emails in one file: a message to many people was sent many times.
MOST_FILES = 50


class SentController(http.Controller):
    @http.route("/spp_email_gateway/sent/delivery/<int:delivery_id>", type="http", auth="user")
    def of_delivery(self, delivery_id):
        """Officers: what this recipient was sent."""
        delivery = request.env["spp.email.delivery"].browse(delivery_id).exists()
        delivery.check_access("read")
        contents = request.env["spp.email.sent.content"].search([("delivery_ids", "in", delivery.ids)])
        contents.check_access("read")
        return self._answer(contents, delivery)

    @http.route("/spp_email_gateway/sent/mail/<int:mail_id>", type="http", auth="user")
    def of_mail(self, mail_id):
        """Whoever may read the email in the queue."""
        mail = request.env["mail.mail"].browse(mail_id).exists()
        mail.check_access("read")
        return self._answer(self._contents([("mail_id", "in", mail.ids)]), mail)

    @http.route("/spp_email_gateway/sent/message/<int:message_id>", type="http", auth="user")
    def of_message(self, message_id):
        """Staff who may read the message in the chatter."""
        message = request.env["mail.message"].browse(message_id).exists()
        if not request.env.user._is_internal():
            return request.not_found()
        message.check_access("read")
        return self._answer(self._contents([("mail_message_id", "in", message.ids)]), message)

    def _contents(self, domain):
        # sudo: callers have checked that the user may read the mail or message that these bytes are.
        return request.env["spp.email.sent.content"].sudo().search(domain, limit=MOST_FILES)  # nosemgrep

    def _answer(self, contents, record):
        """Return the bytes as attachment, several as a ZIP file: they are never rendered on this origin."""
        found = [(content.id, content._load()) for content in contents.sorted("id")[:MOST_FILES]]
        found = [(content_id, data) for content_id, data in found if data is not None]
        if not found:
            return request.not_found()
        # Committed before the bytes are sent: Odoo answers after the commit.
        request.env["spp.email.audit"]._note(AuditAction.DOWNLOADED, record)
        if len(found) == 1:
            content_id, data = found[0]
            name, kind = f"sent-{content_id}.eml", "message/rfc822"
        else:
            name, kind, data = "sent.zip", "application/zip", self._packed(found)
        return request.make_response(
            data,
            headers=[
                ("Content-Type", kind),
                ("Content-Disposition", http.content_disposition(name)),
                ("X-Content-Type-Options", "nosniff"),
            ],
        )

    def _packed(self, found):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
            for content_id, data in found:
                packed.writestr(f"sent-{content_id}.eml", data)
        return file.getvalue()
