# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.automatic_header import OwnMail, automatic_headers
from .case import EngineCase


class TestAutomaticHeader(EngineCase):
    def test_what_own_mail_says_of_itself(self):
        for case, expected, values in (
            ("a person's comment", "", {"message_type": "comment", "has_person": True}),
            (
                "a comment posted later, by the job",
                "",
                {"message_type": "comment", "has_person": True, "is_by_system": True},
            ),
            ("OdooBot's comment", "auto-generated", {"message_type": "comment", "is_by_system": True}),
            ("a person's email", "", {"message_type": "email_outgoing", "has_person": True}),
            ("a digest", "auto-generated", {"message_type": "email_outgoing", "is_by_system": True}),
            (
                "a template sent by a job in a person's name",
                "auto-generated",
                {"message_type": "email_outgoing", "has_person": True, "is_by_system": True},
            ),
            (
                "a link to log in",
                "auto-generated",
                {"message_type": "email_outgoing", "has_person": True, "is_secret": True},
            ),
            ("mail made by code", "auto-generated", {"message_type": "email_outgoing"}),
            ("of no type", "auto-generated", {}),
            ("a customer's email for followers", "", {"message_type": "email", "has_person": True}),
            ("a stranger's email for followers", "", {"message_type": "email", "is_by_system": True}),
            ("a change of stage", "auto-generated", {"message_type": "notification", "has_person": True}),
            ("you have been assigned", "auto-generated", {"message_type": "user_notification", "has_person": True}),
            ("an automation's mail", "auto-generated", {"message_type": "auto_comment", "has_person": True}),
            ("an acknowledgement", "auto-replied", {"message_type": "auto_comment", "is_answer": True}),
            (
                "an acknowledgement in a person's name",
                "auto-replied",
                {"message_type": "email_outgoing", "has_person": True, "is_answer": True},
            ),
            (
                "what users are told of a new record",
                "auto-generated",
                {"message_type": "user_notification", "is_answer": True},
            ),
            ("a person's email at once", "", {"message_type": "email", "has_person": True, "is_answer": True}),
            (
                "a machine's email for followers",
                "auto-generated",
                {"message_type": "email", "is_answer": True, "is_relayed_machine": True},
            ),
            ("Odoo's own absence notice", "auto-replied", {"message_type": "out_of_office", "has_person": True}),
            ("a mailing", "", {"message_type": "email_outgoing", "is_mass": True, "is_by_system": True}),
        ):
            with self.subTest(case=case):
                headers = automatic_headers(OwnMail(**values))
                self.assertEqual(headers.get("Auto-Submitted", ""), expected)
                # Exchange keeps absence notices back; its failure reports are wanted (MS-OXCMAIL §2.1.3.2.20).
                suppressed = "OOF, AutoReply" if expected else None
                self.assertEqual(headers.get("X-Auto-Response-Suppress"), suppressed)

    def test_what_others_say_is_left_alone(self):
        both = ["Auto-Submitted", "X-Auto-Response-Suppress"]
        for present, expected in (
            ((), both),
            (("Return-Path", "X-Odoo-Objects", "List-Unsubscribe"), both),
            (("Auto-Submitted",), []),
            (("auto-submitted",), []),
            (("X-AUTO-RESPONSE-SUPPRESS",), ["Auto-Submitted"]),
            (("Precedence",), []),
            (("List-Id",), []),
        ):
            with self.subTest(present=present):
                self.assertEqual(list(automatic_headers(OwnMail("notification"), present)), expected)
