# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the addon's Odoo tests share: the users of each role, messages, and a mailbox whose server is a list."""

import os
from contextlib import contextmanager
from itertools import count
from unittest.mock import patch

from odoo.tests import TransactionCase, new_test_user
from odoo.tools import SQL

from ..engine.mailbox import Entry, Fetched
from ..engine.seal import new_key
from ..models.credential_key import VARIABLE
from ..models.spp_email_journal import JournalEntry

_numbers = count(1)


def without_key():
    """Context: no credential key is configured."""
    return patch.dict(os.environ, {VARIABLE: "", f"{VARIABLE}_FILE": ""})


def with_key(key=None):
    """Context: this credential key (or ring of keys) is configured; default a fresh one."""
    return patch.dict(os.environ, {VARIABLE: key or new_key(), f"{VARIABLE}_FILE": ""})


def eml(*, body=b"hello", **fields):
    """Return a message from Ann to the box, with a Message-ID of its own; None leaves a field out."""
    values = {
        "From": "Ann <ann@example.com>",
        "To": "box@gateway.test",
        "Subject": "A question",
        "Message-ID": f"<message-{next(_numbers)}@example.com>",
        "Date": "Mon, 04 May 2026 12:00:00 +0000",
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    lines = [
        name.encode() + b": " + (value if isinstance(value, bytes) else value.encode())
        for name, value in values.items()
        if value is not None
    ]
    return b"\r\n".join([*lines, b"", body])


class ScriptedMailbox:
    """A mailbox reader (engine.mailbox.MailboxReader) over a list of messages.

    Attributes:
        told: UIDs that the server was told to forget or flag.
        filed: UIDs that were moved to the folder for what failed.
        error: raised when the mailbox is opened.
        opened: how often it was opened.
    """

    def __init__(self, *contents, error=None):
        self.contents = {str(number): content for number, content in enumerate(contents, 1)}
        self.told = []
        self.filed = []
        self.folders = lambda: []
        self.error = error
        self.opened = 0

    def __enter__(self):
        self.opened += 1
        if self.error:
            raise self.error
        return self

    def __exit__(self, *exception):
        return None

    def enter(self, selection):
        return None

    def count(self):
        return len(self.waiting())

    def last_uid(self):
        return "1", max(map(int, self.contents), default=0)

    def headers(self, entries):
        for entry in entries:
            yield Fetched(entry, self.contents[entry.uid].partition(b"\r\n\r\n")[0] + b"\r\n\r\n", is_whole=False)

    def older(self, entries, than):
        return []

    def file_failed(self, entries):
        self.filed.extend(entry.uid for entry, _message_id in entries)

    def waiting(self, limit=None):
        waiting = [uid for uid in self.contents if uid not in self.told]
        return [Entry("INBOX", "1", uid, len(self.contents[uid])) for uid in waiting[:limit]]

    def fetch(self, entries):
        for entry in entries:
            yield Fetched(entry, self.contents[entry.uid])

    def acknowledge(self, entries):
        self.told.extend(entry.uid for entry in entries)


class GatewayCase(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env = cls.env(context={**cls.env.context, "no_reset_password": True, "tracking_disable": True})
        cls.company = cls.env.company
        cls.other_company = cls.env["res.company"].create({"name": "Other Company"})
        cls.alias_domain = cls.env["mail.alias.domain"].create(
            {
                "name": "gateway.test",
                "bounce_alias": "bounce",
                "catchall_alias": "catchall",
                "default_from": "notifications",
                "sequence": -1,
            }
        )
        (cls.company | cls.other_company).alias_domain_id = cls.alias_domain
        cls.plain, cls.viewer, cls.officer, cls.manager = (
            new_test_user(cls.env, f"gateway_{name}", group)
            for name, group in (
                ("plain", "base.group_user"),
                ("viewer", "spp_email_gateway.group_email_gateway_viewer"),
                ("officer", "spp_email_gateway.group_email_gateway_officer"),
                ("manager", "spp_email_gateway.group_email_gateway_manager"),
            )
        )
        cls.system = new_test_user(cls.env, "gateway_system", "base.group_user,base.group_system")
        cls.portal = new_test_user(cls.env, "gateway_portal", "base.group_portal")
        cls.partner_model = cls.env["ir.model"]._get("res.partner")

    # ------------------------------------------------------------------
    # Cursors
    # ------------------------------------------------------------------

    @contextmanager
    def own_cursors(self):
        """Context: cursors that the gateway opens see this test's rows; what they commit is undone with the test."""
        if type(self)._registry_patched:
            self.env.flush_all()
            yield
            self.env.invalidate_all()
        else:
            with self.enter_registry_test_mode():
                yield

    @contextmanager
    def committing(self, user=None):
        """Context: an Environment on a cursor that may commit."""
        with self.own_cursors(), self.registry.cursor() as cr:
            env = self.env(cr=cr, user=user or self.env.uid)
            yield env
            env.flush_all()
            cr.commit()

    def sql(self, query, *arguments):
        self.env.flush_all()
        return self.env.execute_query(SQL(query, *arguments))

    # ------------------------------------------------------------------
    # Intakes
    # ------------------------------------------------------------------

    @classmethod
    def intake(cls, **values):
        """Return an intake and its token."""
        intake = cls.env["spp.email.intake"].create({"name": "Door", **values})
        return intake, intake.action_renew_token()["context"]["default_token"]

    # ------------------------------------------------------------------
    # Messages
    # ------------------------------------------------------------------

    @classmethod
    def mailbox(cls, **values):
        """Return a confirmed mailbox that makes a contact of each message."""
        return cls.env["fetchmail.server"].create(
            {
                "name": "Box",
                "server_type": "imap",
                "server": "mail.gateway.test",
                "port": 993,
                "user": "box@gateway.test",
                "state": "done",
                "object_id": cls.partner_model.id,
                **values,
            }
        )

    @classmethod
    def alias(cls, name, **values):
        """Return an alias <name>@gateway.test that makes contacts."""
        return cls.env["mail.alias"].create(
            {
                "alias_name": name,
                "alias_domain_id": cls.alias_domain.id,
                "alias_model_id": cls.partner_model.id,
                "alias_contact": "everyone",
                **values,
            }
        )

    def entry(self, content, server=None, *, uid=None, company=None, key=None):
        """Return a JournalEntry of the tests' own company; of an empty ``company``: of none that is known."""
        company = self.company if company is None else company
        return JournalEntry(
            key or (server._gateway_server_key() if server else "a" * 32),
            "INBOX",
            "1",
            uid or str(next(_numbers)),
            content,
            server_id=server.id if server else None,
            company_id=company.id if company else None,
        )

    def journal(self, content, server=None, **options):
        """Put a message into the journal and return its row."""
        entry = self.entry(content, server, **options)
        with self.own_cursors():
            self.assertEqual(self.env["spp.email.journal"]._write_entries([entry]), 1)
        return self.env["spp.email.inbound"].search([("uid", "=", entry.uid), ("server_key", "=", entry.server_key)])

    def process(self):
        """Process what is due and return the Counter of outcomes."""
        with self.own_cursors():
            return self.env["spp.email.lane"]._process_due()

    def receive(self, content, server=None, **options):
        """Journal and process a message; return its row."""
        inbound = self.journal(content, server, **options)
        self.process()
        return inbound

    def make_due(self, inbound):
        """Let the wait of a retried message be over."""
        self.sql("UPDATE spp_email_inbound SET next_attempt_date = NULL WHERE id = %s RETURNING id", inbound.id)
        inbound.invalidate_recordset()

    def assertOutcome(self, inbound, state, reason):
        self.assertEqual((inbound.state, inbound.reason), (state, reason), inbound.detail or inbound.trace)
        self.assertFalse(inbound.claim_owner)
        self.assertFalse(inbound.claim_until)

    def assertKept(self, inbound, content):
        """The bytes as received are there, whatever became of the message."""
        self.assertEqual(self.env["spp.email.content"]._load(inbound.id), content)

    def partners(self, name):
        return self.env["res.partner"].with_context(active_test=False).search([("name", "=", name)])
