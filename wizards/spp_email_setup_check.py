# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The set-up's live check: servers are made of what was typed, tried, and undone."""

from markupsafe import Markup

from odoo import fields, models
from odoo.exceptions import UserError

from ..engine.connection import Security
from ..engine.provider import PROVIDERS
from ..models.engine_text import said
from ..models.ir_mail_server import ENCRYPTIONS
from ..models.ir_mail_server_oauth import SPP_OAUTH
from ..models.ir_mail_server_quota import LIMIT_FIELDS


class SppEmailSetup(models.TransientModel):
    _inherit = "spp.email.setup"

    outgoing_server_id = fields.Many2one("ir.mail_server", readonly=True, ondelete="set null")
    incoming_server_id = fields.Many2one("fetchmail.server", readonly=True, ondelete="set null")
    outgoing_ok = fields.Boolean(readonly=True)
    outgoing_html = fields.Html(readonly=True, sanitize=False)
    incoming_ok = fields.Boolean(readonly=True)
    incoming_html = fields.Html(readonly=True, sanitize=False)
    waiting_count = fields.Integer(readonly=True, help="Messages that would be taken now.")

    def action_check(self):
        """Log in at both servers, send nothing, and show what was found.

        Raises:
            UserError: something is missing; names the field.
        """
        self.ensure_one()
        self._require_entries()
        self.env["spp.email.binding"]._require_original()
        values = {"step": "check"}
        if self._sends():
            values.update(self._try("outgoing"))
        if self._receives():
            values.update(self._try("incoming"))
        self.write(values)
        return True

    def action_accept(self):
        """Go on after a check that went well."""
        self.ensure_one()
        if not self._is_checked():
            raise UserError(self.env._("The check has to go well first: go back and change what is wrong."))
        return self._go("incoming" if self._receives() else "domain")

    def _is_checked(self):
        return (self.outgoing_ok or not self._sends()) and (self.incoming_ok or not self._receives())

    def _has_servers(self):
        """Return whether this set-up has made its servers, which keep their password."""
        return bool(self.outgoing_server_id or self.incoming_server_id)

    def _require_entries(self):
        missing = [
            name
            for name, used in (
                ("outgoing_host", self._sends()),
                ("outgoing_port", self._sends()),
                ("incoming_host", self._receives()),
                ("incoming_port", self._receives()),
                ("user", self.login_kind != "none"),
                ("oauth_id", self.login_kind == "oauth"),
                ("password", self.login_kind == "password" and not self._has_servers()),
            )
            if used and not self[name]
        ]
        if missing:
            raise UserError(
                self.env._("Fill in the field “%s”.", self._fields[missing[0]]._description_string(self.env))
            )
        if self.login_kind == "none" and self._receives():
            raise UserError(self.env._("A mailbox cannot be read without a login: choose how to log in."))

    # ------------------------------------------------------------------
    # Trying
    # ------------------------------------------------------------------

    def _try(self, kind):
        """Make the server, try it and undo it; return what the set-up keeps of it.

        Settings that the server was seen to answer to (another port or encryption) are taken over where they help.
        """
        make, put_right = (
            (self._make_outgoing, self._right_outgoing)
            if kind == "outgoing"
            else (self._make_incoming, self._right_incoming)
        )
        changes, note, status = {}, "", None
        with self.env.cr.savepoint() as savepoint:
            try:
                server = make()
                diagnosis = server._gateway_diagnose()
                if not diagnosis.ok and diagnosis.suggestion and self.login_kind != "oauth":
                    found = put_right(diagnosis.suggestion)
                    # sudo: the same server, verified as before.
                    make(server.sudo(), found)  # nosemgrep
                    second = server._gateway_diagnose()
                    if second.ok:
                        changes, note = found, diagnosis.suggestion.text
                        diagnosis = second
                is_ok, words = diagnosis.ok, self._words_of(server, diagnosis, note)
                status = getattr(diagnosis, "status", None)
            except UserError as error:
                is_ok, words = False, self._paragraph(str(error))
            savepoint.rollback()
        self.env.invalidate_all(flush=False)
        values = {f"{kind}_ok": is_ok, f"{kind}_html": words, **changes}
        if kind == "incoming":
            values["waiting_count"] = status.unread if status else 0
        return values

    def _words_of(self, server, diagnosis, note):
        """Return the steps of a diagnosis as HTML, and what to do about the one that failed."""
        rows = [
            Markup("<tr><td class='text-nowrap'><i class='fa fa-fw %s' role='img' aria-label='%s'></i> %s</td>"
                   "<td>%s</td></tr>")
            % (
                "fa-check text-success" if step.ok else "fa-times text-danger",
                self.env._("right") if step.ok else self.env._("wrong"),
                said(self.env, step.name.capitalize()),
                said(self.env, step.text),
            )
            for step in diagnosis.steps
        ]
        words = Markup("<table class='table table-sm mb-2'>%s</table>") % Markup().join(rows)
        if note:
            words += self._paragraph(self.env._("The settings were put right: %s", said(self.env, note)))
        if failure := diagnosis.failure:
            words += self._paragraph(server._gateway_failure_text(failure.cure, "", failure.field))
        return words

    def _paragraph(self, text):
        return Markup("<p class='o_spp_email_lines'>%s</p>") % text if text else Markup()

    # ------------------------------------------------------------------
    # Servers of what was typed
    # ------------------------------------------------------------------

    def _make_outgoing(self, server=None, changes=None):
        """Make or change the outgoing server; return it.

        Args:
            server: the one to change; default the one that this set-up made, or that has the same host and login.
            changes: values of the set-up that are not written yet.
        """
        servers = self.env["ir.mail_server"]
        server = server or self.outgoing_server_id or servers.search(
            [("smtp_host", "=", self.outgoing_host), ("smtp_user", "=", self.user or False)], limit=1
        )
        values = self._outgoing_values(changes or {})
        if server:
            # What a person decided on its form is not asked here, and stays.
            kept = ("name", "from_filter", *LIMIT_FIELDS.values())
            server.write({name: value for name, value in values.items() if name not in kept})
            return server
        return servers.create(values)

    def _make_incoming(self, server=None, changes=None):
        """As _make_outgoing, for the mailbox."""
        # Nothing is to be read before all of it is done.
        servers = self.env["fetchmail.server"].with_context(fetchmail_cron_running=True)
        same = [
            ("server", "=", self.incoming_host),
            ("user", "=", self.user),
            ("server_type", "=", self.incoming_protocol),
        ]
        server = server or self.incoming_server_id or servers.search(same, limit=1)
        values = self._incoming_values(changes or {})
        if server:
            server.with_context(fetchmail_cron_running=True).write(
                {name: value for name, value in values.items() if name != "name"}
            )
            return server
        return servers.create({**values, "state": "draft"})

    def _outgoing_values(self, changes):
        now = {name: changes.get(name, self[name]) for name in ("outgoing_port", "outgoing_security")}
        provider = PROVIDERS.get(self.provider)
        values = {
            "name": self.address,
            "smtp_host": self.outgoing_host,
            "smtp_port": now["outgoing_port"],
            "smtp_encryption": _encryption(now["outgoing_security"]),
            "smtp_user": self.user if self.login_kind != "none" else False,
            "smtp_authentication": SPP_OAUTH if self.login_kind == "oauth" else "login",
            "gateway_oauth_id": self.oauth_id.id if self.login_kind == "oauth" else False,
            "gateway_ca_certificate": self.ca_certificate,
            "from_filter": self._from_filter(),
            **self._secret("smtp_pass"),
        }
        if provider:
            if provider.code in dict(self.env["ir.mail_server"]._fields["gateway_provider"].selection):
                values["gateway_provider"] = provider.code
            limits = dict(provider.limits)
            values.update({name: limits.get(window, 0) for window, name in LIMIT_FIELDS.items()})
        return values

    def _from_filter(self):
        """Return what the server may send as: accounts of big providers only as themselves, others for the domain."""
        is_single = self.provider in ("gmail", "microsoft") or not self._is_own_domain()
        return self.address if is_single else self.address_domain

    def _incoming_values(self, changes):
        names = ("incoming_port", "incoming_security", "incoming_protocol")
        now = {name: changes.get(name, self[name]) for name in names}
        values = {
            "name": self.address,
            "server_type": now["incoming_protocol"],
            "server": self.incoming_host,
            "port": now["incoming_port"],
            "is_ssl": now["incoming_security"] == Security.TLS.value,
            "gateway_use_starttls": now["incoming_security"] == Security.STARTTLS.value,
            "user": self.user,
            "gateway_oauth_id": self.oauth_id.id if self.login_kind == "oauth" else False,
            "gateway_ca_certificate": self.ca_certificate,
            **self._secret("password"),
        }
        if self.provider in dict(self.env["fetchmail.server"]._fields["gateway_provider"].selection):
            values["gateway_provider"] = self.provider
        return values

    def _secret(self, name):
        """Return the password under its name on the server; nothing where none was typed, so that the old one stays."""
        if self.login_kind != "password":
            return {name: False}
        secret = self._fields["password"].reveal(self)
        return {name: secret} if secret else {}

    def _right_outgoing(self, suggestion):
        return {"outgoing_port": suggestion.port, "outgoing_security": suggestion.security.value}

    def _right_incoming(self, suggestion):
        return {"incoming_port": suggestion.port, "incoming_security": suggestion.security.value}


def _encryption(security):
    """Return Odoo's name for a verified connection of this kind."""
    return next(name for name, value in ENCRYPTIONS.items() if value == (Security(security or "none"), True))
