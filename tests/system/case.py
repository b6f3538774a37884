# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What all system tests share: the mail servers, a database for each class, and ways to look at both."""

from __future__ import annotations

import itertools
import os
import time
import unittest

from tools import odoo_server
from tools.database import Databases
from tools.sandbox import DOMAIN, Sandbox

from .console import Console

PASSWORD = "pw"
# Adding users makes Dovecot wait for a second, so all that the tests need are there from the start.
BOXES = 300
# Long enough for a worker that lives, short enough to wait for one that was killed.
LEASE_SECONDS = 1

_free_boxes = None
_numbers = itertools.count(1)


def sandbox() -> Sandbox:
    """The mail servers of this process, started on first use."""
    global _free_boxes
    shared = Sandbox.shared()
    if _free_boxes is None:
        boxes = [f"box{number}@{DOMAIN}" for number in range(BOXES)]
        shared.dovecot.add_users(dict.fromkeys(boxes, PASSWORD))
        _free_boxes = iter(boxes)
    return shared


def box() -> str:
    """The address of a mailbox that no other test uses."""
    return next(_free_boxes)


def letter(subject: str, body: str = "Help.", sender: str | None = None) -> bytes:
    """A message like people send them, with a Message-ID and a sender of its own."""
    number = next(_numbers)
    lines = [
        f"From: Person {number} <{sender or f'person{number}@remote.test'}>",
        f"To: help@{DOMAIN}",
        f"Subject: {subject}",
        f"Message-ID: <{time.time_ns()}.{number}@remote.test>",
        "Date: Tue, 03 Jun 2025 10:00:00 +0000",
        "",
        body,
        "",
    ]
    return "\r\n".join(lines).encode()


def wait_for(condition, what: str, seconds: float = 30):
    """Return what ``condition`` returns, as soon as it is true."""
    limit = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > limit:
            raise AssertionError(f"not within {seconds} seconds: {what}")
        time.sleep(0.03)


class SystemCase(unittest.TestCase):
    """A test with real servers and a database of its class.

    Attributes:
        template: what the database is a copy of.
        modules: what else is installed in it, separated by commas.
        lease_seconds: how long a claim of a worker holds that was killed.
        odoo_env: variables for all Odoo processes.
    """

    template = "gateway"
    modules = ""
    lease_seconds = LEASE_SECONDS
    odoo_env: dict[str, str] = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sandbox = sandbox()
        cls.dovecot, cls.postfix = cls.sandbox.dovecot, cls.sandbox.postfix
        databases = Databases()
        cls.database = databases.create(f"sys_{cls.__name__.lower()}_{os.getpid()}", cls.template)
        cls.addClassCleanup(databases.drop, cls.database)
        if cls.modules:
            databases.add(cls.database, cls.modules, env=cls.odoo_env)
        connection = databases.connect(cls.database)
        connection.autocommit = True
        cls.addClassCleanup(connection.close)
        cls.connection = connection
        if cls.template == "gateway":
            cls.console = Console(cls.database, cls.odoo_env)
            cls.addClassCleanup(cls.console.stop)
            cls.console.ask(
                "env['ir.config_parameter'].set_param('spp_email_gateway.lease_seconds', str(seconds))",
                seconds=cls.lease_seconds,
            )
            # Odoo's digest is due some days after the template was made, and is mail that nobody here caused.
            cls.console.ask("if 'digest.digest' in env: env['digest.digest'].search([]).state = 'deactivated'")

    # Odoo

    def ask(self, code, **names):
        return self.console.ask(code, **names)

    def start(self, code):
        """Start code in an Odoo process of its own; it is killed at the end of the test at the latest."""
        running = odoo_server.start_script(self.database, code, env=self.odoo_env)
        self.addCleanup(running.stdout.close)
        self.addCleanup(odoo_server.kill_group, running)
        return running

    def start_fetch(self, *server_ids):
        return self.start(
            f"for server in env['fetchmail.server'].browse({server_ids!r}):\n    server.fetch_mail()\nenv.cr.commit()\n"
        )

    def fetch(self, *server_ids):
        """Fetch Now; return the texts of the notifications."""
        return self.ask(
            "answer = [server.fetch_mail()['params']['message'] for server in env['fetchmail.server'].browse(ids)]",
            ids=server_ids,
        )

    def mailbox(self, address, protocol="imap", port=None, **values):
        """Connect a mailbox that makes leads, without encryption unless ``values`` say so; return its id."""
        values = {
            "name": address,
            "server_type": protocol,
            "server": "127.0.0.1",
            "port": port or (self.dovecot.imap if protocol == "imap" else self.dovecot.pop3),
            "user": address,
            "password": PASSWORD,
            "is_ssl": False,
            "gateway_use_starttls": False,
            "state": "done",
            # As for a mailbox from before: the question is tested where it belongs, and POP's wait too.
            "gateway_start": "everything",
            "gateway_pop_leave_days": 0,
            **values,
        }
        return self.ask(
            "values['object_id'] = env['ir.model']._get('crm.lead').id\n"
            "answer = env['fetchmail.server'].create(values).id",
            values=values,
        )

    # PostgreSQL

    def rows(self, query, *parameters):
        with self.connection.cursor() as cursor:
            cursor.execute(query, parameters)
            return cursor.fetchall() if cursor.description else []

    def value(self, query, *parameters):
        return self.rows(query, *parameters)[0][0]

    def hold_with(self, *statements):
        """Execute statements in a transaction that stays open, locks and all; return its connection."""
        connection = Databases().connect(self.database)
        self.addCleanup(connection.close)
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        return connection

    def waiters(self):
        """How many other sessions of this database wait for a lock."""
        return self.value(
            "SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE NOT granted AND datname = current_database()"
        )

    def wait_until_free(self):
        """Wait until the claims of killed workers have run out, and PostgreSQL has noticed that they are gone."""
        for table in ("spp_email_lease", "spp_email_inbound"):
            wait_for(
                lambda table=table: (
                    not self.value(
                        f"SELECT count(*) FROM {table} WHERE claim_until >= now() AT TIME ZONE 'UTC'"  # noqa: S608
                    )
                ),
                f"claims in {table} run out",
            )

    # What became of messages

    def journal(self, server_id):
        """The journal of a mailbox as (subject, state, reason), oldest first."""
        return self.rows(
            "SELECT subject, state, reason FROM spp_email_inbound WHERE server_id = %s ORDER BY id", server_id
        )

    def leads(self, like):
        """Names of leads, doubles and all."""
        return sorted(name for (name,) in self.rows("SELECT name FROM crm_lead WHERE name LIKE %s", like))

    def flags(self, address):
        """The flags of all messages that are in a mailbox."""
        return [flags for _uid, flags, _raw in self.dovecot.messages(address)]

    def assert_taken_once(self, address, server_id, subjects, protocol="imap"):
        """Each message made exactly one lead, its journal row says so, and nothing is left in the mailbox."""
        subjects = sorted(subjects)
        found = sorted(name for (name,) in self.rows("SELECT name FROM crm_lead WHERE name = ANY(%s)", subjects))
        self.assertEqual(found, subjects)
        journal = self.rows(
            "SELECT subject, state, reason, res_model, starts, claim_owner"
            "  FROM spp_email_inbound WHERE server_id = %s",
            server_id,
        )
        self.assertEqual(
            sorted(journal),
            [(subject, "done", "record_created", "crm.lead", 0, None) for subject in subjects],
        )
        # One chatter message each, which carries the Message-ID.
        self.assertEqual(
            self.value(
                "SELECT count(*) FROM mail_message m JOIN spp_email_inbound i ON i.message_id = m.message_id"
                " WHERE i.server_id = %s AND m.id = i.mail_message_id AND m.model = 'crm.lead' AND m.res_id = i.res_id",
                server_id,
            ),
            len(subjects),
        )
        if protocol == "imap":
            self.assertEqual([flags for flags in self.flags(address) if "\\Seen" not in flags], [])
            self.assertEqual(len(self.flags(address)), len(subjects))
        else:
            self.assertEqual(self.flags(address), [])

    def assert_nobody_was_told(self):
        """No mail was made, let alone sent."""
        mails = "SELECT state, m.subject, failure_reason FROM mail_mail JOIN mail_message m ON m.id = mail_message_id"
        self.assertEqual(self.rows(mails), [])
        self.assertEqual(self.rows("SELECT id FROM spp_email_notice"), [])
