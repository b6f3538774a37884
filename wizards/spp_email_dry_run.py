# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What would become of a message: the whole processing, with nothing written."""

import base64
from collections import Counter

from markupsafe import Markup

from odoo import fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL, html2plaintext

from ..engine.errors import GatewayError
from ..engine.outcome import InboundSource
from ..engine.summary import summarize
from ..engine.target import Target
from ..models.engine_text import EngineChar, EngineText, said
from ..models.spp_email_journal import JournalEntry

# The web client holds the whole file in memory, several times.
LARGEST_MESSAGE = 30_000_000
# The fields that people look for first, in this order.
HEADERS = ("From", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To", "Reply-To", "Return-Path")


class SppEmailDryRun(models.TransientModel):
    _name = "spp.email.dry.run"
    _description = "Try a Message"

    # What is tried.
    inbound_id = fields.Many2one("spp.email.inbound", string="Message in the Journal", readonly=True)
    # Not an attachment: that would leave the message in the filestore.
    message_file = fields.Binary("Message (.eml)", attachment=False)
    message_file_name = fields.Char()
    message_text = fields.Text("Source of the Message", help="Header fields, an empty line, and the text.")
    mailbox = fields.Selection("_selection_mailbox", help="As if it came from this mailbox; blank: from none.")
    envelope_recipient = fields.Char(
        "Delivered for", help="Address that the mail server would deliver it for, if it says so."
    )
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)

    # What would become of it.
    is_tried = fields.Boolean(readonly=True)
    state = EngineChar(readonly=True)
    outcome = EngineChar(readonly=True)
    reason = EngineChar(readonly=True)
    detail = EngineText(readonly=True)
    record_html = fields.Html("Records", readonly=True)
    value_html = fields.Html("Values Taken Out", readonly=True)
    notice_html = fields.Html("Mail", readonly=True)
    trace_html = fields.Html("What Would Happen", readonly=True)
    header_html = fields.Html("Header", readonly=True)
    preview_html = fields.Html("Message", readonly=True)
    attachment_list = fields.Text("Attachments", readonly=True)
    tags = fields.Char(readonly=True)
    rules = fields.Char("Rules That Match", readonly=True)

    def _compute_display_name(self):
        for run in self:
            run.display_name = self.env._("Try a Message")

    def _selection_mailbox(self):
        # sudo: names only, of the own companies; officers do not set up mailboxes.
        servers = (
            self.env["fetchmail.server"]
            .sudo()  # nosemgrep
            .search(
                [("company_id", "in", (False, *self.env.companies.ids))], order="name, id", limit=500
            )
        )
        times = Counter(servers.mapped("name"))
        # Two of one name would be one and the same to whoever chooses.
        return [
            (str(server.id), server.name if times[server.name] == 1 else f"{server.name} ({server.id})")
            for server in servers
        ]

    def action_try(self):
        """Process the message in a transaction that is rolled back, and show what came of it.

        Raises:
            AccessError: the user is no officer.
            UserError: there is no message, it is too large, or a worker has it just now.
        """
        self.ensure_one()
        if not self.env.user.has_group("spp_email_gateway.group_email_gateway_officer"):
            raise AccessError(self.env._("Only officers of the email gateway try messages."))
        if self.company_id not in self.env.companies:
            raise AccessError(self.env._("Choose one of your own companies."))
        entry = None if self.inbound_id else self._entry()
        if self.inbound_id:
            self.inbound_id._require_content()
            if self.inbound_id.state == "processing":
                raise UserError(self.env._("This message is in work just now. Try again in a moment."))
            # As the user: what is shown is made by the system, in a transaction that is undone.
            self.env["spp.email.audit"]._note("opened", self.inbound_id)
        known = {(stamp.res_model, stamp.res_id) for stamp in self.inbound_id.record_ids}
        rehearsal = self.env["spp.email.rehearsal"]
        with rehearsal._rehearse() as env:
            last_mail = env.execute_query(SQL("SELECT COALESCE(max(id), 0) FROM mail_mail"))[0][0]
            try:
                row_id = rehearsal._journal(env, entry) if entry else self.inbound_id.id
            except GatewayError as error:
                raise UserError(said(self.env, str(error))) from error
            inbound, attempt = rehearsal._run(env, row_id)
            result = self._result(inbound, attempt, last_mail, known)
        self.write({"is_tried": True, **result})
        return True

    def action_again(self):
        """Go back to the question, with the message still there."""
        self.is_tried = False
        return True

    def _entry(self):
        """Return the JournalEntry of what was pasted or uploaded."""
        if self.message_file:
            content = base64.b64decode(self.message_file)
        else:
            # RFC 5322 §2.1: lines end with CR LF; a text field loses the CR.
            lines = (self.message_text or "").strip().splitlines()
            content = "\r\n".join(lines).encode("utf-8", "replace")
        if not content:
            raise UserError(self.env._("Paste the source of a message, or upload an .eml file."))
        if len(content) > LARGEST_MESSAGE:
            raise UserError(self.env._("The message is too large to be tried: %s bytes at most.", LARGEST_MESSAGE))
        server = self.env["fetchmail.server"]
        if self.mailbox and self.mailbox in dict(self._selection_mailbox()):
            # sudo: as in _selection_mailbox; the choice was checked against it.
            server = server.sudo().browse(int(self.mailbox))  # nosemgrep
        return JournalEntry(
            server._gateway_server_key() if server else "dry-run",
            "dry-run",
            "0",
            f"dry-run-{self.id}",
            content,
            server_id=server.id or None,
            company_id=(server.company_id if server else self.company_id).id or None,
            source=InboundSource.UPLOAD.value,
            envelope_recipient=(self.envelope_recipient or "").strip(),
        )

    # ------------------------------------------------------------------
    # What is shown
    # ------------------------------------------------------------------

    def _result(self, inbound, attempt, last_mail, known):
        """Return the values of the result's fields, read inside the rehearsal."""
        shown = dict(inbound._fields["reason"]._description_selection(self.env))
        states = dict(inbound._fields["state"]._description_selection(self.env))
        return {
            "state": inbound.state,
            "outcome": states.get(inbound.state),
            "reason": shown.get(inbound.reason),
            "detail": inbound.detail,
            "record_html": self._records(inbound, attempt, known),
            "value_html": self._values(inbound.env, attempt),
            "notice_html": self._mails(inbound, last_mail),
            "trace_html": inbound.trace_text,
            "header_html": self._headers(inbound),
            "preview_html": inbound.preview_html,
            "attachment_list": inbound.attachment_list,
            "tags": ", ".join(inbound.tag_ids.mapped("name")),
            "rules": ", ".join(f"{rule.name} ({rule.id})" for rule in inbound.rule_ids),
        }

    def _records(self, inbound, attempt, known):
        """The records with the fields that the message sets; of what was there before, nothing else is shown."""
        target = attempt.target or Target()
        shown = Markup()
        for stamp in inbound.record_ids.sorted("number"):
            record = inbound.env[stamp.res_model].browse(stamp.res_id)
            kind = inbound.env["ir.model"]._get(stamp.res_model).name
            # One that an attempt before this made was changed by people since.
            if stamp.is_created and (stamp.res_model, stamp.res_id) not in known:
                names = dict.fromkeys([record._rec_name, record._mail_get_primary_email_field()])
                names.update(dict.fromkeys(target.values_for_new(record._name)))
                title = self.env._("New: %(kind)s “%(name)s”", kind=kind, name=record.display_name)
            else:
                names = dict.fromkeys(target.update_values.get(record._name, ()))
                title = self.env._("Added to: %(kind)s %(name)s", kind=kind, name=self._name_of(record))
            rows = [(self._label(record, name), self._shown(record, name)) for name in names if name in record._fields]
            shown += Markup("<h5>%s</h5>%s") % (title, self._tabulate(rows))
        return shown or Markup("<p class='text-muted'>%s</p>") % self.env._("No record would be made or reached.")

    def _name_of(self, record):
        """The name of a record that was there before, for those who may see the record."""
        mine = self.env[record._name].browse(record.id)
        if mine.has_access("read"):
            return f"“{mine.display_name}”"
        return self.env._("%s (you may not see it)", record.id)

    def _label(self, record, name):
        return record.fields_get([name], ["string"])[name]["string"]

    def _shown(self, record, name):
        value, field = record[name], record._fields[name]
        if field.relational or field.type == "reference":
            return value.display_name if value else ""
        if field.type == "selection":
            return dict(field._description_selection(self.env)).get(value, "")
        if field.type == "html":
            return html2plaintext(value or "")
        return "" if value is False and field.type != "boolean" else str(value)

    def _values(self, env, attempt):
        rows = [
            (self._label(env[model], name), text) for _rule_id, model, name, text in attempt.facts.get("values", ())
        ]
        return self._tabulate(rows) if rows else False

    def _mails(self, inbound, last_mail):
        notices = inbound.env["spp.email.notice"].search([("inbound_id", "=", inbound.id)])
        lines = [
            self.env._("The sender would be told: “%s”", notice.mail_id.subject) for notice in notices if notice.mail_id
        ]
        count = inbound.env["mail.mail"].search_count([("id", ">", last_mail), ("id", "not in", notices.mail_id.ids)])
        if count:
            # To whom is not said: who follows a record is not the message's own.
            lines.append(self.env._("Mail to followers or users that would be queued: %s", count))
        if not lines:
            lines = [self.env._("No mail would be sent.")]
        return Markup().join(Markup("<p class='mb-1'>%s</p>") % line for line in lines)

    def _headers(self, inbound):
        content = inbound.env["spp.email.content"]._load(inbound.id) or b""
        summary = summarize(content)
        return self._tabulate([(name, summary.header(name)) for name in HEADERS if summary.has_header(name)])

    def _tabulate(self, rows):
        lines = Markup().join(
            Markup("<tr><td class='text-muted' style='width: 30%%'>%s</td><td>%s</td></tr>") % row for row in rows
        )
        return Markup("<table class='table table-sm'><tbody>%s</tbody></table>") % lines
