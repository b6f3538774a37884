# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Answers to the mail of an alias domain: whether its reply addresses are signed, and who may answer into a thread."""

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..engine.outcome import selection
from ..engine.reply_policy import REPLY_POLICY_WORDS, ReplyPolicy
from .transaction_answers import asked_once

PLAIN, CATCHALL, ALL = "plain", "catchall", "all"


class MailAliasDomain(models.Model):
    _inherit = "mail.alias.domain"

    gateway_reply_signing = fields.Selection(
        [
            (PLAIN, "Plain, as Odoo writes them"),
            (CATCHALL, "Signed, where answers go to the catchall"),
            (ALL, "Signed, also where answers would go to an alias"),
        ],
        string="Reply Addresses",
        required=True,
        default=PLAIN,
        help="A signed reply address, such as catchall+k7f…@your-domain.org, names the message that is answered and "
        "the person it was sent to. The answer finds its record even where a mail service has changed the "
        "identifiers of messages on the way.",
    )
    gateway_reply_signing_date = fields.Datetime("Signed Since", readonly=True, copy=False)
    gateway_reply_policy = fields.Selection(
        selection(REPLY_POLICY_WORDS),
        string="Who May Answer",
        required=True,
        default=ReplyPolicy.ANYONE.value,
        help="Whose answers are added to existing records of this domain's companies. An answer of somebody else waits "
        "in quarantine, where an officer can attach it.",
    )
    gateway_subaddress_ids = fields.One2many("spp.email.subaddress", "alias_domain_id")
    gateway_subaddress_state = fields.Selection(
        [
            ("untried", "Not Tried"),
            ("waiting", "On the Way"),
            ("proven", "It Came Back"),
            ("refused", "The Server Refuses It"),
        ],
        string="Test of Signed Addresses",
        compute="_compute_gateway_subaddress",
    )
    gateway_subaddress_text = fields.Text(compute="_compute_gateway_subaddress")

    @api.depends("name", "catchall_alias", "gateway_reply_signing", "gateway_subaddress_ids.state")
    def _compute_gateway_subaddress(self):
        proofs = self.env["spp.email.subaddress"]
        for domain in self:
            proof = proofs._of(domain._origin) if domain._origin else proofs
            example = (domain.catchall_email or "").replace("@", "+k7f…@")
            if not proof:
                state = "untried"
                words = self.env._(
                    "Nobody knows yet whether your mail server delivers mail for %s. Try it, and fetch the mailbox "
                    "that reads the catchall.",
                    example,
                )
            elif proof.state == "proven":
                state = "proven"
                date = fields.Datetime.context_timestamp(self, proof.proven_date)
                words = self.env._(
                    "Mail for %(address)s comes in: a test came back on %(date)s.",
                    address=example,
                    date=f"{date:%Y-%m-%d %H:%M}",
                )
            elif proof.state == "refused":
                state = "refused"
                words = self.env._("The server did not take the test to %s.", example)
            else:
                state = "waiting"
                words = self.env._(
                    "A test to %s has left and is not back yet. If it does not come within minutes of fetching the "
                    "catchall's mailbox, your mail server does not deliver such addresses (in Postfix: "
                    "recipient_delimiter = +; in Microsoft 365: plus addressing).",
                    example,
                )
            domain.gateway_subaddress_state = state
            domain.gateway_subaddress_text = "\n".join(filter(None, (words, proof.result)))

    @api.constrains("gateway_reply_signing", "gateway_reply_policy")
    def _check_gateway_reply(self):
        for domain in self:
            is_signed = domain.gateway_reply_signing != PLAIN
            if domain.gateway_reply_policy == ReplyPolicy.HOLDERS.value and not is_signed:
                raise ValidationError(
                    self.env._(
                        "Nobody has a signed reply address, so all answers would be held. Choose signed reply "
                        "addresses first, or another rule for who may answer."
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        domains = super().create(vals_list)
        domains.filtered(lambda domain: domain.gateway_reply_signing != PLAIN)._gateway_begin_signing()
        return domains

    def write(self, vals):
        begins = self.browse()
        if vals.get("gateway_reply_signing", PLAIN) != PLAIN:
            begins = self.filtered(lambda domain: domain.gateway_reply_signing == PLAIN)
        result = super().write(vals)
        begins._gateway_begin_signing()
        return result

    def _gateway_begin_signing(self):
        """Note since when addresses are signed.

        Raises:
            ValidationError: it is not proved that answers to such addresses come in: they would be lost.
        """
        for domain in self:
            if not self.env["spp.email.subaddress"]._is_proven(domain):
                raise ValidationError(
                    self.env._(
                        "It is not proved yet that mail for addresses such as %s comes in: answers to signed addresses "
                        "could be lost. Try it first with the button below.",
                        (domain.catchall_email or "").replace("@", "+k7f…@"),
                    )
                )
            domain.gateway_reply_signing_date = fields.Datetime.now()

    def _gateway_signs_again(self, address):
        """Note that addresses are signed from now on, where they were plain while a new catchall was not proved."""
        if self.gateway_reply_signing != PLAIN and (self.catchall_email or "").lower() == address.lower():
            self.gateway_reply_signing_date = fields.Datetime.now()

    def action_prove_subaddress(self):
        """Send a mail to the catchall with a signed detail; a mailbox of ours has to take it in.

        Raises:
            UserError: there is no catchall, or nothing to send with.
        """
        self.ensure_one()
        self.check_access("write")
        if not self.catchall_email:
            raise UserError(self.env._("Enter a catchall alias first."))
        # sudo: the right to write on the alias domain was checked.
        proofs = self.env["spp.email.subaddress"].sudo()  # nosemgrep
        # In transactions of their own: the proof's mail may be back before this request ends.
        with proofs._gateway_cursor() as env:
            mine = proofs.with_env(env)
            values = {"alias_domain_id": self.id, "address": self.catchall_email}
            proof_id = (mine._of(self.with_env(env)) or mine.create(values)).id
        with proofs._gateway_cursor() as env:
            proofs.with_env(env).browse(proof_id)._prove()
        self.invalidate_recordset()
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    # ------------------------------------------------------------------
    # Use
    # ------------------------------------------------------------------

    @api.model
    def _gateway_signing_domain(self, reply_to):
        """Return the domain whose signed address takes the place of ``reply_to`` (normalized); empty for none."""
        # sudo: whoever writes a mail has it sent, without a right to see how domains are set up.
        domains = self.sudo()  # nosemgrep
        found = asked_once(
            self.env, "signing domains", reply_to, lambda: domains._gateway_find_signing_domain(reply_to).id
        )
        return domains.browse(found or ())

    def _gateway_find_signing_domain(self, reply_to):
        # A database has a handful of alias domains.
        for domain in self.search([("gateway_reply_signing", "!=", PLAIN)], limit=1000):
            if (domain.catchall_email or "").lower() == reply_to:
                found = domain
                break
        else:
            alias = self.env["mail.alias"].search(
                [
                    ("alias_full_name", "=", reply_to),
                    ("alias_domain_id.gateway_reply_signing", "=", ALL),
                    # All its mail goes to that one record anyway.
                    ("alias_force_thread_id", "in", (False, 0)),
                ],
                limit=1,
            )
            found = alias.alias_domain_id
        return found if found and self.env["spp.email.subaddress"]._is_proven(found) else self.browse()
