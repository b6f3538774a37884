# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Credentials that other addons of Odoo keep: tokens, their clients' secrets, the private key of a certificate."""

import base64
import os
import time
from unittest.mock import patch

from lxml import etree

from odoo.exceptions import UserError
from odoo.tests import Form, tagged

from ..engine.seal import MASK, new_key
from ..models.credential_key import SEALED_WITH, VARIABLE
from ..models.ir_config_parameter_secret import SECRET_PARAMETERS
from ..models.sealed_binary import BINARY_MASK
from ..models.sealed_column import open_columns, seal_columns
from ..models.sealed_field import SealedField, revealing
from .common import with_key, without_key
from .test_sealed_char import SealedCase

SECRET = "correct horse"
KEY_FILE = base64.b64encode(b"-----BEGIN PRIVATE KEY-----\nMIIcorrecthorse\n-----END PRIVATE KEY-----\n")
CERTIFICATE = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n")
TOKENS = ("google_gmail_refresh_token", "google_gmail_access_token") + (
    "microsoft_outlook_refresh_token",
    "microsoft_outlook_access_token",
)


class SecretCase(SealedCase):
    def setUp(self):
        super().setUp()
        self.enterContext(with_key())

    def parameter(self, key):
        rows = self.sql("SELECT value FROM ir_config_parameter WHERE key = %s", key)
        return rows[0][0] if rows else None


@tagged("post_install", "-at_install")
class TestSealedTokens(SecretCase):
    """google_gmail and microsoft_outlook install themselves with mail."""

    def servers(self):
        yield self.mailbox(**dict.fromkeys(TOKENS, SECRET))
        yield self.env["ir.mail_server"].create(
            {"name": "Out", "smtp_host": "mx.test", "smtp_user": "u@mx.test", **dict.fromkeys(TOKENS, SECRET)}
        )

    def test_they_are_sealed_and_masked(self):
        for server in self.servers():
            for name in TOKENS:
                with self.subTest(model=server._name, field=name):
                    self.assertIsInstance(server._fields[name], SealedField)
                    self.assertEqual(server._fields[name].groups, "base.group_system")
                    self.assertRegex(self.column(server, name), "^sealed:2:")
                    server.invalidate_recordset()
                    self.assertEqual(server[name], MASK)
                    self.assertEqual(server.read([name])[0][name], MASK)
                    self.assertEqual(self.clear(server, name), SECRET)
                    self.assertNotIn(name, server.copy_data()[0])

    def test_another_addons_field_is_left_alone_for_other_databases(self):
        """Field objects of definitions are shared by all registries of a process."""
        for model in ("fetchmail.server", "res.config.settings"):
            for definition in self.env.registry[model]._model_classes__:
                for field in getattr(definition, "_field_definitions", ()):
                    if field.name in (*TOKENS, *SECRET_PARAMETERS):
                        with self.subTest(model=model, field=field.name):
                            self.assertNotIsInstance(field, SealedField)

    def test_the_addons_own_code_gets_them(self):
        for server in self.servers():
            with self.subTest(model=server._name):
                server.google_gmail_access_token_expiration = int(time.time()) + 900
                server.microsoft_outlook_access_token_expiration = int(time.time()) + 900
                server.invalidate_recordset()
                expected = f"user=u\1auth=Bearer {SECRET}\1\1"
                self.assertEqual(server._generate_oauth2_string("u", server.google_gmail_refresh_token), expected)
                self.assertEqual(server._generate_outlook_oauth2_string("u"), expected)

    def test_a_refresh_sends_the_clear_values_and_stores_sealed_ones(self):
        parameters = self.env["ir.config_parameter"].sudo()
        for key in SECRET_PARAMETERS:
            parameters.set_param(key, "client secret")
            parameters.set_param(key.replace("secret", "id"), "client")
        answer = {"access_token": "fresh", "refresh_token": "fresher", "id_token": "x", "expires_in": 900}
        for addon in ("google_gmail", "microsoft_outlook"):
            mixin = {"google_gmail": "google_gmail_mixin", "microsoft_outlook": "microsoft_outlook_mixin"}[addon]
            for server in self.servers():
                server.invalidate_recordset()
                with (
                    self.subTest(addon=addon, model=server._name),
                    patch(f"odoo.addons.{addon}.models.{mixin}.requests.post") as post,
                ):
                    post.return_value.ok = True
                    post.return_value.json.return_value = answer
                    if addon == "google_gmail":
                        told = server._generate_oauth2_string("u", server.google_gmail_refresh_token)
                    else:
                        told = server._generate_outlook_oauth2_string("u")
                    sent = post.call_args.kwargs["data"]
                    self.assertEqual((sent["refresh_token"], sent["client_secret"]), (SECRET, "client secret"))
                    self.assertEqual(told, "user=u\1auth=Bearer fresh\1\1")
                    self.assertRegex(self.column(server, f"{addon}_access_token"), "^sealed:2:")
                    self.assertEqual(self.clear(server, f"{addon}_access_token"), "fresh")

    def test_code_that_runs_while_a_token_is_stored_reads_none(self):
        """Automation rules and computed fields of people run in the context of whoever writes."""
        key = SECRET_PARAMETERS[1]
        self.env["ir.config_parameter"].sudo().set_param(key, "client secret")
        self.env["ir.config_parameter"].sudo().set_param(key.replace("secret", "id"), "client")
        answer = {"access_token": "fresh", "refresh_token": "fresher", "id_token": "x", "expires_in": 900}
        for server in self.servers():
            code = "log(str([record.microsoft_outlook_access_token, record.mapped('google_gmail_access_token'),"
            code += f" record.filtered(lambda one: one.google_gmail_access_token != {MASK!r}).ids,"
            code += f" env['ir.config_parameter'].get_param({key!r})]))"
            told = self.while_writing(server, code)
            server.invalidate_recordset()
            with (
                self.subTest(model=server._name),
                patch("odoo.addons.microsoft_outlook.models.microsoft_outlook_mixin.requests.post") as post,
            ):
                post.return_value.ok = True
                post.return_value.json.return_value = answer
                self.assertEqual(server._generate_outlook_oauth2_string("u"), "user=u\1auth=Bearer fresh\1\1")
                self.assertEqual(self.clear(server, "microsoft_outlook_access_token"), "fresh")
                self.assertEqual(set(told), {str([MASK, [MASK], [], MASK])})

    def while_writing(self, record, code):
        """Let a server action run with every write on the model, as automation rules do; return what it logs."""
        action = self.env["ir.actions.server"].create(
            {"name": "Spy", "model_id": self.env["ir.model"]._get_id(record._name), "state": "code", "code": code}
        )
        told = []
        context = {"active_model": record._name, "active_id": record.id, "active_ids": record.ids}

        def write(self, vals):
            result = write.origin(self, vals)
            action.with_env(self.env).sudo().with_context(**context).run()
            return result

        model = self.env.registry[record._name]
        write.origin = model.write
        self.patch(model, "write", write)
        context_of = self.env.registry["ir.actions.server"]._get_eval_context

        def get_eval_context(self, action=None):
            return {**context_of(self, action), "log": told.append}

        self.patch(self.env.registry["ir.actions.server"], "_get_eval_context", get_eval_context)
        return told

    def test_code_that_runs_while_a_key_is_rotated_reads_none(self):
        key = SECRET_PARAMETERS[0]
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param(key, SECRET)
        remembered = parameters.search([("key", "=", SEALED_WITH)])
        told = self.while_writing(remembered, f"log(model.get_param({key!r}))")
        with with_key(f"{new_key()},{os.environ[VARIABLE]}"):
            seal_columns(self.env)
        self.assertEqual(told, [MASK])

    def test_a_permit_ends_with_whoever_asked_for_it(self):
        server = next(self.servers())

        def permitted():
            return revealing(server)

        self.assertEqual(permitted().google_gmail_access_token, MASK)
        self.assertEqual(revealing(server).google_gmail_access_token, SECRET)

    def test_they_are_opened_and_sealed_as_a_whole(self):
        for server in self.servers():
            open_columns(self.env)
            for name in TOKENS:
                self.assertEqual(self.column(server, name), SECRET)
            seal_columns(self.env)
            for name in TOKENS:
                self.assertRegex(self.column(server, name), "^sealed:2:")
                self.assertEqual(self.clear(server, name), SECRET)

    def test_they_do_not_go_to_another_server(self):
        for server in self.servers():
            host = "smtp_host" if server._name == "ir.mail_server" else "server"
            with self.subTest(model=server._name):
                server.with_user(self.manager).write({"name": "Renamed"})
                self.assertTrue(server.google_gmail_access_token)
                server.with_user(self.manager).write({host: "attacker.test"})
                self.assertEqual([self.column(server, name) for name in TOKENS], [None] * 4)


@tagged("post_install", "-at_install")
class TestSealedPrivateKey(SecretCase):
    def server(self, **values):
        return self.env["ir.mail_server"].create(
            {
                "name": "Out",
                "smtp_host": "mx.test",
                "smtp_encryption": "ssl_strict",
                "smtp_authentication": "certificate",
                "smtp_ssl_certificate": CERTIFICATE,
                "smtp_ssl_private_key": KEY_FILE,
                **values,
            }
        )

    def test_it_is_sealed_and_masked(self):
        server = self.server()
        stored = bytes(self.column(server, "smtp_ssl_private_key")).decode()
        self.assertRegex(stored, "^sealed:2:")
        for context in ({}, {"bin_size": True}):
            server.invalidate_recordset()
            mask = MASK.encode() if context else BINARY_MASK
            with self.subTest(context=context):
                shown = server.with_context(**context)
                self.assertEqual(shown.smtp_ssl_private_key, mask)
                self.assertEqual(shown.read(["smtp_ssl_private_key"])[0]["smtp_ssl_private_key"], mask)
                self.assertEqual(shown.web_read({"smtp_ssl_private_key": {}})[0]["smtp_ssl_private_key"], mask)
        self.assertEqual(server.export_data(["smtp_ssl_private_key"])["datas"], [[MASK]])
        self.assertEqual(self.clear(server, "smtp_ssl_private_key"), KEY_FILE)
        server.invalidate_recordset()
        self.assertEqual(self.clear(server, "smtp_ssl_private_key"), KEY_FILE)

    def test_what_was_shown_is_not_stored(self):
        server = self.server()
        stored = self.column(server, "smtp_ssl_private_key")
        for shown in (MASK, MASK.encode(), BINARY_MASK, BINARY_MASK.decode()):
            with self.subTest(shown=shown):
                server.write({"smtp_ssl_private_key": shown})
                self.assertEqual(bytes(self.column(server, "smtp_ssl_private_key")), bytes(stored))
        with Form(server) as form:
            form.name = "Renamed"
        self.assertEqual(self.clear(server, "smtp_ssl_private_key"), KEY_FILE)

    def test_another_one_replaces_it_and_an_empty_one_removes_it(self):
        server = self.server()
        another = base64.b64encode(b"another")
        server.smtp_ssl_private_key = another
        self.assertRegex(bytes(self.column(server, "smtp_ssl_private_key")).decode(), "^sealed:2:")
        server.invalidate_recordset()
        self.assertEqual(self.clear(server, "smtp_ssl_private_key"), another)
        server.write({"smtp_authentication": "login", "smtp_ssl_private_key": False})
        self.assertIsNone(self.column(server, "smtp_ssl_private_key"))

    def test_a_sealed_value_is_not_taken_from_anybody(self):
        server = self.server()
        with self.assertRaises(UserError):
            server.write({"smtp_ssl_private_key": bytes(self.column(server, "smtp_ssl_private_key"))})

    def test_a_download_gives_the_mask(self):
        """Odoo decodes what it reads, before it sends it."""
        self.assertEqual(base64.b64decode(self.server().smtp_ssl_private_key), MASK.encode())

    def test_a_copy_has_none_and_logs_in_otherwise(self):
        copy = self.server().copy()
        self.assertFalse(copy.smtp_ssl_private_key)
        self.assertEqual(copy.smtp_authentication, "login")

    def test_it_is_opened_and_sealed_as_a_whole(self):
        with without_key():
            open_columns(self.env)
            server = self.server()
            self.assertEqual(bytes(self.column(server, "smtp_ssl_private_key")), KEY_FILE)
        seal_columns(self.env)
        self.assertRegex(bytes(self.column(server, "smtp_ssl_private_key")).decode(), "^sealed:2:")
        self.assertEqual(self.clear(server, "smtp_ssl_private_key"), KEY_FILE)
        open_columns(self.env)
        self.assertEqual(bytes(self.column(server, "smtp_ssl_private_key")), KEY_FILE)


@tagged("post_install", "-at_install")
class TestSecretParameters(SecretCase):
    def setUp(self):
        super().setUp()
        self.parameters = self.env["ir.config_parameter"].sudo()
        self.parameters.search([("key", "in", SECRET_PARAMETERS)]).unlink()

    def reveal(self, key):
        return revealing(self.parameters).get_param(key)

    def row(self, key):
        return self.parameters.search([("key", "=", key)])

    def test_they_are_sealed_and_masked(self):
        for key in SECRET_PARAMETERS:
            self.assertFalse(self.parameters.get_param(key))
            self.assertEqual(self.parameters.get_param(key, "default"), "default")
            self.parameters.set_param(key, SECRET)
            row = self.row(key)
            with self.subTest(key=key):
                self.assertRegex(self.parameter(key), "^sealed:2:")
                self.assertEqual(self.parameters.get_param(key), MASK)
                self.assertEqual(row.value, MASK)
                self.assertEqual(row.read(["value"])[0]["value"], MASK)
                self.assertEqual(row.export_data(["value"])["datas"], [[MASK]])
                self.assertEqual(row.copy_data()[0]["value"], MASK)
                self.assertEqual(self.reveal(key), SECRET)
                self.assertEqual(self.parameters.set_param(key, "another"), MASK)
                self.assertEqual(self.reveal(key), "another")

    def test_without_a_key_they_are_masked_too(self):
        key = SECRET_PARAMETERS[0]
        with without_key():
            open_columns(self.env)
            self.parameters.set_param(key, SECRET)
            self.assertEqual(self.parameter(key), SECRET)
            self.assertEqual(self.row(key).value, MASK)
            self.assertEqual(self.parameters.get_param(key), MASK)
            self.assertFalse(self.parameters.search([("key", "=", key), ("value", "=like", "c%")]))
            self.assertFalse(self.parameters.search([("key", "=", key), ("value", "=", SECRET)]))
            groups = self.parameters._read_group([("key", "=", key)], ["value"], ["value:max"])
            self.assertEqual(groups, [(MASK, MASK)])
        seal_columns(self.env)
        self.assertRegex(self.parameter(key), "^sealed:2:")
        self.assertEqual(self.reveal(key), SECRET)
        open_columns(self.env)
        self.assertEqual(self.parameter(key), SECRET)

    def test_others_are_as_ever(self):
        self.parameters.set_param("gateway.other", "clear")
        row = self.row("gateway.other")
        self.assertEqual((row.value, self.parameters.get_param("gateway.other")), ("clear", "clear"))
        row.value = "changed"
        self.assertEqual(self.parameter("gateway.other"), "changed")
        self.assertEqual(self.parameters.search([("value", "=", "changed"), ("key", "=like", "gateway.%")]), row)

    def test_what_was_shown_is_not_stored(self):
        key = SECRET_PARAMETERS[0]
        self.parameters.set_param(key, SECRET)
        self.row(key).write({"value": MASK})
        (self.row(key) + self.row("database.uuid")).write({"create_uid": 1})
        self.assertEqual(self.reveal(key), SECRET)
        for value in (self.parameter(key), MASK):
            with self.subTest(value=value[:9]), self.assertRaises(UserError):
                self.parameters.create({"key": SECRET_PARAMETERS[1], "value": value})

    def test_a_value_moved_to_another_parameter_does_not_open(self):
        one, other = SECRET_PARAMETERS
        self.parameters.set_param(one, SECRET)
        with self.assertRaises(UserError) as caught:
            self.row(one).key = "elsewhere"
        self.assertEqual(
            str(caught.exception), "This parameter cannot be renamed. Delete it, and create the other one."
        )
        self.parameters.set_param("elsewhere", self.parameter(one))
        with self.assertRaises(UserError):
            self.row("elsewhere").key = other

    def test_that_passwords_are_sealed_cannot_be_forgotten(self):
        seal_columns(self.env)
        row = self.row("spp_email_gateway.sealed_with")
        rename, remove = {"key": "other"}, (row.key, False)
        for call in (row.unlink, lambda: row.write(rename), lambda: self.parameters.set_param(*remove)):
            with self.assertRaises(UserError):
                call()

    def test_general_settings_show_them_once(self):
        """Also where google_gmail and microsoft_outlook, which install themselves, show them by other words."""
        arch = etree.fromstring(self.env["res.config.settings"].get_view(view_type="form")["arch"])
        for key in SECRET_PARAMETERS:
            for name in (key, key.replace("_secret", "_identifier")):
                shown = [
                    node
                    for node in arch.xpath(f"//field[@name='{name}']")
                    if not any(one.get("invisible") in ("1", "True") for one in (node, *node.iterancestors()))
                ]
                with self.subTest(field=name):
                    self.assertEqual(len(shown), 1)
                    (setting,) = shown[0].xpath("ancestor::setting")
                    self.assertIn(setting.get("string"), ("Gmail Credentials", "Outlook Credentials"))

    def test_general_settings_take_and_never_show(self):
        for key in SECRET_PARAMETERS:
            with self.subTest(key=key):
                # The web client creates in one call and acts in the next.
                settings = self.env["res.config.settings"].create({key: SECRET})
                settings.invalidate_recordset()
                settings.set_values()
                self.assertEqual(self.reveal(key), SECRET)
                self.assertRegex(self.column(settings, key), "^sealed:2:")
                shown = self.env["res.config.settings"].default_get([key])
                self.assertEqual(shown[key], MASK)
                unchanged = self.env["res.config.settings"].create({key: MASK})
                unchanged.invalidate_recordset()
                unchanged.set_values()
                self.assertEqual(self.reveal(key), SECRET)
                with Form(self.env["res.config.settings"]) as form:
                    self.assertEqual(form[key], MASK)
                self.env["res.config.settings"].create({key: False}).set_values()
                self.assertFalse(self.parameters.get_param(key))
