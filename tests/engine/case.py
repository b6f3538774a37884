# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""One base class for the engine's tests: Odoo skips plain unittest classes in silence; elsewhere there is no other."""

try:
    from odoo.tests.common import BaseCase as EngineCase
except ImportError:
    from unittest import TestCase as EngineCase

__all__ = ["EngineCase"]
