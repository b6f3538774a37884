# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Returns from a provider come in on paths that Odoo's own addons have too: each gets what it began."""

from werkzeug.exceptions import Forbidden

from odoo import models
from odoo.http import request

from .spp_email_oauth_authorization import is_ours

ADDON_PATHS = ("/google_gmail/confirm", "/microsoft_outlook/confirm")


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @classmethod
    def _dispatch(cls, endpoint):
        if request.httprequest.path not in ADDON_PATHS:
            return super()._dispatch(endpoint)
        # Two addons with one path: the router takes the first by name, and that is Odoo's where it is installed.
        from ..controllers.oauth import OAuthController, refused_by_addon

        if is_ours(request.params.get("state")):
            response = OAuthController().confirm(**request.params)
        else:
            try:
                return super()._dispatch(endpoint)
            except Forbidden:
                response = refused_by_addon()
        if getattr(response, "is_qweb", False):
            response.flatten()
        return response
