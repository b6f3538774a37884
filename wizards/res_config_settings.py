# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""General Settings: the applications that were registered at Google and Microsoft, as the guides name them."""

from odoo import api, fields, models

# Where google_gmail and microsoft_outlook show the client ID and secret.
ADDON_ROWS = (
    "gmail_client_identifier",
    "gmail_client_secret",
    "outlook_client_identifier",
    "outlook_client_secret",
)


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    # The fields and parameters of Odoo's google_gmail and microsoft_outlook, so that both see one registration, and it
    # can be entered without these addons.
    google_gmail_client_identifier = fields.Char("Gmail Client Id", config_parameter="google_gmail_client_id")
    google_gmail_client_secret = fields.Char("Gmail Client Secret", config_parameter="google_gmail_client_secret")
    microsoft_outlook_client_identifier = fields.Char(
        "Outlook Client Id", config_parameter="microsoft_outlook_client_id"
    )
    microsoft_outlook_client_secret = fields.Char(
        "Outlook Client Secret", config_parameter="microsoft_outlook_client_secret"
    )
    gateway_google_redirect_uri = fields.Char("Gmail Redirect URI", compute="_compute_gateway_redirect_uris")
    gateway_microsoft_redirect_uri = fields.Char("Outlook Redirect URI", compute="_compute_gateway_redirect_uris")

    @api.model
    def _get_view(self, view_id=None, view_type="form", **options):
        """Show the applications once, by the guides' words: Odoo's own addons have rows for the same values."""
        arch, view = super()._get_view(view_id, view_type, **options)
        for row in arch.xpath("//div[@id]") if view_type == "form" else ():
            if row.get("id") in ADDON_ROWS:
                row.set("invisible", "1")
        return arch, view

    def _compute_gateway_redirect_uris(self):
        credentials = self.env["spp.email.oauth"]
        for settings in self:
            settings.gateway_google_redirect_uri = credentials.new({"provider": "google"}).redirect_uri
            settings.gateway_microsoft_redirect_uri = credentials.new({"provider": "microsoft"}).redirect_uri

    def action_gateway_open_credentials(self):
        """Open the credentials that use the registered applications."""
        return self.env["ir.actions.act_window"]._for_xml_id("spp_email_gateway.action_spp_email_oauth")
