# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""One base class for the engine's tests: Odoo silently skips plain unittest classes, and outside Odoo there are no other."""

try:
    from odoo.tests.common import BaseCase as EngineCase
except ImportError:
    from unittest import TestCase as EngineCase

__all__ = ["EngineCase"]
