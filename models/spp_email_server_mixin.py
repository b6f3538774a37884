# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What incoming and outgoing servers share: how they are verified, and how they speak to people."""

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine.seal import MASK
from .engine_text import said
from .sealed_field import SealedField

# Where OCA's mail_environment keeps what its file does not say.
RAW = "server_env_defaults"


class SppEmailServerMixin(models.AbstractModel):
    _name = "spp.email.server.mixin"
    _inherit = ["spp.email.sealed.mixin"]
    _description = "Mail Server"

    # Of Odoo's addons google_gmail and microsoft_outlook, whichever of them is installed, and whenever.
    _gateway_secrets = (
        "google_gmail_refresh_token",
        "google_gmail_access_token",
        "microsoft_outlook_refresh_token",
        "microsoft_outlook_access_token",
    )
    # Field of this model for each of the settings that the engine names as being at fault.
    _gateway_settings = {}
    # What the search for settings looks for, and its field for a server of this model.
    _gateway_discovery = ("", "")

    gateway_ca_certificate = fields.Text(
        "Private CA", help="PEM certificates of a private authority that signed the server's certificate."
    )

    def _gateway_warning(self, *, is_encrypted, is_verified):
        """Return what is said on the form about the connection, False when it is safe."""
        if not is_encrypted:
            return self.env._("Password and mail travel in clear text. Anybody on the way can read them.")
        if not is_verified:
            return self.env._(
                "The server's certificate is not verified: somebody on the way can pose as the server and read "
                "password and mail. Untick “Do Not Verify the Certificate”, or give the private CA."
            )
        return False

    def _gateway_failure_text(self, text, cure="", setting=""):
        """Return an error for people: the field at fault, what happened, what to do."""
        parts = []
        if name := self._gateway_settings.get(setting):
            parts.append(self.env._("Check the field “%s”.", self._fields[name]._description_string(self.env)))
        return "\n".join([*parts, *(said(self.env, part) for part in (text, cure) if part)])

    def action_find_settings(self):
        """Open the search for settings, for this server or for a new one."""
        kind, server_field = self._gateway_discovery
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Find Settings"),
            "res_model": "spp.email.discovery",
            "view_mode": "form",
            "target": "new",
            "context": {"default_kind": kind, f"default_{server_field}": self.id if len(self) == 1 else False},
        }

    def _gateway_notification(self, kind, text, title=None):
        """Return the action that shows ``text``, a line a line, and reloads the form behind it."""
        params = {
            "type": kind,
            "message": text,
            "sticky": kind != "success",
            "className": "o_spp_email_lines",
            "next": {"type": "ir.actions.client", "tag": "soft_reload"},
        }
        if title:
            params["title"] = title
        return {"type": "ir.actions.client", "tag": "display_notification", "params": params}

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._refuse_raw(vals)
        return super().create(vals_list)

    def write(self, vals):
        self._refuse_raw(vals)
        return super().write(vals)

    def copy_data(self, default=None):
        # The values that mail_environment keeps go by their own fields: a password belongs to its row.
        vals_list = super().copy_data(default)
        for vals in vals_list:
            for name, value in (vals.pop(RAW, None) or {}).items():
                if name in self._fields and not isinstance(self._fields[name], SealedField):
                    vals.setdefault(name, value)
        return vals_list

    def _refuse_raw(self, vals):
        """Refuse values of mail_environment's own column that do not come from its fields.

        They would pass by all that guards a password: a sealed one could be brought from another server, or be left
        to one that is somewhere else now.
        """
        if RAW not in vals or self.env.su:
            return
        kept_there = [field for field in self._fields.values() if getattr(field, "sparse", None) == RAW]
        if not all(any(self.env.is_protected(field, server) for field in kept_there) for server in self) or not self:
            raise UserError(self.env._("These values are entered in their own fields."))

    def _gateway_proof(self):
        """Return (host, private CA, whether the server must prove who it is): who gets the password."""
        raise NotImplementedError

    def _gateway_proofs(self):
        """Return {id: what ``_gateway_proof`` returns}, without records that are only just being made.

        Where OCA's mail_environment computes these fields they have no value yet, and reading would make that stay.
        """
        host = self._fields[self._gateway_settings["host"]]
        return {server.id: server._gateway_proof() for server in self if not self.env.is_protected(host, server)}

    def _require_password_again(self, vals, password, before):
        """Refuse to give a stored password to another server than it was entered for, and forget tokens.

        Whoever may change where a server is, or whether it must prove who it is, could otherwise have the password
        sent to a server of his own. The system itself (sudo) may: it changes nothing of this on anybody's behalf.

        Args:
            vals: values that were written.
            password: name of the sealed field.
            before: ``_gateway_proofs()`` of the records before the values were written.

        Raises:
            UserError: another server would get the password, and no password came with the values.
        """
        if self.env.su:
            return
        if RAW in self._fields:
            # mail_environment computes host and encryption without saying from what: the cache may be of before.
            self.invalidate_recordset()
        tokens = [name for name in self._gateway_secrets if name in self._fields]
        for record in self.filtered(lambda record: record.id in before):
            if not _is_other_server(before[record.id], record._gateway_proof()):
                continue
            if record[password] and vals.get(password) in (None, MASK):
                record._refuse_stored_password()
            # Tokens are not typed in: they are fetched again. sudo: managers may not read them, and they are removed.
            held = record.sudo()  # nosemgrep: odoo-sudo-without-context
            if found := {name: False for name in tokens if name not in vals and held[name]}:
                held.write(found)

    def _refuse_other_server(self, password, candidate):
        """As ``_require_password_again``, before anything is written.

        Args:
            candidate: record that is not written, of this server as it would be, with the login that is stored.
        """
        # sudo: only whether there are tokens.
        held = self.sudo()  # nosemgrep: odoo-sudo-without-context
        has_login = self[password] or any(name in self._fields and held[name] for name in self._gateway_secrets)
        if has_login and not self.env.su and _is_other_server(self._gateway_proof(), candidate._gateway_proof()):
            self._refuse_stored_password()

    def _refuse_stored_password(self):
        raise UserError(
            self.env._(
                "Enter the password again: it was stored for the server as it was set up, and is not given "
                "to another one, or to one that need not prove who it is."
            )
        )


def _is_other_server(before, after):
    """Return whether somebody else gets the password; both as ``_gateway_proof`` returns them."""
    return before[:2] != after[:2] or (before[2] and not after[2])
