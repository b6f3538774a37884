# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Mail of every kind goes in and out of a real server that logs all there is to log; then its log is searched."""

from __future__ import annotations

import smtplib
import urllib.error
import urllib.parse
import urllib.request
import xmlrpc.client

from tools import checkout, odoo_server, process
from tools.odoo_server import OdooServer
from tools.smtp_sink import SmtpSink

from .case import PASSWORD, SystemCase, box, wait_for
from .planted import PLANTED, leaks
from .report_letter import failure_report

ANN = f"{PLANTED['name']} {PLANTED['family name']} <{PLANTED['local part']}@{PLANTED['domain']}>"
ADDRESS = f"{PLANTED['local part']}@{PLANTED['domain']}"
DOMAIN = "plover-ngo.example"
SECRET = PLANTED["password"]
VARIABLE = "SPP_EMAIL_GATEWAY_LOG_CLEAR"


def mail(number, *, to=f"{PLANTED['alias']}@{DOMAIN}", sender=ANN, fields=(), body=None):
    lines = [
        f"From: {sender}",
        f"To: {to}",
        f"Subject: {PLANTED['subject']} {number}",
        f"Message-ID: <{PLANTED['message-id']}.{number}@{PLANTED['domain']}>",
        "Date: Tue, 03 Jun 2025 10:00:00 +0000",
        *fields,
        "",
        body or f"My {PLANTED['body']} {number}, {PLANTED['name']}.",
        "",
    ]
    return "\r\n".join(lines).encode()


class PrivacyCase(SystemCase):
    """A server that logs everything.

    Attributes:
        logs: files that processes of this test wrote.
    """

    def setUp(self):
        super().setUp()
        self.logs = []
        self.rows("UPDATE fetchmail_server SET active = FALSE")
        self.rows("UPDATE ir_mail_server SET active = FALSE")

    def serve(self, clear=False):
        """Start a server that logs everything, statements included, and return a caller of its methods."""
        server = OdooServer(
            self.database,
            cron=1,
            extra=["--log-level=debug_rpc_answer", "--log-handler=:DEBUG", "--log-handler=odoo.sql_db:DEBUG"],
            env={VARIABLE: "1"} if clear else None,
        )
        server.log_path.unlink(missing_ok=True)
        if clear:
            self.addCleanup(server.log_path.unlink, missing_ok=True)
        self.addCleanup(server.stop)
        server.start()
        self.logs.append(server.log_path)
        models = xmlrpc.client.ServerProxy(f"{server.url}/xmlrpc/2/object", allow_none=True)

        def call(model, method, *arguments, **options):
            return models.execute_kw(self.database, 2, "admin", model, method, list(arguments), options)

        return server, call

    def refused(self, call, *arguments, **options):
        """Call a method that raises, and return its words."""
        with self.assertRaises(xmlrpc.client.Fault) as caught:
            call(*arguments, **options)
        return caught.exception.faultString

    def configuration(self):
        """Return the path of a configuration whose processes log everything."""
        file = checkout.DEV / f"privacy-{self.database}.conf"
        file.write_text(odoo_server.configuration().read_text() + "log_handler = :DEBUG,odoo.sql_db:DEBUG\n")
        self.addCleanup(file.unlink, missing_ok=True)
        return file

    def log(self, name):
        log = checkout.LOGS / f"privacy-{name}-{self.database}.log"
        log.unlink(missing_ok=True)
        self.logs.append(log)
        return log

    def processed(self, count):
        wait_for(
            lambda: (
                self.value(
                    "SELECT count(*) FROM spp_email_inbound WHERE state NOT IN ('received', 'processing', 'retry')"
                )
                >= count
            ),
            f"{count} messages are processed",
            120,
        )

    def assert_private(self, *needles):
        text = "\n".join(log.read_text(errors="replace") for log in self.logs)
        for needle in needles:
            self.assertTrue(needle in text, f"there is no {needle!r}: the log proves nothing")
        self.assertTrue("this line was masked" not in text, "a line could not be masked, and was hidden whole")
        self.assertEqual(leaks(text), [])

    # What happens

    def set_up(self, call):
        """Set up by RPC what an admin types, secrets included; return ids by name."""
        domain = call(
            "mail.alias.domain",
            "create",
            {"name": DOMAIN, "bounce_alias": "bounce", "catchall_alias": "catchall", "default_from": "notifications"},
        )
        call("res.company", "write", [1], {"alias_domain_id": domain, "email": f"office@{DOMAIN}"})
        lead = call("ir.model", "search", [["model", "=", "crm.lead"]])[0]
        for name, defaults in ((PLANTED["alias"], "{}"), (f"broken-{PLANTED['alias']}", "{'stage_id': 987654321}")):
            call(
                "mail.alias",
                "create",
                {
                    "alias_name": name,
                    "alias_domain_id": domain,
                    "alias_model_id": lead,
                    "alias_defaults": defaults,
                    "alias_contact": "everyone",
                },
            )
        return domain, lead

    def mailbox_values(self, address, **values):
        return {
            "name": PLANTED["server"],
            "server_type": "imap",
            "server": "localhost",
            "port": self.dovecot.imap,
            "user": address,
            "password": PASSWORD,
            "is_ssl": False,
            "gateway_use_starttls": False,
            "state": "done",
            "gateway_start": "everything",
            **values,
        }

    def receive(self, call):
        """Mail of every kind into a mailbox and into one that is read by POP; servers that refuse or are not there."""
        address = box()
        own = self.value("SELECT value FROM ir_config_parameter WHERE key = 'database.uuid'")
        letters = [
            mail(1),
            mail(2, fields=["Auto-Submitted: auto-replied", f"In-Reply-To: <x@{DOMAIN}>"]),
            mail(3, to=f"nobody@{DOMAIN}"),
            mail(4, to=f"broken-{PLANTED['alias']}@{DOMAIN}"),
            mail(5, to=f"catchall@{DOMAIN}"),
            mail(6, to=f"bounce@{DOMAIN}"),
            mail(7, fields=["Precedence: bulk", f"List-Id: <list.{DOMAIN}>"]),
            mail(8, sender=f"{PLANTED['name']} <office@{DOMAIN}>"),
            mail(9, fields=["Received: from x (x [192.0.2.1]) by y; Tue, 3 Jun 2025 10:00:00 +0000"] * 60),
            mail(10, fields=['Content-Type: multipart/mixed; boundary="never there"']),
            mail(1),
            mail(11, fields=[f"X-Odoo-Message-Id: {own}", "Date: nonsense"]),
            failure_report(
                f"bounce@{DOMAIN}", ADDRESS, f"<{PLANTED['message-id']}@{DOMAIN}>", "5.1.1", f"<{ADDRESS}> unknown"
            ),
            b"\xff\xfe" + PLANTED["body"].encode(),
        ]
        for letter in letters:
            self.dovecot.deliver(address, letter, sender=ADDRESS)
        good = call("fetchmail.server", "create", self.mailbox_values(address))
        call("fetchmail.server", "fetch_mail", [good])
        popped = box()
        self.dovecot.deliver(popped, mail(20), sender=ADDRESS)
        pop = call(
            "fetchmail.server",
            "create",
            self.mailbox_values(popped, server_type="pop", port=self.dovecot.pop3, gateway_pop_leave_days=0),
        )
        call("fetchmail.server", "fetch_mail", [pop])
        for values in (
            {"password": SECRET, "state": "draft"},
            {"user": ADDRESS, "password": SECRET, "state": "draft"},
            {"server": f"{PLANTED['host']}.invalid", "password": SECRET, "state": "draft"},
            {"port": process.free_port(), "password": SECRET, "state": "draft"},
            {"is_ssl": True, "password": SECRET, "state": "draft"},
        ):
            bad = call("fetchmail.server", "create", self.mailbox_values(address, **values))
            self.refused(call, "fetchmail.server", "button_confirm_login", [bad])
            call("fetchmail.server", "write", [bad], {"state": "done"})
            try:
                call("fetchmail.server", "fetch_mail", [bad])
            except xmlrpc.client.Fault:
                continue
        return len(letters)

    def deliver_http(self, server, call):
        intake = call("spp.email.intake", "create", {"name": PLANTED["server"]})
        token = call("spp.email.intake", "action_renew_token", [intake])["context"]["default_token"]
        query = urllib.parse.urlencode({"from": ADDRESS, "to": f"{PLANTED['alias']}@{DOMAIN}"})
        codes = []
        for number, used, body in ((30, token, mail(30)), (31, SECRET, mail(31)), (32, token, b"")):
            request = urllib.request.Request(
                f"{server.url}/spp_email_gateway/intake?{query}",
                body,
                {"Authorization": f"Bearer {used}", "Content-Type": "message/rfc822"},
            )
            try:
                codes.append(urllib.request.urlopen(request, timeout=30).status)
            except urllib.error.HTTPError as error:
                codes.append(error.code)
                error.close()
            self.assertTrue(number)
        self.assertEqual(codes, [202, 401, 400])
        return token

    def deliver_lmtp(self):
        port = process.free_port()
        running = odoo_server.start_command(
            self.database,
            "spp_email_lmtp",
            "-c",
            str(self.configuration()),
            "--listen",
            f"127.0.0.1:{port}",
            log=self.log("lmtp"),
        )
        self.addCleanup(odoo_server.kill_group, running)
        self.assertTrue(process.wait_for_port(port, 60))
        with smtplib.LMTP("127.0.0.1", port, timeout=60) as session:
            session.sendmail(ADDRESS, [f"{PLANTED['alias']}@{DOMAIN}"], mail(40).decode())
            for line in (f"XNOISE {ADDRESS}", f"RCPT TO:<nobody@{DOMAIN}>", f"MAIL TO:<{ADDRESS}>"):
                code, _words = session.docmd(line)
                self.assertGreaterEqual(code, 500, line)

    def listen(self):
        """Have the idle command see mail arrive."""
        running = odoo_server.start_command(
            self.database, "spp_email_idle", "-c", str(self.configuration()), "-d", self.database, log=self.log("idle")
        )
        self.addCleanup(odoo_server.kill_group, running)
        address = box()
        self.mailbox(address, name=PLANTED["server"])
        wait_for(lambda: self.value("SELECT count(*) FROM spp_email_watch"), "the command listens", 60)
        self.dovecot.deliver(address, mail(50), sender=ADDRESS)
        wait_for(lambda: self.value("SELECT count(*) FROM spp_email_watch WHERE is_awaited") >= 0, "it is seen", 60)

    def send(self, call):
        """Mail out: taken, refused, put off, without an address, at once and by the queue; tests of servers."""
        with SmtpSink(keep=True) as sink:
            server = call(
                "ir.mail_server",
                "create",
                {
                    "name": PLANTED["server"],
                    "smtp_host": "localhost",
                    "smtp_port": sink.port,
                    "smtp_encryption": "none",
                    "smtp_user": ADDRESS,
                    "smtp_pass": SECRET,
                    "smtp_authentication": "login",
                    "active": True,
                },
            )
            try:
                call("ir.mail_server", "test_smtp_connection", [server])
            except xmlrpc.client.Fault as fault:
                self.assertTrue(fault)
            call("ir.mail_server", "write", [server], {"smtp_user": False, "smtp_pass": False})
            partner = call(
                "res.partner", "create", {"name": f"{PLANTED['name']} {PLANTED['family name']}", "email": ADDRESS}
            )
            mails = [
                call(
                    "mail.mail",
                    "create",
                    {
                        "subject": PLANTED["subject"],
                        "body_html": f"<p>{PLANTED['body']}</p>",
                        "email_from": f"{PLANTED['name']} <office@{DOMAIN}>",
                        "email_to": to,
                        "auto_delete": False,
                        **more,
                    },
                )
                for to, more in (
                    (ANN, {}),
                    (f"e550@{PLANTED['domain']}", {}),
                    (f"d451@{PLANTED['domain']}, q421@{PLANTED['domain']}", {}),
                    (f"{PLANTED['name']} at nowhere", {}),
                    ("", {"recipient_ids": [partner]}),
                    (ANN, {"headers": f"{{'X-Broken': {PLANTED['name']}"}),
                    (f"dropdata@{PLANTED['domain']}", {}),
                )
            ]
            for one in mails[:2]:
                call("mail.mail", "send", [one])
            call("mail.mail", "process_email_queue")
            lead = call("crm.lead", "create", {"name": PLANTED["subject"], "partner_id": partner})
            call(
                "crm.lead",
                "message_post",
                [lead],
                body=PLANTED["body"],
                partner_ids=[partner],
                subject=PLANTED["subject"],
                message_type="comment",
                subtype_xmlid="mail.mt_comment",
            )
            call("mail.mail", "process_email_queue")
            wait_for(lambda: sink.count >= 2, "mail is sent", 60)
            # A report on a mail that was sent.
            taken = sink.messages()[0]
            address = box()
            row = self.rows("SELECT message_id FROM mail_message ORDER BY id DESC LIMIT 1")[0][0]
            report = failure_report(taken["sender"], ADDRESS, row, "5.1.1", f"<{ADDRESS}> unknown")
            self.dovecot.deliver(address, report, sender="postmaster@remote.test")
            call("fetchmail.server", "fetch_mail", [call("fetchmail.server", "create", self.mailbox_values(address))])
        # Nobody listens there any more, and nowhere else.
        for values in ({}, {"smtp_host": f"{PLANTED['host']}.invalid"}):
            call("ir.mail_server", "write", [server], {"smtp_pass": SECRET, "smtp_user": ADDRESS, **values})
            self.refused(call, "ir.mail_server", "test_smtp_connection", [server])
            one = call(
                "mail.mail",
                "create",
                {"subject": PLANTED["subject"], "body_html": PLANTED["body"], "email_to": ANN, "email_from": ANN},
            )
            call("mail.mail", "send", [one])

    def sign_in(self, server, call):
        """Users, whose logins are addresses: invited, reset, refused."""
        call(
            "res.users",
            "create",
            {"name": f"{PLANTED['name']} {PLANTED['family name']}", "login": ADDRESS, "email": ADDRESS},
        )
        user = call("res.users", "search", [["login", "=", ADDRESS]])
        call("res.users", "action_reset_password", user)
        common = xmlrpc.client.ServerProxy(f"{server.url}/xmlrpc/2/common", allow_none=True)
        self.assertFalse(common.authenticate(self.database, ADDRESS, SECRET, {}))
        with urllib.request.urlopen(f"{server.url}/web/login?login={urllib.parse.quote(ADDRESS)}", timeout=30) as page:
            self.assertEqual(page.status, 200)

    def decide(self, call):
        for row in call("spp.email.inbound", "search", [["state", "=", "quarantined"]], limit=3):
            try:
                call("spp.email.inbound", "action_retry", [row])
            except xmlrpc.client.Fault:
                continue
        self.refused(call, "crm.lead", "create", {"name": PLANTED["subject"], "stage_id": PLANTED["name"]})
        self.refused(call, "crm.lead", "create", {"name": PLANTED["subject"], "stage_id": 987654321})
        call("spp.email.health", "action_check", [])


class TestPrivacy(PrivacyCase):
    def test_nothing_of_anybody_is_in_the_log(self):
        server, call = self.serve()
        self.set_up(call)
        self.sign_in(server, call)
        count = self.receive(call)
        self.deliver_http(server, call)
        self.deliver_lmtp()
        self.listen()
        self.processed(count)
        self.send(call)
        self.decide(call)
        self.processed(count)
        server.stop()
        states = dict(self.rows("SELECT reason, count(*) FROM spp_email_inbound GROUP BY reason"))
        # It was mail of many kinds, or the log would prove little.
        self.assertGreaterEqual(len(states), 7, states)
        self.assertIn("failed", dict(self.rows("SELECT state, 1 FROM spp_email_delivery")))
        self.assert_private(
            "query: SELECT", 'bad query: INSERT INTO "crm_lead"', "Routing mail from [", "odoo.service.model: call "
        )


class TestPrivacySearch(PrivacyCase):
    def test_the_search_finds_what_stock_odoo_logs(self):
        server, call = self.serve(clear=True)
        self.set_up(call)
        self.sign_in(server, call)
        server.stop()
        found = {line.partition(" in line")[0] for line in leaks(self.logs[0].read_text(errors="replace"))}
        self.assertLessEqual({"name", "family name", "local part", "domain", "alias"}, found)
        self.assertIn("Personal data is logged in clear", self.logs[0].read_text(errors="replace"))
