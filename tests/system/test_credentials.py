# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Credentials in a real database: rotations that are killed, addons that come and go, a dump that is searched."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import tempfile
import threading
from pathlib import Path

from tools import checkout, odoo_server, postgresql, process
from tools.certificate import Authority
from tools.database import Databases

from .case import SystemCase, box, letter, wait_for

OLD, NEW, OTHER = (base64.urlsafe_b64encode(bytes([number]) * 32).decode() for number in (1, 2, 3))
VARIABLE = "SPP_EMAIL_GATEWAY_KEY"
TOKENS = tuple(
    f"{addon}_{kind}_token" for addon in ("google_gmail", "microsoft_outlook") for kind in ("refresh", "access")
)
PARAMETERS = ("google_gmail_client_secret", "microsoft_outlook_client_secret")
# No two are alike, so that whatever is found says which one it was.
SECRETS = {
    "mailbox": "Mailbox-Zebra-7731",
    "smtp": "relaypw",
    "typed": "Typed-Walrus-5523",
    **{name: f"Token-{number}-Ocelot-{name}" for number, name in enumerate(TOKENS)},
    **{name: f"Client-{number}-Badger-{name}" for number, name in enumerate(PARAMETERS)},
}
KEY_FILE = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49KeyOfAnArmadillo0001\n-----END PRIVATE KEY-----\n"

PLANT = """
import base64
boxes, servers = env["fetchmail.server"], env["ir.mail_server"]
box = boxes.create({"name": "in", "server": "127.0.0.1", "user": "in", "password": secrets["mailbox"]})
out = servers.create({"name": "out", "smtp_host": "mx.test", "smtp_user": "u", "smtp_pass": secrets["smtp"]})
out.smtp_ssl_private_key = base64.b64encode(key_file.encode())
for server in box + box.create({"name": "no tokens"}), out:
    for name in tokens:
        if name in server._fields:
            server[:1][name] = secrets[name]
for key in parameters:
    env["ir.config_parameter"].set_param(key, secrets[key])
env.cr.commit()
answer = [box.id, out.id]
"""
COLUMNS = {"fetchmail_server": ("password", *TOKENS), "ir_mail_server": ("smtp_pass", *TOKENS)}


class CredentialCase(SystemCase):
    def execute(self, code, env=None, *, addons=True, **names):
        settings = "".join(f"{name} = json.loads({json.dumps(json.dumps(value))})\n" for name, value in names.items())
        code = f"import json\n{settings}answer = True\n{code}\nprint(json.dumps(answer))\n"
        return odoo_server.execute(self.database, code, env=env, addons=addons)

    def stored(self, tokens=TOKENS):
        """Return {place: value} of all credentials as they lie in the database."""
        found = {}
        for table, columns in COLUMNS.items():
            for column in columns:
                if column in tokens or column not in TOKENS:
                    rows = self.rows(f"SELECT id, {column} FROM {table} WHERE {column} <> ''")  # noqa: S608
                    found.update({(table, column, number): value for number, value in rows})
        for number, value in self.rows("SELECT id, smtp_ssl_private_key FROM ir_mail_server"):
            if value:
                found["ir_mail_server", "smtp_ssl_private_key", number] = bytes(value).decode()
        query = "SELECT key, value FROM ir_config_parameter WHERE key = ANY(%s)"
        for key, value in self.rows(query, list(PARAMETERS)):
            found["ir_config_parameter", key, 0] = value
        return found

    def installed(self, name):
        return self.value("SELECT state FROM ir_module_module WHERE name = %s", name) == "installed"

    def uninstall(self, module, key, addons=True):
        self.execute(
            "env['ir.module.module'].search([('name', '=', module)]).button_immediate_uninstall()\nenv.cr.commit()",
            {VARIABLE: key},
            addons=addons,
            module=module,
        )

    def assert_sealed(self, stored, count):
        self.assertEqual(len(stored), count, sorted(stored))
        for place, value in stored.items():
            self.assertRegex(value, r"^sealed:2:[0-9a-f]{8}:\S+$", place)


class TestKeyRotation(CredentialCase):
    odoo_env = {VARIABLE: OLD}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.console.ask(
            "for number in range(4):\n"
            "    env['fetchmail.server'].create({'name': 'box', 'server': 'mx.test', 'user': f'u{number}',"
            " 'password': f'Secret-{number}'})\n"
            "    env['ir.mail_server'].create({'name': 'out', 'smtp_host': 'mx.test', 'smtp_user': 'u',"
            " 'smtp_pass': f'Secret-{number}'})\n"
            "env['ir.config_parameter'].set_param('google_gmail_client_secret', 'Secret-9')\n"
            "env['spp.email.health']._check()"
        )

    def command(self, word, keys):
        """Run the command to its end; return (exit code, what it printed about this database)."""
        log = checkout.LOGS / f"key-{self.database}.log"
        log.unlink(missing_ok=True)
        running = odoo_server.start_command(self.database, "spp_email_key", word, log=log, env={VARIABLE: keys})
        self.addCleanup(odoo_server.kill_group, running)
        code = running.wait(60)
        printed = log.read_text()
        for secret in ("Secret-", OLD, NEW):
            self.assertNotIn(secret, printed)
        return code, [line for line in printed.splitlines() if line.startswith(self.database)]

    def names(self):
        """Return the keys' names of all credentials, by how many there are."""
        names = [value.split(":")[2] for value in self.stored().values()]
        names += [value.split(":")[2] for (value,) in self.rows("SELECT material FROM spp_email_token_key")]
        return {name: names.count(name) for name in set(names)}

    def opened(self, keys):
        return self.execute(
            "boxes = env['fetchmail.server'].search([('user', '=like', 'u_')], order='id')\n"
            "answer = [box._credential().secret for box in boxes]\n"
            "servers = env['ir.mail_server'].search([('smtp_user', '=', 'u')], order='id')\n"
            "answer += [server._credential().secret for server in servers]\n"
            "from odoo.addons.spp_email_gateway.models.sealed_field import revealing\n"
            "answer.append(revealing(env['ir.config_parameter']).get_param('google_gmail_client_secret'))",
            {VARIABLE: keys},
        )

    def test_it_is_killed_in_the_middle_and_run_again(self):
        secrets = [f"Secret-{number}" for number in range(4)] * 2 + ["Secret-9"]
        (old,) = self.names()
        total = self.names()[old]

        code, printed = self.command("status", OLD)
        self.assertEqual((code, printed), (0, [f"{self.database}: {total} with key {old} (seals)"]))

        with self.subTest("killed while it waits for a row that somebody else holds"):
            second = self.value("SELECT id FROM fetchmail_server ORDER BY id OFFSET 1 LIMIT 1")
            holder = self.hold_with(f"SELECT id FROM fetchmail_server WHERE id = {second} FOR UPDATE")
            log = checkout.LOGS / f"key-{self.database}.log"
            ring = f"{NEW},{OLD}"
            running = odoo_server.start_command(self.database, "spp_email_key", "rotate", log=log, env={VARIABLE: ring})
            self.addCleanup(odoo_server.kill_group, running)
            wait_for(self.waiters, "the command waits for the row")
            odoo_server.kill_group(running)
            holder.rollback()
            names = self.names()
            self.assertEqual(len(names), 2, names)
            self.assertEqual(sum(names.values()), total)
            # Whatever is configured on the way opens all of it.
            self.assertEqual(self.opened(f"{NEW},{OLD}"), secrets)
            self.assertEqual(self.opened(f"{OLD},{NEW}"), secrets)
            code, printed = self.command("status", OLD)
            self.assertEqual(code, 1)
            self.assertIn("THAT CANNOT BE OPENED", "\n".join(printed))

        with self.subTest("a row that stays held is left, and said"):
            holder = self.hold_with(f"SELECT id FROM fetchmail_server WHERE id = {second} FOR UPDATE")
            code, printed = self.command("rotate", f"{NEW},{OLD}")
            holder.rollback()
            self.assertEqual(code, 1)
            self.assertRegex(printed[-1], ": 1 were left. Run the command again.$")
            self.assertEqual(self.names()[old], 1)

        with self.subTest("the next run finishes"):
            code, printed = self.command("rotate", f"{NEW},{OLD}")
            (new,) = self.names()
            self.assertEqual(code, 0, printed)
            self.assertEqual(
                printed,
                [
                    f"{self.database}: 1 credentials sealed anew.",
                    f"{self.database}: {total} with key {new} (seals)",
                    f"{self.database}: 0 with key {old} (opens)",
                ],
            )
            self.assertEqual(self.opened(NEW), secrets)
            self.assertEqual(
                self.value("SELECT value FROM ir_config_parameter WHERE key = 'spp_email_gateway.sealed_with'"), new
            )

        with self.subTest("a lost key is said, and nothing is touched"):
            before = self.stored()
            code, printed = self.command("rotate", OTHER)
            self.assertEqual(code, 1)
            self.assertIn(f"{total} with key {new} (not configured) THAT CANNOT BE OPENED", "\n".join(printed))
            self.assertEqual(self.stored(), before)
            code, printed = self.command("rotate", "")
            self.assertEqual(code, 1)
            self.assertIn("no credential key is configured", "\n".join(printed))
            code, printed = self.command("status", "")
            self.assertEqual(code, 1)

    def test_it_makes_a_key_and_says_how_it_is_called(self):
        log = checkout.LOGS / f"key-{self.database}-new.log"
        log.unlink(missing_ok=True)
        running = odoo_server.start_command(self.database, "spp_email_key", "new", log=log)
        self.assertEqual(running.wait(60), 0)
        (key,) = (line for line in log.read_text().splitlines() if len(line) == 44)
        self.assertEqual(len(base64.urlsafe_b64decode(key)), 32)
        running = odoo_server.start_command(self.database, "spp_email_key", "nonsense", log=log)
        self.assertEqual(running.wait(60), 1)
        self.assertIn("odoo spp_email_key new, or odoo spp_email_key status|rotate", log.read_text())


class TestOtherAddonsFirst(CredentialCase):
    """google_gmail and microsoft_outlook, which install themselves with mail, were there before the gateway."""

    template = "stock"

    def test_install_seals_what_is_there_and_uninstall_gives_it_back(self):
        planted = {"secrets": SECRETS, "tokens": TOKENS, "parameters": PARAMETERS, "key_file": KEY_FILE}
        self.execute(PLANT, addons=False, **planted)
        before = self.stored()
        self.assertEqual(len(before), 1 + 4 + 1 + 4 + 1 + 2)
        self.assertFalse([value for value in before.values() if value.startswith("sealed:")])

        Databases().add(self.database, "spp_email_gateway", env={VARIABLE: OLD})
        stored = self.stored()
        self.assert_sealed(stored, len(before))
        self.assertEqual(stored.keys(), before.keys())

        with self.subTest("the other addons update, and all stays sealed"):
            log = checkout.LOGS / f"update-{self.database}.log"
            modules = ["-u", "google_gmail,microsoft_outlook"]
            self.assertEqual(odoo_server.run(self.database, modules, log, env={VARIABLE: OLD}), 0)
            self.assertEqual(self.stored(), stored)

        with self.subTest("one of them goes, with what was its own"):
            self.uninstall("google_gmail", OLD)
            left = [name for name in TOKENS if name.startswith("microsoft")]
            self.assertEqual(
                self.rows(
                    "SELECT column_name FROM information_schema.columns WHERE column_name LIKE 'google_gmail%%token'"
                ),
                [],
            )
            self.assertTrue(self.installed("spp_email_gateway"))
            self.assert_sealed(self.stored(left), 1 + 2 + 1 + 2 + 1 + 2)

        with self.subTest("uninstalling gives back what is left"):
            self.uninstall("spp_email_gateway", OLD)
            self.assertFalse(self.installed("spp_email_gateway"))
            self.assertEqual(
                self.stored(left), {place: value for place, value in before.items() if "google_gmail_r" not in place[1]
                                    and "google_gmail_a" not in place[1]}
            )


class TestOtherAddonsLater(CredentialCase):
    """google_gmail and microsoft_outlook come to a database that has the gateway."""

    template = "stock"

    def test_their_columns_are_sealed_from_the_first_value_on(self):
        for module in ("microsoft_outlook", "google_gmail"):
            self.uninstall(module, OLD, addons=False)
        Databases().add(self.database, "spp_email_gateway", env={VARIABLE: OLD})
        self.assertEqual(
            self.rows("SELECT column_name FROM information_schema.columns WHERE column_name = ANY(%s)", list(TOKENS)),
            [],
        )
        Databases().add(self.database, "google_gmail,microsoft_outlook", env={VARIABLE: OLD})
        self.execute(
            PLANT, {VARIABLE: OLD}, secrets=SECRETS, tokens=TOKENS, parameters=PARAMETERS, key_file=KEY_FILE
        )
        stored = self.stored()
        self.assert_sealed(stored, 13)
        shown = self.execute(
            "answer = [[server.read(tokens)[0][name] for name in tokens] for server in"
            " (env['fetchmail.server'].search([('name', '=', 'in')]), env['ir.mail_server'].search([]))]",
            {VARIABLE: OLD},
            tokens=TOKENS,
        )
        self.assertEqual({value for values in shown for value in values}, {"••••••••"})
        self.uninstall("spp_email_gateway", OLD)
        clear = {**SECRETS, "password": SECRETS["mailbox"], "smtp_pass": SECRETS["smtp"]}
        clear["smtp_ssl_private_key"] = base64.b64encode(KEY_FILE.encode()).decode()
        self.assertEqual(self.stored(), {place: clear[place[1]] for place in stored})
        # Odoo's own code finds them there.
        found = self.execute(
            "server = env['fetchmail.server'].search([('name', '=', 'in')])\n"
            "answer = [server[name] for name in tokens]"
            " + [env['ir.config_parameter'].get_param(key) for key in parameters]",
            addons=False,
            tokens=TOKENS,
            parameters=PARAMETERS,
        )
        self.assertEqual(found, [SECRETS[name] for name in (*TOKENS, *PARAMETERS)])


class TestDump(CredentialCase):
    """Whoever gets a backup has no password."""

    odoo_env = {VARIABLE: OLD}

    def dump(self):
        """Return the database as pg_dump writes it, and all files of its filestore, as bytes."""
        variables = Databases().cluster.environment
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "dump.sql"
            process.run(
                [postgresql.find_binaries() / "pg_dump", "-f", file, self.database], "dump", timeout=120, env=variables
            )
            dump = file.read_bytes()
        files = odoo_server.DATA / "filestore" / self.database
        return dump + b"\n".join(path.read_bytes() for path in files.rglob("*") if path.is_file())

    def found(self, secrets):
        dump = self.dump()
        # Bytes of a table are written in hex, and no more than that is searched for a letter of either case.
        dump += dump.lower()
        return sorted(name for name, secret in secrets.items() if any(form in dump for form in forms(secret)))

    def test_no_secret_that_was_used_is_in_a_dump(self):
        address, to = box(), box()
        self.dovecot.add_users({address: SECRETS["mailbox"]})
        self.ask(
            PLANT, secrets=SECRETS, tokens=TOKENS, parameters=PARAMETERS, key_file=KEY_FILE
        )
        self.ask("env['ir.mail_server'].search([]).active = False\nenv['fetchmail.server'].search([]).active = False")
        mailbox = self.mailbox(address, password=SECRETS["mailbox"])
        self.ask(
            "env['ir.mail_server'].create({'name': 'relay', 'smtp_host': 'localhost', 'smtp_port': port,"
            " 'smtp_encryption': 'starttls', 'smtp_user': 'relay@example.test', 'smtp_pass': password})",
            port=self.postfix.submission,
            password=SECRETS["smtp"],
        )
        with self.subTest("they are used"):
            self.dovecot.fill(address, [letter("to be dumped")])
            self.fetch(mailbox)
            self.assertEqual(self.leads("to be dumped"), ["to be dumped"])
            mail = self.ask(
                "answer = env['mail.mail'].create({'subject': 'out', 'body_html': 'x', 'email_to': to,"
                " 'email_from': 'relay@example.test', 'auto_delete': False}).id",
                to=to,
            )
            self.ask("env['mail.mail'].process_email_queue(email_ids=[id])", id=mail)
            state = self.rows("SELECT state, failure_reason FROM mail_mail WHERE id = %s", mail)
            self.assertEqual(state, [("sent", None)], self.rows("SELECT * FROM spp_email_delivery"))
            # A login that is refused, and what is typed into General Settings.
            wrong = self.mailbox(box(), password=SECRETS["typed"])
            self.ask(
                "from odoo.exceptions import UserError\n"
                "try:\n    env['fetchmail.server'].browse(id).fetch_mail()\nexcept UserError as error:\n    pass",
                id=wrong,
            )
            self.ask(
                "env['res.config.settings'].create({key: secrets[key] for key in keys}).set_values()",
                secrets=SECRETS,
                keys=PARAMETERS,
            )
        secrets = {**SECRETS, "key_file": KEY_FILE[30:60]}
        self.assertEqual(self.found(secrets), [])

        with self.subTest("the search finds them where they are"):
            self.ask(
                "from odoo.addons.spp_email_gateway.models.sealed_column import open_columns\nopen_columns(env)"
            )
            self.assertEqual(self.found(secrets), sorted(secrets))


def forms(secret):
    """Return the ways in which a secret could stand in a dump: as it is, base64 at each offset, and both in hex."""
    raw = secret.encode()
    ways = [raw]
    for offset in range(3):
        text = base64.b64encode(b"\0" * offset + raw)
        # Without the characters that neighbours have a part in.
        ways.append(text[4 if offset else 0 : -4])
    ways += [way.hex().encode() for way in ways]
    return [way for way in ways if len(way) > 5]


class CertificateServer:
    """An SMTP server that takes nobody without the client certificate it knows, from the first byte on.

    Attributes:
        port: on 127.0.0.1.
        names: common names of the certificates that logged in.
    """

    def __init__(self, authority, client_certificate):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(authority.certificate_path, authority.key_path)
        self._context.load_verify_locations(client_certificate)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.names = []

    def serve_one(self):
        self._listener.settimeout(60)
        connection, _address = self._listener.accept()
        connection.settimeout(60)
        with self._context.wrap_socket(connection, server_side=True) as session, session.makefile("rwb") as stream:
            # TLS 1.3 tells a client without certificate only after its own handshake.
            self.names.append(dict(part[0] for part in session.getpeercert()["subject"])["commonName"])
            stream.write(b"220 ready\r\n")
            stream.flush()
            for line in stream:
                stream.write(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 ok\r\n")
                stream.flush()
        self._listener.close()


class TestCertificateLogin(CredentialCase):
    """Odoo's own code opens the connection with the sealed private key."""

    odoo_env = {VARIABLE: OLD}

    def test_a_server_that_wants_a_certificate_gets_one(self):
        with tempfile.TemporaryDirectory() as directory:
            folder = Path(directory)
            key, certificate = folder / "client.key", folder / "client.pem"
            process.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
                + ["-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=the-odoo"],
                "make a client certificate",
                timeout=30,
            )
            server = CertificateServer(Authority(folder / "server").ensure(), certificate)
            files = [base64.b64encode(path.read_bytes()).decode() for path in (certificate, key)]
        thread = threading.Thread(target=server.serve_one, daemon=True)
        thread.start()
        mail_server = self.ask(
            "answer = env['ir.mail_server'].create({'name': 'certified', 'smtp_host': '127.0.0.1', 'smtp_port': port,"
            " 'smtp_encryption': 'ssl', 'smtp_authentication': 'certificate', 'smtp_ssl_certificate': files[0],"
            " 'smtp_ssl_private_key': files[1]}).id",
            port=server.port,
            files=files,
        )
        stored = self.value("SELECT smtp_ssl_private_key FROM ir_mail_server WHERE id = %s", mail_server)
        self.assertRegex(bytes(stored), b"^sealed:2:")
        self.ask(
            "session = env['ir.mail_server']._connect__(mail_server_id=id)\nanswer = session.noop()[0]\nsession.quit()",
            id=mail_server,
        )
        thread.join(10)
        self.assertEqual(server.names, ["the-odoo"])
