# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Why is this mail not here, or not sent? One search through all that the gateway knows."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_datetime

from ..engine.mail_query import mail_query
from ..models.spp_email_search import DEFAULT_DAYS, MOST_SCANNED

KINDS = {
    "spp.email.inbound": "incoming",
    "spp.email.delivery": "outgoing",
    "mail.mail": "waiting",
    "mail.message": "message",
    "spp.email.suppression": "suppressed",
}


class SppEmailFind(models.TransientModel):
    _name = "spp.email.find"
    _description = "Find a Message"
    _rec_name = "id"

    text = fields.Char("Address, Subject or Message-ID", help="One address, a Message-ID, or words of the subject.")
    start_date = fields.Datetime("From")
    end_date = fields.Datetime("Until")
    is_done = fields.Boolean(readonly=True)
    is_cut = fields.Boolean(readonly=True)
    cut_text = fields.Char(compute="_compute_cut_text")
    nothing_text = fields.Text("Why Nothing Was Found", readonly=True)
    line_ids = fields.One2many("spp.email.find.line", "find_id", "Found", readonly=True)

    @api.depends("is_cut")
    def _compute_cut_text(self):
        for search in self:
            search.cut_text = search.is_cut and self.env._(
                "Only the newest %s messages of this time were looked through: choose a shorter one.", MOST_SCANNED
            )

    def _compute_display_name(self):
        self.display_name = self.env._("Find a Message")

    @api.model
    def action_begin(self):
        """Open an empty search."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Find a Message"),
            "res_model": self._name,
            "res_id": self.create({}).id,
            "views": [(False, "form")],
        }

    def action_search(self):
        """Look through journal, deliveries, queue, chatter and suppression list.

        Raises:
            UserError: neither words nor a time were given, or the time ends before it begins.
        """
        self.ensure_one()
        if not (self.text or "").strip() and not self.start_date:
            raise UserError(self.env._("Enter an address, a Message-ID or words of the subject, or a time."))
        if self.start_date and self.end_date and self.end_date < self.start_date:
            raise UserError(self.env._("The time ends before it begins."))
        query = mail_query(self.text)
        hits, is_cut = self.env["spp.email.search"]._hits(query, self.start_date or None, self.end_date or None)
        self.line_ids.unlink()
        lines = [
            {"find_id": self.id, "kind": KINDS[record._name], "model": record._name, "res_id": record.id, "date": date}
            for records in hits
            for record in records
            for date in [self._date_of(record)]
        ]
        lines.sort(key=lambda line: line["date"] or fields.Datetime.now(), reverse=True)
        self.env["spp.email.find.line"].create(lines)
        is_missing = not any(line["kind"] in ("incoming", "outgoing", "waiting") for line in lines)
        self.write({"is_done": True, "is_cut": is_cut, "nothing_text": is_missing and self._nothing_words(query)})
        return True

    @api.model
    def _date_of(self, record):
        column = {
            "spp.email.inbound": "received_date",
            "spp.email.delivery": "created_date",
            "mail.mail": "create_date",
            "mail.message": "date",
            "spp.email.suppression": "entered_date",
        }[record._name]
        return record[column]

    @api.model
    def _timeline(self, record):
        """Return what happened to the message that ``record`` is about: engine TimelineEntry, in order."""
        return self.env["spp.email.timeline"]._of(record)

    # ------------------------------------------------------------------
    # Nothing found
    # ------------------------------------------------------------------

    @api.model
    def _nothing_words(self, query):
        """Return why there may be nothing: where mail comes from and when that was read last."""
        lines = [
            self.env._("It never arrived here as far as you can see, and nothing was sent to it."),
            *self._mailbox_words(),
        ]
        if query.address and not query.subject:
            lines.append(
                self.env._(
                    "As a recipient of incoming mail the address was looked for in the last %s days: choose a time to "
                    "look further back.",
                    DEFAULT_DAYS,
                )
            )
        elif query.subject:
            lines.append(self.env._("Without a time, subjects of the last %s days are looked through.", DEFAULT_DAYS))
        if not self.env["mail.mail"].has_access("read"):
            lines.append(self.env._("Emails that nobody began to send are shown to administrators only."))
        return "\n".join(lines)

    def _mailbox_words(self):
        mailboxes = self.env["fetchmail.server"]
        if not mailboxes.has_access("read"):
            return self._mailbox_times()
        lines = []
        for mailbox in mailboxes.search([("server_type", "!=", "local")], limit=50):
            if mailbox.state != "done":
                lines.append(self.env._("Mailbox “%s” is not confirmed, and is not read.", mailbox.name))
            elif mailbox.error_date:
                lines.append(
                    self.env._(
                        "Mailbox “%(name)s” could not be read since %(date)s: %(error)s",
                        name=mailbox.name,
                        date=format_datetime(self.env, mailbox.error_date),
                        error=mailbox.error_message or "",
                    )
                )
            else:
                lines.append(self._read_words(self.env._("Mailbox “%s”", mailbox.name), mailbox.date))
        return lines or [self.env._("There is no mailbox that could be read.")]

    def _mailbox_times(self):
        domain = [("state", "=", "done"), ("server_type", "!=", "local")]
        domain.append(("company_id", "in", [False, *self.env.companies.ids]))
        # sudo: only when the mailboxes of the user's companies were read; what they are called stays out of it.
        found = self.env["fetchmail.server"].sudo().search(domain, limit=50)  # nosemgrep
        if not found:
            return [self.env._("There is no mailbox that could be read.")]
        read = [mailbox.date for mailbox in found if mailbox.date]
        words = self.env._("The mailbox that was read longest ago")
        return [self._read_words(words, min(read) if len(read) == len(found) else False)]

    def _read_words(self, what, date):
        if not date:
            return self.env._("%s was never read.", what)
        return self.env._("%(what)s was read last at %(date)s.", what=what, date=format_datetime(self.env, date))
