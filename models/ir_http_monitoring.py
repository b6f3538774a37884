# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""/metrics is the address that every scraper knows: it is ours only while no other addon has it."""

from odoo import models

METRICS = "/metrics"


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    def _generate_routing_rules(self, modules, converters):
        rules = list(super()._generate_routing_rules(modules, converters))
        is_taken = any(url == METRICS and not _is_ours(endpoint) for url, endpoint in rules)
        return (rule for rule in rules if not (is_taken and rule[0] == METRICS and _is_ours(rule[1])))


def _is_ours(endpoint):
    return bool(endpoint.routing.get("gateway_monitoring"))
