# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""How a mailbox is read: which folders, what is taken, what is done afterwards, and within which bounds."""

from dataclasses import replace
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..engine.errors import ConfigurationError, GatewayError
from ..engine.imap_filing import is_keyword
from ..engine.mailbox import After, AfterKind, Selection, Take
from ..engine.reading import Rules
from .engine_text import EngineChar
from .fetchmail_server_start import MOST_AT_FIRST

# Of the time of a session: after this nothing more is begun, so that what was begun can be ended in good order.
WORKING_SHARE = 0.75
_BOUNDS = {
    "gateway_connect_timeout": (1, 60),
    "gateway_read_timeout": (1, 300),
    # Odoo kills a scheduled action's process that was silent for 120 seconds.
    "gateway_session_timeout": (10, 110),
    "gateway_size_limit": (0, 250),
    "gateway_pop_leave_days": (0, 3650),
}


class FetchmailServer(models.Model):
    _inherit = "fetchmail.server"

    gateway_folder_ids = fields.One2many(
        "spp.email.folder", "server_id", string="Folders", context={"active_test": False}
    )
    gateway_take = fields.Selection(
        [("unread", "Unread messages"), ("all", "All messages"), ("since", "All messages since a date")],
        string="Take",
        required=True,
        default="unread",
    )
    gateway_take_since = fields.Date("Since", help="Day on which a message came into the mailbox.")
    gateway_after = fields.Selection(
        [
            ("leave", "Leave them as they are"),
            ("seen", "Mark them as read"),
            ("keyword", "Mark them with a keyword"),
            ("move", "Move them to a folder"),
            ("delete", "Delete them"),
        ],
        string="Then",
        required=True,
        default="seen",
        help="What is done to messages on the mail server once they are safely in the journal.",
    )
    gateway_keyword = fields.Char("Keyword", help="Letters, digits and $ _ . - only, such as Odoo.")
    gateway_processed_folder = fields.Char("Processed Folder", help="It is made if the server does not have it.")
    gateway_after_failure = fields.Selection(
        [("leave", "Leave them there"), ("move", "Move them to a folder")],
        string="Failed Messages",
        required=True,
        default="leave",
        help="Messages that ended in quarantine. They are moved when the mailbox is read the next time.",
    )
    gateway_failed_folder = fields.Char("Failed Folder", help="It is made if the server does not have it.")
    gateway_pop_leave_days = fields.Integer(
        "Leave on the Server (Days)", default=14, help="0: deleted as soon as they are in the journal."
    )
    gateway_size_limit = fields.Integer(
        "Size Limit (MB)",
        default=50,
        help="Of larger messages only the headers are taken, into quarantine. They can be fetched from there. 0: no "
        "limit.",
    )
    gateway_connect_timeout = fields.Integer("Connect Within (Seconds)", default=20)
    gateway_read_timeout = fields.Integer("Answer Within (Seconds)", default=60)
    gateway_session_timeout = fields.Integer(
        "Whole Session Within (Seconds)",
        default=90,
        help="What is not read by then is read the next time. Odoo ends processes that take longer than two minutes.",
    )
    gateway_reading_warning = EngineChar(compute="_compute_gateway_reading_warning")

    @api.depends("gateway_after", "gateway_pop_leave_days", "server_type", "gateway_take", "gateway_size_limit")
    def _compute_gateway_reading_warning(self):
        for server in self:
            is_pop = server.server_type == "pop"
            warnings = []
            if is_pop and not server.gateway_pop_leave_days:
                warnings.append(
                    self.env._("Messages are deleted from the mail server as soon as they are in the journal here.")
                )
            if not is_pop and server.gateway_after == "delete":
                warnings.append(
                    self.env._(
                        "Messages are deleted from the mail server for good. The journal here is then the only copy."
                    )
                )
            if not server.gateway_size_limit:
                warnings.append(self.env._("Without a size limit one very large message can stop this Odoo process."))
            server.gateway_reading_warning = " ".join(warnings) if server.server_type != "local" else False

    # ------------------------------------------------------------------
    # Checks
    # ------------------------------------------------------------------

    @api.constrains(*_BOUNDS)
    def _check_gateway_bounds(self):
        for server in self:
            for name, (least, most) in _BOUNDS.items():
                if not least <= server[name] <= most:
                    raise ValidationError(
                        self.env._(
                            "“%(field)s” must be between %(least)s and %(most)s.",
                            field=self._fields[name]._description_string(self.env),
                            least=least,
                            most=most,
                        )
                    )

    @api.constrains("gateway_take", "gateway_take_since", "gateway_after", "gateway_keyword")
    def _check_gateway_reading(self):
        for server in self:
            if server.gateway_take == "since" and not server.gateway_take_since:
                raise ValidationError(self.env._("Say since which date messages are to be taken."))
            if server.gateway_after == "keyword" and not is_keyword(server.gateway_keyword or ""):
                raise ValidationError(
                    self.env._("The keyword needs up to 64 letters, digits and the signs $ _ . - such as “Odoo”.")
                )

    @api.constrains(
        "gateway_after",
        "gateway_after_failure",
        "gateway_processed_folder",
        "gateway_failed_folder",
        "gateway_folder_ids",
    )
    def _check_gateway_filing(self):
        for server in self:
            wanted = {}
            if server.gateway_after == "move":
                wanted["gateway_processed_folder"] = server.gateway_processed_folder
            if server.gateway_after_failure == "move":
                if server.gateway_after == "delete":
                    raise ValidationError(
                        self.env._("Messages that are deleted cannot be moved to a folder when they fail.")
                    )
                wanted["gateway_failed_folder"] = server.gateway_failed_folder
            if not wanted:
                continue
            # RFC 3501 §5.1: INBOX is written in any case.
            read = {selection.folder.casefold() for selection in server._gateway_selections()}
            for name, folder in wanted.items():
                label = self._fields[name]._description_string(self.env)
                if not folder or not folder.strip() or any(ord(char) < 32 for char in folder):
                    raise ValidationError(self.env._("Enter the name of the folder in “%s”.", label))
                if folder.casefold() in read:
                    raise ValidationError(
                        self.env._(
                            "Messages cannot be moved to the folder “%s”, which is read itself: they would come again "
                            "without end.",
                            folder,
                        )
                    )

    # ------------------------------------------------------------------
    # What the engine is told
    # ------------------------------------------------------------------

    def _gateway_connection(self):
        return replace(
            super()._gateway_connection(),
            connect_timeout=float(self.gateway_connect_timeout or 20),
            read_timeout=float(self.gateway_read_timeout or 60),
            session_timeout=float(self.gateway_session_timeout or 90),
        )

    def _gateway_folder(self, name):
        """Return the ``spp.email.folder`` of that name, empty when there is none."""
        return self.gateway_folder_ids.filtered(lambda folder: folder.name == name)[:1]

    def _gateway_selections(self, floors=None):
        """Return an engine.mailbox.Selection for each folder that is read.

        Args:
            floors: as `spp.email.reading.mark._floors` returns them.
        """
        self.ensure_one()
        floors = floors or {}
        is_imap = self._get_connection_type() == "imap"
        since = self.gateway_take_since if is_imap and self.gateway_take == "since" else None
        begin = self.gateway_start_date if is_imap and self.gateway_start == "now" else None
        if self.gateway_start == "since" and self.gateway_start_date:
            since = max(since or self.gateway_start_date, self.gateway_start_date)
        names = ["INBOX"]
        if is_imap and self.gateway_folder_ids:
            names = self.gateway_folder_ids.filtered("active").mapped("name")
        return tuple(
            Selection(
                name,
                Take.UNREAD if self.gateway_take == "unread" else Take.ALL,
                since=since or None,
                begin=begin or None,
                floor=floors.get(name),
                # Where no flag tells what was taken.
                keeps_floor=is_imap and (self.gateway_take != "unread" or self.gateway_after == "leave"),
                is_new=self.gateway_start == "ask" and self.gateway_take != "since" and name not in floors,
            )
            for name in names
        )

    def _gateway_after_policy(self):
        """Return the engine.mailbox.After."""
        name = {"keyword": self.gateway_keyword, "move": self.gateway_processed_folder}.get(self.gateway_after)
        failed = self.gateway_failed_folder if self.gateway_after_failure == "move" else ""
        return After(AfterKind(self.gateway_after), name or "", failed or "")

    def _gateway_reading_plan(self):
        """Return (selections, rules) for engine.reading.read_mailbox."""
        self.ensure_one()
        is_imap = self._get_connection_type() == "imap"
        days = 0 if is_imap else self.gateway_pop_leave_days
        floors = self.env["spp.email.reading.mark"]._floors(self._gateway_server_key())
        rules = Rules(
            after=self._gateway_after_policy(),
            size_limit=self.gateway_size_limit * 1024 * 1024,
            most_at_first=MOST_AT_FIRST,
            tells=not is_imap or self.gateway_after != "leave",
            told_before=fields.Datetime.now() - timedelta(days=days) if days else None,
            files_failed=is_imap and self.gateway_after_failure == "move",
            seconds=(self.gateway_session_timeout or 90) * WORKING_SHARE,
        )
        return self._gateway_selections(floors), rules

    # ------------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------------

    def action_gateway_choose_folders(self):
        """Ask the server for its folders and show them to choose from.

        Raises:
            UserError: the mailbox cannot be opened.
        """
        self.ensure_one().check_access("write")
        try:
            with self._gateway_open_mailbox() as reader:
                folders = reader.folders()
        except (GatewayError, ConfigurationError) as error:
            raise UserError(self._gateway_failure_text(str(error), setting=error.field)) from error
        choice = self.env["spp.email.folder.choice"]._of(self, folders)
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Choose Folders"),
            "res_model": choice._name,
            "res_id": choice.id,
            "view_mode": "form",
            "target": "new",
        }
