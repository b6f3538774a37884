# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from odoo.exceptions import ValidationError
from odoo.tests import Form, tagged

from odoo.addons.base.tests.common import MockSmtplibCase

from .common import GatewayCase

NOTIFICATIONS = "notifications@gateway.test"


class FromCase(GatewayCase, MockSmtplibCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["ir.mail_server"].search([]).active = False

    def server(self, policy="rewrite", from_filter=False, **values):
        return self.env["ir.mail_server"].create(
            {
                "name": "Out",
                "smtp_host": "mx.gateway.test",
                "smtp_encryption": "none",
                "from_filter": from_filter,
                "gateway_from_policy": policy,
                **values,
            }
        )

    def parameter(self, key, value):
        self.env["ir.config_parameter"].set_param(key, value)

    def found(self, email_from, **context):
        return self.env["ir.mail_server"].with_context(**context)._find_mail_server(email_from)

    def leaves(self, email_from, reply_to=False, server=None, **context):
        """Send a mail directly, as other addons do; return what left."""
        servers = self.env["ir.mail_server"].with_context(**context)
        with self.mock_smtplib_connection():
            message = servers._build_email__(email_from, "to@c.org", "Hello", "Text", reply_to=reply_to)
            servers.send_email(message, mail_server_id=server and server.id)
        self.assertEqual(len(self.emails), 1)
        return self.emails[0]


@tagged("post_install", "-at_install")
class TestMailServerFrom(FromCase):
    def check(self, email_from, expected, **options):
        sent = self.leaves(email_from, **options)
        # Odoo and Python differ in whether they quote a name.
        self.assertEqual(sent["msg_from"].replace('"', ""), expected.replace('"', ""))
        return sent

    def test_a_new_server_replaces_addresses_that_are_not_ours(self):
        server = self.server()
        self.assertEqual(self.env["ir.mail_server"].new({"name": "x"}).gateway_from_policy, "rewrite")
        for email_from, expected in (
            ('"Ann" <ann@gateway.test>', '"Ann" <ann@gateway.test>'),
            ('"Mary" <mary@customer.org>', f'"Mary" <{NOTIFICATIONS}>'),
            ("mary@customer.org", f'"mary" <{NOTIFICATIONS}>'),
            ("Zoë <zoe@customer.org>", f"Zoë <{NOTIFICATIONS}>"),
        ):
            with self.subTest(email_from=email_from):
                self.check(email_from, expected)
                found, _from = self.found(email_from)
                self.assertEqual(found, server)

    def test_what_the_filter_names_is_kept(self):
        self.server(from_filter="customer.org")
        self.check('"Mary" <mary@customer.org>', '"Mary" <mary@customer.org>')
        self.check('"Bob" <bob@other.org>', f'"Bob" <{NOTIFICATIONS}>')

    def test_each_policy(self):
        for policy, email_from, expected in (
            ("keep", '"Mary" <mary@customer.org>', '"Mary" <mary@customer.org>'),
            ("force", '"Ann" <ann@gateway.test>', f'"Ann" <{NOTIFICATIONS}>'),
            ("odoo", '"Mary" <mary@customer.org>', f'"Mary" <{NOTIFICATIONS}>'),
            ("odoo", '"Ann" <ann@gateway.test>', f'"Ann" <{NOTIFICATIONS}>'),
        ):
            with self.subTest(policy=policy, email_from=email_from):
                self.env["ir.mail_server"].search([]).active = False
                self.server(policy)
                self.check(email_from, expected)

    def test_the_servers_own_address(self):
        self.server("force", gateway_from_address="box@relay.org")
        self.check('"Ann" <ann@gateway.test>', '"Ann" <box@relay.org>')
        for value, reason in (
            ("box", "“box” is not an email address. Address Instead takes one address without a name"),
            ("Box <box@relay.org>", "“Box <box@relay.org>” is not an email address."),
            ("a@relay.org, b@relay.org", "“a@relay.org, b@relay.org” is not an email address."),
            ("box@example.com", "Address Instead cannot be “box@example.com”: nobody can answer mail from that domain"),
        ):
            with self.subTest(value=value), self.assertRaises(ValidationError) as caught:
                self.server(gateway_from_address=value)
            self.assertIn(reason, str(caught.exception))

    def test_without_alias_domain_the_servers_user_name_is_used(self):
        self.env.company.alias_domain_id = False
        self.server(smtp_user="relay@relay.org")
        self.check('"Mary" <mary@customer.org>', '"Mary" <relay@relay.org>')
        self.env["ir.mail_server"].search([]).smtp_user = "apikey"
        self.check('"Mary" <mary@customer.org>', '"Mary" <mary@customer.org>')

    def test_a_placeholder_is_never_sent_as(self):
        server = self.server("keep", "example.com")
        self.check('"Admin" <admin@example.com>', f'"Admin" <{NOTIFICATIONS}>')
        # Servers from before go on as they did.
        server.gateway_from_policy = "odoo"
        self.check('"Admin" <admin@example.com>', '"Admin" <admin@example.com>')

    def test_answers_still_reach_the_sender_or_the_thread(self):
        self.server("force")
        sent = self.leaves('"Ann" <ann@gateway.test>')
        self.assertIn("\nReply-To: \"Ann\" <ann@gateway.test>", sent["message"].replace("\r", ""))
        sent = self.leaves('"Ann" <ann@gateway.test>', reply_to="catchall@gateway.test")
        self.assertIn("\nReply-To: catchall@gateway.test", sent["message"].replace("\r", ""))

    def test_a_message_built_by_others_gets_a_reply_to(self):
        self.server("force")
        with self.mock_smtplib_connection():
            message = self.env["ir.mail_server"]._build_email__("Ann <ann@gateway.test>", "to@c.org", "Hello", "Text")
            del message["Reply-To"]
            self.env["ir.mail_server"].send_email(message)
        self.assertEqual(self.emails[0]["msg_from"], f"Ann <{NOTIFICATIONS}>")
        self.assertIn("\nReply-To: Ann <ann@gateway.test>", self.emails[0]["message"].replace("\r", ""))

    def test_one_session_for_several_senders(self):
        server = self.server()
        servers = self.env["ir.mail_server"]
        with self.mock_smtplib_connection():
            session = servers._connect__(smtp_from="ann@gateway.test", mail_server_id=server.id)
            for email_from in ("Ann <ann@gateway.test>", "Ben <ben@gateway.test>", "Cy <cy@c.org>"):
                servers.send_email(
                    servers._build_email__(email_from, "to@c.org", "Hello", "Text"), smtp_session=session
                )
            self.assertEqual(session.smtp_from, "ann@gateway.test")
        self.assertEqual(
            [sent["msg_from"] for sent in self.emails],
            ["Ann <ann@gateway.test>", "Ben <ben@gateway.test>", f"Cy <{NOTIFICATIONS}>"],
        )

    def test_force_beats_everything_but_a_personal_server(self):
        everybodys, exact = self.server("force"), self.server("keep", "all@gateway.test")
        named = self.server("keep", "ann@gateway.test", sequence=0)
        self.parameter("mail.force.smtp.from", "all@gateway.test")
        self.alias_domain.default_from = "note@gateway.test"
        self.assertEqual(self.found("Ann <ann@gateway.test>"), (exact, "all@gateway.test"))
        self.check("Ann <ann@gateway.test>", '"Ann" <all@gateway.test>')
        for server in (everybodys, named):
            self.check("Ann <ann@gateway.test>", '"Ann" <all@gateway.test>', server=server)
        personal = self.server("force", self.plain.email_normalized, owner_user_id=self.plain.id)
        self.plain.outgoing_mail_server_id = personal
        sender = f"Plain <{self.plain.email_normalized}>"
        self.check(sender, sender, server=personal)

    def test_dynamic_keeps_our_domains_and_replaces_others(self):
        self.server("force")
        self.parameter("mail.dynamic.smtp.from", "dyn@gateway.test")
        self.check("Ann <ann@gateway.test>", "Ann <ann@gateway.test>")
        self.check("Mary <mary@customer.org>", '"Mary" <dyn@gateway.test>')
        # A domain of another company is not ours.
        self.env["mail.alias.domain"].create({"name": "customer.org", "company_ids": [(4, self.other_company.id)]})
        self.check("Mary <mary@customer.org>", '"Mary" <dyn@gateway.test>')

    def test_without_servers_the_parameters_hold_too(self):
        self.check("Mary <mary@customer.org>", "Mary <mary@customer.org>")
        self.parameter("mail.force.smtp.from", "all@gateway.test")
        self.check("Mary <mary@customer.org>", '"Mary" <all@gateway.test>')

    def test_a_full_default_from_overwrites_all(self):
        named, note = self.server("keep", "ann@gateway.test", sequence=0), self.server("odoo", "note@gateway.test")
        self.check("Ann <ann@gateway.test>", "Ann <ann@gateway.test>")
        self.alias_domain.default_from = "note@gateway.test"
        self.assertTrue(self.alias_domain.gateway_overwrite_all)
        self.assertEqual(self.found("Ann <ann@gateway.test>"), (note, "note@gateway.test"))
        self.check("Ann <ann@gateway.test>", '"Ann" <note@gateway.test>')
        self.alias_domain.gateway_overwrite_all = False
        self.assertEqual(self.found("Ann <ann@gateway.test>"), (named, "Ann <ann@gateway.test>"))
        self.check("Ann <ann@gateway.test>", "Ann <ann@gateway.test>")

    def test_only_touching_the_default_from_turns_the_switch_on(self):
        domain = self.alias_domain
        domain.write({"default_from": "note@gateway.test", "gateway_overwrite_all": False})
        # As a form does that saves all it knows.
        domain.write({"default_from": "note@gateway.test", "name": domain.name})
        self.assertFalse(domain.gateway_overwrite_all)
        domain.default_from = "other@gateway.test"
        self.assertTrue(domain.gateway_overwrite_all)
        domain.default_from = "notifications"
        self.assertFalse(domain.gateway_overwrite_all)

    def test_the_form_turns_the_switch_on_at_once(self):
        with self.debug_mode(), Form(self.alias_domain) as form:
            form.default_from = "note@gateway.test"
            self.assertTrue(form.gateway_overwrite_all)
            self.assertTrue(form.gateway_default_from_is_full)
            form.gateway_overwrite_all = False
        self.assertFalse(self.alias_domain.gateway_overwrite_all)

    def test_the_default_from_of_the_records_alias_domain_counts(self):
        self.server("keep")
        other = self.env["mail.alias.domain"].create({"name": "other.test", "default_from": "o@other.test"})
        self.assertTrue(other.gateway_overwrite_all)
        self.check("Ann <ann@gateway.test>", "Ann <ann@gateway.test>")
        self.check(
            "Ann <ann@gateway.test>", '"Ann" <o@other.test>', domain_notifications_email=other.default_from_email
        )

    def test_an_invalid_default_from_is_refused(self):
        for value in ("a@b@c", "note@", "@gateway.test", "Note <note@gateway.test>"):
            with self.subTest(value=value), self.assertRaises(ValidationError) as caught:
                self.alias_domain.default_from = value
            self.assertEqual(
                str(caught.exception),
                f"“{value}” is not an email address. The Default From is a name such as “notifications”, or one "
                "complete address such as notifications@your-domain.org.",
            )

    def test_a_connection_test_sends_as_what_would_leave(self):
        server = self.server("rewrite", "gateway.test", smtp_user="box@gateway.test")
        self.assertEqual(server._get_test_email_from(), "box@gateway.test")
        server.write({"gateway_from_policy": "force", "gateway_from_address": "only@gateway.test"})
        self.assertEqual(server._get_test_email_from(), "only@gateway.test")
        self.parameter("mail.dynamic.smtp.from", "dyn@gateway.test")
        self.assertEqual(server._get_test_email_from(), "only@gateway.test")
        self.parameter("mail.force.smtp.from", "all@gateway.test")
        self.assertEqual(server._get_test_email_from(), "all@gateway.test")

    def test_servers_from_before_keep_odoos_rule(self):
        server = self.server()
        self.env["ir.mail_server"]._init_column("gateway_from_policy")
        server.invalidate_recordset()
        self.assertEqual(server.gateway_from_policy, "odoo")

    def test_each_candidate_gets_the_from_of_its_own_policy(self):
        first = self.server("keep", "customer.org", sequence=1)
        second, third = self.server("rewrite", sequence=2), self.server("force", sequence=3)
        self.assertEqual(
            self.env["ir.mail_server"]._gateway_candidates("Mary <mary@customer.org>"),
            [(first, "Mary <mary@customer.org>"), (second, NOTIFICATIONS), (third, NOTIFICATIONS)],
        )
