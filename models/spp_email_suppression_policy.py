# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What a company has set for its suppression list."""

from odoo import api, fields, models

from ..engine.suppression import MailClass, SuppressionPolicy, SuppressionReason
from .transaction_answers import asked_once, forget

QUESTION = "suppression policies"


class SppEmailSuppressionPolicy(models.Model):
    _name = "spp.email.suppression.policy"
    _description = "Suppression Policy"
    _order = "company_id, id"
    _rec_name = "company_id"

    company_id = fields.Many2one(
        "res.company", ondelete="cascade", help="Blank: for all companies without a policy of their own."
    )
    soft_count = fields.Integer(
        "Soft Bounces", required=True, default=5, help="So many put an address on the list. 0: never."
    )
    soft_window_days = fields.Integer("Within (days)", required=True, default=30)
    soft_least_days = fields.Integer(
        "On Different Days",
        required=True,
        default=3,
        help="On at least so many: a mailbox that is full for a morning is not dead.",
    )
    learn_refusals = fields.Boolean(
        "Learn from Refusals",
        default=True,
        help="An address that a server refuses as unknown while a mail is sent enters the list, as when a report comes "
        "back.",
    )
    hard_days = fields.Integer(
        "Hard Bounces (days)", required=True, default=180, help="After these an entry expires. 0: never."
    )
    soft_days = fields.Integer("Soft Bounces (days)", required=True, default=30, help="As above. 0: never.")
    complaint_days = fields.Integer("Complaints (days)", required=True, default=0, help="As above. 0: never.")
    apply_transactional = fields.Boolean(
        "Single Messages", default=True, help="What people and workflows write to somebody obeys the list."
    )
    apply_mass = fields.Boolean("Mass Mailings", default=True, help="Mass mailings obey the list.")
    apply_legal = fields.Boolean(
        "Legal Notices",
        help="What is marked as a legal notice, on its template or message, obeys the list. Off: it is always tried.",
    )
    apply_login = fields.Boolean(
        "Invitations, Passwords and Codes",
        help="Mail with a way to log in obeys the list. Off: it is always tried, since somebody waits for it.",
    )

    _company_unique = models.UniqueIndex("(COALESCE(company_id, 0))", "There is a policy for this company already.")
    _numbers_check = models.Constraint(
        "CHECK (soft_count >= 0 AND soft_window_days >= 1 AND soft_least_days >= 1 AND hard_days >= 0"
        " AND soft_days >= 0 AND complaint_days >= 0)",
        "Numbers of bounces and days are 0 or more; the window and the different days are 1 or more.",
    )
    _least_check = models.Constraint(
        "CHECK (soft_count = 0 OR (soft_least_days <= soft_count AND soft_least_days <= soft_window_days))",
        "There cannot be more different days than soft bounces, or than days in which they count.",
    )

    @api.depends("company_id")
    def _compute_display_name(self):
        for policy in self:
            policy.display_name = policy.company_id.name or self.env._("All companies")

    @api.model_create_multi
    def create(self, vals_list):
        forget(self.env, QUESTION)
        return super().create(vals_list)

    def write(self, vals):
        forget(self.env, QUESTION)
        return super().write(vals)

    def unlink(self):
        forget(self.env, QUESTION)
        return super().unlink()

    @api.model
    def _of(self, company_id):
        """Return (SuppressionPolicy, whether refusals are learned from) for a company's mail; None for no company."""
        return asked_once(self.env, QUESTION, company_id, lambda: self._read_of(company_id))

    def _read_of(self, company_id):
        # sudo: a policy binds everybody who causes mail.
        found = self.sudo().search([("company_id", "in", (False, company_id or False))])  # nosemgrep
        row = found.filtered("company_id") or found
        if not row:
            return SuppressionPolicy(), True
        obeying = {
            MailClass.TRANSACTIONAL: row.apply_transactional,
            MailClass.MASS: row.apply_mass,
            MailClass.LEGAL: row.apply_legal,
            MailClass.LOGIN: row.apply_login,
        }
        policy = SuppressionPolicy(
            row.soft_count,
            row.soft_window_days,
            row.soft_least_days,
            {
                SuppressionReason.HARD_BOUNCE: row.hard_days,
                SuppressionReason.SOFT_BOUNCES: row.soft_days,
                SuppressionReason.COMPLAINT: row.complaint_days,
            },
            frozenset(kind for kind, obeys in obeying.items() if obeys),
        )
        return policy, row.learn_refusals
