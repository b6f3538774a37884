# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import time

from ...engine.catchall import (
    CATCHALL_POLICY_WORDS,
    LONGEST_QUOTE,
    SHORT_QUOTE,
    CatchallPolicy,
    contact_address,
    greeted,
    quote,
    quote_briefly,
    without_contact,
)
from .case import EngineCase


class TestCatchall(EngineCase):
    def test_the_quote_is_what_a_person_reads(self):
        for html, text in (
            ("<p>Hello <b>you</b></p><p>Two</p>", "Hello you\nTwo"),
            ("<pre>one\ntwo</pre>", "one two"),
            ("<script>x</script><style>y</style><p>z</p>", "z"),
            ('<a href="https://evil.test">Here</a>', "Here"),
            ("", ""),
            ("<<<", "<<<"),
        ):
            with self.subTest(html=html):
                self.assertEqual(quote(html), text)

    def test_the_quote_is_short_and_quick(self):
        begin = time.monotonic()
        text = quote("<div>" * 20_000 + "word " * 2_000_000)
        self.assertLess(time.monotonic() - begin, 2)
        self.assertLessEqual(len(text), LONGEST_QUOTE + 2)
        self.assertTrue(quote("<p>" + "word " * 1000).endswith("word …"))

    def test_the_brief_quote_has_no_links(self):
        for subject, html, text in (
            (
                "Water",
                "<p>Our well is dry.</p><p>Please come</p>",
                "Subject: Water\nDate: today\nOur well is dry. Please come",
            ),
            ("", "Buy at https://evil.test/x now", "Date: today\nBuy at … now"),
            ("See evil.test", "www.evil.test or a@evil.test, 10.30 am", "Subject: See …\nDate: today\n… or … 10.30 am"),
            ("", "", "Date: today"),
        ):
            with self.subTest(html=html):
                self.assertEqual(quote_briefly(subject, "today", html), text)
        long = quote_briefly("", "", "word " * 1000)
        self.assertLessEqual(len(long), SHORT_QUOTE + 2)
        self.assertTrue(long.endswith(" …"))

    def test_whom_the_notice_greets(self):
        for email_from, name in (
            ('"Ann" <ann@x.org>', "Ann"),
            ('"Doe,  Ann" <ann@x.org>', "Doe, Ann"),
            ("ann@x.org", "ann@x.org"),
            (f'"{"word " * 100}" <ann@x.org>', ("word " * 16).strip()),
            ("", ""),
        ):
            with self.subTest(email_from=email_from):
                self.assertEqual(greeted(email_from), name)

    def test_which_address_the_notice_names(self):
        own = {"catchall@x.org", "bounce@x.org"}
        for company, alias, address in (
            ("info@x.org", "help@x.org", "info@x.org"),
            ("Info@X.org", "", "info@x.org"),
            ("", "Help@x.org", "help@x.org"),
            ("catchall@x.org", "help@x.org", "help@x.org"),
            ("Bounce@x.org", "", ""),
            ("", "", ""),
        ):
            with self.subTest(company=company, alias=alias):
                self.assertEqual(contact_address(company, own, alias), address)

    def test_a_notice_that_names_no_address(self):
        quoted = '<blockquote>write to <a href="mailto:a@b">a@b</a></blockquote>'
        for html, left in (
            (f'<div><p>A</p><p>To <a href="mailto:">x</a></p></div>{quoted}', f"<div><p>A</p></div>{quoted}"),
            ('<div><p>A</p>\n<p>To <a href="mailto:False">x</a></p>\n</div>', "<div><p>A</p>\n\n</div>"),
            ('<a href="mailto:x">x</a>', ""),
            ("<p>Nothing</p>", "<p>Nothing</p>"),
            ("", ""),
        ):
            with self.subTest(html=html):
                self.assertEqual(without_contact(html), left)

    def test_all_have_words(self):
        self.assertEqual(set(CATCHALL_POLICY_WORDS), set(CatchallPolicy))
