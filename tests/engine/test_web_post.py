# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import http.server
import socket
import time
from urllib.parse import parse_qs

from ...engine.errors import ConfigurationError, GatewayError
from ...engine.web_post import is_forbidden, post
from . import certificates
from .case import EngineCase
from .test_web_fetch import QuietServer, WebServer

GIVEN_TIME = 5


class Forms(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append((self.path, parse_qs(form), dict(self.headers)))
        status, headers, body = self.server.pages[self.path.partition("?")[0]]
        if status is None:
            self.wfile.write(body)
            return
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


class FormServer(WebServer):
    def __init__(self, host, pages, context=None):
        self._server = QuietServer(("127.0.0.1", 0), Forms)
        self._server.pages, self._server.asked = pages, []
        context = context or certificates.server_context(host)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.asked = self._server.asked
        self.port = self._server.server_address[1]

    def post(self, url, form=None, **options):
        def getaddrinfo(host, port, **unused):
            if host == "nowhere.test":
                raise socket.gaierror(socket.EAI_NONAME, "unknown")
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", self.port))]

        options = {"getaddrinfo": getaddrinfo, "ca_certificate": certificates.authority_pem(), **options}
        return post(url, form or {"a": "b"}, **{"timeout": GIVEN_TIME, **options})


class TestWebPost(EngineCase):
    def setUp(self):
        super().setUp()
        self.enterContext(certificates.without_system_authorities())

    def server(self, pages, context=None):
        server = FormServer("good.test", pages, context)
        server.__enter__()
        self.addCleanup(server.__exit__)
        return server

    def test_a_form_and_its_answer(self):
        server = self.server({"/token": (400, {}, b'{"error": "x"}')})
        answer = server.post("https://good.test/token?api=1", {"secret": "a&b=\u00e4 +", "empty": ""})
        self.assertEqual(answer, (400, b'{"error": "x"}'))
        ((path, form, headers),) = server.asked
        self.assertEqual((path, form), ("/token?api=1", {"secret": ["a&b=\u00e4 +"]}))
        self.assertEqual(headers["Content-Type"], "application/x-www-form-urlencoded")
        self.assertEqual(headers["Host"], "good.test")
        self.assertNotIn("Authorization", headers)

    def test_a_proof_in_the_header(self):
        server = self.server({"/token": (200, {}, b"{}")})
        server.post("https://good.test/token", authorization="Basic eA==")
        self.assertEqual(server.asked[0][2]["Authorization"], "Basic eA==")

    def test_a_redirect_is_an_answer_and_not_followed(self):
        server = self.server({"/token": (307, {"Location": "https://good.test/other"}, b"")})
        self.assertEqual(server.post("https://good.test/token"), (307, b""))
        self.assertEqual(len(server.asked), 1)

    def test_what_is_refused(self):
        server = self.server(
            {
                "/large": (200, {}, b"x" * 5000),
                "/slow": (200, {}, "slowly"),
                "/nonsense": (None, {}, b"\xff\xfe nonsense\r\n\r\n"),
                "/empty": (None, {}, b""),
            }
        )
        too_slow = "The web server did not answer in time."
        for url, words, options in (
            ("https://good.test/large", "The web server's answer is too large.", {"most_bytes": 4000}),
            ("https://good.test/slow", too_slow, {"timeout": 0.5}),
            ("https://good.test/nonsense", "The web server's answer is not HTTP.", {}),
            ("https://good.test/empty", "The connection broke.", {}),
            ("https://nowhere.test/", "No server with this name exists.", {}),
            (
                "https://good.test/large",
                "The name leads to an address that must not be asked.",
                {"forbidden": lambda address: address == "127.0.0.1"},
            ),
        ):
            with self.subTest(url):
                began = time.monotonic()
                with self.assertRaises(GatewayError) as caught:
                    server.post(url, {"secret": "hush-hush"}, **options)
                self.assertEqual(str(caught.exception), words)
                self.assertNotIn("hush", f"{caught.exception.detail}{caught.exception.__cause__}")
                self.assertLess(time.monotonic() - began, 3)

    def test_certificates(self):
        wrong = certificates.server_context("other.test")
        for name, context, options, field in (
            ("another host's", wrong, {}, "host"),
            ("expired", certificates.server_context("good.test", days=-1), {}, "certificate"),
            ("self-signed", certificates.server_context("good.test", self_signed=True), {}, "certificate"),
            ("unknown authority", None, {"ca_certificate": ""}, "certificate"),
        ):
            with self.subTest(name):
                server = self.server({"/token": (200, {}, b"{}")}, context)
                with self.assertRaises(GatewayError) as caught:
                    server.post("https://good.test/token", **options)
                self.assertEqual((caught.exception.phase, caught.exception.field), ("tls", field))
                self.assertEqual(server.asked, [])

    def test_what_is_no_address(self):
        for url in (
            "http://good.test/token",
            "https://user@good.test/token",
            "https://user:secret@good.test/token",
            "https:///token",
            "https://good.test:99999/",
            "https://good.test/a b",
            "https://good.test/\r\nX: y",
            "https://[oops/",
            "file:///etc/passwd",
            "",
        ):
            with self.subTest(url), self.assertRaises(ConfigurationError) as caught:
                post(url, {}, getaddrinfo=None)
            self.assertEqual(caught.exception.field, "url")

    def test_forbidden_addresses(self):
        for address, forbidden in (
            ("169.254.169.254", True),
            ("fe80::1%eth0", True),
            ("0.0.0.0", True),
            ("224.0.0.1", True),
            ("127.0.0.1", False),
            ("10.0.0.1", False),
            ("93.184.216.34", False),
        ):
            with self.subTest(address):
                self.assertEqual(is_forbidden(address), forbidden)
