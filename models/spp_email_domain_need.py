# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which records a domain needs: by its servers, their providers, and what it is used for."""

from odoo import models, tools

from ..engine.dns_look import ADDRESS, DomainQuestion
from ..engine.dns_record import NeededRecord, RecordKind
from ..engine.dns_spf import merge
from ..engine.from_policy import FromPolicy
from ..engine.provider import PROVIDERS
from ..engine.provider_dns import PROVIDER_DNS, provider_of_host, provider_records, spf_term
from ..engine.server_choice import names


class SppEmailDomain(models.Model):
    _inherit = "spp.email.domain"

    def _needed_records(self):
        """Return the engine's NeededRecords of this domain. Extend it with super() to need more."""
        self.ensure_one()
        terms, records, reasons = [], [], []
        for code, host, _name in self._sending_providers():
            provider = PROVIDERS[code].name if code else self.env._("own server %s", host)
            reasons.append(provider)
            if code:
                term = spf_term(code, host)
                terms += [term] if term else []
                records += provider_records(code, self.name, provider, tuple(self._typed(self.selectors)))
        by_name = {(record.kind, record.name): record for record in records}
        needed = [
            NeededRecord(RecordKind.SPF, self.name, merge((), terms), ", ".join(dict.fromkeys(reasons))),
            *by_name.values(),
            self._needed_dmarc(),
            NeededRecord(
                RecordKind.MX,
                self.name,
                "",
                self.env._("answers and bounces"),
                "MX",
                is_required=bool(self.alias_domain_ids),
            ),
        ]
        return needed + [
            NeededRecord(RecordKind.RETURN_PATH, one, "", self.env._("bounces"), ADDRESS)
            for one in self._return_path_domains()
        ]

    def _needed_dmarc(self):
        # sudo: where the reports go is an address of the system.
        own = self.sudo().alias_domain_ids[:1]  # nosemgrep
        address = own.catchall_email or own.bounce_email
        reports = f"; rua=mailto:{address}" if address else ""
        return NeededRecord(
            RecordKind.DMARC, f"_dmarc.{self.name}", f"v=DMARC1; p=none{reports}", self.env._("receivers of your mail")
        )

    def _question(self):
        """Return the engine's DomainQuestion: all that the DNS is asked, and nothing of the database afterwards."""
        self.ensure_one()
        # In English, as all that is stored; it is translated for whoever reads it.
        records = self.with_context(lang="en_US")._needed_records()
        needed = sorted(records, key=lambda record: list(RecordKind).index(record.kind))
        # One SPF record is judged, whoever wants something in it.
        spf = [record for record in needed if record.kind is RecordKind.SPF]
        hosts = [host for code, host, _name in self._sending_providers() if not code]
        return DomainQuestion(
            self.name,
            (*spf[:1], *(record for record in needed if record.kind is not RecordKind.SPF)),
            tuple(dict.fromkeys(hosts)),
            tuple(self._typed(self.sending_addresses)) if hosts else (),
        )

    def _sending_servers(self):
        """Return the outgoing servers that may send as this domain."""
        # sudo: managers of one company see the domain of all, and what it needs is what all of its servers need.
        servers = self.env["ir.mail_server"].sudo().search([])  # nosemgrep # pylint: disable=no-search-all
        return servers.filtered(self._is_sent_by)

    def _is_sent_by(self, server):
        if server.company_id and self.company_id and server.company_id != self.company_id:
            return False
        entries = server._gateway_filter(server.from_filter)
        if entries:
            return names(entries, f"x@{self.name}") or any(
                entry.rpartition("@")[2].lstrip(".") == self.name for entry in entries
            )
        if server.gateway_from_policy == FromPolicy.FORCE.value:
            # Whatever the From was, it leaves as one address.
            address = server.gateway_from_address or server.smtp_user or ""
            return not address or address.lower().rpartition("@")[2] == self.name
        return True

    def _sending_providers(self):
        """Return [(provider's code or "", host, server's name)], each host once."""
        found = {}
        for server in self._sending_servers():
            host = (server.smtp_host or "").strip().lower()
            code = server.gateway_provider if server.gateway_provider in PROVIDER_DNS else provider_of_host(host)
            found.setdefault(host, (code or "", host, server.name))
        if not found:
            host = (tools.config["smtp_server"] or "").strip().lower()
            found[host] = (provider_of_host(host), host, "")
        return [one for host, one in found.items() if host]

    def _return_path_domains(self):
        """Return the domains that bounces of mail From this domain go to."""
        own = self.sudo().alias_domain_ids[:1]  # nosemgrep: as in _needed_dmarc
        company = self.company_id or own.company_ids[:1] or self.env.company
        bounce = own.bounce_email or company.sudo().bounce_email or ""  # nosemgrep: as above
        found = set()
        for server in self._sending_servers():
            host = (server.smtp_host or "").strip().lower()
            code = server.gateway_provider if server.gateway_provider in PROVIDER_DNS else provider_of_host(host)
            if code and not PROVIDER_DNS[code].spf:
                # It puts its own in the place of ours.
                continue
            asked = server.with_context(domain_bounce_address=bounce)
            envelope = asked._gateway_envelope_sender(server, f"x@{self.name}")
            found.add(envelope.rpartition("@")[2].lower())
        return sorted(found - {""})
