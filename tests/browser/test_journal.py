# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What people see of messages, and what they decide about them."""

from __future__ import annotations

import contextlib

from tools.smtp_sink import SmtpSink

from .case import BrowserCase, letter

TRAP = "http://127.0.0.1:{port}"
HOSTILE = """
<html><head><meta http-equiv="refresh" content="0; url={trap}/refresh"><base href="{trap}/base/">
<link rel="stylesheet" href="{trap}/sheet.css">
<style>body {{ background: url({trap}/body.png) }} @import "{trap}/import.css";</style></head>
<body background="{trap}/background.png" onload="alert('load')">
<p>Good morning, here is my bill.</p>
<script>alert('script'); fetch('{trap}/fetch'); parent.document.body.innerHTML = 'gone'</script>
<img src="{trap}/pixel.png" srcset="{trap}/large.png 2x" onerror="alert('image')">
<div style="background: url({trap}/div.png); width: 9px; height: 9px">.</div>
<svg onload="alert('svg')"><image href="{trap}/svg.png"/><script>alert('inside')</script></svg>
<video src="{trap}/video" poster="{trap}/poster.png" autoplay></video><audio src="{trap}/audio" autoplay></audio>
<iframe src="{trap}/frame" srcdoc="<script>alert('frame')</script>"></iframe>
<object data="{trap}/object"></object><embed src="{trap}/embed">
<form action="{trap}/form"><input name="password" autofocus onfocus="alert('focus')"><button>Log in</button></form>
<p><a id="js" href="javascript:alert('link')">Run me</a> <a href="{trap}/link" target="_top">Follow me</a></p>
<noscript><p title="</noscript><img src={trap}/mutation.png onerror=alert('mutation')>"></p></noscript>
</body></html>
"""


class TestJournal(BrowserCase):
    def test_the_list_and_its_filters(self):
        lead = self.ask("answer = env['ir.model']._get('crm.lead').id")
        known = letter("New address after the flood", sender="Rosa Fernández <rosa@remote.test>")
        self.fetched(
            "letters",
            letter("No payment for two months"),
            letter("Wrong name on the card", sender="Joseph Mwangi <joseph@remote.test>"),
            known,
            known,
            object_id=lead,
        )
        self.fetched("quarantine", letter("Who reads this?", sender="Li Wei <li@remote.test>"))
        self.open_app("Email Gateway", "Journal")
        row = self.page.locator(".o_data_row", has_text="Who reads this?")
        badge = row.locator("[name=state] .badge")
        self.assertEqual(badge.inner_text(), "Quarantined")
        self.assertIn("text-bg-danger", badge.get_attribute("class"))
        self.assertIn("No alias, reply or mailbox setting says where it belongs", row.locator("[name=reason]").inner_text())
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
        self.assertIn("Help.", self.page.frame_locator("iframe.o_spp_email_preview").locator("body").inner_text())
        self.screenshot("journal-form")
        self.tab("What Happened")
        self.assertIn("routes", self.page.locator("[name=trace_text]").inner_text())
        self.tab("Details")
        self.assertIn("INBOX", self.page.locator("[name=folder]").inner_text())

    def test_a_hostile_message_is_shown_and_does_nothing(self):
        dialogs, asked = [], []
        with contextlib.ExitStack() as stack:
            # Something answers there: a request would not end unseen with a refused connection.
            sink = stack.enter_context(SmtpSink())
            trap = TRAP.format(port=sink.port)
            (entry,) = self.fetched("hostile", letter("Your bill", HOSTILE.format(trap=trap), html=True))
            self.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
            self.session.on("request", lambda request: asked.append(request.url))
            self.open(f"email-journal/{entry}")
            frame = self.page.locator("iframe.o_spp_email_preview")
            frame.wait_for()
            self.assertEqual(frame.get_attribute("sandbox"), "")
            self.assertIsNone(frame.get_attribute("allow"))
            inside = self.page.frame_locator("iframe.o_spp_email_preview")
            inside.get_by_text("Good morning, here is my bill.").wait_for()
            before = len(self.session.pages)
            for words in ("Run me", "Follow me"):
                for link in inside.get_by_text(words).all():
                    link.click()
            self.page.keyboard.press("Enter")
            self.page.wait_for_timeout(1000)
            self.assertEqual(len(self.session.pages), before)
            self.assertIn("Good morning", inside.locator("body").inner_text())
            self.assertEqual(self.page.locator(".o_form_sheet [name=subject]").inner_text(), "Your bill")
            # The source of the frame holds nothing that a browser could act upon either.
            source = frame.get_attribute("srcdoc")
            content = source.partition("<body>")[2].lower()
            for word in ("<script", "<iframe", "<form", "<object", "<embed", "<meta", "<base", "onload", "onerror", " src="):
                self.assertNotIn(word, content)
            self.assertNotRegex(content, r"href=|(?<!title=\")javascript:|url\(")
        self.assertEqual(dialogs, [])
        self.assertEqual([url for url in asked if not url.startswith(self.url) and not url.startswith("data:")], [])

    def test_even_what_a_sanitiser_missed_does_nothing(self):
        """The frame alone: the server's cleaner is taken away."""
        (entry,) = self.fetched("hostile", letter("Raw", "<p>hello</p>", html=True), user="hostile@example.test")[-1:]
        raw = HOSTILE.format(trap="http://trap.invalid")
        dialogs, asked = [], []

        def poison(route):
            answer = route.fetch()
            found = answer.json()
            for row in found.get("result") or [] if isinstance(found.get("result"), list) else []:
                if isinstance(row, dict) and "preview_html" in row:
                    row["preview_html"] = raw
            route.fulfill(response=answer, json=found)

        self.page.route("**/web/dataset/call_kw/spp.email.inbound/web_read**", poison)
        self.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: asked.append(request.url))
        self.open(f"email-journal/{entry}")
        inside = self.page.frame_locator("iframe.o_spp_email_preview")
        inside.get_by_text("Good morning, here is my bill.").wait_for()
        for link in inside.locator("a").all():
            link.click()
        self.page.wait_for_timeout(1000)
        self.assertIn("Good morning", inside.locator("body").inner_text())
        self.assertTrue(self.page.locator(".o_form_sheet").is_visible())
        self.assertEqual(dialogs, [])
        self.assertEqual([url for url in asked if "trap.invalid" in url], [])

    def test_quarantine_then_a_setting_then_retry(self):
        (entry,) = self.fetched("support", letter("The card does not work", "It is refused in every shop."))
        self.open(f"email-journal/{entry}")
        self.assertEqual(self.state(), "Quarantined")
        self.assertIn("In quarantine: No alias, reply or mailbox setting says where it belongs", self.alerts()[0])
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
        dialog.locator(".btn-primary").click()
        self.page.locator(".o_arrow_button_current", has_text="Discarded").wait_for()
        for label in ("Retry", "Discard"):
            self.assertEqual(self.page.get_by_role("button", name=label, exact=True).count(), 0)
        self.assertIn("Decided by a person", self.page.locator(".o_form_sheet").inner_text())

    def test_the_download_is_the_message_byte_for_byte(self):
        raw = letter("Bytes: é").replace(b"\r\nHelp.", b"\r\n\xff\xfe odd bytes \x80\r\n  trailing  \r\n")
        (entry,) = self.fetched("maria", raw)
        _uid, _flags, held = self.dovecot.messages("maria@example.test")[-1]
        self.open(f"email-journal/{entry}")
        with self.page.expect_download() as download:
            self.press("Download .eml")
        self.assertEqual(download.value.suggested_filename, f"message-{entry}.eml")
        with open(download.value.path(), "rb") as file:
            content = file.read()
        self.assertEqual(content, held)
        self.assertIn(b"\xff\xfe odd bytes \x80", content)

