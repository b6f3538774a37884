# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What `odoo spp_email_find` does in one database. It prints ids, times and what happened: no subject, no content."""

import sys

from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry

from .engine.mail_query import mail_query
from .engine.timeline import as_text

# Messages of one address that are printed, the newest first.
MOST_MESSAGES = 20


def _say(text):
    sys.stdout.write(f"{text}\n")


class FindCommand:
    """The command in one database.

    Args:
        database: its name.
    """

    def __init__(self, database):
        self._database = database

    def find(self, text):
        """Print the timeline of what was found; return the exit code: 1 when nothing was, 2 for what cannot be asked.

        Args:
            text: an address or a Message-ID.
        """
        query = mail_query(text)
        if not query.address and not query.message_id:
            _say("Enter an address or a Message-ID; subjects are looked for in Odoo, under Find a Message.")
            return 2
        with Registry(self._database).cursor(readonly=True) as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            if "spp.email.search" not in env:
                _say(f"{self._database}: the Email Gateway is not installed.")
                return 1
            return self._print(env, query)

    def _print(self, env, query):
        hits, _is_cut = env["spp.email.search"]._hits(query)
        records = [record for found in hits for record in found]
        if not records:
            _say(f"{self._database}: nothing was found.\n{env['spp.email.find']._nothing_words(query)}")
            return 1
        shown, told = 0, set()
        for record in records:
            if (record._name, record.id) in told:
                continue
            if shown == MOST_MESSAGES:
                _say(f"{self._database}: there is more; name a Message-ID.")
                break
            entries = env["spp.email.find"]._timeline(record)
            told |= {(entry.model, entry.record_id) for entry in entries}
            _say(f"{self._database}: {record._name} {record.id}\n{as_text(entries)}\n")
            shown += 1
        return 0
