# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from email import message_from_string, policy

from ...engine.answered import answered_ids, enclosed_ids
from .case import EngineCase

ENCLOSED = """\
MIME-Version: 1.0
Message-ID: <own@x>
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

<text@x>
--b
Content-Type: message/rfc822

Message-ID: <whole@x>

body
--b
Content-Type: text/rfc822-headers

Subject: x
message-id: <headers@x>
--b--
"""


class TestAnswered(EngineCase):
    def test_what_the_header_names(self):
        for references, in_reply_to, expected in (
            ("", "", []),
            ("<a@x> <b@x>", "<b@x>", ["<a@x>", "<b@x>"]),
            ("<a@x>\r\n <b@x>", "<c@x>", ["<a@x>", "<b@x>", "<c@x>"]),
            ("nonsense", "Ann's mail of Monday", []),
        ):
            with self.subTest(references=references):
                self.assertEqual(answered_ids(references, in_reply_to), expected)

    def test_hostile_fields_cost_little(self):
        many = " ".join(f"<{number}@x>" for number in range(100_000))
        self.assertEqual(len(answered_ids(many, "<last@x>")), 32)
        self.assertEqual(answered_ids(many, "<last@x>")[-1], "<last@x>")
        self.assertEqual(answered_ids("<" * 1_000_000, ""), [])

    def test_what_a_bounce_encloses(self):
        message = message_from_string(ENCLOSED, policy=policy.SMTP)
        self.assertEqual(enclosed_ids(message), ["<whole@x>", "<headers@x>"])
        self.assertEqual(enclosed_ids(message_from_string("Message-ID: <own@x>\n\nbody", policy=policy.SMTP)), [])
