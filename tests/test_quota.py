# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import timedelta
from unittest.mock import patch

from psycopg2 import IntegrityError

from odoo import fields
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from ..engine.delivery import RecipientResult
from ..engine.gate import Departure, Permit, Refusal
from ..engine.outcome import OutboundReason, OutboundState
from .common import GatewayCase

SENT = RecipientResult(OutboundState.SENT, OutboundReason.ACCEPTED)
UNKNOWN = RecipientResult(OutboundState.UNKNOWN, OutboundReason.LOST_AFTER_DATA)
REFUSED = RecipientResult(OutboundState.FAILED, OutboundReason.REFUSED)
DEFERRED = RecipientResult(OutboundState.DEFERRED, OutboundReason.TRY_LATER)


@tagged("post_install", "-at_install")
class TestQuota(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.gate = cls.env["spp.email.gate"]
        cls.env["ir.mail_server"].search([]).active = False
        cls.server = cls.make_server(gateway_quota_day=200)
        cls.company.partner_id.tz = "Africa/Nairobi"

    @classmethod
    def make_server(cls, **values):
        return cls.env["ir.mail_server"].create({"name": "Out", "smtp_host": "smtp.gateway.test", **values})

    def departure(self, *recipients, server=None, **values):
        values = {"company_id": self.company.id, **values}
        return Departure(0, (server or self.server).id, "from@gateway.test", recipients or ("a@remote.test",), **values)

    def many(self, count, domain="remote.test"):
        return [f"r{number}@{domain}" for number in range(count)]

    def ask(self, *recipients, **values):
        with self.own_cursors():
            return self.gate._ask(self.departure(*recipients, **values))

    def note(self, results, **values):
        with self.own_cursors():
            self.gate._note(self.departure(*results, **values), results)

    def pass_time(self, **past):
        """Let what was counted so far have been counted earlier."""
        self.sql(
            "UPDATE spp_email_quota_use SET start_date = start_date - %s::interval WHERE \"window\" <> 'anchor'"
            " RETURNING id",
            timedelta(**past),
        )

    def used(self, server=None):
        server = server or self.server
        server.invalidate_recordset()
        return server.gateway_quota_text

    # ------------------------------------------------------------------
    # The gate
    # ------------------------------------------------------------------

    def test_it_is_the_last_gate(self):
        """What a gate after it held would have taken its places for nothing."""
        self.assertEqual(self.gate._gates()[-1], "_gate_quota")

    def test_over_the_limit_mail_waits_and_says_until_when(self):
        self.assertFalse(self.ask(*self.many(199)).hold)
        self.assertFalse(self.ask("last@remote.test").hold)
        self.assertEqual(self.used(), "today 200 of 200")
        before = fields.Datetime.now()
        hold = self.ask("b@remote.test").hold
        self.assertIs(hold.reason, OutboundReason.QUOTA)
        # Nairobi is three hours ahead of UTC all year.
        there = hold.until + timedelta(hours=3, seconds=58)
        self.assertRegex(hold.text, rf"^Daily limit reached \(200 of 200\), next on {there:%Y-%m-%d} at {there:%H:%M}$")
        self.assertAlmostEqual((hold.until - before).total_seconds(), 86_400 + 150, delta=200)
        # It took no place.
        self.assertEqual(self.used(), "today 200 of 200")

    def test_it_is_released_by_itself(self):
        self.ask(*self.many(200))
        self.pass_time(hours=23)
        hold = self.ask("b@remote.test").hold
        self.assertTrue(hold)
        self.pass_time(seconds=(hold.until - fields.Datetime.now()).total_seconds() + 1)
        self.assertFalse(self.ask("b@remote.test").hold)
        self.assertEqual(self.used(), "today 1 of 200")

    def test_who_waits_lines_up(self):
        """If all came back for the first free place, all but one would be composed and claimed for nothing."""
        self.server.gateway_quota_day = 4
        self.ask("a@remote.test")
        self.pass_time(hours=2)
        self.ask("b@remote.test", "c@remote.test")
        self.pass_time(hours=2)
        self.ask("d@remote.test")
        holds = [self.ask(address).hold for address in self.many(6)]
        turns = [hold.until for hold in holds]
        self.assertEqual(turns, sorted(turns))
        self.assertEqual([turns.count(turn) for turn in sorted(set(turns))], [1, 2, 3])
        # They do not count as sent, and what has its turn goes.
        self.assertEqual(self.used(), "today 4 of 4")
        self.pass_time(seconds=(turns[1] - fields.Datetime.now()).total_seconds() + 1)
        self.assertEqual([bool(self.ask(address).hold) for address in self.many(4)], [False, False, False, True])

    def test_the_queue_runs_when_there_is_room_again_and_only_once(self):
        job = self.env.ref("mail.ir_cron_mail_scheduler_action")
        triggers = self.env["ir.cron.trigger"].search([("cron_id", "=", job.id)])
        self.ask(*self.many(200))
        holds = [self.ask(address).hold for address in self.many(5)]
        new = self.env["ir.cron.trigger"].search([("cron_id", "=", job.id)]) - triggers
        self.assertEqual(new.mapped("call_at"), [holds[0].until])

    def test_what_the_server_did_not_take_is_given_back(self):
        recipients = self.many(4)
        self.ask(*recipients)
        self.assertEqual(self.used(), "today 4 of 200")
        self.note(dict(zip(recipients, (SENT, REFUSED, DEFERRED, UNKNOWN), strict=True)))
        # What may have been accepted counts.
        self.assertEqual(self.used(), "today 2 of 200")
        self.ask(*recipients)
        self.note(dict.fromkeys(recipients, DEFERRED))
        self.assertEqual(self.used(), "today 2 of 200")

    def test_what_could_not_even_be_tried_is_given_back(self):
        departure = self.departure(*self.many(3))
        refusal = Refusal(OutboundState.SUPPRESSED, OutboundReason.SUPPRESSED, "listed")
        with self.own_cursors():
            self.gate._gate_quota(departure, Permit(refused={"r1@remote.test": refusal}))
            self.assertEqual(self.used(), "today 2 of 200")
            # Nothing was learned of anybody: the connection failed, or the mail was withdrawn.
            self.gate._note(departure, {})
            self.assertEqual(self.used(), "today 0 of 200")
            # Noted twice it is not given back twice.
            self.gate._gate_quota(self.departure("x@remote.test"), Permit())
            self.gate._note(departure, {})
        self.assertEqual(self.used(), "today 1 of 200")

    def test_recipients_that_another_gate_refused_take_no_place(self):
        departure = self.departure("a@remote.test", "b@remote.test")
        refusal = Refusal(OutboundState.SUPPRESSED, OutboundReason.SUPPRESSED, "listed")
        with self.own_cursors():
            self.gate._gate_quota(departure, Permit(refused={"a@remote.test": refusal}))
        self.assertEqual(self.used(), "today 1 of 200")

    def test_messages_count_where_the_provider_counts_messages(self):
        self.server.gateway_quota_unit = "messages"
        recipients = self.many(5)
        self.ask(*recipients)
        self.assertEqual(self.used(), "today 1 of 200")
        self.note({**dict.fromkeys(recipients, REFUSED), "r1@remote.test": SENT})
        self.assertEqual(self.used(), "today 1 of 200")
        self.ask(*recipients)
        self.note(dict.fromkeys(recipients, REFUSED))
        self.assertEqual(self.used(), "today 1 of 200")

    def test_each_domain_of_recipients_has_its_own(self):
        self.server.write({"gateway_quota_domain_hour": 2})
        self.assertFalse(self.ask(*self.many(2)).hold)
        self.assertFalse(self.ask(*self.many(2, "other.test")).hold)
        self.assertIn("Hourly limit for remote.test reached (2 of 2)", self.ask("c@remote.test").hold.text)
        self.note(dict.fromkeys(self.many(1), DEFERRED))
        self.assertFalse(self.ask("c@remote.test").hold)

    def test_mass_mail_has_its_part(self):
        self.server.gateway_quota_mass_day = 3
        mass = {"is_mass": True, "mail_class": "mass"}
        self.assertFalse(self.ask(*self.many(3), **mass).hold)
        self.assertIn("Daily limit of mass mail reached (3 of 3)", self.ask(**mass).hold.text)
        # A campaign never delays a password reset.
        self.assertFalse(self.ask("person@remote.test").hold)
        self.assertEqual(self.used(), "today 4 of 200, mass mail today 3 of 3")
        self.note(dict.fromkeys(self.many(1), REFUSED), **mass)
        self.assertEqual(self.used(), "today 3 of 200, mass mail today 2 of 3")

    def test_no_limit_is_no_work(self):
        for server_id in (None, self.make_server(name="Free").id):
            with self.subTest(server_id):
                departure = Departure(0, server_id, "from@gateway.test", ("a@remote.test",))
                with self.own_cursors():
                    self.assertFalse(self.gate._ask(departure).hold)
                    self.gate._note(departure, {"a@remote.test": SENT})
        self.assertFalse(self.sql("SELECT 1 FROM spp_email_quota_use"))

    def test_a_server_that_was_deleted_meanwhile(self):
        departure = self.departure("a@remote.test")
        with self.own_cursors():
            self.gate._ask(departure)
            self.server.unlink()
            self.gate._note(departure, {"a@remote.test": DEFERRED})
            self.assertFalse(self.gate._ask(departure).hold)

    def test_a_server_that_odoos_neutralization_inserts(self):
        self.sql("UPDATE ir_mail_server SET gateway_quota_unit = NULL WHERE id = %s RETURNING id", self.server.id)
        self.server.invalidate_recordset()
        self.ask(*self.many(3))
        self.assertEqual(self.used(), "today 3 of 200")

    def test_the_counts_of_servers_do_not_mix(self):
        other = self.make_server(name="Other", gateway_quota_day=7, gateway_quota_hour=5)
        self.ask(*self.many(5), server=other)
        self.ask()
        self.assertEqual((self.used(), self.used(other)), ("today 1 of 200", "today 5 of 7, this hour 5 of 5"))
        self.assertTrue(self.ask(server=other).hold)
        self.assertFalse(self.ask().hold)

    def test_old_counts_are_removed(self):
        self.ask()
        gone = self.make_server(name="Gone", gateway_quota_day=7)
        self.ask(server=gone)
        gone.unlink()
        self.env["spp.email.quota.use"]._gc_uses()
        self.assertEqual(self.used(), "today 1 of 200")
        self.pass_time(hours=25)
        self.env["spp.email.quota.use"]._gc_uses()
        rows = self.sql('SELECT DISTINCT server_id, "window" FROM spp_email_quota_use')
        self.assertEqual(rows, [(self.server.id, "anchor")])

    # ------------------------------------------------------------------
    # People
    # ------------------------------------------------------------------

    def test_what_is_used_is_shown_on_list_and_form(self):
        self.ask()
        for user in (self.manager, self.system):
            self.server.gateway_quota_hour = 0
            with self.subTest(user.login), Form(self.server.with_user(user)) as form:
                self.assertEqual(form.gateway_quota_text, "today 1 of 200")
                # A limit that is being typed counts already.
                form.gateway_quota_hour = 50
                self.assertEqual(form.gateway_quota_text, "today 1 of 200, this hour 1 of 50")
        views = self.env["ir.mail_server"].with_user(self.manager).get_views([(False, "list")])
        self.assertIn("gateway_quota_text", views["views"]["list"]["arch"])

    def test_a_negative_limit_is_refused(self):
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError) as caught, self.env.cr.savepoint():
            self.server.gateway_quota_hour = -1
            self.server.flush_recordset()
        self.assertIn("gateway_quota_not_negative", str(caught.exception))

    def test_managers_are_told_at_90_percent(self):
        health = self.env["spp.email.health"]
        code = f"quota_{self.server.id}_day"
        job = self.env.ref("spp_email_gateway.ir_cron_health")
        triggers = lambda: self.env["ir.cron.trigger"].search_count([("cron_id", "=", job.id)])  # noqa: E731
        before = triggers()
        self.ask(*self.many(179))
        health._check()
        self.assertFalse(health.search([("code", "=", code)]))
        self.assertEqual(triggers(), before)
        self.ask("reaches@remote.test")
        # The check runs now, and not at the end of its quarter of an hour; once.
        self.assertEqual(triggers(), before + 1)
        self.ask("after@remote.test")
        self.assertEqual(triggers(), before + 1)
        health._check()
        row = health.search([("code", "=", code)])
        self.assertEqual((row.state, row.text), ("warning", "181 of 200 are used."))
        self.assertIn(self.server.name, row.title)
        self.assertIn(self.manager, row.activity_ids.user_id)
        # It stays until there is real room, and goes by itself.
        self.note(dict.fromkeys(self.many(20), DEFERRED))
        health._check()
        self.assertTrue(row.active)
        self.pass_time(hours=25)
        health._check()
        self.assertFalse(row.active)
        self.assertFalse(row.activity_ids)

    # ------------------------------------------------------------------
    # A server for mass mailings
    # ------------------------------------------------------------------

    def test_a_server_for_mass_mailings_sends_nothing_else(self):
        mass = self.make_server(name="Mass", sequence=1, gateway_mass_only=True)
        self.server.sequence = 5
        servers = self.env["ir.mail_server"]
        for given in (None, mass | self.server):
            with self.subTest(given=given):
                self.assertEqual(servers._find_mail_server("a@gateway.test", given)[0], self.server)
                self.assertEqual(
                    servers.with_context(gateway_is_mass=True)._find_mail_server("a@gateway.test", given)[0], mass
                )
        # A mail that names it, and a mailing without one of its own.
        self.assertEqual(servers._find_mail_server("a@gateway.test", mass)[0], mass)
        mass.active = False
        self.assertEqual(
            servers.with_context(gateway_is_mass=True)._find_mail_server("a@gateway.test")[0], self.server
        )

    def test_the_queue_sends_mass_mailings_by_their_server(self):
        mass = self.make_server(name="Mass", sequence=1, gateway_mass_only=True)
        self.server.sequence = 5
        mails = self.env["mail.mail"].create(
            [
                {"subject": subject, "email_from": "a@gateway.test", "email_to": "b@remote.test"}
                for subject in ("one", "mass", "two", "mass")
            ]
        )
        is_mass = patch.object(type(mails), "_gateway_is_mass", lambda mail: mail.subject == "mass")
        with is_mass:
            groups = {
                tuple(group.mails.mapped("subject")): [route.server.name for route in group.routes]
                for group in self.env["spp.email.dispatch"]._groups(mails, dict.fromkeys(mails.ids, ()))
            }
        # Nor do they take each other's when a server fails.
        self.assertEqual(groups, {("one", "two"): ["Out"], ("mass", "mass"): ["Mass"]})
        # A mail that names its server goes by it, as Odoo has it.
        mails[0].mail_server_id = mass
        with is_mass:
            groups = list(self.env["spp.email.dispatch"]._groups(mails[0], {mails[0].id: ()}))
        self.assertEqual(groups[0].routes[0].server, mass)
