# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""New DKIM Key: made here, or brought along."""

from odoo import api, fields, models

from ..engine.dkim_publication import next_selector
from ..models.sealed_char import SealedChar


class SppEmailDkimNew(models.TransientModel):
    _name = "spp.email.dkim.new"
    _inherit = ["spp.email.sealed.mixin"]
    _description = "New DKIM Key"

    domain_id = fields.Many2one("spp.email.domain", required=True, readonly=True, ondelete="cascade")
    origin = fields.Selection(
        [
            ("rsa", "Make an RSA key of 2048 bits, which all receivers read"),
            ("ed25519", "Make an Ed25519 key, to sign beside the RSA key"),
            ("import", "Bring a private key along"),
        ],
        string="Key",
        required=True,
        default="rsa",
    )
    selector = fields.Char(
        required=True,
        compute="_compute_selector",
        store=True,
        readonly=False,
        precompute=True,
        help="The first part of the record's name. Each key of a domain has its own.",
    )
    private_key = SealedChar(
        "Private Key",
        help="PEM, in PKCS #1 or PKCS #8, without a passphrase. Bring along the selector under which it is published.",
    )
    is_automatic = fields.Boolean(
        "Sign as Soon as the DNS Shows It",
        default=True,
        help="Otherwise somebody has to press Start Signing once the key is published.",
    )

    @api.depends("domain_id")
    def _compute_selector(self):
        for new in self:
            new.selector = next_selector(new.domain_id.dkim_key_ids.mapped("selector"))

    def action_make(self):
        """Make the key, look whether the DNS shows it already, and open it."""
        self.ensure_one()
        self.domain_id.check_access("write")
        is_import = self.origin == "import"
        key = self.env["spp.email.dkim.key"]._prepare(
            self.domain_id,
            "rsa" if is_import else self.origin,
            selector=self.selector,
            # A blank one is refused in words.
            pem=(self._fields["private_key"].reveal(self) or " ") if is_import else "",
            is_automatic=self.is_automatic,
        )
        # What was typed is not kept a second time.
        self.private_key = False
        key._look()
        return {
            "type": "ir.actions.act_window",
            "res_model": "spp.email.dkim.key",
            "res_id": key.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }
