# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The pipe client: as a program against a real Odoo, and as a transport of a real Postfix."""

from __future__ import annotations

import ast
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

from tools import checkout, odoo_home, process
from tools.odoo_server import OdooServer

from .case import SystemCase, letter, wait_for

CLIENT = checkout.ROOT / "static" / "spp-email-gateway-pipe.py"
# The oldest interpreter at hand, not the virtual environment's: the client runs on the mail server's machine.
PYTHON = "/usr/bin/python3"


class PipeCase(SystemCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = OdooServer(cls.database).start()
        cls.addClassCleanup(cls.server.stop)
        cls.url = f"{cls.server.url}/spp_email_gateway/intake"
        # Not in the checkout: the mail server's user must be able to read it.
        cls.place = Path("/var/tmp") / f"gateway-pipe-{os.getpid()}-{cls.__name__.lower()}"
        cls.place.mkdir(mode=0o755)
        cls.addClassCleanup(process.run, ["rm", "-rf", cls.place], "remove the place")
        cls.ask_class(
            "domain = env['mail.alias.domain'].create({'name': 'gateway.test', 'bounce_alias': 'b', "
            "'catchall_alias': 'c'})\n"
            "env['mail.alias'].create({'alias_name': 'help', 'alias_domain_id': domain.id, 'alias_contact': 'everyone',"
            " 'alias_model_id': env['ir.model']._get('crm.lead').id})"
        )
        cls.intake_id, cls.token = cls.ask_class(
            "intake = env['spp.email.intake'].create({'name': 'Pipe', 'size_limit': 1})\n"
            "answer = intake.id, intake.action_renew_token()['context']['default_token']"
        )
        cls.token_file = cls.place / "token"
        cls.token_file.write_text(cls.token + "\n")
        cls.token_file.chmod(0o640)

    @classmethod
    def ask_class(cls, code, **names):
        return cls.console.ask(code, **names)

    def setUp(self):
        super().setUp()
        self.rows("DELETE FROM spp_email_inbound")

    def pipe(self, content, *arguments, url=None, token_file=None, env=None):
        """Run the client as a mail server does; return (exit status, what it said)."""
        command = [PYTHON, CLIENT, "--url", url or self.url, "--token-file", token_file or self.token_file, *arguments]
        run = subprocess.run(
            [str(word) for word in command],
            input=content,
            capture_output=True,
            timeout=60,
            env={"LC_ALL": "C", **(env or {})},
        )
        return run.returncode, run.stderr.decode()

    def kept(self):
        """The bytes of all journaled messages, with their envelopes."""
        return [
            (bytes.fromhex(raw), recipient, sender)
            for raw, recipient, sender in self.ask(
                "rows = env['spp.email.inbound'].search([], order='id')\n"
                "answer = [(env['spp.email.content']._load(row.id).hex(), row.envelope_recipient or '',"
                " row.envelope_sender or '') for row in rows]"
            )
        ]


class TestPipe(PipeCase):
    def test_byte_exact_and_once(self):
        content = letter("Piped").replace(b"\r\n", b"\n") + bytes(range(256)) + b"\nbare\rend\r\n.\n"
        for _again in range(2):
            self.assertEqual(self.pipe(content, "-f", "ann@remote.test", "--", "help@gateway.test"), (0, ""))
        self.assertEqual(self.kept(), [(content, "help@gateway.test", "ann@remote.test")])

    def test_the_envelope_of_the_environment(self):
        env = {"SENDER": "MAILER-DAEMON", "RECIPIENT": "odoo@host.test", "ORIGINAL_RECIPIENT": "help@gateway.test"}
        self.assertEqual(self.pipe(letter("Alias"), env=env)[0], 0)
        self.assertEqual([found[1:] for found in self.kept()], [("help@gateway.test", "")])

    def test_several_recipients(self):
        self.assertEqual(self.pipe(letter("Several"), "-f", "", "--", "help@gateway.test", "x@foreign.test")[0], 0)
        self.assertEqual([found[1] for found in self.kept()], ["help@gateway.test", "x@foreign.test"])

    def test_an_address_that_is_not_ascii(self):
        self.assertEqual(self.pipe(letter("UTF"), "--", "bücher@foreign.test")[0], 0)
        self.assertEqual([found[1] for found in self.kept()], ["bücher@foreign.test"])

    def test_what_the_gateway_refuses(self):
        for name, content, recipient, status, words in (
            ("nobody's address", letter("x"), "nobody@gateway.test", 67, "404: Nobody has this address."),
            ("too large", letter("x", "x" * 1_100_000), "help@gateway.test", 65, "413: The message is over the limit"),
            ("much too large", letter("x", "x" * 40_000_000), "help@gateway.test", 65, "413: The message is over"),
            ("empty", b"", "help@gateway.test", 65, "400: The message is empty."),
        ):
            with self.subTest(name):
                found, said = self.pipe(content, "--", recipient)
                self.assertEqual(found, status, said)
                self.assertIn(words, said)
        self.assertEqual(self.kept(), [])

    def test_what_may_pass_or_be_repaired_never_bounces(self):
        public = self.place / "public"
        public.write_text(self.token)
        public.chmod(0o644)
        wrong = self.place / "wrong"
        wrong.write_text("000000000000.x")
        wrong.chmod(0o600)
        empty = self.place / "empty"
        empty.touch(0o600)
        dead = f"http://127.0.0.1:{process.free_port()}/spp_email_gateway/intake"
        for name, options, words in (
            ("nothing listens", {"url": dead}, "refused"),
            ("no such host", {"url": "https://nowhere.invalid/x"}, "nowhere.invalid|[Nn]ame|resolution"),
            ("another page of Odoo", {"url": f"{self.server.url}/nowhere"}, "404, and is not the gateway"),
            ("a page that takes no posts", {"url": f"{self.server.url}/odoo"}, "400, and is not the gateway"),
            ("TLS where there is none", {"url": self.url.replace("http:", "https:")}, "SSL|TLS"),
            ("clear text to others", {"url": "http://192.0.2.1/x"}, "in clear"),
            ("no address", {"url": "nonsense"}, "must begin with https"),
            ("wrong token", {"token_file": wrong}, "401: The token is missing, wrong or revoked."),
            ("no token file", {"token_file": self.place / "none"}, "No such file"),
            ("empty token file", {"token_file": empty}, "no token in"),
            ("a token that everybody can read", {"token_file": public}, "everybody can read"),
        ):
            with self.subTest(name):
                status, said = self.pipe(letter("x"), "--", "help@gateway.test", **options)
                self.assertEqual(status, 75, said)
                self.assertRegex(said, words)
        for arguments in (("--nonsense",), ("--timeout", "x"), ("--flush",)):
            with self.subTest(arguments):
                self.assertEqual(self.pipe(letter("x"), *arguments)[0], 75)
        self.assertEqual(self.kept(), [])

    def test_too_many_a_minute(self):
        self.ask("env['spp.email.intake'].browse(i).rate_limit = 1", i=self.intake_id)
        self.rows("UPDATE spp_email_intake_use SET rate_level = 0")
        try:
            status, said = self.pipe(letter("x"), "--", "help@gateway.test")
        finally:
            self.ask("env['spp.email.intake'].browse(i).rate_limit = 600", i=self.intake_id)
        self.assertEqual((status, "429" in said), (75, True))

    def test_a_server_that_never_answers(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
            self.assertEqual(self.pipe(letter("x"), "--timeout", "1", url=url)[0], 75)

    def test_a_locked_journal_is_waited_for_or_tried_again(self):
        holder = self.hold_with("LOCK TABLE spp_email_content IN ACCESS EXCLUSIVE MODE")
        content = letter("Locked")
        self.assertEqual(self.pipe(content, "--timeout", "2", "--", "help@gateway.test")[0], 75)
        holder.rollback()
        self.assertEqual(self.pipe(content, "--", "help@gateway.test")[0], 0)
        self.assertEqual(len(self.kept()), 1)

    def test_the_spool(self):
        spool = self.place / "spool"
        dead = f"http://127.0.0.1:{process.free_port()}/spp_email_gateway/intake"
        contents = [letter(f"Spooled {number}") + b"\xff\x00" for number in range(5)]
        for content in contents:
            found = self.pipe(content, "--spool", spool, "-f", "a@b.test", "--", "help@gateway.test", url=dead)
            self.assertEqual(found[0], 0)
        nobody = letter("Spooled for nobody")
        self.pipe(nobody, "--spool", spool, "--", "nobody@gateway.test", url=dead)
        self.assertEqual(len(list((spool / "new").iterdir())), 6)
        for path in (spool / "new").iterdir():
            self.assertEqual(path.stat().st_mode & 0o077, 0)
        # Still down: all of it stays.
        self.assertEqual(self.pipe(b"", "--spool", spool, "--flush", url=dead)[0], 75)
        self.assertEqual(len(list((spool / "new").iterdir())), 6)
        # One had arrived although its answer was lost, and two programs flush at once.
        self.pipe(contents[2], "-f", "a@b.test", "--", "help@gateway.test")
        found = []
        threads = [
            threading.Thread(target=lambda: found.append(self.pipe(b"", "--spool", spool, "--flush")))
            for _number in (1, 2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        status, said = max(found)
        self.assertEqual(status, 67)
        self.assertIn("refused, kept in", said)
        self.assertEqual(sorted(raw for raw, *_envelope in self.kept()), sorted(contents))
        self.assertEqual(list((spool / "new").iterdir()), [])
        (refused,) = (spool / "refused").iterdir()
        self.assertTrue(refused.read_bytes().endswith(b"\n" + nobody))
        self.assertEqual(self.pipe(b"", "--spool", spool, "--flush"), (0, ""))

    def test_a_spool_that_cannot_be_written(self):
        blocked = self.place / "blocked"
        blocked.write_text("")
        dead = f"http://127.0.0.1:{process.free_port()}/x"
        status, said = self.pipe(letter("x"), "--spool", blocked, url=dead)
        self.assertEqual(status, 75)
        self.assertIn("the spool directory cannot be used", said)

    def test_an_old_python_without_packages_is_enough(self):
        tree = ast.parse(CLIENT.read_text(), feature_version=(3, 6))
        names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        self.assertGreater(len(names), 5)
        self.assertEqual({name.split(".")[0] for name in names} - sys.stdlib_module_names, set())

    def test_help_names_the_lines_for_mail_servers(self):
        run = subprocess.run([PYTHON, CLIENT, "--help"], capture_output=True, text=True, timeout=30)
        self.assertEqual(run.returncode, 0)
        for word in ("master.cf", "/etc/aliases", "Exim", "temp_errors = 75"):
            self.assertIn(word, run.stdout)


class TestMailgate(PipeCase):
    """Odoo's own odoo-mailgate.py, unchanged: what would have been bounced waits in the journal."""

    def mailgate(self, content):
        script = odoo_home.find().path / "odoo/addons/mail/static/scripts/odoo-mailgate.py"
        command = [PYTHON, script, "-d", self.database, "-u", "2", "-p", "admin", "--port", str(self.server.port)]
        run = subprocess.run(
            [str(word) for word in command], input=content, capture_output=True, timeout=60, env={"LC_ALL": "C.UTF-8"}
        )
        return run.returncode

    def states(self):
        return self.rows("SELECT subject, source, state, reason FROM spp_email_inbound ORDER BY id")

    def test_records_and_quarantine(self):
        known = letter("To an alias").replace(b"help@example.test", b"help@gateway.test")
        self.assertEqual(self.mailgate(known), 0)
        self.assertEqual(self.mailgate(known), 0)
        # Without the gateway this ends with 67, and the mail server bounces.
        self.assertEqual(self.mailgate(letter("To nobody")), 0)
        self.assertEqual(
            self.states(),
            [("To an alias", "rpc", "done", "record_created"), ("To nobody", "rpc", "quarantined", "no_route")],
        )
        self.assertEqual(self.leads("To an alias"), ["To an alias"])

    def test_a_busy_database_is_no_bounce(self):
        holder = self.hold_with("LOCK TABLE crm_lead IN ACCESS EXCLUSIVE MODE")
        self.ask("env['ir.config_parameter'].set_param('spp_email_gateway.statement_timeout_seconds', '1')")
        try:
            self.assertEqual(
                self.mailgate(letter("Busy").replace(b"help@example.test", b"help@gateway.test")), 0
            )
        finally:
            holder.rollback()
            self.ask("env['ir.config_parameter'].set_param('spp_email_gateway.statement_timeout_seconds', '120')")
        self.assertEqual(self.states(), [("Busy", "rpc", "retry", "database_busy")])


class TestPipeTransport(PipeCase):
    """A real Postfix hands over by pipe(8), down to the record."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        program = cls.place / "client.py"
        program.write_bytes(CLIENT.read_bytes())
        program.chmod(0o755)
        os.chown(cls.token_file, 65534, -1)
        cls.name = f"gateway{os.getpid()}"
        cls.postfix.route(
            "gateway.test",
            f"{cls.name}:",
            f"{cls.name} unix - n n - 4 pipe\n  flags=q user=nobody argv={PYTHON} {program} --url {cls.url}"
            f" --token-file {cls.token_file} -f ${{sender}} -- ${{recipient}}",
            [f"{cls.name}_destination_recipient_limit = 1"],
        )

    def send(self, subject, *recipients, sender="alice@example.test"):
        import smtplib

        with smtplib.SMTP("127.0.0.1", self.postfix.smtp, timeout=30) as session:
            session.sendmail(sender, recipients, letter(subject))

    def state(self, subject):
        return self.rows(
            "SELECT envelope_recipient, state, reason FROM spp_email_inbound WHERE subject = %s ORDER BY 1", subject
        )

    def test_from_postfix_to_the_record(self):
        self.send("By pipe", "help@gateway.test", "x.y+z@gateway.test")
        wait_for(lambda: self.state("By pipe"), "the message is journaled")
        self.ask("env['spp.email.lane']._process_due()")
        self.assertEqual(self.state("By pipe"), [("help@gateway.test", "done", "record_created")])
        self.assertEqual(self.leads("By pipe"), ["By pipe"])
        # The other one was refused: Postfix says so to the sender, who has a mailbox here.
        wait_for(lambda: "status=bounced (user unknown" in self.postfix.log_text(), "Postfix bounces")
        self.assertTrue(self.postfix.queue_empty(20))

    def test_while_odoo_is_down_postfix_keeps_it(self):
        self.server.stop()
        try:
            self.send("Waiting", "help@gateway.test")
            wait_for(lambda: "status=deferred (temporary failure" in self.postfix.log_text(), "Postfix defers")
        finally:
            self.server.start()
        wait_for(lambda: self.state("Waiting"), "Postfix tries again")
        self.assertTrue(self.postfix.queue_empty(20))
        self.assertEqual(len(self.state("Waiting")), 1)
