# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import random
import time

from lxml import html

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
            ("<a href='http://x.test'>a</a>.", '<a title="http://x.test">a</a> <code>http://x.test</code>.'),
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

    def test_where_links_lead_can_be_read_and_copied(self):
        long = "http://x.test/?key=" + "k" * 1500
        for markup, text in (
            ("<a href='https://x.test/c?a=1&amp;b=2'><b>Confirm</b> it</a>", "Confirm it https://x.test/c?a=1&b=2"),
            ("<a href='https://x.test/'>https://x.test/</a>", "https://x.test/"),
            ("<a href='https://evil.test/'>https://bank.test/</a>", "https://bank.test/ https://evil.test/"),
            ("<a href='mailto:a@x.test'>a@x.test</a>", "a@x.test"),
            ("<a href='MAILTO:a@x.test'>Ann</a>", "Ann MAILTO:a@x.test"),
            ("<a href=' https://x.test/a b\u202e'>a</a>", "a https://x.test/a%20b%E2%80%AE"),
            ("<a href='https://x.test/\n/y'>a</a>", "a https://x.test/%0A/y"),
            (f"<a href='{long}'>a</a>", f"a {long}"),
            ("<a href='http://x.test/" + "k" * 5000 + "'>a</a>", "a (a link of 5014 characters)"),
            ("<a href='javascript:alert(1)'>a</a>", "a"),
            ("<a href='data:text/html,x'>a</a>", "a"),
            ("<a href='/local'>a</a>", "a"),
            ("<a href='https://'>a</a>", "a"),
            ("<a name='x'>a</a>", "a"),
            ("<a href='https://x.test/1'>a<a href='https://x.test/2'>b</a>", "a https://x.test/1b https://x.test/2"),
        ):
            with self.subTest(markup=markup[:60]):
                shown = harmless(markup)
                self.assertEqual(html.fromstring(shown).text_content(), text)
                self.assertNotIn("href", shown)

    def test_a_page_of_links_is_bounded(self):
        began = time.monotonic()
        shown = harmless("<a href='http://x.test'>a" * 4000)
        self.assertEqual(shown.count("<code>"), 200)
        self.assertLess(time.monotonic() - began, 2.0)

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
