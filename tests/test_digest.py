# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import logging
from datetime import timedelta
from unittest.mock import patch

import psycopg2

from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import GatewayCase, eml


@tagged("post_install", "-at_install")
class TestDigest(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.digests = cls.env["spp.email.digest"]
        cls.digests.search([]).unlink()
        cls.manager.email = "manager@gateway.test"
        cls.env["spp.email.health"].search([]).unlink()

    def send(self):
        """Run the job; return the mails that it queued."""
        before = self.env["mail.mail"].search([], order="id desc", limit=1).id or 0
        self.digests._cron_send()
        return self.env["mail.mail"].search([("id", ">", before)])

    def test_nobody_gets_one_who_did_not_ask(self):
        self.assertFalse(self.send())

    def test_what_came_and_what_needs_attention(self):
        self.env["spp.email.health"].create(
            {"code": "x", "state": "failure", "title": "The relay is paused", "cure": "Press Try Now"}
        )
        self.journal(eml()).state = "quarantined"
        digest = self.digests.create({"user_id": self.manager.id, "period": "daily"})
        mail = self.send()
        self.assertEqual(mail.email_to, self.manager.email_formatted)
        self.assertEqual(mail.subject, "Email Gateway Digest (1 to look at)")
        for words in ("The relay is paused", "Press Try Now", "In quarantine", "/odoo/email-overview"):
            self.assertIn(words, mail.body_html)
        self.assertTrue(digest.sent_date)

    def test_when_it_is_due(self):
        digest = self.digests.create({"user_id": self.manager.id})
        now = fields.Datetime.now()
        for period, hours, expected in (
            ("daily", 12, 0),
            ("daily", 24, 1),
            ("weekly", 24, 0),
            ("weekly", 6 * 24, 0),
            ("weekly", 7 * 24, 1),
        ):
            with self.subTest(period=period, hours=hours):
                digest.write({"period": period, "sent_date": now - timedelta(hours=hours)})
                self.assertEqual(len(self.send()), expected)

    def test_in_the_language_of_the_manager(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.manager.lang = "fr_FR"
        template = self.env.ref("spp_email_gateway.mail_template_digest")
        template.with_context(lang="fr_FR").subject = "Passerelle : {{ ctx['findings'] }}"
        self.digests.create({"user_id": self.manager.id})
        self.assertEqual(self.send().subject, "Passerelle : 0")

    def test_who_is_no_manager_any_more_gets_none(self):
        digest = self.digests.create({"user_id": self.manager.id})
        self.manager.group_ids -= self.env.ref("spp_email_gateway.group_email_gateway_manager")
        self.assertFalse(self.send())
        self.assertFalse(digest.sent_date)

    def test_one_that_cannot_be_made_keeps_nobody_from_theirs(self):
        other = self.manager.copy({"login": "gateway_manager_2", "email": "manager2@gateway.test"})
        broken, whole = self.digests.create([{"user_id": self.manager.id}, {"user_id": other.id}])
        overview = type(self.env["spp.email.overview"])
        real = overview.read_figures

        def figures(asked, days):
            if asked.env.user == self.manager:
                asked.env["res.partner"].sudo().create({"name": "Half done"})
                raise AccessError("manager@gateway.test may not")  # pylint: disable=translation-required
            return real(asked, days)

        with (
            patch.object(overview, "read_figures", figures),
            self.assertLogs("odoo.addons.spp_email_gateway.models.spp_email_digest", logging.ERROR) as log,
        ):
            mail = self.send()
        self.assertEqual(mail.email_to, other.email_formatted)
        self.assertTrue(whole.sent_date)
        self.assertFalse(broken.sent_date)
        self.assertFalse(self.partners("Half done"))
        self.assertIn(f"{broken.id} ", log.output[0])
        self.assertNotIn("gateway.test", "".join(log.output))

    def test_the_database_s_own_errors_are_not_hidden(self):
        self.digests.create({"user_id": self.manager.id})
        broken = patch.object(
            type(self.env["spp.email.overview"]), "read_figures", side_effect=psycopg2.OperationalError("gone")
        )
        with broken, self.assertRaises(psycopg2.OperationalError):
            self.send()

    def test_only_managers_are_entered_and_once(self):
        with self.assertRaisesRegex(ValidationError, "Only managers of the email gateway get a digest."):
            self.digests.create({"user_id": self.officer.id})
        self.digests.create({"user_id": self.manager.id})
        with self.assertRaises(psycopg2.errors.UniqueViolation), mute_logger("odoo.sql_db"), self.cr.savepoint():
            self.digests.create({"user_id": self.manager.id})

    def test_a_manager_sends_one_now(self):
        digest = self.digests.create({"user_id": self.manager.id})
        before = self.env["mail.mail"].search_count([])
        digest.with_user(self.manager).action_send()
        self.assertEqual(self.env["mail.mail"].search_count([]), before + 1)
