# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Two checks at once: a person presses Check Now while the job checks. And the certificates of real servers."""

from __future__ import annotations

from datetime import datetime

from .case import SystemCase, box

# The first one's transaction begins before the second one's check is committed.
BESIDE = """
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
with env.registry.cursor() as first, env.registry.cursor() as second:
    person, job = env(cr=first)["spp.email.health"], env(cr=second)["spp.email.health"]
    person.search_count([])
    job._check()
    second.commit()
    try:
        getattr(person, method)()
        first.commit()
        answer = "done"
    except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
        first.rollback()
        answer = "again"
"""
AT_ONCE = """
with env.registry.cursor() as first, env.registry.cursor() as second:
    person, job = env(cr=first)["spp.email.health"], env(cr=second)["spp.email.health"]
    job._check()
    answer = person.action_check()
    second.rollback()
"""
ROWS = "SELECT code, count(*) FROM spp_email_health GROUP BY code HAVING code = 'credential_key_missing'"


class TestHealthChecksAtOnce(SystemCase):
    odoo_env = {"SPP_EMAIL_GATEWAY_KEY": ""}

    def setUp(self):
        self.ask("env['spp.email.health'].with_context(active_test=False).search([]).unlink()")

    def test_the_job_does_not_fail_on_what_a_person_has_just_found(self):
        self.assertEqual(self.ask(BESIDE, method="_cron_check"), "done")
        self.assertEqual(self.rows(ROWS), [("credential_key_missing", 1)])

    def test_odoo_repeats_the_request_of_a_person_who_met_the_job(self):
        self.assertEqual(self.ask(BESIDE, method="_check"), "again")
        self.assertEqual(self.rows(ROWS), [("credential_key_missing", 1)])

    def test_a_person_does_not_wait_for_a_check_that_goes_on(self):
        self.assertIn("just now", self.ask(AT_ONCE)["params"]["message"])


LOOK = """
boxes = env["fetchmail.server"].create([
    {"name": "IMAP", "server_type": "imap", "server": host, "port": imaps, "is_ssl": True, "user": user},
    {"name": "POP", "server_type": "pop", "server": host, "port": pops, "is_ssl": True, "user": user}])
relay = env["ir.mail_server"].create({
    "name": "Out", "smtp_host": host, "smtp_port": submission, "smtp_encryption": "starttls_strict"})
silent = relay.copy({"smtp_port": imaps})
(relay + silent).write({"active": True})
boxes.write({"state": "done"})
env.cr.commit()
env["spp.email.certificate"]._cron_look()
env.invalidate_all()
answer = [str(server.gateway_certificate_until) for server in (*boxes, relay, silent)]
"""


class TestCertificates(SystemCase):
    def test_the_certificates_of_real_servers_are_seen_without_a_login(self):
        imap, pop, smtp, silent = self.ask(
            LOOK,
            host=self.sandbox.host,
            imaps=self.dovecot.imaps,
            pops=self.dovecot.pop3s,
            submission=self.postfix.submission,
            user=box(),
        )
        self.assertEqual((imap, imap), (pop, smtp))
        self.assertGreater(datetime.fromisoformat(imap), datetime.now())
        # One that does not speak SMTP keeps nobody from looking at the others.
        self.assertEqual(silent, "False")
