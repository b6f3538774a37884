# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from . import (
    spp_email_transaction,
    spp_email_claim_mixin,
    spp_email_lease,
    spp_email_content,
    spp_email_inbound,
    spp_email_inbound_record,
    spp_email_journal,
    spp_email_processing,
    spp_email_reading,
    spp_email_token_key,
    spp_email_notice,
    spp_email_health,
    mail_alias,
    mail_thread,
    fetchmail_server,
    ir_mail_server,
)
