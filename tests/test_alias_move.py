# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from .common import GatewayCase


@tagged("post_install", "-at_install")
class TestAliasMove(GatewayCase):
    """*Used In* of an alias domain: read-only in Odoo, since a company's aliases have to come along."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.target = cls.env["mail.alias.domain"].create({"name": "new.gateway.test"})
        cls.owner = cls.env["res.partner"].create({"name": "Desk", "company_id": cls.other_company.id})
        cls.mine = cls.alias("desk", alias_parent_model_id=cls.partner_model.id, alias_parent_thread_id=cls.owner.id)
        cls.free = cls.alias("everybody")
        cls.system.company_ids = cls.company + cls.other_company
        cls.system.group_ids += cls.env.ref("base.group_multi_company") + cls.env.ref("base.group_erp_manager")

    def open(self, user=None):
        domain = self.target.with_user(user or self.system).with_context(
            allowed_company_ids=(self.company + self.other_company).ids
        )
        action = domain.action_gateway_used_in()
        return Form(domain.env[action["res_model"]].with_context(**action["context"]))

    def test_what_moves_is_shown_before_anything_is_done(self):
        with self.open() as form:
            form.company_ids.add(self.other_company)
        move = form.record
        self.assertEqual(
            move.line_ids.mapped(lambda line: (line.old_address, line.new_address, line.owner, line.is_taken)),
            [("desk@gateway.test", "desk@new.gateway.test", "Desk", False)],
        )
        self.assertEqual(self.other_company.alias_domain_id, self.alias_domain)
        move.action_apply()
        self.assertEqual(self.target.company_ids, self.other_company)
        self.assertEqual(self.mine.alias_full_name, "desk@new.gateway.test")
        self.assertEqual(self.free.alias_full_name, "everybody@gateway.test", "it belongs to no company")
        self.assertEqual(self.company.alias_domain_id, self.alias_domain)

    def test_an_address_that_is_taken_stops_it(self):
        self.alias("desk", alias_domain_id=self.target.id)
        with self.open() as form:
            form.company_ids.add(self.other_company)
            self.assertTrue(form.is_blocked)
        with self.assertRaises(UserError) as caught:
            form.record.action_apply()
        self.assertEqual(
            str(caught.exception), "Rename the aliases whose new address is taken, or remove them, first."
        )

    def test_the_catchalls_name_is_taken_too(self):
        self.mine.alias_name = "catchall-of-old"
        self.target.catchall_alias = "catchall-of-old"
        with self.open() as form:
            form.company_ids.add(self.other_company)
        self.assertTrue(form.record.is_blocked)

    def test_no_company_is_left_without_a_domain(self):
        self.other_company.alias_domain_id = self.target
        with self.open() as form:
            form.company_ids.remove(self.other_company.id)
        with self.assertRaises(UserError) as caught:
            form.record.action_apply()
        self.assertIn("Other Company would be left without an alias domain.", str(caught.exception))

    def test_who_may_not_write_companies_may_not_move_them(self):
        self.manager.company_ids = self.company + self.other_company
        moves = self.env["spp.email.alias.move"].with_user(self.manager)
        move = moves.create(
            {"alias_domain_id": self.target.id, "company_ids": [Command.set(self.other_company.ids)]}
        )
        with self.assertRaises(AccessError):
            move.action_apply()
        self.assertEqual(self.mine.alias_full_name, "desk@gateway.test")
        self.assertFalse(move.line_ids, "and does not see their addresses either")
