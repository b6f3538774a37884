# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""odoo-mailgate.py and other programs that call message_process."""

import json
import xmlrpc.client
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from .common import GatewayCase, eml

RPC_LOGGERS = ("odoo.addons.rpc.controllers.xmlrpc", "odoo.http", "odoo.addons.base.models.res_users")


@tagged("post_install", "-at_install")
class TestProgramCalls(GatewayCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.caller = new_test_user(cls.env, "gateway_mailgate", "base.group_user,base.group_system")
        cls.alias("help")

    def call(self, content, *arguments, user=None, **options):
        """Call as odoo-mailgate.py does."""
        user = user or self.caller
        self.env.flush_all()
        with mute_logger(*RPC_LOGGERS):
            answer = self.xmlrpc_object.execute_kw(
                self.env.cr.dbname,
                user.id,
                user.login,
                "mail.thread",
                "message_process",
                [arguments[0] if arguments else False, xmlrpc.client.Binary(content), *arguments[1:]],
                options,
            )
        self.env.invalidate_all()
        return answer

    def rows(self):
        return self.env["spp.email.inbound"].search([("source", "=", "rpc")], order="id")

    def test_a_record_is_made_and_its_id_returned(self):
        content = eml(Subject=b"caf\xe9", To="help@gateway.test") + b"\r\n\xff\x00"
        made = self.call(content)
        row = self.rows()
        self.assertOutcome(row, "done", "record_created")
        self.assertKept(row, content)
        self.assertEqual((row.res_model, row.res_id), ("res.partner", made))
        self.assertEqual(row.create_uid, self.caller)

    def test_what_goes_into_quarantine_is_no_error(self):
        # Odoo raises here, odoo-mailgate ends with 67 and the mail server bounces.
        self.assertIs(self.call(eml(To="nobody@foreign.test")), False)
        self.assertOutcome(self.rows(), "quarantined", "no_route")

    def test_a_copy_of_the_database_takes_none(self):
        """The caller has an error, keeps the mail, and the original gets it."""
        binding = self.env["spp.email.binding"]
        binding._bind()
        self.env["ir.config_parameter"].set_param("database.uuid", "another")
        with self.assertRaisesRegex(xmlrpc.client.Fault, "This database may be a copy"):
            self.call(eml(To="help@gateway.test", Subject="To a copy"))
        self.assertFalse(self.rows() or self.env["res.partner"].search([("name", "=", "To a copy")]))
        binding._bind()
        self.assertTrue(self.call(eml(To="help@gateway.test", Subject="To the original")))

    def test_a_target_that_fails_is_no_error(self):
        # Odoo raises, odoo-mailgate ends with 70, and the mail server bounces what could have been replayed.
        content = eml(To="help@gateway.test")
        with (
            patch.object(type(self.env["res.partner"]), "message_new", side_effect=KeyError("x"), create=True),
            mute_logger("odoo.addons.spp_email_gateway.models.spp_email_batch"),
        ):
            self.assertIs(self.call(content), False)
        self.assertOutcome(self.rows(), "quarantined", "creation_failed")
        self.assertKept(self.rows(), content)

    def test_the_arguments_of_the_call_count(self):
        made = self.call(eml(Subject="Argued"), "res.partner", {"comment": "by program"})
        partner = self.env["res.partner"].browse(made)
        self.assertEqual((partner.name, partner.comment), ("Argued", "<span>by program</span>"))
        self.assertEqual(self.call(eml(Subject="Added"), "res.partner", thread_id=made), made)
        self.assertEqual(self.rows()[-1].reason, "record_updated")

    def test_the_same_call_again_makes_nothing(self):
        content = eml(To="help@gateway.test", Subject="Once")
        self.assertEqual(self.call(content), self.call(content))
        self.assertEqual(len(self.partners("Once")), 1)
        self.assertEqual(len(self.rows()), 1)

    def test_the_same_call_of_another_user_is_a_copy(self):
        other = new_test_user(self.env, "gateway_mailgate_two", "base.group_user,base.group_system")
        content = eml(To="help@gateway.test", Subject="Twice")
        self.assertTrue(self.call(content))
        # Not the record that somebody else's call made, of which this user need not know.
        self.assertIs(self.call(content, user=other), False)
        self.assertEqual(self.rows().mapped("state"), ["done", "duplicate"])
        self.assertEqual(self.rows().mapped("create_uid"), self.caller | other)
        self.assertEqual(len(self.partners("Twice")), 1)

    def test_it_is_the_work_of_the_user_who_calls(self):
        plain = new_test_user(self.env, "gateway_poor", "base.group_user")
        made = self.call(eml(Subject="Whose"), "res.partner", user=plain)
        self.assertEqual(self.env["res.partner"].browse(made).create_uid, plain)
        # An alias notes whether its target works, which this user may not: what Odoo answers with an error waits.
        with mute_logger("odoo.addons.spp_email_gateway.models.spp_email_batch", "odoo.addons.base.models.ir_model"):
            self.assertIs(self.call(eml(To="help@gateway.test"), user=plain), False)
        self.assertOutcome(self.rows()[-1], "quarantined", "creation_failed")
        self.assertIn("AccessError", self.rows()[-1].detail)

    def test_a_caller_needs_no_right_on_the_gateways_own_records(self):
        """odoo-mailgate.py may have a user that is allowed to make the records, and nothing else."""
        poor = new_test_user(self.env, "gateway_poor", "base.group_user,base.group_partner_manager")
        # Odoo notes that an alias works as the caller, who may not write on aliases.
        self.env["mail.alias"].search([("alias_name", "=", "help")]).alias_status = "valid"
        thread = self.env["res.partner"].create({"name": "Thread", "company_id": self.company.id})
        message = thread.message_post(body="x", message_type="comment")
        self.env["ir.config_parameter"].set_param("mail.gateway.loop.threshold", "1")
        self.alias_domain.gateway_reply_policy = "participants"
        failure = (
            b'Reporting-MTA: dns; mx.remote.test\r\n\r\nFinal-Recipient: rfc822; x@remote.test\r\n'
            b"Action: failed\r\nStatus: 5.1.1\r\n"
        )
        report = b"\r\n".join(
            [
                b"--b", b"Content-Type: text/plain", b"", b"It failed.",
                b"--b", b"Content-Type: message/delivery-status", b"", failure, b"--b--", b"",
            ]
        )
        for content, expected in (
            (eml(To="help@gateway.test", Subject="One"), ("done", "record_created")),
            (eml(To="help@gateway.test", Subject="Two"), ("quarantined", "loop")),
            (eml(To="bounce@gateway.test", From="b@example.com"), ("quarantined", "not_for_writing")),
            (
                eml(
                    To="bounce@gateway.test",
                    From="MAILER-DAEMON@remote.test",
                    Content_Type='multipart/report; report-type=delivery-status; boundary="b"',
                    body=report,
                ),
                ("done", "foreign_report"),
            ),
            (
                eml(To="catchall@gateway.test", From="c@example.com", In_Reply_To=message.message_id),
                ("quarantined", "reply_not_allowed"),
            ),
            (
                eml(To="help@gateway.test", From="d@example.com", Subject="x", Auto_Submitted="auto-replied"),
                ("discarded", "automatic_reply"),
            ),
        ):
            with self.subTest(expected=expected):
                self.call(content, user=poor)
                self.assertOutcome(self.rows()[-1], *expected)

    def test_who_is_no_internal_user_goes_odoos_way(self):
        with self.assertRaises(xmlrpc.client.Fault):
            self.call(eml(To="nobody@foreign.test"), user=self.portal)
        self.assertFalse(self.rows())

    def test_json_2(self):
        key = (
            self.env["res.users.apikeys"]
            .with_user(self.caller)
            ._generate("rpc", "test", fields.Datetime.now() + timedelta(days=1))
        )
        self.env.flush_all()
        answer = self.url_open(
            "/json/2/mail.thread/message_process",
            data=json.dumps({"model": None, "message": eml(To="help@gateway.test", Subject="By JSON").decode()}),
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        self.assertEqual(answer.status_code, 200, answer.text)
        self.env.invalidate_all()
        self.assertEqual(answer.json(), self.partners("By JSON").id)
        self.assertOutcome(self.rows(), "done", "record_created")

    def test_odoos_own_calls_are_left_alone(self):
        made = self.env["mail.thread"].message_process(None, eml(To="help@gateway.test", Subject="Own"))
        self.assertEqual(self.partners("Own").id, made)
        with self.assertRaises(ValueError):
            self.env["mail.thread"].message_process(None, eml(To="nobody@foreign.test"))
        self.assertFalse(self.rows())

    def test_what_is_no_message_is_refused(self):
        from odoo.exceptions import UserError

        threads = self.env["mail.thread"].with_user(self.caller)
        for message in (3, [1, 2], None, {"a": 1}, True):
            with self.subTest(repr(message)), self.assertRaisesRegex(UserError, "The message must be text or bytes"):
                threads.env["spp.email.reception"]._receive_call(message, {})
        self.assertFalse(self.rows())
