# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A database of an earlier state gets today's rules with the next update, and nothing stays in clear."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from odoo.tests import tagged
from odoo.tools.convert import convert_file

from ..models.sealed_column import open_columns
from .common import eml, with_key
from .test_sealed_char import SealedCase

FOLDER = Path(__file__).parents[1] / "migrations" / "19.0.1.1.0"
RULE = "rule_spp_email_delivery_company"


@tagged("post_install", "-at_install")
class TestMigration(SealedCase):
    def migrate(self, name):
        self.env.flush_all()
        spec = spec_from_file_location(f"migration_{name}", FOLDER / f"{name}-migration.py")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        module.migrate(self.env.cr, "19.0.1.0.0")
        self.env.invalidate_all()

    def test_an_update_brings_the_rules(self):
        entry = self.env["ir.model.data"].search([("module", "=", "spp_email_gateway"), ("name", "=", RULE)])
        self.assertFalse(entry.noupdate)
        rule = self.env.ref(f"spp_email_gateway.{RULE}")
        todays = rule.domain_force
        # As it was made, once, by an earlier state.
        entry.noupdate, rule.domain_force = True, "[(1, '=', 1)]"

        def update():
            convert_file(self.env, "spp_email_gateway", "security/rules.xml", {}, mode="update")

        update()
        self.assertEqual(rule.domain_force, "[(1, '=', 1)]")
        self.migrate("pre")
        update()
        self.assertEqual(rule.domain_force, todays)

    def test_the_health_job_of_an_earlier_state_checks_as_todays(self):
        job = self.env.ref("spp_email_gateway.ir_cron_health")
        todays = job.code
        for code, expected in (("model._check()", todays), ("model._own()", "model._own()")):
            with self.subTest(code=code):
                job.code = code
                self.migrate("end")
                self.assertEqual(job.code, expected)
        # Whoever removed it has done so on purpose.
        job.unlink()
        self.migrate("end")

    def test_what_lay_in_clear_is_sealed_at_once(self):
        self.enterContext(with_key())
        box = self.mailbox(password="correct horse", google_gmail_refresh_token="a token")
        open_columns(self.env)
        self.assertEqual(self.column(box, "google_gmail_refresh_token"), "a token")
        self.migrate("end")
        for name in ("password", "google_gmail_refresh_token"):
            self.assertRegex(self.column(box, name), "^sealed:2:")

    def test_notices_that_are_still_known_are_their_teams(self):
        box = self.mailbox(company_id=self.company.id)
        self.alias("closed", alias_contact="partners")
        inbound = self.receive(eml(To="closed@gateway.test"), box, company=self.company)
        mail = self.env["spp.email.notice"].search([("inbound_id", "=", inbound.id)]).mail_id
        mail.gateway_inbound_id = False
        row = self.env["spp.email.delivery"].create({"mail_id": mail.id, "recipient": "a@b.c", "state": "sent"})
        trail = self.env["spp.email.audit"]
        trail._note("opened", inbound.with_user(self.officer))
        trail.with_user(self.officer)._note("downloaded", inbound.with_user(self.officer))
        self.sql("UPDATE spp_email_audit SET about_mailbox_id = NULL RETURNING id")
        self.migrate("end")
        self.assertEqual((mail.gateway_inbound_id, row.inbound_id, row.about_mailbox_id), (inbound, inbound, box))
        noted = trail.search([("model", "=", "spp.email.inbound"), ("res_id", "=", inbound.id)])
        self.assertEqual(noted.about_mailbox_id, box)
