# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A process that is killed while it moves or deletes what it took: the message lies somewhere, and is here once."""

from __future__ import annotations

from collections import Counter

from tools import odoo_server
from tools.proxy import Proxy

from .case import PASSWORD, box, letter
from .test_reading import DovecotWithUidplus, ReadingCase

ROUNDS = 2
MESSAGES = 4
PROCESSED = "Done"


class TestKillsFiling(ReadingCase):
    def tearDown(self):
        self.assert_nobody_was_told()

    def kill(self, step, pattern, dovecot=None, reply=False, **values):
        """Kill ROUNDS times when the pattern is about to pass, then let a run end; return what lies where.

        Returns a Counter of the subjects in INBOX, and one of those in the folder for what was processed.
        """
        dovecot = dovecot or self.dovecot
        address, subjects = box(), []
        dovecot.add_user(address, PASSWORD)
        self.make_folders(address, PROCESSED, dovecot=dovecot)
        with Proxy(dovecot.imap) as proxy:
            server = self.mailbox(address, port=proxy.port, **values)
            for number in range(ROUNDS):
                fresh = [f"{step} {number}.{index}" for index in range(MESSAGES)]
                subjects += fresh
                dovecot.fill(address, [letter(subject) for subject in fresh])
                proxy.hold(pattern, reply=reply)
                running = self.start_fetch(server)
                self.assertTrue(proxy.held.wait(30), "the step was never reached")
                odoo_server.kill_group(running)
                proxy.cut()
                proxy.release()
                somewhere = {
                    subject
                    for folder in ("INBOX", PROCESSED)
                    for _flags, subject in self.in_folder(address, folder, dovecot)
                }
                kept = {subject for subject, _state, _reason in self.journal(server)}
                self.assertLessEqual(set(subjects), somewhere | kept, "a message is nowhere")
                self.wait_until_free()
            self.fetch(server)
        self.assertEqual(self.leads(f"{step} %"), sorted(subjects))
        self.assertEqual(Counter(state for _s, state, _r in self.journal(server)), {"done": len(subjects)})
        return tuple(
            Counter(subject for _flags, subject in self.in_folder(address, folder, dovecot))
            for folder in ("INBOX", PROCESSED)
        )

    def assert_all_moved(self, inbox, processed, step, may_be_twice=False):
        self.assertFalse(inbox)
        self.assertEqual(len(processed), ROUNDS * MESSAGES)
        if not may_be_twice:
            self.assertEqual(set(processed.values()), {1}, step)

    def test_before_the_move(self):
        found = self.kill("before-move", rb"UID MOVE", gateway_after="move", gateway_processed_folder=PROCESSED)
        self.assert_all_moved(*found, "before-move")

    def test_moved_but_not_heard_of_it(self):
        found = self.kill(
            "moved",
            rb"[^\r\n]* OK [^\r\n]*Move completed",
            reply=True,
            gateway_after="move",
            gateway_processed_folder=PROCESSED,
        )
        self.assert_all_moved(*found, "moved")

    def test_without_move_between_the_copy_and_the_mark(self):
        dovecot = DovecotWithUidplus(self.sandbox.directory / "dovecot-kills", self.sandbox.authority)
        dovecot.start()
        self.addCleanup(dovecot.stop)
        found = self.kill("copied", rb"UID STORE", dovecot, gateway_after="move", gateway_processed_folder=PROCESSED)
        # A second copy in the folder is what a death between two commands can leave; in INBOX nothing is.
        self.assert_all_moved(*found, "copied", may_be_twice=True)

    def test_between_the_mark_and_the_expunge(self):
        inbox, _processed = self.kill("marked", rb"UID EXPUNGE", gateway_after="delete")
        self.assertFalse(inbox)
