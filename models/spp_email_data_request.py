# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What stays of a person's request: who dealt with it, when, and how much it was. Never the address."""

from markupsafe import Markup

from odoo import api, fields, models

# What is counted, in the order in which it is shown: (code, words).
PLACES = (
    ("incoming", "Messages that the person wrote"),
    ("content", "Contents of these messages, as received"),
    ("relayed", "Copies of these messages, as sent on to followers"),
    ("delivery", "Emails to the person"),
    ("report", "Reports about these emails"),
    ("sent", "Copies of these emails, as sent"),
    ("suppression", "Entries of the suppression list"),
    ("event", "History of these entries"),
    ("digest", "Entries of the suppression list of which a digest stays"),
    ("soft", "Counted soft bounces"),
    ("breaker", "Loop breakers"),
    ("notice", "Notices to the person"),
    ("comparison", "Lines of comparisons with a mailbox"),
    ("transcript", "Transcripts of sessions with mail servers"),
    ("entry", "Entries of the allowed recipients"),
    ("former", "Former addresses of this database"),
    ("change", "Changes of settings that name the address"),
    ("audit", "Lines of the audit trail of these messages"),
    ("discarded", "Waiting messages that were discarded"),
    ("cancelled", "Emails not yet sent that were cancelled"),
)


class SppEmailDataRequest(models.Model):
    _name = "spp.email.data.request"
    _description = "Data Subject Request"
    _order = "id desc"
    _rec_name = "request_date"

    request_type = fields.Selection(
        [("export", "Export"), ("erase", "Erasure")], string="What Was Done", required=True, readonly=True
    )
    state = fields.Selection(
        [("begun", "Begun"), ("done", "Done")], required=True, readonly=True, default="begun"
    )
    request_date = fields.Datetime("Begun", required=True, readonly=True, default=fields.Datetime.now)
    done_date = fields.Datetime("Done", readonly=True)
    user_id = fields.Many2one("res.users", string="By", required=True, readonly=True, ondelete="restrict")
    company_id = fields.Many2one("res.company", required=True, readonly=True, default=lambda self: self.env.company)
    reference = fields.Char(readonly=True, help="Number of the request in your own files. No name and no address.")
    address_digest = fields.Char(
        required=True, readonly=True, help="By which it can be told that a request was about an address that you know."
    )
    counts = fields.Json(readonly=True, help="How much was exported or removed, by place.")
    kept = fields.Json(readonly=True, help="How much was left, by place and reason.")
    counts_text = fields.Html("Report", compute="_compute_counts_text", sanitize=False)

    _digest_index = models.Index("(address_digest)")

    @api.depends("counts", "kept")
    def _compute_counts_text(self):
        places = dict(self._place_words())
        for request in self:
            counts = request.counts or {}
            kept = {one["place"]: one for one in request.kept or []}
            rows = Markup().join(
                Markup("<tr><td>%s</td><td class='text-end'>%s</td><td class='text-end'>%s</td><td>%s</td></tr>")
                % (words, counts.get(name, ""), *_left(kept.get(name)))
                for name, words in places.items()
                if name in counts or name in kept
            )
            done = self.env._("Given Out") if request.request_type == "export" else self.env._("Removed")
            request.counts_text = rows and Markup(
                "<table class='table table-sm'><thead><tr><th>%s</th><th class='text-end'>%s</th>"
                "<th class='text-end'>%s</th><th>%s</th></tr></thead><tbody>%s</tbody></table>"
            ) % (self.env._("What"), done, self.env._("Left"), self.env._("Why It Was Left"), rows)

    @api.model
    def _place_words(self):
        return [(code, self.env._(words)) for code, words in PLACES]  # pylint: disable=prefer-env-translation

    @api.model
    def _begin(self, request_type, person, reference=""):
        """Make the report of a request about a PersonAddress; return it."""
        # sudo: nobody writes reports; the caller has checked the right to deal with requests.
        reports = self.sudo()  # nosemgrep: odoo-sudo-without-context
        return reports.create(
            {
                "request_type": request_type,
                "user_id": self.env.uid,
                "company_id": self.env.company.id,
                "reference": reference or False,
                "address_digest": person.digest,
                "counts": {},
            }
        ).with_env(self.env)

    def _add(self, counts, *, kept=None, is_done=False):
        """Add to the counts of a report, and end it.

        Args:
            counts: {place: number}.
            kept: [{"place", "count", "why"}] of what was left.
        """
        self.ensure_one()
        # sudo: as in _begin.
        report = self.sudo()  # nosemgrep: odoo-sudo-without-context
        values = {"counts": {**(report.counts or {})}}
        for name, count in counts.items():
            values["counts"][name] = values["counts"].get(name, 0) + count
        if kept is not None:
            values["kept"] = kept
        if is_done:
            values.update(state="done", done_date=fields.Datetime.now())
        report.write(values)


def _left(kept):
    """Return (number, why) of what was left of a place."""
    return (kept["count"], kept["why"]) if kept else ("", "")
