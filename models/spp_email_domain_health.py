# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Tells managers of a record that is wrong, and clears it once the DNS says otherwise."""

from datetime import timedelta

from odoo import api, fields, models

from ..engine.health import HealthFinding, HealthState

# A domain that was just typed in has records to be entered yet; nobody is called for that within these hours.
GRACE = timedelta(hours=24)


class SppEmailHealth(models.Model):
    _inherit = "spp.email.health"

    @api.model
    def _health_models(self):
        return [*super()._health_models(), "spp.email.domain"]


class SppEmailDomain(models.Model):
    _inherit = "spp.email.domain"

    @api.model
    def _gateway_health(self):
        """Findings about domains whose records are wrong as the DNS last said. Called by the job, which sees all."""
        findings = []
        for domain in self.search([("known_state", "=", "wrong")]):
            rows = domain.record_ids.filtered(lambda row: row.known_state == "wrong")
            was_right = any(row.right_date for row in rows)
            if not was_right and domain.create_date > fields.Datetime.now() - GRACE:
                continue
            findings.append(
                HealthFinding(
                    f"domain_{domain.id}_dns",
                    HealthState.FAILURE if was_right else HealthState.WARNING,
                    self.env._("DNS records have changed: %s", domain.name)
                    if was_right
                    else self.env._("DNS records are missing or wrong: %s", domain.name),
                    "\n".join(f"{row.display_name}: {row._known_words()[0]}" for row in rows),
                    "\n".join(filter(None, (row._known_words()[1] for row in rows))),
                    model="spp.email.domain",
                    ids=tuple(domain.ids),
                    field="record_ids",
                )
            )
        return findings
