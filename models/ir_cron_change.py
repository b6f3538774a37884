# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The jobs of mail, Odoo's two and the gateway's. When one ran last, or runs next by itself, is no setting."""

from odoo import models

from .spp_email_gate_quota import QUEUE_JOB
from .spp_email_watch import FETCH_JOB

GATEWAY_MODELS = "spp.email."


class IrCron(models.Model):
    _name = "ir.cron"
    _inherit = ["ir.cron", "spp.email.change.mixin"]

    # Odoo moves the next run by SQL after each run; only people write it.
    _gateway_kept = (
        "name",
        "active",
        "interval_number",
        "interval_type",
        "nextcall",
        "priority",
        "user_id",
        "model_id",
        "state",
        "code",
    )

    def _gateway_kept_among(self, vals):
        odoos = {self.env.ref(name, raise_if_not_found=False) for name in (QUEUE_JOB, FETCH_JOB)}
        # sudo: only what it works on.
        watched = self.sudo().filtered(  # nosemgrep
            lambda job: (job.model_id.model or "").startswith(GATEWAY_MODELS) or job in odoos
        )
        return watched.with_env(self.env)

    def _gateway_change_name(self):
        return self.name
