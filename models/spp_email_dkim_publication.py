# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the DNS shows of the DKIM keys, and what follows: looked at every hour, and when somebody asks."""

import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine.dkim_publication import Publication, publication
from ..engine.errors import GatewayError
from ..engine.resolver import Questions, make_resolver
from .spp_email_dkim_key import DAYS_IN_TRANSIT
from .spp_email_domain_check import MOST_SILENT

_logger = logging.getLogger(__name__)

# Keys that one run of the job looks at, those that waited longest first, and seconds for all of their questions.
MOST_KEYS = 200
SECONDS = 30.0
# To make a key takes up to a second.
MOST_ROTATIONS = 30


class SppEmailDkimKey(models.Model):
    _inherit = "spp.email.dkim.key"

    def _look(self):
        """Ask the DNS about these keys and move those whose state follows from it. No answer changes nothing."""
        # A resolver of its own: what others remember may be an hour old.
        resolver = make_resolver(self.env["spp.email.sender.resolver"]._resolver_servers())
        questions = Questions(resolver, SECONDS)
        # All is asked before anything is written: no row is locked while a server thinks.
        answers = [(key, self._asked(questions, key.record_name, key.public_value)) for key in self]
        for key, found in answers:
            key._note(found)

    @api.model
    def _asked(self, questions, name, value):
        """Return the engine's Publication of a key's record; None when the DNS gave no answer."""
        try:
            return publication(questions.texts(name), value)
        except GatewayError:
            return None

    def _note(self, found):
        """Write down what the DNS showed (None: no answer), and move the key as that has it."""
        for key in self:
            values = {"checked_date": fields.Datetime.now(), "is_answered": found is not None}
            if found is None:
                key.write(values)
                continue
            key.write({**values, "publication": found.value})
            key._follow(found)

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
        """Delete old private parts, prepare keys whose time has come, look at all keys that matter."""
        self._delete_old_private_keys()
        self.env["ir.cron"]._commit_progress()
        self._rotate_those_due()
        keys = self.search(
            [("state", "in", ("prepared", "published", "active"))],
            order="checked_date ASC NULLS FIRST, id",
            limit=MOST_KEYS,
        )
        asked = [(key.id, key.record_name, key.public_value) for key in keys]
        # What was due by the clock is there, whatever comes of the DNS, which is waited for without a transaction.
        self.env["ir.cron"]._commit_progress()
        for key_id, found in self._answers(asked):
            self._note_alone(key_id, found)

    def _answers(self, asked):
        """Return [(key's id, the engine's Publication, None for no answer)], without those that were not asked for.

        Args:
            asked: [(key's id, name of its record, its value)].
        """
        resolver = make_resolver(self.env["spp.email.sender.resolver"]._resolver_servers())
        self.env["ir.cron"]._commit_progress()
        questions, answers, silent = Questions(resolver, SECONDS), [], 0
        for key_id, name, value in asked:
            # Those that are left are the first of the next run.
            if not questions.seconds_left or silent >= MOST_SILENT:
                break
            found = self._asked(questions, name, value)
            silent = 0 if found else silent + 1
            answers.append((key_id, found))
        return answers

    def _note_alone(self, key_id, found):
        """Write down what was found of one key, in a transaction of its own: its failure is no other's."""
        own = self.env["spp.email.transaction"]
        try:
            with own._gateway_cursor(read_committed=True) as env:
                env[self._name].browse(key_id).exists()._note(found)
        except Exception as error:  # noqa: BLE001 - rolled back, and looked at again in its turn
            _logger.warning("DKIM key %s was not looked at: %s.", key_id, type(error).__name__)
            with own._gateway_cursor(read_committed=True) as env:
                env.cr.execute(
                    SQL("UPDATE spp_email_dkim_key SET checked_date = %s WHERE id = %s", fields.Datetime.now(), key_id)
                )

    def _rotate_those_due(self):
        """Prepare successors of the keys whose time has come, of those first that wait longest."""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT signing.domain_id
                  FROM spp_email_dkim_key signing
                  JOIN spp_email_domain domain ON domain.id = signing.domain_id
                 WHERE signing.state = 'active' AND domain.dkim_rotation_months > 0
                   AND GREATEST(signing.active_date, signing.discarded_date)
                       < %s - make_interval(months => domain.dkim_rotation_months)
                   AND NOT EXISTS (SELECT FROM spp_email_dkim_key next
                                    WHERE next.replaces_id = signing.id AND next.state != 'retired')
                 ORDER BY GREATEST(signing.active_date, signing.discarded_date)
                          + make_interval(months => domain.dkim_rotation_months), signing.id
                 LIMIT %s
                """,
                fields.Datetime.now(),
                MOST_ROTATIONS,
            )
        )
        own = self.env["spp.email.transaction"]
        for domain_id in dict.fromkeys(domain_id for (domain_id,) in rows):
            try:
                with own._gateway_cursor(read_committed=True) as env:
                    env["spp.email.domain"].browse(domain_id)._rotate_when_due()
            except Exception as error:  # noqa: BLE001 - rolled back: what one domain lacks is no other's fault
                _logger.warning("Domain %s got no new DKIM key: %s.", domain_id, type(error).__name__)

    def _delete_old_private_keys(self):
        """Delete private parts of keys that were retired long enough ago: what is not there cannot be stolen."""
        limit = fields.Datetime.now() - timedelta(days=DAYS_IN_TRANSIT)
        old = self.search(
            [("state", "=", "retired"), ("retired_date", "<=", limit), ("private_key", "!=", False)], limit=MOST_KEYS
        )
        old.write({"private_key": False})
