# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Puts the filter of personal data on what the server logs to."""

import logging
import os

from odoo import models
from odoo.modules.registry import Registry

from ..engine.log_filter import PersonalDataFilter, every_logger, install

_logger = logging.getLogger(__name__)

# For whoever looks for a fault and may see all mail: set to 1, lines are logged as Odoo writes them.
VARIABLE = "SPP_EMAIL_GATEWAY_LOG_CLEAR"


def _is_model(word):
    return any(word in registry for registry in Registry.registries.snapshot.values())


_filter = PersonalDataFilter(_is_model)


def protect_log():
    """Put the filter on all handlers that there are now, for the whole process; return on how many."""
    if os.environ.get(VARIABLE) == "1":
        _logger.warning("Personal data is logged in clear: %s is set.", VARIABLE)
        return 0
    return install(_filter, every_logger())


class SppEmailLog(models.AbstractModel):
    _name = "spp.email.log"
    _description = "Log without Personal Data"

    def _register_hook(self):
        """Look for handlers again: another addon may have added one when it was loaded."""
        super()._register_hook()
        protect_log()


# From the import on: the addon's own installation is logged too.
protect_log()
