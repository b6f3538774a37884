# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import base64
import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from odoo.exceptions import UserError
from odoo.tests import Form, tagged

from ..engine.errors import SealError
from ..engine.seal import MASK, key_id, new_key, parse_key
from ..models.credential_key import SEALED_WITH, VARIABLE, sealer
from ..models.sealed_column import count_closed, count_keys, open_columns, seal_columns
from ..models.sealed_field import SealedField
from .common import GatewayCase, with_key, without_key

SECRET = "correct horse"


def older_form(key, binding, plain):
    """Return a value as the gateway sealed it before it was bound to rows."""
    nonce = os.urandom(12)
    box = AESGCM(key).encrypt(nonce, plain.encode(), binding.encode())
    return f"sealed:1:{key_id(key)}:{base64.b64encode(nonce + box).decode()}"


class SealedCase(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # What a configured key sealed before these tests could not be opened with theirs.
        open_columns(cls.env)

    def column(self, record, name):
        rows = self.sql(f"SELECT {name} FROM {record._table} WHERE id = %s", record.id)  # noqa: S608
        return rows[0][0]

    def clear(self, record, name):
        return record._fields[name].reveal(record)

    def places(self):
        """Yield (record, name of its sealed field) for each model that holds a credential."""
        yield self.mailbox(password=SECRET), "password"
        yield (
            self.env["ir.mail_server"].create(
                {"name": "Out", "smtp_host": "mx.test", "smtp_user": "u", "smtp_pass": SECRET}
            ),
            "smtp_pass",
        )
        yield self.env["spp.email.token.key"].create({"number": 200, "material": SECRET}), "material"


@tagged("post_install", "-at_install")
class TestSealedChar(SealedCase):
    def setUp(self):
        super().setUp()
        self.enterContext(with_key())

    def test_the_column_is_sealed_and_the_record_clear(self):
        for record, name in self.places():
            with self.subTest(model=record._name):
                key = sealer(self.env).current_key_id
                self.assertRegex(self.column(record, name), f"^sealed:2:{key}:[A-Za-z0-9+/=]+$")
                self.assertNotIn(SECRET, self.column(record, name))
                self.assertEqual(self.clear(record, name), SECRET)
                record.invalidate_recordset()
                self.assertEqual(self.clear(record, name), SECRET)
                self.assertEqual(record.mapped(name), [MASK])

    def test_clients_get_the_mask(self):
        for record, name in self.places():
            with self.subTest(model=record._name):
                record.invalidate_recordset()
                self.assertEqual(record.read([name])[0][name], MASK)
                self.assertEqual(record.web_read({name: {}})[0][name], MASK)
                self.assertEqual(record.export_data([name])["datas"], [[MASK]])
                self.assertEqual(record.search_read([("id", "=", record.id)], [name])[0][name], MASK)
                # Right after a write the cache holds the clear text.
                record[name] = "fresh"
                self.assertEqual(record.read([name])[0][name], MASK)

    def test_nothing_stored_is_nothing_shown(self):
        box = self.mailbox(password=False)
        self.assertIs(box.read(["password"])[0]["password"], False)
        self.assertEqual(box.export_data(["password"])["datas"], [[""]])
        self.assertIsNone(self.column(box, "password"))
        self.assertFalse(box.password)

    def test_a_form_is_shown_the_mask(self):
        box = self.mailbox(password=SECRET)
        shown = box.onchange({"server_type": "pop", "password": MASK}, ["server_type"], {"password": {}, "port": {}})
        self.assertNotIn(SECRET, str(shown))
        shown = box.onchange({"password": "typed"}, ["password"], {"password": {}, "user": {}})
        self.assertNotIn(SECRET, str(shown))

    def test_a_form_saved_without_typing_keeps_the_value(self):
        box = self.mailbox(password=SECRET)
        sealed = self.column(box, "password")
        with Form(box) as form:
            self.assertEqual(form.password, MASK)
            form.name = "Renamed"
        self.assertEqual(box.name, "Renamed")
        self.assertEqual(self.clear(box, "password"), SECRET)
        self.assertEqual(self.column(box, "password"), sealed)

    def test_writing_the_mask_back_keeps_the_value(self):
        for record, name in self.places():
            with self.subTest(model=record._name):
                record.write({name: MASK})
                self.assertEqual(self.clear(record, name), SECRET)
                record.invalidate_recordset()
                self.assertEqual(self.clear(record, name), SECRET)
                record.web_save({name: MASK}, {name: {}})
                self.assertEqual(self.clear(record, name), SECRET)

    def test_the_mask_is_never_stored(self):
        box = self.mailbox(password=MASK)
        self.assertIsNone(self.column(box, "password"))
        box.invalidate_recordset()
        self.assertFalse(box.password)

    def test_a_new_value_replaces_and_an_empty_one_removes(self):
        box = self.mailbox(password=SECRET)
        box.password = "another"
        box.invalidate_recordset()
        self.assertEqual(self.clear(box, "password"), "another")
        box.password = False
        self.assertIsNone(self.column(box, "password"))
        box.invalidate_recordset()
        self.assertFalse(box.password)

    def test_a_copy_has_no_credential(self):
        box, out = (record for record, _name in list(self.places())[:2])
        self.assertFalse(box.copy().password)
        self.assertFalse(out.copy().smtp_pass)
        self.assertNotIn("password", box.copy_data()[0])

    def test_a_sealed_value_is_not_taken_from_anybody(self):
        box = self.mailbox(password=SECRET)
        sealed = self.column(box, "password")
        with self.assertRaises(UserError) as caught:
            box.write({"password": sealed})
        self.assertEqual(str(caught.exception), "This is not a password.")
        with self.assertRaises(UserError):
            self.mailbox(password=sealed)

    def test_a_database_query_tells_nothing(self):
        for record, name in self.places():
            for call in (
                lambda record=record, name=name: record._read_group([], [name]),
                lambda record=record, name=name: record._read_group([], [], [f"{name}:array_agg"]),
                lambda record=record, name=name: record._read_group([], [], [f"{name}:max"]),
                lambda record=record, name=name: record.search([], order=name),
                lambda record=record, name=name: record.search([(name, "=like", "c%")]),
                lambda record=record, name=name: record.search([(name, "=", SECRET)]),
                lambda record=record, name=name: record.search([(name, ">", "c")]),
            ):
                with self.subTest(model=record._name), self.assertRaises(UserError):
                    call()
            self.assertIn(record, record.search([(name, "!=", False)]))

    def test_a_password_is_not_given_to_another_server(self):
        out = self.env["ir.mail_server"].create(
            {"name": "Out", "smtp_host": "mx.test", "smtp_user": "u", "smtp_pass": SECRET}
        )
        box = self.mailbox(password=SECRET)
        for record, values, is_refused in (
            (out, {"smtp_host": "attacker.test"}, True),
            (out, {"smtp_encryption": "none"}, True),
            (out, {"smtp_encryption": "starttls"}, True),
            (out, {"gateway_ca_certificate": "another"}, True),
            (out, {"smtp_encryption": "ssl_strict", "smtp_port": 465}, False),
            (out, {"smtp_host": "other.test", "smtp_pass": "another"}, False),
            (out, {"name": "Renamed"}, False),
            (box, {"server": "attacker.test"}, True),
            (box, {"gateway_skip_verification": True}, True),
            (box, {"is_ssl": False, "gateway_use_starttls": False}, True),
            (box, {"is_ssl": False}, False),
            (box, {"server": "other.test", "password": "another"}, False),
        ):
            with self.subTest(values=values):
                mine = record.with_user(self.manager)
                if is_refused:
                    with self.assertRaises(UserError) as caught:
                        mine.write(values)
                    self.assertRegex(str(caught.exception), "^Enter the password again")
                else:
                    mine.write(values)

    def test_a_template_prints_the_mask(self):
        box = self.mailbox(password=SECRET)
        shown = self.env["mail.render.mixin"]._render_template(
            "{{ object.password }} {{ object.with_context(spp_email_reveal=True).password }}",
            "fetchmail.server",
            box.ids,
            engine="inline_template",
        )[box.id]
        self.assertEqual(shown, f"{MASK} {MASK}")

    def test_a_value_moved_to_another_field_does_not_open(self):
        box, out = (record for record, _name in list(self.places())[:2])
        self.sql(
            "UPDATE ir_mail_server SET smtp_pass = %s WHERE id = %s RETURNING id", self.column(box, "password"), out.id
        )
        out.invalidate_recordset()
        with self.assertRaises(SealError) as caught:
            out._credential()
        self.assertEqual(
            str(caught.exception), "This credential was altered or moved and cannot be opened. Enter it anew."
        )

    def test_a_value_moved_to_another_row_does_not_open(self):
        mine, other = self.mailbox(password=SECRET), self.mailbox(password="another", user="other@gateway.test")
        self.sql(
            "UPDATE fetchmail_server SET password = %s WHERE id = %s RETURNING id",
            self.column(mine, "password"),
            other.id,
        )
        other.invalidate_recordset()
        with self.assertRaises(SealError) as caught:
            other._credential()
        self.assertEqual(
            str(caught.exception), "This credential was altered or moved and cannot be opened. Enter it anew."
        )
        self.assertEqual(mine._credential().secret, SECRET)

    def test_rows_made_at_once_are_sealed_each_for_itself(self):
        values = {"name": "Out", "smtp_host": "mx.test", "smtp_user": "u"}
        servers = self.env["ir.mail_server"].create(
            [{**values, "smtp_pass": SECRET}, values, {**values, "smtp_pass": "another"}, values]
        )
        servers.invalidate_recordset()
        self.assertEqual([self.clear(server, "smtp_pass") for server in servers], [SECRET, False, "another", False])
        self.assertEqual(len(set(servers.ids)), 4)
        later = self.env["ir.mail_server"].create(values)
        self.assertGreater(later.id, max(servers.ids))

    def test_the_older_form_opens_and_is_sealed_anew_for_its_row(self):
        box = self.mailbox(password=SECRET)
        key = parse_key(os.environ[VARIABLE])
        old = older_form(key, "fetchmail.server.password", SECRET)
        self.sql("UPDATE fetchmail_server SET password = %s WHERE id = %s RETURNING id", old, box.id)
        box.invalidate_recordset()
        self.assertEqual(box._credential().secret, SECRET)
        self.assertEqual(count_keys(self.env)[key_id(key), "old"], 1)
        self.env["spp.email.health"]._check()
        self.assertRegex(self.column(box, "password"), "^sealed:2:")
        self.assertEqual(box._credential().secret, SECRET)
        self.assertFalse(count_keys(self.env)[key_id(key), "old"])

    def test_a_model_without_the_mixin_stores_nothing_unbound(self):
        """The mistake of whoever adds a sealed field to a model is told, and never becomes a value of any row."""
        for model in self.env.registry.values():
            if any(isinstance(field, SealedField) and field.store for field in model._fields.values()):
                with self.subTest(model=model._name):
                    parents = [getattr(parent, "_name", "") for parent in model.mro()]
                    self.assertIn("spp.email.sealed.mixin", parents)
        box = self.mailbox()
        with self.assertRaises(TypeError):
            box._fields["password"].convert_to_column(SECRET, box.browse())

    def test_code_that_people_write_gets_no_password(self):
        """Server actions of admins may call private methods."""
        box, out = (record for record, _name in list(self.places())[:2])
        model = self.env["ir.model"]._get("fetchmail.server")
        for code in (
            "record._credential()",
            "record._fields['password'].reveal(record)",
            "record.mapped(record._fields['password'].reveal)",
            "record.mapped(lambda one: one._credential())",
            "[one for one in map(record._fields['password'].reveal, record)]",
            "record._gateway_settings_now()",
            "record._generate_oauth2_string('a', 'b')",
            "record._generate_outlook_oauth2_string('a')",
            f"env['ir.mail_server'].browse({out.id})._credential()",
        ):
            action = self.env["ir.actions.server"].create(
                {"name": "Try", "model_id": model.id, "state": "code", "code": code}
            )
            with self.subTest(code=code), self.assertRaises(UserError) as caught:
                action.with_context(active_id=box.id, active_ids=box.ids, active_model=box._name).run()
            self.assertEqual(
                str(caught.exception), "Passwords are not given to code of server actions and templates."
            )

    def test_a_key_that_went_missing_is_told_where_the_credential_is_needed(self):
        box, out = self.sealed_servers()
        with without_key():
            for server in (box, out):
                with self.subTest(model=server._name), self.assertRaises(SealError) as caught:
                    server._credential()
                self.assertRegex(
                    str(caught.exception), "^This credential was sealed with key [0-9a-f]{8}, which is not configured"
                )
                self.assertEqual(caught.exception.field, "key")
            keys = self.env["spp.email.token.key"]
            self.registry.clear_cache()
            self.sql("UPDATE spp_email_token_key SET material = %s RETURNING id", self.column(box, "password"))
            keys.invalidate_model()
            with self.assertRaises(SealError):
                keys._ring()

    def test_a_replaced_key_makes_a_new_signing_key(self):
        box, _out = self.sealed_servers()
        keys = self.env["spp.email.token.key"]
        self.sql("UPDATE spp_email_token_key SET material = %s RETURNING id", self.column(box, "password"))
        keys.invalidate_model()
        self.registry.clear_cache()
        before = keys.search_count([])
        with with_key(), self.own_cursors():
            keys._ring()
        self.assertEqual(keys.search_count([]), before + 1)

    def test_with_the_key_lost_the_form_still_opens_and_takes_a_new_password(self):
        box, _out = self.sealed_servers()
        sealed = self.column(box, "password")
        with without_key():
            self.assertEqual(box.password, MASK)
            self.assertEqual(box.read(["password"])[0]["password"], MASK)
            with Form(box) as form:
                form.name = "Renamed"
            self.assertEqual(self.column(box, "password"), sealed)
        with with_key():
            box.set_draft()
            with Form(box) as form:
                form.password = "typed anew"
            self.env.invalidate_all()
            self.assertEqual(box._credential().secret, "typed anew")

    def sealed_servers(self):
        servers = [record for record, _name in self.places()][:2]
        self.env.flush_all()
        self.env.invalidate_all()
        return servers

    def test_keys_are_rotated_by_a_ring(self):
        old, new = new_key(), new_key()
        with with_key(old):
            box = self.mailbox(password=SECRET)
            self.column(box, "password")
        for separator in (",", "\n", ", "):
            with self.subTest(separator=separator), with_key(f"{new}{separator}{old}"):
                box.invalidate_recordset()
                self.assertEqual(self.clear(box, "password"), SECRET)

    def test_a_malformed_key_is_told(self):
        with with_key("nonsense"), self.assertRaises(SealError):
            self.mailbox(password=SECRET).flush_recordset()

    def test_the_credential_is_the_clear_text(self):
        box, out = (record for record, _name in list(self.places())[:2])
        self.assertEqual(box._credential().secret, SECRET)
        self.assertEqual(out._credential().secret, SECRET)
        self.assertNotIn(SECRET, repr(box._credential()))


@tagged("post_install", "-at_install")
class TestSealedColumn(SealedCase):
    def test_without_a_key_a_value_is_stored_as_odoo_does(self):
        with without_key():
            for record, name in self.places():
                with self.subTest(model=record._name):
                    self.assertEqual(self.column(record, name), SECRET)
                    self.assertEqual(self.clear(record, name), SECRET)
                    self.assertEqual(record.read([name])[0][name], MASK)
            self.assertFalse(count_closed(self.env))
            self.assertEqual(seal_columns(self.env), 0)

    def test_what_lies_in_clear_is_sealed_as_a_whole(self):
        with without_key():
            places = list(self.places())
            empty = self.mailbox(password=False)
            self.env.flush_all()
        with with_key():
            self.assertGreaterEqual(seal_columns(self.env), len(places))
            self.assertEqual(seal_columns(self.env), 0)
            for record, name in places:
                with self.subTest(model=record._name):
                    self.assertRegex(self.column(record, name), "^sealed:2:")
                    self.assertEqual(self.clear(record, name), SECRET)
            self.assertIsNone(self.column(empty, "password"))
            self.assertFalse(count_closed(self.env))
            self.assertEqual(self.env["ir.config_parameter"].get_param(SEALED_WITH), sealer(self.env).current_key_id)

    def test_once_sealed_a_missing_key_stops_new_values(self):
        with with_key():
            seal_columns(self.env)
        with without_key(), self.assertRaises(UserError) as caught:
            self.mailbox(password=SECRET).flush_recordset()
        self.assertEqual(
            str(caught.exception),
            "The credential key is missing, so this password cannot be stored. Put the key back into odoo.conf, the "
            "environment or the key file, and restart.",
        )

    def test_the_first_sealed_value_is_remembered_before_any_job_ran(self):
        self.assertFalse(self.env["ir.config_parameter"].get_param(SEALED_WITH))
        with with_key():
            self.mailbox(password=SECRET).flush_recordset()
        self.assertRegex(self.env["ir.config_parameter"].get_param(SEALED_WITH), "^[0-9a-f]{8}$")
        with without_key(), self.assertRaises(UserError):
            self.mailbox(password=SECRET, user="other@gateway.test").flush_recordset()

    def test_a_host_with_another_key_opens_nothing_and_says_so(self):
        with with_key():
            box = self.mailbox(password=SECRET)
            self.column(box, "password")
        with with_key():
            box.invalidate_recordset()
            with self.assertRaises(SealError):
                box._credential()
            sealed = self.column(box, "password")
            seal_columns(self.env)
            self.assertEqual(self.column(box, "password"), sealed)
            self.assertEqual(count_closed(self.env), 1)

    def test_sealed_values_are_opened_as_a_whole(self):
        with with_key():
            places = list(self.places())
            seal_columns(self.env)
            open_columns(self.env)
            for record, name in places[:2]:
                with self.subTest(model=record._name):
                    self.assertEqual(self.column(record, name), SECRET)
            self.assertFalse(self.env["ir.config_parameter"].get_param(SEALED_WITH))

    def test_the_signing_keys_work_sealed(self):
        keys = self.env["spp.email.token.key"]
        with without_key():
            self.env["spp.email.token.key"].search([]).unlink()
            keys._add_key()
            before = keys._ring().sign("test", 7, self.cr.now())
        with with_key():
            seal_columns(self.env)
            self.env.registry.clear_cache()
            self.assertEqual(keys._ring().verify("test", before, self.cr.now()), 7)
            self.assertEqual(len(base64.b64decode(self.clear(keys.search([], limit=1), "material"))), 32)
