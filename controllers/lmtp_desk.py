# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the LMTP server does with recipients and messages: the database behind engine.lmtp."""

import logging
import threading
from contextlib import contextmanager

import psycopg2

from odoo import SUPERUSER_ID
from odoo.api import Environment
from odoo.modules.registry import Registry

from ..engine.errors import GatewayError
from ..engine.lmtp import TRY_LATER
from ..engine.outcome import InboundSource
from ..engine.recipient_policy import RecipientVerdict

_logger = logging.getLogger(__name__)

NO_MAILBOX = "550 5.1.1 Mailbox unavailable"
STORED = "250 2.0.0 Stored"
# An archived intake is not a reason to lose the sender's mail: somebody may want it back.
CLOSED = "451 4.3.2 This intake is closed"
TOO_LARGE = "552 5.3.4 The message is over the size limit"
TOO_MANY = "451 4.7.1 Too many messages, try again later"
EMPTY = "554 5.6.0 The message is empty"
NO_ROOM = "452 4.3.1 No room to store the message"


class LmtpDesk:
    """An engine.lmtp.Desk for one intake.

    Args:
        database: name of the database.
        intake_id: id of the spp.email.intake that the mail comes through.
    """

    def __init__(self, database, intake_id):
        self.database = database
        self.intake_id = intake_id

    def size(self):
        try:
            with self._intake() as intake:
                return intake._size_limit_bytes() if intake else None
        except psycopg2.Error as error:
            _logger.warning("The size limit could not be read: %s.", type(error).__name__)
            return None

    def judge(self, recipient):
        try:
            with self._intake() as intake:
                if not intake:
                    return CLOSED
                return NO_MAILBOX if intake._judge(recipient) is RecipientVerdict.REFUSE else ""
        except psycopg2.Error as error:
            return self._trouble(error)

    def keep(self, content, sender, recipients):
        """Store a message for each recipient; each copy is committed before its answer is made."""
        answers = []
        try:
            with self._intake() as intake:
                refusal = self._refusal(intake, content)
                for recipient in recipients:
                    answers.append(refusal or self._keep_one(intake, content, sender, recipient))
                if STORED in answers:
                    intake.env["spp.email.reception"]._start_processing()
        except psycopg2.Error as error:
            # What was stored was committed, and its answer stands. A job that was not woken runs by its interval.
            answers += [self._trouble(error)] * (len(recipients) - len(answers))
        return answers

    def _refusal(self, intake, content):
        if not intake:
            return CLOSED
        if not content.strip():
            return EMPTY
        if len(content) > intake._size_limit_bytes():
            return TOO_LARGE
        return TOO_MANY if intake._admit() else ""

    def _keep_one(self, intake, content, sender, recipient):
        try:
            intake.env["spp.email.reception"]._receive(intake, content, sender, recipient, InboundSource.LMTP)
        except (psycopg2.Error, GatewayError) as error:
            return self._trouble(error)
        return STORED

    def _trouble(self, error):
        _logger.warning("A message could not be journaled: %s.", type(error).__name__)
        # GatewayError: the journal, or the disk, is nearly full.
        return NO_ROOM if isinstance(error, psycopg2.errors.DiskFull | GatewayError) else TRY_LATER

    @contextmanager
    def _intake(self):
        """Yield the intake as it is set up now, on a cursor of this call; empty when it is archived or gone."""
        threading.current_thread().dbname = self.database
        registry = Registry(self.database).check_signaling()
        with registry.cursor() as cr:
            intake = Environment(cr, SUPERUSER_ID, {})["spp.email.intake"].browse(self.intake_id)
            yield intake.exists().filtered("active")
