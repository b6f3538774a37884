# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the record rules ask of a user. Each answer is made once a user, not once a row."""

from odoo import models
from odoo.fields import Domain

VIEWER = "spp_email_gateway.group_email_gateway_viewer"
OFFICER = "spp_email_gateway.group_email_gateway_officer"
MANAGER = "spp_email_gateway.group_email_gateway_manager"
# The ways in that can be given to a team, as fields of what is about a message, and of the journal.
ABOUT = {"about_mailbox_id": "fetchmail.server", "about_intake_id": "spp.email.intake"}
DOORS = {"server_id": "fetchmail.server", "intake_id": "spp.email.intake", **ABOUT}


class ResUsers(models.Model):
    _inherit = "res.users"

    def _gateway_forget_rules(self):
        """Have the rules made anew: who is in which team, or what a team has, is changed in this transaction."""
        self.env.registry.clear_cache()
        # Another thread may have made them of the old state before this one was committed.
        self.env.cr.postcommit.add(self.env.registry.clear_cache)

    def _gateway_unknown_company(self):
        """Return [False] for those who see what belongs to no company that is known, else [].

        These are managers of all companies, and administrators. Where there is one company only, everything is known
        to be its own, and all who work with the gateway see it.
        """
        self.ensure_one()
        if self.has_group("base.group_system"):
            return [False]
        # sudo: which companies there are, not what is in them.
        companies = self.env["res.company"].sudo().search([])  # nosemgrep  # pylint: disable=no-search-all
        is_of_all = companies <= self.company_ids
        return [False] if is_of_all and (len(companies) == 1 or self.has_group(MANAGER)) else []

    def _gateway_team_domain(self, path="", doors=tuple(DOORS)):
        """Return the domain of what this user sees of mailboxes and intakes that are given to a team.

        Odoo keeps it as it keeps all of a user's rules, until `_gateway_forget_rules`.

        Args:
            path: field that leads to the journal's row, "" for that row itself.
            doors: fields of that row that name the mailbox or intake.
        """
        self.ensure_one()
        return [] if self.has_group(MANAGER) else list(self._gateway_doors(path, "gateway_team_id", doors))

    def _gateway_about_domain(self):
        """As ``_gateway_team_domain``, for rows that are about a message: answers and notices, and what was done."""
        return self._gateway_team_domain(doors=tuple(ABOUT))

    def _gateway_content_domain(self, path="", doors=tuple(DOORS)):
        """As ``_gateway_team_domain``, for what is said in messages: being a manager opens no confidential mailbox."""
        self.ensure_one()
        closed = self._gateway_doors(path, "gateway_is_confidential", doors)
        return list(Domain.AND([self._gateway_team_domain(path, doors), closed]))

    def _gateway_about_content_domain(self):
        """As ``_gateway_content_domain``, for what answers and notices say."""
        return self._gateway_content_domain(doors=tuple(ABOUT))

    def _gateway_doors(self, path, closing, doors):
        """Return the domain of rows that came by no way that the field ``closing`` closes to this user."""
        is_member = Domain("gateway_team_id.member_ids", "in", self.ids)
        # Nobody is in a team that is archived: what was its own stays closed.
        is_open = Domain("gateway_team_id.active", "=", True) & is_member
        closed = Domain(closing, "!=", False) & ~is_open
        before, domains = f"{path}." if path else "", []
        for door in doors:
            # sudo: which ones, for those who may not read any. Mail of an archived one is still there.
            ids = self.env[DOORS[door]].sudo().with_context(active_test=False).search(closed).ids  # nosemgrep
            if ids:
                domains.append(Domain(f"{before}{door}", "not in", ids))
        return Domain.AND(domains)
