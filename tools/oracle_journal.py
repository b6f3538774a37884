# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Copied into the generated addon of `./dev oracle --journal`: whatever Odoo's tests process goes through the journal.

Odoo's tests call message_process themselves, which is left to Odoo otherwise. Here each message is journaled and taken
through the whole pipeline, with the gateway's defaults, and the outcome is put in Odoo's words for the test.
"""

import json
import uuid

from odoo import SUPERUSER_ID, api, models
from odoo.tools import json_default

from odoo.addons.spp_email_gateway.models.mail_thread import ATTEMPT
from odoo.addons.spp_email_gateway.models.rehearsal_cursor import RehearsalCursor
from odoo.addons.spp_email_gateway.models.spp_email_journal import JournalEntry


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

    @api.model
    def message_process(
        self, model, message, custom_values=None, save_original=False, strip_attachments=False, thread_id=None
    ):
        if self.env.context.get(ATTEMPT) is not None:
            return super().message_process(model, message, custom_values, save_original, strip_attachments, thread_id)
        self.env.flush_all()
        fallback = {
            "model": model or None,
            "custom_values": custom_values,
            "save_original": save_original,
            "strip_attachments": strip_attachments,
            "thread_id": thread_id,
        }
        content = message.encode() if isinstance(message, str) else getattr(message, "data", message)
        entry = JournalEntry(
            "rpc",
            "",
            "",
            uuid.uuid4().hex,
            bytes(content),
            company_id=self.env.company.id,
            source="rpc",
            fallback=json.loads(json.dumps(fallback, default=json_default)),
        )
        mails = self.env["mail.mail"].sudo()
        last = mails.search([], order="id desc", limit=1).id or 0
        # Commits in the work become savepoints of the test's transaction.
        cursor = RehearsalCursor(self.env.cr)
        caller = api.Environment(cursor, self.env.uid, {})
        caller["spp.email.journal"].sudo()._write_entries([entry])
        system = api.Environment(cursor, SUPERUSER_ID, {})
        row_id = system["spp.email.inbound"].search([("uid", "=", entry.uid)]).id
        system.cr.execute("UPDATE spp_email_inbound SET create_uid = %s WHERE id = %s", (self.env.uid, row_id))
        row, attempt = system["spp.email.rehearsal"]._run(system, row_id)
        state, reason, detail, record_id = row.state, row.reason, row.detail, row.res_id
        self.env.invalidate_all()
        # What the gateway queues leaves at once here, as the tests look for it.
        waiting = mails.search([("id", ">", last), ("state", "=", "outgoing")])
        if waiting:
            waiting.send()
        if state == "quarantined" and reason in ("no_route", "creation_failed", "value_misfit"):
            raise ValueError(f"{reason}: {detail}")
        return record_id if state == "done" and record_id else False
