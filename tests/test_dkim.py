# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""DKIM keys: their way from prepared to retired, what signs when, what is never shown, and what Health says."""

from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import patch

import dkim
import psycopg2

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.modules.neutralize import neutralize_database
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from ..engine.dkim_private_key import KeyAlgorithm, make_private_key
from ..engine.dkim_signing import UnsignedError
from ..engine.errors import GatewayError
from ..engine.seal import MASK, is_sealed
from ..models import spp_email_dkim_publication as publication_module
from .common import GatewayCase, eml, with_key


class Dns:
    """A resolver over a table; a name that is None gives no answer."""

    def __init__(self):
        self.records = {}
        self.asked = []

    def texts(self, name, seconds=None):
        self.asked.append(name)
        found = self.records.get(name, ())
        if found is None:
            raise GatewayError("The DNS did not answer in time.", phase="resolve")
        return found


@tagged("post_install", "-at_install")
class TestDkim(GatewayCase):
    def setUp(self):
        super().setUp()
        key = with_key()
        key.__enter__()
        self.addCleanup(key.__exit__, None, None, None)
        self.dns = Dns()
        found = patch.object(publication_module, "make_resolver", lambda servers: self.dns)
        found.start()
        self.addCleanup(found.stop)
        self.domain = self.env["spp.email.domain"].create({"name": "gateway.test"})
        self.keys = self.env["spp.email.dkim.key"]

    def make(self, algorithm="rsa", *, domain=None, active=True, **options):
        key = self.keys._prepare(domain or self.domain, algorithm, **options)
        if active:
            self.publish(key)
            if key.state != "active":
                key._activate()
        return key

    def publish(self, key):
        self.dns.records[key.record_name] = (key.public_value,)
        key._look()

    def sign(self, sender="box@gateway.test", **fields_):
        content = eml(From=sender, **fields_)
        return self.keys._signer().sign(content).removesuffix(content)

    @contextmanager
    def later(self, **time):
        now = fields.Datetime.now() + timedelta(**time)
        with patch.object(fields.Datetime, "now", lambda: now):
            yield

    def needed(self):
        """Return the records of keys of this database among those that the domain needs."""
        return [one for one in self.domain._needed_records() if one.name.startswith("odoo")]

    def work(self):
        """Run the job, and return how often it had committed before the DNS was asked the first time."""
        commits, before = [], []
        ask = self.dns.texts

        def texts(name, seconds=None):
            before.append(len(commits))
            return ask(name, seconds)

        with (
            self.own_cursors(),
            patch.object(self.dns, "texts", texts),
            patch.object(type(self.env["ir.cron"]), "_commit_progress", lambda *_, **__: commits.append(1) or 60),
        ):
            self.keys._cron_keys()
        self.env.invalidate_all()
        return before[0] if before else None

    def codes(self):
        return {finding.code for finding in self.keys._gateway_health()}

    # ------------------------------------------------------------------
    # Signing
    # ------------------------------------------------------------------

    def test_what_a_session_sends_is_signed(self):
        key = self.make()
        content = eml(From="Box <box@gateway.test>")
        session = self.env["ir.mail_server"]._gateway_mark(type("Session", (), {})())
        done = session.signer.sign(content)
        value = self.dns.records[key.record_name][0].encode()
        self.assertTrue(dkim.verify(done, dnsfunc=lambda name, timeout=5: value))
        self.assertEqual(self.sign("ann@example.org"), b"")

    def test_both_kinds_of_keys_sign_and_rsa_stands_on_top(self):
        self.make("ed25519")
        self.make("rsa")
        lines = self.sign().split(b"DKIM-Signature:")[1:]
        self.assertEqual(["a=rsa" in one.decode() for one in lines], [True, False])
        self.assertIn(b"s=odoo2;", lines[0])

    def test_a_key_that_the_dns_does_not_show_signs_nothing(self):
        key = self.make(active=False)
        self.assertEqual((key.state, self.sign()), ("prepared", b""))
        for texts in ((), ("v=DKIM1; k=rsa; p=",), (make_private_key(KeyAlgorithm.RSA).record(),)):
            with self.subTest(texts=texts):
                self.dns.records[key.record_name] = texts
                key._look()
                self.assertEqual((key.state, self.sign()), ("prepared", b""))
                with self.assertRaises(UserError) as caught:
                    key.action_activate()
                words = "The DNS does not show this key, so nobody could verify what it signs."
                self.assertEqual(str(caught.exception), words)
        self.publish(key)
        self.assertEqual((key.state, bool(self.sign())), ("active", True))
        # The record went away: all signed mail would look forged.
        self.dns.records[key.record_name] = ()
        key._look()
        self.assertEqual((key.state, key.is_signing, self.sign()), ("active", False, b""))
        self.assertIn(f"dkim_key_{key.id}_not_published", self.codes())
        self.publish(key)
        self.assertTrue(self.sign())
        self.assertNotIn(f"dkim_key_{key.id}_not_published", self.codes())

    def test_a_dns_without_an_answer_changes_nothing(self):
        key = self.make()
        self.dns.records[key.record_name] = None
        key._look()
        self.assertEqual((key.state, key.is_signing, key.is_answered), ("active", True, False))
        self.assertEqual(key.publication_text, "The DNS gave no answer the last time. That changes nothing.")

    def test_subdomains_are_signed_for_by_choice(self):
        self.make()
        self.assertEqual(self.sign("ann@mail.gateway.test"), b"")
        self.domain.dkim_subdomains = True
        self.assertIn(b"d=gateway.test;", self.sign("ann@mail.gateway.test"))
        # A key of its own goes first.
        own = self.env["spp.email.domain"].create({"name": "mail.gateway.test"})
        self.make("ed25519", domain=own)
        self.assertIn(b"d=mail.gateway.test;", self.sign("ann@mail.gateway.test"))
        self.assertEqual(self.sign("ann@notgateway.test"), b"")

    def test_mail_may_be_made_to_wait_for_a_key(self):
        self.domain.dkim_is_required = True
        with self.assertRaises(UnsignedError):
            self.sign()
        self.assertIn(f"dkim_domain_{self.domain.id}_required", self.codes())
        self.make()
        self.assertTrue(self.sign())
        self.assertEqual(self.codes(), set())

    def test_a_key_that_cannot_be_opened_loses_no_mail(self):
        key = self.make()
        with with_key():
            self.env.invalidate_all()
            self.assertEqual(self.sign(), b"")
            self.assertIn(f"dkim_domain_{self.domain.id}_closed", self.codes())
        signer = self.keys._signer()
        with with_key():
            signer.sign(eml(From="box@gateway.test"))
        self.assertEqual(signer.problems, {"gateway.test": "its key cannot be opened"})
        with self.own_cursors():
            self.keys._note_unsigned(signer.problems)
        self.env.invalidate_all()
        self.assertEqual(self.domain.dkim_unsigned_text, "its key cannot be opened")
        self.assertIn(f"dkim_domain_{self.domain.id}_unsigned", self.codes())
        with self.later(days=2):
            self.assertNotIn(f"dkim_domain_{self.domain.id}_unsigned", self.codes())
        self.assertTrue(key.is_signing)

    def test_what_left_unsigned_is_noted_once_in_ten_minutes_and_waits_for_nobody(self):
        asked = []
        cursor = type(self.env["spp.email.transaction"])._gateway_cursor

        def own_cursor(self, read_committed=False):
            asked.append(read_committed)
            return cursor(self, read_committed)

        with patch.object(type(self.env["spp.email.transaction"]), "_gateway_cursor", own_cursor), self.own_cursors():
            self.keys._note_unsigned({"mail.gateway.test": "one"})
            with self.later(minutes=9):
                self.keys._note_unsigned({"gateway.test": "two"})
            self.env.invalidate_all()
            self.assertEqual(self.domain.dkim_unsigned_text, "one")
            with self.later(minutes=11):
                self.keys._note_unsigned({"gateway.test": "three"})
        self.env.invalidate_all()
        self.assertEqual(self.domain.dkim_unsigned_text, "three")
        # A row that was changed since the transaction began is an error at any other level.
        self.assertEqual(asked, [True] * 3)

    def test_an_archived_domain_signs_and_asks_as_before(self):
        self.domain.write({"dkim_is_required": True, "active": False})
        with self.assertRaises(UnsignedError):
            self.sign()
        self.assertIn(f"dkim_domain_{self.domain.id}_required", self.codes())
        self.make()
        self.assertTrue(self.sign())

    def test_what_nothing_names_any_more_is_kept_where_somebody_set_something(self):
        domains = self.env["spp.email.domain"]
        bare, *kept = (
            domains.create({"name": f"d{number}.kept.org", "uses": ["filter"], **values})
            for number, values in enumerate(
                (
                    {},
                    {"dkim_is_required": True},
                    {"dkim_subdomains": True},
                    {"dkim_rotation_months": 6},
                    {"selectors": "s1"},
                    {"sending_addresses": "93.184.216.34"},
                    {},
                )
            )
        )
        self.make(domain=kept[-1], active=False)
        domains._find()
        self.assertFalse(bare.active)
        for row in kept:
            with self.subTest(name=row.name):
                self.assertEqual((row.active, row.uses), (True, False))

    # ------------------------------------------------------------------
    # Companies
    # ------------------------------------------------------------------

    def sign_of(self, company, sender="box@gateway.test"):
        keys = self.keys.with_user(self.manager).with_context(gateway_company_id=company.id)
        content = eml(From=sender)
        return bool(keys._signer().sign(content).removesuffix(content))

    def test_a_company_signs_its_own_mail_only(self):
        self.make()
        self.assertTrue(self.sign_of(self.company))
        self.domain.write({"company_id": self.other_company.id, "dkim_subdomains": True})
        branch = self.env["res.company"].create({"name": "Branch", "parent_id": self.other_company.id})
        for sender in ("box@gateway.test", "box@mail.gateway.test"):
            for company, signs in ((self.company, False), (self.other_company, True), (branch, True)):
                with self.subTest(sender=sender, company=company.name):
                    self.assertEqual(self.sign_of(company, sender), signs)
        # One session sends for several.
        signer = self.keys._signer()
        for company, signs in ((self.other_company, True), (self.company, False), (self.other_company, True)):
            signer.owner = company.id
            content = eml(From="box@gateway.test")
            self.assertEqual(signer.sign(content) != content, signs)
        self.assertEqual(signer.problems, {"gateway.test": "no key of it may sign now"})
        self.domain.dkim_is_required = True
        with self.assertRaises(UnsignedError):
            self.sign_of(self.company)
        # What another company asks of its subdomains binds nobody else.
        self.assertFalse(self.sign_of(self.company, "box@mail.gateway.test"))

    def test_only_administrators_take_what_another_company_uses(self):
        self.other_company.alias_domain_id = self.env["mail.alias.domain"].create({"name": "b.shared.org"})
        domains = self.env["spp.email.domain"].with_user(self.manager)
        for values in ({"name": "b.shared.org"}, {"name": "shared.org", "dkim_subdomains": True}):
            with self.subTest(values=values), self.assertRaises(AccessError), self.env.cr.savepoint():
                domains.create(values)
        shared = domains.create({"name": "shared.org"})
        for values in ({"dkim_subdomains": True}, {"name": "b.shared.org"}):
            with self.subTest(values=values), self.assertRaises(AccessError), self.env.cr.savepoint():
                shared.write(values)
        shared.with_user(self.system).dkim_subdomains = True
        # What the manager's own company uses too is no other's.
        self.company.alias_domain_id = self.other_company.alias_domain_id
        domains.create({"name": "b.shared.org", "dkim_subdomains": True})

    def test_ed25519_alone_is_pointed_out(self):
        self.make("ed25519")
        self.assertEqual(self.codes(), {f"dkim_domain_{self.domain.id}_no_rsa"})
        self.make("rsa")
        self.assertEqual(self.codes(), set())

    # ------------------------------------------------------------------
    # From prepared to retired
    # ------------------------------------------------------------------

    def test_rotation_overlaps(self):
        old = self.make()
        self.assertEqual(old.selector, "odoo")
        self.domain.action_rotate()
        new = self.domain.dkim_key_ids - old
        self.assertEqual((new.selector, new.state, new.replaces_id), ("odoo2", "prepared", old))
        self.assertIn(b"s=odoo;", self.sign())
        self.assertIn(f"dkim_key_{new.id}_waits", self.codes())
        with self.assertRaisesRegex(UserError, "No key signs that has no successor yet"):
            self.domain.action_rotate()
        self.publish(new)
        self.assertEqual((old.state, new.state), ("retired", "active"))
        self.assertIn(b"s=odoo2;", self.sign())
        names = {one.name: one.is_required for one in self.needed()}
        self.assertEqual(names, {old.record_name: False, new.record_name: True})
        # Mail on its way is verified with the old one; a week later nothing needs it.
        with self.later(days=6):
            self.work()
            self.assertTrue(old.has_private_key)
        with self.later(days=8):
            self.work()
            self.assertFalse(old.has_private_key)
            self.env.invalidate_all()
            self.assertEqual([one.name for one in self.needed()], [new.record_name])
            self.assertIn("may be removed from the DNS", old.what_next)
            with self.assertRaises(UserError) as caught:
                old.action_activate()
            words = "The private part of this key was deleted. Make a new key."
            self.assertEqual(str(caught.exception), words)

    def test_a_retired_key_can_sign_again_within_the_week(self):
        old = self.make()
        new = self.make()
        self.assertEqual((old.state, new.state), ("retired", "active"))
        old.action_activate()
        self.assertEqual((old.state, new.state), ("active", "retired"))

    def test_a_key_may_wait_for_a_person(self):
        key = self.make(active=False, is_automatic=False)
        self.publish(key)
        self.assertEqual((key.state, self.sign()), ("published", b""))
        key.with_user(self.manager).action_activate()
        self.assertEqual((key.state, bool(self.sign())), ("active", True))
        key.with_user(self.manager).action_retire()
        self.assertEqual((key.state, self.sign()), ("retired", b""))

    def test_a_schedule_prepares_the_next_key(self):
        old = self.make()
        self.domain.dkim_rotation_months = 6
        self.work()
        self.assertEqual(self.domain.dkim_key_ids, old)
        with self.later(days=200):
            self.work()
            self.work()
        self.assertEqual(len(self.domain.dkim_key_ids), 2)
        with self.assertRaises(psycopg2.errors.CheckViolation), mute_logger("odoo.sql_db"), self.env.cr.savepoint():
            self.domain.dkim_rotation_months = -1
            self.domain.flush_recordset()

    def test_a_discarded_successor_is_not_prepared_again_at_once(self):
        old = self.make()
        self.domain.dkim_rotation_months = 6
        with self.later(days=200):
            self.work()
            (self.domain.dkim_key_ids - old).with_user(self.manager).action_discard()
            self.work()
            self.assertEqual(self.domain.dkim_key_ids, old)
            # A person may.
            self.domain.action_rotate()
            (self.domain.dkim_key_ids - old).with_user(self.manager).action_discard()
        with self.later(days=400):
            self.work()
            self.assertEqual(len(self.domain.dkim_key_ids), 2)

    def test_the_key_that_is_due_first_is_rotated_first(self):
        late = self.env["spp.email.domain"].create({"name": "z.gateway.test", "dkim_rotation_months": 1})
        self.make(domain=late)
        self.domain.dkim_rotation_months = 2
        self.make()
        with self.later(days=90), patch.object(publication_module, "MOST_ROTATIONS", 1):
            self.work()
            self.assertEqual([len(late.dkim_key_ids), len(self.domain.dkim_key_ids)], [2, 1])
            # One whose successor waits is in nobody's way.
            self.work()
        self.assertEqual([len(late.dkim_key_ids), len(self.domain.dkim_key_ids)], [2, 2])

    def test_a_domain_whose_key_cannot_be_made_is_in_nobodys_way(self):
        other = self.env["spp.email.domain"].create({"name": "z.gateway.test", "dkim_rotation_months": 1})
        self.domain.dkim_rotation_months = 1
        self.make()
        self.make(domain=other)
        rotate = type(other)._rotate

        def fail(domain, before=None):
            if domain.id == self.domain.id:
                raise ValueError("odd")
            return rotate(domain, before)

        with (
            self.later(days=60),
            patch.object(type(other), "_rotate", fail),
            self.assertLogs(publication_module.__name__, "WARNING") as logs,
        ):
            self.assertTrue(self.work())
        self.assertEqual([len(self.domain.dkim_key_ids), len(other.dkim_key_ids)], [1, 2])
        self.assertEqual(len(logs.output), 1)
        self.assertIn(f"Domain {self.domain.id} got no new DKIM key: ValueError.", logs.output[0])

    def test_a_silent_dns_holds_nothing_up(self):
        old, *_others = [
            self.make(domain=self.env["spp.email.domain"].create({"name": f"d{number}.gateway.test"}))
            for number in range(5)
        ]
        old._retire()
        keys = self.keys.search([("state", "=", "active")])
        keys.checked_date = False
        self.dns.records = dict.fromkeys(self.dns.records)
        self.dns.asked.clear()
        with self.later(days=8):
            committed = self.work()
        # What is due by the clock is done, and committed, before anybody waits.
        self.assertFalse(old.has_private_key)
        self.assertTrue(committed)
        self.assertEqual(len(self.dns.asked), 3)
        self.assertEqual(sorted(keys.mapped("is_answered")), [False] * 3 + [True])
        # Those that were not asked for are the next.
        self.dns.asked.clear()
        self.work()
        self.assertIn(keys.filtered("is_answered").record_name or keys[-1].record_name, self.dns.asked)

    def test_a_key_that_fails_leaves_the_others_looked_at(self):
        bad, good = self.make("rsa"), self.make("ed25519")
        (bad | good).checked_date = False
        follow = type(bad)._follow

        def fail(key, found):
            if key.id == bad.id:
                raise ValueError("odd")
            return follow(key, found)

        with patch.object(type(bad), "_follow", fail), self.assertLogs(publication_module.__name__, "WARNING") as logs:
            self.work()
        self.assertTrue(all((bad | good).mapped("checked_date")))
        self.assertEqual(
            [line.partition(":")[2].partition(":")[2] for line in logs.output],
            [f"DKIM key {bad.id} was not looked at: ValueError."],
        )

    @mute_logger("odoo.sql_db")
    def test_one_key_of_a_kind_signs(self):
        self.make()
        other = self.make(active=False)
        with self.assertRaises(psycopg2.errors.UniqueViolation), self.env.cr.savepoint():
            other.state = "active"
            other.flush_recordset()

    def test_a_key_that_signed_is_not_discarded(self):
        key = self.make()
        with self.assertRaisesRegex(UserError, "This key has signed mail. Retire it instead."):
            key.with_user(self.manager).action_discard()
        fresh = self.make(active=False)
        fresh.with_user(self.manager).action_discard()
        self.assertFalse(fresh.exists())

    def test_a_neutralized_copy_signs_nothing(self):
        key = self.make()
        self.domain.dkim_is_required = True
        self.env.flush_all()
        neutralize_database(self.env.cr)
        self.env.invalidate_all()
        self.assertEqual((key.state, key.has_private_key, self.sign()), ("retired", False, b""))

    # ------------------------------------------------------------------
    # Bringing a key along
    # ------------------------------------------------------------------

    def test_the_dialogue_makes_a_key(self):
        with Form(
            self.env["spp.email.dkim.new"].with_user(self.manager).with_context(default_domain_id=self.domain.id)
        ) as form:
            self.assertEqual(form.selector, "odoo")
        key = self.keys.browse(form.record.action_make()["res_id"])
        self.assertEqual((key.record_name, key.bits, key.state), ("odoo._domainkey.gateway.test", 2048, "prepared"))
        self.assertEqual(key.relative_name, "odoo._domainkey")

    def test_a_key_is_brought_along(self):
        private = make_private_key(KeyAlgorithm.RSA)
        self.dns.records["mail2024._domainkey.gateway.test"] = (private.record(),)
        new = (
            self.env["spp.email.dkim.new"]
            .with_user(self.manager)
            .create(
                {"domain_id": self.domain.id, "origin": "import", "selector": "Mail2024", "private_key": private.pem()}
            )
        )
        self.env.cr.execute("SELECT private_key FROM spp_email_dkim_new WHERE id = %s", [new.id])
        self.assertTrue(is_sealed(self.env.cr.fetchone()[0]))
        key = self.keys.browse(new.action_make()["res_id"])
        # It was published before: it signs at once.
        self.assertEqual((key.selector, key.state), ("mail2024", "active"))
        self.assertIn(b"s=mail2024;", self.sign())
        self.assertFalse(new.private_key)

    def test_what_cannot_be_a_key_is_refused_in_words(self):
        self.make(active=False)
        for selector, pem, words in (
            ("new", "hello", "This is no private key in PEM form: its line “-----BEGIN PRIVATE KEY-----” is missing."),
            ("new", "", "Paste the private key, with its lines BEGIN and END."),
            ("a b", "x", "“a b” is no selector: letters, digits, hyphens and points, such as odoo2."),
            ("odoo", "x", "This domain has a key of this selector already."),
        ):
            new = self.env["spp.email.dkim.new"].create(
                {"domain_id": self.domain.id, "origin": "import", "selector": selector, "private_key": pem}
            )
            with self.subTest(words=words):
                with self.assertRaises(ValidationError) as caught:
                    new.action_make()
                self.assertEqual(caught.exception.args[0], words)

    # ------------------------------------------------------------------
    # Who may, and what is kept
    # ------------------------------------------------------------------

    def test_nobody_reads_the_private_part(self):
        key = self.make()
        self.assertEqual(key.private_key, MASK)
        self.env.cr.execute("SELECT private_key FROM spp_email_dkim_key WHERE id = %s", [key.id])
        self.assertTrue(is_sealed(self.env.cr.fetchone()[0]))
        with self.assertRaises(AccessError):
            key.with_user(self.manager).read(["private_key"])
        system = key.with_user(self.env.ref("base.user_admin"))
        self.assertEqual(system.read(["private_key"])[0]["private_key"], MASK)

    def test_buttons_are_for_managers_of_the_company(self):
        key = self.make(active=False)
        for user in (self.viewer, self.officer):
            for name in ("action_check", "action_activate", "action_retire", "action_discard"):
                with self.subTest(user=user.login, name=name), self.assertRaises(AccessError):
                    getattr(key.with_user(user), name)()
        self.domain.company_id = self.env["res.company"].create({"name": "Another"})
        with self.assertRaises(AccessError):
            key.with_user(self.manager).action_check()
        with self.assertRaises(AccessError):
            self.domain.with_user(self.manager).action_rotate()

    def test_changes_are_kept(self):
        key = self.make()
        self.domain.dkim_is_required = True
        changes = self.env["spp.email.change"].search(
            [("model", "in", ("spp.email.dkim.key", "spp.email.domain")), ("res_id", "in", (key.id, self.domain.id))]
        )
        self.assertGreaterEqual(set(changes.mapped("model")), {"spp.email.dkim.key", "spp.email.domain"})
