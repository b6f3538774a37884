# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""SIGKILL at one step, some times in a row with new mail each time, then a run that may finish."""

from __future__ import annotations

from tools import odoo_server
from tools.proxy import Proxy

from .case import SystemCase, box, letter


class KillCase(SystemCase):
    """A test that kills.

    Attributes:
        rounds: how often it kills.
        messages: how many are new each time.
    """

    rounds = 3
    messages = 5

    def tearDown(self):
        self.assert_nobody_was_told()

    def deliver(self, address, step, number):
        subjects = [f"{step} {number}.{index}" for index in range(self.messages)]
        self.dovecot.fill(address, [letter(subject) for subject in subjects])
        return subjects

    def prepare(self, address):
        """Make what a mailbox needs before it is connected."""

    def check_between(self, address, server, subjects, protocol="imap"):
        """At no time is a message neither waiting in the mailbox nor in the journal."""
        raise NotImplementedError

    def kill_on_the_wire(self, step, pattern, protocol="imap", reply=False, **values):
        """Kill whenever a pattern is about to pass between Odoo and the mail server; let a run end.

        Returns (address, id of the mailbox, subjects of all messages).
        """
        address, subjects = box(), []
        self.prepare(address)
        target = self.dovecot.imap if protocol == "imap" else self.dovecot.pop3
        with Proxy(target) as proxy:
            server = self.mailbox(address, protocol, proxy.port, **values)
            for number in range(self.rounds):
                subjects += self.deliver(address, step, number)
                proxy.hold(pattern, reply=reply)
                running = self.start_fetch(server)
                self.assertTrue(proxy.held.wait(30), "the step was never reached")
                odoo_server.kill_group(running)
                # What is on its way is lost with the process: it must not arrive after its death.
                proxy.cut()
                proxy.release()
                self.check_between(address, server, subjects, protocol)
                self.wait_until_free()
            self.fetch(server)
        return address, server, subjects
