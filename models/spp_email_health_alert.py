# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Findings as alerts of OpenSPP, where spp_alerts is installed: raised and resolved with the finding."""

from odoo import fields, models

from ..engine.health import HealthState

ALERT_MODEL = "spp.alert"
SYSTEM_ALERT = "spp_alerts.code_alert_system"
PRIORITIES = {HealthState.FAILURE.value: "high", HealthState.WARNING.value: "medium"}


class SppEmailHealth(models.Model):
    _inherit = "spp.email.health"

    # No relation: the model need not be there.
    alert_number = fields.Integer(readonly=True, help="Id of the alert that tells of this finding; 0: none.")

    def _alerts(self):
        """Return OpenSPP's alerts, None where there are none."""
        if ALERT_MODEL not in self.env:
            return None
        # sudo: the finding is the system's, as the alert is; who sees alerts is OpenSPP's to say.
        return self.env[ALERT_MODEL].sudo()  # nosemgrep

    def _raise_activity(self):
        result = super()._raise_activity()
        alerts = self._alerts()
        if alerts is not None:
            values = {
                "title": self.title,
                "description": "\n\n".join(filter(None, (self.text, self.cure))),
                "priority": PRIORITIES[self.state],
                "res_model": self._name,
                "res_id": self.id,
                # It is about the whole installation.
                "company_id": False,
            }
            kind = self.env.ref(SYSTEM_ALERT, raise_if_not_found=False)
            if kind:
                values["alert_type_id"] = kind.id
            self.alert_number = alerts.create(
                {name: value for name, value in values.items() if name in alerts._fields}
            ).id
        return result

    def _announce_recovery(self):
        result = super()._announce_recovery()
        alerts = self._alerts()
        if alerts is not None and self.alert_number:
            alert = alerts.browse(self.alert_number).exists()
            if alert.state != "resolved":
                alert.write(
                    {
                        "state": "resolved",
                        "resolved_at": fields.Datetime.now(),
                        "resolution_notes": self.env._("This is well again: %s", self.title),
                    }
                )
        self.alert_number = False
        return result
