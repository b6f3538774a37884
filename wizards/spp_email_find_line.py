# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""One row that was found, and the timeline of its message. What it shows is read anew, as whoever looks."""

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..models.engine_text import said
from .spp_email_find import KINDS

# Where a row is opened; records by Odoo's own way.
PATHS = {
    "spp.email.inbound": "/odoo/email-journal/%s",
    "spp.email.delivery": "/odoo/email-deliveries/%s",
    "mail.mail": "/odoo/email-queue/%s",
    "spp.email.suppression": "/odoo/email-suppression/%s",
}


class SppEmailFindLine(models.TransientModel):
    _name = "spp.email.find.line"
    _description = "Found Message"
    _order = "date desc, id"
    _rec_name = "id"

    find_id = fields.Many2one("spp.email.find", required=True, ondelete="cascade")
    kind = fields.Selection(
        [
            ("incoming", "Incoming"),
            ("outgoing", "Delivery"),
            ("waiting", "Waiting Email"),
            ("message", "Message of a Record"),
            ("suppressed", "Suppression"),
        ],
        string="Where",
        readonly=True,
    )
    model = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference("Row", model_field="model", required=True, readonly=True)
    date = fields.Datetime(readonly=True)
    # Never stored: what a message says would outlive it here.
    who = fields.Char(compute="_compute_words")
    subject = fields.Char(compute="_compute_words")
    state = fields.Char("What Became of It", compute="_compute_words")
    is_problem = fields.Boolean(compute="_compute_words")
    timeline_html = fields.Html("Timeline", compute="_compute_timeline_html", sanitize=False)
    can_open = fields.Boolean(compute="_compute_words")
    can_pack = fields.Boolean(compute="_compute_words")

    def _record(self):
        """Return the row if it is there and the user may see it; else an empty recordset of its model."""
        self.ensure_one()
        # What stands in a row of a dialogue may come by RPC.
        if self.model not in KINDS:
            return self.browse()
        model = self.env[self.model].with_context(active_test=False)
        return model.search([("id", "=", self.res_id)]) if model.has_access("read") else model

    def _records(self):
        """Return {(model, id): row} of those that are there and that the user may see, by one search a model."""
        found = {}
        for name, lines in self.grouped("model").items():
            # What stands in a row of a dialogue may come by RPC.
            if name in KINDS and self.env[name].has_access("read"):
                rows = self.env[name].with_context(active_test=False)
                rows = rows.search([("id", "in", lines.mapped("res_id"))])
                found.update({(name, row.id): row for row in rows})
        return found

    @api.depends("model", "res_id")
    @api.depends_context("uid")
    def _compute_words(self):
        is_manager = self.env.user.has_group("spp_email_gateway.group_email_gateway_manager")
        found = self._records()
        for line in self:
            record = found.get((line.model, line.res_id))
            line.can_open = bool(record)
            line.can_pack = bool(record) and is_manager and line.kind in ("incoming", "outgoing", "waiting")
            line.who, line.subject, line.state, line.is_problem = line._words(record) if record else (False,) * 4

    def _words(self, record):
        def label(name):
            return dict(record._fields[name]._description_selection(self.env)).get(record[name])

        if record._name == "spp.email.inbound":
            state = ": ".join(filter(None, (label("state"), label("reason"))))
            return record.email_from, record.subject, state, record.state == "quarantined"
        if record._name == "spp.email.delivery":
            state = ": ".join(filter(None, (label("state"), record.answer_words)))
            return record.recipient, record.subject, state, record.state in ("failed", "bounced", "suppressed")
        if record._name == "mail.mail":
            return record.email_to, record.subject, label("state"), record.state == "exception"
        if record._name == "mail.message":
            where = f"{record.model} {record.res_id}" if record.model else ""
            return record.email_from, record.subject, where, False
        return record.address, False, said(self.env, record.words) or self.env._("Taken off the list"), record.active

    @api.depends("model", "res_id")
    @api.depends_context("uid", "tz", "lang")
    def _compute_timeline_html(self):
        for line in self:
            record = line._record()
            entries = self.env["spp.email.find"]._timeline(record) if record else ()
            rows = Markup().join(line._row(entry) for entry in entries)
            line.timeline_html = rows and Markup(
                "<table class='table table-sm'><thead><tr><th>%s</th><th>%s</th><th>%s</th></tr></thead>"
                "<tbody>%s</tbody></table>"
            ) % (self.env._("When"), self.env._("What Happened"), self.env._("Where"), rows)

    def _row(self, entry):
        moment = ""
        if entry.moment:
            moment = f"{fields.Datetime.context_timestamp(self, entry.moment):%Y-%m-%d %H:%M:%S}"
        # sudo: what a table is called.
        name = self.env["ir.model"].sudo()._get(entry.model).name or entry.model  # nosemgrep
        where = Markup("%s %s") % (name, entry.record_id)
        if path := PATHS.get(entry.model):
            where = Markup("<a href='%s'>%s</a>") % (path % entry.record_id, where)
        kind = "text-danger fw-bold" if entry.is_problem else "text-muted fst-italic" if entry.is_ahead else ""
        return Markup(
            "<tr><td class='text-nowrap'>%s</td><td class='%s'>%s</td><td class='text-nowrap'>%s</td></tr>"
        ) % (moment, kind, entry.words, where)

    @api.model
    def _open_timeline(self, record):
        """Return the action that shows the timeline of a row, as whoever presses the button may see it."""
        record.ensure_one().check_access("read")
        search = self.env["spp.email.find"].create({})
        line = self.create(
            {"find_id": search.id, "kind": KINDS[record._name], "model": record._name, "res_id": record.id}
        )
        return line.action_timeline()

    def action_timeline(self):
        """Show what happened to this message, through all."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Timeline"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
            "target": "new",
        }

    def action_open(self):
        """Open the row itself.

        Raises:
            UserError: it is gone, or not for this user.
        """
        record = self._record()
        if not record:
            raise UserError(self.env._("It is not there any more."))
        return {
            "type": "ir.actions.act_window",
            "res_model": record._name,
            "res_id": record.id,
            "views": [(False, "form")],
        }


class SppEmailInbound(models.Model):
    _inherit = "spp.email.inbound"

    def action_timeline(self):
        """Show what happened to this message, through all."""
        return self.env["spp.email.find.line"]._open_timeline(self)


class SppEmailDelivery(models.Model):
    _inherit = "spp.email.delivery"

    def action_timeline(self):
        """Show what happened to this mail, through all."""
        return self.env["spp.email.find.line"]._open_timeline(self)
