# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The first lock of the preview: what the server hands to the frame. The frame itself is tried in tests/browser."""

from lxml import html

from odoo.tests import tagged

from .common import GatewayCase, eml

TRAP = "http://trap.test/x"
HARMLESS = "align alt colspan dir height lang rowspan title valign width src".split()
# What a browser acts upon by itself.
ACTING = set(
    "applet audio base body button embed form frame frameset head iframe input link math meta noscript object script "
    "select source style svg template textarea track video".split()
)


@tagged("post_install", "-at_install")
class TestHarmlessPreview(GatewayCase):
    def shown(self, markup):
        content = eml(Content_Type="text/html; charset=utf-8", body=f"<p>Good morning</p>{markup}<p>Bye</p>".encode())
        return self.journal(content).with_user(self.officer).preview_html

    def test_nothing_that_acts_is_handed_to_the_frame(self):
        for markup in (
            f"<script src='{TRAP}'></script><script>alert(1)</script>",
            "<scr<script>ipt>alert(1)</scr</script>ipt>",
            f"<meta http-equiv='refresh' content='0; url={TRAP}'>",
            f"<base href='{TRAP}'>",
            f"<link rel='stylesheet' href='{TRAP}'><link rel='dns-prefetch' href='{TRAP}'>",
            f"<style>@import '{TRAP}'; p {{ background: url({TRAP}) }}</style>",
            f"<p style='background: url({TRAP})'>x</p>",
            f"<p style='background:\\75\\72\\6c({TRAP})'>x</p>",
            f"<form action='{TRAP}'><input name='a'><button formaction='{TRAP}'>go</button></form>",
            f"<iframe src='{TRAP}' srcdoc='<script>alert(1)</script>'></iframe>",
            f"<object data='{TRAP}'></object><embed src='{TRAP}'>",
            f"<svg onload='alert(1)'><a xlink:href='{TRAP}'><text>x</text></a><use href='{TRAP}#a'/></svg>",
            f"<math href='{TRAP}'><mtext>x</mtext></math>",
            f"<video src='{TRAP}' poster='{TRAP}'></video><audio src='{TRAP}'></audio>",
            "<a href='javascript:alert(1)'>x</a><a href=' java\nscript:alert(1)'>x</a>",
            "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
            "<a href='vbscript:x'>x</a>",
            "<p onclick='alert(1)' onmouseover='alert(1)'>x</p>",
            "<img src=x onerror='alert(1)'>",
            "<noscript><p title='</noscript><script>alert(1)</script>'></noscript>",
            "<template><script>alert(1)</script></template>",
            "<![CDATA[<script>alert(1)</script>]]>",
            "<!--[if IE]><script>alert(1)</script><![endif]-->",
            "<p>" * 3000,
        ):
            with self.subTest(markup=markup[:60]):
                shown = str(self.shown(markup))
                self.assertIn("Good morning", shown)
                tree = html.fragment_fromstring(shown, create_parent="div")
                for element in tree.iter("*"):
                    self.assertNotIn(element.tag, ACTING)
                    for name, value in element.attrib.items():
                        self.assertFalse(name.startswith("on"), f"{name}={value}")
                        # Where a link led is told in its title, and nowhere else.
                        self.assertNotIn(TRAP, value if name != "title" else "")
                        self.assertIn(name, HARMLESS)

    def test_a_text_is_text(self):
        inbound = self.journal(eml(body=b"<script>alert(1)</script> & <b>bold</b>")).with_user(self.officer)
        self.assertIn("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &lt;b&gt;", inbound.preview_html)

    def test_the_names_of_attachments_are_text(self):
        body = b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: text/html;"
        body += b' name="<img src=x onerror=alert(1)>.html"\r\n\r\n<script>alert(1)</script>\r\n--b--'
        inbound = self.journal(eml(Content_Type="multipart/mixed; boundary=b", body=body)).with_user(self.officer)
        self.assertEqual(inbound.attachment_list, "<img src=x onerror=alert(1)>.html (text/html, 25 bytes)")
        self.assertEqual(inbound._fields["attachment_list"].type, "text")

    def test_what_happened_is_text(self):
        inbound = self.journal(eml())
        step = {"looked_at": "<script>", "found": "<img src=x onerror=alert(1)>", "followed": "&"}
        inbound.write({"trace": [step], "decisions": [step]})
        self.assertNotIn("<script>", inbound.trace_text)
        self.assertNotIn("<img", inbound.trace_text)
