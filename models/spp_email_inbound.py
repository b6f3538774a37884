# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The journal: one row for each incoming message and delivery."""

from markupsafe import Markup, escape

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import html_sanitize

from ..engine.audit_action import AuditAction
from ..engine.harmless import harmless
from ..engine.health import HealthFinding, HealthState
from ..engine.outcome import (
    INBOUND_REASON_WORDS,
    INBOUND_SOURCE_WORDS,
    INBOUND_STATE_WORDS,
    InboundState,
    selection,
)
from ..engine.preview import preview
from ..engine.summary import addresses, body_digest
from .engine_text import EngineText, said


class SppEmailInbound(models.Model):
    _name = "spp.email.inbound"
    _inherit = ["spp.email.claim.mixin"]
    _description = "Incoming Email"
    _order = "received_date desc, id desc"
    _rec_name = "subject"

    # Where it came from. The four key columns are unique together, and outlive the server's record.
    server_id = fields.Many2one("fetchmail.server", string="Mailbox", readonly=True, ondelete="set null", index=True)
    server_key = fields.Char(required=True, readonly=True, help="Digest of protocol, host and login of the mailbox.")
    folder = fields.Char(readonly=True, required=True)
    uid_validity = fields.Char("UIDVALIDITY", readonly=True, required=True)
    uid = fields.Char("UID", readonly=True, required=True, help="UID in an IMAP folder, UIDL in a POP mailbox.")
    source = fields.Selection(
        selection(INBOUND_SOURCE_WORDS), string="Came By", readonly=True, help="The way it came in."
    )
    envelope_recipient = fields.Char(
        readonly=True, help="Address that the mail server delivered it for, lower-case; blank when it did not say."
    )
    envelope_sender = fields.Char("Return Path", readonly=True, help="Blank for the null return path, or unknown.")
    intake_id = fields.Many2one("spp.email.intake", readonly=True, ondelete="set null", index="btree_not_null")
    acknowledged_date = fields.Datetime(
        "Server Told", readonly=True, help="When the mail server was told that the message is taken."
    )
    folder_id = fields.Many2one("spp.email.folder", string="Read By", readonly=True, ondelete="set null")
    server_size = fields.Integer("Size on the Server (bytes)", readonly=True)
    is_headers_only = fields.Boolean(
        "Headers Only", readonly=True, help="It is over the size limit of its mailbox; its body is on the server."
    )
    filed_date = fields.Datetime(
        "Failure Filed", readonly=True, help="When the message was moved to the server's folder for what failed."
    )
    company_id = fields.Many2one("res.company", readonly=True, index=True)

    # What it is.
    received_date = fields.Datetime("Received", required=True, readonly=True)
    digest = fields.Char(required=True, readonly=True, index=True, help="SHA-256 of the bytes as received.")
    size = fields.Integer("Size (bytes)", readonly=True)
    message_id = fields.Char("Message-ID", readonly=True, index=True)
    conversation = fields.Char(readonly=True, help="Digest of the Message-ID that began the conversation.")
    subject = fields.Char(readonly=True)
    email_from = fields.Char("From", readonly=True)
    sender = fields.Char("Sender's Address", readonly=True, help="The first address in From, lower-case.")
    email_to = fields.Char("To", readonly=True)
    content_ids = fields.One2many("spp.email.content", "inbound_id", readonly=True)

    # Where it is to go.
    route = fields.Json(readonly=True, help="The engine.target.Target that a person decided on.")

    fallback = fields.Json(
        readonly=True,
        help="Where it goes if it is no reply and reaches no alias, as said by the program or person that handed it "
        "over: arguments of message_process.",
    )

    # What became of it.
    state = fields.Selection(
        selection(INBOUND_STATE_WORDS), required=True, readonly=True, default=InboundState.RECEIVED.value, index=True
    )
    reason = fields.Selection(selection(INBOUND_REASON_WORDS), readonly=True)
    detail = EngineText(readonly=True, help="What exactly went wrong, in the words of whatever refused it.")
    trace = fields.Json(readonly=True)
    decisions = fields.Json(readonly=True, help="Who decided what and when, as steps of a trace.")
    trace_text = fields.Html("What Happened", compute="_compute_trace_text", sanitize=False)
    attempts = fields.Integer(readonly=True, default=0)
    starts = fields.Integer(
        readonly=True, default=0, help="Attempts that began since the last one that ended: more mean a process died."
    )
    next_attempt_date = fields.Datetime("Next Attempt", readonly=True)
    record_ids = fields.One2many("spp.email.inbound.record", "inbound_id", string="Records", readonly=True)
    res_model = fields.Char("Record Model", readonly=True)
    res_id = fields.Many2oneReference("Record", model_field="res_model", readonly=True)
    mail_message_id = fields.Many2one("mail.message", string="Chatter Message", readonly=True, ondelete="set null")
    duplicate_message_id = fields.Many2one("mail.message", string="Known Message", readonly=True, ondelete="set null")

    is_held = fields.Boolean(
        "Legal Hold", readonly=True, help="Neither the content nor the row is removed while it is held."
    )

    # What a person sees of it.
    preview_html = fields.Html("Preview", compute="_compute_preview", sanitize=False)
    attachment_list = fields.Text("Attachments", compute="_compute_preview")

    _entry_unique = models.UniqueIndex("(server_key, folder, uid_validity, uid)")
    # Only what is still to be done: the cost of a claim does not grow with the journal.
    _due_index = models.Index(
        "(COALESCE(next_attempt_date, received_date), id) WHERE state IN ('received', 'retry', 'processing')"
    )
    # For lists, charts and the counting of a day: new rows come at its end.
    _received_index = models.Index("(received_date, id)")
    _conversation_index = models.Index("(conversation, id) WHERE state IN ('received', 'retry', 'processing')")
    _unfiled_index = models.Index("(server_key, folder) WHERE state = 'quarantined' AND filed_date IS NULL")
    _mail_message_index = models.Index("(mail_message_id) WHERE mail_message_id IS NOT NULL")
    _duplicate_message_index = models.Index("(duplicate_message_id) WHERE duplicate_message_id IS NOT NULL")

    @api.depends("subject")
    def _compute_display_name(self):
        for inbound in self:
            inbound.display_name = inbound.subject or self.env._("(no subject)")

    @api.depends("trace", "decisions")
    @api.depends_context("lang")
    def _compute_trace_text(self):
        for inbound in self:
            rows = Markup().join(
                Markup("<tr><td>%s</td><td>%s</td><td>%s</td></tr>")
                % tuple(said(self.env, step.get(part)) for part in ("looked_at", "found", "followed"))
                for step in [*(inbound.decisions or []), *(inbound.trace or [])]
            )
            inbound.trace_text = rows and Markup(
                "<table class='table table-sm'><thead><tr><th>%s</th><th>%s</th><th>%s</th></tr></thead>"
                "<tbody>%s</tbody></table>"
            ) % (self.env._("Looked at"), self.env._("Found"), self.env._("What followed"), rows)

    # Of each person by himself: what one has opened, the next one has not.
    @api.depends("digest")
    @api.depends_context("uid")
    def _compute_preview(self):
        """The body sanitised by Odoo's own cleaner. The form shows it in a sandboxed frame without remote content."""
        contents = self.env["spp.email.content"]
        for inbound in self:
            # A form shows one message; a list never reads these fields.
            content = contents._load(inbound.id) if isinstance(inbound.id, int) else None
            if content is not None:
                # In the transaction that gives it: nobody reads a message without being noted.
                self.env["spp.email.audit"]._note(AuditAction.OPENED, inbound)
            shown = preview(content or b"")
            if shown.html:
                clean = html_sanitize(
                    shown.html, sanitize_tags=True, sanitize_attributes=True, strip_style=True, strip_classes=True
                )
                # Odoo's cleaner lets drawings and films through.
                inbound.preview_html = Markup(harmless(str(clean)))  # noqa: S704 # nosec B704 - made of known elements only
            else:
                inbound.preview_html = Markup("<pre>%s</pre>") % escape(shown.text)
            inbound.attachment_list = "\n".join(
                f"{part.name} ({part.media_type}, {part.size} bytes)" for part in shown.attachments
            )

    def _is_for_others(self, recipients):
        """Return whether this very message came before, and each time for other aliases than ``recipients``.

        A server that says for whom it delivers gives one copy for each alias that was written to.
        """
        self.ensure_one()
        if not recipients or not self.message_id:
            return False
        others = self.search(
            [("message_id", "=", self.message_id), ("id", "!=", self.id), ("state", "=", "done")], limit=100
        )
        # One that was delivered for no alias was routed by its headers, to all aliases in them.
        aliases = self.env["mail.alias"]
        theirs = [set(aliases._gateway_aliases_among(addresses(other.envelope_recipient or ""))) for other in others]
        return bool(others) and all(found and not found & set(recipients) for found in theirs)

    def _is_other_content(self, content):
        """Return whether a message with the same Message-ID was processed before whose body differs from ``content``.

        False when the journal does not know the other, such as a mail of our own that comes back.
        """
        self.ensure_one()
        other = self.search(
            [("message_id", "=", self.message_id), ("id", "!=", self.id), ("state", "=", "done")], limit=1
        )
        theirs = other and self.env["spp.email.content"]._load(other.id)
        return bool(theirs and content and body_digest(theirs) != body_digest(content))

    def _fallback(self):
        """Return arguments of message_process for a message that came through no mailbox: model and so on."""
        self.ensure_one()
        if self.fallback:
            return dict(self.fallback)
        model = self.intake_id.target_model
        return {"model": model} if model else {}

    @api.ondelete(at_uninstall=False)
    def _unlink_except_waiting(self):
        if any(inbound.state not in ("done", "duplicate", "discarded") for inbound in self):
            raise UserError(
                self.env._("Messages that wait or are in quarantine cannot be deleted: retry or discard them first.")
            )
        if any(inbound.is_held for inbound in self):
            raise UserError(self.env._("Messages under legal hold cannot be deleted: release them first."))

    def _gateway_health(self):
        """Findings about the journal as a whole."""
        waiting = self.search([("state", "=", "quarantined")], limit=1000)
        count = len(waiting)
        if not count:
            return []
        return [
            HealthFinding(
                "quarantine_not_empty",
                HealthState.WARNING,
                self.env._("Incoming messages wait in quarantine"),
                self.env._("%s messages could not be routed or processed.", count),
                self.env._(
                    "Open Email Gateway → Incoming → Quarantine, read the reason of each and decide where it goes."
                ),
                self._name,
                tuple(waiting.ids),
            )
        ]
