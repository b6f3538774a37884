# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import random

from ...engine.harmless import harmless
from .case import EngineCase

PNG = "data:image/png;base64,iVBORw0KGgo="


class TestHarmless(EngineCase):
    def test_what_is_kept_and_what_is_not(self):
        for markup, expected in (
            ("", ""),
            ("text", "text"),
            ("<p>a</p> b <b>c</b> d", "<p>a</p> b <b>c</b> d"),
            ("a &lt;b&gt; &amp; c", "a &lt;b&gt; &amp; c"),
            ("<p class='x' style='color: red' onclick='y' dir='rtl'>a</p>", '<p dir="rtl">a</p>'),
            ("<table><tr><td colspan='2'>a</td></tr></table>", '<table><tr><td colspan="2">a</td></tr></table>'),
            ("<a href='http://x.test'>a</a>", '<a title="http://x.test">a</a>'),
            ("<img src='http://x.test/p.png' alt='logo'>!", "logo!"),
            (f"<img src='{PNG}' width='9'>!", f'<img width="9" src="{PNG}">!'),
            ("<img src='data:image/svg+xml,&lt;svg/&gt;'>!", "!"),
            ("<img src='data:text/html;base64,AAAA'>!", "!"),
            ("a<svg><a xlink:href='http://x.test'><text>b</text></a></svg>c", "ac"),
            ("a<math href='http://x.test'><mtext>b</mtext></math>c", "ac"),
            ("a<video src='x' poster='y'>b</video>c", "abc"),
            ("a<form action='x'>b<input value='c'>d</form>e", "abde"),
            ("a<script>b</script>c<style>d</style>e", "ace"),
            ("a<!-- b -->c<?d e?>f", "acf"),
            ("<unheard-of onfoo='x'>a</unheard-of>", "a"),
            # HTML leaves "<" in an attribute as it is; what ends the attribute is escaped.
            ("<p title='&quot;&gt;&lt;b&gt;'>a</p>", '<p title="&quot;&gt;<b&gt;">a</p>'),
        ):
            with self.subTest(markup=markup):
                self.assertEqual(harmless(markup), f"<div>{expected}</div>" if markup else harmless(""))

    def test_it_is_whole_after_once(self):
        for markup in ("<p>a<b>b</p>c</b>", "<table><p>a<tr>b", "<a href='x'><a href='y'>z", "<p" + ">" * 50):
            once = harmless(markup)
            with self.subTest(markup=markup):
                self.assertEqual(harmless(once), f"<div>{once}</div>")

    def test_nesting_does_not_exhaust_the_stack(self):
        self.assertIn("a", harmless("a" + "<div>" * 10_000 + "b"))
        self.assertTrue(harmless("<b>" * 100_000))

    def test_no_markup_makes_it_fail(self):
        rng = random.Random(20260504)
        pieces = ["<", ">", "/", "p", "svg", "script", " src=", "'", '"', "&", "#", ";", "!--", "--", "\x01", "é", "<?"]
        pieces += ["<![CDATA[", "]]>", "<p>", "</p>", "<img src=", PNG, " onload=x", "\ud800", "�", "xlink:href="]
        for _round in range(3000):
            markup = "".join(rng.choice(pieces) for _count in range(rng.randrange(20)))
            shown = harmless(markup)
            self.assertNotIn("<script", shown)
            self.assertNotIn("<svg", shown)
