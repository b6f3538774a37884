# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Copies of a database with waiting mail, run as real servers: the original's mail servers never hear of them.

Each way to copy a database is tried with every way out. What proves it is on the other side: connections, counted by
proxies in front of Dovecot and an SMTP sink, and questions to a name server.
"""

from __future__ import annotations

import os
import smtplib
import socket
import subprocess
import threading
import urllib.error
import urllib.request

from tools import checkout, odoo_server, postgresql, process
from tools.database import Databases
from tools.odoo_server import OdooServer
from tools.proxy import Proxy
from tools.smtp_sink import SmtpSink

from ..engine.signed import signed
from .case import PASSWORD, SystemCase, box, letter, wait_for

SET_UP = """
import json
env["ir.config_parameter"].set_param("spp_email_gateway.dns_servers", f"127.0.0.1:{dns}")
env["ir.mail_server"].search([]).active = False
out = env["ir.mail_server"].create({
    "name": "out", "smtp_host": "127.0.0.1", "smtp_port": smtp, "smtp_encryption": "none",
    "from_filter": "example.test"})
lead = env["ir.model"]._get("crm.lead").id
box = env["fetchmail.server"].create({
    "name": "in", "server_type": "imap", "server": "127.0.0.1", "port": imap, "user": user, "password": password,
    "is_ssl": False, "gateway_use_starttls": False, "state": "done", "object_id": lead, "gateway_start": "everything"})
domain = env["mail.alias.domain"].create({"name": "copies.test", "bounce_alias": "b", "catchall_alias": "c"})
env["mail.alias"].create({"alias_name": "help", "alias_domain_id": domain.id, "alias_contact": "everyone",
                          "alias_model_id": lead})
intake = env["spp.email.intake"].create({"name": "Door"})
token = intake.action_renew_token()["context"]["default_token"]
# Mail that waits in both directions, and a notice that was queued.
env["mail.mail"].create([
    {"subject": f"Waits {n}", "body_html": "x", "email_from": "office@example.test", "email_to": f"w{n}@remote.test"}
    for n in range(3)])
env.cr.commit()
from odoo.addons.spp_email_gateway.models.spp_email_journal import JournalEntry
env["spp.email.journal"]._write_entries([
    JournalEntry("c" * 32, "INBOX", "1", "1", content.encode(), server_id=box.id, company_id=env.company.id)])
env.cr.commit()
print(json.dumps({"out": out.id, "box": box.id, "intake": intake.id, "token": token}))
"""

# Every way out that a person or a program may press. Each may refuse or do nothing; what counts is who hears of it.
WAYS_OUT = """
import json
from odoo import fields
env["ir.mail_server"].with_context(active_test=False).search([("smtp_host", "!=", "invalid")]).active = wakes
env["fetchmail.server"].with_context(active_test=False).search([]).active = wakes
out, box = env["ir.mail_server"].browse(ids["out"]), env["fetchmail.server"].browse(ids["box"])
mail = {"subject": "S", "body_html": "x", "email_from": "office@example.test", "email_to": "n@remote.test"}
def new():
    return env["mail.mail"].create(dict(mail))
def test_mail():
    action = out.action_send_test_mail()
    wizard = env[action["res_model"]].with_context(action.get("context") or {}).create({"recipient": "t@remote.test"})
    wizard.action_send()
def notify():
    partner = env["res.partner"].create({"name": "P", "email": "p@remote.test"})
    lead = env["crm.lead"].create({"name": "L"})
    lead.message_post(body="B", partner_ids=partner.ids, subtype_xmlid="mail.mt_comment")
    env.cr.commit()
def raw():
    servers = env["ir.mail_server"]
    email = servers._build_email__("office@example.test", ["r@remote.test"], "S", "T")
    servers.send_email(email, mail_server_id=out.id)
def by_hand():
    rows = env["spp.email.inbound"].search([("state", "=", "received")])
    rows._send_on("Retry")
ways = {
    "queue": lambda: env["mail.mail"].process_email_queue(),
    "send": lambda: new().send(),
    "send and raise": lambda: new().send(raise_exception=True),
    "send now": lambda: env["spp.email.delivery"].search([])._hurry(),
    "past the queue": raw,
    "Odoo's session": lambda: env["ir.mail_server"]._connect__(mail_server_id=out.id),
    "test mail": test_mail,
    "notification": notify,
    "reset": lambda: env.ref("base.user_admin").action_reset_password(),
    "test connection": lambda: out.test_smtp_connection(),
    "return path": lambda: out.action_prove_return_path(),
    "round trip": lambda: (
        env["spp.email.round.trip"].create({"server_id": out.id, "mailbox_id": box.id}).action_send()),
    "fetch now": lambda: box.fetch_mail(),
    "fetch job": lambda: env["fetchmail.server"]._fetch_mails(),
    "test and confirm": lambda: box.button_confirm_login(),
    "Odoo's connection": lambda: box._connect__(),
    "folders": lambda: box.action_gateway_choose_folders(),
    "start": lambda: box.action_gateway_start(),
    "comparison": lambda: box.action_gateway_compare(),
    "watch": lambda: env["spp.email.watch"]._watched(),
    "process by hand": by_hand,
}
told = {}
for name, way in ways.items():
    try:
        told[name] = f"done {way()}"
        env.cr.commit()
    except Exception as error:
        told[name] = f"{type(error).__name__}: {error}"
        env.cr.rollback()
print(json.dumps(told))
"""

JOBS = "UPDATE ir_cron SET active = TRUE, nextcall = now() AT TIME ZONE 'UTC' - interval '1 minute'"
BEFORE_THE_END = """
import json
env["spp.email.binding"]._bind()
env.cr.commit()
env["mail.mail"].process_email_queue()
env["fetchmail.server"].browse(ids["box"]).fetch_mail()
env["spp.email.lane"]._process_due()
env.cr.commit()
print(json.dumps(True))
"""


class NameServer(threading.Thread):
    """A port that counts questions and answers none."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.questions = 0

    def run(self):
        while True:
            try:
                self.socket.recvfrom(4096)
            except OSError:
                return
            self.questions += 1


class TestDatabaseCopies(SystemCase):
    template = "stock"  # the class's own database is not used

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.databases = Databases()
        cls.dns = NameServer()
        cls.dns.start()
        cls.addClassCleanup(cls.dns.socket.close)
        cls.sink = SmtpSink(keep=True).start()
        cls.addClassCleanup(cls.sink.stop)
        cls.address = box()
        cls.imap, cls.smtp = Proxy(cls.dovecot.imap), Proxy(cls.sink.port)
        for proxy in (cls.imap, cls.smtp):
            proxy.__enter__()
            cls.addClassCleanup(proxy.__exit__, None, None, None)
        cls.dovecot.deliver(cls.address, letter("Unread"))
        cls.original = cls.databases.create(f"sys_original_{os.getpid()}", "gateway")
        cls.addClassCleanup(cls.databases.drop, cls.original)
        cls.ids = cls.run_in(
            cls.original,
            SET_UP,
            dns=cls.dns.port,
            smtp=cls.smtp.port,
            imap=cls.imap.port,
            user=cls.address,
            password=PASSWORD,
            # Its signature makes a question to the signer's name server.
            content=signed().decode(),
        )

    @classmethod
    def run_in(cls, database, code, **names):
        return odoo_server.execute(database, f"globals().update({names!r})\n{code}")

    def setUp(self):
        super().setUp()
        self.before = self.heard()

    def heard(self):
        """What the outside world has heard so far."""
        return self.imap.connections, self.smtp.connections, self.sink.count, self.dns.questions

    # The ways to copy

    def program(self, name, *arguments, **options):
        return process.run(
            [postgresql.find_binaries() / name, *arguments],
            f"run {name}",
            timeout=120,
            env=self.databases.cluster.environment,
            **options,
        )

    def by_template(self, name):
        self.program("createdb", "-T", self.original, name)

    def by_dump(self, name):
        dump = subprocess.run(
            [postgresql.find_binaries() / "pg_dump", "-Fc", self.original],
            env=process.environment(self.databases.cluster.environment),
            capture_output=True,
            timeout=120,
            check=True,
        ).stdout
        self.program("createdb", "-T", "template0", name)
        subprocess.run(
            [postgresql.find_binaries() / "pg_restore", "--no-owner", "-d", name],
            env=process.environment(self.databases.cluster.environment),
            input=dump,
            timeout=120,
            check=True,
        )

    def by_odoo(self, name, neutralize=False):
        # In a process that is connected to another database: Odoo cuts all connections to the original.
        self.run_in(
            self.database,
            "import json\nfrom odoo.service import db\nfrom odoo.tools import config\nconfig['list_db'] = True\n"
            "print(json.dumps(db.exp_duplicate_database(original, name, neutralize)))",
            original=self.original,
            name=name,
            neutralize=neutralize,
        )

    def by_odoo_neutralized(self, name):
        self.by_odoo(name, neutralize=True)

    # What is done with a copy

    def keeps_to_itself(self, copy, wakes):
        """Do everything in a copy that could reach a server, and look who heard of it.

        Args:
            wakes: whether somebody switches servers on again that the copying switched off.
        """
        name = f"sys_copy_{copy.__name__}_{os.getpid()}"
        self.databases.drop(name)
        self.addCleanup(self.databases.drop, name)
        copy(name)
        told = self.run_in(name, WAYS_OUT, ids=self.ids, wakes=wakes)
        for way in ("past the queue", "Odoo's session", "test connection", "fetch now", "test and confirm", "folders"):
            self.assertIn("This database may be a copy", told[way], way)
        self.assertEqual(told["watch"], "done []")
        connection = self.databases.connect(name)
        connection.autocommit = True
        self.addCleanup(connection.close)
        with connection.cursor() as cursor:
            if wakes:
                cursor.execute(JOBS)
                cursor.execute("UPDATE spp_email_intake SET active = TRUE")
        with OdooServer(name, cron=2) as server:
            self.refuses_http(server, wakes)
            self.refuses_lmtp(name)
            if wakes:
                # The fetch job and the queue's have run, and come round.
                self.wake(name)
                with connection.cursor() as cursor:
                    wait_for(lambda: self.jobs_ran(cursor), "the jobs run", 90)
        self.assertEqual(self.heard(), self.before, "a server heard of the copy")
        self.assertEqual([set(flags) - {"\\Recent"} for flags in self.flags(self.address)], [set()])
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM mail_mail WHERE state = 'sent'")
            self.assertEqual(cursor.fetchone()[0], 0)
            cursor.execute("SELECT count(*) FROM mail_mail m JOIN mail_message g ON g.id = m.mail_message_id"
                           " WHERE g.subject LIKE 'Waits%' AND m.state = 'outgoing'")
            self.assertEqual(cursor.fetchone()[0], 3, "nothing that waited is lost")

    def wake(self, name):
        """Have the scheduler look for jobs now and not in a minute."""
        connection = self.databases.connect("postgres")
        connection.autocommit = True
        self.addCleanup(connection.close)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify('cron_trigger', %s)", [name])

    def jobs_ran(self, cursor):
        cursor.execute(
            "SELECT count(*) FROM ir_cron WHERE lastcall > now() AT TIME ZONE 'UTC' - interval '5 minutes'"
            " AND id IN (SELECT res_id FROM ir_model_data WHERE (module, name) IN"
            " (('mail', 'ir_cron_mail_gateway_action'), ('mail', 'ir_cron_mail_scheduler_action'),"
            " ('spp_email_gateway', 'ir_cron_process_inbound')))"
        )
        return cursor.fetchone()[0] >= 3

    def refuses_http(self, server, wakes):
        request = urllib.request.Request(
            f"{server.url}/spp_email_gateway/intake?to=help@copies.test",
            letter("Handed over"),
            {"Authorization": f"Bearer {self.ids['token']}", "Content-Type": "message/rfc822"},
        )
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=30)
        caught.exception.close()
        # 429 says when to come again; an archived intake knows nobody.
        self.assertEqual(caught.exception.code, 429 if wakes else 401 if not self.is_intake_active else 429)

    is_intake_active = True

    def refuses_lmtp(self, name):
        if not self.is_intake_active:
            return
        port = process.free_port()
        log = checkout.LOGS / f"lmtp-{name}.log"
        running = odoo_server.start_command(
            name, "spp_email_lmtp", "-c", str(odoo_server.configuration()), "-d", name, "--listen", f"127.0.0.1:{port}",
            log=log,
        )  # fmt: skip
        self.addCleanup(odoo_server.kill_group, running)
        self.assertTrue(process.wait_for_port(port, 60), log.read_text()[-500:])
        with smtplib.LMTP("127.0.0.1", port, timeout=60) as session:
            with self.assertRaises(smtplib.SMTPResponseException) as caught:
                session.sendmail("a@remote.test", ["help@copies.test"], letter("By LMTP").decode())
        self.assertTrue(str(caught.exception.smtp_code).startswith("4"), caught.exception)

    # What is asked

    def test_by_template(self):
        self.keeps_to_itself(self.by_template, wakes=True)

    def test_by_dump_and_restore(self):
        self.keeps_to_itself(self.by_dump, wakes=True)

    def test_by_odoos_duplicate(self):
        self.keeps_to_itself(self.by_odoo, wakes=True)

    def test_by_odoos_duplicate_neutralized(self):
        self.is_intake_active = False
        self.keeps_to_itself(self.by_odoo_neutralized, wakes=False)

    def test_by_odoos_duplicate_neutralized_and_switched_on_again(self):
        self.keeps_to_itself(self.by_odoo_neutralized, wakes=True)

    def test_zz_the_same_ways_reach_the_servers_once_confirmed(self):
        """Or all of the above would prove nothing."""
        name = f"sys_copy_confirmed_{os.getpid()}"
        self.addCleanup(self.databases.drop, name)
        self.by_template(name)
        self.run_in(name, BEFORE_THE_END, ids=self.ids)
        imap, smtp, sent, questions = (now - before for now, before in zip(self.heard(), self.before, strict=True))
        self.assertTrue(imap and smtp and questions, (imap, smtp, sent, questions))
        self.assertGreaterEqual(sent, 3)
        self.assertIn("\\Seen", self.flags(self.address)[0])
