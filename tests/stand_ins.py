# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Models with the names and required fields of OpenSPP's, for tests without OpenSPP; gone again after each class."""

from odoo import api, fields, models
from odoo.orm.model_classes import add_to_registry

from .common import GatewayCase


def _definitions():
    """Return fresh classes: a registry keeps what it is given."""

    class RequestType(models.Model):
        _module = None
        _name = "spp.change.request.type"
        _description = "Change Request Type"

        name = fields.Char(required=True)

    class ChangeRequest(models.Model):
        _module = None
        _name = "spp.change.request"
        _inherit = ["mail.thread"]
        _description = "Change Request of the Registry"

        name = fields.Char("Reference", required=True, readonly=True, default="New")
        request_type_id = fields.Many2one("spp.change.request.type", required=True)
        approval_state = fields.Selection([("draft", "Draft"), ("approved", "Approved")], default="draft")
        registrant_id = fields.Many2one("res.partner")
        description = fields.Text()
        source_reference = fields.Char()

        @api.model_create_multi
        def create(self, vals_list):
            numbered = [{**vals, "name": "CR/1"} if vals.get("name", "New") == "New" else vals for vals in vals_list]
            return super().create(numbered)

    class Ticket(models.Model):
        _module = None
        _name = "spp.grm.ticket"
        _inherit = ["mail.thread"]
        _description = "Grievance Redress Mechanism Ticket"
        _rec_name = "number"

        number = fields.Char(default="/", readonly=True)
        name = fields.Char(required=True)
        description = fields.Html(required=True)
        partner_id = fields.Many2one("res.partner", required=True)
        user_id = fields.Many2one("res.users")
        intake_user_id = fields.Many2one("res.users", default=lambda self: self.env.user)
        company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
        severity = fields.Selection([("low", "Low"), ("medium", "Medium")], required=True, default="medium")
        complainant_type = fields.Selection(
            [("beneficiary", "Beneficiary"), ("anonymous", "Anonymous")], default="beneficiary"
        )
        contact_name = fields.Char()
        contact_email = fields.Char()

        @api.model_create_multi
        def create(self, vals_list):
            return super().create(
                [{**vals, "number": "G-1"} if vals.get("number", "/") == "/" else vals for vals in vals_list]
            )

        @api.model
        def message_new(self, msg_dict, custom_values=None):
            """Tell strangers that they are strangers, then fail: what the profile is there to prevent."""
            partner = self.env["res.partner"].search([("email", "=", msg_dict.get("email_from"))], limit=1)
            if not partner:
                self.env["mail.mail"].create({"email_to": msg_dict.get("email_from"), "subject": "not registered"})
            values = {"name": msg_dict.get("subject"), "description": "x", "partner_id": partner.id}
            return super().message_new(msg_dict, {**values, **(custom_values or {})})

    class Partner(models.Model):
        _module = None
        _name = "res.partner"
        _inherit = ["res.partner"]

        is_registrant = fields.Boolean()

    class Attachment(models.Model):
        _module = None
        _name = "ir.attachment"
        _inherit = ["ir.attachment"]

        scan_status = fields.Selection([("pending", "Pending Scan"), ("clean", "Clean")], default="pending")

    return RequestType, ChangeRequest, Ticket, Partner, Attachment


class StandInCase(GatewayCase):
    """A test with stand-ins for spp.grm.ticket, spp.change.request, is_registrant and scan_status."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Cleanups run last first: the registry is set up again when the stand-ins are gone.
        cls.addClassCleanup(lambda: cls.registry._setup_models__(cls.env.cr))
        definitions = _definitions()
        names = [definition._name for definition in definitions]
        for name in names:
            if name in cls.registry:
                model = cls.registry[name]
                cls.addClassCleanup(setattr, model, "_base_classes__", model._base_classes__)
        cls.addClassCleanup(cls._forget, [name for name in names if name not in cls.registry])
        for definition in definitions:
            add_to_registry(cls.registry, definition)
        cls.registry._setup_models__(cls.env.cr, names)
        cls.registry.init_models(cls.env.cr, names, {"models_to_check": True})
        cls.request_type = cls.env["spp.change.request.type"].create({"name": "Change of Address"})
        for name in ("spp.change.request", "spp.change.request.type", "spp.grm.ticket"):
            cls.env["ir.model.access"].create(
                {
                    "name": name,
                    "model_id": cls.env["ir.model"]._get_id(name),
                    "group_id": cls.env.ref("spp_email_gateway.group_email_gateway_manager").id,
                    "perm_read": True,
                    "perm_write": True,
                    "perm_create": True,
                }
            )
        cls.grievances = cls.env["ir.model"]._get("spp.grm.ticket")
        cls.change_requests = cls.env["ir.model"]._get("spp.change.request")

    @classmethod
    def _forget(cls, names):
        for name in names:
            del cls.registry[name]
