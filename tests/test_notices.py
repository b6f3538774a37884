# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import hashlib
from datetime import timedelta
from unittest.mock import patch

from odoo.sql_db import db_connect
from odoo.tests import tagged
from odoo.tools import mute_logger
from odoo.tools.safe_eval import safe_eval

from ..engine.attempt import NoticeIntent
from ..engine.own_mark import HEADER, own_mark
from ..engine.sender_verdict import SenderResult, SenderVerdict
from ..engine.smtp_session import NOTICE_HEADER
from .common import GatewayCase, eml

ROUTING_LOGGER = "odoo.addons.mail.models.mail_thread"


@tagged("post_install", "-at_install")
class TestNotices(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Our own addresses reach the alias, whose refusal is what is asked about.
        cls.box = cls.mailbox(gateway_authenticates_users=True)
        cls.alias("members", alias_contact="partners")

    @mute_logger(ROUTING_LOGGER)
    def refuse(self, **fields):
        inbound = self.receive(eml(**{"To": "members@gateway.test", **fields}), self.box)
        self.assertOutcome(inbound, "quarantined", "route_refused")
        return inbound

    def mails(self, address="ann@example.com"):
        return self.env["mail.mail"].search([("email_to", "=", address)])

    def why(self, inbound):
        return next(
            (step["found"], step["followed"])
            for step in inbound.trace
            if step["looked_at"] in ("whether the sender may be answered", "an address to send the notice from")
        )

    def test_a_refused_person_gets_one_queued_notice(self):
        inbound = self.refuse(Subject="Let me in", Message_ID="<let-me-in@example.com>")
        mail = self.mails()
        self.assertEqual(len(mail), 1)
        self.assertEqual(mail.state, "outgoing")
        self.assertEqual(mail.subject, "Re: Let me in")
        self.assertEqual(mail.email_from, '"MAILER-DAEMON" <bounce@gateway.test>')
        self.assertEqual(mail.references, "<let-me-in@example.com>")
        headers = safe_eval(mail.headers)
        # RFC 3834 §5.1; and what the session turns into the null return path.
        self.assertEqual(headers["Auto-Submitted"], "auto-replied")
        self.assertEqual(headers["X-Auto-Response-Suppress"], "All")
        self.assertEqual(headers[NOTICE_HEADER], "1")
        notice = self.env["spp.email.notice"].search([("inbound_id", "=", inbound.id)])
        self.assertEqual((notice.mail_id, notice.notice_type), (mail, "refused"))
        self.assertNotIn("example.com", notice.recipient_digest)
        self.assertEqual(self.why(inbound), ("a person, not told before", "notice queued"))

    def test_a_proved_senders_return_path_gets_it(self):
        """RFC 3834 §4."""
        proved = {"sender_verdict": SenderVerdict(SenderResult.PASS)}
        for sender, path, facts, address in (
            ("one@ngo.example", "desk@ngo.example", proved, "desk@ngo.example"),
            ("two@ngo.example", "desk@other.example", proved, "two@ngo.example"),
            ("three@ngo.example", "desk@ngo.example", {}, "three@ngo.example"),
            # Our own address may be written there by anybody.
            ("four@gateway.test", "catchall@gateway.test", proved, None),
        ):
            inbound = self.journal(eml(From=sender), self.box)
            inbound.envelope_sender = path
            self.env.flush_all()
            with self.subTest(sender=sender), self.own_cursors():
                self.env["spp.email.notice"]._send(inbound, NoticeIntent(sender, "Re: x", "<p>no</p>"), facts)
                notice = self.env["spp.email.notice"].search([("inbound_id", "=", inbound.id)])
                self.assertEqual(notice.mail_id.email_to or None, address)

    def test_the_marker_reaches_the_session(self):
        self.refuse()
        message = self._built(self.mails())
        self.assertEqual((message[NOTICE_HEADER], message["Auto-Submitted"]), ("1", "auto-replied"))

    def _built(self, mail):
        values = mail._prepare_outgoing_list()[0]
        return self.env["ir.mail_server"]._build_email__(
            values["email_from"], values["email_to"], values["subject"], values["body"], headers=values["headers"]
        )

    def test_who_gets_no_notice(self):
        self.mailbox(user="Shared@gateway.test")
        self.alias("sales")
        mark = own_mark(self.env["spp.email.token.key"]._ring(), self.cr.now())
        # Otherwise our own mail is held as a loop before anybody could be answered.
        self.env["mail.gateway.allowed"].create({"email": "ann@example.com"})
        for name, fields, found in (
            ("a machine", {"Auto_Submitted": "auto-generated"}, "a machine wrote it (Auto-Submitted: auto-generated)"),
            ("a list", {"List_Id": "<a.example.com>"}, "a machine wrote it (List-Id)"),
            ("the null return path", {"Return_Path": "<>"}, "a machine wrote it (Return-Path: <>)"),
            ("no-reply", {"From": "no-reply@example.com"}, "a machine wrote it (address that takes no replies)"),
            ("this database", {HEADER.replace("-", "_"): mark}, "this database sent it"),
            ("a mailbox of ours", {"From": "SHARED@gateway.test"}, "the sender is an address of this database"),
            ("an alias of ours", {"From": "Sales <sales@gateway.test>"}, "the sender is an address of this database"),
            ("our catchall", {"From": "catchall@gateway.test"}, "the sender is an address of this database"),
            ("our bounce address", {"From": "bounce@gateway.test"}, None),
            ("our Default From", {"From": "notifications@gateway.test"}, "the sender is an address of this database"),
        ):
            with self.subTest(name=name):
                before = self.env["mail.mail"].search_count([])
                if found is None:
                    # Odoo may take it for a report; whatever it becomes, nothing is sent.
                    self.receive(eml(To="members@gateway.test", **fields), self.box)
                else:
                    self.assertEqual(self.why(self.refuse(**fields)), (found, "no notice"))
                self.assertEqual(self.env["mail.mail"].search_count([]), before)

    def test_a_sender_gets_one_notice_a_day(self):
        self.refuse()
        second = self.refuse(From="ANN <Ann@Example.com>")
        self.assertEqual(len(self.mails()), 1)
        self.assertEqual(self.why(second), ("the sender had such a notice within a day", "no notice"))
        self.refuse(From="ben@example.com")
        self.assertEqual(len(self.mails("ben@example.com")), 1)

    def test_two_lanes_send_one_notice(self):
        notices = self.env["spp.email.notice"]
        digest = hashlib.sha256(b"ann@example.com").hexdigest()
        with db_connect(self.cr.dbname).cursor() as other:
            # The other lane has begun a notice, and has not committed it.
            self.assertTrue(notices.with_env(notices.env(cr=other))._begin(digest, "refused"))
            inbound = self.refuse()
            self.assertEqual(self.why(inbound), ("another message just now tells the sender", "no notice"))
            self.assertFalse(self.mails())
            # Of another kind, or to another one: that is not its notice.
            self.assertTrue(notices._begin(digest, "loop"))
            self.refuse(From="ben@example.com")
            self.assertEqual(len(self.mails("ben@example.com")), 1)
        self.refuse()
        self.assertEqual(len(self.mails()), 1)

    def test_what_another_lane_committed_since_this_one_began_is_seen(self):
        notices = self.env["spp.email.notice"]
        seen = []
        cursor = type(notices)._gateway_cursor

        def fresh(model, read_committed=False):
            seen.append(read_committed)
            return cursor(model, read_committed)

        with patch.object(type(notices), "_gateway_cursor", fresh):
            self.refuse()
            self.assertEqual(seen, [True])
            # Where this transaction knows already, nothing more is asked.
            self.refuse()
            self.assertEqual(seen, [True])

    def test_after_a_day_a_sender_is_told_again(self):
        self.refuse()
        self.sql(
            "UPDATE spp_email_notice SET create_date = %s RETURNING id", self.cr.now() - timedelta(days=1, minutes=1)
        )
        self.refuse()
        self.assertEqual(len(self.mails()), 2)

    @mute_logger(ROUTING_LOGGER)
    def test_a_retry_sends_no_second_notice(self):
        inbound = self.refuse()
        # Also when the day is over.
        self.sql("UPDATE spp_email_notice SET create_date = '2000-01-01' RETURNING id")
        with self.own_cursors():
            inbound.action_retry()
        self.process()
        self.assertOutcome(inbound, "quarantined", "route_refused")
        self.assertEqual(len(self.mails()), 1)
        self.assertEqual(self.why(inbound), ("already told about this message", "no notice"))

    def test_without_an_address_to_send_from_there_is_no_notice(self):
        self.company.write({"alias_domain_id": False, "email": False})
        inbound = self.refuse()
        self.assertEqual(self.why(inbound), ("the company has none", "no notice"))

    def test_the_mailbox_company_sends_the_notice(self):
        domain = self.env["mail.alias.domain"].create({"name": "other.test", "bounce_alias": "no"})
        self.other_company.alias_domain_id = domain
        with mute_logger(ROUTING_LOGGER):
            self.receive(eml(To="members@gateway.test"), self.box, company=self.other_company)
        self.assertEqual(self.mails().email_from, '"MAILER-DAEMON" <no@other.test>')

    def test_a_notice_leaves_with_the_null_return_path_whatever_the_session(self):
        servers = self.env["ir.mail_server"]
        for headers, sender in (({NOTICE_HEADER: "1"}, ""), ({}, "odoo@gateway.test")):
            message = servers._build_email__("odoo@gateway.test", ["ann@example.com"], "Re: x", "no", headers=headers)
            with self.subTest(headers=headers):
                envelope, recipients, prepared = servers.with_context(
                    domain_bounce_address="odoo@gateway.test"
                )._prepare_email_message__(message, None)
                self.assertEqual((envelope, recipients), (sender, ["ann@example.com"]))
                self.assertNotIn(NOTICE_HEADER, prepared)
