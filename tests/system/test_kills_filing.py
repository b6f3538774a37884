# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A process that is killed while it moves or deletes what it took: the message lies somewhere, and is here once."""

from __future__ import annotations

from collections import Counter

from .case import PASSWORD
from .kill_case import KillCase
from .test_reading import DovecotWithUidplus, ReadingCase

PROCESSED = "Done"


class TestKillsFiling(KillCase, ReadingCase):
    rounds = 2
    messages = 4

    def prepare(self, address):
        self.dovecot.add_user(address, PASSWORD)
        self.make_folders(address, PROCESSED)

    def check_between(self, address, server, subjects, protocol="imap"):
        somewhere = {
            subject for folder in ("INBOX", PROCESSED) for _flags, subject in self.in_folder(address, folder)
        }
        kept = {subject for subject, _state, _reason in self.journal(server)}
        self.assertLessEqual(set(subjects), somewhere | kept, "a message is nowhere")

    def kill(self, step, pattern, reply=False, **values):
        """Kill on the wire; in the end each message made one record. Return what lies where.

        Returns a Counter of the subjects in INBOX, and one of those in the folder for what was processed.
        """
        address, server, subjects = self.kill_on_the_wire(step, pattern, reply=reply, **values)
        self.assertEqual(self.leads(f"{step} %"), sorted(subjects))
        self.assertEqual(Counter(state for _s, state, _r in self.journal(server)), {"done": len(subjects)})
        return tuple(
            Counter(subject for _flags, subject in self.in_folder(address, folder))
            for folder in ("INBOX", PROCESSED)
        )

    def assert_all_moved(self, inbox, processed, step, may_be_twice=False):
        self.assertFalse(inbox)
        self.assertEqual(len(processed), self.rounds * self.messages)
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
        self.dovecot = DovecotWithUidplus(self.sandbox.directory / "dovecot-kills", self.sandbox.authority)
        self.dovecot.start()
        self.addCleanup(self.dovecot.stop)
        found = self.kill("copied", rb"UID STORE", gateway_after="move", gateway_processed_folder=PROCESSED)
        # A second copy in the folder is what a death between two commands can leave; in INBOX nothing is.
        self.assert_all_moved(*found, "copied", may_be_twice=True)

    def test_between_the_mark_and_the_expunge(self):
        inbox, _processed = self.kill("marked", rb"UID EXPUNGE", gateway_after="delete")
        self.assertFalse(inbox)
