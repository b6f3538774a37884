# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""LMTP: the server as a process, a real Postfix in front of it, and SIGKILL at each step."""

from __future__ import annotations

import os
import signal
import smtplib
import socket
import stat
import subprocess
from pathlib import Path

from tools import checkout, odoo_server, process
from tools.proxy import Proxy

from .case import SystemCase, letter, wait_for

ROUNDS = 5
MESSAGES = 4
DOMAIN = "lmtp.test"


class LmtpCase(SystemCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.place = Path("/var/tmp") / f"gateway-lmtp-{os.getpid()}-{cls.__name__.lower()}"
        cls.place.mkdir(mode=0o755)
        cls.addClassCleanup(process.run, ["rm", "-rf", cls.place], "remove the place")
        cls.log = checkout.LOGS / f"lmtp-{cls.database}.log"
        cls.intake_id = cls.console.ask(
            "domain = env['mail.alias.domain'].create("
            f"{{'name': '{DOMAIN}', 'bounce_alias': 'b', 'catchall_alias': 'c'}})\n"
            "for name in ('help', 'other'):\n"
            "    env['mail.alias'].create({'alias_name': name, 'alias_domain_id': domain.id,"
            " 'alias_contact': 'everyone', 'alias_model_id': env['ir.model']._get('crm.lead').id})\n"
            "answer = env['spp.email.intake'].create({'name': 'Door', 'size_limit': 1}).id"
        )

    def serve(self, *options, listen=None):
        """Start the LMTP server and return its Popen once it accepts connections."""
        line = odoo_server.command("spp_email_lmtp", self.database)
        line += ["--listen", f"127.0.0.1:{listen}"] if listen else []
        with self.log.open("ab") as log:
            running = subprocess.Popen(
                [*line, *options],
                env={**odoo_server.variables(), "ODOO_RC": line[line.index("-c") + 1]},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.addCleanup(odoo_server.kill_group, running)
        if listen:
            self.assertTrue(process.wait_for_port(listen), self.log.read_text()[-2000:])
        return running

    def refuses_to_start(self, *options):
        running = self.serve(*options)
        running.wait(60)
        return running.returncode, self.log.read_text()

    def states(self, like):
        return self.rows(
            "SELECT subject, envelope_recipient, state, reason FROM spp_email_inbound WHERE subject LIKE %s"
            " ORDER BY subject, envelope_recipient",
            like,
        )


class TestLmtp(LmtpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.port = process.free_port()

    def setUp(self):
        super().setUp()
        self.running = self.serve(listen=self.port)

    def deliver(self, content, *recipients, sender="ann@remote.test"):
        """Deliver by LMTP as Postfix does; return the answers to RCPT and to DATA by recipient, as text."""
        with smtplib.LMTP("127.0.0.1", self.port) as session:
            session.sock.settimeout(30)
            session.ehlo_or_helo_if_needed()
            session.mail(sender)
            answers = {recipient: session.rcpt(recipient) for recipient in recipients}
            taken = [recipient for recipient, (code, _words) in answers.items() if code == 250]
            if taken:
                # smtplib hears one answer; here there is one for each.
                session.putcmd("data")
                session.getreply()
                session.send(smtplib._quote_periods(content) + b".\r\n")
                answers.update({recipient: session.getreply() for recipient in taken})
        return {recipient: f"{code} {words.decode()}" for recipient, (code, words) in answers.items()}

    def test_one_answer_a_recipient(self):
        content = letter("Answers") + b"..\xff\r\n"
        answers = self.deliver(content, f"Help@{DOMAIN}", f"nobody@{DOMAIN}", f"other@{DOMAIN}", "x@foreign.test")
        self.assertEqual(
            list(answers.values()),
            ["250 2.0.0 Stored", "550 5.1.1 Mailbox unavailable", "250 2.0.0 Stored", "250 2.0.0 Stored"],
        )
        self.ask("env['spp.email.lane']._process_due()")
        self.assertEqual(
            [row[1:] for row in self.states("Answers")],
            [
                (f"help@{DOMAIN}", "done", "record_created"),
                (f"other@{DOMAIN}", "done", "record_created"),
                # The same message again, for an address that leads nowhere.
                ("x@foreign.test", "duplicate", "known_message_id"),
            ],
        )
        raw = self.ask(
            "row = env['spp.email.inbound'].search([('subject', '=', 'Answers')], limit=1)\n"
            "answer = env['spp.email.content']._load(row.id).hex()"
        )
        self.assertEqual(bytes.fromhex(raw), content)

    def test_too_large(self):
        with smtplib.LMTP("127.0.0.1", self.port) as session:
            session.ehlo_or_helo_if_needed()
            self.assertEqual(session.esmtp_features["size"], str(1024 * 1024))
        answers = self.deliver(letter("Large", ("x" * 70 + "\r\n") * 16000), f"help@{DOMAIN}", f"other@{DOMAIN}")
        self.assertEqual([answer[:3] for answer in answers.values()], ["552", "552"])
        # A person raises the limit: it holds from the next connection on.
        self.ask("env['spp.email.intake'].browse(id).size_limit = 2", id=self.intake_id)
        self.addCleanup(self.ask, "env['spp.email.intake'].browse(id).size_limit = 1", id=self.intake_id)
        answers = self.deliver(letter("Large", ("x" * 70 + "\r\n") * 16000), f"help@{DOMAIN}")
        self.assertEqual([answer[:3] for answer in answers.values()], ["250"])

    def test_trouble_of_the_database_is_temporary(self):
        holder = self.hold_with("LOCK TABLE spp_email_content IN ACCESS EXCLUSIVE MODE")
        self.rows(f"ALTER DATABASE {self.database} SET lock_timeout = '500ms'")
        try:
            odoo_server.kill_group(self.running)
            self.running = self.serve(listen=self.port)
            answers = self.deliver(letter("Busy"), f"help@{DOMAIN}")
            self.assertEqual(list(answers.values()), ["451 4.3.0 Try again later"])
        finally:
            self.rows(f"ALTER DATABASE {self.database} RESET lock_timeout")
            holder.rollback()
        self.assertEqual(self.states("Busy"), [])

    def test_a_changed_setting_counts_at_once(self):
        self.ask("env['spp.email.intake'].browse(i).unknown_policy = 'quarantine'", i=self.intake_id)
        answer = self.deliver(letter("Held"), f"nobody@{DOMAIN}")
        self.ask(
            "env['spp.email.intake'].browse(i).write({'unknown_policy': 'ours', 'active': False})", i=self.intake_id
        )
        closed = self.deliver(letter("Closed"), f"help@{DOMAIN}")
        self.ask("env['spp.email.intake'].browse(i).active = True", i=self.intake_id)
        self.assertEqual([*answer.values(), *closed.values()], ["250 2.0.0 Stored", "451 4.3.2 This intake is closed"])

    def test_no_address_is_logged(self):
        self.deliver(letter("Secret subject"), f"help@{DOMAIN}", f"nobody@{DOMAIN}", sender="ann@remote.test")
        log = self.log.read_text()
        for word in ("ann@", "help@", "nobody@", "Secret subject"):
            self.assertNotIn(word, log)
        self.assertIn("LMTP is open for intake", log)

    def test_sigterm_lets_a_message_be_answered(self):
        holder = self.hold_with("LOCK TABLE spp_email_content IN ACCESS EXCLUSIVE MODE")
        with smtplib.LMTP("127.0.0.1", self.port) as session:
            session.sock.settimeout(30)
            session.ehlo_or_helo_if_needed()
            session.mail("ann@remote.test")
            session.rcpt(f"help@{DOMAIN}")
            session.putcmd("data")
            session.getreply()
            session.send(letter("Term") + b".\r\n")
            wait_for(self.waiters, "the message is being stored")
            self.running.send_signal(signal.SIGTERM)
            holder.rollback()
            self.assertEqual(session.getreply()[0], 250)
            self.running.wait(30)
            self.assertEqual(self.running.returncode, 0)
            session.close()
        self.assertEqual(len(self.states("Term")), 1)

    def test_it_listens_for_this_machine_only(self):
        for options, words in (
            (("--listen", "0.0.0.0:2424"), "needs --trust-network"),
            (("--listen", "nonsense"), "needs HOST:PORT"),
            (("--socket", "/etc/hostname"), "a file that is no socket"),
            (("--listen", "127.0.0.1:2424", "--intake", "Nowhere"), "0 intakes are meant"),
        ):
            with self.subTest(options):
                code, log = self.refuses_to_start(*options)
                self.assertEqual(code, 2, log[-1000:])
                self.assertIn(words, log)

    def test_a_unix_socket(self):
        path = self.place / "lmtp.sock"
        running = self.serve("--socket", str(path), "--socket-mode", "600", "--intake", "Door")
        wait_for(path.exists, "the socket is there")
        wait_for(lambda: path.stat().st_mode & 0o777 == 0o600, "its rights are set")
        self.assertTrue(stat.S_ISSOCK(path.stat().st_mode))
        code, log = self.refuses_to_start("--socket", str(path))
        self.assertEqual(code, 2)
        self.assertIn("another server listens on this socket", log)
        # What a killed server left behind is in nobody's way.
        odoo_server.kill_group(running)
        self.assertTrue(path.exists())
        running = self.serve("--socket", str(path))

        def answers():
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(5)
                try:
                    probe.connect(str(path))
                except OSError:
                    return False
                return probe.recv(100).startswith(b"220")

        wait_for(answers, "the new server answers")
        running.send_signal(signal.SIGTERM)
        running.wait(30)
        self.assertFalse(path.exists())


class TestLmtpKills(LmtpCase):
    """Postfix delivers by LMTP; the server is killed at one step, several times; nothing is lost, nothing doubled."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.port = process.free_port()
        cls.proxy = Proxy(cls.port).start()
        cls.addClassCleanup(cls.proxy.stop)
        # A service of its own takes several recipients in one delivery.
        cls.name = f"gatewaylmtp{os.getpid()}"
        cls.postfix.route(
            DOMAIN,
            f"{cls.name}:inet:127.0.0.1:{cls.proxy.port}",
            f"{cls.name} unix - - n - - lmtp\n  -o lmtp_connection_cache_on_demand=no",
            [f"{cls.name}_destination_recipient_limit = 50"],
        )

    def send(self, subjects):
        with smtplib.SMTP("127.0.0.1", self.postfix.smtp, timeout=30) as session:
            for subject in subjects:
                session.sendmail("alice@example.test", [f"help@{DOMAIN}", f"other@{DOMAIN}"], letter(subject))

    def setUp(self):
        super().setUp()
        # Other tests have Postfix bounce mail on purpose.
        self.logged = len(self.postfix.log_text())

    def finish(self, subjects):
        """Let Postfix deliver the rest, process it, and count."""
        self.serve(listen=self.port)
        prefix = subjects[0].split(" ")[0]

        def delivered():
            self.postfix.flush()
            return self.postfix.queue_empty(2) and len(self.states(f"{prefix} %")) >= 2 * len(subjects)

        wait_for(delivered, "Postfix has delivered all", 60)
        self.wait_until_free()
        self.ask("env['spp.email.lane']._process_due()")
        expected = sorted(
            (subject, f"{name}@{DOMAIN}", "done", "record_created")
            for subject in subjects
            for name in ("help", "other")
        )
        self.assertEqual(self.states(f"{prefix} %"), expected)
        self.assertEqual(self.leads(f"{prefix} %"), sorted([*subjects, *subjects]))
        self.assertNotIn("status=bounced", self.postfix.log_text()[self.logged :])

    def kill_at(self, name, reach):
        """Kill the server ROUNDS times when ``reach(round)`` returned, with new mail each time."""
        subjects = []
        for number in range(ROUNDS):
            running = self.serve(listen=self.port)
            new = [f"{name} {number}.{index}" for index in range(MESSAGES)]
            subjects += new
            with self.subTest(round=number):
                reach(lambda new=new: self.send(new), running)
        self.finish(subjects)

    def on_the_wire(self, pattern, reply):
        def reach(send, running):
            self.proxy.hold(pattern, reply=reply)
            send()
            self.postfix.flush()
            self.assertTrue(self.proxy.held.wait(30), "the step was never reached")
            odoo_server.kill_group(running)
            self.proxy.cut()
            self.proxy.release()

        return reach

    def in_the_database(self, *locks):
        def reach(send, running):
            holder = self.hold_with(*locks)
            send()
            self.postfix.flush()
            wait_for(self.waiters, "the server meets the lock")
            odoo_server.kill_group(running)
            self.proxy.cut()
            holder.rollback()
            holder.close()
            wait_for(lambda: not self.waiters(), "PostgreSQL ends what the dead process asked for")

        return reach

    def test_before_a_recipient_is_taken(self):
        self.kill_at("rcpt", self.on_the_wire(rb"RCPT TO", False))

    def test_in_the_middle_of_the_message(self):
        self.kill_at("middle", self.on_the_wire(rb"Subject: middle", False))

    def test_before_the_commit(self):
        self.kill_at("commit", self.in_the_database("LOCK TABLE spp_email_content IN ACCESS EXCLUSIVE MODE"))

    def test_between_the_copies_of_two_recipients(self):
        # The second insert waits, the first copy is committed.
        self.rows("""
            CREATE FUNCTION sys_wait_second() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN
                IF left(NEW.envelope_recipient, 6) = 'other@' THEN PERFORM pg_advisory_xact_lock_shared(4712); END IF;
                RETURN NEW;
            END $$
        """)
        self.rows("""
            CREATE TRIGGER sys_wait_second BEFORE INSERT ON spp_email_inbound
            FOR EACH ROW EXECUTE FUNCTION sys_wait_second()
        """)
        try:
            self.kill_at("between", self.in_the_database("SELECT pg_advisory_xact_lock(4712)"))
        finally:
            self.rows("DROP TRIGGER sys_wait_second ON spp_email_inbound")
            self.rows("DROP FUNCTION sys_wait_second()")

    def test_stored_but_the_answer_is_lost(self):
        self.kill_at("answer", self.on_the_wire(rb"250 2\.0\.0 Stored", True))
