# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The way back from an OAuth provider's login page."""

import logging

from odoo import http
from odoo.exceptions import AccessError
from odoo.http import request

from ..engine.errors import ConfigurationError, GatewayError

_logger = logging.getLogger(__name__)


class OAuthController(http.Controller):
    # Both addons' paths, so that applications which were registered by Odoo's guides stay valid; see ir_http_oauth.py
    # for who gets what where they are installed.
    @http.route(
        ["/spp_email_gateway/oauth/confirm", "/google_gmail/confirm", "/microsoft_outlook/confirm"],
        type="http",
        auth="user",
        methods=["GET"],
        readonly=False,
    )
    def confirm(self, **parameters):
        """Take the provider's answer, and go on in the web client; what is wrong is shown in words."""
        credentials = request.env["spp.email.oauth"]
        try:
            return request.redirect(credentials._complete(parameters))
        except (GatewayError, ConfigurationError) as error:
            # Not the provider's words: they come by the browser, and may name anybody.
            _logger.warning("A return from an OAuth provider was refused: %s.", type(error).__name__)
            return _page(str(error), getattr(error, "cure", ""), getattr(error, "detail", ""))
        except AccessError:
            return _page(
                request.env._("You may not connect OAuth credentials."),
                request.env._("Log in as a manager of the email gateway, and press Connect again."),
                status=403,
            )


def refused_by_addon():
    """Return the page in place of the bare *Forbidden* of Odoo's own addons."""
    return _page(
        request.env._("This login was not begun in this browser session, or is over already."),
        request.env._(
            "Open Odoo in this browser under the address that web.base.url names, log in as an administrator, open the "
            "email server and connect the account again."
        ),
        status=403,
    )


def _page(text, cure, detail="", status=400):
    values = {"text": text, "cure": cure, "detail": detail}
    return request.render("spp_email_gateway.view_oauth_return", values, status=status)
