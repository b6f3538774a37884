# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from unittest.mock import patch

import psycopg2

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from ..engine.diagnosis import Diagnosis, Step
from ..engine.errors import ConfigurationError
from ..engine.mailbox import MailboxStatus
from ..engine.mailbox_diagnosis import MailboxDiagnosis
from .common import GatewayCase

DIAGNOSE = "odoo.addons.spp_email_gateway.models.fetchmail_server_test.diagnose_mailbox"


@tagged("post_install", "-at_install")
class TestFetchmailServer(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.partner = cls.env["res.partner"].create({"name": "Target"})
        cls.action = cls.env["ir.actions.server"].create(
            {
                "name": "Do",
                "model_id": cls.env["ir.model"]._get("spp.email.inbound").id,
                "state": "code",
                "code": "pass",
            }
        )
        cls.attach = {"gateway_action": "attach", "gateway_record": f"res.partner,{cls.partner.id}"}
        cls.by_action = {"gateway_action": "server_action", "gateway_server_action_id": cls.action.id}
        cls.make = {"object_id": cls.partner_model.id}

    # ------------------------------------------------------------------
    # What happens to a mail
    # ------------------------------------------------------------------

    def test_action_and_model_say_the_same(self):
        make, attach, run = self.make, self.attach, self.by_action
        for name, created, written, action, has_model in (
            ("nothing", {"object_id": False}, {}, False, False),
            ("a model alone", make, {}, "create", True),
            ("create with a model", {**make, "gateway_action": "create"}, {}, "create", True),
            ("attach", {**make, **attach}, {}, "attach", False),
            ("action", {**make, **run}, {}, "server_action", False),
            ("no action", {**make, "gateway_action": False}, {}, False, False),
            ("a model is set", {"object_id": False}, make, "create", True),
            ("a model replaces attach", attach, make, "create", True),
            ("attach replaces a model", make, attach, "attach", False),
            ("an action replaces a model", make, run, "server_action", False),
            ("the model is removed", make, {"object_id": False}, False, False),
            ("the action is removed", make, {"gateway_action": False}, False, False),
            ("no model is removed", attach, {"object_id": False}, "attach", False),
            ("something else is written", make, {"name": "x"}, "create", True),
        ):
            with self.subTest(name=name):
                box = self.mailbox(**created)
                box.write(written)
                self.assertEqual((box.gateway_action, bool(box.object_id)), (action, has_model))

    def test_removing_the_model_of_several_mailboxes_at_once(self):
        create, attach = self.mailbox(), self.mailbox(**self.attach)
        (create + attach).write({"object_id": False})
        self.assertEqual((create.gateway_action, attach.gateway_action), (False, "attach"))

    def test_an_action_needs_its_value(self):
        for values, label in (
            ({"gateway_action": "create", "object_id": False}, "Create a New Record"),
            ({"gateway_action": "attach"}, "Attach to"),
            ({"gateway_action": "server_action"}, "Server Action"),
        ):
            with self.subTest(label=label), self.assertRaises(ValidationError) as caught:
                self.mailbox(**values)
            self.assertEqual(
                str(caught.exception), f"The action for incoming mails needs a value in the field “{label}”."
            )

    def test_records_to_attach_to_are_those_with_a_chatter(self):
        models = dict(self.env["fetchmail.server"].with_user(self.manager)._selection_gateway_record())
        self.assertIn("res.partner", models)
        self.assertNotIn("mail.thread", models)
        self.assertNotIn("ir.ui.menu", models)

    def test_a_used_action_cannot_be_deleted(self):
        self.mailbox(**self.by_action)
        with mute_logger("odoo.sql_db"), self.assertRaises(psycopg2.errors.ForeignKeyViolation):
            self.action.unlink()

    # ------------------------------------------------------------------
    # Connection
    # ------------------------------------------------------------------

    def test_settings_make_the_connection(self):
        for is_ssl, use_starttls, skip, security, verify, warning in (
            (True, True, False, "tls", True, ""),
            (True, False, False, "tls", True, ""),
            (True, False, True, "tls", False, "The server's certificate is not verified"),
            (False, True, False, "starttls", True, ""),
            (False, True, True, "starttls", False, "The server's certificate is not verified"),
            (False, False, False, "none", True, "Password and mail travel in clear text"),
            (False, False, True, "none", False, "Password and mail travel in clear text"),
        ):
            with self.subTest(is_ssl=is_ssl, use_starttls=use_starttls, skip=skip):
                box = self.mailbox(
                    is_ssl=is_ssl, gateway_use_starttls=use_starttls, gateway_skip_verification=skip, port=1993
                )
                connection = box._gateway_connection()
                self.assertEqual(
                    (connection.host, connection.port, connection.security.value, connection.verify),
                    ("mail.gateway.test", 1993, security, verify),
                )
                self.assertEqual((box.gateway_security_warning or "").split(":")[0].split(".")[0], warning)

    def test_the_private_authority_is_passed_on(self):
        self.assertEqual(self.mailbox(gateway_ca_certificate="PEM")._gateway_connection().ca_certificate, "PEM")
        self.assertEqual(self.mailbox()._gateway_connection().ca_certificate, "")

    def test_a_new_mailbox_is_encrypted_and_verified(self):
        box = self.env["fetchmail.server"].create({"name": "New", "server": "mail.gateway.test", "port": 993})
        connection = box._gateway_connection()
        self.assertEqual((connection.security.value, connection.verify), ("tls", True))
        self.assertFalse(box.gateway_security_warning)

    def test_a_local_server_has_no_warning(self):
        self.assertFalse(
            self.mailbox(server_type="local", is_ssl=False, gateway_use_starttls=False).gateway_security_warning
        )

    def test_the_credential(self):
        credential = self.mailbox(user="me", password="s3cret")._credential()
        self.assertEqual((credential.user, credential.secret), ("me", "s3cret"))
        credential = self.mailbox(user=False, password=False)._credential()
        self.assertEqual((credential.user, credential.secret), ("", ""))

    def test_the_key_names_the_mailbox_and_not_the_record(self):
        key = self.mailbox()._gateway_server_key()
        self.assertRegex(key, "^[0-9a-f]{32}$")
        for values, is_same in (
            ({}, True),
            ({"name": "Other name"}, True),
            ({"password": "other"}, True),
            ({"port": 143, "is_ssl": False}, True),
            ({"server": "MAIL.gateway.TEST", "user": "BOX@gateway.test"}, True),
            ({"user": "other@gateway.test"}, False),
            ({"server": "other.gateway.test"}, False),
            ({"server_type": "pop"}, False),
            ({"user": False}, False),
        ):
            with self.subTest(values=values):
                self.assertIs(self.mailbox(**values)._gateway_server_key() == key, is_same)

    def test_an_archived_mailbox_is_not_opened(self):
        box = self.mailbox(active=False)
        with self.own_cursors(), self.assertRaises(UserError) as caught:
            box._gateway_open_mailbox()
        self.assertEqual(str(caught.exception), "This mailbox is archived.")

    def test_whose_connection_it_is(self):
        model = type(self.env["fetchmail.server"])
        box = self.mailbox()
        self.assertFalse(box._gateway_is_foreign())
        for name in ("_connect__", "_imap_login__"):
            with self.subTest(name=name), patch.object(model, name, lambda *arguments, **options: None):
                self.assertTrue(box._gateway_is_foreign())

    def test_a_foreign_connection_is_confirmed_by_odoo(self):
        class Connection:
            def disconnect(self):
                return None

        model = type(self.env["fetchmail.server"])
        box = self.mailbox(state="draft")
        with (
            patch.object(model, "_connect__", lambda *a, **k: Connection()),
            patch(DIAGNOSE, side_effect=AssertionError),
        ):
            self.assertIs(box.button_confirm_login(), True)
        self.assertEqual(box.state, "done")

    # ------------------------------------------------------------------
    # Warnings
    # ------------------------------------------------------------------

    def test_a_persons_mailbox_is_warned_of(self):
        self.env["res.partner"].create({"name": "Ann", "email": "Ann <ann@gateway.test>", "is_company": False})
        self.env["res.partner"].create({"name": "Firm", "email": "firm@gateway.test", "is_company": True})
        self.plain.login = "someone@gateway.test"
        for user, expected in (
            ("ann@gateway.test", True),
            ("ANN@gateway.test", True),
            ("Someone@gateway.test", True),
            ("firm@gateway.test", False),
            ("shared@gateway.test", False),
            ("login without domain", False),
            (False, False),
        ):
            with self.subTest(user=user):
                box = self.mailbox(user=user).with_user(self.manager)
                self.assertEqual(bool(box.gateway_personal_warning), expected)

    def test_the_warning_shows_while_typing(self):
        form = Form(self.env["fetchmail.server"].with_user(self.manager))
        form.is_ssl = False
        form.gateway_use_starttls = False
        self.assertTrue(form.gateway_security_warning)
        form.is_ssl = True
        self.assertFalse(form.gateway_security_warning)

    def test_the_port_follows_the_encryption(self):
        for kind, is_ssl, use_starttls, port in (
            ("imap", True, True, 993),
            ("imap", False, True, 143),
            ("imap", False, False, 143),
            ("pop", True, True, 995),
            ("pop", False, True, 110),
        ):
            with self.subTest(kind=kind, is_ssl=is_ssl, use_starttls=use_starttls):
                form = Form(self.env["fetchmail.server"].with_user(self.manager))
                form.server_type = kind
                form.is_ssl = is_ssl
                if not is_ssl:
                    form.gateway_use_starttls = use_starttls
                self.assertEqual(form.port, port)

    # ------------------------------------------------------------------
    # Test & Confirm
    # ------------------------------------------------------------------

    def diagnosed(self, *steps, status=None):
        return patch(DIAGNOSE, return_value=MailboxDiagnosis(steps, status=status))

    def test_a_mailbox_that_answers_is_confirmed(self):
        box = self.mailbox(state="draft", error_message="old", gateway_failures=4, gateway_next_fetch_date="2100-01-01")
        for kind, text in (
            ("imap", "Connected to folder INBOX: 5 messages, 2 of them unread."),
            ("pop", "Connected: 5 messages in the mailbox."),
        ):
            box.server_type = kind
            with (
                self.subTest(kind=kind),
                self.diagnosed(Step("Login", True, "ok"), status=MailboxStatus("INBOX", 5, 2)),
            ):
                result = box.with_user(self.manager).button_confirm_login()
                self.assertEqual(result["params"]["message"], text)
                self.assertEqual((result["params"]["type"], result["params"]["sticky"]), ("success", False))
        self.assertEqual(
            (box.state, box.error_message, box.gateway_failures, box.gateway_next_fetch_date), ("done", False, 0, False)
        )

    def test_an_empty_mailbox_says_so(self):
        with self.diagnosed(Step("Login", True, "ok"), status=MailboxStatus("", 0, 0)):
            result = self.mailbox().button_confirm_login()
        self.assertEqual(
            result["params"]["message"],
            "Connected to folder INBOX: 0 messages, 0 of them unread. Nothing is waiting to be taken.",
        )

    def test_a_failure_names_the_field_what_happened_and_the_cure(self):
        for field, label in (
            ("host", "Server Name"),
            ("port", "Port"),
            ("security", "SSL/TLS"),
            ("certificate", "Private CA"),
            ("user", "Username"),
            ("password", "Password"),
            ("", ""),
        ):
            box = self.mailbox(state="draft")
            steps = (Step("Name", True, "found"), Step("Login", False, "It was refused.", "Type it anew.", field))
            with self.subTest(field=field), self.diagnosed(*steps), self.assertRaises(UserError) as caught:
                box.button_confirm_login()
            check = f"Check the field “{label}”.\n" if label else ""
            self.assertEqual(str(caught.exception), f"{check}It was refused.\nType it anew.")
            self.assertEqual(box.state, "draft")

    def test_a_wrong_setting_names_its_field(self):
        with patch(DIAGNOSE, side_effect=ConfigurationError("The server has no host name.", field="host")):
            with self.assertRaises(UserError) as caught:
                self.mailbox(server=False).button_confirm_login()
        self.assertEqual(str(caught.exception), "Check the field “Server Name”.\nThe server has no host name.")

    def test_every_field_that_can_be_at_fault_is_a_field(self):
        box = self.mailbox()
        for field in ("host", "port", "security", "certificate", "user", "password"):
            self.assertIn("Check the field", box._gateway_failure_text("", setting=field))

    def test_a_diagnosis_without_steps_is_no_success(self):
        self.assertFalse(Diagnosis(()).ok)

    # ------------------------------------------------------------------
    # Rights
    # ------------------------------------------------------------------

    def test_only_managers_see_and_change_mailboxes(self):
        box = self.mailbox(password="s3cret")
        for user in (self.plain, self.viewer, self.officer, self.portal):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                box.with_user(user).read(["name"])
        self.assertEqual(box.with_user(self.manager).read(["name"])[0]["name"], "Box")
        box.with_user(self.manager).name = "Renamed"

    def test_a_manager_sets_up_a_mailbox_in_the_form(self):
        with Form(self.env["fetchmail.server"].with_user(self.manager)) as form:
            form.name = "Mine"
            form.server = "mail.gateway.test"
            form.user = "mine@gateway.test"
            form.password = "s3cret"
            form.gateway_action = "create"
            form.object_id = self.partner_model
        box = form.record
        self.assertEqual((box.object_id, box.gateway_action), (self.partner_model, "create"))
        self.assertEqual(box.sudo()._credential().secret, "s3cret")
        self.assertEqual(box.action_open_journal()["domain"], [("server_id", "=", box.id)])
        self.assertEqual(box.gateway_inbound_count, 0)

    def test_the_form_clears_the_model_when_another_action_is_chosen(self):
        box = self.mailbox(state="draft", password="s3cret")
        with Form(box.with_user(self.manager)) as form:
            form.gateway_action = "attach"
            form.gateway_record = f"res.partner,{self.partner.id}"
        self.assertEqual((box.gateway_action, box.object_id.id), ("attach", False))
