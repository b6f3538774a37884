# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Outgoing mail: Odoo's model and queue, with the gateway's lanes behind it."""

from contextlib import contextmanager

from odoo import SUPERUSER_ID, Command, api, fields, models
from odoo.tools import str2bool
from odoo.tools.mail import email_normalize_all

from odoo.addons.base.models.ir_mail_server import MailDeliveryException

from ..engine.errors import GatewayError
from ..engine.outcome import OutboundState
from .spp_email_queue import BULK, MASS, NOW
from .spp_email_transaction import commit

# Odoo's own way: whoever presses Send waits until the server has answered.
IN_REQUEST_PARAMETER = "spp_email_gateway.send_in_request"
# So many mails a request sends itself; inviting a hundred users is no matter of a moment.
FEW = 5
# What a mail is made again of.
OUTLIVING = (
    "subject",
    "body_html",
    "email_from",
    "email_to",
    "email_cc",
    "reply_to",
    "references",
    "headers",
    "message_id",
    "auto_delete",
    "gateway_is_secret",
    "gateway_is_confidential",
    "gateway_inbound_id",
)
# Context keys while a request sends: {Message-ID: {address: RecipientResult}}, and that somebody waits.
RESULTS = "gateway_results"
IN_A_HURRY = "gateway_in_a_hurry"
# And while the queue writes what became of mails.
FOLLOWING = "gateway_following"


class Results(dict):
    """What servers say in one request. Equal to itself only.

    Odoo hands out an Environment again whose context is equal: two empty dictionaries would be one.

    Attributes:
        companies: {Message-ID: id of the company that the mail belongs to}.
    """

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __init__(self, companies=()):
        super().__init__()
        self.companies = dict(companies)


class MailMail(models.Model):
    _inherit = "mail.mail"

    # What the queue looks at; the table holds years of what was sent.
    _gateway_outgoing_index = models.Index("(scheduled_date) WHERE state = 'outgoing'")

    # ------------------------------------------------------------------
    # Into the queue and out of it
    # ------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        mails = super().create(vals_list)
        if self.env["spp.email.sending"]._is_active():
            if len(mails) >= BULK:
                self.env["spp.email.queue"]._place(mails.filtered(lambda mail: mail.state == "outgoing").ids, MASS)
            mails._gateway_wake()
        return mails

    def write(self, vals):
        result = super().write(vals)
        if FOLLOWING in self.env.context:
            return result
        # Other addons write states by themselves.
        if vals.get("state") == "cancel":
            self._gateway_withdraw()
        elif vals.get("state") == "outgoing":
            # Whoever has it already is left out.
            self._gateway_deliveries()._retry()
        if (vals.get("state") == "outgoing" or "scheduled_date" in vals) and self.env["spp.email.sending"]._is_active():
            self._gateway_wake()
        return result

    def _gateway_deliveries(self):
        # sudo: whoever may write on a mail decides about its recipients, without seeing the ledger.
        return self.env["spp.email.delivery"].sudo().search([("mail_id", "in", self.ids)])  # nosemgrep

    def _gateway_wake(self):
        """Have the queue look when these mails are due, once the transaction is committed."""
        now = fields.Datetime.now()
        waiting = self.filtered(lambda mail: mail.state == "outgoing")
        later = {mail.scheduled_date for mail in waiting if mail.scheduled_date and mail.scheduled_date > now}
        sending = self.env["spp.email.sending"]
        if any(not mail.scheduled_date or mail.scheduled_date <= now for mail in waiting):
            sending._call_once()
        for due in later:
            sending._call_once(due)

    # ------------------------------------------------------------------
    # Ways to send
    # ------------------------------------------------------------------

    @api.model
    def process_email_queue(self, email_ids=(), batch_size=1000):
        """Send what is due by the gateway's queue; Odoo's scheduled action calls this, and so do other addons."""
        sending = self.env["spp.email.sending"]
        if not sending._is_active():
            return super().process_email_queue(email_ids=email_ids, batch_size=batch_size)
        # Anybody can call it by RPC; Odoo's own begins with a search.
        self.browse().check_access("read")
        mail_ids = list(email_ids) or None
        if "filters" in self.env.context:
            domain = [("state", "=", "outgoing"), *self.env.context["filters"]]
            found = self.search(domain, limit=batch_size, order="id").ids
            mail_ids = [mail_id for mail_id in found if not email_ids or mail_id in email_ids]
        if mail_ids is None and self.env.context.get("cron_id"):
            sending._send_due(self.env["ir.cron"]._commit_progress())
        else:
            sending._send_due(mail_ids=mail_ids)
        # Odoo's own commits after each mail, too. The threads' work shows in a new transaction only.
        self.env.flush_all()
        commit(self.env.cr)
        self.env.invalidate_all()
        return True

    def send_after_commit(self):
        """Have the queue send once the transaction is committed: whoever writes a message does not wait for SMTP."""
        if not self._gateway_sends_in_background():
            return super().send_after_commit()
        self._gateway_enqueue()
        return None

    def send(self, auto_commit=False, raise_exception=False, post_send_callback=None):
        """Queue and have it sent at once; with ``raise_exception`` wait for the server, for a short time.

        Whoever wants an exception needs to know, and whoever waits for a code or a link in front of the screen is not
        to wait for a worker as well; all others have the ledger.
        """
        if not self.env["spp.email.sending"]._is_active():
            return super().send(auto_commit, raise_exception, post_send_callback)
        if raise_exception or self._gateway_is_waited_for() or not self._gateway_sends_in_background():
            with self._gateway_in_request() as mails:
                return super(MailMail, mails).send(auto_commit, raise_exception, post_send_callback)
            # What may pass is queued instead of failing.
            return True
        self._gateway_enqueue()
        if post_send_callback:
            post_send_callback(self.ids)
        return True

    @api.model
    def _gateway_sends_in_background(self):
        if not self.env["spp.email.sending"]._is_active():
            return False
        # Without the job nobody would come: Odoo sends chatter mail without it, so some switch it off.
        if not self.env["spp.email.sending"]._has_job():
            return False
        # sudo: a setting, no content.
        return not str2bool(self.env["ir.config_parameter"].sudo().get_param(IN_REQUEST_PARAMETER), False)  # nosemgrep

    def _gateway_enqueue(self):
        """Have these mails sent as soon as the transaction is committed, whatever date they were to wait for."""
        waiting = self.filtered(lambda mail: mail.state == "outgoing")
        # Odoo's send() looks at no date.
        waiting.filtered("scheduled_date").scheduled_date = False
        waiting._gateway_deliveries()._hurry()
        if len(waiting) < BULK and not any(mail._gateway_is_mass() for mail in waiting):
            self.env["spp.email.queue"]._place(waiting.ids, NOW)
        self.env["spp.email.sending"]._call_once()

    def _gateway_is_waited_for(self):
        """Return whether these are a few mails with a way to log in, as sign-up and two-factor mail are."""
        return len(self) <= FEW and all(mail.gateway_is_secret for mail in self)

    @contextmanager
    def _gateway_in_request(self):
        """Yield these mails for Odoo's code to send them within the request; what may pass does not raise.

        The request has a short time. What the servers say goes to the ledger in the request's own transaction.
        """
        queue = self.env["spp.email.queue"]
        # A lane that has one of them sends it.
        mine = self.browse(queue._take(self.ids)) & self
        postings = mine._gateway_postings()
        results = Results({name: posting.company_id for name, (posting, _contacts) in postings.items()})
        try:
            yield mine.with_context(**{RESULTS: results, IN_A_HURRY: True})
        except MailDeliveryException as error:
            cause = error.args[1] if len(error.args) > 1 else None
            unreached = isinstance(cause, GatewayError) and not cause.permanent
            if not unreached and not self._gateway_may_pass(results):
                raise
        self.env["spp.email.delivery"]._note_in_request(postings, results)
        queue._release(mine.ids)
        mine.exists()._gateway_outlive(postings, results)

    def _gateway_outlive(self, postings, results):
        """Have what waits, and what was said, outlive a caller that undoes its part of the transaction.

        Odoo's sign-up makes and sends its mail in a savepoint that it always rolls back: a mail that was queued there
        would be gone, and nobody the wiser. What is missing once all is committed is made again.
        """
        waiting = self.filtered(lambda mail: mail.state == "outgoing")
        kept = [
            (
                mail.id,
                {name: mail._fields[name].convert_to_write(mail[name], mail) for name in OUTLIVING}
                | {"recipient_ids": [Command.set(mail.recipient_ids.ids)]},
            )
            for mail in waiting
        ]
        said = {name: (postings[name], answers) for name, answers in results.items() if name in postings}
        if not kept and not said:
            return
        sending = self.env["spp.email.sending"]

        @self.env.cr.postcommit.add
        def make_again():
            with sending._gateway_cursor() as env:
                work = env(user=SUPERUSER_ID)
                there = work["mail.mail"].browse(mail_id for mail_id, _values in kept).exists()
                lost = [values for mail_id, values in kept if mail_id not in there.ids]
                if lost:
                    work["mail.mail"].create(lost)
                work["spp.email.delivery"]._note_what_is_missing(said)

    def _gateway_postings(self):
        """Return {Message-ID: (Posting, {address: id of the contact})} of these mails, as the ledger has them."""
        dispatch = self.env["spp.email.dispatch"]
        return {
            mail.message_id: (
                dispatch._posting(mail),
                {
                    address.lower(): partner.id
                    for partner in mail.recipient_ids
                    for address in email_normalize_all(partner.email or "")
                },
            )
            for mail in self
        }

    def _gateway_may_pass(self, results):
        """Return whether all that servers said about these mails in this request may pass."""
        said = [result for answers in results.values() for result in answers.values()]
        return bool(said) and all(result.state is OutboundState.DEFERRED for result in said)

    # ------------------------------------------------------------------
    # What kind of mail it is
    # ------------------------------------------------------------------

    def _gateway_is_mass(self):
        """Return whether it is part of a mass mailing, where that module is there."""
        return "mailing_id" in self._fields and bool(self.mailing_id)

    def _gateway_class(self):
        return "mass" if self._gateway_is_mass() else "transactional"

    def _gateway_company(self):
        """Return the company that a mail belongs to.

        Its record's, its alias domain's, its server's, its author's, that of whoever made it: the job that sends it
        runs in the main company, to which it need not belong. The present company only where nothing else says.
        """
        self.ensure_one()
        message = self.mail_message_id
        # sudo: users of other companies, of whom only the company is looked at.
        author, writer = message.author_id.sudo(), self.create_uid.sudo()  # nosemgrep
        return (
            message.record_company_id
            or message.record_alias_domain_id._gateway_sole_company()
            or self.mail_server_id.sudo().company_id  # nosemgrep: as above
            or author.company_id
            or author.user_ids[:1].company_id
            # The system itself belongs to the main company, and says nothing by that.
            or (writer.company_id if writer.id != SUPERUSER_ID else writer.company_id.browse())
            or self.env.company
        )
