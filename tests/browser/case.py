# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What all browser tests share: one running Odoo with the mail servers, a browser for each class, and a person's hands.

Screenshots go to docs/images. One that is there is kept: remove it to have it made anew.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import time
import unittest

from tools import browser, checkout
from tools.database import Databases
from tools.odoo_server import OdooServer
from tools.sandbox import DOMAIN, Sandbox

from ..system.console import Console

IMAGES = checkout.ROOT / "docs" / "images"
SIZE = {"width": 1200, "height": 800}
PASSWORD = "pw"
# Adding a mailbox makes Dovecot wait for a second, so all are there from the start.
BOXES = (
    "grievance",
    "support",
    "quarantine",
    "discard",
    "maria",
    "letters",
    "hostile",
    "raw",
    "folders",
    "archive",
    "large",
    "lost",
    "exact", "signs", "trusting", "goats")


class World:
    """The servers, the database and the users of this process, started on first use.

    Users viewer, officer and plain have their login as password. Of the scheduled actions only the journal's runs, when
    it is triggered: messages are fetched when a test says so.
    """

    _only = None
    name = "brw"

    def __init__(self):
        self.sandbox = Sandbox.shared()
        self.dovecot, self.postfix = self.sandbox.dovecot, self.sandbox.postfix
        self.dovecot.add_users({f"{name}@{DOMAIN}": PASSWORD for name in BOXES})
        databases = Databases()
        self.database = databases.create(f"{self.name}_{os.getpid()}", "gateway")
        atexit.register(databases.drop, self.database)
        self.console = Console(self.database)
        atexit.register(self.console.stop)
        self.console.ask(SETUP)
        self.server = self._serve().start()
        atexit.register(self.server.stop)

    def _serve(self):
        return OdooServer(self.database, cron=1)

    @classmethod
    def get(cls):
        cls._only = cls._only or cls()
        return cls._only


SETUP = """
process = env.ref("spp_email_gateway.ir_cron_process_inbound")
env["ir.cron"].with_context(active_test=False).search([]).write({"nextcall": "2090-01-01 00:00:00"})
for login in ("viewer", "officer", "plain"):
    group = "base.group_user" if login == "plain" else f"spp_email_gateway.group_email_gateway_{login}"
    env["res.users"].create({
        "name": login.title(), "login": login, "password": login,
        "group_ids": [(6, 0, [env.ref("base.group_user").id, env.ref(group).id])],
    })
env["res.users"].create({"name": "Maria", "login": "maria@example.test"})
env["res.users"].search([]).write({"tour_enabled": False})
"""


NEXT_CHECK = """
from datetime import timedelta
from odoo import fields
job = env.ref("mail.ir_cron_mail_gateway_action")
job.write({"active": True, "nextcall": fields.Datetime.now() + timedelta(minutes=minutes)})
"""


class BrowserCase(unittest.TestCase):
    """A test in which a person works with the web client.

    Attributes:
        login: who works; the admin, without developer mode.
        world_class: where; the one that most share.
    """

    login = "admin"
    world_class = World

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        world = cls.world_class.get()
        cls.world, cls.sandbox, cls.dovecot = world, world.sandbox, world.dovecot
        cls.url = cls.serve(world)
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        first = stack.enter_context(browser.page(timeout=60, viewport=SIZE, accept_downloads=True))
        cls.chromium = first.context.browser
        # The first page of a fresh database has the web client's bundles made, which takes long on a busy machine.
        first.set_default_timeout(60_000)
        first.set_default_navigation_timeout(60_000)
        browser.log_in(first, cls.url, cls.login, cls.login)
        cls.session = first.context

    @classmethod
    def serve(cls, world):
        """Return the address of the server to work with; the database is the world's."""
        return world.server.url

    def setUp(self):
        self.page = self.session.new_page()
        self.addCleanup(self.page.close)
        self.problems = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.calls = set()
        self.page.on("request", lambda request: "/call_" in request.url and self.calls.add(request))
        for end in ("requestfinished", "requestfailed"):
            self.page.on(end, lambda request: self.calls.discard(request))

    def tearDown(self):
        self.assertEqual(self.problems, [], "the web client met an error")

    def _callTestMethod(self, method):
        try:
            super()._callTestMethod(method)
        except Exception:
            # What the person saw when it went wrong.
            self.page.screenshot(path=checkout.LOGS / f"browser-{self._testMethodName}.png")
            raise

    # What is there without clicking

    def ask(self, code, **names):
        return self.world.console.ask(code, **names)

    def mailbox(self, box, **values):
        """Make a confirmed mailbox of the sandbox without an action; return its id."""
        values = {
            "name": f"{box.title()} Mailbox",
            "server": "localhost",
            "port": self.dovecot.imaps,
            "user": f"{box}@{DOMAIN}",
            "password": PASSWORD,
            "gateway_ca_certificate": self.sandbox.ca_certificate,
            "state": "done",
            **values,
        }
        return self.ask("answer = env['fetchmail.server'].create(values).id", values=values)

    def fetched(self, box, *messages, **values):
        """Deliver messages to a mailbox and fetch them; return the ids of their journal entries, oldest first."""
        server = self.mailbox(box, **values)
        for message in messages:
            self.dovecot.deliver(f"{box}@{DOMAIN}", message)
        return self.ask(
            "env['fetchmail.server'].browse(server).fetch_mail()\n"
            "answer = env['spp.email.inbound'].search([('server_id', '=', server)], order='id').ids",
            server=server,
        )

    def check_in(self, minutes):
        """Let mailboxes be checked next in so many minutes, as far as the screen says; until the end of the test."""
        self.ask(NEXT_CHECK, minutes=minutes)
        self.addCleanup(self.ask, "env.ref('mail.ir_cron_mail_gateway_action').nextcall = '2090-01-01 00:00:00'")

    # What a person does

    def open(self, path):
        """Go to an address of the web client and wait until its view is there."""
        self.page.goto(f"{self.url}/odoo/{path}")
        self.wait_for_view()

    def wait_for_view(self):
        # A list is drawn before its records are there.
        self.page.wait_for_selector(
            ".o_form_view .o_form_sheet, .o_list_renderer, .o_kanban_renderer, .o_setting_container, .o_gateway_figures"
        )

    def open_app(self, app, *entries):
        """Choose an app in the menu at the top left, then entries of its menu bar or of one of its drop-down menus."""
        if self.page.url == "about:blank":
            self.page.goto(f"{self.url}/odoo")
        self.page.click(".o_navbar_apps_menu button")
        self.page.locator(".o-dropdown--menu .o_app").get_by_text(app, exact=True).click()
        self.page.locator(".o_menu_brand", has_text=app).wait_for()
        self.wait_for_view()
        for entry in entries:
            found = self.page.locator(".o_menu_sections, .o-dropdown--menu").get_by_text(entry, exact=True).last
            opens = found.evaluate("element => !!element.closest('.o_menu_sections button')")
            found.click()
            if not opens:
                self.title_is(entry)

    def title_is(self, title):
        """Wait until the page is called like this, in the bread crumbs."""
        self.page.locator(".o_breadcrumb .active, .o_breadcrumb .o_last_breadcrumb_item").get_by_text(
            title, exact=True
        ).first.wait_for()
        self.wait_for_view()

    def press(self, label):
        """Click the visible button of that label."""
        self.page.get_by_role("button", name=label, exact=True).locator("visible=true").first.click()

    def tab(self, label):
        self.page.locator(".o_notebook_headers").get_by_text(label, exact=True).click()

    def save(self):
        self.page.click(".o_form_button_save")
        self.page.wait_for_selector(".o_form_status_indicator_buttons.invisible", state="attached")

    def labels(self):
        """The labels of all fields that are shown on the form."""
        return [self._words(label) for label in self._labels()]

    def _labels(self):
        # The words beside a radio button or a tick box of a list are no labels of fields.
        found = self.page.locator(".o_form_sheet label.o_form_label:not(.form-check-label)")
        return found.locator("visible=true").all()

    def _words(self, label):
        return label.inner_text().split("\n")[0].removesuffix("?").strip()

    def field(self, label):
        """The widget that a visible label belongs to."""
        for element in self._labels():
            if self._words(element) == label:
                field_id = element.get_attribute("for")
                widgets = f".o_field_widget:has([id='{field_id}']), .o_field_widget[id='{field_id}']"
                return self.page.locator(widgets).last
        raise AssertionError(f"The form shows no field “{label}”, but {self.labels()}.")

    def fill(self, label, value):
        """Type into a field and leave it, so that others can follow."""
        target = self.field(label).locator("input, textarea").first
        target.fill(str(value))
        target.press("Tab")
        self.settle()

    def value(self, label):
        """What a field shows."""
        widget = self.field(label)
        target = widget.locator("input, textarea")
        return target.first.input_value() if target.count() else widget.inner_text()

    def tick(self, label, on=True):
        self.field(label).locator("input").set_checked(on)
        self.settle()

    def choose(self, label, option):
        """Choose from a list; from one of records by typing into it."""
        widget = self.field(label)
        box = widget.locator("input").first
        box.click()
        if not widget.locator(".o_select_menu").count():
            box.fill(option)
        offer = self.page.locator(".o-dropdown--menu, .o-autocomplete--dropdown-menu").last
        offer.get_by_text(option, exact=True).first.click()
        self.settle()

    def options(self, label):
        """What a list offers."""
        self.field(label).locator("input").first.click()
        menu = self.page.locator(".o_select_menu_menu, .o_field_selection_menu").last
        menu.wait_for()
        texts = [text.strip() for text in menu.locator(".o_select_menu_item").all_inner_texts()]
        self.page.keyboard.press("Escape")
        return texts

    def radio(self, label):
        """The choices of a radio field, as (word, chosen)."""
        items = self.page.locator(".o_field_radio", has=self.page.locator(f"[aria-label='{label}']"))
        return [
            (item.inner_text().strip(), item.locator("input").is_checked())
            for item in items.first.locator(".o_radio_item").all()
        ]

    def pick(self, option):
        """Choose a word of a radio field."""
        self.page.locator(".o_radio_item").get_by_text(option, exact=True).click()
        self.settle()

    def settle(self):
        """Wait until the form has heard what follows from an entry."""
        limit = time.monotonic() + 10
        self.page.wait_for_timeout(50)
        while self.calls and time.monotonic() < limit:
            self.page.wait_for_timeout(20)
        self.page.wait_for_timeout(20)

    def dismiss_notifications(self):
        for button in self.page.locator(".o_notification_close").all():
            button.click()
        self.page.wait_for_selector(".o_notification", state="detached")

    def notification(self):
        """The text of the notification that comes next."""
        found = self.page.locator(".o_notification")
        found.first.wait_for()
        return found.first.locator(".o_notification_content").inner_text()

    def refusal(self):
        """The text of the error dialog; it is closed."""
        dialog = self.page.locator(".modal .o_error_dialog, .modal-content")
        dialog.first.wait_for()
        text = dialog.first.locator(".modal-body").inner_text()
        self.page.locator(".modal-footer button").first.click()
        dialog.first.wait_for(state="detached")
        return text

    def alerts(self):
        return self.page.locator(".o_form_sheet .alert").locator("visible=true").all_inner_texts()

    def state(self):
        """The chosen state in the status bar."""
        return self.page.locator(".o_statusbar_status .o_arrow_button_current").inner_text()

    def state_is(self, label):
        """Wait until the status bar says so."""
        self.page.locator(".o_statusbar_status .o_arrow_button_current", has_text=re.compile(f"^{label}$")).wait_for()

    def wait_for_state(self, label, seconds=30):
        """Reload, as a person who waits does, until the status bar says so."""
        limit = time.monotonic() + seconds
        while self.state() != label:
            self.assertLess(time.monotonic(), limit, f"the state is {self.state()}, not {label}")
            self.page.wait_for_timeout(200)
            self.page.reload()
            self.wait_for_view()

    # What is shown to others

    def screenshot(self, name):
        path = IMAGES / f"{name}.png"
        if not path.exists():
            IMAGES.mkdir(exist_ok=True)
            self.page.mouse.move(600, 790)
            self.page.wait_for_timeout(300)  # movements come to their end
            self.page.screenshot(path=path)


def letter(subject, body="Help.", sender="Amina Diallo <amina@remote.test>", to=f"grievance@{DOMAIN}", html=False):
    """A message like people send them."""
    lines = [
        f"From: {sender}",
        f"To: {to}",
        f"Subject: {subject}",
        f"Message-ID: <{time.time_ns()}@remote.test>",
        "Date: Tue, 03 Jun 2025 10:00:00 +0000",
        "MIME-Version: 1.0",
        f"Content-Type: text/{'html' if html else 'plain'}; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "",
        *body.split("\n"),
        "",
    ]
    return "\r\n".join(lines).encode()
