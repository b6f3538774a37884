# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from ..engine.health import HealthState
from ..models.spp_email_gate_quota import QUEUE_JOB
from ..models.spp_email_standstill import CALLED_LANES, QUARANTINE_PARAMETER, UNREAD_PARAMETER, WAITING_PARAMETER
from ..models.spp_email_watch import FETCH_JOB
from .common import GatewayCase, eml


@tagged("post_install", "-at_install")
class TestStandstill(GatewayCase):
    """What stands still without an error: each check raises its finding, and clears it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["fetchmail.server"].search([]).state = "draft"
        cls.env["spp.email.inbound"].search([]).unlink()
        cls.env["mail.mail"].search([("state", "=", "outgoing")]).unlink()
        cls.required = cls.env["spp.email.standstill"]._required_jobs()
        cls.required.active = True

    def findings(self):
        self.env.flush_all()
        return {finding.code: finding for finding in self.env["spp.email.standstill"]._gateway_health()}

    def assertOnly(self, *codes):
        self.assertEqual(sorted(self.findings()), sorted(codes))

    def set_parameter(self, name, value):
        self.env["ir.config_parameter"].set_param(name, str(value))

    def ago(self, **units):
        return fields.Datetime.now() - timedelta(**units)

    def test_nothing_is_said_while_all_goes_on(self):
        self.assertOnly()

    # ------------------------------------------------------------------
    # What waits
    # ------------------------------------------------------------------

    def test_an_incoming_message_that_is_not_processed(self):
        inbound = self.journal(eml())
        self.assertOnly()
        inbound.received_date = self.ago(minutes=31)
        finding = self.findings()["incoming_waits"]
        self.assertIs(finding.state, HealthState.FAILURE)
        self.assertEqual((finding.model, finding.ids), ("spp.email.inbound", (inbound.id,)))
        self.assertIn("1 wait", finding.text)
        self.set_parameter(WAITING_PARAMETER, 45)
        self.assertOnly()
        self.set_parameter(WAITING_PARAMETER, 30)
        # It waits for a planned attempt: nothing stands still.
        inbound.write({"state": "retry", "next_attempt_date": self.ago(minutes=-10)})
        self.assertOnly()
        inbound.write({"state": "done", "next_attempt_date": False})
        self.assertOnly()

    def test_an_email_that_is_not_sent(self):
        mail = self.env["mail.mail"].create({"subject": "News", "email_to": "bob@example.com"})
        self.assertOnly()
        self.sql("UPDATE mail_mail SET create_date = %s WHERE id = %s RETURNING id", self.ago(hours=2), mail.id)
        self.assertEqual(self.findings()["outgoing_waits"].ids, (mail.id,))
        mail.scheduled_date = self.ago(hours=-1)
        self.assertOnly()
        mail.scheduled_date = self.ago(hours=1)
        self.assertOnly("outgoing_waits")
        mail.state = "cancel"
        self.assertOnly()

    # ------------------------------------------------------------------
    # Mailboxes
    # ------------------------------------------------------------------

    def test_a_mailbox_that_nobody_reads(self):
        box = self.mailbox(date=fields.Datetime.now())
        self.env.ref(FETCH_JOB).active = True
        self.assertOnly()
        box.date = self.ago(minutes=61)
        finding = self.findings()[f"mailbox_{box.id}_not_read"]
        self.assertEqual((finding.model, finding.ids, finding.state), (box._name, (box.id,), HealthState.FAILURE))
        for values, expected in (
            ({"gateway_interval_minutes": 60}, ()),
            ({"gateway_interval_minutes": 0, "gateway_next_fetch_date": self.ago(minutes=-30)}, ()),
            ({"gateway_next_fetch_date": False}, (finding.code,)),
            ({"state": "draft"}, ()),
            ({"state": "done", "date": fields.Datetime.now()}, ()),
        ):
            with self.subTest(values=values):
                box.write(values)
                self.assertOnly(*expected)

    def test_how_long_that_takes_is_a_setting(self):
        box = self.mailbox(date=self.ago(minutes=61))
        self.env.ref(FETCH_JOB).active = True
        self.set_parameter(UNREAD_PARAMETER, 120)
        self.assertOnly()
        box.date = self.ago(minutes=121)
        self.assertOnly(f"mailbox_{box.id}_not_read")

    # ------------------------------------------------------------------
    # Scheduled actions
    # ------------------------------------------------------------------

    def test_each_job_that_is_off_is_told(self):
        self.assertGreater(len(self.required), 6)
        self.assertIn(self.env.ref(QUEUE_JOB), self.required)
        for job in self.required:
            with self.subTest(job=job.name):
                job.active = False
                finding = self.findings()[f"job_{job.id}_off"]
                self.assertEqual((finding.model, finding.ids, finding.field), ("ir.cron", (job.id,), "active"))
                job.active = True
        self.assertOnly()

    def test_lanes_that_only_help_may_be_off(self):
        for name in CALLED_LANES:
            self.env.ref(name).active = False
        self.assertOnly()

    def test_reading_is_only_needed_where_there_is_a_mailbox(self):
        self.env.ref(FETCH_JOB).active = False
        self.assertOnly()
        self.mailbox(date=fields.Datetime.now())
        self.env.ref(FETCH_JOB).active = False
        self.assertOnly(f"job_{self.env.ref(FETCH_JOB).id}_off")

    # ------------------------------------------------------------------
    # Quarantine
    # ------------------------------------------------------------------

    def test_a_quarantine_that_grows(self):
        self.set_parameter(QUARANTINE_PARAMETER, 3)
        rows = self.env["spp.email.inbound"]
        for count in (1, 2, 3):
            self.assertOnly()
            rows |= self.journal(eml())
            rows.write({"state": "quarantined", "reason": "no_route"})
            self.assertEqual(len(rows), count)
        finding = self.findings()["quarantine_grows"]
        self.assertEqual(set(finding.ids), set(rows.ids))
        self.assertIn("3 × No alias, reply or mailbox setting fits", finding.text)
        rows[0].received_date = self.ago(hours=25)
        self.assertOnly()
        rows[0].received_date = self.ago(hours=23)
        self.assertOnly("quarantine_grows")
        self.set_parameter(QUARANTINE_PARAMETER, 0)
        self.assertOnly()
