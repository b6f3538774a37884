# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import GatewayCase, eml


@tagged("post_install", "-at_install")
class TestInboundActions(GatewayCase):
    def inbound(self, state="quarantined", **values):
        inbound = self.journal(eml())
        inbound.write({"state": state, **values})
        return inbound

    def test_retry_puts_a_message_back_into_work_at_once(self):
        for state in ("quarantined", "retry"):
            with self.subTest(state=state):
                inbound = self.inbound(state, starts=3, next_attempt_date="2100-01-01 00:00:00")
                self.assertTrue(inbound.with_user(self.officer).action_retry())
                self.assertEqual((inbound.state, inbound.starts, inbound.next_attempt_date), ("received", 0, False))
        job = self.env.ref("spp_email_gateway.ir_cron_process_inbound")
        self.assertTrue(self.env["ir.cron.trigger"].search([("cron_id", "=", job.id)]))

    def test_retry_is_refused_where_it_makes_no_sense(self):
        for state in ("done", "duplicate", "received", "processing", "discarded"):
            with self.subTest(state=state):
                inbound = self.inbound(state)
                with self.assertRaises(UserError) as caught:
                    inbound.with_user(self.officer).action_retry()
                self.assertEqual(str(caught.exception), "Only quarantined or waiting messages can be tried again.")
                self.assertEqual(inbound.state, state)

    def test_retry_of_a_selection_leaves_what_is_done_alone(self):
        done, waiting = self.inbound("done"), self.inbound()
        (done + waiting).with_user(self.officer).action_retry()
        self.assertEqual((done.state, waiting.state), ("done", "received"))

    def test_discard_takes_a_message_out_of_work_and_keeps_its_bytes(self):
        for state, expected in (
            ("quarantined", "discarded"),
            ("retry", "discarded"),
            ("received", "discarded"),
            ("done", "done"),
            ("duplicate", "duplicate"),
            ("processing", "processing"),
        ):
            with self.subTest(state=state):
                inbound = self.inbound(state)
                inbound.with_user(self.officer).action_discard()
                self.assertEqual(inbound.state, expected)
                self.assertTrue(self.env["spp.email.content"]._load(inbound.id))
                self.assertEqual(inbound.reason, "by_hand" if expected == "discarded" else False)

    def test_a_discarded_message_is_not_processed(self):
        inbound = self.inbound("received")
        inbound.action_discard()
        self.process()
        self.assertEqual(inbound.state, "discarded")

    def test_who_may_decide(self):
        for user, allowed in (
            (self.viewer, False),
            (self.plain, False),
            (self.portal, False),
            (self.officer, True),
            (self.manager, True),
            (self.system, True),
        ):
            for action in ("action_retry", "action_discard"):
                inbound = self.inbound()
                with self.subTest(user=user.login, action=action):
                    if allowed:
                        getattr(inbound.with_user(user), action)()
                        self.assertNotEqual(inbound.state, "quarantined")
                    else:
                        with self.assertRaises(AccessError):
                            getattr(inbound.with_user(user), action)()
                        self.assertEqual(inbound.state, "quarantined")

    def test_another_companys_message_is_not_ones_to_decide(self):
        inbound = self.inbound(company_id=self.other_company.id)
        for action in ("action_retry", "action_discard"):
            with self.subTest(action=action), self.assertRaises(AccessError):
                getattr(inbound.with_user(self.officer), action)()

    def test_the_record_is_opened(self):
        partner = self.env["res.partner"].create({"name": "Made"})
        inbound = self.inbound("done", res_model="res.partner", res_id=partner.id)
        action = inbound.with_user(self.viewer).action_open_record()
        self.assertEqual((action["res_model"], action["res_id"]), ("res.partner", partner.id))

    def test_a_message_without_record_says_so(self):
        for values in ({}, {"res_model": "model.of.an.addon.that.is.gone", "res_id": 1}):
            with self.subTest(values=values), self.assertRaises(UserError) as caught:
                self.inbound("done", **values).action_open_record()
            self.assertEqual(str(caught.exception), "This message made no record.")

    def test_the_download_leads_to_the_bytes(self):
        inbound = self.inbound()
        self.assertEqual(
            inbound.with_user(self.officer).action_download(),
            {"type": "ir.actions.act_url", "url": f"/spp_email_gateway/inbound/{inbound.id}/eml", "target": "download"},
        )

    def test_a_message_is_called_by_its_subject(self):
        self.assertEqual(self.journal(eml(Subject="Hello")).display_name, "Hello")
        self.assertEqual(self.journal(eml(Subject=None)).display_name, "(no subject)")

    def test_the_preview_shows_text_and_attachments(self):
        body = b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
        body += b"--b\r\nContent-Type: image/png; name=a.png\r\n\r\n1234\r\n--b--"
        inbound = self.journal(eml(Content_Type="multipart/mixed; boundary=b", body=body)).with_user(self.officer)
        self.assertIn("hello", inbound.preview_html)
        self.assertEqual(inbound.attachment_list, "a.png (image/png, 4 bytes)")
