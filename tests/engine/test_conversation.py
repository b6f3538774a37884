# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.conversation import conversation, replied_to
from ...engine.summary import summarize
from .case import EngineCase


def name(*lines):
    return conversation(summarize("\r\n".join([*lines, "", "text"]).encode()))


class TestConversation(EngineCase):
    def test_messages_of_one_conversation_have_one_name(self):
        root = name("Message-ID: <a@x>")
        for lines in (
            ("Message-ID: <b@x>", "References: <a@x>"),
            ("Message-ID: <c@x>", "References: <a@x> <b@x>", "In-Reply-To: <b@x>"),
            ("Message-ID: <c@x>", "References: <a@x>\r\n <b@x>"),
            ("Message-ID: <b@x>", "In-Reply-To: <a@x>"),
            ("Message-ID: <b@x>", 'In-Reply-To: "your mail" <a@x>'),
            ("Received: by another way", "Message-ID: <a@x>"),
        ):
            with self.subTest(lines=lines):
                self.assertEqual(name(*lines), root)

    def test_others_have_others(self):
        names = [
            name("Message-ID: <a@x>"),
            name("Message-ID: <b@x>"),
            name("Subject: without any"),
            name("Subject: without any, another"),
            name("Message-ID: <a@x>", "References: <z@x>"),
        ]
        self.assertEqual(len(set(names)), len(names))

    def test_what_is_no_message_id_is_passed_over(self):
        self.assertEqual(name("Message-ID: <a@x>", "References: none"), name("Message-ID: <a@x>"))

    def test_a_long_field_costs_nothing(self):
        self.assertEqual(len(name("Message-ID: <a@x>", "References: " + "<" * 900_000)), 32)

    def test_the_predecessor_counts_only_without_references(self):
        for lines, wanted in (
            (("In-Reply-To: <a@x>",), "<a@x>"),
            (("In-Reply-To: <a@x>", "References: <a@x>"), ""),
            (("In-Reply-To: <a@x>", "References: rubbish"), "<a@x>"),
            ((), ""),
        ):
            with self.subTest(lines=lines):
                self.assertEqual(replied_to(summarize("\r\n".join([*lines, "", ""]).encode())), wanted)
