# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import time

from ...engine.plain_text import plain_text
from .case import EngineCase


class TestPlainText(EngineCase):
    def test_one_line_cases(self):
        for html, text in (
            ("", ""),
            ("   ", ""),
            ("plain", "plain"),
            ("<p>one</p><p>two</p>", "one\ntwo"),
            ("one<br>two<br/>three", "one\ntwo\nthree"),
            ("<b>Na</b>me: <i>Ann</i>", "Name: Ann"),
            ("one\r\ntwo", "one two"),
            (
                "<table><tr><td>Name:</td><td>Ann</td></tr><tr><td>City:</td><td>Bo</td></tr></table>",
                "Name: Ann\nCity: Bo",
            ),
            ("<style>p {}</style><script>x()</script><title>t</title>seen", "seen"),
            ("a<!-- not this -->b", "ab"),
            ("&lt;b&gt; &amp; caf&eacute;", "<b> & café"),
            ("<?xml version='1.0' encoding='klingon'?><p>hi</p>", "hi"),
            ("<p>a\x00b</p>".replace("\x00", ""), "ab"),
        ):
            with self.subTest(html=html):
                self.assertEqual(plain_text(html), text)

    def test_it_is_bounded(self):
        self.assertEqual(len(plain_text("x" * 1000, 10)), 10)

    def test_hostile_markup_ends_in_time(self):
        for html in ("<div>" * 10_000, "<" * 50_000, "<p " * 16_000, "&" * 50_000, "<table>" * 7_000, "<a><b>" * 8_000):
            with self.subTest(html=html[:10]):
                start = time.monotonic()
                plain_text(html)
                self.assertLess(time.monotonic() - start, 2)
