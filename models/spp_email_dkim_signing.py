# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The keys at work: opened once for each session and domain, within the process that sends."""

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine.dkim_private_key import read_private_key
from ..engine.dkim_signing import DkimSigner, DomainSigning, SigningKey, parents_of
from ..engine.errors import ConfigurationError


class SppEmailDkimKey(models.Model):
    _inherit = "spp.email.dkim.key"

    @api.model
    def _signer(self):
        """Return the engine.dkim_signing.DkimSigner of one session. Keys are opened when the first mail needs them."""
        # sudo: whoever writes a mail has it signed; keys leave this model as what signs only.
        return DkimSigner(self.sudo()._signing_of)  # nosemgrep: odoo-sudo-without-context

    @api.model
    def _signing_of(self, name):
        """Return the engine.dkim_signing.DomainSigning of a domain of a From, in ASCII form.

        Its own keys sign; where it has none, those of the closest domain above that signs for its subdomains too. An
        aligned signature may be a parent's unless DMARC asks for the very same domain (adkim=s).
        """
        above = parents_of(name)
        domains = self.env["spp.email.domain"].search([("name", "in", [name, *above])], limit=20)
        by_name = {domain.name: domain for domain in domains}
        own = by_name.get(name)
        covering = [by_name[parent] for parent in above if parent in by_name and by_name[parent].dkim_subdomains]
        required = any(domain.dkim_is_required for domain in [*filter(None, [own]), *covering[:1]])
        problem = ""
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
        # By a cursor of its own: the caller's transaction may be undone. Who finds the row in work leaves it alone.
        with self.env["spp.email.transaction"]._gateway_cursor() as env:
            for name, words in list(problems.items())[:20]:
                names = [name, *parents_of(name)]
                env.cr.execute(
                    SQL(
                        """
                        UPDATE spp_email_domain SET dkim_unsigned_date = %s, dkim_unsigned_text = %s
                         WHERE id IN (SELECT id FROM spp_email_domain WHERE name = ANY(%s)
                                       ORDER BY length(name) DESC LIMIT 1 FOR UPDATE SKIP LOCKED)
                        """,
                        fields.Datetime.now(),
                        words,
                        names,
                    )
                )


class SppEmailDomain(models.Model):
    _inherit = "spp.email.domain"

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
