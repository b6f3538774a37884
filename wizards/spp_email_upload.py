# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Upload of messages by a manager: one or many .eml files, or mailboxes in mbox form."""

import hashlib
from collections import Counter

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..engine.errors import GatewayError
from ..engine.outcome import InboundSource
from ..engine.upload import pieces
from ..models.engine_text import EngineText, said
from ..models.spp_email_intake import LARGEST_SIZE
from ..models.spp_email_journal import JournalEntry

# Messages journaled in one transaction, and their bytes.
BATCH_MESSAGES = 25
BATCH_BYTES = 8 * 1024 * 1024
MOST_MESSAGES = 20_000
LONGEST_LIST = 20


class SppEmailUpload(models.TransientModel):
    _name = "spp.email.upload"
    _description = "Upload of Emails"

    attachment_ids = fields.Many2many("ir.attachment", string="Files", help=".eml files, or mbox files of many mails.")
    server_id = fields.Many2one("fetchmail.server", string="As Mailbox", help="Its settings apply to the mails.")
    intake_id = fields.Many2one("spp.email.intake", string="As Intake", help="Its settings apply to the mails.")
    target_model = fields.Selection(
        selection="_selection_target_model",
        string="Create a New Record",
        help="What becomes of a mail that is no reply and reaches no alias.",
    )
    state = fields.Selection([("draft", "Choose"), ("done", "Done")], default="draft", readonly=True)
    new_count = fields.Integer("New", readonly=True)
    known_count = fields.Integer("Known Already", readonly=True)
    problem_count = fields.Integer("Not Readable", readonly=True)
    problems = EngineText(readonly=True)
    # No relation: a foreign key would hold the rows, and processing passes over those that are held.
    journal_rows = fields.Json(readonly=True, help="Ids of the journal's rows.")

    @api.model
    def _selection_target_model(self):
        return self.env["spp.email.intake"]._selection_target_model()

    @api.constrains("server_id", "intake_id", "target_model")
    def _check_one_setting(self):
        for upload in self:
            if len([setting for setting in (upload.server_id, upload.intake_id, upload.target_model) if setting]) > 1:
                raise ValidationError(self.env._("Choose a mailbox, an intake or a kind of record, not several."))

    def action_upload(self):
        """Put the messages of the files into the journal, and show how many were new, known or not readable."""
        self.ensure_one()
        if not self.attachment_ids:
            raise UserError(self.env._("Choose a file first."))
        counts, problems, ids, batch, batch_bytes = Counter(), [], [], [], 0
        for attachment in self.attachment_ids:
            for piece in pieces(attachment.raw or b""):
                if sum(counts.values()) >= MOST_MESSAGES:
                    raise UserError(
                        self.env._("More than %s messages at once. Upload the rest in a second file.", MOST_MESSAGES)
                    )
                problem = piece.problem or (len(piece.content) > self._size_limit_bytes() and "too_large")
                if problem:
                    counts["problem"] += 1
                    problems.append(self._problem_text(attachment.name, piece.number, problem))
                    continue
                counts["message"] += 1
                batch.append(piece.content)
                batch_bytes += len(piece.content)
                if len(batch) >= BATCH_MESSAGES or batch_bytes >= BATCH_BYTES:
                    self._journal(batch, counts, ids)
                    batch, batch_bytes = [], 0
        self._journal(batch, counts, ids)
        if len(problems) > LONGEST_LIST:
            problems[LONGEST_LIST:] = [self.env._("… and %s more", len(problems) - LONGEST_LIST)]
        self.write(
            {
                "state": "done",
                "new_count": counts["new"],
                "known_count": counts["known"],
                "problem_count": counts["problem"],
                "problems": "\n".join(problems),
                "journal_rows": ids,
            }
        )
        # The journal has them; a second copy among the attachments would be seen by nobody and removed by nobody.
        self.attachment_ids.unlink()
        self.env["spp.email.reception"]._start_processing()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Upload Emails"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
            "target": "new",
        }

    def action_open_journal(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("spp_email_gateway.action_spp_email_inbound")
        return {**action, "domain": [("id", "in", self.journal_rows or [])]}

    def _journal(self, contents, counts, ids):
        if not contents:
            return
        entries = [self._entry(content) for content in contents]
        try:
            new = self.env["spp.email.journal"]._write_entries(entries)
        except GatewayError as error:
            # What was journaled before stays, and is known when the files are uploaded again.
            raise UserError(said(self.env, str(error))) from error
        counts["new"] += new
        counts["known"] += len(entries) - new
        ids.extend(self.env["spp.email.reception"]._row_ids(entries))

    def _entry(self, content):
        intake = self.intake_id
        server = self.server_id or intake.server_id
        fallback = {"model": self.target_model} if self.target_model else None
        return JournalEntry(
            "upload",
            "",
            "",
            # Of what becomes of it, too: taken in again for another kind of record, it is another delivery.
            f"{hashlib.sha256(content).hexdigest()[:32]}-{server.id}-{intake.id}-{self.target_model or ''}",
            content,
            server_id=server.id or None,
            company_id=(intake.company_id or server.company_id or self.env.company).id,
            source=InboundSource.UPLOAD.value,
            intake_id=intake.id or None,
            fallback=fallback,
        )

    def _size_limit_bytes(self):
        return self.intake_id._size_limit_bytes() if self.intake_id else LARGEST_SIZE

    def _problem_text(self, name, number, problem):
        words = {
            "empty": self.env._("it is empty"),
            "no_header": self.env._("it is no email: save it as .eml or mbox"),
            "too_large": self.env._("it is over the size limit"),
        }[problem]
        return self.env._("%(file)s, message %(number)s: %(problem)s", file=name, number=number, problem=words)
