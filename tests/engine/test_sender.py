# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.sender import sender_for_test
from .case import EngineCase


class TestSender(EngineCase):
    def test_the_sender_of_a_test(self):
        for from_filter, user_name, default_from, user_address, expected in (
            ((), "", "", "", ""),
            ((), "", "", "me@example.com", "me@example.com"),
            ((), "", "default@example.com", "me@example.com", "default@example.com"),
            ((), "box@example.com", "default@example.com", "me@example.com", "box@example.com"),
            ((), "a login without domain", "default@example.com", "", "default@example.com"),
            (("sales@example.org",), "box@example.com", "", "", "sales@example.org"),
            (("example.org", "sales@example.net"), "box@example.org", "", "", "sales@example.net"),
            (("example.com",), "box@example.com", "default@example.com", "", "box@example.com"),
            (("example.com",), "box@example.org", "default@example.com", "", "default@example.com"),
            (("example.com",), "box@example.org", "default@Example.Com", "", "default@Example.Com"),
            (("example.com",), "box@example.org", "", "me@example.net", "odoo@example.com"),
            (("example.com",), "", "", "", "odoo@example.com"),
            (("example.com",), "", "", "x@sub.example.com", "odoo@example.com"),
        ):
            with self.subTest(from_filter=from_filter, user_name=user_name, default_from=default_from):
                self.assertEqual(sender_for_test(from_filter, user_name, default_from, user_address), expected)
