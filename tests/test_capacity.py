# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import os
from collections import namedtuple
from unittest.mock import patch

from odoo.tests import tagged

from ..engine.errors import GatewayError
from ..models import spp_email_capacity
from ..models.spp_email_capacity import MAXIMUM_PARAMETER, MEGABYTE, RESERVE_PARAMETER
from .common import GatewayCase, ScriptedMailbox, eml

Usage = namedtuple("Usage", "total used free")


def disk(megabytes):
    """Patch: so much is free. A full disk is the one fault that no test may make."""
    return patch.object(spp_email_capacity.shutil, "disk_usage", lambda path: Usage(0, 0, megabytes * MEGABYTE))


@tagged("post_install", "-at_install")
class TestCapacity(GatewayCase):
    def findings(self):
        return [finding.code for finding in self.env["spp.email.capacity"]._gateway_health()]

    def test_nothing_is_journaled_and_nobody_told_when_the_disk_is_nearly_full(self):
        box = self.mailbox()
        server = ScriptedMailbox(eml(Subject="no room"))
        with disk(511), self.own_cursors(), patch.object(type(box), "_gateway_open_mailbox", lambda _self: server):
            with self.assertRaisesRegex(GatewayError, r"The disk is nearly full: 511 MB are free, and 512 MB"):
                self.env["spp.email.reading"]._read_mailbox(box, 10)
        self.assertFalse(server.told)
        self.assertFalse(self.env["spp.email.inbound"].search([("subject", "=", "no room")]))
        with self.own_cursors(), patch.object(type(box), "_gateway_open_mailbox", lambda _self: server):
            self.env["spp.email.reading"]._read_mailbox(box, 10)
        self.assertEqual(server.told, ["1"])

    def test_managers_are_told(self):
        with disk(511):
            self.assertEqual(self.findings(), ["journal_full"])
        with disk(513):
            self.assertEqual(self.findings(), [])

    def test_the_reserve_is_a_setting(self):
        self.env["ir.config_parameter"].set_param(RESERVE_PARAMETER, "10")
        with disk(11):
            self.assertEqual(self.findings(), [])

    def test_the_journal_has_a_maximum_if_one_is_set(self):
        self.journal(eml())
        self.env["ir.config_parameter"].set_param(MAXIMUM_PARAMETER, "1")
        capacity = self.env["spp.email.capacity"]
        self.assertEqual(capacity._shortage(), "")
        self.assertRegex(capacity._shortage(2 * MEGABYTE), r"The journal is full: its contents take 0 MB of the 1 MB")

    def test_room_that_retention_made_is_room(self):
        rows = [self.journal(eml(body=os.urandom(2 * MEGABYTE))) for _number in range(2)]
        self.env["ir.config_parameter"].set_param(MAXIMUM_PARAMETER, "3")
        capacity = self.env["spp.email.capacity"]
        self.assertRegex(capacity._shortage(), "The journal is full")
        self.sql("DELETE FROM spp_email_content WHERE inbound_id IN %s RETURNING id", tuple(row.id for row in rows))
        self.assertEqual(capacity._shortage(), "")
