# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The filter of personal data is on what this very server logs to."""

import io
import logging
import os
from unittest.mock import patch

import psycopg2

from odoo.tests import tagged

from ..engine.log_filter import PersonalDataFilter
from ..models.spp_email_log import VARIABLE, protect_log
from .common import GatewayCase, eml

PLANTED = ("zyxwanja", "quixotic kettle", "marzipan", "plover.example")


@tagged("post_install", "-at_install")
class TestLog(GatewayCase):
    def setUp(self):
        super().setUp()
        # A handler that another addon brings, found when a registry is loaded.
        self.out = io.StringIO()
        self.handler = logging.StreamHandler(self.out)
        logging.getLogger().addHandler(self.handler)
        self.addCleanup(logging.getLogger().removeHandler, self.handler)

    def logged(self):
        self.handler.flush()
        return self.out.getvalue()

    def assert_private(self, *needles):
        for needle in needles:
            self.assertIn(needle, self.logged())
        for planted in PLANTED:
            self.assertNotIn(planted, self.logged().lower())

    def test_every_handler_has_it_and_once(self):
        self.env["spp.email.log"]._register_hook()
        self.env["spp.email.log"]._register_hook()
        for handler in logging.getLogger().handlers:
            found = [one for one in handler.filters if type(one).__name__ == PersonalDataFilter.__name__]
            if not isinstance(handler, logging.NullHandler):
                self.assertEqual(len(found), 1, handler)

    def test_a_person_may_switch_it_off_and_the_log_says_so(self):
        with patch.dict(os.environ, {VARIABLE: "1"}):
            with self.assertLogs("odoo.addons.spp_email_gateway", "WARNING") as logs:
                self.assertEqual(protect_log(), 0)
        self.assertIn("Personal data is logged in clear", logs.output[0])
        with patch.dict(os.environ, {VARIABLE: "0"}):
            self.assertEqual(protect_log(), 1)

    def test_a_message_and_what_its_target_makes_of_it(self):
        protect_log()
        failing = type(self.env["res.partner"])
        log = logging.getLogger("odoo.addons.somebody.models.ticket")

        def message_new(records, message_dict, custom_values=None):
            log.warning("A ticket of %s about %s", message_dict["from"], message_dict["subject"])
            log.warning(f"Text: {message_dict['body']}")  # noqa: G004 - as addons do
            raise ValueError(f"No ticket for {message_dict['from']}: {message_dict['subject']}")

        self.alias("help")
        with patch.object(failing, "message_new", message_new):
            sender = "Zyxwanja <z@plover.example>"
            self.receive(eml(From=sender, To="help@gateway.test", Subject="Quixotic kettle", body=b"marzipan"))
        self.assert_private("A ticket of [hidden] about [hidden]", "[hidden] (test_log.py:", "direct alias match")

    def test_a_statement_that_fails(self):
        protect_log()
        partner = self.env["res.partner"].create({"name": "Zyxwanja"})
        with self.assertRaises(psycopg2.Error), self.env.cr.savepoint():
            query = "UPDATE res_partner SET email = %s, company_id = 987654321 WHERE id = %s"
            self.env.cr.execute(query, ("z@plover.example", partner.id))
            self.env.cr.execute("SET CONSTRAINTS ALL IMMEDIATE")
        self.assert_private("bad query: UPDATE res_partner SET email = '?'", f"WHERE id = {partner.id}", "23503")
