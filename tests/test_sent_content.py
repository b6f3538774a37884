# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import hashlib
import io
import os
import zipfile

from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from odoo.addons.mail.tools.discuss import Store

from .common import eml
from .sending import DeliveryCase

CONTENT = eml(Subject=b"caf\xe9", DKIM_Signature="v=1") + b"\r\n\x00\xff\xfe<script>alert(1)</script>\nbare\rends"


class SentCase(DeliveryCase):
    def sent(self, *, content=CONTENT, recipient="bob@example.com", mail=None, row=None, **values):
        """Keep what was sent to one recipient; return (its row, its content)."""
        row = row or self.row(recipient, "sent", mail, **values)
        self.env.flush_all()
        contents = self.env["spp.email.sent.content"]
        before = contents.search([])
        contents._keep(self.env, row.mail_id.id, "<1@gateway.test>", [row.recipient], content)
        contents.invalidate_model()
        row.invalidate_recordset()
        return row, contents.search([]) - before


@tagged("post_install", "-at_install")
class TestSentContent(SentCase):
    def test_the_bytes_are_kept_as_they_were_sent(self):
        for name, content in (("small", CONTENT), ("large", CONTENT + os.urandom(300_000)), ("empty", b"")):
            row, kept = self.sent(content=content)
            with self.subTest(name=name):
                self.assertEqual(kept._load(), content)
                self.assertEqual((kept.size, kept.digest), (len(content), hashlib.sha256(content).hexdigest()))
                self.assertEqual((kept.delivery_ids, kept.mail_id), (row, row.mail_id))
                self.assertEqual((kept.message_id, kept.recipients), ("<1@gateway.test>", "bob@example.com"))

    def test_the_headers_are_kept_apart(self):
        _row, kept = self.sent()
        self.assertIn("Subject: caf\ufffd", kept.headers)
        self.assertIn("DKIM-Signature: v=1", kept.headers)
        self.assertNotIn("alert", kept.headers)

    def test_several_emails_of_one_mail(self):
        mail = self.mail(email_to="a@example.com, b@example.com")
        (first, one), (second, two) = (self.sent(mail=mail, recipient=f"{name}@example.com") for name in "ab")
        self.assertEqual((one.delivery_ids, two.delivery_ids), (first, second))

    def test_who_was_refused_was_not_sent_it(self):
        mail = self.mail(email_to="a@example.com, b@example.com")
        self.refused("b@example.com", mail)
        row, kept = self.sent(mail=mail, recipient="a@example.com")
        self.assertEqual(kept.delivery_ids, row)

    def test_a_switch_a_server_and_class(self):
        for keep, mail_class, expected in (
            ("all", "transactional", True),
            ("all", "mass", True),
            ("transactional", "transactional", True),
            ("transactional", "mass", False),
            ("none", "transactional", False),
        ):
            self.server.gateway_keep_sent = keep
            _row, kept = self.sent(mail_class=mail_class)
            with self.subTest(keep=keep, mail_class=mail_class):
                self.assertEqual(bool(kept), expected)

    def test_servers_keep_all_but_mass_mail(self):
        server = self.env["ir.mail_server"].create({"name": "x", "smtp_host": "x"})
        self.assertEqual(server.gateway_keep_sent, "transactional")
        self.assertTrue(self.sent(server_id=False)[1])
        self.assertFalse(self.sent(server_id=False, mail_class="mass")[1])

    def test_a_way_to_log_in_is_never_kept(self):
        self.server.gateway_keep_sent = "all"
        link = "https://x.test/web/reset_password?db=a&amp;token=abc"
        for name, mail in (
            ("a link", self.mail(body_html=f'<a href="{link}">here</a>')),
            ("an email about a user", self.mail(model="res.users", res_id=self.plain.id)),
            ("the caller says so", self.env["mail.mail"].with_context(gateway_secret=True).create({"subject": "Code"})),
        ):
            with self.subTest(name=name):
                self.assertFalse(self.sent(mail=mail)[1])

    def test_a_secret_is_found_in_the_bytes_when_the_mail_is_gone(self):
        contents = self.env["spp.email.sent.content"]
        secret = eml(body=b"https://x.test/web/signup?token=abc")
        self.assertFalse(contents._keep(self.env, 2**30, "<1@x>", ["a@example.com"], secret))
        self.assertTrue(contents._keep(self.env, 2**30, "<1@x>", ["a@example.com"], eml()))

    def test_a_link_of_odoos_own_is_known(self):
        partner = self.env["res.partner"].create({"name": "New", "email": "new@example.com"})
        if "signup_type" not in partner._fields:
            self.skipTest("auth_signup is not installed")
        for kind in ("signup", "reset"):
            link = partner.with_context(signup_force_type_in_url=kind)._get_signup_url()
            with self.subTest(kind=kind):
                self.assertTrue(self.mail(body_html=f"<a href='{link}'>here</a>").gateway_is_secret)

    def test_it_is_kept_by_a_cursor_that_others_do_not_wait_for(self):
        row = self.row("bob@example.com", "sending")
        with self.committing() as env:
            kept = self.env["spp.email.sent.content"]._keep(env, row.mail_id.id, "<1@x>", ["BOB@example.com"], CONTENT)
        self.assertTrue(kept)
        row.invalidate_recordset()
        self.assertEqual(row.sent_content_ids._load(), CONTENT)

    # Removing

    def age(self, content, days):
        self.sql(
            "UPDATE spp_email_sent_content SET kept_date = now() - %s * interval '1 day' WHERE id = %s RETURNING id",
            days,
            content.id,
        )
        self.env.invalidate_all()

    def clean(self):
        self.env["spp.email.sent.content"]._gc_sent_contents()
        self.env.invalidate_all()

    def test_after_thirty_days_the_headers_are_left(self):
        (_row, young), (row, old) = self.sent(), self.sent()
        self.age(young, 29)
        self.age(old, 31)
        self.clean()
        self.assertEqual((young._load(), old._load()), (CONTENT, None))
        self.assertIn("DKIM-Signature", old.headers)
        self.assertIn("DKIM-Signature", row.sent_headers)
        self.assertFalse(row.has_sent_content)

    def test_legal_hold_keeps_the_bytes(self):
        row, kept = self.sent()
        row.with_user(self.officer).action_hold()
        self.age(kept, 3000)
        self.clean()
        self.assertEqual(kept._load(), CONTENT)

    def test_the_time_is_a_setting(self):
        self.env["ir.config_parameter"].set_param("spp_email_gateway.keep_sent_days", "0")
        _row, kept = self.sent()
        self.age(kept, 3000)
        self.clean()
        self.assertEqual(kept._load(), CONTENT)

    def test_what_nothing_refers_to_goes_altogether(self):
        row, kept = self.sent()
        self.age(kept, 31)
        row.mail_id.unlink()
        row.unlink()
        self.clean()
        self.assertFalse(kept.exists())


@tagged("post_install", "-at_install")
class TestSentDownload(SentCase, HttpCase):
    def get(self, user, way, record_id):
        self.authenticate(user.login, user.login)
        return self.url_open(f"/spp_email_gateway/sent/{way}/{record_id}", allow_redirects=False)

    def posted(self):
        """Return a message of a record that was sent, and its row."""
        message, mail = self.message(self.bob, statuses=("sent",))
        row, kept = self.sent(mail=mail, recipient="bob@exmaple.com", partner_id=self.bob.id)
        return message, row, kept

    @mute_logger("odoo.http")
    def test_who_may_have_it(self):
        message, row, _kept = self.posted()
        roles = {"plain": self.plain, "viewer": self.viewer, "officer": self.officer, "manager": self.manager}
        roles |= {"system": self.system, "portal": self.portal}
        for way, record_id, allowed in (
            ("delivery", row.id, {"officer", "manager", "system"}),
            ("mail", row.mail_id.id, {"system"}),
            # Who reads the record reads its messages.
            ("message", message.id, {"plain", "viewer", "officer", "manager", "system"}),
        ):
            for name, user in roles.items():
                answer = self.get(user, way, record_id)
                with self.subTest(way=way, user=name):
                    self.assertEqual(answer.status_code == 200, name in allowed, answer.status_code)
                    self.assertEqual(answer.content == CONTENT, name in allowed)

    def test_it_is_never_rendered_here(self):
        _message, row, _kept = self.posted()
        headers = self.get(self.officer, "delivery", row.id).headers
        self.assertEqual(headers["Content-Type"].partition(";")[0], "message/rfc822")
        self.assertRegex(headers["Content-Disposition"], "^attachment; filename")
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")

    def test_several_come_packed(self):
        message, mail = self.message(self.bob, self.eve, statuses=("sent", "sent"))
        self.sent(mail=mail, recipient="bob@exmaple.com", content=eml(body=b"one"))
        self.sent(mail=mail, recipient="eve@example.com", content=eml(body=b"two"))
        answer = self.get(self.plain, "message", message.id)
        with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
            bodies = [packed.read(name)[-3:] for name in packed.namelist()]
        self.assertEqual(bodies, [b"one", b"two"])

    @mute_logger("odoo.http")
    def test_another_companys_and_what_is_not_there(self):
        theirs, _kept = self.sent(company_id=self.other_company.id)
        self.assertEqual(self.get(self.officer, "delivery", theirs.id).status_code, 403)
        for way in ("delivery", "message"):
            with self.subTest(way=way):
                self.assertEqual(self.get(self.officer, way, 2**30).status_code, 404)
        never = self.row("bob@example.com", "sent")
        self.assertEqual(self.get(self.officer, "delivery", never.id).status_code, 404)

    def told(self, message, user):
        found = Store().add(message.with_user(user)).get_result()["mail.message"][0]
        return found.get("gateway_has_sent_content")

    def test_the_chatter_offers_it_to_staff(self):
        message, _row, kept = self.posted()
        for user, expected in ((self.plain, True), (self.viewer, True), (self.officer, True)):
            self.assertEqual(self.told(message, user), expected)
        self.sql("UPDATE spp_email_sent_content SET stored_size = 0, data = NULL WHERE id = %s RETURNING id", kept.id)
        self.env.invalidate_all()
        self.assertFalse(self.told(message, self.officer))
