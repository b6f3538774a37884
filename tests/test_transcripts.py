# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import base64
import logging
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from ..engine.transcript import Transcript
from ..models.spp_email_transcript import MOST_OF_A_SERVER, SERVERS
from .common import GatewayCase
from .engine.scripted_server import Close, Expect, ScriptedServer, Send

SECRET = "planted-Secret/42"  # noqa: S105
EHLO = Expect("(?i)^ehlo ", b"250-mx.example.com\r\n250 AUTH PLAIN\r\n")
REFUSED = [
    Send(b"220 mx.example.com ESMTP\r\n"),
    EHLO,
    Expect("^AUTH PLAIN ", f"535 5.7.8 {SECRET} is wrong\r\n".encode()),
    Expect("", b"500 no\r\n"),
    Close(),
]


@tagged("post_install", "-at_install")
class TestTranscripts(GatewayCase):
    def setUp(self):
        super().setUp()
        self.out = self.env["ir.mail_server"].create(
            {
                "name": "Out",
                "smtp_host": "127.0.0.1",
                "smtp_port": 25,
                "smtp_encryption": "none",
                "smtp_user": "ann@example.com",
                "smtp_pass": SECRET,
                "company_id": self.company.id,
            }
        )
        self.box = self.env["fetchmail.server"].create(
            {"name": "In", "server_type": "imap", "server": "127.0.0.1", "user": "ann", "password": "x"}
        )
        self.transcripts = self.env["spp.email.transcript"]

    def record(self, server=None, user=None, minutes="15", **values):
        server = server or self.out
        action = server.with_user(user or self.manager).action_record_transcript()
        dialog = self.env[action["res_model"]].with_user(user or self.manager).with_context(**action["context"])
        return dialog.create({"minutes": minutes, **values}).action_start()

    def kept(self, server):
        return self.transcripts.search([(SERVERS[server._name], "=", server.id)])

    def entry(self, server, **values):
        """A transcript that is there already."""
        self.transcripts._keep(server._name, server.id, Transcript("smtp", "    0.000 > NOOP", 1.0, False))
        found = self.kept(server)[:1]
        found.write(values)
        return found

    def test_a_test_that_fails_leaves_its_transcript_and_no_secret(self):
        self.record()
        with ScriptedServer(REFUSED) as server:
            self.out.smtp_port = server.port
            with self.own_cursors(), self.assertRaisesRegex(UserError, "User name or password is wrong"):
                self.out.with_user(self.manager).test_smtp_connection()
        transcript = self.kept(self.out)
        self.assertEqual((transcript.protocol, transcript.company_id), ("smtp", self.company))
        self.assertIn("> AUTH PLAIN [secret]", transcript.text)
        self.assertIn("< 535 5.7.8 [secret] is wrong", transcript.text)
        for form in (SECRET, base64.b64encode(SECRET.encode()).decode()[:-4], SECRET.encode().hex()):
            self.assertNotIn(form.lower(), transcript.text.lower())
        self.assertEqual(transcript.line_count, len(transcript.text.split("\n")))

    def test_nothing_is_recorded_unless_somebody_asked_for_it(self):
        with ScriptedServer(REFUSED) as server:
            self.out.smtp_port = server.port
            with self.assertRaises(UserError):
                self.out.test_smtp_connection()
        self.assertFalse(self.kept(self.out))
        for server in (self.out, self.box):
            self.assertIsNone(server._gateway_connection().recorder)

    def test_it_ends_by_itself_and_when_somebody_ends_it(self):
        for server in (self.out, self.box):
            for minutes, seconds in (("15", 900), ("60", 3600), ("1440", 86_400)):
                self.record(server, minutes=minutes)
                left = (server.gateway_transcript_until - fields.Datetime.now()).total_seconds()
                self.assertAlmostEqual(left, seconds, delta=5)
                self.assertTrue(server.gateway_is_recorded)
            recorder = server._gateway_connection().recorder
            self.assertAlmostEqual(recorder.until - recorder.clock(), 86_400, delta=5)
            server.gateway_transcript_until = fields.Datetime.now() - timedelta(seconds=1)
            self.assertIsNone(server._gateway_connection().recorder)
            self.assertFalse(server.gateway_is_recorded)
            self.record(server)
            server.with_user(self.manager).action_stop_recording()
            self.assertIsNone(server._gateway_connection().recorder)

    def test_nobody_records_for_ever(self):
        with self.assertRaisesRegex(ValidationError, "one day at most"):
            self.out.with_user(self.manager).gateway_transcript_until = fields.Datetime.now() + timedelta(days=3)

    def test_a_kept_session_is_not_the_one_that_is_recorded(self):
        before = self.out._gateway_session_key()
        self.record()
        self.assertNotEqual(self.out._gateway_session_key(), before)

    def test_addresses_by_choice(self):
        self.record()
        self.assertFalse(self.out._gateway_connection().recorder.keep_addresses)
        self.record(show_addresses=True)
        self.assertTrue(self.out._gateway_connection().recorder.keep_addresses)

    def test_only_managers_record_read_and_remove(self):
        transcript = self.entry(self.out)
        for user in (self.plain, self.portal, self.viewer, self.officer):
            with self.subTest(user=user.login):
                with self.assertRaises(AccessError):
                    transcript.with_user(user).read(["text"])
                with self.assertRaises(AccessError):
                    self.record(user=user)
                with self.assertRaises(AccessError):
                    self.out.with_user(user).action_stop_recording()
        with self.assertRaises(AccessError):
            transcript.with_user(self.manager).write({"text": "made up"})
        with self.assertRaises(AccessError):
            self.transcripts.with_user(self.manager).create({"protocol": "smtp", "mail_server_id": self.out.id})
        self.assertIn("NOOP", transcript.with_user(self.manager).text)
        transcript.with_user(self.manager).unlink()
        self.assertFalse(transcript.exists())

    def test_managers_of_another_company_do_not_read_it(self):
        self.out.company_id = self.other_company
        transcript = self.entry(self.out)
        self.assertEqual(transcript.company_id, self.other_company)
        with self.assertRaises(AccessError):
            transcript.with_user(self.manager).read(["text"])
        self.out.company_id = self.company
        self.assertTrue(transcript.with_user(self.manager).read(["text"]))

    def test_they_are_removed_after_a_week_and_the_last_hundred_are_kept(self):
        old = self.entry(self.out, date=fields.Datetime.now() - timedelta(days=8))
        new = self.entry(self.out, date=fields.Datetime.now() - timedelta(days=6))
        self.transcripts._gc_transcripts()
        self.assertEqual((old | new).exists(), new)
        for _session in range(MOST_OF_A_SERVER + 3):
            last = self.entry(self.out)
        self.assertEqual(len(self.kept(self.out)), MOST_OF_A_SERVER)
        self.assertIn(last, self.kept(self.out))
        self.assertFalse(new.exists())

    def test_they_go_with_their_server(self):
        transcripts = self.entry(self.out) | self.entry(self.box)
        self.out.unlink()
        self.box.unlink()
        self.assertFalse(transcripts.exists())

    def test_a_transcript_that_cannot_be_kept_disturbs_nobody(self):
        said = Transcript("smtp", "planted", 1.0, False)
        with self.own_cursors(), self.assertLogs("odoo", "INFO") as logs:
            # The server is gone; the database refuses.
            self.transcripts._keeper("ir.mail_server", 2**30)(said)
            self.patch(type(self.transcripts), "_keep", lambda *_arguments: 1 / 0)
            self.transcripts._keeper("ir.mail_server", self.out.id)(said)
        self.assertEqual(len(logs.output), 1)
        self.assertIn(f"A transcript of ir.mail_server {self.out.id} was not kept: ZeroDivisionError.", logs.output[0])
        self.assertNotIn("planted", "".join(logs.output))

    def test_a_text_that_the_database_refuses_does_not_reach_the_log(self):
        with self.assertLogs("odoo", "INFO") as logs:
            logging.getLogger("odoo").warning("one line, so that there is a log")
            with self.assertRaises(ValueError), self.env.cr.savepoint():
                self.transcripts._keep("ir.mail_server", self.out.id, Transcript("smtp", "planted\0", 1.0, False))
        self.assertNotIn("planted", "".join(logs.output))

    def test_odoos_debugging_is_never_on(self):
        self.env.cr.execute("UPDATE ir_mail_server SET smtp_debug = TRUE WHERE id = %s", [self.out.id])
        self.out.invalidate_recordset()
        self.assertIs(self.out.smtp_debug, False)
        self.assertIs(self.out.read(["smtp_debug"])[0]["smtp_debug"], False)
        self.out.name = "Another"
        self.env.flush_all()
        self.env.cr.execute("SELECT smtp_debug FROM ir_mail_server WHERE id = %s", [self.out.id])
        self.assertEqual(self.env.cr.fetchall(), [(True,)], "as Odoo finds it after uninstalling")

    def test_a_session_says_nothing_in_the_log(self):
        script = [
            Send(b"220 planted.example.com ESMTP\r\n"),
            EHLO,
            Expect("^AUTH PLAIN ", b"235 in\r\n"),
            Expect("(?i)^noop", b"250 planted\r\n"),
            Expect("(?i)^quit", b"221 bye\r\n"),
        ]
        self.out.smtp_debug = True
        self.patch(type(self.env["ir.mail_server"]), "_disable_send", lambda _model: False)
        with ScriptedServer(script) as server, self.assertLogs(level=logging.DEBUG) as logs:
            logging.getLogger("odoo").debug("one line, so that there is a log")
            self.out.smtp_port = server.port
            session = self.env["ir.mail_server"]._connect__(mail_server_id=self.out.id, smtp_debug=True)
            session.set_debuglevel(2)
            session.noop()
            session.quit()
        self.assertEqual(server.surprises, [])
        self.assertNotIn("planted", "\n".join(logs.output))


@tagged("post_install", "-at_install")
class TestVerifiedKinds(GatewayCase):
    """What Odoo forces to "encryption only" is verified all the same."""

    def server(self, **values):
        return self.env["ir.mail_server"].create(
            {"name": "Out", "smtp_host": "mail.example.com", "smtp_user": "ann@example.com", **values}
        )

    def test_kinds(self):
        person = {"owner_user_id": self.plain.id}
        for values, verified in (
            ({"smtp_encryption": "starttls"}, False),
            ({"smtp_encryption": "ssl"}, False),
            ({"smtp_encryption": "starttls_strict"}, True),
            ({"smtp_encryption": "ssl_strict"}, True),
            ({"smtp_encryption": "starttls", "smtp_authentication": "gmail"}, True),
            ({"smtp_encryption": "starttls", "smtp_authentication": "outlook"}, True),
            ({"smtp_encryption": "starttls", **person}, True),
            ({"smtp_encryption": "starttls", "smtp_authentication": "gmail", **person}, True),
        ):
            if values.get("smtp_authentication", "login") not in dict(
                self.env["ir.mail_server"]._fields["smtp_authentication"].selection
            ):
                continue
            with self.subTest(**values):
                server = self.server(**values)
                self.assertIs(server._gateway_connection().verify, verified)
                self.assertEqual(bool(server.gateway_security_warning), not verified)
                forced = values["smtp_encryption"] == "starttls" and verified
                self.assertEqual(bool(server.gateway_verified_text), forced)
                server.unlink()

    def test_a_server_of_a_person_as_odoo_makes_it(self):
        """With the values of res.users' own method, whichever addon adds to them."""
        self.env["ir.config_parameter"].set_param("mail.use_gmail", "True")
        server = self.server(
            active=False,
            smtp_pass=False,
            from_filter="plain@example.com",
            smtp_port=587,
            smtp_encryption="starttls",
            owner_user_id=self.plain.id,
        )
        self.assertTrue(server._gateway_connection().verify)

    def test_a_server_from_before_keeps_its_choice_and_says_so(self):
        self.env.cr.execute(
            "INSERT INTO ir_mail_server (name, smtp_host, smtp_port, smtp_encryption, smtp_authentication, active)"
            " VALUES ('Old', 'mail.example.com', 587, 'starttls', 'login', TRUE) RETURNING id"
        )
        server = self.env["ir.mail_server"].browse(self.env.cr.fetchone()[0])
        self.assertFalse(server._gateway_connection().verify)
        self.assertIn("certificate is not verified", server.gateway_security_warning)

    def test_mailboxes(self):
        kinds = dict(self.env["fetchmail.server"]._fields["server_type"].selection)
        for kind in ("gmail", "outlook"):
            if kind not in kinds:
                continue
            box = self.env["fetchmail.server"].create(
                {
                    "name": "In",
                    "server_type": kind,
                    "server": "imap.example.com",
                    "user": "ann@example.com",
                    "is_ssl": True,
                    "gateway_skip_verification": True,
                }
            )
            with self.subTest(kind=kind):
                self.assertTrue(box._gateway_connection().verify)

    def test_a_client_certificate_goes_to_no_forbidden_address(self):
        server = self.server(smtp_encryption="starttls_strict")
        self.env.cr.execute(
            "UPDATE ir_mail_server SET smtp_authentication = 'certificate', smtp_host = '0xA9FEA9FE' WHERE id = %s",
            [server.id],
        )
        server.invalidate_recordset()
        self.patch(type(self.env["ir.mail_server"]), "_disable_send", lambda _model: False)
        with self.assertRaisesRegex(Exception, "no mail server may be asked there"):
            self.env["ir.mail_server"]._connect__(mail_server_id=server.id)
