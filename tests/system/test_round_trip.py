# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A test mail and a round trip, through real servers: sent, refused, arrived, late."""

from __future__ import annotations

from tools.odoo_server import OdooServer

from .case import SystemCase, box, wait_for
from .console import ConsoleError

RELAY, RELAY_PASSWORD = "relay@example.test", "relaypw"

SEND_TEST = """
trial = env["spp.email.test.mail"].create({"server_id": server, "recipients": to})
trial.action_send()
answer = [trial.outcome, trial.result]
"""
STATE = """
trip = env["spp.email.round.trip"].browse(trip)
answer = {name: trip[name] for name in ("state", "turn", "result", "duration_text")}
answer["reason"] = [trip.inbound_id.state, trip.inbound_id.reason, trip.inbound_id.res_id or 0]
"""


class RoundTripCase(SystemCase):
    def setUp(self):
        self.ask("env['ir.mail_server'].search([]).active = False")
        self.ask("env['spp.email.round.trip'].search([]).unlink()")
        self.ask("env['fetchmail.server'].search([]).active = False")

    def server(self, port=None, **values):
        values = {
            "name": "Out",
            "smtp_host": self.sandbox.host,
            "smtp_port": port or self.postfix.submission,
            "smtp_encryption": "starttls_strict",
            "smtp_user": RELAY,
            "smtp_pass": RELAY_PASSWORD,
            "gateway_ca_certificate": self.sandbox.ca_certificate,
            **values,
        }
        return self.ask("answer = env['ir.mail_server'].create(values).id", values=values)

    def trip(self, server, mailbox, **values):
        return self.ask(
            "answer = env['spp.email.round.trip'].create(values).id",
            values={"server_id": server, "mailbox_id": mailbox, **values},
        )

    def send(self, trip):
        self.ask("env['spp.email.round.trip'].browse(trip).action_send()", trip=trip)

    def state(self, trip):
        return self.ask(STATE, trip=trip)

    def past(self, trip, minutes):
        self.rows(
            "UPDATE spp_email_round_trip SET sent_date = sent_date - make_interval(mins => %s) WHERE id = %s",
            minutes,
            trip,
        )


class TestTestMail(RoundTripCase):
    def test_it_is_really_sent_with_the_sender_of_other_mail(self):
        address, other = box(), box()
        # Not the server that Odoo would choose.
        self.server(self.postfix.smtp, name="First", sequence=1)
        server = self.server(from_filter=RELAY, sequence=9)
        outcome, result = self.ask(SEND_TEST, server=server, to=f"{address}, Other <{other}>")
        self.assertEqual(outcome, "sent")
        lines = result.splitlines()
        self.assertEqual(len(lines), 2)
        for line, one in zip(lines, (address, other), strict=True):
            self.assertTrue(line.startswith(f"{one}: The server accepted it"), line)
        for one in (address, other):
            found = wait_for(lambda one=one: self.dovecot.messages(one), "the test mail arrives", 15)
            self.assertEqual(len(found), 1)
            self.assertIn(b"Subject: Test mail of", found[0][2])
            self.assertIn(b"Auto-Submitted: auto-generated", found[0][2])
            # What happens to the address of a user whom this server does not know.
            expected = self.ask(
                "server = env['ir.mail_server'].browse(server)\n"
                "answer = env['ir.mail_server']._find_mail_server(env.user.email_formatted, server)[1]",
                server=server,
            )
            self.assertIn(expected.rpartition("<")[2].strip(">").encode(), found[0][2])
        self.assertRegex(found[0][2], rb"with ESMTPSA")
        # No trace of it but the mail itself.
        self.assertEqual(self.value("SELECT count(*) FROM mail_mail"), 0)

    def test_each_refusal_has_the_servers_words(self):
        address = box()
        server = self.server()
        outcome, result = self.ask(SEND_TEST, server=server, to=f"{address}, reject@example.test")
        self.assertEqual(outcome, "partly", result)
        good, bad = result.splitlines()
        self.assertTrue(good.startswith(f"{address}: The server accepted it"), good)
        self.assertRegex(
            bad, r"^reject@example\.test: The server refused it \(55\d 5\.1\.1 .*\)\. The address does not exist\."
        )
        # The name that the server gave it, for its administrators.
        self.assertRegex(good, r"\(250 2\.0\.0 Ok: queued as \w+\)$")
        outcome, result = self.ask(SEND_TEST, server=server, to="reject@example.test")
        self.assertEqual(outcome, "failed")
        self.assertIn("The server refused it (55", result)
        outcome, result = self.ask(SEND_TEST, server=server, to="greylist@example.test")
        self.assertEqual(outcome, "failed")
        self.assertIn("The server asked to try again later (450 4.2.0 ", result)

    def test_what_is_wrong_with_the_server_is_said(self):
        outcome, result = self.ask(SEND_TEST, server=self.server(smtp_pass="wrong"), to=box())
        self.assertEqual(outcome, "failed")
        self.assertIn("The server refused the login (535", result)
        outcome, result = self.ask(SEND_TEST, server=self.server(port=1), to=box())
        self.assertEqual(outcome, "failed")
        self.assertIn("The server could not be reached", result)

    def test_bad_input(self):
        server = self.server()
        for to, words in (("nonsense", "Enter the address that the mail is to be sent to."),):
            with self.assertRaises(ConsoleError) as caught:
                self.ask(SEND_TEST, server=server, to=to)
            self.assertEqual((caught.exception.kind, caught.exception.text), ("UserError", words))

    def test_it_takes_a_place_in_the_quota_and_waits_for_nobody(self):
        server = self.server(gateway_quota_day=1)
        self.assertEqual(self.ask(SEND_TEST, server=server, to="reject@example.test")[0], "failed")
        self.assertEqual(self.ask(SEND_TEST, server=server, to=box())[0], "sent")
        with self.assertRaises(ConsoleError) as caught:
            self.ask(SEND_TEST, server=server, to=box())
        self.assertRegex(caught.exception.text, r"^Daily limit reached \(1 of 1\), next on ")


class TestRoundTrip(RoundTripCase):
    def test_the_normal_job_finds_it_and_makes_no_record(self):
        address = box()
        mailbox = self.mailbox(address)
        trip = self.trip(self.server(), mailbox)
        with OdooServer(self.database, cron=2):
            self.send(trip)
            self.assertIn(self.state(trip)["state"], ("waiting", "done"))
            state = wait_for(
                lambda: (found := self.state(trip))["state"] == "done" and found, "the mail is in the journal", 150
            )
        self.assertEqual(state["reason"], ["done", "round_trip", 0])
        self.assertRegex(state["duration_text"], r"^(\d+ min )?\d+ s$")
        self.assertIn("The server accepted it", state["result"])
        self.assertEqual(self.leads("%Round trip%"), [])
        self.assert_nobody_was_told()
        # A copy that comes again makes no record either, and changes nothing.
        raw = self.dovecot.messages(address)[0][2]
        self.dovecot.deliver(address, b"X-Copy: 1\r\n" + raw)
        self.fetch(mailbox)
        self.assertEqual(self.leads("%Round trip%"), [])
        self.assertEqual(self.state(trip), state)
        # An answer to it is a person's mail.
        self.dovecot.deliver(address, b"From: p@remote.test\r\nSubject: Re: Round trip of it\r\n\r\nWhat is this?\r\n")
        self.fetch(mailbox)
        self.assertEqual(self.leads("%Round trip%"), ["Re: Round trip of it"])

    def test_what_is_late_is_said_and_well_again_when_it_comes(self):
        # The server takes it for one mailbox, and another one is read.
        address, other = box(), box()
        mailbox = self.mailbox(other)
        trip = self.trip(self.server(), mailbox, address=address)
        self.send(trip)
        raw = wait_for(lambda: self.dovecot.messages(address), "it arrives elsewhere", 15)[0][2]
        self.ask("env['spp.email.round.trip']._cron_round_trips()")
        self.assertEqual(self.state(trip)["state"], "waiting")
        self.past(trip, 16)
        self.ask("env['spp.email.round.trip']._cron_round_trips()")
        self.assertEqual(self.state(trip)["state"], "late")
        self.ask("env['spp.email.health']._check()")
        health = "SELECT state, active, title FROM spp_email_health WHERE code = %s"
        code = f"round_trip_{trip}"
        self.assertEqual(self.rows(health, code), [("failure", True, "A round trip is late: Out")])
        self.assertTrue(
            self.value(
                "SELECT count(*) FROM mail_activity a JOIN spp_email_health h ON h.id = a.res_id"
                " WHERE a.res_model = 'spp.email.health' AND h.code = %s",
                code,
            )
        )
        self.dovecot.deliver(other, raw)
        self.fetch(mailbox)
        state = self.state(trip)
        self.assertEqual(state["state"], "done")
        self.assertRegex(state["duration_text"], r"^16 min \d+ s$")
        self.ask("env['spp.email.health']._check()")
        self.assertFalse(self.rows(health, code)[0][1])

    def test_what_cannot_be_sent_is_said(self):
        mailbox = self.mailbox(box())
        for values, words in (
            ({"smtp_pass": "wrong"}, "The server refused the login (535"),
            ({"port": 1}, "The server could not be reached"),
        ):
            with self.subTest(words):
                trip = self.trip(self.server(**values), mailbox)
                self.send(trip)
                state = self.state(trip)
                self.assertEqual(state["state"], "failed")
                self.assertIn(words, state["result"])
                self.ask("env['spp.email.health']._check()")
                self.assertEqual(
                    self.value("SELECT title FROM spp_email_health WHERE code = %s", f"round_trip_{trip}"),
                    "A round trip could not be sent: Out",
                )

    def test_it_goes_round_by_itself_when_it_is_due(self):
        address = box()
        mailbox = self.mailbox(address)
        trip = self.trip(self.server(), mailbox, interval_hours=4)
        by_hand = self.trip(self.server(), mailbox)
        job = "env['spp.email.round.trip']._cron_round_trips()"
        self.ask(job)
        self.ask(job)
        wait_for(lambda: self.dovecot.messages(address), "the mail of the schedule", 15)
        self.fetch(mailbox)
        self.assertEqual((self.state(trip)["state"], self.state(trip)["turn"]), ("done", 1))
        self.past(trip, 238)
        self.ask(job)
        self.assertEqual(self.state(trip)["turn"], 1)
        self.past(trip, 2)
        self.ask(job)
        self.assertEqual(self.state(trip)["turn"], 2)
        self.assertEqual(self.state(by_hand)["turn"], 0)

    def test_a_mail_of_an_earlier_turn_is_not_taken_for_the_last(self):
        address, other = box(), box()
        mailbox = self.mailbox(other)
        trip = self.trip(self.server(), mailbox, address=address)
        self.send(trip)
        first = wait_for(lambda: self.dovecot.messages(address), "the first", 15)[0][2]
        self.send(trip)
        self.dovecot.deliver(other, first)
        self.fetch(mailbox)
        self.assertEqual((self.state(trip)["state"], self.state(trip)["turn"]), ("waiting", 2))
        self.assertEqual(self.leads("%Round trip%"), [])
