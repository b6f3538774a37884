# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Odoo's mass mailing through the queue: its traces and figures are what became of each recipient."""

from __future__ import annotations

from collections import Counter

from tools import process
from tools.smtp_sink import SmtpSink

from .case import box, wait_for
from .report_letter import failure_report
from .sending import SendingCase

MAILING = """
contacts = env["mailing.list"].create({
    "name": "Villages",
    "contact_ids": [(0, 0, {"name": to.split("@")[0], "email": to}) for to in recipients],
})
mailing = env["mailing.mailing"].create({
    "subject": subject, "body_html": "<p>Water is back.</p>", "email_from": "office@example.test",
    "mailing_model_id": env["ir.model"]._get("mailing.list").id, "contact_list_ids": contacts.ids,
    "mail_server_id": server, "keep_archives": keep, "reply_to_mode": "new", "reply_to": "office@example.test",
})
mailing.action_put_in_queue()
env["mailing.mailing"]._process_mass_mailing_queue()
answer = mailing.id
"""
CAMPAIGN_DOMAIN = """
domains = env["spp.email.domain"]
uses, _companies = domains._found()["example.test"]
mails = env["mail.mail"].search([("mailing_id", "=", mailing)])
unsubscribes = {}
for url in ("http://odoo.test", "https://odoo.test"):
    env["ir.config_parameter"].set_param("web.base.url", url)
    unsubscribes[url] = domains._unsubscribes()
post = mails._prepare_outgoing_list()[0]["headers"]["List-Unsubscribe-Post"]
answer = {"uses": [use for use in uses if use == "campaign"], "post": post, "unsubscribes": unsubscribes}
env.cr.rollback()
"""
FIGURES = ("expected", "scheduled", "delivered", "failed", "canceled", "sent")


class TestMassMailing(SendingCase):
    modules = "mass_mailing"
    # Longer than a batch on a slow line: nobody is killed here.
    lease_seconds = 60

    def setUp(self):
        super().setUp()
        self.rows("DELETE FROM mailing_mailing")

    def mailing(self, *recipients, subject="Water", server=False, keep=True):
        """Have a mailing made and its mails queued, as its scheduled action does; return its id."""
        return self.ask(MAILING, recipients=recipients, subject=subject, server=server, keep=keep)

    def traces(self, mailing):
        """Return {address: (status, failure type, reason)}."""
        rows = self.rows(
            "SELECT email, trace_status, failure_type, failure_reason FROM mailing_trace WHERE mass_mailing_id = %s",
            mailing,
        )
        return {email: found for email, *found in rows}

    def statuses(self, mailing):
        return Counter(found[0] for found in self.traces(mailing).values())

    def figures(self, mailing):
        read = self.ask("answer = env['mailing.mailing'].browse(id).read(fields)[0]", id=mailing, fields=FIGURES)
        return {name: read[name] for name in FIGURES}

    def test_its_domain_is_looked_at_and_one_click_unsubscribe_is_known(self):
        mailing = self.mailing(box())
        found = self.ask(CAMPAIGN_DOMAIN, mailing=mailing)
        self.assertEqual(found["uses"], ["campaign"])
        # What the verdict relies on: Odoo's campaigns carry it.
        self.assertEqual(found["post"], "List-Unsubscribe=One-Click")
        self.assertEqual(found["unsubscribes"], {"http://odoo.test": False, "https://odoo.test": True})

    def test_who_is_on_the_suppression_list_is_cancelled_in_the_mailings_figures(self):
        self.server()
        self.ask("env['spp.email.suppression'].create({'address': 'bob@remote.test'})")
        self.addCleanup(self.rows, "DELETE FROM spp_email_suppression")
        mailing = self.mailing("ann@remote.test", "bob@remote.test")
        self.send()
        traces = self.traces(mailing)
        self.assertEqual((traces["ann@remote.test"][0], traces["bob@remote.test"][:2]), ("sent", ["cancel", "mail_bl"]))
        figures = self.figures(mailing)
        self.assertEqual((figures["delivered"], figures["failed"], figures["canceled"]), (1, 0, 1))
        self.assertEqual(self.taken(), {"ann@remote.test": 1})
        # Odoo's blacklist is Odoo's.
        self.assertFalse(self.rows("SELECT email FROM mail_blacklist"))

    def test_traces_and_figures_say_what_became_of_each(self):
        self.server()
        refused = [f"e550@village{number}.test" for number in range(3)]
        later = [f"t2@village{number}.test" for number in range(2)]
        good = [f"r{number}@remote.test" for number in range(25)]
        mailing = self.mailing(*good, *refused, *later, keep=False)
        self.assertEqual(self.statuses(mailing), {"outgoing": 30})
        self.send()
        traces = self.traces(mailing)
        self.assertEqual({traces[address][0] for address in good}, {"sent"})
        for address in refused:
            status, kind, reason = traces[address]
            self.assertEqual((status, kind), ("error", "mail_email_invalid"))
            self.assertIn("The server refused it: 550", reason)
        self.assertEqual({tuple(traces[address][:2]) for address in later}, {("outgoing", None)})
        self.assertEqual(
            self.figures(mailing),
            {"expected": 30, "scheduled": 2, "delivered": 25, "failed": 3, "canceled": 0, "sent": 25},
        )
        for _attempt in range(2):
            self.make_due()
            self.send()
        self.assertEqual(
            self.figures(mailing),
            {"expected": 30, "scheduled": 0, "delivered": 27, "failed": 3, "canceled": 0, "sent": 27},
        )
        self.assertEqual(self.taken(), dict.fromkeys((*good, *later), 1))
        # What failed is still there for whoever corrects the address; the rest is deleted, as the mailing wants it.
        self.assertEqual(self.rows("SELECT DISTINCT state FROM mail_mail"), [("exception",)])

    def test_a_failure_that_is_tried_again_is_none(self):
        self.server()
        mailing = self.mailing("e550@remote.test")
        self.send()
        self.assertEqual(self.traces(mailing)["e550@remote.test"][0], "error")
        mails = [mail for (mail,) in self.rows("SELECT id FROM mail_mail")]
        self.rows("UPDATE spp_email_delivery SET recipient = 'right@remote.test'")
        self.rows("UPDATE mailing_contact SET email = 'right@remote.test'")
        self.rows("UPDATE mail_mail SET email_to = 'right@remote.test'")
        self.ask("env['mail.mail'].browse(ids).mark_outgoing()", ids=mails)
        self.assertEqual(self.traces(mailing)["e550@remote.test"], ["outgoing", None, None])
        self.send()
        self.assertEqual(self.traces(mailing)["e550@remote.test"], ["sent", None, None])

    def test_retry_of_the_mailing_sends_to_those_who_failed_only(self):
        self.server()
        mailing = self.mailing("a@remote.test", "e550@remote.test")
        self.send()
        self.rows("UPDATE mailing_contact SET email = 'right@remote.test' WHERE email LIKE 'e550%%'")
        self.ask(
            "env['mailing.mailing'].browse(id).action_retry_failed()\n"
            "env['mailing.mailing']._process_mass_mailing_queue()",
            id=mailing,
        )
        self.send()
        self.assertEqual(self.taken(), {"a@remote.test": 1, "right@remote.test": 1})
        self.assertEqual(self.figures(mailing)["delivered"], 2)

    def test_a_person_goes_first(self):
        self.server()
        self.mailing(*(f"r{number}@remote.test" for number in range(30)))
        mail = self.queue("person@remote.test")[0]
        self.ask("env['spp.email.queue']._adopt()")
        self.assertEqual(self.ask("answer = list(env['spp.email.queue']._claim_due(1))"), [mail])

    def test_campaigns_go_one_after_the_other(self):
        """Odoo queues fifty at a time, and the last few of the first are made like a person's."""
        self.server()
        first = self.mailing(*(f"a{number}@remote.test" for number in range(55)))
        second = self.mailing(*(f"b{number}@remote.test" for number in range(25)))
        self.ask("env['spp.email.queue']._adopt()")
        order = self.ask(
            "mails = env['mail.mail'].browse(list(env['spp.email.queue']._claim_due(100)))\n"
            "answer = mails.mapped(lambda mail: mail.mailing_id.id)"
        )
        self.assertEqual(Counter(order[:55]), {first: 55})
        self.assertEqual(Counter(order[55:]), {second: 25})

    def test_a_campaign_that_fails_lets_the_next_pass(self):
        working = self.server()
        away = self.server(port=process.free_port(), sequence=90)
        first = self.mailing(*(f"a{number}@remote.test" for number in range(30)), server=away)
        second = self.mailing(*(f"b{number}@remote.test" for number in range(30)), server=working)
        self.send()
        self.assertEqual(self.statuses(first), {"outgoing": 30})
        self.assertEqual(self.statuses(second), {"sent": 30})

    def test_what_comes_back_counts_as_bounced_only_where_the_address_is_dead(self):
        self.server()
        self.rows("DELETE FROM mail_blacklist")
        mailing = self.mailing("dead@remote.test", "crowded@remote.test", "good@remote.test")
        self.send()
        ids = dict(self.rows("SELECT recipient, message_id FROM spp_email_delivery"))
        address = box()
        for recipient, status, words in (
            ("dead@remote.test", "5.1.1", "User unknown"),
            ("crowded@remote.test", "5.2.2", "Mailbox is over quota"),
        ):
            self.dovecot.deliver(address, failure_report(address, recipient, ids[recipient], status, words))
        self.fetch(self.mailbox(address))
        self.assertEqual(
            self.ledger("bounce_reason"),
            [
                ("crowded@remote.test", "failed", "sent_back", "mailbox_full"),
                ("dead@remote.test", "bounced", "sent_back", "address_unknown"),
                ("good@remote.test", "sent", "accepted", None),
            ],
        )
        traces = self.traces(mailing)
        self.assertEqual(
            traces["dead@remote.test"], ["bounce", "mail_bounce", "It came back: The address does not exist."]
        )
        self.assertEqual(traces["crowded@remote.test"], ["error", "unknown", "It came back: The mailbox is full."])
        self.assertEqual(traces["good@remote.test"][0], "sent")
        counts = dict(self.rows("SELECT email, message_bounce FROM mailing_contact"))
        self.assertEqual((counts["dead@remote.test"], counts["crowded@remote.test"]), (1, 0))
        read = self.ask("answer = env['mailing.mailing'].browse(id).read(['bounced', 'failed'])[0]", id=mailing)
        self.assertEqual((read["bounced"], read["failed"]), (1, 1))

    def test_odoo_blacklists_who_is_dead_five_times_and_nobody_whose_mailbox_is_full(self):
        self.server()
        self.rows("DELETE FROM mail_blacklist")
        address = box()
        mailbox = self.mailbox(address)
        for round_ in range(5):
            # The suppression list keeps further mail from a dead address; here people take it off again and again.
            self.rows("DELETE FROM spp_email_suppression")
            self.rows("DELETE FROM spp_email_delivery")
            self.mailing("dead5@remote.test", "crowded5@remote.test", subject=f"Water {round_}")
            self.send()
            # Odoo wants a week between the first and the last.
            self.rows("UPDATE mailing_trace SET write_date = write_date - interval '3 days'")
            for recipient, status, words in (
                ("dead5@remote.test", "5.1.1", "User unknown"),
                ("crowded5@remote.test", "5.2.2", "Mailbox is over quota"),
            ):
                message_id = self.value("SELECT message_id FROM spp_email_delivery WHERE recipient = %s", recipient)
                self.dovecot.deliver(address, failure_report(address, recipient, message_id, status, words))
            self.fetch(mailbox)
        self.assertEqual(self.rows("SELECT email FROM mail_blacklist WHERE active"), [("dead5@remote.test",)])

    def test_cancel_while_it_is_being_sent(self):
        slow = SmtpSink(delay_ms=80, keep=True)
        slow.start()
        self.addCleanup(slow.stop)
        self.server(port=slow.port)
        mailing = self.mailing(*(f"r{number}@remote.test" for number in range(150)))
        running = self.start("env['mail.mail'].process_email_queue()")
        wait_for(lambda: slow.count > 5, "some are sent")
        self.ask("env['mail.mail'].search([('mailing_id', '=', id)]).cancel()", id=mailing)
        running.wait(60)
        self.send()
        self.assertEqual(self.value("SELECT count(*) FROM spp_email_queue"), 0)
        statuses = self.statuses(mailing)
        self.assertEqual(set(statuses), {"sent", "cancel"})
        self.assertEqual(statuses["sent"], slow.count)
        self.assertEqual(
            {address for address, found in self.traces(mailing).items() if found[0] == "sent"},
            {message["recipients"][0] for message in slow.messages()},
        )
        # Four threads had one each in hand, and what the sink had already taken before the cancel was read.
        self.assertGreater(statuses["cancel"], 75)
        self.assertEqual(self.figures(mailing)["canceled"], statuses["cancel"])
