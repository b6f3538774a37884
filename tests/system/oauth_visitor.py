# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A person at the local OAuth provider, without a browser: logs in, consents, and comes back."""

from __future__ import annotations

import html
import http.client
import re
import ssl
from urllib.parse import parse_qsl, urlencode, urlsplit

from .oauth import ALICE

HIDDEN = re.compile(r'<input type="(?:hidden|text|checkbox)"[^>]*?name="([^"]+)"(?: value="([^"]*)")?( checked)?')


class OAuthVisitor:
    """Fills in the provider's pages and comes back with what the last redirect brings."""

    def __init__(self, provider):
        self.provider = provider
        self.context = ssl.create_default_context(cadata=provider.ca_certificate)

    def open(self, url, form=None):
        """Return (page, parameters of the redirect); one of them is None."""
        parts = urlsplit(url)
        web = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=10, context=self.context)
        body = urlencode(form) if form else None
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
        web.request("POST" if form else "GET", f"{parts.path}?{parts.query}", body, kind)
        answer = web.getresponse()
        page, location = answer.read().decode(), answer.getheader("Location")
        web.close()
        if location:
            return None, dict(parse_qsl(urlsplit(location).query))
        return page, None

    def fields(self, page):
        return {name: html.unescape(value or "on") for name, value, _checked in HIDDEN.findall(page)}

    def log_in(self, url, user=ALICE, password="alicepw", button="allow", without=()):
        page, back = self.open(url)
        if back is not None:
            return back
        form = {**self.fields(page), "user": user, "password": password, "step": "login"}
        page, back = self.open(self.provider.authorize_url, form)
        if back is not None or "Wrong address" in page:
            return back
        form = {name: value for name, value in self.fields(page).items() if name not in without}
        return self.open(self.provider.authorize_url, {**form, "step": button})[1]
