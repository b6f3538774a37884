# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Automation rules wake for people, and not for absence notices."""

from __future__ import annotations

from .case import SystemCase, letter

SETUP = """
model = env["ir.model"]._get("res.partner")
action = env["ir.actions.server"].create({
    "name": "Reopen", "model_id": model.id, "state": "code", "usage": "base_automation",
    "code": "record.write({'comment': (record.comment or '') + 'x'})",
})
env["base.automation"].create({
    "name": "Answered", "model_id": model.id, "trigger": "on_message_received",
    "action_server_ids": [(6, 0, action.ids)],
})
env["mail.alias.domain"].create({"name": "gateway.test", "bounce_alias": "bounce", "catchall_alias": "catchall"})
partner = env["res.partner"].create({"name": "Case", "email": "customer@remote.test"})
answer = [partner.id, partner.message_post(body="hello", subtype_xmlid="mail.mt_comment").message_id]
"""
RECEIVE = """
from odoo.addons.spp_email_gateway.engine import classify
from odoo.addons.spp_email_gateway.engine.message_kind import Classification, MessageKind
from odoo.addons.spp_email_gateway.models.spp_email_journal import JournalEntry
real = classify.classify
classify.classify = lambda content, summary: Classification(MessageKind(kind))
try:
    env["spp.email.journal"]._write_entries([JournalEntry("automatic", "INBOX", "1", kind, text.encode())])
    env.cr.commit()
    env["spp.email.lane"]._process_due()
    env.cr.commit()
finally:
    classify.classify = real
found = env["spp.email.inbound"].search([], order="id desc", limit=1)
answer = [found.state, found.reason, found.res_id, str(env["res.partner"].browse(found.res_id).comment or "")]
"""


class TestAutomatic(SystemCase):
    modules = "base_automation"

    def test_automation_rules(self):
        partner, message_id = self.ask(SETUP)
        for kind, expected in (("automatic_reply", ""), ("person", "x")):
            text = letter("An answer", sender="customer@remote.test").decode()
            text = text.replace("Subject:", f"In-Reply-To: {message_id}\r\nSubject:", 1)
            with self.subTest(kind=kind):
                state, reason, record, comment = self.ask(RECEIVE, text=text, kind=kind)
                self.assertEqual((state, reason, record), ("done", "record_updated", partner))
                self.assertEqual("x" if "x" in comment else "", expected)
