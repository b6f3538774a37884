# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What is held about one address: shown, given out or erased, for a request of the person concerned."""

import base64

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..engine.person_address import person_address


class SppEmailDataSearch(models.TransientModel):
    _name = "spp.email.data.search"
    _description = "Personal Data of an Address"
    _rec_name = "reference"

    address = fields.Char("Email Address", help="In any case, with a name or without.")
    with_details = fields.Boolean(
        "With Subaddresses", default=True, help="ann+news@your-domain.org is ann@your-domain.org as well."
    )
    reference = fields.Char(help="Number of the request in your own files. No name and no address: it stays.")
    include_waiting = fields.Boolean(
        "Give Up What Waits",
        help="Messages that wait or are in quarantine are discarded, emails that were not sent yet are cancelled; then "
        "they are erased too. Otherwise they stay until they are decided, and the report says so.",
    )
    state = fields.Selection(
        [("draft", "Address"), ("found", "Found"), ("more", "More"), ("done", "Done")], default="draft", readonly=True
    )
    line_ids = fields.One2many("spp.email.data.search.line", "search_id", readonly=True)
    has_waiting = fields.Boolean(compute="_compute_has_waiting")
    has_suppression = fields.Boolean(compute="_compute_has_waiting")
    has_privacy_lookup = fields.Boolean(compute="_compute_has_waiting")
    # No relation: the report is written by transactions of its own, which this one does not see.
    request_row = fields.Integer(readonly=True)
    request_type = fields.Char(readonly=True)
    progress = fields.Char(readonly=True)
    archive = fields.Binary(readonly=True, attachment=False)
    archive_name = fields.Char(readonly=True)
    next_part = fields.Json(readonly=True)

    @api.depends("line_ids.waiting_count", "line_ids.place")
    def _compute_has_waiting(self):
        # Its rights are those of the settings' administrators.
        lookup = self.env.get("privacy.lookup.wizard")
        for search in self:
            search.has_waiting = any(line.waiting_count for line in search.line_ids)
            search.has_suppression = "suppression" in search.line_ids.mapped("place")
            search.has_privacy_lookup = lookup is not None and lookup.has_access("create")

    def _person(self):
        """Return the engine's PersonAddress.

        Raises:
            UserError: what was typed is not one address.
        """
        self.ensure_one()
        try:
            return person_address(self.address or "", with_details=self.with_details)
        except ValueError as error:
            raise UserError(
                self.env._("This is not one email address. Enter one, such as ann@your-domain.org.")
            ) from error

    def _data(self):
        return self.env["spp.email.personal.data"]

    def action_search(self):
        """Count what is held, by place.

        Raises:
            UserError: what was typed is not one address.
        """
        found = self._data()._count(self._person())
        words = dict(self.env["spp.email.data.request"]._place_words())
        self.line_ids.unlink()
        self.write(
            {
                "state": "found",
                "request_row": False,
                "request_type": False,
                "progress": False,
                "archive": False,
                "next_part": False,
                "line_ids": [
                    fields.Command.create(
                        {
                            "place": name,
                            "name": words[name],
                            "found_count": count,
                            "kept_count": kept,
                            "waiting_count": waiting,
                            "why": self._why(name, kept, waiting),
                        }
                    )
                    for name, count, kept, waiting in found
                    if count
                ],
            }
        )
        return self._show()

    def _require_own_request(self, person):
        """Go on only with a report that this very dialogue began: its number could be anybody's by RPC.

        Raises:
            AccessError: it is another one's, or about another address.
        """
        request = self.env["spp.email.data.request"].browse(self.request_row or ()).exists()
        is_own = request.user_id == self.env.user and request.address_digest == person.digest
        if (self.request_row or self.next_part) and not (request and is_own):
            raise AccessError(self.env._("Search again: this report belongs to another request."))

    def action_export(self):
        """Put everything, or its next part, into a ZIP file to download.

        Raises:
            UserError: what was typed is not one address.
        """
        person = self._person()
        self._require_own_request(person)
        after = self.next_part or None
        archive, counts, next_part = self._data()._export(person, after)
        requests = self.env["spp.email.data.request"]
        if not after:
            self.request_row, self.request_type = requests._begin("export", person, self.reference).id, "export"
        requests.browse(self.request_row)._add(counts, is_done=not next_part)
        part = after["part"] if after else 1
        self.write(
            {
                "state": "more" if next_part else "done",
                "archive": base64.b64encode(archive),
                # No address: downloads lie in folders for long.
                "archive_name": f"email-data-request-{self.request_row}-part-{part}.zip",
                "next_part": next_part or False,
                "progress": self.env._("Part %s is ready. There is more: export the next part.", part)
                if next_part
                else self.env._("Everything is in the file."),
            }
        )
        return self._show()

    def action_erase(self):
        """Remove what may be removed, for half a minute at most; the next call goes on.

        Raises:
            UserError: what was typed is not one address.
        """
        person = self._person()
        self._require_own_request(person)
        data, requests = self._data(), self.env["spp.email.data.request"]
        data._require_manager()
        request_row = self.request_row if self.request_type == "erase" else 0
        if not request_row:
            with data._gateway_cursor() as env:
                request_row = requests.with_env(env)._begin("erase", person, self.reference).id

        def note(env, removed):
            # With what was removed, or it would not be true after a process died.
            env[requests._name].browse(request_row)._add(removed)

        counts, is_done = data._erase(person, include_waiting=self.include_waiting, note=note)
        with data._gateway_cursor() as env:
            kept = self.with_env(env)._kept(person) if is_done else None
            env[requests._name].browse(request_row)._add({}, kept=kept, is_done=is_done)
        self.env.invalidate_all()
        values = {"request_row": request_row, "request_type": "erase", "archive": False, "next_part": False}
        if is_done:
            self.line_ids.unlink()
            # The address is not kept longer than it is needed.
            values.update(state="done", address=False, progress=self.env._("Done. The report of it stays."))
        else:
            removed = sum(counts.values())
            words = self.env._("%s entries were removed, and there are more: go on.", removed)
            values.update(state="more", progress=words)
        self.write(values)
        return self._show()

    def _kept(self, person):
        """Return what is still held, as the report keeps it."""
        return [
            {"place": name, "count": count, "why": self._why(name, kept, waiting) or self._why_left()}
            for name, count, kept, waiting in self._data()._count(person)
            if count
        ]

    def _why(self, name, kept, waiting):
        """Return in words what of a place stays when it is erased; "" when nothing does."""
        words = []
        if name in ("incoming", "delivery", "report") and kept:
            words.append(self.env._("%s under legal hold stay", kept))
        if waiting:
            words.append(self.env._("%s wait, and stay unless they are given up", waiting))
        if name == "suppression" and kept:
            words.append(self.env._("of %s that say the person wants no mail a digest stays", kept))
        if name == "entry":
            words.append(self.env._("a setting: change it under Allowed Recipients"))
        if name == "former":
            words.append(self.env._("an address of this database, not a person's: stays"))
        if name == "change":
            words.append(self.env._("who changed what and when: stays, without the address"))
        if name == "audit":
            words.append(self.env._("who opened and decided: stays, without the address"))
        return "; ".join(words)

    def _why_left(self):
        return self.env._("belongs to what stays")

    def action_privacy_lookup(self):
        """Open Odoo's own search for a person's records, contacts and messages."""
        person = self._person()
        action = self.env["ir.actions.act_window"]._for_xml_id("privacy_lookup.action_privacy_lookup_wizard")
        return {**action, "context": {"default_email": person.address, "default_name": person.address}}

    def action_open_suppression(self):
        """Open the entries of the suppression list, among them the one that has only the person's digest."""
        domain = self._data()._domains(self._person())["spp.email.suppression"]
        rows = self.env["spp.email.suppression"].with_context(active_test=False).search(domain)
        action = self.env["ir.actions.act_window"]._for_xml_id("spp_email_gateway.action_spp_email_suppression")
        return {**action, "domain": [("id", "in", rows.ids)], "context": {"active_test": False}}

    def action_open_request(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "spp.email.data.request",
            "res_id": self.request_row,
            "views": [(False, "form")],
        }

    def _show(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Personal Data of an Address"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
            "target": "new",
        }
