# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Policies about mail of all kinds: retention, suppression, and who may be written to."""

from odoo import models


class SppEmailRetention(models.Model):
    _name = "spp.email.retention"
    _inherit = ["spp.email.retention", "spp.email.change.mixin"]

    _gateway_kept = ("state", "company_id", "content_days", "row_days")


class SppEmailDeliveryRetention(models.Model):
    _name = "spp.email.delivery.retention"
    _inherit = ["spp.email.delivery.retention", "spp.email.change.mixin"]

    _gateway_kept = ("state", "company_id", "mail_days", "row_days")


class SppEmailSuppressionPolicy(models.Model):
    _name = "spp.email.suppression.policy"
    _inherit = ["spp.email.suppression.policy", "spp.email.change.mixin"]

    _gateway_kept = (
        "company_id",
        "soft_count",
        "soft_window_days",
        "soft_least_days",
        "learn_refusals",
        "hard_days",
        "soft_days",
        "complaint_days",
        "apply_transactional",
        "apply_mass",
        "apply_legal",
        "apply_login",
    )


class SppEmailRecipientEntry(models.Model):
    _name = "spp.email.recipient.entry"
    _inherit = ["spp.email.recipient.entry", "spp.email.change.mixin"]

    _gateway_kept = ("kind", "entry", "note", "active", "company_id")
