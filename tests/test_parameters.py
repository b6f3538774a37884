# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from odoo.exceptions import ValidationError
from odoo.tests import tagged

from .common import GatewayCase

KEYS = ("mail.catchall.domain", "mail.catchall.alias", "mail.bounce.alias", "mail.default.from")


@tagged("post_install", "-at_install")
class TestParameters(GatewayCase):
    """What an admin does in Settings, Technical, System Parameters."""

    def row(self, key):
        return self.env["ir.config_parameter"].search([("key", "=", key)])

    def shown(self):
        return tuple(self.row(key).value for key in KEYS)

    def test_reading_shows_what_the_main_alias_domain_has(self):
        self.assertEqual(self.shown(), ("gateway.test", "catchall", "bounce", "notifications"))
        self.alias_domain.write({"catchall_alias": "answers", "default_from": "note@gateway.test"})
        self.assertEqual(self.shown(), ("gateway.test", "answers", "bounce", "note@gateway.test"))
        self.alias_domain.default_from = False
        self.assertFalse(self.row("mail.default.from"))
        for key, value in zip(KEYS, ("gateway.test", "answers", "bounce"), strict=False):
            self.assertEqual(self.env["ir.config_parameter"].get_param(key), value)

    def test_the_main_alias_domain_is_the_first_in_the_list(self):
        first = self.env["mail.alias.domain"].create({"name": "first.test", "sequence": -2})
        self.assertEqual(self.shown()[0], "first.test")
        first.sequence = 99
        self.assertEqual(self.shown()[0], "gateway.test")
        same = self.env["mail.alias.domain"].create({"name": "same.test", "sequence": -1})
        self.assertEqual(self.shown()[0], "gateway.test")
        same.sequence = -5
        same.unlink()
        self.assertEqual(self.shown()[0], "gateway.test")

    def test_writing_changes_it(self):
        other = self.env["mail.alias.domain"].create({"name": "other.test"})
        for key, value, field, expected in (
            ("mail.catchall.alias", "answers", "catchall_alias", "answers"),
            ("mail.bounce.alias", "returns", "bounce_alias", "returns"),
            ("mail.default.from", "note", "default_from", "note"),
            ("mail.default.from", "note@gateway.test", "default_from", "note@gateway.test"),
            ("mail.catchall.domain", "new.test", "name", "new.test"),
            # Odoo's own cleaning, and what came of it is shown.
            ("mail.catchall.alias", "Answers", "catchall_alias", "answers"),
        ):
            with self.subTest(key=key, value=value):
                self.row(key).value = value
                self.assertEqual(self.alias_domain[field], expected)
                self.assertEqual(self.row(key).value, expected)
        self.assertTrue(self.alias_domain.gateway_overwrite_all)
        self.assertEqual((other.name, other.catchall_alias), ("other.test", "catchall"))
        self.env["ir.config_parameter"].set_param("mail.catchall.alias", "by-program")
        self.assertEqual(self.alias_domain.catchall_alias, "by-program")

    def test_removing_a_parameter_changes_nothing(self):
        self.row("mail.catchall.alias").unlink()
        self.assertEqual(self.alias_domain.catchall_alias, "catchall")
        # And a new one acts.
        self.env["ir.config_parameter"].create({"key": "mail.catchall.alias", "value": "answers"})
        self.assertEqual(self.alias_domain.catchall_alias, "answers")

    def test_what_is_no_value_is_refused(self):
        for key, value, reason in (
            ("mail.catchall.domain", "a b", "“a b” is not a domain. mail.catchall.domain takes a domain such as"),
            ("mail.catchall.domain", "x@a.org", "“x@a.org” is not a domain."),
            ("mail.catchall.alias", "x@a.org", "“x@a.org” is not the name of a mailbox. mail.catchall.alias takes"),
            ("mail.bounce.alias", "x@a.org", "mail.bounce.alias takes what stands before the @, such as catchall."),
            ("mail.default.from", "x@a@b", "“x@a@b” is not an email address. The Default From is a name such as"),
        ):
            with self.subTest(key=key, value=value):
                with self.assertRaises(ValidationError) as caught, self.cr.savepoint():
                    self.row(key).value = value
                self.assertIn(reason, str(caught.exception))
        self.env.invalidate_all()
        self.assertEqual(self.shown(), ("gateway.test", "catchall", "bounce", "notifications"))

    def test_the_senders_parameters_take_one_address(self):
        for key in ("mail.force.smtp.from", "mail.dynamic.smtp.from"):
            for value, reason in (
                ("outgoing", f"“outgoing” is not an email address. {key} takes one address without a name, such as"),
                ("Out <out@a.org>", "“Out <out@a.org>” is not an email address."),
                ("a@a.org, b@a.org", "“a@a.org, b@a.org” is not an email address."),
                ("out@example.com", f"{key} cannot be “out@example.com”: nobody can answer mail from that domain."),
            ):
                for act in (
                    lambda key=key, value=value: self.env["ir.config_parameter"].set_param(key, value),
                    lambda key=key, value=value: self.env["ir.config_parameter"].create({"key": key, "value": value}),
                ):
                    with self.subTest(key=key, value=value):
                        with self.assertRaises(ValidationError) as caught, self.cr.savepoint():
                            act()
                        self.assertIn(reason, str(caught.exception))
            # The guide's own example.
            self.env["ir.config_parameter"].set_param(key, "outgoing@mycompany.example.com")

    def test_without_an_alias_domain_it_asks(self):
        self.env["res.company"].search([]).alias_domain_id = False
        self.env["mail.alias"].search([]).alias_domain_id = False
        self.env["mail.alias.domain"].search([]).unlink()
        self.assertEqual(self.shown(), (False,) * 4)
        with self.assertRaises(ValidationError) as caught, self.cr.savepoint():
            self.env["ir.config_parameter"].create({"key": "mail.catchall.domain", "value": "new.test"})
        self.assertIn(
            "There is no alias domain yet that “mail.catchall.domain” could change. Create it under",
            str(caught.exception),
        )
        # A program's is kept, as Odoo does: it is used when the first alias domain is made from it.
        self.env["ir.config_parameter"].set_param("mail.catchall.domain", "new.test")
        self.env["ir.config_parameter"].set_param("mail.catchall.alias", "answers")
        domain = self.env["mail.alias.domain"]._migrate_icp_to_domain()
        self.assertEqual((domain.name, domain.catchall_alias), ("new.test", "answers"))
        self.assertEqual(self.shown(), ("new.test", "answers", "bounce", "notifications"))

    def test_uninstalling_removes_the_rows_made_and_no_others(self):
        row = self.row("mail.bounce.alias")
        row.unlink()
        self.env["ir.config_parameter"].create({"key": "mail.bounce.alias", "value": "bounce"})
        self.alias_domain.bounce_alias = "returns"
        names = self.env["ir.model.data"].search(
            [("module", "=", "spp_email_gateway"), ("model", "=", "ir.config_parameter")]
        )
        self.assertNotIn(self.row("mail.bounce.alias").id, names.mapped("res_id"))
        self.assertTrue(all(names.mapped("noupdate")))
        for key in ("mail.catchall.alias", "mail.catchall.domain", "mail.default.from"):
            self.assertIn(self.row(key).id, names.mapped("res_id"))
