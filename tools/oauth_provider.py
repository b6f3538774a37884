"""An OAuth 2 provider on loopback, for tests: a login page, tokens, rotation, revocation, and every way to fail.

    with OAuthProvider(authority) as provider:
        provider.accounts["alice@example.test"] = "alicepw"
        access, refresh = provider.grant("alice@example.test")

HTTPS with the sandbox's certificate for what browsers and clients ask; one more port without encryption, on which mail
servers ask whether a token is good (RFC 7662), since Dovecot would need the authority otherwise. It runs in threads of
the test, which can look at all it has and change its mind at any time.
"""

import contextlib
import http.server
import json
import ssl
import threading
from urllib.parse import parse_qsl, urlencode, urlsplit

from tools import oauth_pages, process
from tools.oauth_grants import Grants, Refused

MOST_BODY = 64 * 1024


class OAuthProvider(Grants):
    """The provider as a test sees it: a context manager around its two servers.

    Args:
        authority: a `tools.certificate.Authority`.

    Attributes:
        accounts: passwords by address.
        redirect_uris: where a browser may be sent back to; anywhere when empty.
        asked: (path, form) of every post, without the secrets in them.
        authorize_url, token_url, revoke_url: for clients. introspect_url: for mail servers.
    """

    host = "localhost"

    def __init__(self, authority):
        super().__init__()
        self.authority = authority
        self.accounts = {}
        self.redirect_uris = set()
        self.logins = {}
        self.asked = []
        self._failures = {}
        self._held = {}
        self._servers = []
        self.port, self.introspection_port = process.free_port(), process.free_port()

    # For tests

    def fail(self, path, error, description="", *, status=400, times=1, **more):
        """Refuse the next posts to a path ("/token"), or the next login page ("/authorize"), with an error word."""
        body = json.dumps({"error": error, "error_description": description, **more}).encode()
        self._failures[path] = [times, status, "application/json", body, (error, description)]

    def answer(self, path, body, *, status=200, kind="application/json", times=1):
        """Answer the next posts to a path with these bytes."""
        self._failures[path] = [times, status, kind, body, ("server_error", "")]

    def hold(self, path):
        """Answer posts to a path only once the event that is returned is set."""
        held = self._held[path] = threading.Event()
        return held

    def wait(self, path):
        """Wait while posts to a path are held, for a minute at most."""
        if path in self._held:
            self._held[path].wait(60)

    def failure(self, path):
        """Return (status, type, body, (word, description)) of a failure that was asked for, None without one."""
        with self.lock:
            found = self._failures.get(path)
            if not found or found[0] < 1:
                return None
            found[0] -= 1
            return tuple(found[1:])

    # The servers

    @property
    def ca_certificate(self):
        return self.authority.ca_certificate

    @property
    def address(self):
        return f"https://{self.host}:{self.port}"

    @property
    def authorize_url(self):
        return f"{self.address}/authorize"

    @property
    def token_url(self):
        return f"{self.address}/token"

    @property
    def revoke_url(self):
        return f"{self.address}/revoke"

    @property
    def introspect_url(self):
        return f"http://127.0.0.1:{self.introspection_port}/introspect"

    def start(self):
        """Start both servers and return self."""
        self.authority.ensure()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.authority.certificate_path, self.authority.key_path)
        for port, is_encrypted in ((self.port, True), (self.introspection_port, False)):
            server = _Server(("127.0.0.1", port), _Requests)
            server.provider, server.is_public = self, is_encrypted
            server.context = context if is_encrypted else None
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            self._servers.append(server)
        return self

    def stop(self):
        for server in self._servers:
            server.shutdown()
            server.server_close()
        self._servers = []

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.stop()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    context = None

    def finish_request(self, request, client_address):
        request.settimeout(10)
        if self.context:
            # In the connection's own thread: a client that does not trust us holds up nobody else.
            request = self.context.wrap_socket(request, server_side=True)
        self.RequestHandlerClass(request, client_address, self)
        if self.context:
            with contextlib.suppress(OSError):
                request.unwrap()

    def handle_error(self, *unused):
        """Clients that do not trust the certificate are what some tests are about."""


class _Requests(http.server.BaseHTTPRequestHandler):
    def log_message(self, *unused):
        pass

    def do_GET(self):
        parts = urlsplit(self.path)
        if parts.path == "/authorize" and self.server.is_public:
            return self._page(oauth_pages.login(self.server.provider, dict(parse_qsl(parts.query))))
        if parts.path == "/.well-known/openid-configuration":
            return self._json(200, {"issuer": self.server.provider.address})
        return self._json(404, {"error": "not_found"})

    def do_POST(self):
        provider, path = self.server.provider, urlsplit(self.path).path
        length = min(int(self.headers.get("Content-Length") or 0), MOST_BODY)
        form = dict(parse_qsl(self.rfile.read(length).decode(), keep_blank_values=True))
        if path != "/authorize":
            hidden = ("client_secret", "refresh_token", "code", "code_verifier", "token")
            provider.asked.append((path, {name: value for name, value in form.items() if name not in hidden}))
            provider.wait(path)
            failure = provider.failure(path)
            if failure:
                return self._send(*failure[:3])
        if path == "/authorize" and self.server.is_public:
            return self._page(oauth_pages.answer(provider, form))
        if path == "/introspect" and not self.server.is_public:
            return self._json(200, provider.introspect(form.get("token")))
        try:
            if path == "/token" and self.server.is_public:
                return self._json(200, provider.token(form, self.headers.get("Authorization") or ""))
            if path == "/revoke" and self.server.is_public:
                provider.application({"client_id": "application", **form}, self.headers.get("Authorization") or "")
                provider.revoke(form.get("token"))
                return self._send(200, "text/plain", b"")
        except Refused as refused:
            return self._json(refused.status, {"error": refused.word, "error_description": refused.description})
        return self._json(404, {"error": "not_found"})

    def _page(self, page):
        """Send a page, or the browser elsewhere when it is an address with parameters."""
        if isinstance(page, tuple):
            address, parameters = page
            self.send_response(302)
            self.send_header("Location", f"{address}{'&' if '?' in address else '?'}{urlencode(parameters)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._send(200, "text/html; charset=utf-8", page.encode())

    def _json(self, status, answer):
        self._send(status, "application/json", json.dumps(answer).encode())

    def _send(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
