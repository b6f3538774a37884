# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A domain is checked: the DNS is asked without any lock held, and what it said is written at once."""

import logging
from datetime import timedelta
from time import monotonic

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, plaintext2html

from ..engine.dns_asking import Asking
from ..engine.dns_look import look
from ..engine.dns_record import RECORD_STATE_WORDS, RecordState, relative_name, worst
from ..engine.errors import ConfigurationError
from ..engine.resolver import make_asking

_logger = logging.getLogger(__name__)

JOB = "spp_email_gateway.ir_cron_domain"
# So many are checked while a person waits: 20 seconds each where the DNS is silent.
MOST_AT_ONCE = 3
# Of one run; what is left is the first of the next one.
MOST_WAITING = 2000
# A job's process is not to be had for others meanwhile.
RUN_SECONDS = 60
PAUSE = timedelta(minutes=10)
# Domains one after the other of which the DNS says nothing: it says nothing of the next one either.
MOST_SILENT = 3


class SppEmailDomain(models.Model):
    _inherit = "spp.email.domain"

    def action_check(self):
        """Ask the DNS now; many domains are left to the scheduled action."""
        self.check_access("write")
        if len(self) > MOST_AT_ONCE:
            # sudo: the right to write was checked; the job checks what was never checked first.
            self.sudo().write({"checked_date": False})  # nosemgrep
            self.env.ref(JOB).sudo()._trigger()  # nosemgrep: as above
            message = self.env._("The domains are being checked. Look again in a minute.")
            return {
                "type": "ir.actions.client",
                "tag": "display_notification",
                "params": {"type": "info", "message": message},
            }
        # Nothing is written before all are looked at: no row is locked while a DNS server makes us wait.
        looks = [(domain, domain._look()) for domain in self]
        for domain, found in looks:
            # sudo: the right to write was checked; records are written by checks only.
            domain.sudo()._note_look(found)  # nosemgrep
        counted = self.sudo()._complaints_by_domain()  # nosemgrep: as above
        for domain in self.sudo():  # nosemgrep: as above
            domain._note_complaints(counted)
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    @api.model
    def _cron_check(self):
        """Find domains, and check each once a day, the one that waits longest first."""
        try:
            resolver = make_asking(self.env["spp.email.sender.resolver"]._resolver_servers())
        except ConfigurationError:
            # Health says so of all that asks the DNS.
            return
        self._find()
        waiting = self.search([], order="checked_date NULLS FIRST, id", limit=MOST_WAITING)
        today = fields.Datetime.subtract(fields.Datetime.now(), hours=20)
        due = waiting.filtered(lambda one: not one.checked_date or one.checked_date < today)
        # From here on this cursor has no transaction: a row that somebody writes while the DNS is waited for could not
        # be written by one that had begun before.
        job, due_ids = self.env["ir.cron"], due.ids
        left = job._commit_progress(remaining=len(due_ids))
        counted = self._counted() if due_ids else {}
        end, silent = monotonic() + RUN_SECONDS, 0
        for number, domain_id in enumerate(due_ids, 1):
            if left <= 0:
                return
            is_silent = self._check_alone(resolver, domain_id, counted)
            silent = silent + 1 if is_silent else 0
            left = job._commit_progress(1, remaining=len(due_ids) - number)
            # Where nobody is asked, nobody is waited for.
            if resolver and silent >= MOST_SILENT:
                # The next run is early enough.
                job._commit_progress(remaining=0)
                return
            if monotonic() >= end and number < len(due_ids):
                # sudo: it calls itself.
                self.env.ref(JOB).sudo()._trigger(at=fields.Datetime.now() + PAUSE)  # nosemgrep
                job._commit_progress(remaining=0)
                return

    def _counted(self):
        with self.env["spp.email.transaction"]._gateway_cursor(read_committed=True) as env:
            return env[self._name]._complaints_by_domain()

    def _check_alone(self, resolver, domain_id, counted):
        """Check one domain in transactions of its own, none of them open while the DNS is waited for.

        Returns:
            Whether the DNS said nothing at all. Never raises for what is wrong with this domain: it comes again in its
            turn, and all others are checked.
        """
        own = self.env["spp.email.transaction"]
        try:
            with own._gateway_cursor(read_committed=True) as env:
                domain = env[self._name].browse(domain_id).exists()
                question = domain and domain._question()
            if not question:
                return False
            found = look(Asking(resolver), question)
            with own._gateway_cursor(read_committed=True) as env:
                domain = env[self._name].browse(domain_id).exists()
                if domain:
                    domain._note_look(found)
                    domain._note_complaints(counted)
        except Exception as error:  # noqa: BLE001 - a row, an answer: one domain's fault, rolled back, is no other's
            _logger.warning("Domain %s was not checked: %s.", domain_id, type(error).__name__)
            with own._gateway_cursor(read_committed=True) as env:
                env.cr.execute(
                    SQL("UPDATE spp_email_domain SET checked_date = %s WHERE id = %s", fields.Datetime.now(), domain_id)
                )
            return False
        return bool(found.records) and all(one.state is RecordState.UNKNOWN for one in found.records)

    def _look(self):
        """Return the engine's DomainLook.

        Raises:
            UserError: the DNS servers in the system parameter are none.
        """
        self.ensure_one()
        try:
            resolver = make_asking(self.env["spp.email.sender.resolver"]._resolver_servers())
        except ConfigurationError as error:
            raise UserError(
                self.env._("The system parameter spp_email_gateway.dns_servers is wrong: %s", error)
            ) from error
        question = self._question()
        # What is read is read: the DNS is waited for with nothing left to write.
        self.env.flush_all()
        return look(Asking(resolver), question)

    def _note_look(self, found):
        """Write what the DNS said; what changed for better or worse goes into the chatter."""
        self.ensure_one()
        old = {(row.kind, row.record_type, row.name): row for row in self.record_ids}
        zone = found.zone or self.zone or self.name
        changes, kept = [], self.record_ids.browse()
        for sequence, checked in enumerate(found.records):
            needed = checked.needed
            values = {
                "sequence": sequence,
                "kind": needed.kind.value,
                "record_type": needed.record_type,
                "name": needed.name,
                "relative_name": relative_name(needed.name, zone),
                "reason": needed.reason,
                "expected": checked.expected,
                "seen": checked.seen,
                "state": checked.state.value,
                "verdict": checked.verdict,
                "facts": checked.facts,
            }
            if checked.state is not RecordState.UNKNOWN:
                values["known_state"] = checked.state.value
            elif (needed.kind.value, needed.record_type, needed.name) in old:
                # What was known stays: that nobody answers says nothing about it.
                for name in ("expected", "seen", "verdict", "facts"):
                    del values[name]
            if checked.state in (RecordState.RIGHT, RecordState.WARNING):
                values["right_date"] = fields.Datetime.now()
            row = old.get((needed.kind.value, needed.record_type, needed.name))
            if row and checked.state is not RecordState.UNKNOWN and row.known_state not in ("new", checked.state.value):
                changes.append((row, RecordState(row.known_state), checked))
            if row:
                row.write(values)
            else:
                row = self.record_ids.create({"domain_id": self.id, **values})
            kept |= row
        (self.record_ids - kept).unlink()
        self.write(
            {
                "checked_date": fields.Datetime.now(),
                "state": worst(checked.state for checked in found.records).value,
                "known_state": worst(RecordState(row.known_state) for row in kept).value,
                "reverse_names": found.reverse,
                "dmarc_policy": found.policy.policy,
                **({"zone": found.zone, "dns_host": found.host, "dns_guide": found.guide} if found.zone else {}),
            }
        )
        if changes:
            self._tell_changes(changes)

    def _tell_changes(self, changes):
        lines = []
        for row, before, checked in changes:
            words = dict(row._fields["state"]._description_selection(self.env))
            lines.append(
                self.env._(
                    "%(record)s was “%(before)s” and is “%(after)s”: %(text)s",
                    record=row.display_name,
                    before=words.get(before.value, RECORD_STATE_WORDS[before]),
                    after=words.get(checked.state.value, RECORD_STATE_WORDS[checked.state]),
                    text=row.text,
                )
            )
        self.message_post(body=plaintext2html("\n".join(lines)), subtype_xmlid="mail.mt_note")
