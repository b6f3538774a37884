# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The keys at work: opened once for each session and domain, within the process that sends."""

from datetime import timedelta

from odoo import SUPERUSER_ID, api, fields, models
from odoo.tools import SQL

from ..engine.dkim_private_key import read_private_key
from ..engine.dkim_signing import DkimSigner, DomainSigning, SigningKey, parents_of
from ..engine.errors import ConfigurationError

# Health says it for a day: each batch of mail need not write it anew.
NOTE_AGAIN = timedelta(minutes=10)
NO_KEY = "no key of it may sign now"


class SppEmailDkimKey(models.Model):
    _inherit = "spp.email.dkim.key"

    @api.model
    def _signer(self):
        """Return the engine.dkim_signing.DkimSigner of one session. Keys are opened when the first mail needs them."""
        # sudo: whoever writes a mail has it signed; keys leave this model as what signs only.
        keys = self.sudo()  # nosemgrep: odoo-sudo-without-context
        signer = DkimSigner(lambda name: keys._signing_of(name, signer.owner))
        # The system itself belongs to the main company, and says nothing by that.
        company = self.env["ir.mail_server"]._gateway_company()
        is_known = self.env.context.get("gateway_company_id") or self.env.uid != SUPERUSER_ID
        signer.owner = company.id if is_known else None
        return signer

    @api.model
    def _signing_of(self, name, company_id=None):
        """Return the engine.dkim_signing.DomainSigning of a domain of a From, in ASCII form.

        Its own keys sign; where it has none, those of the closest domain above that signs for its subdomains too. An
        aligned signature may be a parent's unless DMARC asks for the very same domain (adkim=s).

        Args:
            company_id: whose mail it is; None where nobody knows. A company's domain signs for it and its branches.
        """
        above = parents_of(name)
        # Archived ones too: their mail is to be signed as before.
        domains = (
            self.env["spp.email.domain"]
            .with_context(active_test=False)
            .search([("name", "in", [name, *above])], limit=20)
        )
        by_name = {domain.name: domain for domain in domains}
        own = by_name.get(name)
        covering = [by_name[parent] for parent in above if parent in by_name and by_name[parent].dkim_subdomains]
        covering = [domain for domain in covering if domain._signs_for(company_id)]
        required = any(domain.dkim_is_required for domain in [*filter(None, [own]), *covering[:1]])
        problem = ""
        if own and not own._signs_for(company_id):
            # What it asks of its mail holds for whoever uses its name; its keys are its company's.
            problem = NO_KEY if own._signing_keys()[0] else ""
            own = None
        for domain in [*filter(None, [own]), *covering]:
            keys, failure = domain._signing_keys()
            problem = problem or failure
            if keys:
                return DomainSigning(keys, required)
        return DomainSigning((), required, problem)

    @api.model
    def _note_unsigned(self, problems):
        """Remember, for Health, which domains' mail left without the signature it ought to have.

        Args:
            problems: {domain: words} of a session.
        """
        if not problems:
            return
        now = fields.Datetime.now()
        # By a cursor of its own: the caller's transaction may be undone. READ COMMITTED: a row that was changed since a
        # transaction began is an error at any other level, whether it is locked or not.
        with self.env["spp.email.transaction"]._gateway_cursor(read_committed=True) as env:
            for name, words in list(problems.items())[:20]:
                found = env.execute_query(
                    SQL(
                        """
                        SELECT id, COALESCE(dkim_unsigned_date > %s, FALSE) FROM spp_email_domain
                         WHERE name = ANY(%s) ORDER BY length(name) DESC LIMIT 1
                        """,
                        now - NOTE_AGAIN,
                        [name, *parents_of(name)],
                    )
                )
                if not found or found[0][1]:
                    continue
                # Who finds the row in work leaves it alone.
                env.cr.execute(
                    SQL(
                        """
                        UPDATE spp_email_domain SET dkim_unsigned_date = %s, dkim_unsigned_text = %s
                         WHERE id IN (SELECT id FROM spp_email_domain WHERE id = %s FOR UPDATE SKIP LOCKED)
                        """,
                        now,
                        words,
                        found[0][0],
                    )
                )


class SppEmailDomain(models.Model):
    _inherit = "spp.email.domain"

    def _signs_for(self, company_id):
        """Return whether mail of a company (None: nobody knows whose) may have this domain's keys."""
        self.ensure_one()
        company = self.env["res.company"].browse(company_id)
        return not company or not self.company_id or self.company_id in company.parent_ids

    def _signing_keys(self):
        """Return ([engine SigningKey], why there is one less than there ought to be, in words).

        A key that the DNS does not show signs nothing: all mail would look forged.
        """
        self.ensure_one()
        keys, problem = [], ""
        # RSA first, on top: it is what everybody reads.
        for key in self.dkim_key_ids.filtered(lambda key: key.state == "active").sorted("algorithm", reverse=True):
            if not key.is_signing:
                problem = "the DNS does not show its key"
                continue
            try:
                private = read_private_key(key._fields["private_key"].reveal(key) or "", is_own=True)
            except ConfigurationError:
                # SealError is one too.
                problem = "its key cannot be opened"
                continue
            keys.append(SigningKey(key.id, self.name, key.selector, private))
        return keys, problem


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    def _gateway_mark(self, session):
        session = super()._gateway_mark(session)
        session.signer = self.env["spp.email.dkim.key"]._signer()
        return session
