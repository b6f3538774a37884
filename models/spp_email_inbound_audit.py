# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Who did what with a message of the journal, and which settings were changed before it came."""

from datetime import timedelta

from odoo import api, fields, models

# Settings that were changed in this time before a message are what one looks at first.
HOURS_BEFORE = 24


class SppEmailInbound(models.Model):
    _inherit = "spp.email.inbound"

    audit_ids = fields.One2many(
        "spp.email.audit",
        "res_id",
        string="Who Did What",
        domain=[("model", "=", "spp.email.inbound")],
        readonly=True,
        groups="spp_email_gateway.group_email_gateway_officer",
    )

    # What is opened leaves a row in the trail: where there is a copy of the database to read from, Odoo would try that
    # first, fail, and begin again.
    def read(self, fields=None, load="_classic_read"):
        return super().read(fields, load)

    def web_read(self, specification):
        return super().web_read(specification)

    @api.model
    def search_read(self, domain=None, fields=None, offset=0, limit=None, order=None, **read_kwargs):
        return super().search_read(domain, fields, offset, limit, order, **read_kwargs)

    @api.model
    def web_search_read(self, domain, specification, offset=0, limit=None, order=None, count_limit=None):
        return super().web_search_read(domain, specification, offset, limit, order, count_limit)

    for _method in (read, web_read, search_read, web_search_read):
        _method._readonly = False
    del _method

    def action_changes_before(self):
        """List the changes of settings in the day before the message came."""
        self.ensure_one()
        return changes_before(self, self.received_date)


class SppEmailDelivery(models.Model):
    _inherit = "spp.email.delivery"

    audit_ids = fields.One2many(
        "spp.email.audit",
        "res_id",
        string="Who Did What",
        domain=[("model", "=", "spp.email.delivery")],
        readonly=True,
        groups="spp_email_gateway.group_email_gateway_officer",
    )

    def action_changes_before(self):
        """List the changes of settings in the day before the last attempt."""
        self.ensure_one()
        return changes_before(self, self.attempt_date or self.created_date)


def changes_before(record, date):
    """Return the action that lists which settings of a record's company were changed in the day before ``date``."""
    changes = record.env["spp.email.change"]
    title = record.env._("Changes of Settings in the Day Before")
    start = date - timedelta(hours=HOURS_BEFORE)
    return changes._show(title, changes._between_domain(start, date, record.company_id))
