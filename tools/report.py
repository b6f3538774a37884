"""What a person sees: numbered steps with progress, and one clear error where something is missing."""

import sys
import time


class Failure(Exception):
    """Something is missing or went wrong. The text names it and the cure; `dev` prints it without a traceback."""


class Steps:
    """Numbered steps on standard error: `[3/7] Odoo 19: downloading … 41 of 133 MB`.

    On a terminal the line is rewritten in place; elsewhere (a log, CI) a new line is written at most every five
    seconds, so that a long step is seen to live without filling the log.
    """

    def __init__(self, total):
        self.total = total
        self.number = 0
        self._title = ""
        self._shown_at = 0.0
        self._open = False
        self._live = sys.stderr.isatty()

    def next(self, title):
        """Begin the next step."""
        self._finish_line()
        self.number += 1
        self._title = title
        self._shown_at = time.monotonic()
        if self._live:
            self._write("…")

    def progress(self, text):
        """Say how far the current step is."""
        now = time.monotonic()
        if not self._live and now - self._shown_at < 5:
            return
        self._shown_at = now
        self._write(text)

    def done(self, text="ready"):
        """End the current step with what came of it."""
        self._write(text)
        self._finish_line()

    def _write(self, text):
        line = f"[{self.number}/{self.total}] {self._title}: {text}"
        if self._live:
            sys.stderr.write(f"\r\x1b[K{line}")
            self._open = True
        else:
            sys.stderr.write(line + "\n")
        sys.stderr.flush()

    def _finish_line(self):
        if self._open:
            sys.stderr.write("\n")
            self._open = False


class Quiet(Steps):
    """Steps that nobody sees, for tests that prepare something on the way."""

    def __init__(self):
        super().__init__(0)

    def _write(self, text):
        return
