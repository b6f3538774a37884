# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from odoo.exceptions import AccessError
from odoo.tests import Form, tagged

from .test_mail_server_from import NOTIFICATIONS, FromCase


@tagged("post_install", "-at_install")
class TestExplain(FromCase):
    def explain(self, user=None, **context):
        return Form(self.env["spp.email.explain"].with_user(user or self.manager).with_context(**context))

    def test_what_it_says_is_what_happens(self):
        named = self.server("keep", "ann@gateway.test", name="Named")
        self.server("rewrite", "gateway.test", name="Ours", sequence=5)
        self.server("rewrite", name="Open", sequence=9)
        form = self.explain()
        for email_from, server, result, others in (
            ("Ann <ann@gateway.test>", "Named", "Ann <ann@gateway.test>", "Ours (Ann <ann@gateway.test>), Open"),
            ("Ben <ben@gateway.test>", "Ours", "Ben <ben@gateway.test>", "Open (Ben <ben@gateway.test>)"),
            ("Mary <mary@c.org>", "Ours", f'"Mary" <{NOTIFICATIONS}>', f'Open ("Mary" <{NOTIFICATIONS}>)'),
        ):
            with self.subTest(email_from=email_from):
                form.email_from = email_from
                self.assertEqual(form.server_name, server)
                self.assertEqual(form.result_from, result)
                self.assertIn(others, form.other_servers)
                self.assertFalse(form.warning)
                sent = self.leaves(email_from)
                self.assertEqual(sent["msg_from"].replace('"', ""), result.replace('"', ""))
                self.assertEqual(sent["smtp_from"], form.envelope_sender)
        form.email_from = "Ann <ann@gateway.test>"
        self.assertEqual(form.envelope_sender, "ann@gateway.test")
        self.assertIn("<td>Named</td><td>chosen</td>", form.steps_html)
        self.assertEqual(form.server_id, named)

    def test_it_begins_with_the_users_own_address(self):
        self.assertEqual(self.explain().email_from, self.manager.email_formatted)

    def test_for_a_company(self):
        self.server(name="Ours", company_id=self.company.id)
        self.server(name="Theirs", company_id=self.other_company.id)
        self.manager.company_ids |= self.other_company
        with self.explain() as form:
            form.email_from = "ann@gateway.test"
        explain = form.record
        self.assertEqual(explain.server_name, "Ours")
        explain.company_id = self.other_company
        self.assertEqual(explain.server_name, "Theirs")

    def test_for_a_mail(self):
        other = self.env["mail.alias.domain"].create({"name": "other.test", "default_from": "o"})
        self.server(name="Open")
        named = self.server("keep", "z.org", name="Named by the mail", sequence=99)
        mail = self.env["mail.mail"].create(
            {"email_from": "Mary <mary@c.org>", "email_to": "x@c.org", "record_alias_domain_id": other.id}
        )
        form = self.explain(self.system, default_mail_id=mail.id)
        self.assertEqual(form.email_from, "Mary <mary@c.org>")
        self.assertEqual((form.server_name, form.result_from), ("Open", '"Mary" <o@other.test>'))
        self.assertEqual(form.envelope_sender, "bounce@other.test")
        mail.mail_server_id = named
        form = self.explain(self.system, default_mail_id=mail.id)
        self.assertEqual((form.server_name, form.result_from), ("Named by the mail", "Mary <mary@c.org>"))
        self.assertIn("the mail names it", form.steps_html)
        self.parameter("mail.force.smtp.from", "all@gateway.test")
        form = self.explain(self.system, default_mail_id=mail.id)
        self.assertEqual(form.result_from, '"Mary" <all@gateway.test>')

    def test_without_a_server_that_of_the_configuration_file_is_named(self):
        form = self.explain()
        form.email_from = "ann@gateway.test"
        self.assertRegex(form.server_name, r"^Server of odoo.conf \(.+:\d+\)$")

    def test_what_may_go_wrong_is_said(self):
        self.server("odoo", "z.org")
        form = self.explain()
        form.email_from = "ann@gateway.test"
        self.assertEqual(form.warning, "No server's FROM filter has this From. The server may refuse it.")
        self.env.company.alias_domain_id = False
        form.email_from = "nobody"
        self.assertEqual(form.warning, "There is no usable From: the mail would fail.")

    def test_what_is_typed_is_shown_as_text(self):
        self.server("odoo")
        form = self.explain()
        form.email_from = '"<img src=x onerror=alert(1)>" <ann@<b>gateway.test>'
        self.assertNotIn("<img", form.steps_html)
        self.assertNotIn("<b>", form.steps_html)

    def test_only_managers_ask(self):
        for user in (self.plain, self.viewer, self.officer):
            with self.assertRaises(AccessError):
                self.env["spp.email.explain"].with_user(user).create({})
