# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the engine said, shown in the language of whoever reads it. See engine/catalogue.py."""

from functools import lru_cache

from odoo import fields
from odoo.tools.translate import code_translations

from ..engine.catalogue import Catalogue


@lru_cache(maxsize=16)
def _catalogue(lang):
    return Catalogue(code_translations.get_python_translations("spp_email_gateway", lang))


def said(env, text):
    """Return a text of the engine in the language of the environment; "" and False stay."""
    if not text or not env.lang or env.lang == "en_US":
        return text
    return _catalogue(env.lang).say(str(text))


class EngineChar(fields.Char):
    """A line that the engine wrote. It is stored in English, and translated when a person reads it."""

    def convert_to_read(self, value, record, use_display_name=True):
        return said(record.env, super().convert_to_read(value, record, use_display_name))


class EngineText(fields.Text):
    """Lines that the engine wrote; see EngineChar."""

    def convert_to_read(self, value, record, use_display_name=True):
        return said(record.env, super().convert_to_read(value, record, use_display_name))
