# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from odoo import fields, models
from odoo.orm.model_classes import add_to_registry
from odoo.tests import tagged

from .test_health import HealthCase


def _alert():
    """Return a fresh class with the fields of OpenSPP's spp.alert that are written; the registry keeps it."""

    class Alert(models.Model):
        _module = None
        _name = "spp.alert"
        _description = "Alert"

        title = fields.Char(required=True)
        description = fields.Text()
        priority = fields.Selection([("medium", "Medium"), ("high", "High")], required=True)
        state = fields.Selection(
            [("active", "Active"), ("acknowledged", "Acknowledged"), ("resolved", "Resolved")], default="active"
        )
        res_model = fields.Char()
        res_id = fields.Many2oneReference(model_field="res_model")
        resolved_at = fields.Datetime()
        resolution_notes = fields.Text()
        company_id = fields.Many2one("res.company", default=lambda self: self.env.company)

    return Alert


@tagged("post_install", "-at_install")
class TestHealthAlert(HealthCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addClassCleanup(lambda: cls.registry._setup_models__(cls.env.cr))
        cls.addClassCleanup(cls.registry.models.pop, "spp.alert")
        add_to_registry(cls.registry, _alert())
        cls.registry._setup_models__(cls.env.cr, ["spp.alert"])
        cls.registry.init_models(cls.env.cr, ["spp.alert"], {"models_to_check": True})
        cls.alerts = cls.env["spp.alert"]

    def test_a_finding_is_an_alert_until_it_is_gone(self):
        row = self.check(self.finding(text="seen", cure="do this"))
        alert = self.alerts.search([])
        self.assertEqual(
            (alert.title, alert.description, alert.priority, alert.state, alert.res_model, alert.res_id),
            ("Not well", "seen\n\ndo this", "medium", "active", row._name, row.id),
        )
        self.assertFalse(alert.company_id)
        self.check(self.finding())
        self.assertEqual(self.alerts.search([]), alert)
        self.check()
        self.assertEqual(alert.state, "resolved")
        self.assertTrue(alert.resolved_at)
        self.assertEqual(alert.resolution_notes, "This is well again: Not well")
        self.check(self.finding())
        self.assertEqual(self.alerts.search([], order="id").mapped("state"), ["resolved", "active"])

    def test_an_alert_that_somebody_removed_is_missed_by_nobody(self):
        self.check(self.finding())
        self.alerts.search([]).unlink()
        self.assertFalse(self.check())
