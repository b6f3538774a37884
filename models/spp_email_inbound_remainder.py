# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Messages over the size limit: their headers are in the journal, the rest is fetched when a person wants it."""

from odoo import models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..engine.audit_action import AuditAction
from ..engine.errors import ConfigurationError, GatewayError
from ..engine.mailbox import Entry, Selection
from ..engine.outcome import InboundReason, InboundState
from ..engine.summary import summarize
from .spp_email_journal import name_mark, wait_for_the_disk


class SppEmailInbound(models.Model):
    _inherit = "spp.email.inbound"

    def action_retry(self):
        return super(SppEmailInbound, self._whole_ones()).action_retry()

    def _send_on(self, what, target=None, before=None, values=None, **noted):
        return super(SppEmailInbound, self._whole_ones())._send_on(what, target, before, values, **noted)

    def _whole_ones(self):
        """Return those whose body is here: the others would become records without text.

        Raises:
            UserError: there is none.
        """
        whole = self.filtered(lambda inbound: not inbound.is_headers_only)
        if not whole and self:
            raise UserError(self.env._("Only the headers are here. Press “Fetch the Whole Message” first."))
        return whole

    def action_fetch_whole(self):
        """Fetch the whole message from its mail server and process it.

        Raises:
            AccessError: the user is no officer.
            UserError: the message is whole already, its mailbox or itself is gone, or the server does not give it.
        """
        self.ensure_one()._check_may_decide()
        # sudo: reading a mailbox is the system's work; the right to decide about the message was checked above.
        inbound = self.sudo()  # nosemgrep
        server = inbound.server_id
        if not inbound.is_headers_only or inbound.state not in ("quarantined", "discarded"):
            raise UserError(self.env._("This message is in the journal already."))
        if not server:
            raise UserError(self.env._("The mailbox of this message was removed, so it cannot be fetched any more."))
        leases = self.env["spp.email.lease"]
        lease = leases._acquire(f"mailbox:{inbound.server_key}")
        if lease is None:
            raise UserError(self.env._("This mailbox is being read just now. Try again in a minute."))
        try:
            inbound._fetch_remainder(server)
        except (GatewayError, ConfigurationError) as error:
            raise UserError(server._gateway_failure_text(str(error), setting=error.field)) from error
        finally:
            leases._release(lease)
        self.invalidate_recordset()
        self.env.ref("spp_email_gateway.ir_cron_process_inbound").sudo()._trigger()  # nosemgrep: starting work, no data
        return True

    def _fetch_remainder(self, server):
        if server._gateway_server_key() != self.server_key:
            raise UserError(self.env._("The mailbox “%s” leads to another place by now.", server.name))
        # The server's own name of it, see the journal; a UIDL may hold "~" (RFC 1939 §7).
        uid = self.uid.removesuffix(name_mark(self.digest))
        entry = Entry(self.folder, self.uid_validity, uid, self.server_size or self.size)
        _selections, rules = server._gateway_reading_plan()
        with server._gateway_open_mailbox() as reader:
            reader.after = rules.after
            reader.enter(Selection(self.folder))
            fetched = next(iter(reader.fetch([entry])), None)
            # The server may have given the name to another message since.
            if fetched is None or (summarize(fetched.content).message_id or "") != (self.message_id or ""):
                raise UserError(self.env._("The message is not on the server any more."))
            self._replace_content(fetched.content)
            # Committed: only now may the server forget or flag it. POP tells it later where messages stay for a while.
            if rules.tells and not rules.told_before:
                reader.acknowledge([entry])
        if rules.tells and not rules.told_before:
            name = self.folder, self.uid_validity, self.uid
            self.env["spp.email.journal"]._note_acknowledged(self.server_key, [name])

    def _replace_content(self, content):
        """Put the whole message in the place of its headers, committed, and into work."""
        summary = summarize(content)
        with self._gateway_cursor(read_committed=True) as env:
            wait_for_the_disk(env)
            rows = env.execute_query(
                SQL(
                    "UPDATE spp_email_inbound SET is_headers_only = FALSE, digest = %s, size = %s, state = %s,"
                    " reason = NULL, detail = NULL, next_attempt_date = NULL, starts = 0, attempts = 0"
                    " WHERE id = %s AND is_headers_only AND state IN ('quarantined', 'discarded') RETURNING id",
                    summary.digest,
                    summary.size,
                    InboundState.RECEIVED.value,
                    self.id,
                )
            )
            if not rows:
                raise UserError(self.env._("Somebody else decided about this message just now."))
            env["spp.email.content"].search([("inbound_id", "=", self.id)]).unlink()
            env["spp.email.content"]._store({self.id: content})
            env["spp.email.audit"]._note(AuditAction.FETCHED, self.with_env(env))


class SppEmailProcessing(models.AbstractModel):
    _inherit = "spp.email.processing"

    def _process(self, claim, attempt):
        if self.env["spp.email.inbound"].browse(claim.id).is_headers_only:
            # Whoever put it into work: a record without the text would look as if that were all.
            attempt.trace.add("what is in the journal", "the headers only", "quarantine")
            return self._finish(claim, attempt, InboundState.QUARANTINED, InboundReason.TOO_LARGE)
        return super()._process(claim, attempt)
