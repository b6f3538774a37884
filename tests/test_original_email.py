# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from unittest.mock import patch

from odoo.tests import tagged

from odoo.addons.mail.tools.discuss import Store

from .common import GatewayCase, eml


@tagged("post_install", "-at_install")
class TestOriginalEmail(GatewayCase):
    def message(self, **options):
        inbound = self.receive(eml(Subject="Original"), self.mailbox(), **options)
        self.assertEqual(inbound.state, "done")
        return inbound, inbound.mail_message_id

    def told(self, message, user):
        """What the web client of a user is told of a message."""
        mine = message.with_user(user)
        found = Store().add(mine).get_result()["mail.message"][0]
        return found.get("gateway_inbound_id")

    def test_a_created_record(self):
        inbound, message = self.message()
        for user, expected in (
            (self.viewer, False),
            (self.officer, inbound.id),
            (self.manager, inbound.id),
            (self.plain, False),
        ):
            with self.subTest(user=user.login):
                self.assertEqual(self.told(message, user), expected)

    def test_an_updated_record(self):
        partner = self.env["res.partner"].create({"name": "There"})
        box = self.mailbox(object_id=False, gateway_action="attach", gateway_record=f"res.partner,{partner.id}")
        inbound = self.receive(eml(), box)
        self.assertEqual(inbound.mail_message_id, partner.message_ids[0])
        self.assertEqual(self.told(inbound.mail_message_id, self.officer), inbound.id)

    def test_another_companys_original_is_not_told(self):
        _inbound, message = self.message(company=self.other_company)
        self.assertFalse(self.told(message, self.officer))

    def test_what_was_no_email_has_no_original(self):
        note = self.env["res.partner"].create({"name": "There"}).message_post(body="note")
        self.assertIsNone(self.told(note, self.viewer))

    def test_a_push_to_others_tells_nothing(self):
        _inbound, message = self.message()
        store = Store(bus_channel=self.plain)
        store.add(message.with_user(self.officer))
        self.assertNotIn("gateway_inbound_id", store.get_result()["mail.message"][0])

    def test_the_cost_does_not_grow_with_the_messages(self):
        messages = self.env["mail.message"].concat(*(self.message()[1] for _number in range(5))).with_user(self.officer)
        journal = type(self.env["spp.email.inbound"])
        with patch.object(journal, "search", autospec=True, side_effect=journal.search) as searched:
            self.assertEqual(len(messages.mapped("gateway_inbound_id")), 5)
        self.assertEqual(searched.call_count, 1)
