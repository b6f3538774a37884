# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The way of some claimed mails to their servers: grouped by how they leave, and composed."""

import logging
import time
from dataclasses import dataclass, field, replace

import psycopg2

from odoo import models
from odoo.tools import mail as mail_tools

from ..engine.delivery import RecipientResult
from ..engine.outcome import OutboundReason, OutboundState
from ..engine.trace import TraceStep
from .posting import Posting
from .spp_email_delivery import FINAL, WAITING
from .spp_email_transaction import commit
from .spp_email_transmission import BusyError, Part, Sessions, raw_recipient, recipients_of
from .transaction_answers import DISPATCHING

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Route:
    """One server that mails may leave by, and the From that a session is opened for there.

    Attributes:
        server: record of the outgoing server; empty for the configuration file's.
        steps: why this one.
    """

    server: models.BaseModel
    smtp_from: str
    steps: tuple = ()


@dataclass
class Group:
    """Mails of one batch that leave the same way.

    Attributes:
        routes: where they may leave, best first; the others are for when a server cannot be reached.
        unreachable: {server id: what it means that no session could be had there}.
    """

    mails: models.BaseModel
    alias_domain: models.BaseModel
    company: models.BaseModel
    routes: list
    unreachable: dict = field(default_factory=dict)


class SppEmailDispatch(models.AbstractModel):
    _name = "spp.email.dispatch"
    _description = "Dispatch of Outgoing Emails"

    def _dispatch(self, claims, ledger, end, done):
        """Send claimed mails until ``end``, a time of the monotonic clock.

        The ledger has then what became of each recipient, and the transaction what other addons wrote on the way. The
        mails' own states are not touched: no lock is held on them while a server is waited for.

        Args:
            claims: {mail id: Claim}.
            done: list that the ids of mails are put into as their work is over; where this raises, the mail that it
                raised at is not among them.
        """
        self = self.with_context(**{DISPATCHING: True})
        mails = self.env["mail.mail"].browse(claims)
        known = ledger.known(claims)
        sessions = Sessions(self.env, ledger)
        try:
            for group in self._groups(mails, known):
                if ledger.stop.is_set() or done and time.monotonic() >= end:
                    break
                self._dispatch_group(group, known, ledger, sessions, end, done)
        finally:
            try:
                # Taking leave of a server, and what other addons do at the end of the transaction, may take long.
                ledger.settle()
            finally:
                sessions.give_back()

    def _dispatch_group(self, group, known, ledger, sessions, end, done):
        # What Odoo asks for all mails of a run, for those that need it.
        linked = group.mails.filtered(lambda mail: mail.body_html and "/mail/unfollow" in mail.body_html)
        followers = self.env["mail.followers"]._get_mail_doc_to_followers(linked.ids) if linked else {}
        for mail in group.mails:
            if ledger.stop.is_set() or done and time.monotonic() >= end:
                return
            try:
                self._send_mail(mail, group, followers, known[mail.id], ledger, sessions)
            except BusyError:
                # Other threads have all the sessions that the server may have, or the process ends: they, or the
                # next process, come back for it.
                return
            done.append(mail.id)

    def _give_up(self, claims, ledger, reason, text):
        """Write that nobody is tried any more of claimed mails that cannot be worked on."""
        known = ledger.known(claims)
        for mail in self.env["mail.mail"].browse(claims).exists():
            posting = self._posting(mail)
            for row in known[mail.id].values():
                if row.state not in FINAL:
                    self._note_all(ledger, replace(posting, partner_id=row.partner_id), [row.address], reason, text)
            if not known[mail.id]:
                self._note_all(ledger, posting, self._expected(mail), reason, text)

    def _groups(self, mails, known):
        """Yield a Group for each company, server, alias domain and From."""
        by_company = {}
        for mail in mails:
            by_company.setdefault(mail._gateway_company(), []).append(mail.id)
        for company, mail_ids in by_company.items():
            own = mails.browse(mail_ids).with_context(gateway_company_id=company.id)
            servers = own.env["ir.mail_server"]
            for server_id, alias_domain_id, smtp_from, group_ids in own._split_by_mail_configuration():
                server, found = servers.browse(server_id or ()), own.browse(group_ids)
                if server.owner_user_id:
                    # Odoo's own throttle; what it puts off, or makes anew, is claimed when it is due. It parts a mail
                    # by its recipients, and knows nothing of those who have it already.
                    fresh = found.filtered(lambda mail: not known[mail.id])
                    found = (found - fresh) | (fresh & fresh._split_by_delayed_batch(server))
                # sudo: whoever wrote the mail does not see alias domains.
                domain = self.env["mail.alias.domain"].sudo().browse(alias_domain_id or ())  # nosemgrep
                yield Group(found, domain, company, self._routes(found, server, domain, company, smtp_from))

    def _routes(self, mails, server, alias_domain, company, smtp_from):
        """Return the Routes of mails that leave the same way: the chosen server, then those to fail over to."""
        if not mails:
            return []
        if mails[0].mail_server_id or server.owner_user_id:
            return [Route(server, smtp_from, (TraceStep("server", "the mail names it", f"server {server.id} used"),))]
        asked = self.env["ir.mail_server"].with_context(gateway_company_id=company.id)
        if alias_domain:
            asked = asked.with_context(domain_notifications_email=alias_domain.default_from_email)
        # sudo: whoever wrote the mail does not see servers.
        active = asked.sudo().search([("active", "=", True)])  # nosemgrep
        allowed = mails[0]._filter_mail_mail_servers(active)
        emails_from = mail_tools.email_split_and_format_normalize(mails[0].email_from)
        ways = asked._gateway_ways(emails_from[0] if emails_from else mails[0].email_from, allowed, company)
        routes = [Route(way.server, way.email_from, way.steps) for way in ways]
        # Another addon may choose otherwise.
        chosen = [route for route in routes if route.server == server] or [Route(server, smtp_from)]
        return chosen + [route for route in routes if route.server != server]

    def _send_mail(self, mail, group, followers, known, ledger, sessions):
        """Send all messages of one mail that are due."""
        settled = {}
        for row in known.values():
            if row.state in FINAL or not row.is_due:
                settled.setdefault(row.partner_id, set()).add(row.address.lower())
        server = group.routes[0].server
        posting = self._posting(mail, server, group.company)
        try:
            with ledger.composing():
                emails = mail._prepare_outgoing_list(
                    mail_server=server or mail.mail_server_id, doc_to_followers=followers
                )
        except psycopg2.Error:
            raise
        except Exception as error:  # noqa: BLE001 - another addon's fault; the mail says it
            _logger.warning("Email %s could not be composed: %s.", mail.id, type(error).__name__)
            self._note_all(ledger, posting, self._expected(mail), OutboundReason.NOT_BUILT, str(error))
            return
        if mail.attachment_ids:
            # What the message refers to, access tokens of attachments, must be there when it arrives, whatever else of
            # this transaction fails.
            self.env.flush_all()
            commit(self.env.cr)
        parts = []
        for email in emails:
            partner_id = email["partner_id"].id if email["partner_id"] else None
            parts.append(
                Part(mail, email, replace(posting, partner_id=partner_id), partner_id, settled.get(partner_id, set()))
            )
        self._enlist(parts, known, ledger)
        if not parts and not known:
            no_recipient = self.env["ir.mail_server"].NO_VALID_RECIPIENT
            self._note_all(ledger, posting, ["?"], OutboundReason.NO_RECIPIENT, no_recipient)
        transmission = self.env["spp.email.transmission"]
        try:
            for part in parts:
                transmission._send_part(part, group, ledger, sessions)
        except psycopg2.Error:
            # All of the transaction is undone. A statement in it now would fail, and hide what it ended with.
            raise
        except Exception:
            mail._gateway_untrack(part.email for part in parts if not part.is_handed)
            raise
        mail._gateway_untrack(part.email for part in parts if not part.is_handed)

    def _enlist(self, parts, known, ledger):
        """Give all recipients of a mail their rows, and end those of whom the mail knows nothing any more.

        A contact's address was corrected since, say: who waits under the old one would wait for ever.
        """
        wanted = {
            (part.partner_id, address)
            for part in parts
            for address in recipients_of(part.email) or [raw_recipient(part.email).lower()]
        }
        ledger.cancel(
            [
                row_id
                for row_id, row in known.items()
                if row.state in WAITING and (row.partner_id, row.address.lower()) not in wanted
            ]
        )
        if len(wanted) > 1:
            found = {(row.partner_id, row.address.lower()) for row in known.values()}
            new = [
                (part.posting, [one for one in recipients_of(part.email) if (part.partner_id, one) not in found])
                for part in parts
            ]
            ledger.enlist([(posting, addresses) for posting, addresses in new if addresses])

    def _posting(self, mail, server=None, company=None):
        """Return the Posting of a mail; what is known of its server and company need not be asked again."""
        return Posting(
            mail_id=mail.id,
            mail_message_id=mail.mail_message_id.id or None,
            model=mail.model or None,
            res_id=mail.res_id or None,
            company_id=(mail._gateway_company() if company is None else company).id or None,
            subject=mail.subject or "",
            message_id=mail.message_id or "",
            mail_class=mail._gateway_class(),
            # sudo: the system says what the mail is about, whoever may read that.
            inbound_id=mail.sudo().gateway_inbound_id.id or None,  # nosemgrep
            **mail.sudo()._about(),  # nosemgrep: as above
            server_id=server.id if server else None,
            email_from=mail.email_from or "",
        )

    def _expected(self, mail):
        """Return addresses of a mail that could not even be composed; its raw recipients where there is none."""
        texts = [mail.email_to, mail.email_cc, *mail.recipient_ids.mapped("email")]
        found = [address for text in texts if text for address in mail_tools.email_normalize_all(text)]
        return found or [text for text in texts if text][:1] or ["?"]

    def _note_all(self, ledger, posting, addresses, reason, text):
        result = RecipientResult(OutboundState.FAILED, reason, text=text)
        ledger.note(posting, dict.fromkeys(addresses, result))
