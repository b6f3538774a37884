# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Servers that were there before the addon go on working with it, and after it."""

from __future__ import annotations

import base64
import json
import os

from tools import checkout, odoo_server
from tools.report import Failure

from .case import PASSWORD, SystemCase, box, letter, wait_for

KEY = {"SPP_EMAIL_GATEWAY_KEY": base64.b64encode(bytes(range(32))).decode()}
RELAY_PASSWORD = "relaypw"

# Of Odoo's google_gmail and microsoft_outlook, which install themselves with mail.
TOKENS = tuple(
    f"{addon}_{kind}_token" for addon in ("google_gmail", "microsoft_outlook") for kind in ("refresh", "access")
)
PARAMETERS = ("google_gmail_client_secret", "microsoft_outlook_client_secret")

CONFIGURE = """
import base64, json
lead = env["ir.model"]._get("crm.lead").id
common = {"server": "127.0.0.1", "password": password, "state": "done", "object_id": lead}
mailboxes = env["fetchmail.server"].create(
    [
        {**common, "name": "plain", "server_type": "imap", "port": imap, "is_ssl": False, "user": boxes[0]},
        {**common, "name": "tls", "server_type": "imap", "port": imaps, "is_ssl": True, "user": boxes[1]},
        {**common, "name": "pop", "server_type": "pop", "port": pop3s, "is_ssl": True, "user": boxes[2]},
    ]
)
outgoing = env["ir.mail_server"].create(
    {
        "name": "out",
        "smtp_host": "localhost",
        "smtp_port": submission,
        "smtp_encryption": "starttls",
        "smtp_user": "relay@example.test",
        "smtp_pass": relay_password,
    }
)
outgoing.smtp_ssl_private_key = base64.b64encode(b"-----BEGIN PRIVATE KEY-----")
for server in mailboxes[0], outgoing:
    for name in tokens:
        server[name] = f"token {name} of {server._name}"
for key in parameters:
    env["ir.config_parameter"].set_param(key, f"secret of {key}")
env.cr.commit()
print(json.dumps({"mailboxes": mailboxes.ids, "outgoing": outgoing.id}))
"""

# Odoo's own method and ours have the same name; each server is fetched as its form's button does it.
FETCH = """
import json
for server in env["fetchmail.server"].search([]):
    server.fetch_mail()
env.cr.commit()
print(json.dumps({"leads": sorted(env["crm.lead"].search([("name", "like", like)]).mapped("name"))}))
"""

SEND = """
import json
mail = env["mail.mail"].create(
    {"subject": subject, "body_html": "x", "email_to": to, "email_from": "relay@example.test", "auto_delete": False}
)
mail.send()
env.cr.commit()
if mail.state == "outgoing":
    # With the addon it is queued.
    mail.process_email_queue(email_ids=mail.ids)
print(json.dumps({"state": mail.state, "reason": mail.failure_reason or ""}))
"""

DISCARD = """
env["spp.email.inbound"].search([("state", "=", "quarantined")]).action_discard()
env.cr.commit()
print(json.dumps(True))
"""

UNINSTALL = """
import json
env["ir.module.module"].search([("name", "=", "spp_email_gateway")]).button_immediate_uninstall()
env.cr.commit()
print(json.dumps(True))
"""


class TestLifecycle(SystemCase):
    template = "stock"

    def execute(self, code, addons, env=None, **names):
        settings = "".join(f"{name} = json.loads({json.dumps(value)!r})\n" for name, value in names.items())
        return odoo_server.execute(self.database, "import json\n" + settings + code, env=env, addons=addons)

    def passwords(self):
        return self.rows("SELECT password FROM fetchmail_server ORDER BY id") + self.rows(
            "SELECT smtp_pass FROM ir_mail_server ORDER BY id"
        )

    def others(self):
        """All other credentials, as they lie in the database."""
        columns = ", ".join(TOKENS)
        rows = self.rows(f"SELECT {columns} FROM fetchmail_server WHERE name = 'plain'")  # noqa: S608
        rows += self.rows(
            f"SELECT {columns}, convert_from(smtp_ssl_private_key, 'UTF8') FROM ir_mail_server"  # noqa: S608
        )
        rows += self.rows("SELECT value FROM ir_config_parameter WHERE key = ANY(%s) ORDER BY key", list(PARAMETERS))
        return [value for row in rows for value in row]

    def servers(self):
        """The settings that Odoo itself has, as they lie in the database."""
        return self.rows(
            'SELECT id, name, server, port, is_ssl, "user", password, server_type, object_id, state, active'
            " FROM fetchmail_server ORDER BY id"
        ) + self.rows(
            "SELECT id, name, smtp_host, smtp_port, smtp_encryption, smtp_user, smtp_pass, active"
            " FROM ir_mail_server ORDER BY id"
        )

    def outside(self, boxes):
        """What the mail servers know: every flag of every message, and all that Postfix and Dovecot have logged."""
        log = (self.dovecot.directory / "log" / "dovecot.log").read_text()
        seen = [line for line in log.splitlines() if any(address in line for address in boxes)]
        return self.postfix.log_text(), seen

    def test_install_fetch_send_uninstall_fetch_send(self):
        boxes = [box(), box(), box()]
        ports = {
            "imap": self.dovecot.imap,
            "imaps": self.dovecot.imaps,
            "pop3s": self.dovecot.pop3s,
            "submission": self.postfix.submission,
        }
        self.execute(
            CONFIGURE,
            False,
            boxes=boxes,
            password=PASSWORD,
            relay_password=RELAY_PASSWORD,
            tokens=TOKENS,
            parameters=PARAMETERS,
            **ports,
        )
        for number, address in enumerate(boxes):
            self.dovecot.fill(address, [letter(f"first {number}")])
        waiting = box()
        self.execute(
            "env['mail.mail'].create({'subject': 'queued', 'email_to': to, 'email_from': 'relay@example.test'})\n"
            "env.cr.commit()\nprint(json.dumps(True))\n",
            False,
            to=waiting,
        )
        before, others, outside = self.servers(), self.others(), self.outside(boxes)
        self.assertEqual(len(others), 11)

        with self.subTest("installing sends, fetches and flags nothing"):
            log = checkout.LOGS / f"install-{self.database}.log"
            code = odoo_server.run(self.database, ["-i", "spp_email_gateway"], log, env=KEY)
            self.assertEqual(code, 0, log.read_text()[-3000:])
            self.assertEqual(self.outside(boxes), outside)
            self.assertEqual(self.rows("SELECT state FROM mail_mail"), [("outgoing",)])
            self.assertEqual(self.value("SELECT count(*) FROM spp_email_inbound"), 0)

        with self.subTest("the credentials are sealed, and nothing else of the servers has changed"):
            stored = [password for (password,) in self.passwords()]
            self.assertEqual(len(stored), 4)
            for text in (*stored, *self.others()):
                self.assertRegex(text, r"^sealed:2:\S{40,}$")
            self.assertEqual([row[:6] for row in self.servers()], [row[:6] for row in before])
            # They send as they did, as whoever they did.
            self.assertEqual(self.rows("SELECT DISTINCT gateway_from_policy FROM ir_mail_server"), [("odoo",)])

        with self.subTest("the servers work as before"):
            found = self.execute(FETCH, True, KEY, like="first %")
            self.assertEqual(found["leads"], ["first 0", "first 1", "first 2"])
            to = box()
            self.assertEqual(self.execute(SEND, True, KEY, subject="with", to=to), {"state": "sent", "reason": ""})
            wait_for(lambda: self.dovecot.messages(to), "the mail arrives")
            with self.assertRaises(Failure):
                # Nobody gets in with the sealed text: without the key there is no password at all.
                self.execute(FETCH, True, None, like="none")

        for number, address in enumerate(boxes):
            self.dovecot.fill(address, [letter(f"second {number}")])
        self.assertTrue(self.postfix.queue_empty(10))
        outside = self.outside(boxes)

        with self.subTest("without the key uninstalling stops, and nothing is lost"):
            with self.assertRaises(Failure) as caught:
                self.execute(UNINSTALL, True, None)
            self.assertIn("cannot be opened", str(caught.exception))
            self.assertEqual([password for (password,) in self.passwords()], stored)
            self.assertFalse([text for text in self.others() if not text.startswith("sealed:2:")])
            self.assertEqual(
                self.value("SELECT state FROM ir_module_module WHERE name = 'spp_email_gateway'"), "installed"
            )

        with self.subTest("with a message in quarantine uninstalling stops"):
            self.rows("UPDATE spp_email_inbound SET state = 'quarantined' WHERE subject = 'first 0'")
            with self.assertRaises(Failure) as caught:
                self.execute(UNINSTALL, True, KEY)
            self.assertIn("1 incoming messages are unprocessed or in quarantine", str(caught.exception))
            self.assertEqual(self.passwords(), [(password,) for password in stored])
            self.execute(DISCARD, True, KEY)

        with self.subTest("uninstalling gives the credentials back, and sends, fetches and flags nothing"):
            self.execute(UNINSTALL, True, KEY)
            self.assertEqual(self.servers(), before)
            self.assertEqual(self.others(), others)
            self.assertEqual(self.outside(boxes), outside)
            self.assertEqual(self.rows("SELECT to_regclass('spp_email_inbound')"), [(None,)])

        with self.subTest("Odoo alone fetches and sends"):
            found = self.execute(FETCH, False, like="second %")
            self.assertEqual(found["leads"], ["second 0", "second 1", "second 2"])
            self.assertEqual(self.leads("first %"), ["first 0", "first 1", "first 2"])
            to = box()
            self.assertEqual(self.execute(SEND, False, subject="after", to=to), {"state": "sent", "reason": ""})
            wait_for(lambda: self.dovecot.messages(to), "the mail arrives")


class TestSealing(SystemCase):
    odoo_env = KEY

    def test_credentials_are_sealed_in_the_database_and_masked_for_clients(self):
        server = self.mailbox(box(), password="open sesame")  # noqa: S106
        stored = self.value("SELECT password FROM fetchmail_server WHERE id = %s", server)
        self.assertNotIn("open sesame", stored)
        shown = self.ask("answer = env['fetchmail.server'].browse(id).read(['password'])[0]['password']", id=server)
        self.assertNotIn("open sesame", shown)
        # The password survives a form that sends back what it was shown.
        self.ask(
            "server = env['fetchmail.server'].browse(id)\nserver.password = shown\nenv.flush_all()",
            id=server,
            shown=shown,
        )
        self.assertEqual(
            self.ask("answer = env['fetchmail.server'].browse(id)._credential().secret", id=server), "open sesame"
        )

    def test_a_copy_of_the_database_elsewhere_has_no_passwords(self):
        address = box()
        server = self.mailbox(address)
        self.dovecot.fill(address, [letter("sealed")])
        code = f"import json\ntry:\n    env['fetchmail.server'].browse({server}).fetch_mail()\nexcept Exception as e:\n"
        code += "    env.cr.rollback()\n    print(json.dumps(str(e)))\n"
        words = odoo_server.execute(self.database, code, env={"SPP_EMAIL_GATEWAY_KEY": None})
        self.assertIn("key", words)
        self.assertEqual(self.leads("sealed"), [])
        self.fetch(server)
        self.assertEqual(self.leads("sealed"), ["sealed"])
        self.assertNotIn("SPP_EMAIL_GATEWAY_KEY", os.environ)
