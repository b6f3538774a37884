# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The gateway's screens with a keyboard and a screen reader, and how well its own signs can be seen (WCAG 2.2)."""

from __future__ import annotations

import re

from tools import checkout

from .case import BrowserCase, letter
from .screens import SCREENS, prepared
from .test_senders import MX, noted

# A person does something with these, so each has to have a name (WCAG 2.2, 4.1.2).
ROLES = set("button checkbox combobox link menuitem radio searchbox spinbutton switch tab textbox".split())
# Odoo's own, in every app: tick boxes of lists and the triangles of a search panel. All else is ours to put right.
ODOOS = ".o_list_record_selector input, .o_data_cell input[type=checkbox], .o_search_panel .o_toggle_fold"
# So many presses of Tab bring a person to anything on a form.
PRESSES = 60
# Of an element: the colour that it has and the one behind it, each as painted, and the ratio (WCAG 2.2, 1.4.3).
CONTRAST = """element => {
    const parsed = text => (text.match(/[\\d.]+/g) || []).map(Number);
    const over = (upper, lower) => upper.slice(0, 3).map((value, index) => {
        const alpha = upper[3] ?? 1;
        return value * alpha + lower[index] * (1 - alpha);
    });
    const chain = [];
    for (let one = element; one; one = one.parentElement) chain.unshift(one);
    let ground = [255, 255, 255], opacity = 1;
    for (const one of chain) {
        const style = getComputedStyle(one);
        ground = over(parsed(style.backgroundColor), ground);
        opacity *= Number(style.opacity);
    }
    const colour = parsed(getComputedStyle(element).color);
    colour[3] = (colour[3] ?? 1) * opacity;
    const light = rgb => {
        const [red, green, blue] = rgb.map(value => {
            value /= 255;
            return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const [low, high] = [light(over(colour, ground)), light(ground)].sort((first, second) => first - second);
    return (high + 0.05) / (low + 0.05);
}"""
OUTSIDE = {
    "functionDeclaration": f"function () {{ return this.matches('{ODOOS}') ? '' : this.outerHTML; }}",
    "returnByValue": True,
}
FOCUS = """() => {
    const element = document.activeElement;
    const style = getComputedStyle(element);
    return {
        text: (element.innerText || element.value || "").trim(),
        name: element.getAttribute("aria-label") || element.getAttribute("name") || "",
        tag: element.localName,
        seen: style.outlineStyle !== "none" || style.boxShadow !== "none" || element.matches("input, textarea, select"),
        row: element.closest(".o_data_row") ? element.closest(".o_data_row").innerText : "",
    };
}"""


class TestAccessibility(BrowserCase):
    def setUp(self):
        super().setUp()
        self.records = prepared(self)

    def nameless(self):
        """Return what a person does something with and a screen reader has no name for, as HTML."""
        session = self.page.context.new_cdp_session(self.page)
        found = []
        for node in session.send("Accessibility.getFullAXTree")["nodes"]:
            role, name = node.get("role", {}).get("value"), node.get("name", {}).get("value", "")
            if not node.get("ignored") and role in ROLES and not name.strip():
                element = session.send("DOM.resolveNode", {"backendNodeId": node["backendDOMNodeId"]})["object"]
                answer = session.send("Runtime.callFunctionOn", {**OUTSIDE, "objectId": element["objectId"]})
                if html := answer["result"].get("value"):
                    found.append(f"{role}: {' '.join(html.split())[:300]}")
        session.detach()
        return found

    def test_everything_that_can_be_used_has_a_name(self):
        for screen, path in SCREENS.items():
            self.open(path.format(**self.records))
            tabs = self.page.locator(".o_notebook_headers .nav-link").locator("visible=true")
            for number in range(max(1, tabs.count())):
                if tabs.count():
                    tabs.nth(number).click()
                with self.subTest(screen=screen, tab=number):
                    self.assertEqual(self.nameless(), [])

    def focused(self):
        return self.page.evaluate(FOCUS)

    def tab_to(self, wanted, key="Tab"):
        """Press Tab until what has the focus satisfies ``wanted``; return all that had it on the way."""
        passed = []
        for _press in range(PRESSES):
            self.page.keyboard.press(key)
            passed.append(self.focused())
            if wanted(passed[-1]):
                return passed
        self.fail(f"not reached with {PRESSES} presses: {[one['text'] or one['name'] or one['tag'] for one in passed]}")

    def test_a_server_is_opened_and_tested_without_a_mouse(self):
        self.open("outgoing-email-servers")
        self.page.locator(".o_searchview_input").focus()
        self.page.keyboard.press("ArrowDown")
        for _press in range(PRESSES):
            if "Walked Server" in self.focused()["row"]:
                break
            self.page.keyboard.press("ArrowDown")
        self.assertIn("Walked Server", self.focused()["row"])
        self.page.keyboard.press("Enter")
        self.page.wait_for_selector(".o_form_view .o_form_sheet")
        self.title_is("Walked Server")
        # From the first field backwards: what stands above it, in the order of the screen.
        self.page.locator("[name=name] input").first.focus()
        passed = self.tab_to(lambda one: one["text"] == "Test Connection", "Shift+Tab")
        self.assertTrue(passed[-1]["seen"], "nobody sees that the button has the focus")
        self.page.keyboard.press("Enter")
        self.assertIn("Check the field", self.refusal())

    def test_the_order_of_the_focus_is_that_of_the_form(self):
        self.open(f"outgoing-email-servers/{self.records['server']}")
        self.page.locator("[name=name] input").first.focus()
        passed = self.tab_to(lambda one: one["text"] == "localhost")
        self.assertEqual([one for one in passed if not one["seen"]], [], "nobody sees where the focus is")

    def test_a_message_is_decided_about_without_a_mouse(self):
        self.open(f"email-journal/{self.records['inbound']}")
        self.page.locator("body").press("Tab")
        self.tab_to(lambda one: one["text"] == "Discard")
        self.page.keyboard.press("Enter")
        dialog = self.page.locator(".modal-content")
        dialog.locator("[name=why] input").wait_for()
        # The dialogue has the focus, keeps it, and gives it back with Escape.
        self.assertTrue(dialog.evaluate("element => element.contains(document.activeElement)"))
        for _press in range(8):
            self.page.keyboard.press("Tab")
            self.assertTrue(dialog.evaluate("element => element.contains(document.activeElement)"))
        self.page.keyboard.press("Escape")
        dialog.wait_for(state="detached")
        self.assertEqual(self.state(), "Quarantined")

    def contrast(self, selector):
        found = self.page.locator(selector).locator("visible=true").first
        found.wait_for()
        return found.evaluate(CONTRAST)

    def test_our_own_colours_can_be_read(self):
        self.open(f"res.partner/{self.records['record']}")
        self.page.locator(".o-mail-Message-notification, .o-mail-Message .text-danger").first.click()
        self.page.locator(".modal-content").wait_for()
        self.page.get_by_role("button", name="See Error Details").first.click()
        self.page.locator(".o_spp_email_error_details").wait_for()
        for selector in (
            ".o_spp_email_error_details dt",
            ".o_spp_email_error_details dd",
            ".o_field_spp_email_error_details .opacity-75",
        ):
            with self.subTest(selector=selector):
                self.assertGreaterEqual(self.contrast(selector), 4.5)
        self.assertEqual(self.nameless(), [])

    def test_the_signs_of_senders_can_be_seen(self):
        # Signs have to be told from the ground: 3 to 1 (WCAG 2.2, 1.4.11).
        model = self.ask("answer = env['ir.model']._get_id('res.partner')")
        content = letter("Seen", sender="Amina Diallo <amina@remote.test>", to="signs@example.test")
        rows = self.fetched("signs", noted("pass", content, "remote.test"), object_id=model, gateway_trusted_servers=MX)
        self.ask("env['spp.email.lane']._process_due()\nenv.cr.commit()")
        record = self.ask("answer = env['spp.email.inbound'].browse(row).res_id", row=rows[-1])
        self.open(f"res.partner/{record}")
        sign = ".o_spp_email_sender"
        self.assertGreaterEqual(self.contrast(sign), 3)
        # The others differ by their class alone.
        source = (checkout.ROOT / "static" / "src" / "sender" / "message_patch.js").read_text()
        classes = re.findall(r'icon: "([^"]+)"', source)
        self.assertEqual(len(classes), 3)
        for name in classes:
            with self.subTest(sign=name):
                element = self.page.locator(sign).first
                element.evaluate("(element, name) => element.className = name", f"{sign[1:]} {name}")
                self.assertGreaterEqual(self.contrast(sign), 3)
