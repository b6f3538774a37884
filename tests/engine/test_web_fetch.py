# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import http.server
import socket
import ssl
import threading
import time

from ...engine.errors import GatewayError
from ...engine.web_fetch import fetch_https, is_forbidden
from . import certificates
from .case import EngineCase


class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        status, headers, body = self.server.pages.get(self.path.partition("?")[0], (404, {}, b"none"))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if body == "slowly":
            for _piece in range(100):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.1)
        else:
            self.wfile.write(body)

    def log_message(self, *unused):
        pass


class QuietServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *unused):
        """Clients that go away are what some tests are about."""


class WebServer:
    """HTTPS pages {path: (status, headers, body)} of a host name, on loopback."""

    def __init__(self, host, pages):
        self._server = QuietServer(("127.0.0.1", 0), Pages)
        self._server.pages, self._server.asked = pages, []
        self._server.socket = certificates.server_context(host).wrap_socket(self._server.socket, server_side=True)
        self.asked = self._server.asked
        self.port = self._server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *unused):
        self._server.shutdown()
        self._server.server_close()

    def fetch(self, url, **options):
        """Fetch as the engine does, with every name leading to this server."""

        def getaddrinfo(host, port, **unused):
            if host == "nowhere.test":
                raise socket.gaierror(socket.EAI_NONAME, "unknown")
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", self.port))]

        context = ssl.create_default_context(cadata=certificates.authority_pem())
        options = {"forbidden": lambda address: False, "getaddrinfo": getaddrinfo, "context": context, **options}
        return fetch_https(url, **options)


class TestWebFetch(EngineCase):
    def server(self, pages):
        server = WebServer("good.test", pages)
        server.__enter__()
        self.addCleanup(server.__exit__)
        return server

    def refused(self, server, url, words, **options):
        with self.assertRaises(GatewayError) as caught:
            server.fetch(url, **options)
        self.assertEqual(str(caught.exception), words)

    def test_a_page_and_none(self):
        server = self.server({"/a": (200, {}, b"<a/>"), "/moved": (301, {"Location": "/a"}, b"")})
        self.assertEqual(server.fetch("https://good.test/a?x=1"), b"<a/>")
        self.assertEqual(server.fetch("https://good.test/moved"), b"<a/>")
        self.assertIsNone(server.fetch("https://good.test/other"))
        self.assertEqual(server.asked, ["/a?x=1", "/moved", "/a", "/other"])

    def test_what_is_refused(self):
        server = self.server(
            {
                "/loop": (302, {"Location": "/loop"}, b""),
                "/clear": (302, {"Location": "http://good.test/a"}, b""),
                "/file": (302, {"Location": "file:///etc/passwd"}, b""),
                "/large": (200, {}, b"x" * 5000),
                "/slow": (200, {}, "slowly"),
            }
        )
        no_https = "It leads to an address that is not https."
        for url, words, options in (
            ("http://good.test/a", no_https, {}),
            ("https://user:secret@good.test/a", no_https, {}),
            ("https://good.test/clear", no_https, {}),
            ("https://good.test/file", no_https, {}),
            ("https://good.test/loop", "It leads from one address to the next without end.", {}),
            ("https://good.test/large", "The document is too large.", {"most_bytes": 4000}),
            ("https://good.test/slow", "The web server's answer cannot be read.", {"timeout": 0.5}),
            ("https://other.test/a", "The web server's answer cannot be read.", {}),
            ("https://nowhere.test/a", "No web server answers there.", {}),
            ("https://good.test/a", "It leads to an address that must not be asked.", {"forbidden": is_forbidden}),
        ):
            with self.subTest(url):
                began = time.monotonic()
                self.refused(server, url, words, **options)
                self.assertLess(time.monotonic() - began, 3)

    def test_a_redirect_to_a_forbidden_address(self):
        server = self.server({"/a": (302, {"Location": "https://metadata.test/"}, b"")})
        addresses = {"good.test": "127.0.0.1", "metadata.test": "169.254.169.254"}

        def getaddrinfo(host, port, **unused):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (addresses[host], server.port))]

        self.refused(
            server,
            "https://good.test/a",
            "It leads to an address that must not be asked.",
            getaddrinfo=getaddrinfo,
            forbidden=lambda address: address != "127.0.0.1" and is_forbidden(address),
        )

    def test_forbidden_addresses(self):
        for address, forbidden in (
            ("169.254.169.254", True),
            ("169.254.1.1", True),
            ("::ffff:169.254.169.254", True),
            ("fe80::1%eth0", True),
            ("fd00:ec2::254", True),
            ("100.100.100.200", True),
            ("127.0.0.1", True),
            ("::1", True),
            ("0.0.0.0", True),
            ("224.0.0.1", True),
            # A mail server of the house is what people may look for.
            ("10.0.0.5", False),
            ("192.168.1.5", False),
            ("93.184.216.34", False),
            ("2606:2800:220:1::1", False),
        ):
            with self.subTest(address):
                self.assertIs(is_forbidden(address), forbidden)
