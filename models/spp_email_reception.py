# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Puts messages into the journal that are handed over, not fetched: by an intake, an upload or a program."""

import hashlib
import json

from odoo import SUPERUSER_ID, http, models
from odoo.exceptions import UserError
from odoo.service.server import thread_local
from odoo.tools import SQL, json_default

from ..engine.attempt import Run
from ..engine.outcome import InboundSource, InboundState
from .spp_email_journal import JournalEntry, name_mark

METHOD = "mail.thread.message_process"


class SppEmailReception(models.AbstractModel):
    """A delivery is named by the digest of its bytes and its recipient, within the door it came through.

    A mail server that did not hear our answer delivers again: the same bytes, since the Received field on top carries
    its queue id, for the same recipient. So no mail is taken twice, and no two mails for one. A caller that knows
    better gives an Idempotency-Key in place of the digest; other bytes under a used key get a row of their own.
    """

    _name = "spp.email.reception"
    _inherit = ["spp.email.transaction"]
    _description = "Reception of Emails"

    def _receive(self, intake, content, sender, recipient, source, key=""):
        """Journal one message for one recipient, committed when this returns; return (row id, is new).

        Args:
            content: the bytes as received.
            sender: return path, "" when null or unknown.
            recipient: "" when the caller does not say.
            key: what names the delivery in place of the digest of the bytes.
        """
        company = intake._company_for(recipient)
        return self._keep(
            JournalEntry(
                f"intake:{intake.id}",
                "",
                "",
                _name(key or hashlib.sha256(content).hexdigest(), recipient.lower()),
                content,
                server_id=intake.server_id.id or None,
                company_id=company.id or None,
                source=source.value,
                envelope_recipient=recipient,
                envelope_sender=sender,
                intake_id=intake.id,
            )
        )

    def _keep(self, entry):
        """Journal an entry; return (row id, is new)."""
        is_new = bool(self.env["spp.email.journal"]._write_entries([entry]))
        return self._row_ids([entry])[0], is_new

    def _row_ids(self, entries):
        """Return the ids of the rows of journaled entries, in their order."""
        ids = []
        # On a new cursor: this one's transaction may have begun before the rows were committed.
        with self._gateway_cursor() as env:
            for entry in entries:
                digest = hashlib.sha256(entry.content).hexdigest()
                rows = env.execute_query(
                    SQL(
                        "SELECT id FROM spp_email_inbound"
                        " WHERE server_key = %s AND folder = %s AND uid_validity = %s AND uid IN %s AND digest = %s",
                        entry.server_key,
                        entry.folder,
                        entry.uid_validity,
                        (entry.uid, entry.uid + name_mark(digest)),
                        digest,
                    )
                )
                ids.extend(row[0] for row in rows)
        return ids

    def _start_processing(self):
        """Let the journal's job begin now."""
        with self._gateway_cursor(read_committed=True) as env:
            # sudo: starting work, no data.
            env.ref("spp_email_gateway.ir_cron_process_inbound").sudo()._trigger()  # nosemgrep

    # ------------------------------------------------------------------
    # odoo-mailgate.py and other programs
    # ------------------------------------------------------------------

    def _is_call_from_outside(self, threads):
        """Return whether message_process is what a program calls just now, by XML-RPC, JSON-RPC or JSON-2.

        A call of Odoo's own code, or of another addon's in the course of a request, is not. Those who are no internal
        users go Odoo's way: the journal is not for everybody who has an account.
        """
        if threads._name != "mail.thread" or not self.env.user._is_internal():
            return False
        # XML-RPC and JSON-RPC name the method in the body: Odoo notes it in the thread, and hides the request.
        if getattr(thread_local, "rpc_model_method", "") == METHOD:
            return True
        # JSON-2 and the web client name it in the path.
        return bool(http.request) and str(http.request.httprequest.path).replace("/", ".").endswith(f".{METHOD}")

    def _receive_call(self, message, fallback):
        """Journal a message that a program hands to message_process, process it at once, and return the record's id.

        Args:
            message: bytes, text or an XML-RPC Binary.
            fallback: the call's model, custom_values, thread_id and options by name, see spp.email.inbound.

        Returns:
            False when there is no record: the message is a duplicate, waits for another attempt, or is in quarantine.
            None of these is the caller's fault, and it must not send a bounce: the message is safe.

        Raises:
            UserError: it is none of these.
        """
        # Odoo's own forms of it. JSON has no bytes.
        content = message.encode() if isinstance(message, str) else getattr(message, "data", message)
        if not isinstance(content, (bytes, bytearray)):
            # bytes(3_000_000_000) would be three gigabytes of nothing.
            raise UserError(self.env._("The message must be text or bytes."))
        # Whoever handed it over keeps it, and the original gets it.
        self.env["spp.email.binding"]._require_original()
        content = bytes(content)
        words = json.dumps(fallback, sort_keys=True, default=json_default)
        # Whose call it is counts too: what became of another user's is not for this one to know.
        caller = f"{self.env.uid} {words}"
        inbound_id, _is_new = self._keep(
            JournalEntry(
                "rpc",
                "",
                "",
                _name(hashlib.sha256(content).hexdigest(), caller),
                content,
                company_id=self.env.company.id,
                source=InboundSource.RPC.value,
                fallback=json.loads(words),
            )
        )
        # The journal is the system's; the message itself is processed as the caller.
        system = self.env(user=SUPERUSER_ID)
        lane = system["spp.email.lane"]
        if lane._has_ring():
            # None while an earlier message of the conversation waits, or another worker was faster.
            claims = lane._claim(SQL("id = %s AND state IN ('received', 'retry')", inbound_id), 1)
            system["spp.email.batch"]._process_claims(claims, Run())
        self._start_processing()
        # On a new cursor: this call's own still reads the state of the database at its beginning.
        with system["spp.email.transaction"]._gateway_cursor() as env:
            row = env["spp.email.inbound"].browse(inbound_id)
            return row.res_id if row.state == InboundState.DONE.value and row.res_id else False


def _name(what, for_whom):
    """Return a short name of a delivery: both parts may be of any length and content."""
    return f"{hashlib.sha256(what.encode()).hexdigest()[:32]}-{hashlib.sha256(for_whom.encode()).hexdigest()[:16]}"
