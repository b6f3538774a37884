# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Addresses This Database Sends From: with the server chosen for each, and whether it may."""

from odoo import api, fields, models

from ..engine.outcome import selection
from ..engine.sending_address import ADDRESS_KIND_WORDS, SENDING_RIGHT_WORDS, WRONG, AddressKind, SendingRight

_WRONG = tuple(right.value for right in WRONG)


class SppEmailAddresses(models.TransientModel):
    _name = "spp.email.addresses"
    _description = "Addresses This Database Sends From"

    line_ids = fields.One2many("spp.email.addresses.line", "page_id", readonly=True)
    wrong_count = fields.Integer("To Put Right", readonly=True)
    left_out_count = fields.Integer(readonly=True)
    server_id = fields.Many2one(
        "ir.mail_server", string="Only for", domain="[('id', 'in', server_ids)]", help="Blank for all servers."
    )
    server_ids = fields.Many2many("ir.mail_server", compute="_compute_server_ids")
    copy_text = fields.Text("For the Provider", compute="_compute_copy_text")

    def _compute_display_name(self):
        for page in self:
            page.display_name = self.env._("Addresses This Database Sends From")

    @api.depends("line_ids")
    def _compute_server_ids(self):
        for page in self:
            page.server_ids = page.line_ids.server_id

    @api.depends("server_id", "line_ids")
    def _compute_copy_text(self):
        for page in self:
            lines = page.line_ids.filtered(
                lambda line, page=page: (
                    line.leaves_as
                    and line.right not in _WRONG
                    and (not page.server_id or line.server_id == page.server_id)
                )
            )
            page.copy_text = "\n".join(sorted(set(lines.mapped("leaves_as"))))

    @api.model
    def _open(self):
        """Look at all addresses, and return the action that shows them."""
        self.check_access("create")
        # sudo: users, companies and servers of all kinds are looked at, for managers, who set up who sends.
        places = self.env["spp.email.sending.address"].sudo()  # nosemgrep: odoo-sudo-without-context
        companies = self.env.companies
        found, left_out = places._sending_addresses()
        found = [one for one in found if one.company in companies]
        page = self.create(
            {
                "wrong_count": sum(one.right in WRONG for one in found),
                "left_out_count": left_out,
                "line_ids": [
                    fields.Command.create(
                        {
                            "sequence": (0 if one.right in WRONG else 100) + list(AddressKind).index(one.kind),
                            "kind": one.kind.value,
                            "right": one.right.value,
                            "address": one.address,
                            "leaves_as": one.leaves_as,
                            "name": one.record.display_name,
                            "res_model": one.record._name,
                            "res_id": one.record.id,
                            "company_id": one.company.id,
                            "server_id": one.server.id,
                            "server_name": (
                                one.server.display_name
                                if one.server or one.right is SendingRight.ANSWERS
                                else one.server._gateway_configuration_name()
                            ),
                        }
                    )
                    for one in found
                ],
            }
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Addresses This Database Sends From"),
            "res_model": self._name,
            "res_id": page.id,
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "current",
        }


class SppEmailAddressesLine(models.TransientModel):
    _name = "spp.email.addresses.line"
    _description = "Address This Database Sends From"
    _order = "sequence, address, id"

    page_id = fields.Many2one("spp.email.addresses", required=True, ondelete="cascade", index=True)
    sequence = fields.Integer()
    kind = fields.Selection(selection(ADDRESS_KIND_WORDS), "Of", readonly=True)
    name = fields.Char("Set in", readonly=True)
    address = fields.Char(readonly=True)
    leaves_as = fields.Char("Leaves as", readonly=True)
    right = fields.Selection(selection(SENDING_RIGHT_WORDS), "May It", readonly=True)
    is_wrong = fields.Boolean(compute="_compute_is_wrong")
    company_id = fields.Many2one("res.company", readonly=True)
    server_id = fields.Many2one("ir.mail_server", readonly=True)
    server_name = fields.Char("Server", readonly=True)
    res_model = fields.Char(readonly=True)
    res_id = fields.Many2oneReference(model_field="res_model", readonly=True)

    @api.depends("right")
    def _compute_is_wrong(self):
        for line in self:
            line.is_wrong = line.right in _WRONG

    def action_open(self):
        """Open where the address is set."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": self.res_model,
            "res_id": self.res_id,
            "view_mode": "form",
            "views": [(False, "form")],
        }
