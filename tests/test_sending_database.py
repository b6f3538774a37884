# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import time
from unittest.mock import patch

import psycopg2
import psycopg2.pool

from odoo.exceptions import ConcurrencyError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models.delivery_ledger import DeliveryLedger
from .sending import DeliveryCase


@tagged("post_install", "-at_install")
class TestSendingDatabase(DeliveryCase):
    """The database fails while mail is sent."""

    def send(self, error, where="spp.email.dispatch", method="_dispatch"):
        """Send one claimed mail while a method fails; return the mail."""
        mail = self.mail(email_to="bob@example.com")

        def fail(*arguments, **options):
            raise error

        sending = self.env["spp.email.sending"]
        with (
            self.own_cursors(),
            patch.object(self.env.registry[where], method, fail),
            sending._autonomous_cursor() as env,
        ):
            queue = env["spp.email.queue"]
            queue._adopt()
            claims = queue._claim_due(1, mail.ids, False)
            self.assertEqual(list(claims), mail.ids)
            env["spp.email.sending"]._send_claims(claims, DeliveryLedger(env), time.monotonic() + 60)
        return mail

    @mute_logger("odoo.addons.spp_email_gateway.models.spp_email_sending")
    def test_what_passes_sets_no_mail_aside(self):
        for error in (
            psycopg2.OperationalError("the connection broke"),
            psycopg2.InterfaceError("the connection is closed"),
            psycopg2.pool.PoolError("The Connection Pool Is Full"),
            ConcurrencyError("taken"),
        ):
            for where, method in (
                ("spp.email.dispatch", "_dispatch"),
                ("spp.email.transmission", "_transmit"),
                ("ir.mail_server", "_gateway_session"),
            ):
                with self.subTest(error=type(error).__name__, method=method):
                    mail = self.send(error, where, method)
                    decided = mail.gateway_delivery_ids.filtered("final_date")
                    self.assertEqual((mail.state, decided.ids), ("outgoing", []))

    @mute_logger("odoo.addons.spp_email_gateway.models.spp_email_sending")
    def test_what_is_cleaned_up_hides_no_failure(self):
        """A statement in a transaction that has failed fails too, and says nothing of why."""

        def untrack(*arguments):
            raise psycopg2.errors.InFailedSqlTransaction("current transaction is aborted")

        self.patch(self.env.registry["mail.mail"], "_gateway_untrack", untrack)
        mail = self.send(psycopg2.errors.DeadlockDetected("deadlock"), "spp.email.transmission", "_transmit")
        self.assertEqual((mail.state, mail.gateway_delivery_ids.filtered("final_date").ids), ("outgoing", []))

    @mute_logger("odoo.addons.spp_email_gateway.models.spp_email_sending")
    def test_what_does_not_pass_is_told(self):
        mail = self.send(ValueError("no"))
        self.assertEqual((mail.state, mail.gateway_delivery_ids.reason), ("exception", "not_built"))
