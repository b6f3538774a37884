# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Import of addresses into the suppression list, from our own form or a provider's export."""

import base64
import csv
import io
from collections import Counter

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import split_every

from ..engine.outcome import selection
from ..engine.suppression import (
    BOUNCES,
    SUPPRESSION_REASON_WORDS,
    Entry,
    Reach,
    SuppressionReason,
    SuppressionSource,
    expiry,
)
from ..engine.suppression_file import find_columns, read_lines
from ..models.engine_text import EngineText, said

BATCH = 500
# Lines that the dialogue shows; the file that it offers has all.
LONGEST_LIST = 20


class SppEmailSuppressionImport(models.TransientModel):
    _name = "spp.email.suppression.import"
    _description = "Import into the Suppression List"
    _rec_name = "file_name"

    file = fields.Binary(attachment=False, help="A CSV file: address, reason, expiry, note.")
    file_name = fields.Char()
    company_id = fields.Many2one(
        "res.company", default=lambda self: self.env.company, help="Blank: mail of all companies."
    )
    reason = fields.Selection(
        selection(SUPPRESSION_REASON_WORDS),
        string="Reason Where the File Says None",
        required=True,
        default=SuppressionReason.IMPORTED.value,
    )
    state = fields.Selection([("draft", "Choose"), ("done", "Done")], default="draft", readonly=True)
    new_count = fields.Integer("Entered", readonly=True)
    known_count = fields.Integer("Listed Already", readonly=True)
    problem_count = fields.Integer("Not Imported", readonly=True)
    problems = EngineText(readonly=True)
    ignored_columns = fields.Char("Columns Not Used", readonly=True)
    bad_lines = fields.Binary("Lines That Were Not Imported", readonly=True, attachment=False)
    bad_lines_name = fields.Char(readonly=True)
    row_ids = fields.Json(readonly=True)

    def action_import(self):
        """Enter the addresses of the file, and show how many are new, listed already or not readable.

        Raises:
            UserError: there is no file, or it cannot be read as a whole.
        """
        self.ensure_one()
        if not self.file:
            raise UserError(self.env._("Choose a file first."))
        content = base64.b64decode(self.file)
        try:
            columns = find_columns(content)
        except ValueError as error:
            raise UserError(said(self.env, str(error))) from error
        counts, bad, ids = Counter(), [], []
        for lines in split_every(BATCH, read_lines(content, columns, fields.Datetime.now())):
            self._import_lines(lines, counts, bad, ids)
        self.write(
            {
                "state": "done",
                "new_count": counts["new"],
                "known_count": counts["known"],
                "problem_count": len(bad),
                "problems": self._problem_text(bad),
                "ignored_columns": ", ".join(columns.ignored) or False,
                "bad_lines": self._bad_lines(bad),
                "bad_lines_name": "not-imported.csv",
                "row_ids": ids,
                # Addresses are not kept longer than they are needed.
                "file": False,
            }
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Import into the Suppression List"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
            "target": "new",
        }

    def action_open_list(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("spp_email_gateway.action_spp_email_suppression")
        return {**action, "domain": [("id", "in", self.row_ids or [])], "context": {}}

    def _import_lines(self, lines, counts, bad, ids):
        suppression = self.env["spp.email.suppression"]
        good = [line for line in lines if not line.problem]
        own = suppression._own_among([line.address for line in good])
        known = suppression.with_context(active_test=False).search(
            [("address", "in", [line.address for line in good]), ("company_id", "=", self.company_id.id)]
        )
        known = {row.address: row for row in known}
        new = []
        for line in lines:
            if line.problem:
                bad.append((line.number, line.problem, line.raw))
            elif line.address in own:
                bad.append((line.number, self.env._("this database itself reads or sends from it"), line.raw))
            elif line.address not in known:
                new.append(line)
            elif known[line.address].active:
                # What is there says why; a file knows no better.
                counts["known"] += 1
            else:
                facts = {"note": line.note} if line.note else {}
                known[line.address].check_access("write")
                row = suppression._enter(
                    self.company_id.id, line.address, self._entry(line), SuppressionSource.FILE, **facts
                )
                ids.append(row.id)
                counts["new"] += 1
        if new:
            rows = suppression._create_from_file([self._values(line) for line in new])
            ids.extend(rows.ids)
            counts["new"] += len(rows)

    def _entry(self, line):
        now = fields.Datetime.now()
        reason = line.reason
        if reason is SuppressionReason.IMPORTED:
            reason = SuppressionReason(self.reason)
        policy, _learns_refusals = self.env["spp.email.suppression.policy"]._of(self.company_id.id)
        until = line.until or expiry(reason, now, policy)
        return Entry(reason, now, until, Reach.ALL, reason in BOUNCES)

    def _values(self, line):
        entry = self._entry(line)
        return {
            **self.env["spp.email.suppression"]._columns(entry),
            "address": line.address,
            "company_id": self.company_id.id,
            "source": SuppressionSource.FILE.value,
            "last_date": entry.since,
            "note": line.note or False,
        }

    def _problem_text(self, bad):
        lines = [
            self.env._("Line %(number)s: %(problem)s", number=number, problem=words) for number, words, _raw in bad
        ]
        if len(lines) > LONGEST_LIST:
            lines[LONGEST_LIST:] = [self.env._("… and %s more, which the file below has", len(lines) - LONGEST_LIST)]
        return "\n".join(lines) or False

    @api.model
    def _bad_lines(self, bad):
        """Return a CSV file of what was not imported: the line, what is wrong, and the line as it stands."""
        if not bad:
            return False
        with io.StringIO() as target:
            writer = csv.writer(target)
            writer.writerow(["line", "problem", "content"])
            writer.writerows(bad)
            return base64.b64encode(target.getvalue().encode("utf-8-sig"))
