# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What mail servers say to a token: it is valid once one of them let us in with it."""

from datetime import timedelta

from odoo import fields, models

from ..engine.storable import storable
from .spp_email_oauth_token import words_of

# A use is noted so often at most: a write for each login would be one for each mailbox and run.
NOTED = timedelta(minutes=30)


class SppEmailOauth(models.Model):
    _inherit = "spp.email.oauth"

    def _note_login(self):
        """Note that a server let us in with the token."""
        now = fields.Datetime.now()
        is_noted = self.state == "valid" and self.used_date and self.used_date > now - NOTED
        if is_noted and (not self.obtained_date or self.obtained_date <= self.used_date):
            return
        with self._own_transaction() as credential:
            if credential.state == "dead":
                # The last token still lasts for a while; there will be no other one until somebody connects again.
                credential.used_date = now
                return
            was_failing = bool(credential.failing_date)
            credential.write(
                {
                    "state": "valid",
                    "used_date": now,
                    "failing_date": False,
                    "failure_text": False,
                    "failure_cure": False,
                }
            )
        if was_failing:
            self._call_health()

    def _note_refusal(self, error):
        """Note that a server did not let us in with a token that was just got."""
        with self._own_transaction() as credential:
            works_elsewhere = (
                credential.state == "valid"
                and credential.obtained_date
                and credential.used_date
                and credential.used_date >= credential.obtained_date
            )
            if credential.state == "dead" or works_elsewhere:
                # Another mailbox was let in with this very token: what is wrong is about the server.
                return
            credential.write(
                {
                    "state": "failing",
                    "failing_date": credential.failing_date or fields.Datetime.now(),
                    "failure_text": storable(words_of(error)),
                    "failure_cure": self.env._(
                        "Check that the user name on the server is the mailbox, that the account may use it, and that "
                        "the scopes are right; then press Reconnect and log in with the right account."
                    ),
                }
            )
