"""A headless Chromium for tests of the web client, driven by Playwright's Python package.

Debian's browser is used: Playwright's own would be a download that a closed network does not allow.
"""

import contextlib
import shutil

from tools import debian
from tools.report import Failure, Quiet

# Background traffic of the browser would only meet a closed network; GPU and its own sandbox are missing in containers.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NAMES = ("chromium", "chromium-browser", "google-chrome")


def find():
    """Return the path of a Chromium, or None."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


def install(steps=None):
    steps = steps or Quiet()
    if not find():
        debian.install(["chromium"], "A browser (Chromium)", steps.progress)


@contextlib.contextmanager
def page(timeout=30, **options):
    """Give a Playwright page in a fresh browser (needs the virtual environment's Python).

    Args:
        timeout: seconds that every wait of the page may take.
        options: of Playwright's `new_context`, for example `viewport`.
    """
    from playwright.sync_api import sync_playwright

    program = find()
    if not program:
        raise Failure("A browser is missing. Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        # Headless is one of our flags; Playwright's own way asks for a browser build that Debian does not have.
        browser = playwright.chromium.launch(executable_path=program, headless=False, args=list(FLAGS))
        try:
            context = browser.new_context(**{"viewport": {"width": 1400, "height": 900}, **options})
            context.set_default_timeout(timeout * 1000)
            yield context.new_page()
        finally:
            browser.close()


def log_in(page, url, user="admin", password="admin"):
    """Log into the web client and wait until it is there."""
    page.goto(f"{url}/web/login")
    page.fill("input[name=login]", user)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    page.wait_for_selector(".o_web_client, .o_action_manager")
