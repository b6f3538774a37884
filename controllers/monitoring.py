# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Health and figures for programs that watch. Each shows its token; nobody is told anything without."""

import json

from odoo import SUPERUSER_ID, http
from odoo.http import Response, request

from ..engine.bearer import read_authorization
from ..engine.health import HealthState
from ..engine.metrics import MEDIA_TYPE
from ..models.ir_http_monitoring import METRICS
from ..models.spp_email_monitoring_token import HEALTH_PATH, METRICS_PATH

# Nothing is written, so that a read replica may answer; nobody gets a session.
ROUTE = {
    "type": "http",
    "auth": "none",
    "methods": ["GET"],
    "csrf": False,
    "save_session": False,
    "readonly": True,
    "gateway_monitoring": True,
}


class MonitoringController(http.Controller):
    @http.route(HEALTH_PATH, **ROUTE)
    def health(self, **_query):
        answer = self._answer("health")
        if answer is None:
            return _refusal()
        # Programs that look at nothing but the status see a failure too.
        status = 503 if answer["state"] == HealthState.FAILURE.value else 200
        return _response(json.dumps(answer), "application/json", status)

    @http.route([METRICS_PATH, METRICS], **ROUTE)
    def metrics(self, **_query):
        answer = self._answer("metrics")
        return _refusal() if answer is None else _response(answer, MEDIA_TYPE)

    def _answer(self, kind):
        """Return what was asked for, None for whoever has no token."""
        env = request.env(user=SUPERUSER_ID, su=True)
        text = read_authorization(request.httprequest.headers.get("Authorization", ""))
        if not env["spp.email.monitoring.token"]._is_known(text):
            return None
        return env["spp.email.monitoring"]._answer(kind)


def _refusal():
    response = _response(json.dumps({"error": "unauthorized"}), "application/json", 401)
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _response(body, media_type, status=200):
    return Response(body, status=status, content_type=media_type, headers={"Cache-Control": "no-store"})
