# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""How a domain's mail is signed: its keys, and what is wanted of them."""

from dateutil.relativedelta import relativedelta

from odoo import fields, models
from odoo.exceptions import UserError

from ..engine.dkim_private_key import USUAL_RSA
from ..engine.dns_record import NeededRecord, RecordKind
from .engine_text import EngineChar


class SppEmailDomain(models.Model):
    _name = "spp.email.domain"
    _inherit = ["spp.email.domain", "spp.email.change.mixin"]

    dkim_key_ids = fields.One2many("spp.email.dkim.key", "domain_id", string="DKIM Keys", readonly=True, copy=False)
    dkim_is_required = fields.Boolean(
        "Only Signed",
        help="Mail of this domain that cannot be signed waits until it can. Otherwise it leaves unsigned, and Health "
        "says so.",
    )
    dkim_subdomains = fields.Boolean(
        "Sign for Subdomains",
        help="Mail from addresses of subdomains is signed with this domain's key where they have none of their own. It "
        "counts for DMARC unless the policy asks for the very same domain (adkim=s).",
    )
    dkim_rotation_months = fields.Integer(
        "New Key Every (Months)",
        help="A new key is prepared after so many months, and you are asked to publish it. 0 for never.",
    )
    dkim_unsigned_date = fields.Datetime("Left Unsigned", readonly=True, copy=False)
    dkim_unsigned_text = EngineChar(readonly=True, copy=False)

    _dkim_rotation_months = models.Constraint(
        "CHECK(dkim_rotation_months BETWEEN 0 AND 120)", "A new key comes after 1 to 120 months, or never (0)."
    )

    def _needed_records(self):
        """Add the records of the keys: those that sign or shall sign, and those that mail on its way needs."""
        needed = super()._needed_records()
        for key in self.dkim_key_ids:
            if key._is_removable():
                continue
            reason = {
                "prepared": self.env._("the next key of this database"),
                "published": self.env._("the next key of this database"),
                "active": self.env._("the key that this database signs with"),
                "retired": self.env._("mail on its way that was signed with it"),
            }[key.state]
            needed.append(
                NeededRecord(
                    RecordKind.DKIM, key.record_name, key.public_value, reason, is_required=key.state == "active"
                )
            )
        return needed

    # ------------------------------------------------------------------
    # New keys
    # ------------------------------------------------------------------

    def action_new_key(self):
        """Open the dialogue that makes a key or takes one in."""
        self.ensure_one()
        self.check_access("write")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("New DKIM Key"),
            "res_model": "spp.email.dkim.new",
            "view_mode": "form",
            "target": "new",
            "context": {"default_domain_id": self.id},
        }

    def action_rotate(self):
        """Prepare the keys that take the place of those that sign."""
        self.ensure_one()
        self.check_access("write")
        # sudo: keys are made by buttons only; who presses this one was checked.
        made = self.sudo()._rotate()  # nosemgrep: odoo-sudo-without-context
        if not made:
            raise UserError(self.env._("No key signs that has no successor yet. Make a new key instead."))
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def _rotate(self, before=None):
        """Prepare a successor for each key that signs and has none; return them.

        They sign as soon as the DNS shows them, and the old ones are retired then.

        Args:
            before: only for keys that became active, or whose successor was discarded, before this time; None for all.
        """
        self.ensure_one()
        keys = self.dkim_key_ids
        made = keys.browse()
        for key in keys.filtered(lambda key: key.state == "active"):
            has_successor = keys.filtered(lambda one, key=key: one.replaces_id == key and one.state != "retired")
            if not has_successor and (before is None or key._rotated_from() < before):
                made += keys._prepare(self, key.algorithm, bits=max(key.bits, USUAL_RSA), replaces=key)
        return made

    def _rotate_when_due(self):
        self._rotate(fields.Datetime.now() - relativedelta(months=self.dkim_rotation_months))
