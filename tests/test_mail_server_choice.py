# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from unittest.mock import patch

from odoo.tests import tagged

from .common import GatewayCase

NOTIFICATIONS = "notifications@gateway.test"


@tagged("post_install", "-at_install")
class TestMailServerChoice(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["ir.mail_server"].search([]).active = False

    def setUp(self):
        super().setUp()
        self.startPatcher(
            patch.object(type(self.env["ir.mail_server"]), "_get_default_from_filter", lambda _self: False)
        )

    def server(self, name="Out", from_filter=False, **values):
        return self.env["ir.mail_server"].create(
            {"name": name, "smtp_host": "mx.gateway.test", "from_filter": from_filter, "sequence": 10, **values}
        )

    def check(self, email_from, server, expected_from=None, **context):
        found, found_from = self.env["ir.mail_server"].with_context(**context)._find_mail_server(email_from)
        self.assertEqual(found or self.env["ir.mail_server"], server or self.env["ir.mail_server"])
        self.assertEqual(found_from, email_from if expected_from is None else expected_from)

    def test_without_servers_the_configuration_file_is_used(self):
        found, email_from = self.env["ir.mail_server"]._find_mail_server("x@c.org")
        self.assertIsNone(found)
        self.assertEqual(email_from, "x@c.org")

    def test_address_then_domain_then_notification_address_then_no_filter(self):
        free = self.server("free", sequence=1)
        domain = self.server("domain", "a.org", sequence=2)
        exact = self.server("exact", "ann@a.org", sequence=9)
        for email_from, server, found_from in (
            ("ann@a.org", exact, None),
            ("Ann <ANN@A.org>", exact, None),
            ("ben@a.org", domain, None),
            ("x@c.org", free, NOTIFICATIONS),
        ):
            with self.subTest(email_from=email_from):
                self.check(email_from, server, found_from)
        note = self.server("note", "gateway.test", sequence=99)
        self.check("x@c.org", note, NOTIFICATIONS)

    def test_several_parts_of_a_filter(self):
        server = self.server("several", " Ann@A.org , b.org,, not an address@, ")
        free = self.server("free")
        for email_from, expected, found_from in (
            ("ann@a.org", server, None),
            ("x@B.org", server, None),
            ("ben@a.org", free, NOTIFICATIONS),
        ):
            with self.subTest(email_from=email_from):
                self.check(email_from, expected, found_from)

    def test_priority_then_name_then_id(self):
        for values in (
            ({"name": "b", "sequence": 1}, {"name": "a", "sequence": 2}),
            ({"name": "a", "sequence": 1}, {"name": "b", "sequence": 1}),
            ({"name": "a", "sequence": 1}, {"name": "a", "sequence": 1}),
        ):
            for reverse in (False, True):
                with self.subTest(values=values, reverse=reverse):
                    self.env["ir.mail_server"].search([]).active = False
                    same = values[0] == values[1]
                    order = values[::-1] if reverse and not same else values
                    created = [self.server(from_filter="c.org", **one) for one in order]
                    expected = created[1] if reverse and not same else created[0]
                    self.check("x@c.org", expected)

    def test_a_personal_server_serves_only_its_owner(self):
        personal = self.server("personal", "ann@a.org", owner_user_id=self.plain.id, sequence=1)
        self.check("ben@b.org", None, "ben@b.org")
        free = self.server("free", sequence=9)
        self.check("ben@b.org", free, NOTIFICATIONS)
        # Odoo names the servers itself when an owner sends.
        found, email_from = self.env["ir.mail_server"]._find_mail_server("ann@a.org", personal + free)
        self.assertEqual((found, email_from), (personal, "ann@a.org"))
        found, _email_from = self.env["ir.mail_server"]._find_mail_server("ben@b.org", personal + free)
        self.assertEqual(found, free)
        found, _email_from = self.env["ir.mail_server"]._find_mail_server("ben@b.org", personal)
        self.assertIsNone(found)

    def test_archived_servers_are_not_used(self):
        archived, free = self.server("archived", "a.org", active=False), self.server("free", sequence=99)
        found, _email_from = self.env["ir.mail_server"]._find_mail_server("x@a.org", archived + free)
        self.assertEqual(found, free)

    def test_the_notification_address_of_a_mail_wins_over_the_companys(self):
        free = self.server("free")
        self.check("x@c.org", free, "other@d.org", domain_notifications_email="other@d.org")

    def test_without_a_from_the_notification_address_is_used(self):
        free = self.server("free")
        self.check(False, free, NOTIFICATIONS)

    def test_everybody_may_send_through_servers_that_nobody_may_see(self):
        free = self.server("free")
        found, _email_from = self.env["ir.mail_server"].with_user(self.plain)._find_mail_server("x@c.org")
        self.assertEqual(found, free)

    def test_the_choice_is_explained(self):
        free = self.server("free")
        choice = self.env["ir.mail_server"]._gateway_choice("x@c.org")
        self.assertEqual(choice.server_id, free.id)
        self.assertEqual(choice.steps[-1].found, f"server {free.id}")

    def test_an_entry_with_subdomains(self):
        wide, free = self.server("wide", ".A.org"), self.server("free", sequence=1)
        self.check("x@b.a.org", wide)
        self.check("x@ba.org", free, NOTIFICATIONS)
        for email_from, expected in (("x@b.a.org", True), ("x@a.org", True), ("x@ba.org", False), (False, False)):
            self.assertIs(wide._match_from_filter(email_from, wide.from_filter), expected, email_from)

    def test_a_server_of_another_company_is_not_used(self):
        other = self.env["res.company"].create({"name": "Other"})
        theirs = self.server("theirs", "c.org", sequence=1, company_id=other.id)
        ours = self.server("ours", "c.org", sequence=2, company_id=self.env.company.id)
        everybodys = self.server("everybodys", "c.org", sequence=3)
        self.check("x@c.org", ours)
        self.check("x@c.org", theirs, gateway_company_id=other.id)
        ours.active = False
        self.check("x@c.org", everybodys)
        candidates = self.env["ir.mail_server"]._gateway_candidates
        self.assertEqual([server for server, _from in candidates("x@c.org", company=other)], [theirs, everybodys])
        found, _from = self.env["ir.mail_server"]._find_mail_server("x@c.org", theirs)
        self.assertIsNone(found)

    def test_candidates_are_the_choice_and_those_that_may_take_its_place(self):
        candidates = self.env["ir.mail_server"]._gateway_candidates
        self.assertEqual(candidates("x@c.org"), [(self.env["ir.mail_server"], "x@c.org")])
        exact, domain = self.server("exact", "ann@a.org"), self.server("domain", "a.org", sequence=1)
        self.server("foreign", "b.org", sequence=0)
        self.assertEqual(
            candidates("Ann <ann@a.org>"), [(exact, "Ann <ann@a.org>"), (domain, "Ann <ann@a.org>")]
        )
        self.assertEqual(candidates("ann@a.org", domain), [(domain, "ann@a.org")])

    def test_the_sender_of_a_test(self):
        user = self.env.user
        user.email = "me@users.test"
        for from_filter, smtp_user, expected in (
            (False, "box@a.org", "box@a.org"),
            (False, "login", NOTIFICATIONS),
            (False, False, NOTIFICATIONS),
            ("sales@b.org", "box@a.org", "sales@b.org"),
            ("b.org, sales@b.org", "box@b.org", "sales@b.org"),
            ("a.org", "box@a.org", "box@a.org"),
            ("gateway.test", "box@a.org", NOTIFICATIONS),
            ("users.test", "box@a.org", "me@users.test"),
            ("z.org", "box@a.org", "odoo@z.org"),
        ):
            with self.subTest(from_filter=from_filter, smtp_user=smtp_user):
                server = self.server(from_filter=from_filter, smtp_user=smtp_user)
                self.assertEqual(server._get_test_email_from(), expected)
