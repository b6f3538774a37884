# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import contextlib
import io

from odoo.tests import tagged

from ..find_command import FindCommand
from .common import eml
from .sending import DeliveryCase


@tagged("post_install", "-at_install")
class TestFindCommand(DeliveryCase):
    def find(self, text):
        """Return (exit code, what was printed)."""
        out = io.StringIO()
        self.env.flush_all()
        with self.own_cursors(), contextlib.redirect_stdout(out):
            code = FindCommand(self.env.cr.dbname).find(text)
        return code, out.getvalue()

    def test_by_message_id_and_address_with_the_ids_and_without_what_it_says(self):
        inbound = self.journal(eml(From="Zoe Quill <zoe@plover.example>", Subject="Marzipan"))
        row = self.refused("zoe@plover.example")
        for text in (inbound.message_id, "zoe@plover.example"):
            with self.subTest(text):
                code, printed = self.find(text)
                self.assertEqual(code, 0)
                self.assertIn(f"spp.email.inbound {inbound.id}: Arrived", printed)
                for planted in ("Quill", "Marzipan", "plover", "News"):
                    self.assertNotIn(planted, printed)
        self.assertRegex(printed, rf"! spp.email.delivery {row.id}: .*Check its spelling")

    def test_nothing_and_nonsense(self):
        code, printed = self.find("nobody@plover.example")
        self.assertEqual(code, 1)
        self.assertIn("nothing was found", printed)
        self.assertIn("never arrived", printed)
        for text in ("some words", "", "a@b, c@d"):
            with self.subTest(text):
                code, printed = self.find(text)
                self.assertEqual(code, 2)
                self.assertIn("Enter an address or a Message-ID", printed)
