# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The set-up's live check: servers as they would be are tried, and nothing is written."""

from markupsafe import Markup

from odoo import fields, models
from odoo.exceptions import UserError

from ..engine.connection import Security
from ..engine.provider import PROVIDERS
from ..models.engine_text import said
from ..models.ir_mail_server import ENCRYPTIONS, OAUTH
from ..models.ir_mail_server_oauth import SPP_OAUTH
from ..models.ir_mail_server_quota import LIMIT_FIELDS

SECRETS = ("smtp_pass", "password")
LINKS = ("gateway_oauth_id", "object_id")


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
            values.update(self._propose_target())
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
        """Return whether all servers are here already, and have their login."""
        return bool(
            (self._known("outgoing") or not self._sends()) and (self._known("incoming") or not self._receives())
        )

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
        """Try the server as it would be; return what the set-up keeps of it.

        Nothing is written: a row that is held while a server is slow keeps the jobs that read and send waiting.
        Settings that the server was seen to answer to (another port or encryption) are taken over where they help.
        """
        changes, note, status = {}, "", None
        try:
            server = self._candidate(kind)
            diagnosis = server._gateway_diagnose()
            if not diagnosis.ok and diagnosis.suggestion and self.login_kind != "oauth":
                found = _put_right(kind, diagnosis.suggestion)
                second = self._candidate(kind, found)._gateway_diagnose()
                if second.ok:
                    changes, note = found, diagnosis.suggestion.text
                    diagnosis = second
            is_ok, words = diagnosis.ok, self._words_of(server, diagnosis, note)
            status = getattr(diagnosis, "status", None)
        except UserError as error:
            is_ok, words = False, self._paragraph(str(error))
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

    def _candidate(self, kind, changes=None):
        """Return a record of the server as it would be, which is not written.

        Args:
            kind: "outgoing" or "incoming".
            changes: values of the set-up that are not written yet.

        Raises:
            UserError: the person may not set it up, or its password would go to another server.
        """
        server = self._known(kind)
        server.check_access("write" if server else "create")
        self.oauth_id.check_access("read")
        values = self._values(kind, server, changes or {})
        candidate = server.new(values, origin=server or None)
        name = "smtp_pass" if kind == "outgoing" else "password"
        if server and name not in values and not candidate._gateway_uses_oauth():
            server._refuse_other_server(name, candidate)
        return candidate

    def _make(self, kind):
        """Make or change the server; return it."""
        server = self._known(kind)
        values = self._values(kind, server, {})
        # Nothing is to be read before all of it is done.
        servers = server.with_context(fetchmail_cron_running=True)
        if server:
            if values:
                servers.write(values)
            return server
        return servers.create(values if kind == "outgoing" else {**values, "state": "draft"})

    def _values(self, kind, server, changes):
        """Return the values of a new server; for one that is here only those that are to become others.

        Args:
            changes: values of the set-up that are not written yet.
        """
        find = self._outgoing_values if kind == "outgoing" else self._incoming_values
        return {
            name: value
            for name, value in find(server, changes).items()
            if not server or name in SECRETS or (server[name].id if name in LINKS else server[name]) != value
        }

    def _outgoing_values(self, server, changes):
        port, security = (changes.get(name, self[name]) for name in ("outgoing_port", "outgoing_security"))
        values = {
            "smtp_host": self.outgoing_host,
            "smtp_port": port,
            "smtp_user": self.user if self.login_kind != "none" else False,
            **self._login_of("outgoing", server),
            **self._authority(),
        }
        is_other = not server or ENCRYPTIONS[server.smtp_encryption or "none"][0].value != security
        # Odoo's addons insist on a connection that is not verified, and a password must not go through it. For others
        # it is not asked here, and stays.
        if is_other or ("smtp_authentication" in values and server.smtp_authentication in OAUTH):
            values["smtp_encryption"] = _encryption(security)
        if not server or server.smtp_host != self.outgoing_host:
            values.update(self._known_provider("ir.mail_server"))
        if server:
            return values
        values.update(name=self.address, from_filter=self._from_filter())
        if provider := PROVIDERS.get(self.provider):
            limits = dict(provider.limits)
            values.update({name: limits.get(window, 0) for window, name in LIMIT_FIELDS.items()})
        return values

    def _from_filter(self):
        """Return what the server may send as: accounts of big providers only as themselves, others for the domain."""
        is_single = self.provider in ("gmail", "microsoft") or not self._is_own_domain()
        return self.address if is_single else self.address_domain

    def _incoming_values(self, server, changes):
        names = ("incoming_port", "incoming_security", "incoming_protocol")
        port, security, protocol = (changes.get(name, self[name]) for name in names)
        values = {
            "server_type": protocol,
            "server": self.incoming_host,
            "port": port,
            "user": self.user,
            **self._login_of("incoming", server),
            **self._authority(),
        }
        if not server or server._gateway_wanted_security().value != security:
            values["is_ssl"] = security == Security.TLS.value
            values["gateway_use_starttls"] = security == Security.STARTTLS.value
        if not server or server.server != self.incoming_host:
            values.update(self._known_provider("fetchmail.server"))
        return values if server else {**values, "name": self.address}

    def _authority(self):
        # Blank says that nothing was typed.
        return {"gateway_ca_certificate": self.ca_certificate} if self.ca_certificate else {}

    def _known_provider(self, model):
        offered = dict(self.env[model]._fields["gateway_provider"].selection)
        return {"gateway_provider": self.provider} if self.provider in offered else {}

    def _login_of(self, kind, server):
        """Return how the server logs in; nothing for one that is here and for which no password was typed."""
        name = "smtp_pass" if kind == "outgoing" else "password"
        secret = self.login_kind == "password" and self._fields["password"].reveal(self)
        if self.login_kind == "password" and not secret and server:
            return {}
        is_oauth = self.login_kind == "oauth"
        if server and is_oauth and server._gateway_uses_oauth() and server.gateway_oauth_id == self.oauth_id:
            return {}
        values = {"gateway_oauth_id": self.oauth_id.id if is_oauth else False, name: secret or False}
        if kind == "outgoing":
            values["smtp_authentication"] = SPP_OAUTH if is_oauth else "login"
        return values


def _put_right(kind, suggestion):
    return {f"{kind}_port": suggestion.port, f"{kind}_security": suggestion.security.value}


def _encryption(security):
    """Return Odoo's name for a verified connection of this kind."""
    return next(name for name, value in ENCRYPTIONS.items() if value == (Security(security or "none"), True))
