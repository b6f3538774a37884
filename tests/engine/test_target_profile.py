# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from dataclasses import replace

from ...engine.target_profile import CHANGE_REQUEST, GRIEVANCE, PROFILES, Mail
from .case import EngineCase

MAIL = Mail(
    subject="No payment",
    body="<p>Since March.</p>",
    text="Since March.",
    sender_name="Amina",
    sender_address="amina@remote.test",
    message_id="<1@remote.test>",
    placeholder_id=9,
)
TICKET = frozenset(
    "name description partner_id number contact_name contact_email complainant_type channel_id severity".split()
)
REQUEST = frozenset("name request_type_id approval_state description source_reference".split())


class TestTargetProfile(EngineCase):
    def test_a_stranger_and_a_known_person_differ_in_the_contact_alone(self):
        stranger = GRIEVANCE.record_values(MAIL, {}, TICKET)
        known = GRIEVANCE.record_values(replace(MAIL, partner_id=7), {}, TICKET)
        self.assertEqual(
            stranger,
            {
                "name": "No payment",
                "description": "<p>Since March.</p>",
                "contact_name": "Amina",
                "contact_email": "amina@remote.test",
                "complainant_type": "anonymous",
                "partner_id": 9,
                "number": "/",
            },
        )
        self.assertEqual(known, {**{k: v for k, v in stranger.items() if k != "complainant_type"}, "partner_id": 7})

    def test_nothing_is_left_empty_that_is_required(self):
        for mail in (Mail(), replace(MAIL, subject=" ", body=" \n"), replace(MAIL, subject="\0")):
            with self.subTest(mail=mail):
                values = GRIEVANCE.record_values(replace(mail, placeholder_id=9), {}, TICKET)
                self.assertTrue(all(values[name] for name in GRIEVANCE.fills), values)

    def test_a_long_subject_is_cut(self):
        self.assertEqual(len(GRIEVANCE.record_values(replace(MAIL, subject="x" * 5000), {}, TICKET)["name"]), 300)

    def test_where_the_contact_is_not_required_there_is_none(self):
        values = GRIEVANCE.record_values(replace(MAIL, placeholder_id=0), {}, TICKET)
        self.assertNotIn("partner_id", values)

    def test_a_change_request_stays_a_draft_with_its_own_reference(self):
        values = CHANGE_REQUEST.record_values(
            MAIL, {"request_type_id": 3, "name": "forged", "approval_state": "approved"}, REQUEST
        )
        self.assertEqual(
            values,
            {
                "name": "New",
                "approval_state": "draft",
                "request_type_id": 3,
                "description": "No payment\n\nSince March.",
                "source_reference": "<1@remote.test>",
            },
        )

    def test_fields_that_a_model_lacks_are_left_out(self):
        for profile in PROFILES:
            with self.subTest(profile=profile.name):
                self.assertEqual(set(profile.record_values(MAIL, {"other": 1}, frozenset({"name"}))), {"name"})
