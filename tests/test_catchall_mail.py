# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import GatewayCase, eml

ROUTING_LOGGER = "odoo.addons.mail.models.mail_thread"


@tagged("post_install", "-at_install")
class TestCatchallMail(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.box = cls.mailbox(gateway_trusted_servers="mx.gateway.test")
        cls.silent_box = cls.mailbox(object_id=False, user="silent@gateway.test")
        cls.company.email = "info@office.test"
        cls.env["mail.alias"].search([("alias_domain_id", "=", cls.alias_domain.id)]).alias_contact = "followers"

    @mute_logger(ROUTING_LOGGER)
    def write(self, box=None, sender="Ann <ann@example.com>", is_proved=True, **fields):
        if is_proved:
            fields.setdefault("Authentication_Results", "mx.gateway.test; dmarc=pass header.from=example.com")
        return self.receive(eml(**{"From": sender, "To": "catchall@gateway.test", **fields}), box or self.box)

    def notices(self, address="ann@example.com"):
        return self.env["mail.mail"].search([("email_to", "=", address)])

    # Bounce

    def test_by_default_the_sender_is_told_as_the_guide_shows(self):
        self.assertEqual(self.alias_domain.gateway_catchall_policy, "bounce")
        inbound = self.write(Subject="Who helps me?", body=b"Where do I write?\nAnn", Message_ID="<q@example.com>")
        self.assertOutcome(inbound, "quarantined", "not_for_writing")
        mail = self.notices()
        self.assertEqual(mail.subject, "Re: Who helps me?")
        self.assertEqual(mail.email_from, '"MAILER-DAEMON" <bounce@gateway.test>')
        self.assertEqual(mail.reply_to, "info@office.test")
        self.assertEqual(mail.record_company_id, self.company)
        self.assertEqual(mail.record_alias_domain_id, self.alias_domain)
        # An answer by a machine is known by it.
        self.assertRegex(mail.references, r"^<q@example\.com> <.*-loop-detection-bounce-email@.*>$")
        text = " ".join(str(mail.body_html).split())
        for words in (
            "Hello Ann,",
            "The email sent to catchall@gateway.test cannot be processed.",
            f"should not be used to directly contact {self.company.name}.",
            '<a href="mailto:info@office.test">info@office.test</a>',
            f"The {self.company.name} team.",
            "<blockquote>Where do I write?",
        ):
            self.assertIn(words, text)
        self.assertEqual(self.env["spp.email.notice"].search([("inbound_id", "=", inbound.id)]).mail_id, mail)

    def test_who_is_not_proved_gets_the_first_words_and_no_link(self):
        """Whoever writes in somebody's name would have us carry advertisements to that person."""
        closed = self.alias("closed", alias_contact="partners")
        links = b"Buy at https://evil.test now"
        for number, to in enumerate(("catchall@gateway.test", closed.alias_full_name)):
            for is_proved in (True, False):
                with self.subTest(to=to, is_proved=is_proved):
                    sender = f"s{number}{is_proved:d}@example.com"
                    self.write(sender=sender, is_proved=is_proved, To=to, Subject="My question", body=links)
                    text = str(self.notices(sender).body_html)
                    self.assertEqual("evil.test" in text, is_proved)
                    self.assertEqual("Subject: My question" in text, not is_proved)
                    self.assertIn("Buy at", text)

    def test_of_a_confidential_mailbox_nothing_is_quoted_and_no_copy_is_kept(self):
        self.box.write(
            {
                "gateway_team_id": self.env["spp.email.team"].create({"name": "Committee"}).id,
                "gateway_is_confidential": True,
            }
        )
        self.write(Subject="My secret question", body=b"Only for you")
        notice = self.notices()
        self.assertTrue(notice.gateway_is_confidential)
        for words in ("Only for you", "secret question"):
            self.assertNotIn(words, str(notice.body_html))

    def test_the_notice_obeys_the_rules_of_notices(self):
        self.write()
        self.write()
        self.assertEqual(len(self.notices()), 1)
        for name, fields, sender in (
            ("a machine", {"Auto_Submitted": "auto-generated"}, "robot@example.com"),
            ("a list", {"List_Id": "<a.example.com>"}, "list@example.com"),
            ("the null return path", {"Return_Path": "<>"}, "null@example.com"),
            ("our own", {}, "catchall@gateway.test"),
            ("our own with a detail", {}, "catchall+abc@gateway.test"),
        ):
            with self.subTest(name=name):
                inbound = self.write(sender=sender, **fields)
                self.assertEqual(inbound.state, "quarantined")
                self.assertFalse(self.notices(sender))

    def test_nothing_of_the_message_is_code_in_the_notice(self):
        self.write(
            Subject="x\r\n\tBcc: eve@example.com",
            sender='"<script>alert(1)</script>" <ann@example.com>',
            Content_Type="text/html",
            body=b'<p>one</p><img src="https://evil.test/x.png"><a href="https://evil.test">two</a> &lt;b&gt;three',
        )
        mail = self.notices()
        text = str(mail.body_html)
        self.assertNotIn("evil.test", text)
        self.assertNotIn("<script", text)
        self.assertNotIn("<img", text)
        self.assertIn("two &lt;b&gt;three", text)
        self.assertNotIn("\n", mail.subject)

    def test_a_long_message_is_not_sent_back_whole(self):
        self.write(body=b"word " * 100_000)
        self.assertLess(len(str(self.notices().body_html)), 3000)

    def test_which_address_is_named(self):
        self.company.email = False
        number = 0

        def named():
            nonlocal number
            number += 1
            sender = f"person{number}@example.com"
            self.write(sender=sender)
            mail = self.notices(sender)
            body = str(mail.body_html)
            links = [part.partition('"')[0] for part in body.split('href="mailto:')[1:]]
            self.assertNotIn("mailto:False", body)
            self.assertNotIn('mailto:"', body)
            return links, mail.reply_to

        self.assertEqual(named(), ([], "bounce@gateway.test"))
        # For members only, of one record, broken, at another domain, of another company: none of them is named.
        other_domain = self.env["mail.alias.domain"].create({"name": "second.test"})
        theirs = self.env["res.partner"].create({"name": "Theirs", "company_id": self.other_company.id})
        self.alias("members", alias_contact="partners")
        self.alias("fixed", alias_force_thread_id=self.company.partner_id.id)
        self.alias("broken").alias_status = "invalid"
        self.alias("elsewhere", alias_domain_id=other_domain.id)
        self.alias("theirs", alias_parent_model_id=self.partner_model.id, alias_parent_thread_id=theirs.id)
        self.assertEqual(named(), ([], "bounce@gateway.test"))
        self.alias("help")
        self.alias("later")
        self.assertEqual(named(), (["help@gateway.test"], "help@gateway.test"))
        # Naming the catchall would send people in a circle.
        self.company.email = "Catchall@gateway.test"
        self.assertEqual(named(), (["help@gateway.test"], "help@gateway.test"))
        self.company.email = '"Office" <Info@Office.test>'
        self.assertEqual(named(), (["info@office.test"], "info@office.test"))

    def test_the_company_is_the_alias_domains(self):
        domain = self.env["mail.alias.domain"].create({"name": "second.test", "sequence": 5})
        self.other_company.write({"alias_domain_id": domain.id, "email": "info@second.test"})
        self.write(To="catchall@second.test")
        mail = self.notices()
        self.assertIn("The Other Company team.", str(mail.body_html))
        self.assertNotIn(self.company.name, str(mail.body_html))
        self.assertEqual(mail.reply_to, "info@second.test")
        self.assertEqual(mail.email_from, '"MAILER-DAEMON" <bounce@second.test>')
        self.assertEqual(mail.record_company_id, self.other_company)
        # Of several companies the one whose mailbox got it.
        self.other_company.alias_domain_id = self.alias_domain
        box = self.mailbox(user="other@gateway.test", company_id=self.other_company.id)
        inbound = self.journal(eml(From="ben@example.com", To="catchall@gateway.test"), box, company=self.other_company)
        with mute_logger(ROUTING_LOGGER):
            self.process()
        self.assertOutcome(inbound, "quarantined", "not_for_writing")
        self.assertIn("The Other Company team.", str(self.notices("ben@example.com").body_html))

    def test_the_language_is_the_senders_or_the_companys(self):
        for lang in ("fr_FR", "es_ES"):
            self.env["res.lang"]._activate_lang(lang)
        view = self.env.ref("mail.mail_bounce_catchall")
        words = {"fr_FR": {"Regards,": "Cordialement,"}, "es_ES": {"Regards,": "Saludos,"}}
        view.update_field_translations("arch_db", words)
        self.env["res.partner"].create({"name": "Ann", "email": "ann@example.com", "lang": "fr_FR"})
        self.company.partner_id.lang = "es_ES"
        self.write()
        self.assertIn("Cordialement,", str(self.notices().body_html))
        self.write(sender="stranger@example.com")
        self.assertIn("Saludos,", str(self.notices("stranger@example.com").body_html))

    def test_the_text_is_odoos_and_may_be_changed(self):
        view = self.env.ref("mail.mail_bounce_catchall")
        view.arch = view.arch.replace("Regards,", "Yours,")
        self.write()
        self.assertIn("Yours,", str(self.notices().body_html))

    def test_with_other_addresses_that_lead_nowhere(self):
        inbound = self.write(self.silent_box, To="catchall@gateway.test, friend@example.com")
        self.assertOutcome(inbound, "quarantined", "not_for_writing")
        self.assertEqual(len(self.notices()), 1)
        # With a mailbox that makes records it is the record's, as with Odoo.
        inbound = self.write(To="catchall@gateway.test, friend@example.com", sender="ben@example.com")
        self.assertOutcome(inbound, "done", "record_created")

    def test_an_answer_is_no_such_mail(self):
        thread = self.env["res.partner"].create({"name": "Thread"})
        message = thread.message_post(body="x", message_type="comment", subtype_xmlid="mail.mt_comment")
        inbound = self.write(In_Reply_To=message.message_id)
        self.assertOutcome(inbound, "done", "record_updated")
        self.assertFalse(self.notices())

    # The other policies

    def test_the_mailbox_decides(self):
        self.alias_domain.gateway_catchall_policy = "fallback"
        inbound = self.write()
        self.assertOutcome(inbound, "done", "record_created")
        inbound = self.write(self.silent_box, sender="ben@example.com")
        self.assertOutcome(inbound, "quarantined", "no_route")
        self.assertFalse(self.notices() | self.notices("ben@example.com"))

    def test_quarantine_tells_nobody(self):
        self.alias_domain.gateway_catchall_policy = "quarantine"
        inbound = self.write()
        self.assertOutcome(inbound, "quarantined", "not_for_writing")
        self.assertFalse(self.notices())

    def test_each_domain_has_its_own(self):
        domain = self.env["mail.alias.domain"].create({"name": "second.test", "gateway_catchall_policy": "fallback"})
        self.assertOutcome(self.write(To=domain.catchall_email), "done", "record_created")
        self.assertOutcome(self.write(sender="b@example.com"), "quarantined", "not_for_writing")

    def test_a_rule_that_names_a_target_wins(self):
        self.env["spp.email.rule"].create({"name": "All", "target": "create", "model_id": self.partner_model.id})
        self.assertOutcome(self.write(self.silent_box), "done", "record_created")
        self.assertFalse(self.notices())

    def test_a_detail_makes_no_difference(self):
        self.assertOutcome(self.write(To="catchall+water@gateway.test"), "quarantined", "not_for_writing")
        self.assertEqual(len(self.notices()), 1)

    def test_odoo_itself_is_left_alone(self):
        """Without the gateway's processing, Odoo's own answer is Odoo's."""
        self.alias_domain.gateway_catchall_policy = "fallback"
        threads = self.env["mail.thread"]
        self.assertTrue(threads._detect_write_to_catchall({"to": "catchall@gateway.test"}))
        self.assertFalse(threads._detect_write_to_catchall({"to": "catchall+x@gateway.test"}))
