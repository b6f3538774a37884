# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The gateway's screens in Arabic, which is written from right to left."""

from __future__ import annotations

import atexit
import os

from tools import rtlcss
from tools.odoo_server import OdooServer

from .case import BrowserCase
from .screens import SCREENS, prepared

ARABIC_USER = """
env["res.lang"]._activate_lang("ar_001")
# Only the web client's own words: those of all modules would take longer than the test.
env["ir.module.module"].search([("name", "in", ["web", "mail"])])._update_translations(["ar_001"])
if not env["res.users"].search([("login", "=", "noura")]):
    env["res.users"].create({
        "name": "Noura", "login": "noura", "password": "noura", "lang": "ar_001", "tour_enabled": False,
        "group_ids": [(6, 0, [env.ref("base.group_user").id, env.ref("base.group_system").id])],
    })
"""
# What reaches over the window's edge, and whether anything can be scrolled sideways that is no list.
WIDER = """() => {
    const width = document.documentElement.clientWidth, found = [];
    const panes = "html, body, .o_action_manager, .o_content, .o_form_sheet, .modal-content";
    const parts = "[class*=o_spp_email], .o_form_sheet .alert, .o_form_sheet .o_field_widget";
    for (const one of document.querySelectorAll(panes)) {
        if (one.scrollWidth > one.clientWidth + 1) {
            found.push(`${one.localName}.${one.className} scrolls: ${one.scrollWidth} > ${one.clientWidth}`);
        }
    }
    for (const one of document.querySelectorAll(parts)) {
        const box = one.getBoundingClientRect();
        if (box.width && (box.left < -1 || box.right > width + 1)) {
            found.push(`${one.localName}.${one.className}: ${box.left} to ${box.right} of ${width}`);
        }
    }
    return found;
}"""
# Which way the first two letters of each element are read, and to which edge its text is aligned.
READ = """all => all.map(one => {
    const text = document.createTreeWalker(one, NodeFilter.SHOW_TEXT).nextNode();
    const at = index => {
        const range = document.createRange();
        range.setStart(text, index);
        range.setEnd(text, index + 1);
        return range.getBoundingClientRect().x;
    };
    return [at(0) < at(1) ? "left to right" : "right to left", getComputedStyle(text.parentElement).textAlign];
})"""


class TestRightToLeft(BrowserCase):
    login = "noura"

    @classmethod
    def serve(cls, world):
        world.console.ask(ARABIC_USER)
        path = os.pathsep.join((str(rtlcss.folder()), os.environ["PATH"]))
        server = OdooServer(world.database, env={"PATH": path}).start()
        atexit.register(server.stop)
        cls.addClassCleanup(server.stop)
        return server.url

    def setUp(self):
        super().setUp()
        self.records = prepared(self)

    def test_nothing_is_wider_than_the_window(self):
        for screen, path in SCREENS.items():
            self.open(path.format(**self.records))
            with self.subTest(screen=screen):
                self.assertEqual(self.page.evaluate("getComputedStyle(document.body).direction"), "rtl")
                self.assertEqual(self.page.evaluate(WIDER), [])

    def test_a_message_in_arabic_reads_from_the_right(self):
        self.open(f"email-journal/{self.records['inbound']}")
        frame = self.page.frame_locator(".o_spp_email_preview")
        text = frame.locator("body")
        text.wait_for()
        self.assertIn("السلام عليكم", text.inner_text())
        self.assertEqual(text.evaluate("element => getComputedStyle(element).direction"), "rtl")
        self.screenshot("right-to-left-message")

    def test_a_server(self):
        self.open(f"outgoing-email-servers/{self.records['server']}")
        # Mirrored: the labels of the first column stand right of their fields.
        label = self.page.locator(".o_form_label", has_text="FROM").first.bounding_box()
        field = self.page.locator("[name=from_filter] input").first.bounding_box()
        self.assertGreater(label["x"], field["x"])
        self.screenshot("right-to-left-server")

    def test_the_dialogue_behind_the_red_envelope(self):
        self.open(f"res.partner/{self.records['record']}")
        self.page.locator(".o-mail-Message-notification, .o-mail-Message .text-danger").first.click()
        self.page.locator(".modal-content").wait_for()
        self.page.locator(".modal-content .o_field_spp_email_error_details button").first.click()
        # "550 5.1.1" and "<mari@…>: …" are not turned round, and stand beside their names.
        words = self.page.locator(".o_spp_email_error_details dd")
        self.assertEqual(words.evaluate_all(READ)[:4], [["left to right", "right"]] * 4, words.all_inner_texts())
        self.assertEqual(self.page.evaluate(WIDER), [])
        self.screenshot("right-to-left-resend")

    def test_what_a_server_said_is_not_turned_round(self):
        self.open(f"email-deliveries/{self.records['delivery']}")
        said = self.page.locator("[name=smtp_text]").first
        self.assertIn("User unknown", said.inner_text())
        self.assertEqual(said.evaluate_all(READ), [["left to right", "right"]])
