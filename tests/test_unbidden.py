# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Mail of machines to addresses that nobody is to write to."""

from odoo.tests import tagged

from .common import GatewayCase, eml
from .kinds import classified

LINK = "https://mail.provider.test/mail/vf-%5BANGjdJ%5D-abc?a=1&b=2"


@tagged("post_install", "-at_install")
class TestUnbidden(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.box = cls.mailbox()

    def come(self, to, kind="auto_generated", server=None, **fields):
        values = {"To": to, "From": "no-reply@provider.test", "Subject": "News of the provider", **fields}
        with classified(kind):
            return self.receive(eml(**values), server or self.box)

    def test_machines_do_not_write_there(self):
        for address in ("catchall", "bounce", "notifications", "Catchall+x"):
            for kind in ("auto_generated", "mailing_list"):
                with self.subTest(address=address, kind=kind):
                    inbound = self.come(f"{address}@gateway.test", kind)
                    self.assertOutcome(inbound, "quarantined", "not_for_writing")
                    self.assertIn("it is not for writing", str(inbound.trace))
        self.assertFalse(self.partners("News of the provider"))

    def test_nor_do_providers_that_say_nothing_of_themselves(self):
        inbound = self.come("catchall@gateway.test", "person", Subject="Confirm the redirection", body=LINK.encode())
        self.assertOutcome(inbound, "quarantined", "not_for_writing")

    def test_their_mail_to_aliases_is_as_today(self):
        self.alias("help")
        for to in ("help@gateway.test", "help@gateway.test, catchall@gateway.test"):
            with self.subTest(to=to):
                self.assertOutcome(self.come(to, Subject=f"For {to}"), "done", "record_created")

    def test_an_answer_is_expected(self):
        record = self.env["res.partner"].create({"name": "Case"})
        sent = record.message_post(body="hello")
        inbound = self.come("catchall@gateway.test", In_Reply_To=sent.message_id)
        self.assertOutcome(inbound, "done", "record_updated")
        self.assertEqual(inbound.res_id, record.id)

    def test_a_mailbox_that_makes_records_of_what_is_sent_to_it(self):
        self.alias_domain.default_from = "box@gateway.test"
        self.assertOutcome(self.come("box@gateway.test", Subject="Scan 1"), "done", "record_created")
        self.assertOutcome(
            self.come("box@gateway.test", server=self.mailbox(user="all@gateway.test")),
            "quarantined",
            "not_for_writing",
        )

    def test_the_catchall_mailbox_itself_is_not_for_machines(self):
        box = self.mailbox(user="catchall@gateway.test")
        self.assertOutcome(self.come("catchall@gateway.test", server=box), "quarantined", "not_for_writing")
        # Its own address on each message says nothing about what it was written to.
        inbound = self.come("scan@gateway.test", server=box, Delivered_To="catchall@gateway.test", Subject="Scan 2")
        self.assertOutcome(inbound, "done", "record_created")

    def test_an_alias_of_the_notifications_name(self):
        self.alias("notifications")
        self.assertOutcome(self.come("notifications@gateway.test"), "done", "record_created")

    def test_a_person_sends_it_on_by_hand(self):
        inbound = self.come("catchall@gateway.test", Subject="By hand")
        wizard = (
            self.env["spp.email.inbound.route"]
            .with_user(self.officer)
            .create({"inbound_ids": inbound.ids, "target_model": "res.partner"})
        )
        with classified("auto_generated"), self.own_cursors():
            wizard.action_confirm()
        inbound.invalidate_recordset()
        self.assertOutcome(inbound, "done", "record_created")

    def test_its_links_can_be_read(self):
        body = f'<p>Press <a href="{LINK.replace("&", "&amp;")}">Confirm</a></p>'.encode()
        inbound = self.come("bounce@gateway.test", Content_Type="text/html", body=body)
        shown = str(inbound.with_user(self.officer).preview_html)
        self.assertIn(f"<code>{LINK.replace('&', '&amp;')}</code>", shown)
        self.assertNotIn("href", shown)
