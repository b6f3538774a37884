# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A signed return path is proved with real servers, and the report on a message comes back to it."""

from __future__ import annotations

from tools.sandbox import DOMAIN

from .case import SystemCase, box, wait_for

DOMAIN_WITH_BOUNCES = """
values = {"name": name, "bounce_alias": alias, "catchall_alias": "catchall"}
domain = env.company.alias_domain_id
if domain:
    domain.write(values)
else:
    domain = env.company.alias_domain_id = env["mail.alias.domain"].create(values)
answer = domain.bounce_email
"""

POST = """
lead = env["crm.lead"].create({"name": "Pump"})
partners = env["res.partner"].create([{"name": to.split("@")[0], "email": to} for to in recipients])
author = env["res.partner"].create({"name": "Office", "email": sender})
answer = lead.message_post(
    body="It is being looked at.", partner_ids=partners.ids, subtype_xmlid="mail.mt_comment", message_type="comment",
    author_id=author.id, email_from=author.email_formatted,
).id
"""


class TestReturnPath(SystemCase):
    def setUp(self):
        super().setUp()
        self.rows("UPDATE ir_mail_server SET active = FALSE")
        self.address = box()
        local = self.address.partition("@")[0]
        self.assertEqual(self.ask(DOMAIN_WITH_BOUNCES, name=DOMAIN, alias=local), self.address)
        self.mailbox_id = self.mailbox(self.address, object_id=False)

    def server(self, **values):
        values = {
            "name": "out",
            "smtp_host": self.sandbox.host,
            "smtp_port": self.postfix.submission,
            "smtp_encryption": "starttls_strict",
            "smtp_user": "relay@example.test",
            "smtp_pass": "relaypw",
            "gateway_ca_certificate": self.sandbox.ca_certificate,
            **values,
        }
        return self.ask("answer = env['ir.mail_server'].create(values).id", values=values)

    def send(self, to):
        mail = self.ask(
            "answer = env['mail.mail'].create({'subject': 'x', 'body_html': 'x', 'email_to': to, 'auto_delete': False,"
            " 'email_from': sender}).id",
            to=to,
            sender=f"office@{DOMAIN}",
        )
        self.ask("env['mail.mail'].process_email_queue(email_ids=[mail])", mail=mail)
        return self.rows("SELECT state, envelope_sender FROM spp_email_delivery WHERE mail_id = %s", mail)[0]

    def test_from_the_proof_to_a_report(self):
        server = self.server()
        self.assertEqual(self.send(self.address), ("sent", self.address))
        self.ask("env['ir.mail_server'].browse(server).action_prove_return_path()", server=server)
        self.assertEqual(self.value("SELECT state FROM spp_email_return_path"), "waiting")
        # One from the plain return path, one from the signed.
        wait_for(lambda: len(self.dovecot.messages(self.address)) == 2, "the proof comes back")
        self.fetch(self.mailbox_id)
        self.assertEqual(self.value("SELECT state FROM spp_email_return_path"), "proven")
        self.assertIn(("done", "round_trip"), [row[1:] for row in self.journal(self.mailbox_id)])
        text = self.ask("answer = env['ir.mail_server'].browse(server).gateway_return_path_text", server=server)
        self.assertIn("with a signed detail for each message", text)
        # Nobody has this address: Postfix takes the message, and reports.
        state, envelope_sender = self.send(f"nobody-has-this@{DOMAIN}")
        self.assertEqual(state, "sent")
        local = self.address.partition("@")[0]
        self.assertRegex(envelope_sender, rf"^{local}\+[a-z2-7]{{40}}@{DOMAIN}$")
        wait_for(lambda: len(self.dovecot.messages(self.address)) == 3, "the report comes back")
        self.fetch(self.mailbox_id)
        self.assertEqual(self.journal(self.mailbox_id)[-1][1:], ("done", "bounce_handled"))
        # It is known whose mail came back, and why.
        row = self.rows(
            "SELECT state, reason, bounce_reason, enhanced_status, smtp_code FROM spp_email_delivery"
            " WHERE envelope_sender = %s",
            envelope_sender,
        )
        self.assertEqual(row, [("bounced", "sent_back", "address_unknown", "5.1.1", 550)])

    def test_the_envelope_of_who_is_not_there_turns_red(self):
        self.server()
        message = self.ask(POST, recipients=[f"gone@{DOMAIN}", self.address], sender=f"office@{DOMAIN}")
        self.ask("env['mail.mail'].process_email_queue()")
        # The message itself goes to the mailbox, and the report on the other recipient.
        wait_for(lambda: len(self.dovecot.messages(self.address)) == 2, "the report comes back")
        self.fetch(self.mailbox_id)
        found = dict(
            self.rows(
                "SELECT partner.email, notification.notification_status FROM mail_notification AS notification"
                " JOIN res_partner AS partner ON partner.id = notification.res_partner_id WHERE mail_message_id = %s",
                message,
            )
        )
        self.assertEqual(found, {f"gone@{DOMAIN}": "bounce", self.address: "sent"})
        counts = dict(self.rows("SELECT email, message_bounce FROM res_partner WHERE email IN (%s, %s)", *found))
        self.assertEqual(counts[f"gone@{DOMAIN}"], 1)
        self.assertFalse(counts[self.address])
        words = self.value(
            "SELECT failure_reason FROM mail_notification"
            " WHERE mail_message_id = %s AND notification_status = 'bounce'",
            message,
        )
        self.assertEqual(words, "It came back: The address does not exist.")

    def test_a_server_that_may_not_send_as_the_bounce_address(self):
        server = self.server(from_filter="other.test")
        text = self.ask("answer = env['ir.mail_server'].browse(server).gateway_return_path_text", server=server)
        self.assertIn(f"Not {self.address}: the FROM filter of this server does not name it", text)
