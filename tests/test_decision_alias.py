# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Making an alias of the address that a message was sent to, and replaying it."""

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged

from .common import eml
from .deciding import DecisionCase


@tagged("post_install", "-at_install")
class TestAlias(DecisionCase):
    def open(self, inbound, user=None):
        wizards = self.env["spp.email.inbound.alias"].with_user(user or self.manager)
        return Form(wizards.with_context(default_inbound_ids=inbound.ids))

    def test_the_address_is_proposed(self):
        for content, expected in (
            (eml(To="Help <Help@Gateway.test>"), "help"),
            (eml(To="x@elsewhere.test, help@gateway.test"), "help"),
            (eml(To="x@elsewhere.test", Cc="copy@gateway.test"), "copy"),
            (eml(To="x@elsewhere.test"), False),
            (eml(To=None), False),
        ):
            with self.subTest(content=content):
                form = self.open(self.waiting(content))
                self.assertEqual(form.alias_name or False, expected)
                self.assertEqual(form.alias_domain_id, self.alias_domain if expected else self.env["mail.alias.domain"])
        bcc = self.waiting(eml(To="x@elsewhere.test"), envelope_recipient="hidden@gateway.test")
        self.assertEqual(self.open(bcc).alias_name, "hidden")
        told = self.waiting(eml(To="x@elsewhere.test", Delivered_To="told@gateway.test"))
        self.assertEqual(self.open(told).alias_name, "told")

    def test_the_alias_is_made_and_all_for_it_are_replayed(self):
        inbound = self.waiting(eml(To="help@gateway.test", Subject="First"))
        other = self.waiting(eml(To="Help@gateway.test", Subject="Second"))
        elsewhere = self.waiting(eml(To="no-help@gateway.test"))
        form = self.open(inbound)
        form.target_model = "res.partner"
        wizard = form.save()
        self.assertEqual(wizard.other_ids, other)
        self.confirm(wizard)
        alias = self.env["mail.alias"].search([("alias_full_name", "=", "help@gateway.test")])
        self.assertEqual((alias.alias_model_id, alias.alias_contact), (self.partner_model, "everyone"))
        self.assertEqual((inbound | other).mapped("state"), ["done", "done"])
        self.assertEqual(elsewhere.state, "quarantined")
        self.assertTrue(self.partners("First") and self.partners("Second"))
        self.assertDecided(other, self.manager, "Create an alias for res.partner and replay")
        # From now on it finds its way.
        self.assertOutcome(self.receive(eml(To="help@gateway.test")), "done", "record_created")

    def test_an_address_that_is_taken(self):
        self.alias("help")
        form = self.open(self.waiting(eml(To="help@gateway.test")))
        form.target_model = "res.partner"
        with self.assertRaises(UserError) as caught:
            self.confirm(form.save())
        self.assertEqual(
            str(caught.exception), "There is an alias for this address already. Retry the message instead."
        )

    def test_defaults_that_do_not_fit(self):
        for text, words in (
            ("nonsense", "Write the default values as {'field': value, …}, such as {'priority': '1'}."),
            ("{'nothing': 1}", "“nothing” is no field of “Contact”."),
        ):
            form = self.open(self.waiting(eml(To="help@gateway.test")))
            form.target_model, form.defaults = "res.partner", text
            with self.subTest(text=text), self.assertRaises(ValidationError) as caught:
                self.confirm(form.save())
            self.assertEqual(str(caught.exception), words)
        self.assertFalse(self.env["mail.alias"].search([("alias_name", "=", "help")]))

    def test_when_nothing_is_left_to_replay_there_is_no_alias(self):
        inbound = self.waiting(eml(To="help@gateway.test"))
        form = self.open(inbound)
        form.target_model = "res.partner"
        wizard = form.save()
        inbound.state = "discarded"
        with self.assertRaises(UserError), self.env.cr.savepoint():
            self.confirm(wizard)
        self.assertFalse(self.env["mail.alias"].search([("alias_name", "=", "help")]))

    def test_officers_make_no_aliases(self):
        with self.assertRaises(AccessError):
            self.wizard(
                "alias",
                self.waiting(),
                alias_name="x",
                alias_domain_id=self.alias_domain.id,
                target_model="res.partner",
            )
        self.assertFalse(self.env["spp.email.inbound.alias"].with_user(self.officer).has_access("create"))
