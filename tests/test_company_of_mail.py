# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Mail acts in the company of its alias domain or server. Whoever works here belongs to the main company."""

from odoo.tests import new_test_user, tagged

from ..engine.outcome import InboundSource
from ..models.spp_email_journal import JournalEntry
from .common import _numbers, eml
from .deciding import DecisionCase


@tagged("post_install", "-at_install")
class TestCompanyOfMail(DecisionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_domain = cls.env["mail.alias.domain"].create(
            {
                "name": "other.test",
                "bounce_alias": "bounce",
                "catchall_alias": "catchall",
                "default_from": "notifications",
            }
        )
        cls.other_company.write({"alias_domain_id": cls.other_domain.id, "email": "office@other.test"})
        cls.company.alias_domain_id = cls.alias_domain
        # The job's user is of the main company.
        assert cls.env.user.company_id == cls.company
        cls.theirs = new_test_user(
            cls.env,
            "gateway_theirs",
            "spp_email_gateway.group_email_gateway_officer,base.group_partner_manager",
            company_id=cls.other_company.id,
            company_ids=[(6, 0, cls.other_company.ids)],
        )

    def company_of(self, content, server=None, **values):
        """Return the company of a journal row that nothing but the message itself tells about."""
        entry = JournalEntry(
            "a" * 32, "INBOX", "1", str(next(_numbers)), content, server_id=server.id if server else None, **values
        )
        with self.own_cursors():
            self.env["spp.email.journal"]._write_entries([entry])
        return self.env["spp.email.inbound"].search([("uid", "=", entry.uid), ("server_key", "=", "a" * 32)]).company_id

    def test_a_message_belongs_to_the_company_of_the_domain_it_was_written_to(self):
        nobody = self.env["res.company"]
        for name, fields, expected in (
            ("other", {"To": "help@other.test"}, self.other_company),
            ("main", {"To": "help@gateway.test"}, self.company),
            ("in Cc", {"To": "x@example.com", "Cc": "help@other.test"}, self.other_company),
            ("letter case", {"To": "Help@OTHER.test"}, self.other_company),
            ("of both", {"To": "help@other.test, help@gateway.test"}, nobody),
            ("of nobody", {"To": "x@example.com"}, nobody),
            ("no recipient", {"To": None}, nobody),
            ("delivered for", {"To": "x@example.com", "Delivered-To": "help@other.test"}, self.other_company),
            (
                "the mailbox's own name comes last",
                {"To": "help@other.test", "Delivered-To": "box@gateway.test"},
                self.other_company,
            ),
        ):
            with self.subTest(name=name):
                self.assertEqual(self.company_of(eml(**fields)), expected)

    def test_the_envelope_goes_before_the_header(self):
        content = eml(To="help@gateway.test")
        self.assertEqual(self.company_of(content, envelope_recipient="help@other.test"), self.other_company)
        # What it was delivered for is at no domain of ours: the header is not asked instead.
        self.assertFalse(self.company_of(eml(To="help@gateway.test"), envelope_recipient="x@example.com"))

    def test_what_the_server_says_goes_first(self):
        content = eml(To="help@gateway.test")
        self.assertEqual(self.company_of(content, company_id=self.other_company.id), self.other_company)

    def test_a_call_is_not_of_the_callers_company_by_accident(self):
        values = {"company_id": self.company.id, "source": InboundSource.RPC.value}
        self.assertEqual(self.company_of(eml(To="help@other.test"), **values), self.other_company)
        self.assertEqual(self.company_of(eml(To="x@example.com"), **values), self.company)

    def test_a_domain_of_several_companies_says_nothing(self):
        self.company.alias_domain_id = self.other_domain
        self.assertFalse(self.company_of(eml(To="help@other.test")))

    def test_where_there_is_one_company_it_is_that(self):
        others = self.env["res.company"].search([("id", "!=", self.company.id)])
        self.env["res.users"].search([("company_id", "in", others.ids)]).write(
            {"company_id": self.company.id, "company_ids": [(6, 0, self.company.ids)]}
        )
        others.write({"active": False})
        self.assertEqual(self.company_of(eml(To="x@example.com")), self.company)

    # ------------------------------------------------------------------
    # What follows from it
    # ------------------------------------------------------------------

    def test_the_record_is_made_in_that_company(self):
        """By Odoo's own rules: what takes the company of the environment takes this one."""
        seen = []
        partners = type(self.env["res.partner"])
        original = partners.message_new

        def message_new(records, *args, **kwargs):
            seen.append(records.env.company)
            return original(records, *args, **kwargs)

        self.patch(partners, "message_new", message_new)
        self.alias("help", alias_domain_id=self.other_domain.id)
        inbound = self.receive(eml(To="help@other.test"), company=self.env["res.company"])
        self.assertEqual((inbound.company_id, inbound.state), (self.other_company, "done"))
        self.assertEqual(seen, [self.other_company])

    def test_the_notice_is_from_that_company(self):
        box = self.mailbox(object_id=False, gateway_notify_unroutable=True)
        inbound = self.receive(eml(To="nobody@other.test"), box, company=self.env["res.company"])
        self.assertEqual(inbound.state, "quarantined")
        mail = self.env["spp.email.notice"].search([("inbound_id", "=", inbound.id)]).mail_id
        self.assertIn("bounce@other.test", mail.email_from)
        self.assertEqual(mail.record_company_id, self.other_company)
        self.assertEqual(mail.record_alias_domain_id, self.other_domain)

    def test_a_refusal_is_from_that_company(self):
        self.alias("members", alias_domain_id=self.other_domain.id, alias_contact="partners")
        inbound = self.receive(eml(To="members@other.test"), company=self.env["res.company"])
        mail = self.env["spp.email.notice"].search([("inbound_id", "=", inbound.id)]).mail_id
        self.assertIn("bounce@other.test", mail.email_from)
        self.assertEqual(mail.record_company_id, self.other_company)

    def test_an_answer_leaves_in_that_company(self):
        inbound = self.waiting(eml(To="nobody@other.test"))
        inbound.company_id = self.other_company
        self.officer.company_ids |= self.other_company
        officer = self.officer
        wizard = (
            self.env["spp.email.inbound.answer"]
            .with_user(officer)
            .with_context(allowed_company_ids=officer.company_ids.ids)
            .create({"inbound_ids": [(6, 0, inbound.ids)], "subject": "Re", "body": "<p>Please call us.</p>"})
        )
        wizard.action_send()
        mail = self.env["mail.mail"].search([], order="id desc", limit=1)
        self.assertEqual(mail.record_company_id, self.other_company)
        self.assertEqual(mail._gateway_company(), self.other_company)

    def test_a_mail_belongs_to_whom_it_says_not_to_the_main_company(self):
        mails = self.env["mail.mail"]
        server = self.env["ir.mail_server"].create(
            {"name": "Theirs", "smtp_host": "smtp.other.test", "company_id": self.other_company.id}
        )
        partner = self.env["res.partner"].create({"name": "Of theirs", "company_id": self.other_company.id})
        common = {"body_html": "x", "email_to": "ann@example.com", "author_id": False}
        for name, values in (
            ("record", {"record_company_id": self.other_company.id}),
            ("alias domain", {"record_alias_domain_id": self.other_domain.id}),
            ("server", {"mail_server_id": server.id}),
            ("author", {"author_id": partner.id}),
            ("user", {"author_id": self.theirs.partner_id.id}),
        ):
            with self.subTest(name=name):
                self.assertEqual(mails.create({**common, **values})._gateway_company(), self.other_company)
        with self.subTest(name="who made it"):
            mine = mails.with_user(self.theirs).sudo().create(common)
            self.assertEqual(self.env["mail.mail"].browse(mine.id)._gateway_company(), self.other_company)

    def test_its_delivery_is_of_that_company(self):
        mail = (
            self.env["mail.mail"]
            .with_user(self.theirs)
            .sudo()
            .create({"body_html": "x", "email_to": "ann@example.com", "author_id": False})
        )
        posting = self.env["spp.email.dispatch"]._posting(self.env["mail.mail"].browse(mail.id))
        self.assertEqual(posting.company_id, self.other_company.id)

    def test_who_is_not_written_to_is_said_for_that_company(self):
        inbound = self.journal(eml(), company=self.other_company)
        self.assertEqual(inbound.company_id, self.other_company)
        self.env["spp.email.suppression"].create({"address": "ann@example.com", "company_id": self.other_company.id})
        refused = self.env["spp.email.suppression"]._refusals({"ann@example.com"}, self.company.id, "transactional")
        self.assertFalse(refused)
        refused = self.env["spp.email.suppression"]._refusals(
            {"ann@example.com"}, self.other_company.id, "transactional"
        )
        self.assertTrue(refused)
