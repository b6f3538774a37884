# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import smtplib
from contextlib import ExitStack
from functools import partial
from unittest.mock import patch

import psycopg2

from odoo.exceptions import UserError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from odoo.addons.base.tests.common import MockSmtplibCase

from ..engine.errors import GatewayError
from ..engine.session_pool import SessionPool
from ..engine.smtp_sending import SendingSession
from .test_ir_mail_server import MODULE, OutgoingCase


class FakeSession(SendingSession):
    """A session that is connected to nothing."""

    opened = []

    def __init__(self, *_arguments):
        self.is_open, self.said_goodbye, self.logins = True, False, []
        self.opened.append(self)

    def login(self, user, password):
        self.logins.append((user, password))

    def confirm_login(self):
        pass

    def set_debuglevel(self, level):
        pass

    def ehlo_or_helo_if_needed(self):
        pass

    def unlimit(self):
        pass

    def say_goodbye(self):
        self.said_goodbye, self.is_open = True, False

    def close(self):
        self.is_open = False

    quit = close


@tagged("post_install", "-at_install")
class TestMailServerSession(OutgoingCase, MockSmtplibCase):
    def setUp(self):
        super().setUp()
        self.servers = self.env["ir.mail_server"]
        self.servers.search([]).active = False
        self.out = self.server(smtp_pass="s3cret", from_filter="gateway.test")
        FakeSession.opened = []
        self.pool = SessionPool()
        self.patch(type(self.servers), "_disable_send", lambda _model: False)
        self.enterContext(patch(f"{MODULE}_session.open_session", FakeSession))
        self.enterContext(patch(f"{MODULE}_pool.POOL", self.pool))

    def keeping(self):
        """Context: sessions are kept, as outside of tests."""
        return patch("odoo.modules.module.current_test", False)

    def use(self, server=None, smtp_from="ann@gateway.test", times=1):
        """Return the session of the last of so many uses."""
        with self.keeping():
            for _time in range(times):
                with self.servers._gateway_session(self.out if server is None else server, smtp_from) as session:
                    pass
        return session

    def test_a_session_is_used_again(self):
        session = self.use()
        self.assertEqual(session.logins, [("box@gateway.test", "s3cret")])
        self.assertIs(self.use(), session)
        self.assertTrue(session.is_open)
        self.assertEqual(len(FakeSession.opened), 1)

    def test_only_who_opens_a_session_is_told_before(self):
        told = []
        with self.keeping():
            for _time in range(2):
                with self.servers._gateway_session(self.out, "ann@gateway.test", on_open=lambda: told.append(1)):
                    pass
        self.assertEqual(told, [1])

    @mute_logger(f"{MODULE}_pool")
    def test_what_cannot_be_noted_of_a_session_undoes_nothing(self):
        def fail(*arguments):
            raise psycopg2.OperationalError("no connection")

        self.patch(self.env.registry["spp.email.dkim.key"], "_note_unsigned", fail)
        session = self.use()
        self.assertIs(self.use(), session)

    def test_it_carries_the_sender_of_its_message(self):
        with self.keeping():
            for sender in ("ann@gateway.test", "bob@gateway.test"):
                with self.servers._gateway_session(self.out, sender) as session:
                    self.assertEqual((session.smtp_from, session.from_filter), (sender, "gateway.test"))
                    self.assertTrue(session.own_mark)

    def test_changed_settings_or_login_lead_to_another_session(self):
        session = self.use()
        for values in (
            {"smtp_pass": "other"},
            {"smtp_user": "other@gateway.test"},
            {"smtp_host": "other.gateway.test"},
            {"smtp_port": 2525},
            {"smtp_encryption": "ssl_strict"},
        ):
            with self.subTest(values):
                self.out.write(values)
                other = self.use()
                self.assertIsNot(other, session)
                session = other

    def test_the_key_of_a_session_holds_no_credential(self):
        self.assertNotIn("s3cret", repr(self.out._gateway_session_key()))
        self.assertNotEqual(self.out._gateway_session_key(), self.out.copy()._gateway_session_key())

    def test_servers_have_sessions_of_their_own(self):
        self.assertIsNot(self.use(), self.use(self.server(name="other")))

    def test_the_server_is_chosen_by_the_from(self):
        session = self.use(self.servers)
        self.assertIs(self.use(self.out), session)
        self.assertEqual(session.smtp_from, "ann@gateway.test")

    def test_the_sender_is_the_one_that_was_chosen_with_the_server(self):
        # Nobody may send as a stranger here: the notification address does, from the first session on.
        self.out.from_filter = "notifications@gateway.test"
        for _time in range(2):
            session = self.use(self.servers, "stranger@example.com")
            self.assertEqual(session.smtp_from, "notifications@gateway.test")

    def test_a_broken_session_is_not_used_again(self):
        with self.keeping(), self.assertRaises(smtplib.SMTPServerDisconnected):
            with self.servers._gateway_session(self.out, "ann@gateway.test") as session:
                session.close()
                raise smtplib.SMTPServerDisconnected("gone")
        self.assertIsNot(self.use(), session)

    def test_a_refused_message_leaves_the_session_alive(self):
        with self.keeping(), self.assertRaises(smtplib.SMTPRecipientsRefused):
            with self.servers._gateway_session(self.out, "ann@gateway.test") as session:
                raise smtplib.SMTPRecipientsRefused({})
        self.assertIs(self.use(), session)

    def test_nothing_of_a_message_is_left_on_the_session(self):
        with self.keeping(), self.servers._gateway_session(self.out, "ann@gateway.test") as session:
            session.on_begin = print
            self.assertTrue(session.reopen)
        self.assertEqual((session.on_begin, session.reopen), (None, None))

    def test_a_session_ends_after_the_messages_of_its_server(self):
        self.out.gateway_session_messages = 2
        session = self.use()
        session.messages = 1
        self.assertIs(self.use(), session)
        session.messages = 2
        self.assertIsNot(self.use(), session)
        self.assertTrue(session.said_goodbye)

    def test_no_more_sessions_than_the_server_may_have(self):
        self.out.gateway_session_limit = 2
        impatient = partial(self.pool.acquire, patience=0)
        with self.keeping(), ExitStack() as stack, patch.object(self.pool, "acquire", impatient):
            for _session in range(2):
                stack.enter_context(self.servers._gateway_session(self.out, "ann@gateway.test"))
            self.assertEqual(self.pool.count(self.out._gateway_session_key()), (2, 0))
            with self.assertRaises(GatewayError) as caught:
                stack.enter_context(self.servers._gateway_session(self.out, "ann@gateway.test"))
            self.assertEqual(caught.exception.phase, "pool")

    def test_an_archived_server_is_refused_also_where_a_session_waits(self):
        self.use()
        self.out.active = False
        with self.assertRaises(UserError):
            self.use()

    def test_tests_get_what_odoo_gives(self):
        with self.servers._gateway_session(self.out, "ann@gateway.test") as session:
            self.assertTrue(session.is_open)
        self.assertFalse(session.is_open)
        self.patch(type(self.servers), "_disable_send", lambda _model: True)
        for current_test in (True, False):
            with (
                self.subTest(current_test=current_test),
                patch("odoo.modules.module.current_test", current_test),
                self.servers._gateway_session(self.out, "ann@gateway.test") as session,
            ):
                self.assertIsNone(session)

    def test_nothing_is_kept_while_smtplib_is_replaced(self):
        with self.keeping(), self.mock_smtplib_connection():
            self.assertFalse(self.servers._gateway_may_keep_sessions())
            with self.servers._gateway_session(self.out, "ann@gateway.test") as session:
                self.assertIs(session, self.testing_smtp_session)

    def test_nothing_is_kept_where_another_addon_connects(self):
        with self.keeping():
            self.assertTrue(self.servers._gateway_may_keep_sessions())
            with patch.object(type(self.servers), "_connect__", lambda *_a, **_k: FakeSession()):
                self.assertFalse(self.servers._gateway_may_keep_sessions())
                with self.servers._gateway_session(self.out, "ann@gateway.test") as session:
                    pass
                self.assertFalse(session.is_open)

    def test_a_session_of_odoos_own_code_tells_results_too(self):
        self.out.active = False
        plain = smtplib.SMTP(timeout=1)
        with patch("odoo.addons.base.models.ir_mail_server.IrMail_Server._connect__", return_value=plain):
            session = self.servers._connect__(smtp_from="ann@gateway.test")
        self.assertIs(session, plain)
        self.assertIsInstance(session, SendingSession)
        self.assertTrue(session.own_mark)

    def test_a_failed_login_leaves_no_connection_open(self):
        for error, raised in (
            (smtplib.SMTPAuthenticationError(535, b"5.7.8 no"), GatewayError),
            (GatewayError("refused", phase="login"), GatewayError),
            (smtplib.SMTPServerDisconnected("gone"), smtplib.SMTPServerDisconnected),
        ):
            with (
                self.subTest(type(error).__name__),
                patch.object(FakeSession, "login", side_effect=error),
                self.assertRaises(raised) as caught,
            ):
                self.servers._connect__(mail_server_id=self.out.id)
            self.assertFalse(FakeSession.opened[-1].is_open)
            if raised is GatewayError:
                self.assertEqual(caught.exception.phase, "login")

    def test_a_login_that_nobody_looked_at_is_confirmed(self):
        refused = GatewayError("The access token was refused.", phase="login", permanent=True)
        with (
            patch.object(type(self.servers), "_smtp_login__", lambda *_arguments: None),
            patch.object(FakeSession, "confirm_login", side_effect=refused),
            self.assertRaises(GatewayError),
        ):
            self.servers._connect__(mail_server_id=self.out.id)

    def test_an_ascii_user_is_left_as_it_is(self):
        server = self.server(smtp_user="box@under_score.test", smtp_pass="x")
        session = self.servers._connect__(mail_server_id=server.id)
        self.assertEqual(session.logins, [("box@under_score.test", "x")])

    def test_the_form_has_the_limits(self):
        with Form(self.out) as form:
            self.assertEqual((form.gateway_session_limit, form.gateway_session_messages), (4, 100))
            form.gateway_session_limit = 1
        self.assertEqual(self.out.gateway_session_limit, 1)
