# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Health of the sender check: whether anything can be proved, and what was lost for want of proof."""

from datetime import timedelta

from odoo import api, fields, models

from ..engine.authentication_results import NAMELESS
from ..engine.errors import ConfigurationError, GatewayError
from ..engine.health import HealthFinding, HealthState
from ..engine.outcome import InboundReason
from ..engine.resolver import name_servers
from ..engine.sender_verdict import SenderResult
from .spp_email_sender_resolver import SERVERS_PARAMETER
from .spp_email_sender_step import PROGRAMS_PARAMETER

DAYS = 7
# Names of mailboxes that one finding tells.
MOST_NAMES = 10


class SppEmailSenderTrust(models.AbstractModel):
    _name = "spp.email.sender.trust"
    _description = "Health of the Sender Check"

    @api.model
    def _gateway_health(self):
        return [*self._name_servers_finding(), *self._no_proof_finding(), *self._lost_author_finding()]

    def _ways_in(self):
        """Return the mailboxes that are read, and the intakes: those whose senders are asked about."""
        mailboxes = self.env["fetchmail.server"].search([("state", "=", "done"), ("server_type", "!=", "local")])
        return [*mailboxes, *self.env["spp.email.intake"].search([])]  # pylint: disable=no-search-all

    def _name_servers_finding(self):
        # sudo: a setting of the system, which the finding shows to managers.
        text = self.env["ir.config_parameter"].sudo().get_param(SERVERS_PARAMETER) or ""  # nosemgrep
        try:
            name_servers("" if text.strip().lower() == "none" else text)
        except ConfigurationError as error:
            return [
                HealthFinding(
                    "sender_dns_setting",
                    HealthState.WARNING,
                    self.env._("The DNS servers for the sender check are wrong"),
                    str(error),
                    self.env._(
                        "Correct the system parameter “%s”: IP addresses, separated by commas. Blank: as the system "
                        "has it.",
                        SERVERS_PARAMETER,
                    ),
                )
            ]
        return []

    def _no_proof_finding(self):
        unable = [way for way in self._ways_in() if not way._gateway_sender_trust().servers]
        domain = self.env["mail.alias.domain"].search([], limit=1)
        if not unable or not domain:
            return []
        try:
            self.env["spp.email.sender.resolver"]._resolver().texts(f"_dmarc.{domain.name}")
        except GatewayError:
            return [
                HealthFinding(
                    "sender_not_provable",
                    HealthState.WARNING,
                    self.env._("Nothing can prove who sent a message"),
                    self.env._(
                        "No DNS server answers, so that signatures cannot be checked, and no trusted mail server is "
                        "named for: %s. Whoever writes as one of our users is taken for nobody.",
                        ", ".join(way.name for way in unable[:MOST_NAMES]),
                    ),
                    self._cure(),
                    unable[0]._name,
                    tuple(way.id for way in unable if way._name == unable[0]._name),
                )
            ]
        return []

    def _lost_author_finding(self):
        groups = self.env["spp.email.inbound"]._read_group(
            [
                ("is_author_withheld", "=", True),
                # What is shown to be false has lost nothing.
                ("sender_result", "=", SenderResult.NONE.value),
                ("reason", "=", InboundReason.RECORD_UPDATED.value),
                ("received_date", ">=", fields.Datetime.now() - timedelta(days=DAYS)),
            ],
            ["server_id", "intake_id"],
            ["__count"],
        )
        if not groups:
            return []
        lines = []
        for server, intake, count in groups[:MOST_NAMES]:
            way = intake or server
            name = way.name or self.env._("odoo-mailgate or another program")
            suggested = way.gateway_suggested_server if way else ""
            if suggested:
                noted = "Microsoft 365" if suggested == NAMELESS else suggested
                name = self.env._("%(way)s (senders are noted by %(server)s)", way=name, server=noted)
            lines.append(f"{name}: {count}")
        return [
            HealthFinding(
                "sender_replies_without_author",
                HealthState.WARNING,
                self.env._("Replies of our own users have lost their author"),
                self.env._(
                    "%(count)s replies of the last %(days)s days claim one of our domains or users, and nothing proves "
                    "it. They are in their threads, without an author. %(lines)s",
                    count=sum(count for _server, _intake, count in groups),
                    days=DAYS,
                    lines="; ".join(lines),
                ),
                self._cure(),
            )
        ]

    def _cure(self):
        return self.env._(
            "On the mailbox or intake, name the mail server that notes who sent a message (Senders → Trusted Servers), "
            "or let your outgoing servers sign mail (DKIM) and Odoo reach a DNS server. In an intranet whose server "
            "only lets logged in users send, set “Its Server Authenticates Our Users”; for odoo-mailgate and other "
            "programs, the system parameter “%s”. What a person has uploaded is only proved by a signature.",
            PROGRAMS_PARAMETER,
        )


class SppEmailHealth(models.Model):
    _inherit = "spp.email.health"

    def _health_models(self):
        return [*super()._health_models(), "spp.email.sender.trust"]
