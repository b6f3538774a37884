# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What is asked before a message leaves: lists of recipients, pauses, limits."""

from odoo import models

from ..engine.gate import Permit


class SppEmailGate(models.AbstractModel):
    _name = "spp.email.gate"
    _inherit = ["spp.email.transaction"]
    _description = "Gate of Outgoing Emails"

    def _gates(self):
        """Return the names of the methods that are asked, in order; extend by super().

        Each is called with (departure, permit) in the sending thread's Environment, and writes into the Permit. One
        that holds ends the walk. A gate that reserves something (a place in a quota) comes late.
        """
        return []

    def _ask(self, departure):
        """Return the Permit of a Departure."""
        permit = Permit()
        for name in self._gates():
            getattr(self, name)(departure, permit)
            if permit.hold:
                break
        return permit

    def _note(self, departure, results):
        """Learn what became of a departure; extend by super().

        Args:
            results: {recipient: RecipientResult} of the transaction; also when it could not even connect.
        """
