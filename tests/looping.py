# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the tests of mail loops share."""

from ..models.spp_email_loop import LIMIT_PARAMETERS
from .common import GatewayCase, eml

LIMITS = {limit.value: parameter for limit, parameter in LIMIT_PARAMETERS.items()}
ANN = "ann@example.com"


class LoopCase(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.box = cls.mailbox()

    def limit(self, **limits):
        """Set limits, by the engine's names."""
        for name, number in limits.items():
            self.env["ir.config_parameter"].set_param(LIMITS[name], number)

    def flood(self, number, **fields_):
        """Receive so many mails one after the other; return their reasons."""
        return [self.receive(eml(**fields_), self.box).reason for _count in range(number)]

    def held(self, **fields_):
        """Receive one that is held as a loop; return its row."""
        inbound = self.receive(eml(**fields_), self.box)
        self.assertOutcome(inbound, "quarantined", "loop")
        return inbound

    def breakers(self):
        return self.env["spp.email.loop.breaker"].search([])

    def mails(self, address=ANN):
        return self.env["mail.mail"].search([("email_to", "=", address)])
