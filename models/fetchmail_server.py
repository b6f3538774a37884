# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Incoming servers: Odoo's model, form and job, with the gateway's reading and processing under them."""

import hashlib
from datetime import timezone

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import email_normalize, format_datetime

from ..engine.connection import Connection, Password, Security, XOAuth2, default_port
from ..engine.errors import ConfigurationError
from ..engine.health import HealthFinding, HealthState
from ..engine.mailbox import open_mailbox
from ..engine.mailbox_diagnosis import diagnose_mailbox
from ..engine.outcome import INBOUND_REASON_WORDS, InboundReason, InboundState
from .sealed_char import SealedChar, revealing

# Modules whose _connect__ and _imap_login__ the gateway knows how to replace. A mailbox whose connection another
# addon (or a test) makes is read by Odoo's own code.
KNOWN_CONNECTIONS = ("mail", "google_gmail", "microsoft_outlook", "spp_email_gateway")
# A person who clicks Fetch Now waits no longer than this; the rest follows in the background.
FETCH_NOW_SECONDS = 60
# Failures in a row before managers are told: one or two are a server that restarts.
FAILURES_TO_TELL = 3


class FetchmailServer(models.Model):
    _name = "fetchmail.server"
    _inherit = ["fetchmail.server", "spp.email.server.mixin"]

    _gateway_settings = {
        "host": "server",
        "port": "port",
        "security": "is_ssl",
        "certificate": "gateway_ca_certificate",
        "user": "user",
        "password": "password",
    }

    password = SealedChar()
    company_id = fields.Many2one("res.company", help="Company that the mail of this mailbox belongs to.")
    is_ssl = fields.Boolean(default=True)
    gateway_use_starttls = fields.Boolean(
        "STARTTLS", default=True, help="Encrypt the connection with STARTTLS on the usual port (IMAP 143, POP 110)."
    )
    gateway_skip_verification = fields.Boolean(
        "Do Not Verify the Certificate",
        help="Anybody between this system and the server can then read the password and all mail.",
    )
    gateway_security_warning = fields.Char(compute="_compute_gateway_security_warning")
    gateway_personal_warning = fields.Char(compute="_compute_gateway_personal_warning")
    gateway_action = fields.Selection(
        [("create", "Create a new Record"), ("attach", "Attach to a Record"), ("server_action", "Run an Action")],
        string="Action to Perform on Incoming Mails",
        help="What happens to a mail that is no reply and reaches no alias. Blank: it waits in quarantine.",
    )
    gateway_record = fields.Reference(
        selection="_selection_gateway_record", string="Attach to", help="Record that gets all such mails."
    )
    gateway_server_action_id = fields.Many2one(
        "ir.actions.server",
        string="Server Action",
        # It runs as the system: whoever chooses it chooses what the system does.
        groups="base.group_system",
        domain=[("model_id.model", "=", "spp.email.inbound")],
        ondelete="restrict",
        help="Its record is the journal entry, which names the record that the mail was added to, if any; "
        "env.context['gateway_message'] holds subject, email_from, email_to, message_id, text and html.",
    )
    gateway_takes_values = fields.Boolean(
        "Take Values out of Messages",
        help="Incoming rules may fill fields with what senders write in their messages.",
    )
    gateway_envelope_headers = fields.Char(
        "Envelope Headers",
        help="Headers in which your mail server says for which address it delivered a message, the most trusted first. "
        "An alias in them decides where a message goes, also one written to in Bcc. "
        "Blank: X-Original-To, Envelope-To, X-Envelope-To, X-RCPT-To, Delivered-To.",
    )
    gateway_failures = fields.Integer("Failures in a Row", readonly=True, copy=False)
    gateway_next_fetch_date = fields.Datetime(
        "Not Checked Before", readonly=True, copy=False, help="After failures a mailbox is left alone for a while."
    )
    gateway_inbound_count = fields.Integer("Journal", compute="_compute_gateway_inbound_count")

    # ------------------------------------------------------------------
    # Computed fields
    # ------------------------------------------------------------------

    @api.model
    def _selection_gateway_record(self):
        # sudo: names of models, so that the choice is the same for all who may edit a mailbox.
        targets = self.env["ir.model"].sudo().search([("is_mail_thread", "=", True)])  # nosemgrep
        return [
            (model.model, model.name)
            for model in targets
            if model.model in self.env and not self.env[model.model]._abstract
        ]

    @api.depends("is_ssl", "gateway_use_starttls", "gateway_skip_verification", "server_type")
    def _compute_gateway_security_warning(self):
        for server in self:
            if server.server_type == "local":
                server.gateway_security_warning = False
            else:
                server.gateway_security_warning = server._gateway_warning(
                    is_encrypted=server.is_ssl or server.gateway_use_starttls,
                    is_verified=not server.gateway_skip_verification,
                )

    @api.depends("user")
    def _compute_gateway_personal_warning(self):
        for server in self:
            server.gateway_personal_warning = False
            address = email_normalize(server.user) if server.user else False
            if not address:
                continue
            # sudo: only whether the address is a person's is told.
            person = (
                self.env["res.users"].sudo().search_count([("login", "=ilike", address)], limit=1)  # nosemgrep
                or self.env["res.partner"]
                .sudo()  # nosemgrep: as above
                .search_count([("email_normalized", "=", address), ("is_company", "=", False)], limit=1)
            )
            if person:
                server.gateway_personal_warning = self.env._(
                    "This is the address of a person. Connect shared mailboxes only: every mail in it becomes a "
                    "record here, private ones too, and its owner will find it read."
                )

    def _compute_gateway_inbound_count(self):
        counts = dict(
            self.env["spp.email.inbound"]._read_group([("server_id", "in", self.ids)], ["server_id"], ["__count"])
        )
        for server in self:
            server.gateway_inbound_count = counts.get(server, 0)

    @api.onchange("is_ssl", "gateway_use_starttls")
    def _onchange_gateway_encryption(self):
        """Let the port follow the encryption. Odoo's own method does, until microsoft_outlook narrows its trigger."""
        if self.server_type in ("imap", "pop"):
            usual = {default_port(self.server_type, security) for security in Security} | {0}
            if self.port in usual:
                self.port = default_port(self.server_type, self._gateway_wanted_security())

    @api.constrains("gateway_action", "object_id", "gateway_record", "gateway_server_action_id")
    def _check_gateway_action(self):
        # sudo: the server action is not shown to every manager, and must be right all the same.
        for server in self.sudo():  # nosemgrep
            action = server.gateway_server_action_id
            if action and action.model_id.model != "spp.email.inbound":
                raise ValidationError(
                    self.env._("The action of a mailbox must be one for the model “Incoming Email”.")
                )
            missing = {
                "create": not server.object_id and self.env._("Create a New Record"),
                "attach": not server.gateway_record and self.env._("Attach to"),
                "server_action": not server.gateway_server_action_id and self.env._("Server Action"),
            }.get(server.gateway_action)
            if missing:
                raise ValidationError(
                    self.env._("The action for incoming mails needs a value in the field “%s”.", missing)
                )

    # ------------------------------------------------------------------
    # CRUD
    # ------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([self._with_equal_action(vals) for vals in vals_list])

    def write(self, vals):
        before = {server.id: server._gateway_proof() for server in self}
        if "object_id" in vals and not vals["object_id"] and "gateway_action" not in vals:
            # Who creates records cannot do so without a model; the other actions never had one.
            creating = self.filtered(lambda server: server.gateway_action == "create")
            super(FetchmailServer, creating).write({**vals, "gateway_action": False})
            result = super(FetchmailServer, self - creating).write(vals)
        else:
            result = super().write(self._with_equal_action(vals))
        self._require_password_again(vals, "password", before)
        return result

    def _gateway_proof(self):
        is_verified = not self.gateway_skip_verification and self._gateway_wanted_security() is not Security.NONE
        return self.server or "", self.gateway_ca_certificate or "", is_verified

    @api.model
    def _with_equal_action(self, vals):
        """Return ``vals`` with the action and Odoo's ``object_id`` saying the same: *create* means a model is set."""
        if "gateway_action" in vals:
            if vals["gateway_action"] != "create":
                return {**vals, "object_id": False}
        elif vals.get("object_id"):
            return {**vals, "gateway_action": "create"}
        return vals

    @api.model
    def _update_cron(self):
        # sudo: whether mailboxes are checked follows from the mailboxes, which managers set up without being allowed
        # to write on scheduled actions.
        return super(FetchmailServer, self.sudo())._update_cron()  # nosemgrep

    # ------------------------------------------------------------------
    # Connection
    # ------------------------------------------------------------------

    def _gateway_is_foreign(self):
        """Return whether another addon makes the connection of this mailbox."""
        return any(
            not self._defining_module(name).startswith(tuple(f"odoo.addons.{known}." for known in KNOWN_CONNECTIONS))
            for name in ("_connect__", "_imap_login__")
        )

    def _defining_module(self, name):
        return next(cls.__module__ for cls in type(self).__mro__ if name in vars(cls))

    def _gateway_server_key(self):
        """Return the digest that names the mailbox in the journal, whichever record leads to it.

        Not the record's id: a record that is pointed at another mailbox must not take its entries for known ones,
        and two records of one mailbox must not make every message twice.
        """
        self.ensure_one()
        # Without the port: it changes with the encryption, and the mailbox stays. Where two ports of one host lead to
        # two mailboxes of one name, size and digest tell their entries apart.
        name = "\0".join((self._get_connection_type(), (self.server or "").lower(), (self.user or "").lower()))
        return hashlib.sha256(name.encode()).hexdigest()[:32]

    def _connect__(self, allow_archived=False):
        # Only connections of other addons still come here, and Odoo's method reads the password from the record.
        return super(FetchmailServer, revealing(self))._connect__(allow_archived=allow_archived)

    def _gateway_wanted_security(self):
        if self.is_ssl:
            return Security.TLS
        return Security.STARTTLS if self.gateway_use_starttls else Security.NONE

    def _gateway_connection(self):
        """Return the engine's Connection, from the values in force now (mail_environment computes some)."""
        self.ensure_one()
        return Connection(
            self.server or "",
            self.port,
            self._gateway_wanted_security(),
            # Google and Microsoft have public certificates: nothing excuses not to check them.
            verify=not self.gateway_skip_verification or self.server_type not in ("imap", "pop"),
            ca_certificate=self.gateway_ca_certificate or "",
        )

    def _credential(self):
        """Return the engine's credential. The only place where the password is read."""
        self.ensure_one()
        if self.server_type == "gmail":
            return XOAuth2(self.user, self._generate_oauth2_string(self.user, self.google_gmail_refresh_token))
        if self.server_type == "outlook":
            return XOAuth2(self.user, self._generate_outlook_oauth2_string(self.user))
        return Password(self.user or "", self._fields["password"].reveal(self) or "")

    def _gateway_open_mailbox(self):
        """Return an open reader of the mailbox, to be used in a ``with`` block.

        Raises:
            UserError: the mailbox is archived.
            GatewayError, ConfigurationError: it could not be opened.
        """
        self.ensure_one()
        if not self.active:
            raise UserError(self.env._("This mailbox is archived."))
        # In a transaction of its own: refreshing an OAuth token writes on this row, and that lock must be gone
        # before the journal and the note about this check need the row.
        with self.env["spp.email.transaction"]._gateway_cursor() as env:
            server = self.with_env(env)
            connection, credential = server._gateway_connection(), server._credential()
        return open_mailbox(self._get_connection_type(), connection, credential)

    def action_open_journal(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("spp_email_gateway.action_spp_email_inbound")
        return {**action, "domain": [("server_id", "=", self.id)]}

    # ------------------------------------------------------------------
    # Test & Confirm
    # ------------------------------------------------------------------

    def button_confirm_login(self):
        foreign = self.filtered(lambda server: server._gateway_is_foreign())
        if foreign:
            super(FetchmailServer, foreign).button_confirm_login()
        messages = [server._gateway_confirm() for server in self - foreign]
        if not messages:
            return True
        return self._gateway_notification("success", "\n".join(messages))

    def _gateway_confirm(self):
        """Open the mailbox, confirm it and return what was found, in words.

        Raises:
            UserError: names the first step that failed, the field at fault and the cure.
        """
        try:
            diagnosis = diagnose_mailbox(self._get_connection_type(), self._gateway_connection(), self._credential())
        except ConfigurationError as error:
            raise UserError(self._gateway_failure_text(str(error), setting=error.field)) from error
        if not diagnosis.ok:
            failure = diagnosis.failure
            raise UserError(self._gateway_failure_text(failure.text, failure.cure, failure.field))
        self.write(
            {
                "state": "done",
                "error_date": False,
                "error_message": False,
                "gateway_failures": 0,
                "gateway_next_fetch_date": False,
            }
        )
        status = diagnosis.status
        words = [
            self.env._(
                "Connected to folder %(folder)s: %(messages)s messages, %(unread)s of them unread.",
                folder=status.folder or "INBOX",
                messages=status.messages,
                unread=status.unread,
            )
            if self._get_connection_type() == "imap"
            else self.env._("Connected: %s messages in the mailbox.", status.messages)
        ]
        if diagnosis.first_date:
            first = diagnosis.first_date.astimezone(timezone.utc).replace(tzinfo=None)
            words.append(self.env._("The first to be taken is of %s.", format_datetime(self.env, first)))
        elif not status.unread:
            words.append(self.env._("Nothing is waiting to be taken."))
        return " ".join(words)

    # ------------------------------------------------------------------
    # Fetching
    # ------------------------------------------------------------------

    def fetch_mail(self):
        """Read and process this mailbox now and tell what became of the messages."""
        self.ensure_one().check_access("write")
        if self._gateway_is_foreign():
            return super().fetch_mail()
        # sudo: as in Odoo, processing is the system's work; the right to start it was checked above.
        error, new, outcomes = self.env["spp.email.fetching"]._fetch(self.sudo(), FETCH_NOW_SECONDS)  # nosemgrep
        if error is not None:
            raise UserError(self._gateway_failure_text(str(error), setting=getattr(error, "field", "")))
        return self._gateway_notification(*self._gateway_report(new, outcomes))

    def _fetch_mail(self, batch_limit=50):
        foreign = self.filtered(lambda server: server._gateway_is_foreign())
        error = super(FetchmailServer, foreign)._fetch_mail(batch_limit=batch_limit) if foreign else None
        own = self - foreign
        return (self.env["spp.email.fetching"]._fetch(own)[0] if own else None) or error

    def _gateway_report(self, new, outcomes):
        """Return (kind of notification, text) that tells what became of the messages of a run."""
        lines = [self.env._("%s new messages.", new) if new else self.env._("No new messages.")]
        kind = "success"
        for (state, reason), count in sorted(outcomes.items()):
            words = INBOUND_REASON_WORDS[InboundReason(reason)] if reason else state
            lines.append(f"{count} × {words}")
            if state not in (InboundState.DONE.value, InboundState.DUPLICATE.value):
                kind = "warning"
        return kind, "\n".join(lines)

    # ------------------------------------------------------------------
    # Health
    # ------------------------------------------------------------------

    @api.model
    def _gateway_health(self):
        findings = []
        for server in self.search([("state", "=", "done"), ("server_type", "!=", "local")]):
            if server.gateway_failures >= FAILURES_TO_TELL:
                findings.append(
                    HealthFinding(
                        f"mailbox_{server.id}_unreadable",
                        HealthState.FAILURE,
                        self.env._("Mailbox “%s” cannot be read", server.name),
                        self.env._(
                            "Since %(date)s, %(count)s times in a row: %(message)s",
                            date=server.error_date,
                            count=server.gateway_failures,
                            message=server.error_message,
                        ),
                        self.env._("Open the mailbox, press Reset Confirmation and Test & Confirm."),
                    )
                )
        return findings
