# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Credentials that an older state kept in clear, and notices about the mail of teams."""

from odoo import SUPERUSER_ID, api

from odoo.addons.spp_email_gateway.models.sealed_column import seal_columns


def migrate(cr, version):
    """Seal at once what the health job would come to later; give notices that are still known to their teams.

    At the end, when the addons are loaded whose columns are sealed too.
    """
    env = api.Environment(cr, SUPERUSER_ID, {})
    seal_columns(env)
    job = env.ref("spp_email_gateway.ir_cron_health", raise_if_not_found=False)
    if job and job.code == "model._check()":
        # Scheduled actions are made once; in this way two checks at once do not meet.
        job.code = "model._cron_check()"
    cr.execute(
        """
        UPDATE mail_mail AS mail SET gateway_inbound_id = notice.inbound_id
          FROM spp_email_notice AS notice
         WHERE notice.mail_id = mail.id AND mail.gateway_inbound_id IS NULL
        """
    )
    cr.execute(
        """
        UPDATE spp_email_delivery AS delivery
           SET inbound_id = inbound.id, about_mailbox_id = inbound.server_id, about_intake_id = inbound.intake_id
          FROM mail_mail AS mail JOIN spp_email_inbound AS inbound ON inbound.id = mail.gateway_inbound_id
         WHERE delivery.mail_id = mail.id AND delivery.inbound_id IS NULL
        """
    )
    for model, join in (
        ("spp.email.inbound", "SELECT id, server_id, intake_id FROM spp_email_inbound"),
        ("spp.email.delivery", "SELECT id, about_mailbox_id, about_intake_id FROM spp_email_delivery"),
    ):
        cr.execute(
            f"""
            UPDATE spp_email_audit AS audit SET about_mailbox_id = door.mailbox, about_intake_id = door.intake
              FROM ({join}) AS door (id, mailbox, intake)
             WHERE audit.model = %s AND audit.res_id = door.id AND (door.mailbox IS NOT NULL OR door.intake IS NOT NULL)
               AND audit.about_mailbox_id IS NULL AND audit.about_intake_id IS NULL
            """,  # noqa: S608 # nosec B608 - our own words
            (model,),
        )
