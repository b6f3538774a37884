# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The page of docs/. tools/ is no part of the addon, so this runs by `./dev test engine` alone, and not in Odoo."""

from tools import oauth_errors

from ...engine.bearer_refusal import REFUSALS, STATUSES
from ...engine.oauth_microsoft import NUMBERS
from ...engine.oauth_words import PHRASES, WORDS
from .case import EngineCase


class TestOAuthErrorsPage(EngineCase):
    def test_the_page_is_what_the_gateway_says(self):
        made = oauth_errors.page(NUMBERS, WORDS, PHRASES, REFUSALS, STATUSES)
        self.assertEqual(oauth_errors.PAGE.read_text(), made, "python -m tools.oauth_errors writes it anew")
