# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from __future__ import annotations

import unittest
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

from ...engine.smtp_message import flatten


def letter(text="Größe", attachment=None):
    made = EmailMessage(policy=SMTP)
    made["Subject"], made["To"] = "A letter", "a@remote.test"
    made.add_alternative(text, subtype="plain", charset="utf-8")
    made.add_alternative(f"<p>{text}</p>", subtype="html", charset="utf-8")
    if attachment is not None:
        made.add_attachment(attachment, filename="a.eml")
    return made


def boundaries(octets):
    return [part.get_boundary() for part in message_from_bytes(octets, policy=SMTP).walk() if part.is_multipart()]


def texts(octets):
    parts = message_from_bytes(octets, policy=SMTP).walk()
    return [part.get_content().strip() for part in parts if part.get_content_maintype() == "text"]


class TestBoundaries(unittest.TestCase):
    def test_parts_are_found_again(self):
        self.assertEqual(texts(flatten(letter())), ["Größe", "<p>Größe</p>"])

    def test_parts_within_parts_have_their_own(self):
        octets = flatten(letter(attachment=letter("other", attachment=letter("third"))))
        for part in message_from_bytes(octets, policy=SMTP).walk():
            own = part.get_boundary()
            within = {inner.get_boundary() for inner in list(part.walk())[1:]} - {None}
            self.assertNotIn(own, within)
        self.assertEqual([one for one in texts(octets) if not one.startswith("<")], ["Größe", "other", "third"])

    def test_who_knows_it_can_forge_no_part(self):
        (known,) = boundaries(flatten(letter()))
        forged = f"before\n--{known}\nContent-Type: text/html\n\n<p>forged</p>\n--{known}--"
        octets = flatten(letter(forged))
        self.assertNotIn(known, boundaries(octets))
        self.assertEqual(len(texts(octets)), 2)

    def test_there_is_one_also_where_all_are_known(self):
        known = ""
        for _number in range(6):
            (new,) = boundaries(flatten(letter(known)))
            self.assertNotIn(new, known)
            known += f"\n--{new}"
