# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Those to whom a mailbox or intake is given: they see its mail, and others do not."""

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from .res_users_roles import VIEWER


class SppEmailTeam(models.Model):
    _name = "spp.email.team"
    _description = "Team of a Mailbox"
    _order = "name, id"

    name = fields.Char(required=True)
    active = fields.Boolean(
        default=True, help="Nobody is in a team that is archived: only managers see the mail of its mailboxes."
    )
    member_ids = fields.Many2many(
        "res.users",
        "spp_email_team_user_rel",
        "team_id",
        "user_id",
        string="Members",
        domain=lambda self: [("share", "=", False), ("all_group_ids", "in", self.env.ref(VIEWER).ids)],
        help="Viewers, officers and managers of the email gateway; their role says what they may do.",
    )
    server_ids = fields.One2many(
        "fetchmail.server", "gateway_team_id", string="Mailboxes", readonly=True, context={"active_test": False}
    )
    intake_ids = fields.One2many(
        "spp.email.intake", "gateway_team_id", string="Intakes", readonly=True, context={"active_test": False}
    )

    _name_unique = models.UniqueIndex("(name) WHERE active", "There is a team of this name already.")

    def _is_of(self, user):
        """Return whether ``user`` is a member; nobody is of a team that is archived, or of none."""
        return bool(self.active and user in self.member_ids)

    def _check_may_name(self):
        """Refuse to let outsiders say who sees what is confidential: they would let themselves in.

        Raises:
            AccessError: one of these teams has a confidential mailbox or intake, and the user is neither one of its
                members nor an administrator.
        """
        if self.env.su or self.env.user.has_group("base.group_system"):
            return
        # sudo: who is in, and whether anything is confidential, also of mailboxes in other companies.
        for team in self.sudo():  # nosemgrep
            doors = (*team.server_ids, *team.intake_ids)
            if any(door.gateway_is_confidential for door in doors) and not team._is_of(self.env.user):
                raise AccessError(
                    self.env._(
                        "The mail of this team is confidential: only its members and administrators decide who sees it."
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        teams = super().create(vals_list)
        self.env.user._gateway_forget_rules()
        return teams

    def write(self, vals):
        if {"member_ids", "active"} & vals.keys():
            self._check_may_name()
        result = super().write(vals)
        self.env.user._gateway_forget_rules()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        # sudo: mailboxes of other companies count as well.
        if any(team.server_ids or team.intake_ids for team in self.sudo()):  # nosemgrep
            raise UserError(
                self.env._(
                    "Mailboxes or intakes are given to this team, and would be open to others without it. Give them to "
                    "another team first, or archive this one: then nobody but managers sees their mail."
                )
            )
