# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the gateway signs is verified by OpenDKIM and dkimpy once it has passed Postfix, whichever way it left."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import dkim

from tools import opendkim
from tools.sandbox import DOMAIN

from ..engine.name_server import NameServer
from .case import SystemCase, box, wait_for

KEYS = """
env["ir.config_parameter"].set_param("spp_email_gateway.dns_servers", dns)
domain = env["spp.email.domain"].search([("name", "=", name)]) or env["spp.email.domain"].create({"name": name})
keys = [env["spp.email.dkim.key"]._prepare(domain, algorithm) for algorithm in ("rsa", "ed25519")]
answer = domain.id, {key.record_name: key.public_value for key in keys}
"""
LOOK = """
keys = env["spp.email.domain"].browse(domain).dkim_key_ids
keys._look()
answer = sorted((key.selector, key.state, key.is_signing) for key in keys)
"""
MAIL = """
mail = env["mail.mail"].create({
    "subject": "Grüße %s" % to, "body_html": "<p>Zoë  sees\\u00a0it.</p>" + "<p>x</p>" * 200, "email_to": to,
    "email_from": "Office <office@%s>" % name, "auto_delete": False,
    "attachment_ids": [(0, 0, {"name": "ä.txt", "raw": b"a  \\n.\\n" * 500})],
})
if at_once:
    mail.send(raise_exception=True)
answer = mail.id
"""
KEPT = """
content = env["spp.email.sent.content"].search([("recipients", "=", to)])
answer = content._load().decode("ascii")
"""
BOTH = [("rsa-sha256", "pass"), ("ed25519-sha256", "pass")]


def strings(text):
    """Return a TXT record's value as a zone file has it."""
    return " ".join(f'"{text[start : start + 255]}"' for start in range(0, len(text), 255))


class TestDkim(SystemCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        opendkim.install()
        folder = TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.zone = {}
        server = NameServer(cls.zone)
        cls.enterClassContext(server)
        resolver = server.resolver()
        cls.domain, cls.records = cls.console.ask(KEYS, dns=f"127.0.0.1:{resolver.port}", name=DOMAIN)
        cls.console.ask(
            "env['ir.mail_server'].search([]).active = False\nanswer = env['ir.mail_server'].create(values).id",
            values={
                "name": "out",
                "smtp_host": cls.sandbox.host,
                "smtp_port": cls.postfix.submission,
                "smtp_encryption": "starttls_strict",
                "smtp_user": "relay@example.test",
                "smtp_pass": "relaypw",
                "gateway_ca_certificate": cls.sandbox.ca_certificate,
                "gateway_keep_sent": "all",
            },
        )

    def publish(self, is_there=True):
        self.zone.clear()
        if is_there:
            self.zone.update({(name, "TXT"): [strings(text)] for name, text in self.records.items()})
        return self.ask(LOOK, domain=self.domain)

    def arrived(self, to):
        ((_uid, _flags, content),) = wait_for(lambda: self.dovecot.messages(to), "the mail arrives")
        return content

    def hand_over(self, to, at_once=False):
        mail = self.ask(MAIL, to=to, name=DOMAIN, at_once=at_once)
        if not at_once:
            self.ask("env['mail.mail'].process_email_queue(email_ids=[mail])", mail=mail)
        return self.rows("SELECT state, reason FROM spp_email_delivery WHERE recipient = %s", to)

    def send(self, to, at_once=False):
        self.assertEqual(self.hand_over(to, at_once), [("sent", "accepted")])
        return self.arrived(to)

    def by_dkimpy(self, content):
        """Return what dkimpy says of the RSA signature; it reads Ed25519 only with a library that is not here."""
        return dkim.verify(content, dnsfunc=lambda name, timeout=5: self.records[name.decode().rstrip(".")].encode())

    def test_from_the_key_to_the_mailbox(self):
        self.assertEqual(self.publish(False), [["odoo", "prepared", False], ["odoo2", "prepared", False]])
        content = self.send(box())
        self.assertNotIn(b"DKIM-Signature", content)

        # Published: both keys sign, in the queue and within a request.
        self.assertEqual(self.publish(), [["odoo", "active", True], ["odoo2", "active", True]])
        for at_once in (False, True):
            with self.subTest(at_once=at_once):
                to = box()
                content = self.send(to, at_once)
                self.assertEqual(opendkim.verdicts(self.folder, content, self.records), BOTH)
                self.assertTrue(self.by_dkimpy(content))
                altered = content.replace(b"\nSubject: ", b"\nSubject: x", 1)
                self.assertEqual(
                    {word for _name, word in opendkim.verdicts(self.folder, altered, self.records)}, {"fail"}
                )
                if not at_once:
                    # What is kept of it is what was signed.
                    kept = self.ask(KEPT, to=to).encode()
                    self.assertEqual(opendkim.verdicts(self.folder, kept, self.records), BOTH)
                    self.assertEqual(kept.partition(b"\r\nReply-To")[0].count(b"DKIM-Signature"), 2)

        # The records went away: nobody could verify, so nothing is signed, and the mail arrives all the same.
        self.assertEqual({state for _name, _state, state in self.publish(False)}, {False})
        self.assertNotIn(b"DKIM-Signature", self.send(box()))

        # Unless the domain wants only signed mail: it waits, and goes when the record is back.
        self.ask("env['spp.email.domain'].browse(domain).dkim_is_required = True", domain=self.domain)
        to = box()
        self.assertEqual(self.hand_over(to), [("deferred", "not_signed")])
        self.assertFalse(self.dovecot.messages(to))
        self.publish()
        self.rows("UPDATE mail_mail SET scheduled_date = now() - interval '1 day' WHERE scheduled_date IS NOT NULL")
        self.rows("UPDATE spp_email_delivery SET next_attempt_date = NULL WHERE next_attempt_date IS NOT NULL")
        self.ask("env['mail.mail'].process_email_queue()")
        self.assertEqual(opendkim.verdicts(self.folder, self.arrived(to), self.records), BOTH)
