# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Access tokens got in threads of their own, for whoever must not wait for a provider that hangs."""

import logging
import threading

from odoo import SUPERUSER_ID, api

_logger = logging.getLogger(__name__)

# Each has connections to the database, of which a process has few.
MOST_THREADS = 4

_renewals = {}
_renewals_lock = threading.Lock()


class TokenRenewal(threading.Thread):
    """Has a record get its token; ends by itself, since whatever it asks has a timeout.

    Attributes:
        error: what it ended with, None when the record has a token.
    """

    def __init__(self, registry, model, record_id, is_refused):
        super().__init__(name="email-token", daemon=True)
        self.place = (registry.db_name, model, record_id)
        self.error = None
        self._registry, self._is_refused = registry, is_refused

    def run(self):
        database, model, record_id = self.place
        threading.current_thread().dbname = database
        try:
            with self._registry.cursor() as cr:
                record = api.Environment(cr, SUPERUSER_ID, {})[model].browse(record_id)
                record._gateway_get_token(self._is_refused)
        except Exception as error:  # noqa: BLE001 - whoever waits for the token gets it
            _logger.info("No token for %s %s: %s.", model, record_id, type(error).__name__)
            self.error = error
        finally:
            with _renewals_lock:
                _renewals.pop(self.place, None)


def renew_apart(record, is_refused=False):
    """Return the TokenRenewal of a record that goes on in this process, or a new one; None where there are too many.

    Args:
        record: of a model with ``_gateway_get_token(is_refused)``, which commits what it gets.
        is_refused: a server did not take the present token.
    """
    renewal = TokenRenewal(record.env.registry, record._name, record.id, is_refused)
    with _renewals_lock:
        if renewal.place in _renewals:
            return _renewals[renewal.place]
        if len(_renewals) >= MOST_THREADS:
            return None
        _renewals[renewal.place] = renewal
        try:
            renewal.start()
        except RuntimeError:
            # No memory for another thread.
            del _renewals[renewal.place]
            return None
    return renewal
