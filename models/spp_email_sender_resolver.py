# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The process's resolver, and the questions that a message may ask it."""

import threading

from odoo import models
from odoo.modules import module

from ..engine.errors import ConfigurationError
from ..engine.resolver import BATCH_SECONDS, MESSAGE_SECONDS, Questions, make_resolver
from .transaction_answers import answers

# IP addresses of DNS servers, such as "10.0.0.53, 10.0.0.54:5353"; blank: those of the system; "none": nobody is asked.
SERVERS_PARAMETER = "spp_email_gateway.dns_servers"
NOBODY = "none"
# A process serves several databases, each with a setting of its own.
MOST_RESOLVERS = 8

_resolvers = {}
_lock = threading.Lock()


class SppEmailSenderResolver(models.AbstractModel):
    _name = "spp.email.sender.resolver"
    _description = "DNS for Senders"

    def _resolver_servers(self):
        """Return who is asked, as the parameter says it."""
        # sudo: a setting of the system; nobody sees it.
        servers = self.env["ir.config_parameter"].sudo().get_param(SERVERS_PARAMETER) or ""  # nosemgrep
        # A test never asks the world.
        return NOBODY if module.current_test and not servers else servers

    def _resolver(self):
        """Return the engine.resolver.Resolver that all work of this process shares."""
        servers = self._resolver_servers()
        with _lock:
            if servers not in _resolvers:
                try:
                    made = make_resolver(servers)
                except ConfigurationError:
                    # The health check says so; mail goes on without proofs.
                    made = make_resolver(NOBODY)
                if len(_resolvers) >= MOST_RESOLVERS:
                    _resolvers.clear()
                _resolvers[servers] = made
            return _resolvers[servers]

    def _questions(self):
        """Return the engine.resolver.Questions of one message: within what is left of its batch's time."""
        known = answers(self.env)
        left = known.get("sender seconds", BATCH_SECONDS)
        return Questions(self._resolver(), min(MESSAGE_SECONDS, left))

    def _note_time(self, questions, before):
        """Take what ``questions`` needed, which had ``before`` seconds, from its batch's time."""
        known = answers(self.env)
        used = before - questions.seconds_left
        known["sender seconds"] = max(0.0, known.get("sender seconds", BATCH_SECONDS) - used)
