# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import json
from unittest.mock import patch

import psycopg2

from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from ..engine.errors import GatewayError
from .common import GatewayCase, eml

PATH = "/spp_email_gateway/intake"


@tagged("post_install", "-at_install")
class TestIntakeHttp(GatewayCase, HttpCase):
    def setUp(self):
        super().setUp()
        self.door, self.token = self.intake()
        self.alias("help")

    def post(self, content=None, query="", **headers):
        """Return the answer to a message that is posted; None leaves a header out."""
        values = {"Authorization": f"Bearer {self.token}", "Content-Type": "message/rfc822"}
        values |= {name.replace("_", "-"): value for name, value in headers.items()}
        self.env.flush_all()
        answer = self.url_open(
            PATH + query,
            data=eml() if content is None else content,
            headers={name: value for name, value in values.items() if value is not None},
            method="POST",
            allow_redirects=False,
        )
        self.env.invalidate_all()
        return answer

    def rows(self):
        return self.env["spp.email.inbound"].search([("intake_id", "=", self.door.id)], order="id")

    def assertRefused(self, answer, status, error):
        self.assertEqual(answer.status_code, status, answer.text)
        said = answer.json()
        self.assertEqual((said["gateway"], said["error"]), ("spp_email_gateway", error))
        self.assertTrue(said["message"])
        self.assertFalse(self.rows())

    def test_stored_then_known(self):
        content = eml(Subject=b"caf\xe9") + b"\r\n\x00\xff bare\rends\n.\n"
        answer = self.post(content, X_Envelope_From="<ann@example.com>", X_Envelope_To="Help@gateway.test")
        row = self.rows()
        self.assertEqual(answer.status_code, 202)
        self.assertEqual((answer.json()["id"], answer.json()["status"]), (row.id, "stored"))
        self.assertEqual(
            (row.source, row.envelope_recipient, row.envelope_sender), ("http", "help@gateway.test", "ann@example.com")
        )
        self.assertKept(row, content)
        again = self.post(content, X_Envelope_From="<ann@example.com>", X_Envelope_To="Help@gateway.test")
        self.assertEqual(again.status_code, 202)
        self.assertEqual((again.json()["id"], again.json()["status"]), (row.id, "known"))
        self.assertEqual(self.rows(), row)

    def test_a_new_message_starts_the_job_a_known_one_does_not(self):
        cron = self.env.ref("spp_email_gateway.ir_cron_process_inbound")
        content = eml()
        for count in (1, 1):
            self.post(content)
            self.assertEqual(self.env["ir.cron.trigger"].search_count([("cron_id", "=", cron.id)]), count)

    def test_the_envelope_in_the_query(self):
        self.post(query="?from=b%C3%BCro%40example.com&to=help%40gateway.test&to=catchall%40gateway.test")
        self.assertEqual(
            [(row.envelope_recipient, row.envelope_sender) for row in self.rows()],
            [("help@gateway.test", "büro@example.com"), ("catchall@gateway.test", "büro@example.com")],
        )

    def test_one_row_for_each_recipient(self):
        answer = self.post(X_Envelope_To="help@gateway.test, x@foreign.test")
        self.assertEqual(
            [(found["recipient"], found["status"]) for found in answer.json()["deliveries"]],
            [("help@gateway.test", "stored"), ("x@foreign.test", "stored")],
        )
        self.assertEqual(len(self.rows()), 2)

    def test_addresses_in_headers_are_utf_8(self):
        self.post(X_Envelope_From="büro@example.com".encode(), X_Envelope_To="bücher@foreign.test".encode())
        self.assertEqual(
            (self.rows().envelope_recipient, self.rows().envelope_sender), ("bücher@foreign.test", "büro@example.com")
        )
        self.assertEqual(self.post(X_Envelope_To=b"b\xfccher@foreign.test").status_code, 400)

    def test_the_null_sender_is_none(self):
        self.post(X_Envelope_From="<>", X_Envelope_To="bounce@gateway.test")
        self.assertFalse(self.rows().envelope_sender)

    def test_no_or_wrong_token(self):
        revoked, archived = self.intake(name="Revoked"), self.intake(name="Archived")
        revoked[0].action_revoke_token()
        archived[0].active = False
        answers = set()
        for name, value in (
            ("none", None),
            ("empty", ""),
            ("another scheme", "Basic abc"),
            ("unknown prefix", f"Bearer 000000000000.{self.token.partition('.')[2]}"),
            ("wrong secret", f"Bearer {self.door.token_prefix}.{'A' * 43}"),
            ("revoked", f"Bearer {revoked[1]}"),
            ("archived", f"Bearer {archived[1]}"),
        ):
            with self.subTest(name):
                answer = self.post(Authorization=value)
                self.assertRefused(answer, 401, "unauthorized")
                self.assertIn("Bearer", answer.headers["WWW-Authenticate"])
                answers.add(answer.text)
        # The answer does not tell which of these it was.
        self.assertEqual(len(answers), 1)

    def test_a_session_is_no_token(self):
        self.authenticate(self.system.login, self.system.login)
        self.assertRefused(self.post(Authorization=None), 401, "unauthorized")

    def test_media_type(self):
        for value in ("text/plain", "multipart/form-data; boundary=x", "application/json"):
            with self.subTest(value):
                self.assertRefused(self.post(Content_Type=value), 415, "media_type")
        self.assertEqual(self.post(Content_Type="Message/RFC822; charset=x").status_code, 202)

    def test_empty(self):
        for content in (b"", b" \r\n\r\n"):
            with self.subTest(content):
                self.assertRefused(self.post(content), 400, "empty")

    def test_a_body_without_length(self):
        # Its end cannot be told from a connection that broke.
        self.assertRefused(self.post(part for part in [eml()]), 411, "length_required")

    def test_malformed_envelope(self):
        for headers in ({"X_Envelope_To": "a b@c.org"}, {"X_Envelope_From": "@"}):
            with self.subTest(headers):
                self.assertRefused(self.post(**headers), 400, "malformed_envelope")

    def test_a_recipient_that_is_required(self):
        self.door.is_envelope_required = True
        self.assertRefused(self.post(), 400, "no_recipient")
        self.assertEqual(self.post(X_Envelope_To="help@gateway.test").status_code, 202)

    def test_too_large(self):
        self.door.size_limit = 1
        limit = 1024 * 1024
        self.assertRefused(self.post(b"S: x\r\n\r\n" + b"x" * limit), 413, "too_large")
        self.assertEqual(self.post((b"S: x\r\n\r\n" + b"x" * limit)[:limit]).status_code, 202)

    def test_an_unknown_recipient(self):
        answer = self.post(X_Envelope_To="help@gateway.test, nobody@gateway.test")
        # All or none: who hands it over has one answer for its sender.
        self.assertRefused(answer, 404, "unknown_recipient")
        self.assertEqual(answer.json()["recipients"], ["nobody@gateway.test"])
        self.door.unknown_policy = "quarantine"
        self.assertEqual(self.post(X_Envelope_To="nobody@gateway.test").status_code, 202)

    def test_the_rate(self):
        self.door.rate_limit = 1
        self.assertEqual(self.post().status_code, 202)
        answer = self.post()
        self.assertEqual((answer.status_code, answer.json()["error"]), (429, "too_many"))
        self.assertIn(int(answer.headers["Retry-After"]), range(50, 61))
        self.assertEqual(len(self.rows()), 1)

    def test_trouble_of_the_database_is_temporary(self):
        errors = psycopg2.errors
        for error in (GatewayError, errors.DiskFull, errors.SerializationFailure, psycopg2.OperationalError):
            with (
                self.subTest(error.__name__),
                patch.object(type(self.env["spp.email.journal"]), "_write_entries", side_effect=error("no")),
                self.assertLogs("odoo.addons.spp_email_gateway.controllers.intake", "WARNING") as logs,
            ):
                answer = self.post()
                self.assertRefused(answer, 503, "unavailable")
                self.assertEqual(answer.headers["Retry-After"], "60")
                self.assertIn(error.__name__, logs.output[0])

    def test_other_methods(self):
        with mute_logger("odoo.http"):
            self.assertEqual(self.url_open(PATH).status_code, 405)

    def test_the_answer_is_for_programs(self):
        answer = self.post()
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assertNotIn("session_id", answer.cookies)
        json.loads(answer.text)

    def test_control_characters_in_what_a_caller_says_are_no_error_of_ours(self):
        for name in ("from", "to"):
            for address in ("%22a%00b%22%40gateway.test", "%22a%0d%0ab%22%40gateway.test", "%22a%7f%22%40gateway.test"):
                with self.subTest(name=name, address=address):
                    self.assertRefused(self.post(query=f"?{name}={address}"), 400, "malformed_envelope")
        self.assertRefused(self.post(Authorization="Bearer abcdefabcde\x00.x"), 401, "unauthorized")

    def test_the_same_bytes_under_two_keys_are_two_messages(self):
        door = self.door
        door.target_model = "res.partner"
        content = eml(Message_ID=None, Date=None, Subject="Disk is full")
        for key in ("one", "two"):
            self.assertEqual(self.post(content, Idempotency_Key=key).json()["status"], "stored")
        self.process()
        self.assertEqual(self.rows().mapped("state"), ["done", "done"])
        self.assertEqual(len(self.partners("Disk is full")), 2)
