# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Who may see mail as it was sent, where no record or message says so."""

from odoo import models
from odoo.exceptions import AccessError

from .res_users_roles import OFFICER


class SppEmailSentContent(models.Model):
    _inherit = "spp.email.sent.content"

    def _may_see_content(self):
        """Return whether the user may see all of these bytes: officers, of their companies."""
        return self.env.su or (self.env.user.has_group(OFFICER) and self.has_access("read"))

    def _require_content(self):
        """Let only those pass who may see these bytes.

        Raises:
            AccessError: the user may not.
        """
        self.check_access("read")
        if not self._may_see_content():
            raise AccessError(self.env._("Only officers of the email gateway read what messages say."))

    def _load(self):
        # Who may read the mail or the message in a record comes as the system, after that was asked.
        self._require_content()
        return super()._load()
