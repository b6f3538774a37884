# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Sessions with a real Postfix and with a server that misbehaves on purpose: each recipient's result, kept sessions."""

from __future__ import annotations

import re
import time

from tools.smtp_sink import SmtpSink

from .case import SystemCase, box, wait_for
from .console import Console
from .test_outgoing import RELAY, RELAY_PASSWORD

SEND = """
import time
from odoo.addons.spp_email_gateway.models import ir_mail_server_pool as pool
servers = env["ir.mail_server"]
answer = []
for number, to in enumerate(messages):
    attachments = [("large.bin", b"x" * attachment, "application/octet-stream")] if attachment else None
    message = servers._build_email__(
        sender, to, subject, body or "<p>hello</p>", subtype="html", attachments=attachments
    )
    session, error, began = None, "", time.monotonic()
    try:
        with servers._gateway_session(servers.browse(server), sender) as session:
            if timeout:
                import dataclasses
                session._connection = dataclasses.replace(session._connection, read_timeout=timeout)
            servers.send_email(message, mail_server_id=server, smtp_session=session)
    except Exception as raised:
        error = f"{type(raised).__name__}: {raised}"
    results = {} if session is None else {
        name: [r.state.value, r.reason.value, r.phase, r.code, r.enhanced, r.remote_id, r.wait, r.counts]
        for name, r in session.results.items()
    }
    answer.append([results, error, time.monotonic() - began])
"""
SENT = ["sent", "accepted"]


class SessionCase(SystemCase):
    def setUp(self):
        super().setUp()
        self.ask("env['ir.mail_server'].search([]).active = False")

    def tearDown(self):
        self.ask(
            "from odoo.addons.spp_email_gateway.models.ir_mail_server_pool import POOL\n"
            "POOL.close_all(); POOL._idle_seconds = 20.0"
        )
        super().tearDown()

    def server(self, port, encryption="starttls_strict", **values):
        values = {
            "name": "out",
            "smtp_host": self.sandbox.host,
            "smtp_port": port,
            "smtp_encryption": encryption,
            "smtp_user": "u",
            "smtp_pass": "sinkpw",
            "gateway_ca_certificate": self.sandbox.ca_certificate,
            **values,
        }
        return self.ask("answer = env['ir.mail_server'].create(values).id", values=values)

    def sink(self, **options):
        return self.enterContext(SmtpSink(keep=True, authority=self.sandbox.authority, **options))

    def send(self, server, *messages, subject="x", body="", sender=RELAY, attachment=0, timeout=0):
        """Send messages, each to a list of recipients; return [[{recipient: result}, error, seconds], …]."""
        return self.ask(
            SEND,
            server=server,
            messages=messages,
            subject=subject,
            body=body,
            sender=sender,
            attachment=attachment,
            timeout=timeout,
        )

    def states(self, *arguments, **options):
        """Send one message; return {recipient: [state, reason]}."""
        ((results, _error, _seconds),) = self.send(*arguments, **options)
        return {name: result[:2] for name, result in results.items()}


class TestSmtpSession(SessionCase):
    # Postfix

    def test_postfix_takes_many_messages_in_one_session_and_names_them(self):
        address = box()
        server = self.server(self.postfix.submission, smtp_user=RELAY, smtp_pass=RELAY_PASSWORD)
        before = len(self.postfix.log_text())
        answers = self.send(server, *[[address]] * 5, subject="many")
        answers += self.send(server, [address], subject="many")  # a later batch
        names = []
        for results, error, _seconds in answers:
            self.assertEqual((error, results[address][:5]), ("", [*SENT, "message", 250, "2.0.0"]))
            names.append(results[address][5])
        found = wait_for(lambda: len(self.dovecot.messages(address)) == 6, "six messages arrive")
        self.assertTrue(found)
        log = self.postfix.log_text()[before:]
        self.assertEqual(len(set(names)), 6)
        for name in names:
            self.assertIn(f"{name}: client=", log)
        self.assertEqual(len(re.findall(r"smtpd\[\d+\]: connect from", log)), 1)

    def test_postfix_refuses_one_of_three(self):
        first, second = box(), box()
        server = self.server(self.postfix.submission, smtp_user=RELAY, smtp_pass=RELAY_PASSWORD)
        no_domain = "a@-.-"
        found = self.states(server, [first, no_domain, second])
        self.assertEqual(found, {first: SENT, no_domain: ["failed", "refused"], second: SENT})
        wait_for(lambda: self.dovecot.messages(second), "the second arrives")

    def test_postfix_takes_eight_bits_and_dots(self):
        address = box()
        server = self.server(self.postfix.smtps, "ssl_strict", smtp_user=RELAY, smtp_pass=RELAY_PASSWORD)
        self.assertEqual(self.states(server, [address], body="<p>Grüße</p>\n.\n.dot\n"), {address: SENT})
        wait_for(lambda: self.dovecot.messages(address), "it arrives")
        raw = self.dovecot.messages(address)[0][2]
        self.assertIn("Grüße".encode(), raw)
        self.assertIn(b"\n.\r\n.dot", raw.replace(b"\n.\n", b"\n.\r\n"))

    # Faults

    def test_each_recipient_has_a_result_of_its_own(self):
        sink = self.sink()
        server = self.server(sink.port)
        ((results, error, _seconds),) = self.send(server, ["a@x.test", "e550@x.test", "grey300@x.test", "full@x.test"])
        self.assertEqual(error, "")
        self.assertEqual(
            results,
            {
                "a@x.test": [*SENT, "message", 250, "2.0.0", "1", None, True],
                "e550@x.test": ["failed", "refused", "recipient", 550, "5.5.0", "", None, True],
                "grey300@x.test": ["deferred", "try_later", "recipient", 450, "4.2.0", "", 300, False],
                "full@x.test": ["failed", "refused", "recipient", 552, "5.2.2", "", None, True],
            },
        )
        self.assertEqual([message["recipients"] for message in sink.messages()], [["a@x.test"]])
        # Once the time is over it is taken.
        self.assertEqual(self.states(server, ["grey300@x.test"]), {"grey300@x.test": SENT})

    def test_faults(self):
        lost, unknown = ["deferred", "connection_lost"], ["unknown", "lost_after_data"]
        sink = self.sink(max_size=50_000_000)
        server = self.server(sink.port)
        for name, to, expected, options in (
            ("451, then ok", ["t1@x.test"], ["deferred", "try_later"], {}),
            ("then ok", ["t1@x.test"], SENT, {}),
            ("refused after DATA", ["d554@x.test"], ["failed", "refused"], {}),
            ("put off after DATA", ["d451@x.test"], ["deferred", "try_later"], {}),
            ("421 at RCPT", ["q421@x.test"], ["deferred", "try_later"], {}),
            ("drops at RCPT", ["droprcpt@x.test"], lost, {}),
            ("drops in DATA", ["dropdata@x.test"], lost, {"attachment": 8_000_000}),
            ("drops after DATA", ["dropend@x.test"], unknown, {}),
            ("hangs at RCPT", ["hang@x.test"], lost, {"timeout": 0.3}),
            ("hangs after DATA", ["hangend@x.test"], unknown, {"timeout": 0.3}),
            ("slow at RCPT", ["rslow0.5@x.test"], SENT, {}),
            ("slow after DATA", ["slow0.5@x.test"], SENT, {}),
        ):
            with self.subTest(name):
                ((results, _error, seconds),) = self.send(server, to, **options)
                self.assertEqual({address: result[:2] for address, result in results.items()}, {to[0]: expected})
                self.assertLess(seconds, 5)

    def test_a_server_without_pipelining(self):
        sink = self.sink(without=["PIPELINING"])
        server = self.server(sink.port)
        found = self.states(server, ["a@x.test", "e550@x.test", "b@x.test"])
        self.assertEqual(found, {"a@x.test": SENT, "e550@x.test": ["failed", "refused"], "b@x.test": SENT})
        self.assertEqual(self.states(server, ["e550@x.test"]), {"e550@x.test": ["failed", "refused"]})
        self.assertEqual(self.states(server, ["a@x.test"]), {"a@x.test": SENT})
        self.assertEqual(sink.connections, 1)

    def test_a_message_over_the_limit_is_not_sent(self):
        sink = self.sink(max_size=50_000)
        found = self.states(self.server(sink.port), ["a@x.test"], attachment=60_000)
        self.assertEqual(found, {"a@x.test": ["failed", "too_large"]})
        self.assertEqual(sink.count, 0)

    def test_a_certificate_of_another_host(self):
        sink = self.sink()
        ((results, error, _seconds),) = self.send(self.server(sink.port, smtp_host="127.0.0.2"), ["a@x.test"])
        self.assertEqual(results, {})
        self.assertIn("GatewayError: The certificate belongs to another host", error)
        self.assertEqual(sink.messages(), [])

    def test_a_login_beyond_ascii(self):
        sink = self.enterContext(SmtpSink(keep=True, authority=self.sandbox.authority, password="pässwörd€"))
        server = self.server(sink.port, smtp_user="büro", smtp_pass="pässwörd€")
        self.assertEqual(self.states(server, ["a@x.test"]), {"a@x.test": SENT})
        self.assertEqual([message["user"] for message in sink.messages()], ["büro"])

    def test_a_wrong_password_is_told_in_words(self):
        sink = self.sink()
        ((_results, error, _seconds),) = self.send(self.server(sink.port, smtp_pass="wrong"), ["a@x.test"])
        self.assertIn("GatewayError: User name or password is wrong.", error)

    # Kept sessions

    def sent_by(self, sink):
        """The connection of each message, in order."""
        return [message["connection"] for message in sink.messages()]

    def test_a_session_is_kept_across_batches(self):
        sink = self.sink()
        server = self.server(sink.port)
        for _batch in range(3):
            self.send(server, *[["a@x.test"]] * 4)
        self.assertEqual(self.sent_by(sink), [1] * 12)

    def test_a_session_is_closed_when_idle(self):
        sink = self.sink()
        server = self.server(sink.port)
        self.ask(
            "from odoo.addons.spp_email_gateway.models.ir_mail_server_pool import POOL\n"
            "POOL.forget(); POOL._idle_seconds = 0.2"
        )
        self.send(server, ["a@x.test"])
        idle = (
            "from odoo.addons.spp_email_gateway.models.ir_mail_server_pool import POOL\n"
            "answer = POOL.count(env['ir.mail_server'].browse(id)._gateway_session_key())"
        )
        wait_for(lambda: self.ask(idle, id=server) == [0, 0], "the timer closes it")
        self.send(server, ["a@x.test"])
        self.assertEqual(self.sent_by(sink), [1, 2])

    def test_a_session_is_replaced_after_its_messages(self):
        sink = self.sink()
        self.send(self.server(sink.port, gateway_session_messages=3), *[["a@x.test"]] * 7)
        self.assertEqual(self.sent_by(sink), [1, 1, 1, 2, 2, 2, 3])

    def test_a_server_that_ends_sessions_loses_nothing(self):
        sink = self.sink(messages_a_session=2)
        answers = self.send(self.server(sink.port), *[["a@x.test"]] * 7)
        self.assertEqual([error for _results, error, _seconds in answers], [""] * 7)
        self.assertEqual(self.sent_by(sink), [1, 1, 2, 2, 3, 3, 4])

    def test_a_server_that_closed_in_the_meantime_loses_nothing(self):
        sink = self.sink(idle=0.2)
        server = self.server(sink.port)
        for _message in range(3):
            self.assertEqual(self.states(server, ["a@x.test"]), {"a@x.test": SENT})
            time.sleep(0.4)
        self.assertEqual(self.sent_by(sink), [1, 2, 3])

    def test_the_batch_goes_on_after_a_broken_session(self):
        sink = self.sink()
        answers = self.send(
            self.server(sink.port), *[["a@x.test"], ["droprcpt@x.test"], ["b@x.test"], ["q421@x.test"], ["c@x.test"]]
        )
        self.assertEqual([bool(error) for _results, error, _seconds in answers], [False, True, False, True, False])
        # This server answers no command before it cuts: nothing was handed over, so a fresh connection was tried too.
        self.assertEqual(self.sent_by(sink), [1, 3, 5])

    def test_changed_settings_are_used_at_once(self):
        old, new = self.sink(), self.sink()
        server = self.server(old.port)
        self.send(server, ["a@x.test"])
        self.ask("env['ir.mail_server'].browse(id).smtp_port = port", id=server, port=new.port)
        self.send(server, ["a@x.test"])
        self.assertEqual((old.count, new.count), (1, 1))

    def test_round_trips_are_saved(self):
        # MAIL, RCPT and DATA in one write, and the message: two answers where smtplib waits for four.
        sink = self.sink(delay_ms=100)
        server = self.server(sink.port)
        self.send(server, ["a@x.test"])
        ((_results, _error, seconds),) = self.send(server, ["a@x.test", "b@x.test", "c@x.test"])
        self.assertLess(seconds, 0.35)


class TestBreakerProcesses(SystemCase):
    def test_one_of_many_probes(self):
        server = self.ask(
            "answer = env['ir.mail_server'].create({'name': 'out', 'smtp_host': 'mx.test'}).id\n"
            "env.cr.commit()\n"
            "from odoo.addons.spp_email_gateway.engine.breaker import Verdict\n"
            "for n in range(5): env['spp.email.breaker']._learn(answer, Verdict(False, 'broken'))"
        )
        self.assertEqual(
            self.rows("SELECT state, failures FROM spp_email_breaker WHERE server_id = %s", server), [("open", 5)]
        )
        ask = """
import threading
from odoo import api, SUPERUSER_ID
from odoo.addons.spp_email_gateway.engine.gate import Departure
answer, barrier = [], threading.Barrier(8)

def run():
    threading.current_thread().dbname = env.cr.dbname
    with env.registry.cursor() as cr:
        gate = api.Environment(cr, SUPERUSER_ID, {})["spp.email.gate"]
        barrier.wait(10)
        permit = gate._ask(Departure(1, server, "a@x.test", ("b@x.test",)))
        answer.append(permit.hold.reason.value if permit.hold else "leaves")

threads = [threading.Thread(target=run) for _thread in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join(30)
"""
        self.assertEqual(self.ask(ask, server=server), ["paused"] * 8)
        other = Console(self.database, self.odoo_env)
        self.addCleanup(other.stop)
        for _round in range(5):
            self.rows(
                "UPDATE spp_email_breaker SET state = 'open', until = now() AT TIME ZONE 'UTC' - interval '1 second'"
                " WHERE server_id = %s",
                server,
            )
            found = [*self.ask(ask, server=server), *other.ask(ask, server=server)]
            self.assertEqual(sorted(found), ["leaves"] + ["paused"] * 15)

    def test_failures_of_many_threads_are_all_counted(self):
        server = self.ask("answer = env['ir.mail_server'].create({'name': 'out', 'smtp_host': 'mx.test'}).id")
        self.ask(
            """
import threading
from odoo import api, SUPERUSER_ID
from odoo.addons.spp_email_gateway.engine.breaker import Verdict
errors = []

def run():
    threading.current_thread().dbname = env.cr.dbname
    try:
        with env.registry.cursor() as cr:
            for n in range(5):
                api.Environment(cr, SUPERUSER_ID, {})["spp.email.breaker"]._learn(server, Verdict(False, "broken"))
                cr.commit()
    except Exception as error:
        errors.append(repr(error))

threads = [threading.Thread(target=run) for _thread in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join(30)
assert not errors, errors
""",
            server=server,
        )
        self.assertEqual(
            self.rows("SELECT state, failures FROM spp_email_breaker WHERE server_id = %s", server), [("open", 30)]
        )


class TestOAuthSession(SessionCase):
    """Odoo's own google_gmail logs in without a look at the answer."""

    def setUp(self):
        super().setUp()
        # It comes with mail by itself.
        self.assertEqual(self.value("SELECT state FROM ir_module_module WHERE name = 'google_gmail'"), "installed")

    def token(self, token):
        self.ask(
            "type(env['ir.mail_server'])._generate_oauth2_string = "
            "lambda self, user, refresh: f'user={user}\\1auth=Bearer {token}\\1\\1'",
            token=token,
        )

    def gmail(self, sink):
        return self.server(
            sink.port, "starttls", smtp_authentication="gmail", smtp_user="box@gmail.test", smtp_pass=False
        )

    def test_an_accepted_token_sends(self):
        sink = self.sink()
        self.token("sinkpw")
        self.assertEqual(self.states(self.gmail(sink), ["a@x.test"], sender="box@gmail.test"), {"a@x.test": SENT})
        self.assertEqual([message["user"] for message in sink.messages()], ["box@gmail.test"])

    def test_a_refused_token_is_a_failed_login(self):
        sink = self.sink()
        self.token("expired")
        ((results, error, _seconds),) = self.send(self.gmail(sink), ["a@x.test"], sender="box@gmail.test")
        self.assertEqual(results, {})
        self.assertIn("GatewayError: The access token was refused: it has expired, was revoked", error)
        self.assertEqual(sink.count, 0)

    def test_the_connection_test_sees_it_too(self):
        sink = self.sink()
        self.token("expired")
        answer = self.ask(
            "from odoo.exceptions import UserError\n"
            "try:\n    env['ir.mail_server'].browse(id).test_smtp_connection()\n"
            "except UserError as error:\n    answer = str(error)",
            id=self.gmail(sink),
        )
        self.assertIn("The access token was refused: it has expired", answer or "")
