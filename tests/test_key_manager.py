# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import os
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import tagged

from ..engine.errors import SealError
from ..engine.seal import key_id, new_key, parse_key
from ..models import key_manager_ring
from ..models.credential_key import sealer
from ..models.sealed_column import count_closed, count_keys, seal_columns
from .common import with_key, without_key
from .key_manager import ASKED, KEYS, DatabaseKeyProvider, KeyManager, key_manager
from .test_sealed_char import SECRET, SealedCase

OWN = "credentials_spp_email_gateway"


@tagged("post_install", "-at_install")
class TestKeyManager(SealedCase):
    """Against a stand-in with the interface of OpenSPP's spp_key_management, see key_manager.py."""

    def setUp(self):
        super().setUp()
        # Its second cursor is this test's.
        self.enterContext(self.own_cursors())
        self.manager_service = self.enterContext(key_manager(self.env))

    def stored_with(self, record, name):
        return self.column(record, name).split(":")[2]

    def test_without_a_key_of_its_own_the_manager_seals(self):
        with without_key():
            box = self.mailbox(password=SECRET)
            self.assertEqual(self.stored_with(box, "password"), key_id(KEYS[OWN][0]))
            box.invalidate_recordset()
            # Whoever sends and fetches has no right to keys.
            self.assertEqual(box.with_user(self.manager)._credential().secret, SECRET)
            self.assertEqual(list(KEYS), [OWN])
            self.assertEqual({(purpose, name) for purpose, name, _v in ASKED}, {("credentials", "spp_email_gateway")})
            findings = self.env["spp.email.health"]._gateway_health()
            self.assertNotIn("credential_key_missing", [finding.code for finding in findings])

    def test_it_is_asked_once_a_process(self):
        with without_key():
            for _number in range(3):
                self.column(self.mailbox(password=SECRET), "password")
            self.assertEqual(len(ASKED), 1)

    def test_a_configured_key_wins_and_the_manager_is_not_troubled(self):
        mine = new_key()
        with with_key(mine):
            box = self.mailbox(password=SECRET)
            self.assertEqual(self.stored_with(box, "password"), key_id(parse_key(mine)))
            self.assertFalse(KEYS)
            self.assertFalse(ASKED)

    def test_from_the_manager_to_a_configured_key_and_back(self):
        mine = new_key()
        with without_key():
            box = self.mailbox(password=SECRET)
            self.column(box, "password")
        key_manager_ring._known.clear()
        with with_key(mine):
            box.invalidate_recordset()
            self.assertEqual(box._credential().secret, SECRET)
            box.password = "another"
            self.assertEqual(self.stored_with(box, "password"), key_id(parse_key(mine)))
        with with_key(f"key-manager,{mine}"):
            box.invalidate_recordset()
            self.assertEqual(box._credential().secret, "another")
            box.password = SECRET
            self.assertEqual(self.stored_with(box, "password"), key_id(KEYS[OWN][0]))

    def test_the_word_without_the_manager_is_no_key(self):
        mine = new_key()
        self.env.registry.models.pop(KeyManager._name)
        with with_key(f"key-manager,{mine}"):
            self.assertEqual(sealer(self.env).key_ids, (key_id(parse_key(mine)),))
        with with_key("key-manager"):
            self.assertFalse(sealer(self.env).current_key_id)

    def test_a_key_that_it_rotated_seals_and_the_older_ones_open(self):
        with without_key():
            box = self.mailbox(password=SECRET)
            self.column(box, "password")
            self.manager_service.rotate_key("credentials", "spp_email_gateway")
            key_manager_ring._known.clear()
            box.invalidate_recordset()
            self.assertEqual(box._credential().secret, SECRET)
            other = self.mailbox(password=SECRET, user="other@gateway.test")
            self.assertEqual(self.stored_with(other, "password"), key_id(KEYS[OWN][1]))
            self.assertFalse(count_closed(self.env))
            names = {name for name, _remark in count_keys(self.env)} - {""}
            self.assertEqual(names, {key_id(key) for key in KEYS[OWN]})

    def test_a_process_that_does_not_know_the_new_key_asks_again_but_not_at_every_step(self):
        with without_key():
            box = self.mailbox(password=SECRET)
            self.column(box, "password")
            # Another process has a key made, and seals with it.
            known = dict(key_manager_ring._known)
            self.manager_service.rotate_key("credentials", "spp_email_gateway")
            key_manager_ring._known.clear()
            box.password = "another"
            self.column(box, "password")
            box.invalidate_recordset()
            key_manager_ring._known.clear()
            key_manager_ring._known.update(known)
            with self.assertRaises(SealError):
                box._credential()
            with patch.object(key_manager_ring, "PATIENCE", 0):
                self.assertEqual(box._credential().secret, "another")

    def test_a_manager_that_gives_no_key_stops_new_passwords(self):
        with without_key():
            seal_columns(self.env)
            key_manager_ring._known.clear()
            with patch.object(DatabaseKeyProvider, "get_data_key", side_effect=UserError("The vault is sealed.")):
                with self.assertRaises(SealError) as caught:
                    self.mailbox(password=SECRET).flush_recordset()
                self.assertRegex(str(caught.exception), "^OpenSPP's key manager gives no key for credentials")
                (finding,) = self.env["spp.email.health"]._gateway_health()
                self.assertEqual((finding.code, finding.state.value), ("credential_key_missing", "failure"))
                # With a key of its own, the gateway does without.
                with with_key():
                    self.assertTrue(sealer(self.env).current_key_id)

    def test_a_key_that_lies_in_the_database_is_told(self):
        codes = lambda: [finding.code for finding in self.env["spp.email.health"]._gateway_health()]  # noqa: E731
        with without_key():
            seal_columns(self.env)
            with patch.dict(os.environ, {"SPP_MASTER_KEY": ""}):
                self.assertEqual(codes(), ["credential_key_derived"])
            with patch.dict(os.environ, {"SPP_MASTER_KEY": new_key()}):
                self.assertEqual(codes(), [])
        with with_key(), patch.dict(os.environ, {"SPP_MASTER_KEY": ""}):
            self.assertEqual(codes(), [])
