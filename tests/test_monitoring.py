# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import json
from datetime import timedelta
from unittest.mock import patch

from prometheus_client.parser import text_string_to_metric_families

from odoo import fields, http
from odoo.exceptions import AccessError
from odoo.tests import HttpCase, tagged

from ..models.ir_http_monitoring import METRICS
from ..models.spp_email_monitoring_token import HEALTH_PATH, METRICS_PATH
from .common import GatewayCase, eml


class _Endpoint:
    """Of another addon."""

    routing = {"type": "http"}


@tagged("post_install", "-at_install")
class TestMonitoring(GatewayCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["spp.email.health"].search([]).unlink()
        cls.env["fetchmail.server"].search([]).state = "draft"
        cls.env.ref("spp_email_gateway.ir_cron_health").lastcall = fields.Datetime.now()
        cls.program = cls.env["spp.email.monitoring.token"].create({"name": "Prometheus"})

    def setUp(self):
        super().setUp()
        self.token = self.program.with_user(self.manager).action_renew_token()["context"]["default_token"]

    def get(self, path, token=None, **headers):
        self.env.flush_all()
        self.env["spp.email.monitoring"]._forget()
        text = self.token if token is None else token
        return self.url_open(path, headers={"Authorization": f"Bearer {text}", **headers}, allow_redirects=False)

    def samples(self, path=METRICS_PATH):
        answer = self.get(path)
        self.assertEqual(answer.status_code, 200, answer.text)
        return {
            (sample.name.removeprefix("spp_email_gateway_"), *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }

    # ------------------------------------------------------------------
    # Token
    # ------------------------------------------------------------------

    def test_nobody_is_told_anything_without_a_token_in_force(self):
        other = self.env["spp.email.monitoring.token"].create({"name": "Other"})
        revoked = other.action_renew_token()["context"]["default_token"]
        other.action_revoke_token()
        before = self.token
        self.token = self.program.action_renew_token()["context"]["default_token"]
        for path in (HEALTH_PATH, METRICS_PATH, METRICS):
            for token in ("", "x", before, revoked, self.token[:-1], self.token + "x", "f" * 12 + ".secret", "é" * 20):
                with self.subTest(path=path, token=token):
                    answer = self.get(path, token)
                    self.assertEqual(answer.status_code, 401)
                    self.assertEqual(answer.headers["WWW-Authenticate"], "Bearer")
                    self.assertEqual(answer.json(), {"error": "unauthorized"})
            # A secret in an address is a secret in a log.
            self.assertEqual(self.url_open(f"{path}?token={self.token}").status_code, 401)
            self.assertEqual(self.get(path).status_code, 200)

    def test_only_a_digest_is_kept(self):
        rows = self.sql("SELECT row_to_json(token)::text FROM spp_email_monitoring_token AS token")
        self.assertNotIn(self.token.partition(".")[2], str(rows))
        self.assertIn(self.program.token_prefix, str(rows))
        with self.assertRaises(AccessError):
            self.program.with_user(self.manager).read(["token_digest"])
        last = self.env["spp.email.change"].search([("model", "=", self.program._name)], order="id desc", limit=1)
        self.assertEqual(last.field, "token_digest")
        self.assertNotIn(self.program.token_digest, f"{last.old} {last.new}")

    def test_managers_make_tokens(self):
        for user in (self.viewer, self.officer, self.plain):
            with self.subTest(user=user.login):
                for action in ("action_renew_token", "action_revoke_token"):
                    with self.assertRaises(AccessError):
                        getattr(self.program.with_user(user), action)()
        self.assertTrue(self.program.with_user(self.manager).action_renew_token())

    # ------------------------------------------------------------------
    # Health
    # ------------------------------------------------------------------

    def health(self):
        answer = self.get(HEALTH_PATH)
        return answer.status_code, answer.json()

    def test_health_is_a_state_and_codes(self):
        self.assertEqual(self.health()[0], 200)
        self.assertEqual((self.health()[1]["state"], self.health()[1]["findings"]), ("ok", []))
        rows = self.env["spp.email.health"].create(
            [
                {"code": "mailbox_7_unreadable", "state": "failure", "title": "Mailbox “Secret” cannot be read"},
                {"code": "mail.secret.example", "state": "warning", "title": "Secret", "text": "ann@secret.example"},
            ]
        )
        status, answer = self.health()
        self.assertEqual((status, answer["state"]), (503, "failure"))
        self.assertEqual(
            sorted((one["code"], one["state"]) for one in answer["findings"]),
            [("mailbox_7_unreadable", "failure"), ("other", "warning")],
        )
        self.assertNotIn("secret", json.dumps(answer).lower())
        rows[0].active = False
        self.assertEqual((self.health()[0], self.health()[1]["state"]), (200, "warning"))

    def test_a_check_that_does_not_run_is_a_failure(self):
        self.env.ref("spp_email_gateway.ir_cron_health").lastcall = fields.Datetime.now() - timedelta(minutes=61)
        status, answer = self.health()
        self.assertEqual((status, answer["state"]), (503, "failure"))
        self.assertEqual(answer["findings"], [{"code": "health_not_checked", "state": "failure"}])

    def test_a_check_whose_job_is_gone_is_a_failure(self):
        self.env.ref("spp_email_gateway.ir_cron_health").unlink()
        status, answer = self.health()
        self.assertEqual((status, answer["checked"]), (503, None))
        self.assertEqual(answer["findings"], [{"code": "health_not_checked", "state": "failure"}])
        self.assertEqual(self.samples()["health_state",], 2)

    def test_whoever_asks_often_gets_the_same_answer(self):
        self.assertEqual(self.health()[1]["state"], "ok")
        self.env["spp.email.health"].create({"code": "x", "state": "warning", "title": "X"})
        self.env.flush_all()
        again = self.url_open(HEALTH_PATH, headers={"Authorization": f"Bearer {self.token}"})
        self.assertEqual(again.json()["state"], "ok")
        self.assertEqual(self.health()[1]["state"], "warning")

    # ------------------------------------------------------------------
    # Metrics
    # ------------------------------------------------------------------

    def test_metrics_are_read_by_prometheus(self):
        box = self.mailbox(name="Secret", date="2026-01-01 00:00:00", gateway_failures=4)
        relay = self.env["ir.mail_server"].create(
            {"name": "Secret", "smtp_host": "mail.secret.example", "gateway_certificate_until": "2026-06-01 00:00:00"}
        )
        self.env["spp.email.breaker"].create({"server_id": relay.id, "state": "open"})
        self.env["spp.email.health"].create({"code": "quota_3_day", "state": "warning", "title": "Secret"})
        self.journal(eml(Subject="Secret")).state = "quarantined"
        self.journal(eml(Subject="Secret"))
        self.env["spp.email.day"].search([]).unlink()
        with self.own_cursors():
            self.env["spp.email.day"]._cron_count()
        found = self.samples()
        for key, value in (
            (("health_state",), 1),
            (("health_finding", "quota_3_day", "warning"), 1),
            (("mailbox_checked_timestamp_seconds", str(box.id)), 1767225600),
            (("mailbox_failures", str(box.id)), 4),
            (("server_paused", str(relay.id)), 1),
            (("server_certificate_timestamp_seconds", str(relay.id)), 1780272000),
        ):
            with self.subTest(key=key):
                self.assertEqual(found.get(key), value)
        self.assertGreaterEqual(found["incoming_quarantined",], 1)
        self.assertGreaterEqual(found["incoming_waiting",], 1)
        self.assertGreaterEqual(found["messages_today", "in", "received"], 1)
        self.assertNotIn("secret", self.get(METRICS_PATH).text.lower())
        self.assertEqual(self.samples(METRICS).keys(), found.keys())

    def test_the_address_of_another_addon_stays_its_own(self):
        rules = type(self.env["ir.http"])._generate_routing_rules

        def urls(*others):
            real = http._generate_routing_rules

            def with_others(*arguments, **options):
                return [*real(*arguments, **options), *((url, _Endpoint) for url in others)]

            with patch.object(http, "_generate_routing_rules", with_others):
                asked = self.env["ir.http"]
                found = list(rules(asked, sorted(self.registry._init_modules), asked._get_converters()))
            return [(url, endpoint is _Endpoint) for url, endpoint in found if url in (METRICS, METRICS_PATH)]

        self.assertEqual(sorted(urls()), [(METRICS, False), (METRICS_PATH, False)])
        self.assertEqual(sorted(urls(METRICS)), [(METRICS, True), (METRICS_PATH, False)])
