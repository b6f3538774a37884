# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Whether mail that ought to be signed is."""

from datetime import timedelta

from odoo import api, fields, models

from ..engine.health import HealthFinding, HealthState

MOST_DOMAINS = 500
# A prepared key may wait so long before anybody is reminded.
PATIENCE = timedelta(days=1)
UNSIGNED = timedelta(days=1)


class SppEmailDkimKey(models.Model):
    _inherit = "spp.email.dkim.key"

    @api.model
    def _gateway_health(self):
        # Archived ones sign, and ask for signatures, as before.
        domains = (
            self.env["spp.email.domain"]
            .with_context(active_test=False)
            .search(["|", ("dkim_key_ids", "!=", False), ("dkim_is_required", "=", True)], limit=MOST_DOMAINS)
        )
        return [finding for domain in domains for finding in domain._dkim_health()]


class SppEmailDomain(models.Model):
    _inherit = "spp.email.domain"

    def _dkim_health(self):
        """Return the findings about the keys of one domain."""
        self.ensure_one()
        findings = []
        for key in self.dkim_key_ids:
            if key.state == "active" and not key.is_signing:
                findings.append(
                    self._dkim_finding(
                        key,
                        f"dkim_key_{key.id}_not_published",
                        HealthState.FAILURE,
                        self.env._("The DNS does not show a DKIM key of %s", self.name),
                        self.env._("So it does not sign: receivers would take the mail for forged."),
                        self.env._("Open the key, put its record back at the DNS host, and press Check Now."),
                        "public_value",
                    )
                )
            elif key.state == "prepared" and (key.replaces_id or key.create_date < fields.Datetime.now() - PATIENCE):
                findings.append(
                    self._dkim_finding(
                        key,
                        f"dkim_key_{key.id}_waits",
                        HealthState.WARNING,
                        self.env._("A DKIM key of %s waits for its DNS record", self.name),
                        self.env._("It signs as soon as the DNS shows it. Until then the key before it does, if any."),
                        self.env._("Open the key and add its record at the DNS host, or discard the key."),
                        "public_value",
                    )
                )
        keys, problem = self._signing_keys()
        if problem == "its key cannot be opened":
            findings.append(
                self._dkim_finding(
                    self,
                    f"dkim_domain_{self.id}_closed",
                    HealthState.FAILURE,
                    self.env._("A DKIM key of %s cannot be opened", self.name),
                    self.env._("It was sealed with a credential key that is not configured, so it does not sign."),
                    self.env._("Put the credential key back, or make a new DKIM key and publish it."),
                    "dkim_key_ids",
                )
            )
        elif self.dkim_is_required and not keys:
            findings.append(
                self._dkim_finding(
                    self,
                    f"dkim_domain_{self.id}_required",
                    HealthState.FAILURE,
                    self.env._("Mail of %s waits for a DKIM key", self.name),
                    self.env._("The domain asks that its mail leaves only signed, and no key of it may sign now."),
                    self.env._("Make a key and publish it, or take the tick “Only Signed” off the domain."),
                    "dkim_is_required",
                )
            )
        elif keys and all(key.private.algorithm.value == "ed25519" for key in keys):
            findings.append(
                self._dkim_finding(
                    self,
                    f"dkim_domain_{self.id}_no_rsa",
                    HealthState.WARNING,
                    self.env._("Mail of %s is signed with Ed25519 only", self.name),
                    self.env._("Many receivers do not read Ed25519, and take such mail as not signed."),
                    self.env._("Add an RSA key. Both sign then."),
                    "dkim_key_ids",
                )
            )
        if self.dkim_unsigned_date and self.dkim_unsigned_date > fields.Datetime.now() - UNSIGNED:
            findings.append(
                self._dkim_finding(
                    self,
                    f"dkim_domain_{self.id}_unsigned",
                    HealthState.WARNING,
                    self.env._("Mail of %s left unsigned", self.name),
                    self.env._("The last time: %s.", self.dkim_unsigned_text),
                    self.env._("Put right what the other findings about its keys name. Nothing was lost."),
                    "dkim_key_ids",
                )
            )
        return findings

    def _dkim_finding(self, record, code, state, title, text, cure, field):
        return HealthFinding(code, state, title, text, cure, record._name, (record.id,), field)


class SppEmailHealth(models.Model):
    _inherit = "spp.email.health"

    def _health_models(self):
        return [*super()._health_models(), "spp.email.dkim.key"]
