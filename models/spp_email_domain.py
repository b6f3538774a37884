# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The domains that this database sends as, each with the DNS records that it needs."""

import ipaddress

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..engine.dns_record import RECORD_STATE_WORDS
from ..engine.mail_domain import mail_domain
from ..engine.outcome import selection


class SppEmailDomain(models.Model):
    """Rows are made by what uses them (see spp_email_domain_use.py), or by hand."""

    _name = "spp.email.domain"
    _inherit = ["mail.thread"]
    _description = "Domain of Outgoing Email"
    _order = "name, id"

    name = fields.Char("Domain", required=True, copy=False, help="As after the @ of an address: your-domain.org.")
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company", copy=False, ondelete="cascade", index="btree_not_null", help="Blank: used by several or by all."
    )
    alias_domain_ids = fields.Many2many("mail.alias.domain", string="Alias Domains", readonly=True, copy=False)
    checked_date = fields.Datetime("Last Checked", readonly=True, copy=False)
    state = fields.Selection(selection(RECORD_STATE_WORDS), required=True, readonly=True, copy=False, default="new")
    known_state = fields.Selection(
        selection(RECORD_STATE_WORDS),
        required=True,
        readonly=True,
        copy=False,
        default="new",
        help="As the DNS said when it last answered.",
    )
    record_ids = fields.One2many("spp.email.domain.record", "domain_id", "DNS Records", readonly=True, copy=False)
    sending_addresses = fields.Char(
        "Public Addresses",
        help="IP addresses, with commas, that mail of your own servers comes from as others see it. Blank: those that "
        "the DNS has for the servers' names.",
    )
    selectors = fields.Char(
        "DKIM Selectors",
        help="For providers that make names of their own, such as Amazon SES, Mailgun or Postmark: what stands before "
        "._domainkey in the records that they show, with commas.",
    )
    zone = fields.Char("DNS Zone", readonly=True, copy=False, help="The domain as your DNS host shows it.")
    dns_host = fields.Char("DNS Host", readonly=True, copy=False, help="Known by its name servers.")
    dns_guide = fields.Char("How To Enter Records", readonly=True, copy=False)
    wrong_count = fields.Integer("To Correct", compute="_compute_wrong_count")

    _name_unique = models.UniqueIndex("(name)", "This domain is in the list already, perhaps archived.")

    @api.depends("record_ids.state")
    def _compute_wrong_count(self):
        for domain in self:
            domain.wrong_count = len(domain.record_ids.filtered(lambda record: record.state in ("wrong", "warning")))

    @api.constrains("sending_addresses")
    def _check_sending_addresses(self):
        for domain in self:
            for text in domain._typed(domain.sending_addresses):
                try:
                    is_public = ipaddress.ip_address(text).is_global
                except ValueError:
                    is_public = False
                if not is_public:
                    raise ValidationError(
                        self.env._(
                            "“%s” is no public IP address. Type the address that mail of your server comes from as "
                            "others see it, such as 93.184.216.34.",
                            text,
                        )
                    )

    @api.constrains("selectors")
    def _check_selectors(self):
        for domain in self:
            for text in domain._typed(domain.selectors):
                if "@" in text or not mail_domain(f"{text}.a.org"):
                    raise ValidationError(
                        self.env._(
                            "“%s” is no DKIM selector. Type what stands before ._domainkey in the name of the record.",
                            text,
                        )
                    )

    @api.model_create_multi
    def create(self, vals_list):
        domains = super().create([self._normalized(vals) for vals in vals_list])
        domains._check_other_companies("create")
        return domains

    def write(self, vals):
        done = super().write(self._normalized(vals))
        if "name" in vals or vals.get("dkim_subdomains"):
            self._check_other_companies("write")
        return done

    @api.model
    def _normalized(self, vals):
        """Return the values with the domain in its ASCII, lower-case form.

        Raises:
            ValidationError: it is no domain name.
        """
        if "name" not in vals:
            return vals
        name = mail_domain(vals["name"] or "")
        if not name:
            raise ValidationError(
                self.env._(
                    "“%s” is no domain. Type what stands after the @, such as your-domain.org.", vals["name"] or ""
                )
            )
        return {**vals, "name": name}

    @api.model
    def _typed(self, text):
        """Return the parts of a setting with commas or spaces."""
        return (text or "").replace(",", " ").replace(";", " ").split()

    def action_open_guide(self):
        """Open the page of the DNS host that says how records are entered."""
        self.ensure_one()
        self.check_access("read")
        return {"type": "ir.actions.act_url", "url": self.dns_guide, "target": "new"}
