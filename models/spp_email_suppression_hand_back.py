# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What is left of the suppression list when the gateway goes."""

import logging

from odoo import models
from odoo.tools import email_normalize

from ..engine.suppression import BOUNCES

_logger = logging.getLogger(__name__)


class SppEmailSuppression(models.Model):
    _inherit = "spp.email.suppression"

    def _gateway_hand_back(self):
        """Put whoever complained, and whom people entered for good, on Odoo's blacklist; say how many these are.

        They want no mail, and Odoo's next mailing would be the proof that nobody listened. The blacklist is for mass
        mail and for all companies; what is listed for bounces is not handed back, since Odoo counts those itself. Who
        was taken off the blacklist by hand stays off.
        """
        rows = self.search(
            [("reason", "not in", [reason.value for reason in BOUNCES]), ("expiry_date", "=", False)]
        )
        asked = {email_normalize(address) for address in rows.mapped("address")} - {False}
        blacklist = self.env["mail.blacklist"].with_context(active_test=False)
        missing = sorted(asked - set(blacklist.search([("email", "in", list(asked))]).mapped("email")))
        if missing:
            blacklist.create([{"email": address} for address in missing])
            # Whoever uninstalls reads it there: the addon's own screens are gone.
            _logger.warning(
                "Uninstalling the email gateway: %s addresses of its suppression list that want no mail are on Odoo's "
                "blacklist now, which holds for mass mail.",
                len(missing),
            )
