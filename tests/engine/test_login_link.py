# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import time

from ...engine.login_link import holds_login_link, message_holds_login_link
from .case import EngineCase

BODIES = (
    ("an invitation", '<a href="https://x.test/web/signup?db=a&amp;token=abc">', True),
    ("a new password", "https://x.test/web/reset_password?db=a&signup_email=b&token=abc", True),
    ("a login that signs up", "https://x.test/web/login?db=a&token=abc", True),
    ("a contact's sign-up token", '<a href="https://x.test/mail/view?model=a&amp;auth_signup_token=b">', True),
    ("an encoded one", "https://x.test/web/login?redirect=%2Fodoo&amp;db=a&amp;token=abc", True),
    ("a two-factor page", '<a href="https://x.test/odoo/action-auth_totp_mail.action_activate_two_factor">', True),
    ("a document's token", "https://x.test/my/orders/1?access_token=abc", False),
    ("the login page", "https://x.test/web/login", False),
    ("a word", "Please bring the token=5 coin", False),
    ("nothing", "", False),
    ("none", None, False),
)


def message(body, encoding="8bit", charset="utf-8"):
    return (
        f"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset={charset}\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n{body}"
    ).encode()


class TestLoginLink(EngineCase):
    def test_bodies(self):
        for name, body, expected in BODIES:
            with self.subTest(name=name):
                self.assertEqual(holds_login_link(body), expected)

    def test_whole_messages(self):
        link = "https://x.test/web/signup?db=a&token=abc"
        folded = "https://x.test/web/sign=\r\nup?db=3Da&token=3Dabc"
        for name, content, expected in (
            ("plain", message(link), True),
            ("quoted-printable", message(folded, "quoted-printable"), True),
            ("harmless", message("hello"), False),
            ("a charset that nobody knows", message("hello", charset="x-none"), True),
            ("no MIME", b"Subject: x\r\n\r\n" + link.encode(), True),
            ("nothing", b"", False),
        ):
            with self.subTest(name=name):
                self.assertEqual(message_holds_login_link(content), expected)

    def test_a_hostile_body_ends_in_time(self):
        start = time.monotonic()
        self.assertFalse(holds_login_link("/web/login?" * 90_000 + " token=5"))
        self.assertLess(time.monotonic() - start, 5)
