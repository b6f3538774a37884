# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Every role reads every field of every model as a client does: no credential is among what comes back."""

import base64
import json
import logging

from odoo.exceptions import AccessError, UserError
from odoo.service.model import call_kw
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..engine.seal import MASK, is_sealed
from ..models.credential_key import opened
from ..models.ir_config_parameter_secret import SECRET_PARAMETERS
from ..models.sealed_binary import BINARY_MASK
from ..models.sealed_column import credentials, open_columns
from ..models.sealed_field import SealedField
from .common import with_key, without_key
from .test_sealed_char import SealedCase
from .test_sealed_secrets import CERTIFICATE, TOKENS

KEY_FILE = b"-----BEGIN PRIVATE KEY-----\nMIGHAgEAplantedArmadillo\n-----END PRIVATE KEY-----\n"
# Rows that are read of a model that holds no credential.
SOME = 3


def as_client(answer):
    """Return an answer as text, as it would go out."""
    return json.dumps(answer, default=lambda value: value.decode() if isinstance(value, bytes) else str(value))


@tagged("post_install", "-at_install")
class TestNoSecretByRPC(SealedCase):
    def plant(self):
        """Put a credential of its own into every place there is; return the clear texts."""
        box = self.mailbox(password="planted mailbox password")
        box.write({name: f"planted {number} {name}" for number, name in enumerate(TOKENS)})
        out = self.env["ir.mail_server"].create(
            {
                "name": "Out",
                "smtp_host": "mx.test",
                "smtp_user": "u@mx.test",
                "smtp_pass": "planted smtp password",
                "smtp_ssl_certificate": CERTIFICATE,
                "smtp_ssl_private_key": base64.b64encode(KEY_FILE),
                **{name: f"planted {number} out {name}" for number, name in enumerate(TOKENS)},
            }
        )
        parameters = self.env["ir.config_parameter"].sudo()
        for key in SECRET_PARAMETERS:
            parameters.set_param(key, f"planted parameter {key}")
        settings = self.env["res.config.settings"].create({key: f"planted typed {key}" for key in SECRET_PARAMETERS})
        self.env["spp.email.token.key"]._add_key()
        domain = self.env["spp.email.domain"].create({"name": "gateway.test"})
        self.env["spp.email.dkim.key"]._prepare(domain, "rsa")
        self.env.flush_all()
        self.env.invalidate_all()
        secrets = set()
        for credential in credentials(self.env):
            text = credential.text
            secrets.add(opened(self.env, text, credential.place) if is_sealed(text) else text)
        self.assertGreaterEqual(sum("planted" in secret for secret in secrets), 1 + 4 + 1 + 4 + 2 + 2)
        self.assertIn(base64.b64encode(KEY_FILE).decode(), secrets)
        # As they are, and as a part of base64.
        self.secrets = sorted(secrets | {base64.b64encode(secret.encode()).decode() for secret in secrets})
        self.secrets.append("plantedArmadillo")
        # What answers in JSON has other line ends: one line of the key tells.
        (signing_key,) = (secret for secret in secrets if "PRIVATE KEY" in secret)
        self.secrets.append(signing_key.split("\n")[2])
        self.box, self.out, self.settings = box, out, settings

    def roles(self):
        return {
            "public": self.env.ref("base.public_user"),
            "portal": self.portal,
            "user": self.plain,
            "viewer": self.viewer,
            "officer": self.officer,
            "manager": self.manager,
            "system": self.system,
            "admin": self.env.ref("base.user_admin"),
        }

    def call(self, user, model, method, *args, **kwargs):
        """Call as RPC does; return the answer, None when it was refused. No answer and no error has a secret."""
        try:
            with self.env.cr.savepoint(), mute_logger("odoo.sql_db", "odoo.models", "odoo.addons", "odoo.http"):
                answer = call_kw(self.env[model].with_user(user), method, list(args), kwargs)
                text = as_client(answer)
        except Exception as error:  # noqa: BLE001 - any error of any addon's computed field, and its words are looked at
            answer, text = None, repr(error)
        finally:
            self.env.invalidate_all()
        for secret in self.secrets:
            if secret in text:
                self.fail(f"{user.login} gets a secret by {model}.{method}: …{text[:200]}…")
        return answer

    def walk(self, user):
        """Read every field of every model as a client does; return (models read, text of what was a mask)."""
        models, masks = 0, 0
        for name in sorted(self.env.registry):
            model = self.env[name]
            if model._abstract or not model._auto:
                continue
            fields = self.call(user, name, "fields_get", attributes=["type"])
            holds = name == "ir.config_parameter" or any(isinstance(one, SealedField) for one in model._fields.values())
            domain = [("id", "in", self.settings.ids)] if name == "res.config.settings" else []
            ids = self.call(user, name, "search", domain, limit=None if holds else SOME)
            if not fields or not ids:
                continue
            models += 1
            rows = self.call(user, name, "read", ids, list(fields))
            if rows is None:
                # One field that cannot be read must not hide the others.
                rows = [row for field in fields for row in self.call(user, name, "read", ids, [field]) or ()]
            masks += sum(value in (MASK, BINARY_MASK) for row in rows for value in row.values())
        return models, masks

    def test_each_role_reads_all_there_is(self):
        read = {}
        with with_key():
            self.plant()
            for role, user in self.roles().items():
                with self.subTest(role=role):
                    read[role] = self.walk(user)
        # What was read grows with the role, and an administrator comes to every place.
        self.assertLess(read["public"][0], read["user"][0])
        self.assertLess(read["user"][0], read["system"][0])
        self.assertGreater(read["system"][0], 60)
        self.assertEqual([read[role][1] for role in ("public", "portal", "user", "viewer", "officer")], [0] * 5)
        self.assertGreaterEqual(read["manager"][1], 2)
        self.assertGreaterEqual(read["system"][1], 1 + 4 + 1 + 4 + 1 + 2 + 2 + 1)

    def test_no_method_of_a_client_gives_one_back(self):
        with with_key():
            self.plant()
            self.try_places("sealed")
            # As Odoo stores them, in clear.
            open_columns(self.env)
        with without_key():
            self.try_places("in clear")

    def try_places(self, how):
        for role in ("manager", "system"):
            for record, names in (
                (self.box, ["password", *TOKENS]),
                (self.out, ["smtp_pass", "smtp_ssl_private_key", *TOKENS]),
                (self.settings, list(SECRET_PARAMETERS)),
                (self.env["ir.config_parameter"].search([("key", "in", SECRET_PARAMETERS)]), ["value"]),
                (self.env["spp.email.token.key"].search([]), ["material"]),
                (self.env["spp.email.dkim.key"].search([]), ["private_key"]),
            ):
                for name in names:
                    with self.subTest(role=role, field=f"{record._name}.{name}", how=how):
                        self.try_all(self.roles()[role], record, name)

    def try_all(self, user, record, name):
        model, ids = record._name, record.ids
        spec = {name: {}, "display_name": {}}
        some = record._fields[name]
        prefixes = ["planted", "p", KEY_FILE[:9].decode()]
        self.call(user, model, "web_read", ids, spec)
        self.call(user, model, "web_read", ids, spec, context={"bin_size": True})
        self.call(user, model, "web_search_read", [("id", "in", ids)], spec)
        self.call(user, model, "search_read", [("id", "in", ids)], [name])
        self.call(user, model, "export_data", ids, [name, ".id"])
        self.call(user, model, "export_data", ids, [name], context={"import_compat": False})
        self.call(user, model, "copy_data", ids)
        self.call(user, model, "get_metadata", ids)
        self.call(user, model, "default_get", [name])
        self.call(user, model, "name_search", "planted")
        self.call(user, model, "get_views", [(False, "form"), (False, "list"), (False, "search")])
        self.call(user, model, "onchange", ids[:1], {}, [], spec)
        self.call(user, model, "onchange", ids[:1], {name: MASK}, [name], spec)
        self.call(user, model, "web_save", ids[:1], {}, spec)
        self.call(user, model, "read", ids, [name], context={"spp_email_reveal": True})
        self.call(user, model, "formatted_read_group", [("id", "in", ids)], [name], ["__count"])
        self.call(user, model, "formatted_read_group", [("id", "in", ids)], [], [f"{name}:max"])
        self.call(user, model, "formatted_read_group", [("id", "in", ids)], [], [f"{name}:array_agg"])
        self.call(user, model, "search", [("id", "in", ids)], order=name)
        # What matches or not would tell a value letter by letter.
        for prefix in prefixes:
            for operator in ("=like", "like", "ilike", "=ilike", ">", "<"):
                found = self.call(user, model, "search", [("id", "in", ids), (name, operator, f"{prefix}%")])
                masked = self.call(user, model, "search", [("id", "in", ids), (name, operator, "zzz")])
                self.assertFalse(found and masked != found and some.type != "text", (operator, prefix))
        for copied in self.call(user, model, "copy", ids[:1]) or ():
            self.call(user, model, "read", [copied], [name])
        self.call(user, "ir.config_parameter", "get_param", SECRET_PARAMETERS[0])
        self.call(user, "ir.config_parameter", "set_param", SECRET_PARAMETERS[0], MASK)

    def test_code_and_templates_of_people_print_none(self):
        with with_key():
            self.plant()
            for record, name in (
                (self.box, "password"),
                (self.out, "smtp_pass"),
                (self.out, "smtp_ssl_private_key"),
                (self.out, TOKENS[0]),
                (self.env["ir.config_parameter"].search([("key", "=", SECRET_PARAMETERS[0])]), "value"),
            ):
                model = self.env["ir.model"]._get(record._name)
                for code in (
                    f"raise UserError(str(record.{name}) + str(record.mapped('{name}')) + str(record.read()))",
                    f"log(str(record.{name}) + str(record.copy_data()) + str(record._convert_to_write(record._cache)))",
                    f"raise UserError(str(env['ir.config_parameter'].sudo().get_param('{SECRET_PARAMETERS[0]}')))",
                    f"raise UserError(str(record.filtered(lambda one: one.{name} > 'o')))",
                    "raise UserError(str(record.with_context(spp_email_reveal=True).read()))",
                ):
                    action = self.env["ir.actions.server"].create(
                        {"name": "Try", "model_id": model.id, "state": "code", "code": code}
                    )
                    told = ""
                    with self.subTest(field=name, code=code), self.env.cr.savepoint():
                        try:
                            action.with_context(
                                active_id=record.id, active_ids=record.ids, active_model=record._name
                            ).run()
                        except (UserError, AccessError, ValueError) as error:
                            told = str(error)
                        self.assertFalse([secret for secret in self.secrets if secret in told])
                shown = self.env["mail.render.mixin"]._render_template(
                    f"{{{{ object.{name} }}}}", record._name, record.ids, engine="inline_template"
                )[record.id]
                self.assertFalse([secret for secret in self.secrets if secret in shown])

    def test_nothing_is_logged_at_any_level(self):
        """Reading, writing and using what is stored: what was typed just now is another matter."""
        with with_key():
            self.plant()
            with self.assertLogs(level=logging.DEBUG) as logs:
                logging.getLogger().debug("at least one line")
                self.env["fetchmail.server"].browse(self.box.id).read()
                self.out.write({"name": "Renamed"})
                self.env.flush_all()
                self.out._credential()
                self.box._credential()
                self.env["spp.email.health"]._check()
            text = "\n".join(logs.output)
            self.assertFalse([secret for secret in self.secrets if secret in text])
