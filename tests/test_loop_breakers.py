# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Who is told that his mail is held, what people see of it, and how it ends."""

from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger
from odoo.tools.safe_eval import safe_eval

from ..engine.loop_signs import TURNS_HEADER
from ..engine.outcome import InboundSource
from ..engine.smtp_session import NOTICE_HEADER
from .common import eml
from .looping import ANN, LoopCase


@tagged("post_install", "-at_install")
class TestLoopBreakers(LoopCase):
    # ------------------------------------------------------------------
    # Who is told
    # ------------------------------------------------------------------

    def test_the_first_that_is_held_is_answered_and_the_rest_are_silent(self):
        self.limit(sender=1)
        self.flood(1)
        first = self.held(Subject="Please", To="Box <box@gateway.test>", Message_ID="<please@example.com>")
        mail = self.mails()
        self.assertEqual(len(mail), 1)
        text = " ".join(mail.body_html.split())
        self.assertIn("could not be accepted by the address box@gateway.test because you have contacted it", text)
        self.assertIn("too many times in the last few minutes.", text)
        self.assertEqual((mail.subject, mail.state), ("Re: Please", "outgoing"))
        self.assertRegex(mail.references, r"^<please@example\.com> <\S+-loop-detection-bounce-email@\S+>$")
        headers = safe_eval(mail.headers)
        self.assertEqual((headers[NOTICE_HEADER], headers["Auto-Submitted"]), ("1", "auto-replied"))
        notice = self.env["spp.email.notice"].search([("inbound_id", "=", first.id)])
        self.assertEqual((notice.notice_type, notice.mail_id), ("loop", mail))
        for _count in range(3):
            self.held()
        self.assertEqual(len(self.mails()), 1)
        # A day later the first one is told again.
        self.sql("UPDATE spp_email_notice SET create_date = '2000-01-01' RETURNING id")
        self.held()
        self.assertEqual(len(self.mails()), 2)

    def test_other_notices_do_not_use_it_up(self):
        self.alias("members", alias_contact="partners")
        self.limit(sender=1)
        with mute_logger("odoo.addons.mail.models.mail_thread"):
            self.receive(eml(To="members@gateway.test"), self.box)
        self.flood(1)
        self.held()
        self.assertEqual(len(self.mails()), 2)

    def test_who_is_never_told(self):
        self.limit(sender=1)
        for name, more in (
            ("automatic", {"Auto_Submitted": "auto-generated"}),
            ("a list", {"List_Id": "<l.example.com>"}),
            ("null return path", {"Return_Path": "<>"}),
            ("another gateway", {TURNS_HEADER.replace("-", "_"): "1"}),
        ):
            sender = f"{name.replace(' ', '-')}@example.com"
            with self.subTest(name):
                self.flood(1, From=sender)
                self.held(From=sender, **more)
                self.assertFalse(self.mails(sender))

    def test_a_null_return_path_in_the_envelope_is_never_answered(self):
        self.limit(sender=1)
        door, _token = self.intake(target_model="res.partner")
        for sender, told in (("", 0), (ANN, 1)):
            with self.subTest(sender=sender):
                for _count in range(2):
                    with self.own_cursors():
                        row, _is_new = self.env["spp.email.reception"]._receive(
                            door, eml(), sender, "box@gateway.test", InboundSource.LMTP
                        )
                    self.process()
                inbound = self.env["spp.email.inbound"].browse(row)
                self.assertOutcome(inbound, "quarantined", "loop")
                self.assertEqual(len(self.mails()), told)

    def test_the_notice_names_three_addresses_and_no_words_of_the_sender(self):
        self.limit(sender=1)
        self.flood(1)
        self.held(To=", ".join(f'"Buy it at evil.test" <a{n}@gateway.test>' for n in range(9)))
        text = " ".join(self.mails().body_html.split())
        self.assertNotIn("evil", text)
        self.assertRegex(text, r"accepted by the address a\d@gateway.test, a\d@gateway.test, a\d@gateway.test because")

    def test_an_answer_to_the_notice_is_held_and_can_be_released(self):
        self.limit(sender=1)
        self.flood(1)
        self.held()
        answer = self.held(From="ben@example.com", References=self.mails().references, Subject="Let me in")
        self.assertEqual(answer.detail, "It answers a notice of this database.")
        self.release(answer)
        self.assertOutcome(answer, "done", "record_created")

    # ------------------------------------------------------------------
    # What people do
    # ------------------------------------------------------------------

    def release(self, inbounds, user=None, **values):
        with self.own_cursors():
            wizard = (
                self.env["spp.email.loop.release"]
                .with_user(user or self.officer)
                .create({"inbound_ids": inbounds.ids, **values})
            )
            return wizard.action_confirm()

    def test_an_officer_releases_many(self):
        self.limit(sender=1)
        self.flood(1)
        held = self.env["spp.email.inbound"].concat(*(self.held(Subject=f"Held {n}") for n in range(3)))
        self.release(held)
        for number, inbound in enumerate(held):
            self.assertOutcome(inbound, "done", "record_created")
            self.assertEqual(len(self.partners(f"Held {number}")), 1)
            self.assertFalse(inbound.detail)
            self.assertIn("Release", inbound.decisions[-1]["followed"])
        # They do not count, and nobody was put on a list.
        self.assertEqual(held.mapped("loop_count"), [False] * 3)
        self.assertFalse(self.env["mail.gateway.allowed"].search([]))
        self.held()

    def test_a_manager_accepts_all_further_mail(self):
        self.limit(sender=1)
        self.flood(1)
        inbound = self.held()
        with self.assertRaises(AccessError) as caught, self.cr.savepoint():
            self.release(inbound, is_allowed=True)
        self.assertIn("Only managers of the email gateway let a sender write without limit.", str(caught.exception))
        self.env.invalidate_all()
        self.assertEqual(inbound.state, "quarantined")
        self.manager.group_ids += self.env.ref("base.group_partner_manager")
        self.release(inbound, self.manager, is_allowed=True)
        self.assertOutcome(inbound, "done", "record_created")
        self.assertEqual(self.env["mail.gateway.allowed"].search([]).mapped("email_normalized"), [ANN])
        self.assertFalse(self.breakers().is_open)
        self.assertEqual(set(self.flood(3)), {"record_created"})

    def test_only_what_is_held_as_a_loop_is_released(self):
        inbound = self.journal(eml())
        self.process()
        self.assertEqual(inbound.reason, "no_route")
        with self.assertRaises(UserError) as caught:
            inbound.with_user(self.officer).action_ask_release()
        self.assertIn("None of these messages is held as a mail loop.", str(caught.exception))
        self.limit(sender=1)
        self.flood(1)
        held = self.held()
        action = (inbound + held).with_user(self.officer).action_ask_release()
        self.assertEqual(action["context"]["default_inbound_ids"], held.ids)
        with self.assertRaises(AccessError):
            held.with_user(self.viewer).action_ask_release()
        with self.assertRaises(AccessError):
            held.with_user(self.viewer)._release()

    def test_nobody_releases_mail_of_another_company(self):
        self.limit(sender=1)
        self.receive(eml(), self.box, company=self.other_company)
        inbound = self.receive(eml(), self.box, company=self.other_company)
        self.assertOutcome(inbound, "quarantined", "loop")
        with self.assertRaises(AccessError), self.cr.savepoint():
            self.release(inbound)
        self.env.invalidate_all()
        self.assertEqual(inbound.state, "quarantined")

    def test_the_breaker_says_which_limit(self):
        self.limit(sender=2)
        before = fields.Datetime.now()
        self.flood(2)
        for _count in range(3):
            self.held()
        breaker = self.breakers()
        self.assertEqual((breaker.who, breaker.limit_kind, breaker.held_count), (ANN, "sender", 3))
        self.assertIn("2 mails of ann@example.com made records within 120 minutes", breaker.words)
        self.assertTrue(breaker.is_open)
        self.assertGreaterEqual(breaker.since_date, before)
        self.assertGreater(breaker.until_date, before + timedelta(minutes=115))
        self.assertLessEqual(breaker.until_date, fields.Datetime.now() + timedelta(minutes=120))
        domain = breaker.with_user(self.viewer).action_open_held()["domain"]
        self.assertEqual(self.env["spp.email.inbound"].search_count(domain), 3)
        open_ones = self.env["spp.email.loop.breaker"].search([("is_open", "=", True)])
        self.assertEqual(open_ones, breaker)
        self.assertFalse(self.env["spp.email.loop.breaker"].search([("is_open", "=", False)]))

    def test_the_breaker_ends_by_itself(self):
        self.limit(sender=1)
        self.flood(1)
        self.held()
        self.sql("UPDATE spp_email_inbound SET received_date = received_date - interval '2 hours' RETURNING id")
        self.sql("UPDATE spp_email_loop_breaker SET until_date = until_date - interval '2 hours' RETURNING id")
        self.env.invalidate_all()
        self.assertFalse(self.breakers().is_open)
        self.assertEqual(self.env["spp.email.loop.breaker"]._gateway_health(), [])
        self.assertEqual(self.flood(1), ["record_created"])
        # And begins anew.
        self.held()
        breaker = self.breakers()
        self.assertEqual((len(breaker), breaker.is_open), (1, True))
        self.sql("UPDATE spp_email_loop_breaker SET until_date = '2000-01-01' RETURNING id")
        self.env.invalidate_all()
        breaker._gc_ended()
        self.assertFalse(breaker.exists())

    def test_a_manager_resets_the_breaker(self):
        self.limit(sender=1)
        earlier = self.receive(eml(), self.box)
        self.held()
        breaker = self.breakers()
        for user in (self.viewer, self.officer):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                breaker.with_user(user).action_reset()
        breaker.with_user(self.manager).action_reset()
        self.assertFalse(breaker.is_open)
        # All arrivals of a test have the time of its transaction.
        self.sql(
            "UPDATE spp_email_inbound SET received_date = received_date - interval '5 seconds' WHERE id = %s"
            " RETURNING id",
            earlier.id,
        )
        self.sql("UPDATE spp_email_loop_breaker SET reset_date = %s RETURNING id", self.cr.now() - timedelta(seconds=2))
        self.assertEqual(self.flood(2), ["record_created", "loop"])
        self.assertTrue(breaker.is_open)

    def test_a_breaker_is_seen_in_its_company_only(self):
        self.limit(sender=1)
        self.manager.company_ids = self.company
        self.receive(eml(), self.box, company=self.other_company)
        inbound = self.receive(eml(), self.box, company=self.other_company)
        self.assertOutcome(inbound, "quarantined", "loop")
        breaker = self.breakers()
        self.assertEqual(breaker.company_id, self.other_company)
        self.assertFalse(breaker.with_user(self.manager).search([]))
        with self.assertRaises(AccessError):
            breaker.with_user(self.manager).action_reset()

    def test_health_says_it(self):
        self.limit(sender=1)
        self.assertEqual(self.env["spp.email.loop.breaker"]._gateway_health(), [])
        self.flood(1)
        self.held()
        (finding,) = self.env["spp.email.loop.breaker"]._gateway_health()
        self.assertEqual(finding.code, "loop_breakers_open")
        self.assertNotIn("example.com", finding.title + finding.text + finding.cure)
        self.env["spp.email.health"]._check()
        self.assertTrue(self.env["spp.email.health"].search([("code", "=", "loop_breakers_open")]))

    def test_a_dry_run_leaves_nothing(self):
        self.limit(sender=1)
        self.flood(1)
        run = self.env["spp.email.dry.run"].create(
            {"message_text": eml().decode(), "mailbox": str(self.box.id), "company_id": self.company.id}
        )
        with self.own_cursors():
            run.action_try()
        self.assertIn("made records within 120 minutes", run.trace_html)
        self.assertFalse(self.breakers())
        self.assertFalse(self.mails())
