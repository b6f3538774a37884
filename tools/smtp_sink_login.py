"""How one logs in at the SMTP sink: by password, or by access token (XOAUTH2, and OAUTHBEARER of RFC 7628)."""

import base64
import binascii
import json
import re
import urllib.parse
import urllib.request

TIMEOUT = 5


class Login:
    """A part of a session of the sink."""

    def login(self, line):
        words = line.split(b" ")
        method, first = words[1].decode().upper() if len(words) > 1 else "", words[2] if len(words) > 2 else None
        steps = {
            "PLAIN": (self._plain, b"334 \r\n"),
            "LOGIN": (self._name, b"334 VXNlcm5hbWU6\r\n"),
            "XOAUTH2": (self._xoauth2, b"334 \r\n"),
            "OAUTHBEARER": (self._oauthbearer, b"334 \r\n"),
        }
        if method not in steps or method not in self.server.mechanisms:
            return b"504 5.5.4 unknown mechanism\r\n"
        step, question = steps[method]
        if first is not None:
            return step(first)
        self.login_step = step
        return question

    def _plain(self, words):
        self.login_step = None
        parts = base64.b64decode(words).split(b"\0")
        if len(parts) != 3 or parts[2] != self.server.password:
            return b"535 5.7.8 bad credentials\r\n"
        self.user = parts[1].decode()
        return b"235 2.7.0 ok\r\n"

    def _name(self, words):
        name = base64.b64decode(words)
        self.login_step = lambda secret: self._plain(base64.b64encode(b"\0" + name + b"\0" + base64.b64decode(secret)))
        return b"334 UGFzc3dvcmQ6\r\n"

    def _xoauth2(self, words):
        found = re.fullmatch(r"user=([^\x01]+)\x01auth=Bearer ([^\x01]+)\x01\x01", _decoded(words))
        return self._bearer(found, "400", b"")

    def _oauthbearer(self, words):
        found = re.fullmatch(
            r"n,a=([^,\x01]+),\x01(?:(?:host|port)=[^\x01]*\x01)*auth=Bearer ([^\x01]+)\x01\x01", _decoded(words)
        )
        return self._bearer(found, "invalid_token", b"\x01")

    def _bearer(self, found, status, dummy):
        """Take a token, or challenge with what is wrong and refuse once the dummy answer came (RFC 7628 §3.2.3)."""
        self.login_step = None
        if not found:
            return b"501 5.5.2 cannot be read\r\n"
        user = found[1].replace("=2C", ",").replace("=3D", "=")
        if self.server.token_refusal:
            return f"{self.server.token_refusal}\r\n".encode()
        scope = self._scope(user, found[2])
        if scope:
            self.user = user
            return b"235 2.7.0 ok\r\n"

        def refuse(line):
            self.login_step = None
            right = _decoded(line).encode() == dummy
            return b"535 5.7.8 bad bearer\r\n" if right else b"501 5.5.2 that is no answer to a challenge\r\n"

        self.login_step = refuse
        challenge = json.dumps({"status": status, "schemes": "Bearer", "scope": "mail"}).encode()
        return b"334 " + base64.b64encode(challenge) + b"\r\n"

    def _scope(self, user, token):
        """Return the scope of a good token of this user, "" for any other."""
        if not self.server.introspect_url:
            return "mail" if token.encode() == self.server.password else ""
        form = urllib.parse.urlencode({"token": token}).encode()
        # It holds up all sessions for the time of one answer, from the same machine: the provider of the tests.
        with urllib.request.urlopen(self.server.introspect_url, form, timeout=TIMEOUT) as response:  # nosec B310
            found = json.load(response)
        if not found.get("active") or found.get("username") not in ("", user):
            return ""
        return found.get("scope", "")


def _decoded(words):
    try:
        return base64.b64decode(words, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
