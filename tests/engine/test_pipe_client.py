# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The pipe client's faults of its own: whatever they are, no mail is bounced or lost for them."""

import http.server
import importlib.util
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from .case import EngineCase

CLIENT = Path(__file__).parents[2] / "static" / "spp-email-gateway-pipe.py"


def load():
    spec = importlib.util.spec_from_file_location("pipe_client", CLIENT)
    client = importlib.util.module_from_spec(spec)
    with patch.object(sys, "dont_write_bytecode", True):
        spec.loader.exec_module(client)
    return client


@contextmanager
def answering(answer):
    """Serve POST with (status, JSON) of ``answer(body)``; yield the address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            status, said = answer(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments):
            return None

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/x"
        finally:
            server.shutdown()


class TestPipeClient(EngineCase):
    def setUp(self):
        super().setUp()
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = Path(place.name)
        self.token = self.place / "token"
        self.token.write_text("x.y")
        self.token.chmod(0o600)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.dead = f"http://127.0.0.1:{listener.getsockname()[1]}/x"

    def run_client(self, content, *arguments, url=None, **options):
        command = [sys.executable, CLIENT, "--url", url or self.dead, "--token-file", self.token, *arguments]
        words = [str(word) for word in command]
        return subprocess.run(words, input=content, stdout=subprocess.DEVNULL, timeout=60, **options).returncode

    def test_a_full_disk_leaves_no_halves_behind(self):
        spool = self.place / "spool"

        def small_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

        for _again in range(3):
            options = {"preexec_fn": small_files, "stderr": subprocess.DEVNULL}
            status = self.run_client(b"x" * 100_000, "--spool", spool, **options)
            self.assertEqual(status, 75)
        self.assertEqual([path for path in spool.rglob("*") if path.is_file()], [])

    def test_without_a_place_to_complain_it_is_tried_again(self):
        self.assertEqual(self.run_client(b"Subject: x\n\n", preexec_fn=lambda: os.close(2)), 75)
        self.assertEqual(self.run_client(b"Subject: x\n\n", "--nonsense", preexec_fn=lambda: os.close(2)), 75)

    def test_an_address_like_an_option_is_an_address(self):
        client = load()
        for sender in ("-h@example.org", "--help@example.org", "-f", "", "a@b.org"):
            with self.subTest(sender):
                options = client.read_options(
                    ["--url", "u", "--token-file", "t", "-f", sender, "--", "-h@example.org"]
                )
                self.assertEqual((options.sender, options.recipients), (sender, ["-h@example.org"]))

    def test_mail_that_is_never_taken_does_not_hold_up_the_rest_of_the_spool(self):
        spool = self.place / "spool"
        taken = []
        for number in range(8):
            mail = b"bad" if number < 5 else b"good %d" % number
            self.assertEqual(self.run_client(mail, "--spool", spool, stderr=subprocess.DEVNULL), 0)
        (spool / "new" / "0").write_bytes(b"no envelope")

        def answer(body):
            if body == b"bad":
                return 413, {"proxy": "too large for me"}
            taken.append(body)
            return 202, {"gateway": "spp_email_gateway"}

        with answering(answer) as url:
            status = self.run_client(b"", "--spool", spool, "--flush", url=url, stderr=subprocess.DEVNULL)
        self.assertEqual((status, taken), (75, [b"good 5", b"good 6", b"good 7"]))
        self.assertEqual(len(list((spool / "new").iterdir())), 6)

    def test_the_time_limit_that_strikes_while_it_spools_is_no_bounce(self):
        client = load()
        with (
            patch.object(client, "spool", side_effect=client.Later("not done")),
            patch.object(client.sys, "stdin") as stdin,
            patch.object(client, "deliver", side_effect=client.Later("no")),
            patch.object(client.sys, "stderr"),
            patch.object(client.signal, "alarm"),
            patch.object(client.signal, "signal"),
        ):
            stdin.buffer.read.return_value = b"x"
            self.assertEqual(client.main(["--url", "u", "--token-file", "t", "--spool", "d"]), 75)
