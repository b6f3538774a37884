# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from odoo.exceptions import UserError
from odoo.tests import tagged

from ..hooks import post_init_hook, uninstall_hook
from .common import eml, with_key, without_key
from .test_sealed_char import SECRET, SealedCase


@tagged("post_install", "-at_install")
class TestHooks(SealedCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["spp.email.inbound"].search([]).unlink()

    def test_install_leaves_existing_mailboxes_working_as_they_did(self):
        with without_key():
            ssl, clear = self.mailbox(is_ssl=True), self.mailbox(is_ssl=False, object_id=False)
            post_init_hook(self.env)
            self.env.invalidate_all()
        for box, security in ((ssl, "tls"), (clear, "none")):
            connection = box._gateway_connection()
            self.assertEqual((connection.security.value, connection.verify), (security, False))
            self.assertTrue(box.gateway_security_warning)
            self.assertEqual(box.state, "done")
        self.assertEqual((ssl.gateway_action, clear.gateway_action), ("create", False))

    def test_install_seals_when_there_is_a_key(self):
        with without_key():
            box = self.mailbox(password=SECRET)
        with with_key():
            post_init_hook(self.env)
            self.assertRegex(self.column(box, "password"), "^sealed:2:")

    def test_install_makes_a_signing_key(self):
        before = self.env["spp.email.token.key"].search_count([])
        with without_key():
            post_init_hook(self.env)
        self.assertEqual(self.env["spp.email.token.key"].search_count([]), before + 1)

    def test_uninstall_gives_the_clear_text_back(self):
        with with_key():
            box = self.mailbox(password=SECRET)
            self.assertRegex(self.column(box, "password"), "^sealed:2:")
            uninstall_hook(self.env)
            self.assertEqual(self.column(box, "password"), SECRET)

    def test_uninstall_leaves_who_wants_no_mail_on_odoos_blacklist(self):
        listed, blacklist = self.env["spp.email.suppression"], self.env["mail.blacklist"]
        values = {"entered_date": "2026-01-01 00:00:00", "last_date": "2026-01-01 00:00:00"}
        for address, more in (
            ("complained@a.org", {"reason": "complaint"}),
            ("asked@a.org", {"reason": "by_hand"}),
            ("dead@a.org", {"reason": "hard_bounce"}),
            ("over@a.org", {"reason": "complaint", "active": False}),
        ):
            listed.create({"address": address, **values, **more})
        with with_key(), self.assertLogs("odoo.addons.spp_email_gateway", "WARNING") as logs:
            uninstall_hook(self.env)
        found = set(blacklist.search([("email", "like", "@a.org")]).mapped("email"))
        self.assertEqual(found, {"complained@a.org", "asked@a.org"})
        self.assertIn("2 addresses", "".join(logs.output))
        self.assertNotIn("@a.org", "".join(logs.output))

    def test_uninstall_without_the_key_stops_and_loses_nothing(self):
        with with_key():
            box = self.mailbox(password=SECRET)
            sealed = self.column(box, "password")
        with without_key(), self.assertRaises(UserError) as caught:
            uninstall_hook(self.env)
        text = str(caught.exception)
        self.assertRegex(text, "^The stored passwords cannot be opened, so uninstalling would lose them. ")
        self.assertRegex(text, "This credential was sealed with key [0-9a-f]{8}, which is not configured")
        self.assertRegex(text, "To uninstall without them, empty the passwords first.$")
        self.assertEqual(self.column(box, "password"), sealed)

    def test_uninstall_without_a_key_and_without_sealed_values_is_no_problem(self):
        with without_key():
            box = self.mailbox(password=SECRET)
            uninstall_hook(self.env)
            self.assertEqual(self.column(box, "password"), SECRET)

    def test_uninstall_stops_while_messages_would_be_lost(self):
        box = self.mailbox()
        for state, is_stopped in (
            ("received", True),
            ("processing", True),
            ("retry", True),
            ("quarantined", True),
            ("done", False),
            ("duplicate", False),
            ("discarded", False),
        ):
            inbound = self.journal(eml(), box)
            inbound.state = state
            with self.subTest(state=state), without_key():
                if is_stopped:
                    with self.assertRaises(UserError) as caught:
                        uninstall_hook(self.env)
                    self.assertEqual(
                        str(caught.exception),
                        "1 incoming messages are unprocessed or in quarantine, and uninstalling would lose them. "
                        "Open Email Gateway → Journal, and retry or discard them first.",
                    )
                else:
                    uninstall_hook(self.env)
            inbound.state = "done"
            inbound.unlink()
