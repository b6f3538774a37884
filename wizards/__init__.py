# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from . import (
    spp_email_inbound_wizard,
    spp_email_inbound_alias,
    spp_email_inbound_answer,
    spp_email_inbound_attach,
    spp_email_inbound_discard,
    spp_email_inbound_route,
    spp_email_configuration_server,
    spp_email_dry_run,
    spp_email_explain,
    spp_email_intake_token,
    spp_email_upload,
    spp_email_folder_choice,
    spp_email_folder_choice_line,
    spp_email_start,
)
