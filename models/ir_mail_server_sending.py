# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What servers say while a request sends by Odoo's own code."""

from odoo import api, models
from odoo.tools import mail as mail_tools

from ..engine import address_memory
from ..engine.header_memory import remember_headers
from ..engine.watched_session import watched
from .mail_mail import RESULTS

# Odoo has put its own policy in by now.
remember_headers()
mail_tools.email_split_tuples = address_memory.remembering(mail_tools.email_split_tuples)


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    @api.model
    def send_email(self, message, *args, **kwargs):
        """Remember each recipient's result where somebody asks for them in the context."""
        results = self.env.context.get(RESULTS)
        if results is None or not kwargs.get("smtp_session"):
            return super().send_email(message, *args, **kwargs)
        session = kwargs["smtp_session"] = watched(kwargs["smtp_session"])
        session.results = {}
        if session.signer is None:
            # Another addon's: nothing can be signed there, and some mail must not leave so.
            session.signer = self.env["spp.email.dkim.key"]._signer()
        session.signer.owner = results.companies.get(message["Message-Id"], session.signer.owner)
        try:
            return super().send_email(message, *args, **kwargs)
        finally:
            results.setdefault(message["Message-Id"], {}).update(session.results)
