# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A way in that can be given to a team, and be confidential: mailboxes and intakes."""

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

CLOSING = ("gateway_team_id", "gateway_is_confidential")


class SppEmailTeamMixin(models.AbstractModel):
    _name = "spp.email.team.mixin"
    _description = "Way In of a Team"

    gateway_team_id = fields.Many2one(
        "spp.email.team",
        string="Team",
        ondelete="restrict",
        index="btree_not_null",
        help="Its members and managers see this mail in the journal and in quarantine; others do not. "
        "Blank: all viewers and officers of the company see it.",
    )
    gateway_is_confidential = fields.Boolean(
        "Confidential",
        help="Only members of the team who are officers read what the messages say. Managers who are not in the team "
        "see that there is mail, its sender and its subject, and can neither open it nor decide about it.",
    )

    @api.constrains(*CLOSING)
    def _check_gateway_team(self):
        for record in self:
            if record.gateway_is_confidential and not record.gateway_team_id:
                raise ValidationError(
                    self.env._("Choose the team that reads this mail: what is confidential needs one.")
                )

    def _gateway_is_closed_to(self, user):
        """Return whether the content of this way's mail is not for ``user``; False for an empty recordset."""
        return bool(self.gateway_is_confidential and not self.gateway_team_id._is_of(user))

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        if any(vals.get("gateway_team_id") for vals in vals_list):
            self.env.user._gateway_forget_rules()
        return records

    def write(self, vals):
        if not self.env.su:
            changed = self.filtered(
                lambda record: (
                    ("gateway_team_id" in vals and vals["gateway_team_id"] != record.gateway_team_id.id)
                    or ("gateway_is_confidential" in vals and not vals["gateway_is_confidential"])
                )
            )
            changed.filtered("gateway_is_confidential").gateway_team_id._check_may_name()
        result = super().write(vals)
        if not vals.keys().isdisjoint(CLOSING):
            self.env.user._gateway_forget_rules()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_of_a_team(self):
        column = "intake_id" if self._name == "spp.email.intake" else "server_id"
        closed = self.filtered("gateway_team_id")
        # sudo: messages that the user may not see count as well.
        journal = self.env["spp.email.inbound"].sudo()  # nosemgrep
        about = "about_intake_id" if self._name == "spp.email.intake" else "about_mailbox_id"
        deliveries = self.env["spp.email.delivery"].sudo()  # nosemgrep: as above
        if closed and (
            journal.search_count(["|", (column, "in", closed.ids), (about, "in", closed.ids)], limit=1)
            or deliveries.search_count([(about, "in", closed.ids)], limit=1)
        ):
            raise UserError(
                self.env._(
                    "The journal holds mail of this team, and would show it to others if its way in were gone. "
                    "Archive it instead, or take the team away first."
                )
            )


class FetchmailServer(models.Model):
    _name = "fetchmail.server"
    _inherit = ["fetchmail.server", "spp.email.team.mixin"]


class SppEmailIntake(models.Model):
    _name = "spp.email.intake"
    _inherit = ["spp.email.intake", "spp.email.team.mixin"]
