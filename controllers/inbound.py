# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Download of journaled messages."""

from odoo import http
from odoo.http import request

from ..engine.audit_action import AuditAction


class InboundController(http.Controller):
    @http.route("/spp_email_gateway/inbound/<int:inbound_id>/eml", type="http", auth="user")
    def eml(self, inbound_id):
        """Return a message exactly as received, as attachment: it is never rendered on this origin."""
        inbound = request.env["spp.email.inbound"].browse(inbound_id).exists()
        if not inbound:
            return request.not_found()
        inbound._require_content()
        content = request.env["spp.email.content"]._load(inbound.id)
        if content is None:
            return request.not_found()
        # Committed before the bytes are sent: Odoo answers after the commit.
        request.env["spp.email.audit"]._note(AuditAction.DOWNLOADED, inbound)
        return request.make_response(
            content,
            headers=[
                ("Content-Type", "message/rfc822"),
                ("Content-Disposition", http.content_disposition(f"message-{inbound.id}.eml")),
                ("X-Content-Type-Options", "nosniff"),
            ],
        )
