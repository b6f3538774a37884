# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What goes into a support package about one message. Everything is read as the manager who makes it."""

import platform
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version

from odoo import fields, models, release

from ..engine.provider import PROVIDERS
from ..engine.pseudonym import Pseudonyms
from ..engine.summary import named_addresses
from ..engine.support_package import PackageContent, header_of, support_package
from ..engine.timeline import as_text
from .sealed_field import SealedField

LIBRARIES = (
    "imapclient", "aiosmtpd", "cryptography", "dnspython", "dkimpy", "authres", "flufl.bounce", "authlib", "regex",
)  # fmt: skip
# Of these types a value names nobody.
HARMLESS = ("boolean", "integer", "float", "selection", "datetime", "date")
MOST_CHANGES = 500
MOST_MESSAGES = 10
INBOUND = (
    "received_date", "acknowledged_date", "source", "size", "server_size", "is_headers_only", "kind", "state", "reason",
    "detail", "attempts", "starts", "next_attempt_date", "message_id", "email_from", "email_to", "envelope_sender",
    "envelope_recipient", "res_model", "res_id", "sender_result", "sender_reasons", "is_author_withheld",
    "decisions", "trace",
)  # fmt: skip
DELIVERY = (
    "created_date", "attempt_date", "next_attempt_date", "final_date", "state", "reason", "attempts", "recipient",
    "email_from", "envelope_sender", "message_id", "smtp_code", "enhanced_status", "smtp_text", "phase", "remote_id",
    "mail_class", "model", "res_id", "bounce_reason", "bounced_date", "bounce_text", "trace",
)  # fmt: skip


class SppEmailSupport(models.AbstractModel):
    _name = "spp.email.support"
    _description = "Support Package"

    def _package(self, record, content, days):
        """Return the ZIP file about a message.

        Args:
            record: one journal row, delivery or mail.mail that the user may read.
            content: engine PackageContent; more than masked needs the right to read what the message says.
            days: of changes of settings that are put in.

        Raises:
            AccessError: the message, or what it says, is not for this user.
        """
        record.ensure_one().check_access("read")
        is_masked = content is PackageContent.MASKED
        related = self.env["spp.email.timeline"]._related(record)
        if not is_masked and related.inbound & record:
            record._require_content()
        names = self._pseudonyms(related) if is_masked else None
        servers = self._servers(related)
        parts = {
            "about": self._about(record, content),
            "incoming": [self._values(row, INBOUND) for row in related.inbound],
            "deliveries": [self._values(row, DELIVERY) for row in related.delivery],
            "settings": [self._settings(server, is_masked) for server in servers],
            "checks": [self._check(server) for server in servers if "gateway_check_id" in server._fields],
            "changes": self._changes(days, is_masked),
            "domains": self._domains(related),
        }
        timeline = self.env["spp.email.timeline"].with_context(gateway_masked=is_masked)
        texts = {"timeline.txt": as_text(timeline._of(record))}
        messages, headers = [], {}
        for name, data in self._contents(record):
            if content is PackageContent.WHOLE:
                messages.append((name, data))
            else:
                headers[f"{name}-header.txt"] = names.headers(data) if names else header_of(data)
        if names:
            for row in parts["incoming"]:
                if "decisions" in row:
                    row["decisions"] = [self._decision(step) for step in row["decisions"]]
            # What is read first may name a host of an address that comes later.
            names.learn(str(parts))
            parts, texts = names.value(parts), names.value(texts)
        return support_package(parts, {**texts, **headers}, messages)

    # ------------------------------------------------------------------
    # About the installation
    # ------------------------------------------------------------------

    def _about(self, record, content):
        # sudo: which version of the addon this is.
        module = self.env["ir.module.module"].sudo().search([("name", "=", "spp_email_gateway")], limit=1)  # nosemgrep
        found = {}
        for name in LIBRARIES:
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                found[name] = "?"
        return {
            "what": f"{record._name} {record.id}",
            "content": content.value,
            "made": fields.Datetime.now(),
            "odoo": release.version,
            "addon": module.installed_version or "",
            "python": platform.python_version(),
            "postgresql": self.env.cr.connection.server_version,
            "libraries": found,
        }

    def _servers(self, related):
        """Return [record] of the servers that had to do with the message, as far as the manager sees them."""
        found = []
        for model, ids in (
            ("fetchmail.server", related.inbound.server_id.ids),
            ("spp.email.intake", related.inbound.intake_id.ids),
            ("ir.mail_server", (related.delivery.server_id | related.mail.mail_server_id).ids),
        ):
            found += self.env[model].with_context(active_test=False).search([("id", "in", ids)])
        return found

    def _settings(self, server, is_masked):
        """Return the kept settings of a server: no secrets, and where it is masked no texts either."""
        values = {"model": server._name, "id": server.id, "active": server.active}
        for name in server._gateway_kept:
            field = server._fields.get(name)
            if field is None or isinstance(field, SealedField) or not server._has_field_access(field, "read"):
                continue
            values[name] = self._setting(field, server[name], is_masked)
        return values

    def _setting(self, field, value, is_masked):
        if field.type in ("many2one", "one2many", "many2many"):
            return value.ids
        if field.type in HARMLESS or not is_masked:
            return value
        return "(set)" if value else ""

    def _check(self, server):
        check = server.gateway_check_id
        return {
            "model": server._name,
            "id": server.id,
            "date": check.date,
            "state": check.state,
            "steps": [{name: step[name] for name in ("name", "ok", "seconds")} for step in check.steps or []],
        }

    def _changes(self, days, is_masked):
        now = fields.Datetime.now()
        found = self.env["spp.email.change"]._between(now - timedelta(days=days), now, self.env.company)
        return [
            {
                "date": change.date,
                "user": change.user_id.id,
                "origin": change.origin,
                "kind": change.kind,
                "model": change.model,
                "id": change.res_id,
                "field": change.field,
                "old": self._changed(change, change.old, is_masked),
                "new": self._changed(change, change.new, is_masked),
            }
            for change in found[-MOST_CHANGES:]
        ]

    def _changed(self, change, value, is_masked):
        model = self.env.get(change.model)
        field = model._fields.get(change.field) if model is not None else None
        if not is_masked or (field is not None and field.type in HARMLESS):
            return value
        return "(set)" if value else ""

    def _domains(self, related):
        """Return what DNS was last seen to say of our domains in this message; nothing without the DNS part."""
        if "spp.email.domain" not in self.env or not self.env["spp.email.domain"].has_access("read"):
            return []
        values = [*related.inbound.mapped("email_to"), *related.delivery.mapped("email_from")]
        domains = {address.rpartition("@")[2].lower() for _name, address in named_addresses(filter(None, values))}
        return [
            {
                "domain": domain.name,
                "state": domain.state,
                "checked": domain.checked_date,
                "records": [
                    {name: record[name] for name in ("kind", "name", "expected", "seen", "state")}
                    for record in domain.record_ids
                ],
            }
            for domain in self.env["spp.email.domain"].search([("name", "in", list(domains))])
        ]

    # ------------------------------------------------------------------
    # About the message
    # ------------------------------------------------------------------

    def _values(self, row, columns):
        found = {name: row[name] for name in columns if name in row._fields}
        return {"id": row.id, **{name: value for name, value in found.items() if value not in (False, None, "")}}

    def _contents(self, record):
        """Return [(name, bytes)] of the message that the package is about."""
        if record._name == "spp.email.inbound":
            # Masked, a manager who is not of a confidential mailbox's team gets no header either.
            data = self.env["spp.email.content"]._load(record.id) if record._may_see_content() else None
            return [(f"received-{record.id}", data)] if data is not None else []
        column = "delivery_ids" if record._name == "spp.email.delivery" else "mail_id"
        sent = self.env["spp.email.sent.content"].search([(column, "in", record.ids)], limit=MOST_MESSAGES)
        found = [(f"sent-{one.id}", one._load()) for one in sent]
        return [(name, data) for name, data in found if data is not None]

    def _pseudonyms(self, related):
        """Return the Pseudonyms that hide who and what this message is about."""
        hidden = [*related.inbound.mapped("subject"), *related.delivery.mapped("subject")]
        hidden += [*related.message.mapped("subject"), *related.mail.mapped("subject")]
        headers = [*related.inbound.mapped("email_from"), *related.inbound.mapped("email_to")]
        headers += [*related.delivery.mapped("email_from"), *related.message.mapped("email_from")]
        hidden += [name for name, _address in named_addresses(filter(None, headers))]
        hidden += related.delivery.partner_id.mapped("name")
        servers = self._servers(related)
        for server in servers:
            hidden += [server.name, *(server[name] for name in ("server", "smtp_host") if name in server._fields)]
        hidden += self._actors(related).mapped("name")
        places = [place for one in PROVIDERS.values() for place in (one.outgoing, one.incoming) if place]
        hosts = {place.host for place in places if "<" not in place.host}
        known = {".".join(host.split(".")[-2:]) for host in hosts} | {"gmail.com", "outlook.com"}
        return Pseudonyms([word for word in hidden if word and word not in hosts], known)

    def _actors(self, related):
        """Return the users who are named in decisions, audit trail and message, also archived and portal ones."""
        users = self.env["res.users"]
        for rows in (related.inbound, related.delivery, related.mail, related.message, related.suppression):
            # sudo: whoever it was must not be named, also where the manager does not see them.
            rows = rows.sudo()  # nosemgrep
            for name in ("create_uid", "write_uid"):
                if name in rows._fields:
                    users |= rows[name]
            domain = [("model", "=", rows._name), ("res_id", "in", rows.ids)]
            users |= rows.env["spp.email.audit"].search(domain).user_id
        # "decided by" is "user 2 (Ann), …": the id is before the name.
        found = [step.get("found") or "" for row in related.inbound for step in row.decisions or ()]
        ids = [words.split()[1] for words in found if words.startswith("user ") and len(words.split()) > 1]
        # sudo: as above.
        users = users.sudo() | users.sudo().browse(int(one) for one in ids if one.isdecimal()).exists()  # nosemgrep
        # sudo: the author of a message may be a contact whose user is archived.
        partners = related.message.sudo().author_id | users.partner_id  # nosemgrep
        return partners

    def _decision(self, step):
        """Return a remembered decision without the name, as short as it may be: "user 2, …"."""
        found = step.get("found") or ""
        if found.startswith("user ") and " (" in found and ")" in found:
            step = {**step, "found": found.partition(" (")[0] + found.rpartition(")")[2]}
        return step
