# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from .common import GatewayCase, eml

CONTENT = eml(Subject=b"caf\xe9") + b"\r\n\x00\xff\xfe<script>alert(1)</script>\nbare\rends"


@tagged("post_install", "-at_install")
class TestDownload(GatewayCase, HttpCase):
    def get(self, user, inbound_id):
        self.authenticate(user and user.login, user and user.login)
        return self.url_open(f"/spp_email_gateway/inbound/{inbound_id}/eml", allow_redirects=False)

    def test_the_bytes_are_those_received(self):
        inbound = self.journal(CONTENT, company=self.company)
        for user in (self.officer, self.manager):
            with self.subTest(user=user.login):
                answer = self.get(user, inbound.id)
                self.assertEqual((answer.status_code, answer.content), (200, CONTENT))

    def test_a_message_is_never_rendered_here(self):
        headers = self.get(self.officer, self.journal(CONTENT).id).headers
        self.assertEqual(headers["Content-Type"].partition(";")[0], "message/rfc822")
        self.assertRegex(headers["Content-Disposition"], "^attachment; filename")
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")

    def test_an_empty_message_is_an_empty_file(self):
        answer = self.get(self.officer, self.journal(b"").id)
        self.assertEqual((answer.status_code, answer.content), (200, b""))

    @mute_logger("odoo.http")
    def test_who_may_not_gets_nothing(self):
        mine, theirs = self.journal(CONTENT, company=self.company), self.journal(CONTENT, company=self.other_company)
        for name, user, inbound in (
            ("another company's", self.officer, theirs),
            ("a viewer", self.viewer, mine),
            ("a plain user", self.plain, mine),
            ("a portal user", self.portal, mine),
        ):
            with self.subTest(name=name):
                answer = self.get(user, inbound.id)
                self.assertEqual(answer.status_code, 403)
                self.assertNotIn(b"alert(1)", answer.content)

    def test_without_a_session_one_is_sent_to_the_login(self):
        answer = self.get(None, self.journal(CONTENT).id)
        self.assertEqual(answer.status_code, 303)
        self.assertIn("/web/login", answer.headers["Location"])

    @mute_logger("odoo.http")
    def test_what_is_not_there_is_not_found(self):
        removed = self.journal(CONTENT)
        removed.content_ids.unlink()
        self.env.flush_all()
        for name, inbound_id in (("no such message", 2**30), ("bytes removed", removed.id)):
            with self.subTest(name=name):
                self.assertEqual(self.get(self.officer, inbound_id).status_code, 404)
