# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the DNS shows of the DKIM keys, and what follows: looked at every hour, and when somebody asks."""

from datetime import timedelta

from odoo import api, fields, models

from ..engine.dkim_publication import Publication, publication
from ..engine.errors import GatewayError
from ..engine.resolver import Questions, make_resolver
from .spp_email_dkim_key import DAYS_IN_TRANSIT

# Keys that one run of the job looks at, those that waited longest first, and seconds for all of their questions.
MOST_KEYS = 200
SECONDS = 30.0


class SppEmailDkimKey(models.Model):
    _inherit = "spp.email.dkim.key"

    def _look(self):
        """Ask the DNS about these keys and move those whose state follows from it. No answer changes nothing."""
        # A resolver of its own: what others remember may be an hour old.
        resolver = make_resolver(self.env["spp.email.sender.resolver"]._resolver_servers())
        questions = Questions(resolver, SECONDS)
        # All is asked before anything is written: no row is locked while a server thinks.
        answers = [(key, key._published(questions)) for key in self]
        now = fields.Datetime.now()
        for key, found in answers:
            values = {"checked_date": now, "is_answered": found is not None}
            if found is None:
                key.write(values)
                continue
            key.write({**values, "publication": found.value})
            key._follow(found)

    def _published(self, questions):
        """Return the engine's Publication of this key; None when the DNS gave no answer."""
        try:
            return publication(questions.texts(self.record_name), self.public_value)
        except GatewayError:
            return None

    def _follow(self, found):
        """Move a key as what the DNS shows has it."""
        self.ensure_one()
        if found is Publication.RIGHT:
            if self.state == "prepared":
                self.write({"state": "published", "published_date": fields.Datetime.now()})
            if self.state == "published" and self.is_automatic:
                self._activate()
        elif self.state == "published":
            self.write({"state": "prepared", "published_date": False})

    @api.model
    def _cron_keys(self):
        """Look at all keys that matter, prepare those whose time has come, delete old private parts."""
        self._delete_old_private_keys()
        for domain in self.env["spp.email.domain"].search([("dkim_rotation_months", ">", 0)], limit=MOST_KEYS):
            domain._rotate_when_due()
        keys = self.search(
            [("state", "in", ("prepared", "published", "active"))],
            order="checked_date ASC NULLS FIRST, id",
            limit=MOST_KEYS,
        )
        keys._look()

    def _delete_old_private_keys(self):
        """Delete private parts of keys that were retired long enough ago: what is not there cannot be stolen."""
        limit = fields.Datetime.now() - timedelta(days=DAYS_IN_TRANSIT)
        old = self.search(
            [("state", "=", "retired"), ("retired_date", "<=", limit), ("private_key", "!=", False)], limit=MOST_KEYS
        )
        old.write({"private_key": False})
