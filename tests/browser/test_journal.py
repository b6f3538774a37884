# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What people see of messages, and what they decide about them."""

from __future__ import annotations

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .case import BrowserCase, letter

BODY = """Good morning,

my family has received no payment since March. At the office in town they say that our card
is still valid, and that they do not know why.

Please tell me whom I can ask.

Amina Diallo"""
HOSTILE = """
<html><head><meta http-equiv="refresh" content="0; url={trap}/refresh"><base href="{trap}/base/">
<link rel="stylesheet" href="{trap}/sheet.css">
<style>body {{ background: url({trap}/body.png) }} @import "{trap}/import.css";</style></head>
<body background="{trap}/background.png" onload="alert('load')">
<p>Good morning, here is my bill.</p>
<p><a href="{trap}/self">Pay here</a></p>
<script>alert('script'); fetch('{trap}/fetch'); parent.document.body.innerHTML = 'gone'</script>
<img src="{trap}/pixel.png" srcset="{trap}/large.png 2x" onerror="alert('image')">
<div style="background: url({trap}/div.png); width: 9px; height: 9px">.</div>
<svg onload="alert('svg')"><image href="{trap}/svg.png"/><script>alert('inside')</script></svg>
<video src="{trap}/video" poster="{trap}/poster.png" autoplay></video><audio src="{trap}/audio" autoplay></audio>
<iframe src="{trap}/frame" srcdoc="<script>alert('frame')</script>"></iframe>
<object data="{trap}/object"></object><embed src="{trap}/embed">
<form action="{trap}/form"><input name="password" autofocus onfocus="alert('focus')"><button>Log in</button></form>
<p><a id="js" href="javascript:alert('link')">Run me</a> <a href="{trap}/link" target="_top">Follow me</a></p>
<svg><a xlink:href="{trap}/xlink"><text y="20">Follow the drawing</text></a><use href="{trap}/use.svg#a"/></svg>
<math href="{trap}/math"><mtext>Follow the formula</mtext></math>
<map name="m"><area shape="rect" coords="0,0,50,50" href="{trap}/area"></map>
<img usemap="#m" src="data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'><image href='{trap}/inner'/></svg>">
<a href="data:text/html,<script>alert('data')</script>">Open the data</a>
<table background="{trap}/table.png"><tr><td style="background-image: url('{trap}/cell.png')">cell</td></tr></table>
<input type="image" src="{trap}/input.png"><link rel="dns-prefetch" href="{trap}">
<link rel="stylesheet" href="{trap}/s2">
<style>p {{ background: image-set(url({trap}/set.png) 1x) }}
@font-face {{ font-family: x; src: url({trap}/font) }}</style>
<meta http-equiv="refresh" content="1; url={trap}/refresh2"><bgsound src="{trap}/sound">
<marquee onstart="alert(1)">x</marquee>
<details ontoggle="alert('toggle')" open><summary>more</summary></details><button formaction="{trap}/fa">Go</button>
<noscript><p title="</noscript><img src={trap}/mutation.png onerror=alert('mutation')>"></p></noscript>
</body></html>
"""


@contextlib.contextmanager
def trap():
    """A web server to which nobody should come: give its address and the list of what was asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


class TestJournal(BrowserCase):
    def test_the_list_and_its_filters(self):
        # What other tests left would be in the image.
        self.ask("rows = env['spp.email.inbound'].search([])\nrows.action_discard()\nrows.unlink()")
        lead = self.ask("answer = env['ir.model']._get('crm.lead').id")
        known = letter("New address after the flood", sender="Rosa Fernández <rosa@remote.test>")
        self.fetched(
            "letters",
            letter("No payment for two months", BODY),
            letter("Wrong name on the card", sender="Joseph Mwangi <joseph@remote.test>"),
            known,
            known,
            object_id=lead,
            name="Grievance Mailbox",
        )
        self.fetched("quarantine", letter("Who reads this?", sender="Li Wei <li@remote.test>"), name="Feedback Mailbox")
        self.open_app("Email Gateway", "Incoming", "Journal")
        row = self.page.locator(".o_data_row", has_text="Who reads this?")
        badge = row.locator("[name=state] .badge")
        self.assertEqual(badge.inner_text(), "Quarantined")
        self.assertIn("text-bg-danger", badge.get_attribute("class"))
        self.assertIn("No alias, reply or mailbox setting fits", row.locator("[name=reason]").inner_text())
        done = self.page.locator(".o_data_row", has_text="Wrong name on the card").locator("[name=state] .badge")
        self.assertEqual(done.inner_text(), "Done")
        self.assertIn("text-bg-success", done.get_attribute("class"))
        self.screenshot("journal-list")
        for label, shown, hidden in (
            ("Quarantined", "Who reads this?", "Wrong name on the card"),
            ("Done", "Wrong name on the card", "Who reads this?"),
            ("Duplicate", "New address after the flood", "Who reads this?"),
        ):
            with self.subTest(filter=label):
                self.page.click(".o_searchview_dropdown_toggler")
                item = self.page.locator(".o_filter_menu .o_menu_item", has_text=label).first
                item.click()
                self.page.locator(".o_data_row", has_text=hidden).first.wait_for(state="detached")
                self.assertGreater(self.page.locator(".o_data_row", has_text=shown).count(), 0)
                item.click()
                self.page.locator(".o_data_row", has_text=hidden).first.wait_for()
                self.page.keyboard.press("Escape")
        self.page.locator(".o_data_row", has_text="No payment for two months").first.click()
        self.page.wait_for_selector("iframe.o_spp_email_preview")
        self.assertIn("since March", self.page.frame_locator("iframe.o_spp_email_preview").locator("body").inner_text())
        self.screenshot("journal-form")
        self.tab("What Happened")
        self.assertIn("routes", self.page.locator("[name=trace_text]").inner_text())
        self.tab("Details")
        self.assertIn("INBOX", self.page.locator("[name=folder]").inner_text())

    def look_at(self, entry, address):
        """Open a message, click on all that it offers, wait; return dialogs and foreign requests of the browser."""
        dialogs, requests = [], {}
        self.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        self.session.on("request", lambda request: requests.setdefault(request.url, ""))
        self.session.on("requestfailed", lambda request: requests.update({request.url: request.failure}))
        self.open(f"email-journal/{entry}")
        frame = self.page.locator("iframe.o_spp_email_preview")
        frame.wait_for()
        self.assertEqual(frame.get_attribute("sandbox"), "")
        self.assertIsNone(frame.get_attribute("allow"))
        inside = self.page.frame_locator("iframe.o_spp_email_preview")
        inside.get_by_text("Good morning, here is my bill.").wait_for()
        before = len(self.session.pages)
        inside.get_by_text("Pay here").click()
        # The sanitiser takes these out.
        for words in ("Run me", "Follow me", "Follow the drawing", "Follow the formula", "Open the data", "more", "Go"):
            for link in inside.get_by_text(words).all():
                link.click()
        self.page.keyboard.press("Tab")
        self.page.keyboard.press("Enter")
        self.page.wait_for_timeout(1000)
        # Nothing was opened, and the page and the frame are still what they were.
        self.assertEqual(len(self.session.pages), before)
        self.assertIn("Good morning", inside.locator("body").inner_text())
        self.assertTrue(self.page.locator(".o_form_sheet").is_visible())
        return dialogs, {url: failure for url, failure in requests.items() if url.startswith(address)}

    def test_a_hostile_message_is_shown_and_does_nothing(self):
        with trap() as (address, asked):
            (entry,) = self.fetched("hostile", letter("Your bill", HOSTILE.format(trap=address), html=True))
            self.assertEqual(self.look_at(entry, address), ([], {}))
            self.assertEqual(asked, [])
        # The source of the frame holds nothing that a browser could act upon either.
        source = self.page.locator("iframe.o_spp_email_preview").get_attribute("srcdoc")
        content = source.partition('<body dir="auto">')[2].lower()
        self.assertTrue(content)
        tags = r"<(script|iframe|form|object|embed|meta|base)\b"
        self.assertNotRegex(content, tags + r"|\bon(load|error|focus)|\bsrc=|href=|(?<!title=\")javascript:|url\(")

    def test_what_a_sanitiser_missed_does_nothing(self):
        """The frame alone: the message reaches it as received."""

        def poison(route):
            answer = route.fetch()
            found = answer.json()
            for row in found["result"]:
                row["preview_html"] = raw
            route.fulfill(response=answer, json=found)

        (entry,) = self.fetched("raw", letter("Raw", "<p>hello</p>", html=True))
        self.page.route("**/web/dataset/call_kw/spp.email.inbound/web_read**", poison)
        with trap() as (address, asked):
            raw = HOSTILE.format(trap=address)
            dialogs, requests = self.look_at(entry, address)
            self.assertEqual(dialogs, [])
            self.assertEqual(asked, [])
        # What the browser wanted to fetch was stopped by the frame's content security policy.
        self.assertEqual({failure for failure in requests.values()} - {"csp"}, set())

    def test_quarantine_then_a_setting_then_retry(self):
        (entry,) = self.fetched("support", letter("The card does not work", "It is refused in every shop."))
        self.open(f"email-journal/{entry}")
        self.state_is("Quarantined")
        self.assertIn("In quarantine: No alias, reply or mailbox setting fits", self.alerts()[0])
        self.screenshot("journal-quarantine")
        # The mailbox is one click away.
        self.page.locator("[name=server_id] a").click()
        self.title_is("Support Mailbox")
        self.choose("Action to Perform on Incoming Mails", "Create a new Record")
        self.choose("Create a New Record", "Lead")
        self.save()
        self.page.go_back()
        self.page.locator(".o_form_sheet [name=preview_html]").wait_for()
        self.press("Retry")
        self.page.get_by_role("button", name="Retry", exact=True).wait_for(state="detached")
        self.wait_for_state("Done")
        self.assertEqual(self.alerts(), [])
        self.page.locator(".oe_stat_button", has_text="Record").click()
        self.title_is("The card does not work")

    def test_discard(self):
        (entry,) = self.fetched("discard", letter("Buy now"))
        self.open(f"email-journal/{entry}")
        self.press("Discard")
        dialog = self.page.locator(".modal-content")
        self.assertIn("Its content stays in the journal.", dialog.inner_text())
        dialog.locator("[name=why] input").fill("Advertisement")
        self.screenshot("quarantine-discard")
        dialog.get_by_role("button", name="Discard", exact=True).click()
        self.state_is("Discarded")
        for label in ("Retry", "Discard"):
            self.assertEqual(self.page.get_by_role("button", name=label, exact=True).count(), 0)
        self.assertIn("Decided by a person", self.page.locator(".o_form_sheet").inner_text())

    def test_the_download_is_the_message_byte_for_byte(self):
        raw = letter("Bytes: é").replace(b"\r\nHelp.", b"\r\n\xff\xfe odd bytes \x80\r\n  trailing  \r\n")
        (entry,) = self.fetched("exact", raw)
        _uid, _flags, held = self.dovecot.messages("exact@example.test")[-1]
        self.open(f"email-journal/{entry}")
        with self.page.expect_download() as download:
            self.page.locator(".oe_stat_button", has_text="Download .eml").click()
        self.assertEqual(download.value.suggested_filename, f"message-{entry}.eml")
        with open(download.value.path(), "rb") as file:
            content = file.read()
        self.assertEqual(content, held)
        self.assertIn(b"\xff\xfe odd bytes \x80", content)

