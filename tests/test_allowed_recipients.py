# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged

from odoo.addons.base.tests.common import MockSmtplibCase

from ..engine.gate import Departure
from ..engine.outcome import OutboundReason, OutboundState
from .common import GatewayCase


@tagged("post_install", "-at_install")
class TestRecipientList(GatewayCase, MockSmtplibCase):
    def entry(self, kind, entry, company=None):
        return self.env["spp.email.recipient.entry"].create(
            {"kind": kind, "entry": entry, "company_id": company and company.id}
        )

    def ask(self, *recipients, company=None):
        departure = Departure(1, None, "a@gateway.test", recipients, company and company.id)
        return self.env["spp.email.gate"]._ask(departure)

    def test_without_lists_everybody_is_written_to(self):
        permit = self.ask("ann@a.org")
        self.assertEqual((permit.hold, permit.refused), (None, {}))

    def test_who_is_not_allowed_is_refused_for_good_and_the_others_are_not(self):
        self.entry("allow", "A.org")
        permit = self.ask("ann@a.org", "ben@b.org")
        self.assertEqual(list(permit.refused), ["ben@b.org"])
        refusal = permit.refused["ben@b.org"]
        self.assertEqual((refusal.state, refusal.reason), (OutboundState.FAILED, OutboundReason.NOT_ALLOWED))
        self.assertEqual(refusal.text, "The allow list of this database does not have this address.")
        self.assertEqual(permit.steps[-1].followed, "left out")
        self.assertIsNone(permit.hold)

    def test_an_archived_entry_is_none(self):
        self.entry("deny", "*").active = False
        self.assertFalse(self.ask("ann@a.org").refused)

    def test_entries_of_a_company_bind_its_mail(self):
        self.entry("deny", "b.org", self.other_company)
        self.assertFalse(self.ask("ben@b.org", company=self.company).refused)
        self.assertTrue(self.ask("ben@b.org", company=self.other_company).refused)
        self.assertFalse(self.ask("ben@b.org").refused)

    def test_mail_past_the_queue_is_bound_too(self):
        self.entry("allow", "a.org")
        servers = self.env["ir.mail_server"]
        with self.mock_smtplib_connection():
            message = servers._build_email__(
                "x@gateway.test", ["Ann <Ann@a.org>", "ben@b.org"], "S", "T", email_cc=["cy@c.org"]
            )
            servers.send_email(message)
            self.assertEqual([sent["smtp_to_list"] for sent in self.emails], [["Ann@a.org"]])
            with self.assertRaisesRegex(AssertionError, "At least one valid recipient"):
                servers.send_email(servers._build_email__("x@gateway.test", ["ben@b.org"], "S", "T"))
        self.assertEqual(len(self.emails), 1)

    def test_what_is_no_entry_is_refused(self):
        with self.assertRaises(ValidationError) as caught:
            self.entry("allow", "a.org b.org")
        self.assertEqual(
            str(caught.exception),
            "“a.org b.org” is neither an address (ann@your-domain.org) nor a domain (your-domain.org), "
            "nor a domain with its subdomains (.your-domain.org), nor * for everybody.",
        )
        entry = self.entry("allow", "a.org")
        with self.assertRaises(ValidationError):
            entry.entry = "no entry"

    def test_managers_write_those_of_their_companies(self):
        theirs = self.entry("deny", "b.org", self.other_company)
        self.entry("deny", "c.org").with_user(self.manager).note = "mine too"
        with self.assertRaises(AccessError):
            theirs.with_user(self.manager).note = "no"
        with self.assertRaises(AccessError):
            self.entry("deny", "d.org").with_user(self.officer).read(["entry"])
