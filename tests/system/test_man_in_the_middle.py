# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A man in the middle gets no password of a real Odoo: fetching, sending, buttons, Google and Microsoft."""

from __future__ import annotations

import time

from ..engine.attacker import ATTACKS, CERTIFICATES, TRICKS, Attacker
from ..engine.certificates import authority_pem
from .case import SystemCase

SECRET = "planted-Secret/42"  # noqa: S105
TOKEN = "ya29.planted-token-0123456789"  # noqa: S105

FETCH = """
from odoo.exceptions import UserError
try:
    box = env["fetchmail.server"].browse(server)
    box.button_confirm_login() if button else box.fetch_mail()
    answer = ""
except UserError as error:
    answer = str(error)
"""
SEND = """
from odoo.exceptions import UserError
out = env["ir.mail_server"].browse(server)
if button:
    try:
        out.test_smtp_connection()
        answer = ""
    except UserError as error:
        answer = str(error)
else:
    mail = env["mail.mail"].create({
        "subject": "Your case", "body_html": "<p>x</p>", "email_to": "a@remote.test", "auto_delete": False,
        "email_from": "ann@example.test", "mail_server_id": server,
    })
    env.cr.commit()
    env["mail.mail"].process_email_queue(email_ids=mail.ids)
    env.cr.commit()
    answer = mail.state
"""


class TestManInTheMiddle(SystemCase):
    def attacker(self, protocol, security, attack):
        attacker = Attacker(protocol, security, attack)
        self.addCleanup(attacker.__exit__)
        return attacker.__enter__()

    def incoming(self, attacker, **values):
        return self.mailbox(
            f"ann{attacker.port}@example.test",
            attacker.protocol,
            attacker.port,
            **{
                "password": SECRET,
                "is_ssl": attacker.security == "tls",
                "gateway_use_starttls": attacker.security == "starttls",
                "gateway_ca_certificate": authority_pem(),
                **values,
            },
        )

    def outgoing(self, attacker, **values):
        values = {
            "name": "out",
            "smtp_host": "127.0.0.1",
            "smtp_port": attacker.port,
            "smtp_encryption": "ssl_strict" if attacker.security == "tls" else "starttls_strict",
            "smtp_user": "ann@example.test",
            "smtp_pass": SECRET,
            "from_filter": "example.test",
            "gateway_ca_certificate": authority_pem(),
            **values,
        }
        return self.ask(
            "token = values.pop('token', {})\n"
            "out = env['ir.mail_server'].create(values)\n"
            "out.write(token)\n"
            "answer = out.id",
            values=values,
        )

    def go(self, attacker, server, button):
        return self.ask(SEND if attacker.protocol == "smtp" else FETCH, server=server, button=button)

    def make(self, attacker):
        return self.outgoing(attacker) if attacker.protocol == "smtp" else self.incoming(attacker)

    def test_he_would_hear_it(self):
        for protocol, security in ATTACKS:
            for button in (False, True):
                with self.subTest(protocol, security=security, button=button):
                    attacker = self.attacker(protocol, security, "")
                    self.go(attacker, self.make(attacker), button)
                    self.assertTrue(attacker.knows(SECRET), attacker.heard)

    def test_nothing_is_told(self):
        for (protocol, security), attacks in ATTACKS.items():
            for attack in attacks:
                for button in (False, True):
                    with self.subTest(protocol, security=security, attack=attack, button=button):
                        attacker = self.attacker(protocol, security, attack)
                        answer = self.go(attacker, self.make(attacker), button)
                        self.assertNotIn(answer, ("", "sent"))
                        self.assertFalse(attacker.knows(SECRET), attacker.heard)

    def tokens(self, kind):
        """The fields of Odoo's own addons, with a token that has not run out."""
        name = {"gmail": "google_gmail", "outlook": "microsoft_outlook"}[kind]
        return {
            f"{name}_refresh_token": "refresh",
            f"{name}_access_token": TOKEN,
            f"{name}_access_token_expiration": int(time.time()) + 3000,
        }

    def kinds_out(self, attacker):
        for kind in ("gmail", "outlook"):
            yield kind, {"smtp_authentication": kind, "smtp_pass": False, "token": self.tokens(kind)}
        user = self.ask(
            "answer = env['res.users'].create({'name': 'Ann', 'login': login, 'email': login}).id",
            login=f"ann{attacker.port}@example.test",
        )
        yield "personal", {"owner_user_id": user}

    def test_outgoing_google_microsoft_and_personal_servers(self):
        """Odoo insists on "encryption only" for all of them."""
        for attack in ("", *CERTIFICATES, *TRICKS):
            control = self.attacker("smtp", "starttls", attack)
            for kind, values in self.kinds_out(control):
                for button in (False, True):
                    if kind == "personal" and not button:
                        continue  # Odoo sends by it for its owner's own mail only; the way is the same
                    with self.subTest(kind, attack=attack, button=button):
                        attacker = self.attacker("smtp", "starttls", attack)
                        server = self.outgoing(attacker, smtp_encryption="starttls", **values)
                        answer = self.go(attacker, server, button)
                        self.assertIs(attacker.knows(SECRET, TOKEN), not attack, (answer, attacker.heard))
                        self.ask("env['ir.mail_server'].browse(server).unlink()", server=server)

    def test_incoming_google_and_microsoft(self):
        for attack in ("", *CERTIFICATES, "in_clear"):
            for kind in ("gmail", "outlook"):
                for button in (False, True):
                    with self.subTest(kind, attack=attack, button=button):
                        attacker = self.attacker("imap", "tls", attack)
                        # That somebody ticked "do not verify" for another kind before does not matter.
                        server = self.incoming(
                            attacker,
                            server_type=kind,
                            password=False,
                            gateway_skip_verification=True,
                            **self.tokens(kind),
                        )
                        answer = self.go(attacker, server, button)
                        self.assertIs(attacker.knows(TOKEN), not attack, (answer, attacker.heard))
