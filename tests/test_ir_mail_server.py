# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import smtplib
from unittest.mock import MagicMock, patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from odoo.addons.base.tests.common import MockSmtplibCase

from ..engine.connection import Security
from ..engine.diagnosis import Diagnosis, Step, Suggestion
from ..engine.errors import ConfigurationError, GatewayError
from ..engine.own_mark import find_own_mark
from ..engine.summary import summarize
from .common import GatewayCase

MODULE = "odoo.addons.spp_email_gateway.models.ir_mail_server"
UNVERIFIED = "The server's certificate is not verified"
CLEAR = "Password and mail travel in clear text"


class OutgoingCase(GatewayCase):
    def server(self, **values):
        return self.env["ir.mail_server"].create(
            {"name": "Out", "smtp_host": "mx.gateway.test", "smtp_user": "box@gateway.test", **values}
        )


@tagged("post_install", "-at_install")
class TestIrMailServer(OutgoingCase):
    def test_a_new_server_is_encrypted_and_verified(self):
        for server in (self.server(), Form(self.env["ir.mail_server"])):
            self.assertEqual((server.smtp_encryption, server.smtp_port), ("starttls_strict", 587))
            self.assertEqual(
                (server.gateway_encryption, server.gateway_skip_verification, server.gateway_port),
                ("starttls", False, "587"),
            )
            self.assertFalse(server.gateway_security_warning)

    def test_encryption_is_shown_in_two_fields(self):
        for smtp_encryption, encryption, skip, warning in (
            ("none", "none", False, CLEAR),
            ("starttls_strict", "starttls", False, ""),
            ("starttls", "starttls", True, UNVERIFIED),
            ("ssl_strict", "tls", False, ""),
            ("ssl", "tls", True, UNVERIFIED),
        ):
            with self.subTest(smtp_encryption=smtp_encryption):
                server = self.server(smtp_encryption=smtp_encryption)
                self.assertEqual((server.gateway_encryption, server.gateway_skip_verification), (encryption, skip))
                self.assertEqual((server.gateway_security_warning or "").split(":")[0].split(".")[0], warning)
                connection = server._gateway_connection()
                self.assertEqual((connection.security.value, connection.verify), (encryption, not skip))
                # And back.
                other = self.server()
                other.write({"gateway_encryption": encryption, "gateway_skip_verification": skip})
                self.assertEqual(other.smtp_encryption, smtp_encryption)

    def test_without_encryption_there_is_nothing_to_verify(self):
        server = self.server()
        server.write({"gateway_encryption": "none", "gateway_skip_verification": True})
        server.invalidate_recordset()
        self.assertEqual((server.smtp_encryption, server.gateway_skip_verification), ("none", False))

    def test_an_own_server_program_has_no_warning(self):
        self.assertFalse(self.server(smtp_authentication="cli", smtp_encryption="none").gateway_security_warning)

    def test_the_form_keeps_encryption_and_port_together(self):
        form = Form(self.env["ir.mail_server"])
        for encryption, skip, smtp_encryption, port in (
            ("tls", False, "ssl_strict", 465),
            ("tls", True, "ssl", 465),
            ("none", True, "none", 25),
            ("starttls", False, "starttls_strict", 587),
            ("starttls", True, "starttls", 587),
        ):
            with self.subTest(encryption=encryption, skip=skip):
                form.gateway_encryption = encryption
                if encryption != "none":
                    form.gateway_skip_verification = skip
                self.assertEqual((form.smtp_encryption, form.smtp_port), (smtp_encryption, port))

    def test_a_port_that_nobody_would_guess_is_left_alone(self):
        form = Form(self.env["ir.mail_server"])
        form.gateway_port = "other"
        form.smtp_port = 10587
        form.gateway_encryption = "tls"
        self.assertEqual(form.smtp_port, 10587)

    def test_the_form_offers_ports(self):
        form = Form(self.env["ir.mail_server"])
        for choice, port in (("465", 465), ("2525", 2525), ("25", 25), ("587", 587)):
            with self.subTest(choice=choice):
                form.gateway_port = choice
                self.assertEqual((form.smtp_port, form.gateway_port), (port, choice))

    def test_ports_are_shown_as_choices(self):
        for port, choice in ((587, "587"), (465, "465"), (2525, "2525"), (25, "25"), (10025, "other"), (0, "other")):
            with self.subTest(port=port):
                server = self.server(smtp_port=port)
                self.assertEqual(server.gateway_port, choice)
                server.gateway_port = "other"
                self.assertEqual(server.smtp_port, port)

    def test_what_the_form_shows_is_saved(self):
        with Form(self.env["ir.mail_server"]) as form:
            form.name = "Out"
            form.smtp_host = "mx.gateway.test"
            form.gateway_encryption = "tls"
            form.gateway_skip_verification = True
        server = form.record
        self.assertEqual((server.smtp_encryption, server.smtp_port), ("ssl", 465))

    def test_a_server_without_name_is_a_configuration_error(self):
        with self.assertRaises(ConfigurationError) as caught:
            self.server(smtp_host=False)._gateway_connection()
        self.assertEqual((str(caught.exception), caught.exception.field), ("The outgoing server has no name.", "host"))

    # ------------------------------------------------------------------
    # Rights
    # ------------------------------------------------------------------

    def test_only_managers_see_servers(self):
        server = self.server()
        for user in (self.plain, self.viewer, self.officer, self.portal):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                server.with_user(user).read(["name"])
        self.assertTrue(server.with_user(self.manager).read(["name"]))

    def test_a_manager_sets_up_a_server_with_its_login_and_tests_it(self):
        with Form(self.env["ir.mail_server"].with_user(self.manager)) as form:
            form.name = "Mine"
            form.smtp_host = "mx.gateway.test"
            form.smtp_user = "mine@gateway.test"
            form.smtp_pass = "s3cret"
        server = form.record
        self.assertEqual(server._credential().secret, "s3cret")
        with patch(f"{MODULE}_test.diagnose_smtp", return_value=Diagnosis((Step("Login", True, "ok"),))):
            server.test_smtp_connection()


@tagged("post_install", "-at_install")
class TestIrMailServerConnect(OutgoingCase, MockSmtplibCase):
    def setUp(self):
        super().setUp()
        self.env["ir.mail_server"].search([]).active = False

    def opened(self, server=None, *, smtp_from="ann@gateway.test", **options):
        """Connect; return (session, connection asked for)."""
        session = MagicMock()
        model = type(self.env["ir.mail_server"])
        with (
            patch.object(model, "_disable_send", lambda _model: False),
            patch(f"{MODULE}_session.open_session", return_value=session) as open_session,
        ):
            found = self.env["ir.mail_server"]._connect__(
                mail_server_id=server.id if server else None, smtp_from=smtp_from, **options
            )
            self.assertIs(found, session)
        return session, open_session.call_args.args[0]

    def test_a_server_is_connected_by_the_gateway(self):
        server = self.server(
            smtp_pass="s3cret", smtp_encryption="ssl_strict", smtp_port=465, from_filter="gateway.test"
        )
        session, connection = self.opened(server)
        self.assertEqual(
            (connection.host, connection.port, connection.security, connection.verify),
            ("mx.gateway.test", 465, Security.TLS, True),
        )
        session.login.assert_called_once_with("box@gateway.test", "s3cret")
        session.ehlo_or_helo_if_needed.assert_called_once_with()
        self.assertEqual((session.from_filter, session.smtp_from), ("gateway.test", "ann@gateway.test"))

    def test_the_session_carries_this_databases_mark(self):
        session, _connection = self.opened(self.server())
        facts = {}
        ring = self.env["spp.email.token.key"]._ring()
        message = summarize(f"X-SPP-Email-Gateway: {session.own_mark}\r\n\r\n".encode())
        find_own_mark(ring, self.cr.now())(message, facts)
        self.assertTrue(facts["own_mark"])

    def test_without_a_user_there_is_no_login(self):
        session, _connection = self.opened(self.server(smtp_user=False))
        session.login.assert_not_called()

    def test_an_international_login_is_sent_in_ascii(self):
        session, _connection = self.opened(self.server(smtp_user="box@žluť.test", smtp_pass="x"))
        session.login.assert_called_once_with("box@xn--lu-yta1h.test", "x")

    def test_the_server_is_chosen_by_the_from(self):
        self.server(name="other", smtp_host="other.test", sequence=1)
        self.server(name="mine", smtp_host="mine.test", from_filter="ann@gateway.test", sequence=9)
        session, connection = self.opened()
        self.assertEqual(connection.host, "mine.test")
        self.assertEqual(session.smtp_from, "ann@gateway.test")

    def test_the_login_goes_through_the_registry(self):
        # OAuth addons replace this very method.
        server = self.server()
        with patch.object(type(server), "_smtp_login__") as login:
            session, _connection = self.opened(server)
        login.assert_called_once_with(session, "box@gateway.test", "")

    def test_an_archived_server_is_refused(self):
        server = self.server(active=False)
        model = type(server)
        with patch.object(model, "_disable_send", lambda _model: False), self.assertRaises(UserError):
            server._connect__(mail_server_id=server.id)
        self.opened(server, allow_archived=True)

    def test_nothing_is_connected_where_sending_is_disabled(self):
        with patch(f"{MODULE}_session.open_session", side_effect=AssertionError):
            self.assertIsNone(self.env["ir.mail_server"]._connect__(mail_server_id=self.server().id))

    def test_what_odoo_connects(self):
        model = type(self.env["ir.mail_server"])
        by_program = self.server(smtp_authentication="cli")
        for name, options in (
            ("explicit parameters", {"host": "explicit.test", "port": 25}),
            ("the configuration file", {}),
            ("command line", {"mail_server_id": by_program.id}),
        ):
            if name == "the configuration file":
                by_program.active = False
            elif name == "command line":
                by_program.active = True
            with (
                self.subTest(name=name),
                patch.object(model, "_disable_send", lambda _model: False),
                patch(f"{MODULE}_session.open_session", side_effect=AssertionError("not the gateway's")),
                patch(
                    "odoo.addons.base.models.ir_mail_server.IrMail_Server._connect__", return_value=MagicMock()
                ) as connect,
            ):
                session = self.env["ir.mail_server"]._connect__(smtp_from="ann@gateway.test", **options)
                self.assertIs(session, connect.return_value)
                self.assertEqual(session.gateway_server_id, options.get("mail_server_id"))
                self.assertEqual(connect.call_args.kwargs["smtp_from"], "ann@gateway.test")

    def test_while_smtplib_is_replaced_odoo_connects(self):
        server = self.server()
        with self.mock_smtplib_connection(), patch(f"{MODULE}_session.open_session", side_effect=AssertionError):
            session = self.env["ir.mail_server"]._connect__(mail_server_id=server.id, smtp_from="ann@gateway.test")
            self.assertIs(session, self.testing_smtp_session)

    def test_a_failure_reaches_the_caller(self):
        server = self.server()
        for error in (GatewayError("no"), smtplib.SMTPAuthenticationError(535, b"no")):
            with (
                self.subTest(error=type(error).__name__),
                patch.object(type(server), "_disable_send", lambda _model: False),
                patch(f"{MODULE}_session.open_session", side_effect=error),
                self.assertRaises(type(error)),
            ):
                server._connect__(mail_server_id=server.id)


@tagged("post_install", "-at_install")
class TestIrMailServerTest(OutgoingCase):
    def diagnosed(self, *diagnoses):
        return patch(f"{MODULE}_test.diagnose_smtp", side_effect=diagnoses)

    def test_success_tells_each_step(self):
        server = self.server()
        with self.diagnosed(Diagnosis((Step("Name", True, "found"), Step("Login", True, "accepted")))) as diagnose:
            params = server.test_smtp_connection()["params"]
        self.assertEqual(
            (params["type"], params["title"], params["message"], params["sticky"]),
            ("success", "Connection Test Successful", "Name: found\nLogin: accepted", False),
        )
        connection, login, sender = diagnose.call_args.args
        self.assertEqual((connection.host, sender), ("mx.gateway.test", "box@gateway.test"))
        self.assertEqual((login.__name__, login.__self__), ("_gateway_login", server))

    def test_without_a_user_no_login_is_tried(self):
        with self.diagnosed(Diagnosis((Step("Name", True, "found"),))) as diagnose:
            self.server(smtp_user=False).test_smtp_connection()
        self.assertIsNone(diagnose.call_args.args[1])

    def test_a_failure_names_the_field_what_happened_and_the_cure(self):
        for field, label in (
            ("host", "SMTP Server"),
            ("port", "SMTP Port"),
            ("security", "Connection Encryption"),
            ("certificate", "Private CA"),
            ("user", "Username"),
            ("password", "Password"),
            ("sender", "FROM Filtering"),
            ("", ""),
        ):
            steps = (Step("Name", True, "found"), Step("X", False, "It was refused.", "Do this.", field))
            with self.subTest(field=field), self.diagnosed(Diagnosis(steps)), self.assertRaises(UserError) as caught:
                self.server().test_smtp_connection()
            check = f"Check the field “{label}”.\n" if label else ""
            self.assertEqual(str(caught.exception), f"{check}It was refused.\nDo this.")

    def test_a_mixed_up_encryption_is_put_right(self):
        failure = (Step("Encryption", False, "no", "", "security"),)
        for before, security, port, after in (
            ("starttls_strict", Security.TLS, 465, "ssl_strict"),
            ("starttls", Security.TLS, 465, "ssl"),
            ("ssl_strict", Security.STARTTLS, 587, "starttls_strict"),
            ("none", Security.STARTTLS, 587, "starttls_strict"),
        ):
            server = self.server(smtp_encryption=before, smtp_port=999)
            first = Diagnosis(failure, Suggestion(port, security, "Port speaks otherwise."))
            with self.subTest(before=before), self.diagnosed(first, Diagnosis((Step("Login", True, "ok"),))):
                params = server.test_smtp_connection()["params"]
                self.assertEqual((server.smtp_encryption, server.smtp_port), (after, port))
                self.assertEqual((params["type"], params["sticky"]), ("warning", True))
                self.assertEqual(params["message"], "The settings were put right: Port speaks otherwise.\nLogin: ok")

    def test_a_change_that_does_not_help_is_not_kept(self):
        failure = (Step("Encryption", False, "It was refused.", "", "security"),)
        server = self.server(smtp_encryption="starttls_strict", smtp_port=587)
        first = Diagnosis(failure, Suggestion(465, Security.TLS, "Port 465 speaks SMTP with TLS."))
        # Not assertRaises: Odoo's own rolls back, and would hide what is left behind.
        text = ""
        with self.diagnosed(first, Diagnosis((Step("Login", False, "worse"),))):
            try:
                server.test_smtp_connection()
            except UserError as error:
                text = str(error)
        self.assertEqual(text, "Check the field “Connection Encryption”.\nIt was refused.")
        self.assertEqual((server.smtp_encryption, server.smtp_port), ("starttls_strict", 587))

    def test_a_server_without_name_says_so(self):
        with self.assertRaises(UserError) as caught:
            self.server(smtp_host=False).test_smtp_connection()
        self.assertEqual(str(caught.exception), "The outgoing server has no name.")
