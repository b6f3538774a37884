# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.envelope import HEADERS, header_order, recipients
from ...engine.summary import summarize
from .case import EngineCase


def read(*lines, order=HEADERS):
    return recipients(summarize("\r\n".join([*lines, "", "text"]).encode()), order)


class TestEnvelope(EngineCase):
    def test_the_first_header_of_the_order_that_names_an_address(self):
        for lines, wanted in (
            (("To: a@x",), []),
            (("Delivered-To: box@x",), ["box@x"]),
            (("Delivered-To: box@x", "X-Original-To: Help@X"), ["help@x"]),
            (("X-Original-To: undisclosed", "Delivered-To: box@x"), ["box@x"]),
            (("Envelope-To: a@x, b@x",), ["a@x", "b@x"]),
            (("Delivered-To: outer@x", "Delivered-To: inner@x"), ["outer@x"]),
            (("X-Original-To: =?utf-8?q?H=C3=A9?= <h@x>",), ["h@x"]),
        ):
            with self.subTest(lines=lines):
                self.assertEqual(read(*lines), wanted)

    def test_the_order_is_a_setting(self):
        lines = ("X-Original-To: a@x", "X-Forwarded-To: b@x")
        self.assertEqual(read(*lines, order=header_order("X-Forwarded-To, X-Original-To")), ["b@x"])

    def test_a_setting_without_names_is_the_default(self):
        for setting in ("", " , ", "ü"):
            with self.subTest(setting=setting):
                self.assertEqual(header_order(setting), HEADERS)

    def test_a_header_of_thousands_of_addresses_is_cut(self):
        self.assertEqual(len(read("Envelope-To: " + ", ".join(f"a{n}@x" for n in range(5000)))), 50)
