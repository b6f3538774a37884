# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Intakes: doors for mail that a mail server hands over by HTTP, by the pipe client or by LMTP."""

import os

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL, escape_psql

from ..engine.bearer import bearer_prefix, is_bearer, new_bearer
from ..engine.outcome import selection
from ..engine.rate import Bucket, admit
from ..engine.recipient_policy import RECIPIENT_POLICY_WORDS, RecipientPolicy, judge_recipient

PATH = "/spp_email_gateway/intake"
PIPE_CLIENT = "/spp_email_gateway/static/spp-email-gateway-pipe.py"
MEGABYTE = 1024 * 1024
# PostgreSQL holds no value over a gigabyte, and Odoo's own processing takes several times the size of a message.
LARGEST_SIZE = 200 * MEGABYTE


class SppEmailIntake(models.Model):
    _name = "spp.email.intake"
    _inherit = ["spp.email.transaction"]
    _description = "Email Intake"
    _order = "name, id"

    name = fields.Char(required=True)
    active = fields.Boolean(default=True, help="An archived intake refuses everything; its mail stays in the journal.")
    company_id = fields.Many2one(
        "res.company",
        help="Company that the mail belongs to. Blank: that of the alias domain of the recipient.",
    )
    server_id = fields.Many2one(
        "fetchmail.server",
        string="As Mailbox",
        ondelete="cascade",
        index=True,
        help="Mail is treated as if it had come to this mailbox: its action, attachments and originals.",
    )
    target_model = fields.Selection(
        selection="_selection_target_model",
        string="Create a New Record",
        help="What becomes of a mail that is no reply and reaches no alias. Blank: it waits in quarantine.",
    )
    size_limit = fields.Integer("Size Limit (MB)", required=True, default=25)
    rate_limit = fields.Integer(
        "Messages a Minute", required=True, default=600, help="More are asked to come later. 0: no limit."
    )
    unknown_policy = fields.Selection(
        selection(RECIPIENT_POLICY_WORDS),
        string="Unknown Recipients",
        required=True,
        default=RecipientPolicy.OURS.value,
        help="What becomes of mail for an address that is no alias. Where mail becomes a record anyway, every "
        "address is taken unless all unknown ones are refused.",
    )
    is_envelope_required = fields.Boolean(
        "Recipient Required", help="Refuse mail for which the caller does not say whom it was delivered for."
    )
    # The prefix only finds the digest; the digest is nobody's to read.
    token_prefix = fields.Char("Token", readonly=True, copy=False, index=True, help="Beginning of the token in force.")
    token_digest = fields.Char(readonly=True, copy=False, groups=fields.NO_ACCESS)
    token_date = fields.Datetime("Token Made", readonly=True, copy=False)
    use_ids = fields.One2many("spp.email.intake.use", "intake_id", readonly=True)
    last_used_date = fields.Datetime("Last Used", compute="_compute_use")
    message_count = fields.Integer("Messages Taken", compute="_compute_use", help="Since the intake was made.")
    inbound_count = fields.Integer("Journal", compute="_compute_inbound_count")
    url = fields.Char("Address", compute="_compute_url")
    pipe_url = fields.Char("Pipe Client", compute="_compute_url")
    pipe_line = fields.Char("Command", compute="_compute_url")

    @api.model
    def _selection_target_model(self):
        # By name, not as a relation: managers need not be allowed to read how models are made.
        return self.env["fetchmail.server"]._selection_gateway_record()

    @api.depends("use_ids.last_used_date", "use_ids.message_count")
    def _compute_use(self):
        for intake in self:
            intake.last_used_date = intake.use_ids.last_used_date
            intake.message_count = intake.use_ids.message_count

    def _compute_inbound_count(self):
        counts = dict(
            self.env["spp.email.inbound"]._read_group([("intake_id", "in", self.ids)], ["intake_id"], ["__count"])
        )
        for intake in self:
            intake.inbound_count = counts.get(intake, 0)

    def _compute_url(self):
        for intake in self:
            base = intake.get_base_url()
            intake.url = f"{base}{PATH}"
            intake.pipe_url = f"{base}{PIPE_CLIENT}"
            intake.pipe_line = (
                f"/usr/local/bin/{PIPE_CLIENT.rpartition('/')[2]} --url {intake.url} --database {self.env.cr.dbname}"
                " --token-file /etc/spp-email-gateway.token"
            )

    @api.constrains("size_limit", "rate_limit")
    def _check_limits(self):
        for intake in self:
            if not MEGABYTE <= intake._size_limit_bytes() <= LARGEST_SIZE:
                raise ValidationError(
                    self.env._("The size limit must be between 1 and %s MB.", LARGEST_SIZE // MEGABYTE)
                )
            if intake.rate_limit < 0:
                raise ValidationError(self.env._("The messages a minute cannot be less than 0; 0 means no limit."))

    @api.constrains("server_id", "company_id")
    def _check_company(self):
        for intake in self:
            if intake.server_id.company_id and intake.company_id and intake.server_id.company_id != intake.company_id:
                raise ValidationError(self.env._("The intake and its mailbox must belong to the same company."))

    # ------------------------------------------------------------------
    # Token
    # ------------------------------------------------------------------

    def action_renew_token(self):
        """Make a token, show it once, and let the one before be void from now on."""
        self.ensure_one().check_access("write")
        if not self.active:
            raise UserError(self.env._("This intake is archived. Restore it first."))
        bearer = new_bearer(os.urandom)
        # sudo: the digest is no field that anybody may write; the right to set up intakes was checked above.
        self.sudo().write(  # nosemgrep
            {"token_prefix": bearer.prefix, "token_digest": bearer.digest, "token_date": fields.Datetime.now()}
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Token of %s", self.name),
            "res_model": "spp.email.intake.token",
            "views": [(False, "form")],
            "target": "new",
            # Nowhere stored: it travels in this answer only.
            "context": {"default_token": bearer.text, "default_url": self.url},
        }

    def action_revoke_token(self):
        self.check_access("write")
        # sudo: as in action_renew_token.
        self.sudo().write(  # nosemgrep
            {"token_prefix": False, "token_digest": False, "token_date": False}
        )
        return True

    def action_open_journal(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("spp_email_gateway.action_spp_email_inbound")
        return {**action, "domain": [("intake_id", "=", self.id)]}

    @api.model
    def _authenticate(self, text):
        """Return the intake whose token this is; an empty recordset for any other text, after the same time."""
        prefix = bearer_prefix(text)
        # sudo: the caller is nobody yet.
        intake = self.sudo().search([("token_prefix", "=", prefix)], limit=1) if prefix else self  # nosemgrep
        return intake if is_bearer(text, intake.token_digest or "") else self.browse()

    # ------------------------------------------------------------------
    # What is let in
    # ------------------------------------------------------------------

    def _admit(self):
        """Count one message and return 0, or the seconds to wait when there were too many."""
        self.ensure_one()
        # A transaction of its own: nobody waits for a counter while a message is written.
        with self._gateway_cursor(read_committed=True) as env:
            # Losing a count in a power cut is no harm; waiting for the disk for it would be.
            env.cr.execute("SET LOCAL synchronous_commit TO off")
            env.cr.execute(
                "INSERT INTO spp_email_intake_use (intake_id, message_count) VALUES (%s, 0)"
                " ON CONFLICT (intake_id) DO NOTHING",
                [self.id],
            )
            rows = env.execute_query(
                SQL(
                    "SELECT rate_level, rate_time, extract(epoch FROM clock_timestamp())"
                    " FROM spp_email_intake_use WHERE intake_id = %s FOR UPDATE",
                    self.id,
                )
            )
            level, then, now = rows[0]
            bucket, wait = admit(
                None if then is None else Bucket(level, then), float(now), env[self._name].browse(self.id).rate_limit
            )
            env.cr.execute(
                "UPDATE spp_email_intake_use SET rate_level = %s, rate_time = %s, message_count = message_count + %s,"
                " last_used_date = now() AT TIME ZONE 'UTC' WHERE intake_id = %s",
                [bucket.level, bucket.time, int(not wait), self.id],
            )
        return wait

    def _size_limit_bytes(self):
        return self.size_limit * MEGABYTE

    def _has_target(self):
        """Return whether mail that reaches no alias becomes something all the same."""
        return bool(self.target_model or self.server_id.gateway_action or self.server_id.object_id)

    def _judge(self, recipient):
        """Return the engine's RecipientVerdict about one envelope recipient."""
        self.ensure_one()
        address = recipient.lower()
        return judge_recipient(
            address,
            known=self._known_addresses([address]),
            domains={name.lower() for name in self.env["mail.alias.domain"].search([]).mapped("name")},
            has_target=self._has_target(),
            policy=RecipientPolicy(self.unknown_policy),
        )

    @api.model
    def _known_addresses(self, addresses):
        """Return those of lower-case ``addresses`` that are ours: aliases, bounce, catchall and default-from addresses.

        Extend it for further kinds, such as signed reply addresses.
        """
        return set(self.env["mail.alias.domain"]._find_aliases(addresses))

    def _company_for(self, recipient):
        """Return the company that mail for an address belongs to; empty when nothing says."""
        company = self.company_id or self.server_id.company_id
        if company:
            return company
        name = escape_psql(recipient.rpartition("@")[2])
        domain = self.env["mail.alias.domain"].search([("name", "=ilike", name)], limit=1)
        # A domain of several companies says nothing.
        return domain.company_ids if len(domain.company_ids) == 1 else domain.company_ids.browse()
