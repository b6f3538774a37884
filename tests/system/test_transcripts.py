# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Transcripts of what a real Odoo says to Dovecot and Postfix."""

from __future__ import annotations

import base64
import re

from .case import PASSWORD, SystemCase, box, letter, wait_for
from .test_outgoing import RELAY, RELAY_PASSWORD

RECORD = """
from datetime import timedelta
from odoo import fields
env[model].browse(server)._gateway_record_until(fields.Datetime.now() + timedelta(minutes=15), False)
"""
PLANTED = "planted-content-of-a-letter"
CONTENT = f"{PLANTED} {base64.b64encode(PLANTED.encode()).decode()} {PLANTED.encode().hex()}"
SECRET = "long planted pass w\u00f6rd"  # noqa: S105


class TestTranscripts(SystemCase):
    def record(self, model, server):
        self.ask(RECORD, model=model, server=server)

    def texts(self, field, server, count=1):
        query = f"SELECT text FROM spp_email_transcript WHERE {field} = %s ORDER BY id"  # noqa: S608
        wait_for(lambda: len(self.rows(query, server)) >= count, "a transcript is kept")
        return [text for (text,) in self.rows(query, server)]

    def assert_masked(self, text, *secrets):
        for secret in (PLANTED, *secrets):
            raw = secret.encode()
            encoded = [base64.b64encode(b"\0" * before + raw).decode()[4:-4] for before in range(3)]
            for form in (secret, raw.hex(), *(form for form in encoded if len(form) > 3)):
                self.assertNotIn(form.lower(), text.lower())

    def assert_said(self, text, *patterns):
        said = [line[10:] for line in text.split("\n")]
        for pattern in patterns:
            with self.subTest(pattern=pattern):
                self.assertTrue([line for line in said if re.match(pattern, line)], text)

    def box_with(self, password):
        address = box()
        self.dovecot.add_users({address: password})
        return address

    def test_fetching_by_imap_and_pop(self):
        for protocol, ports, lines in (
            (
                "imap",
                {"is_ssl": True, "port": self.dovecot.imaps},
                (
                    r"\* Connected to 127\.0\.0\.1, port \d+\.",
                    r"\* Encrypted: TLSv1\.[23], .* The certificate is valid, for ",
                    r"< \* OK ",
                    r"> \w+ AUTHENTICATE PLAIN",
                    r"> \[secret\]",
                    r"> \w+ SELECT \"INBOX\"",
                    r"> \w+ UID SEARCH UNSEEN UNDELETED",
                    r"< \[\d+ bytes\]",
                    r"> \w+ LOGOUT",
                    r"\* The connection is closed\.",
                ),
            ),
            (
                "pop",
                {"is_ssl": False, "gateway_use_starttls": True, "port": self.dovecot.pop3},
                (r"> STLS", r"\* Encrypted: TLS", r"> RETR 1", r"< \[\d+ lines, \d+ bytes\]", r"> DELE 1", r"> QUIT"),
            ),
        ):
            address = self.box_with(PASSWORD)
            self.dovecot.deliver(address, letter(f"Subject {PLANTED}", CONTENT, sender=f"{PLANTED}@remote.test"))
            server = self.mailbox(
                address,
                protocol,
                server=self.sandbox.host,
                gateway_ca_certificate=self.sandbox.ca_certificate,
                **ports,
            )
            self.fetch(server)
            query = "SELECT id FROM spp_email_transcript WHERE fetchmail_server_id = %s"
            self.assertEqual(self.rows(query, server), [], "nobody asked for it")
            self.dovecot.deliver(address, letter(f"Subject {PLANTED}", CONTENT))
            self.record("fetchmail.server", server)
            self.fetch(server)
            (text,) = self.texts("fetchmail_server_id", server)
            self.assert_said(text, *lines)
            self.assert_masked(text)

    def test_a_wrong_password_of_any_characters(self):
        for protocol, port in (("imap", self.dovecot.imaps), ("pop", self.dovecot.pop3s)):
            server = self.mailbox(
                box(), protocol, port, server=self.sandbox.host, is_ssl=True, password=SECRET,
                gateway_ca_certificate=self.sandbox.ca_certificate,
            )  # fmt: skip
            self.record("fetchmail.server", server)
            # The transaction of the button is rolled back; the transcript stays.
            answer = self.ask(
                "from odoo.exceptions import UserError\n"
                "try:\n    env['fetchmail.server'].browse(server).button_confirm_login()\n"
                "except UserError as error:\n    answer = str(error)\nenv.cr.rollback()",
                server=server,
            )
            self.assertIn("wrong", answer)
            (text,) = self.texts("fetchmail_server_id", server)
            self.assert_masked(text, SECRET)
            self.assert_said(text, r"> .*\[secret\]", r"< .*(NO|-ERR) \[AUTH")

    def outgoing(self, port, encryption, password):
        self.ask("env['ir.mail_server'].search([]).active = False")
        return self.ask(
            "answer = env['ir.mail_server'].create(values).id",
            values={
                "name": "out",
                "smtp_host": self.sandbox.host,
                "smtp_port": port,
                "smtp_encryption": encryption,
                "smtp_user": RELAY,
                "smtp_pass": password,
                "gateway_ca_certificate": self.sandbox.ca_certificate,
            },
        )

    def test_sending(self):
        server = self.outgoing(self.postfix.submission, "starttls_strict", RELAY_PASSWORD)
        self.record("ir.mail_server", server)
        address = box()
        self.ask(
            "mails = env['mail.mail'].create([{'subject': subject, 'body_html': content, 'email_to': to,"
            " 'email_from': sender, 'auto_delete': False} for _mail in range(3)])\n"
            "env.cr.commit()\nmails.process_email_queue(email_ids=mails.ids)\n"
            # What is open in this process's pool: its end is the transcript's.
            "from odoo.addons.spp_email_gateway.models.ir_mail_server_pool import POOL\nPOOL.close_all()\n"
            "answer = mails.mapped('state')",
            subject=f"Subject {PLANTED}",
            content=f"<p>{CONTENT}</p>",
            to=address,
            sender=RELAY,
        )
        text = "\n".join(self.texts("mail_server_id", server))
        self.assert_said(
            text,
            r"< 220 ",
            r"> STARTTLS",
            r"\* Encrypted: TLS",
            r"> AUTH PLAIN \[secret\]",
            r"< 235 ",
            r"> MAIL FROM:<\*\*\*@",
            r"> RCPT TO:<\*\*\*@",
            r"> DATA",
            r"< 354 ",
            r"> \[\d+ lines, \d+ bytes\]",
            r"< 250 .*queued as",
            r"> QUIT",
        )
        self.assert_masked(text, RELAY_PASSWORD, RELAY, address.split("@")[0])
        self.assertEqual(text.count("> DATA"), 3)

    def test_a_test_that_fails_is_kept_though_its_transaction_is_rolled_back(self):
        server = self.outgoing(self.postfix.submission, "starttls_strict", SECRET)
        self.record("ir.mail_server", server)
        answer = self.ask(
            "from odoo.exceptions import UserError\n"
            "try:\n    env['ir.mail_server'].browse(server).test_smtp_connection()\n"
            "except UserError as error:\n    answer = str(error)\nenv.cr.rollback()",
            server=server,
        )
        self.assertIn("wrong", answer)
        text = "\n".join(self.texts("mail_server_id", server))
        self.assert_said(text, r"< 535 ")
        self.assert_masked(text, SECRET, RELAY)
