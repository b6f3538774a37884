# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Keys that sign mail (DKIM): prepared, published in the DNS, active, retired."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..engine.dkim_private_key import USUAL_RSA, KeyAlgorithm, make_private_key, read_private_key
from ..engine.dkim_publication import PUBLICATION_WORDS, Publication, is_selector, next_selector, zone_value
from ..engine.dns_record import relative_name
from ..engine.errors import ConfigurationError
from .engine_text import said
from .sealed_char import SealedChar

# RFC 5321 §4.5.4.1: mail waits up to five days on its way, and a receiver may look again later.
DAYS_IN_TRANSIT = 7


class SppEmailDkimKey(models.Model):
    """A row a key. It signs while it is active and the DNS shows it: what nobody can verify makes mail look forged."""

    _name = "spp.email.dkim.key"
    _inherit = ["spp.email.sealed.mixin", "spp.email.change.mixin"]
    _description = "DKIM Key"
    _order = "domain_id, id desc"
    _rec_name = "record_name"

    # The private part is none of it: it never changes, and goes by itself.
    _gateway_kept = ("selector", "algorithm", "state", "is_automatic")

    domain_id = fields.Many2one("spp.email.domain", required=True, readonly=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="domain_id.company_id")
    selector = fields.Char(required=True, readonly=True)
    algorithm = fields.Selection([("rsa", "RSA"), ("ed25519", "Ed25519")], required=True, readonly=True)
    bits = fields.Integer(readonly=True)
    state = fields.Selection(
        [("prepared", "Prepared"), ("published", "Published"), ("active", "Active"), ("retired", "Retired")],
        required=True,
        readonly=True,
        default="prepared",
    )
    is_automatic = fields.Boolean(
        "Sign as Soon as the DNS Shows It",
        default=True,
        help="Otherwise somebody has to press Start Signing once the key is published.",
    )
    private_key = SealedChar(readonly=True, groups="base.group_system")
    public_value = fields.Text("Value", required=True, readonly=True)
    replaces_id = fields.Many2one("spp.email.dkim.key", string="Takes the Place of", readonly=True, ondelete="set null")
    # Empty until the DNS has answered once. A look without an answer changes nothing.
    publication = fields.Selection([(one.value, one.name.title()) for one in PUBLICATION_WORDS], readonly=True)
    is_answered = fields.Boolean("The DNS Answered", readonly=True)
    checked_date = fields.Datetime("Last Checked", readonly=True)
    published_date = fields.Datetime("Published", readonly=True)
    active_date = fields.Datetime("Active Since", readonly=True)
    retired_date = fields.Datetime("Retired", readonly=True)
    # When somebody did away with its successor: the schedule counts anew from then.
    discarded_date = fields.Datetime("Discarded", readonly=True)
    has_private_key = fields.Boolean(compute="_compute_has_private_key", compute_sudo=True)
    is_signing = fields.Boolean("Signs", compute="_compute_is_signing")
    record_name = fields.Char("Full Name", compute="_compute_record_name", store=True)
    relative_name = fields.Char(
        "Name", compute="_compute_record_words", help="As most DNS hosts want it typed: without the domain."
    )
    zone_text = fields.Text(
        "Zone File", compute="_compute_record_words", help="For a zone file: in strings of at most 255 characters."
    )
    record_type = fields.Char("Type", compute="_compute_record_words")
    publication_text = fields.Char(compute="_compute_publication_text")
    what_next = fields.Text("What Comes Next", compute="_compute_what_next")

    _selector_unique = models.UniqueIndex("(domain_id, selector)", "This domain has a key of this selector already.")
    _active_unique = models.UniqueIndex(
        "(domain_id, algorithm) WHERE state = 'active'", "One key of each kind signs for a domain."
    )

    # ------------------------------------------------------------------
    # Computed fields
    # ------------------------------------------------------------------

    @api.depends("private_key")
    def _compute_has_private_key(self):
        for key in self:
            key.has_private_key = bool(key.private_key)

    @api.depends("state", "publication")
    def _compute_is_signing(self):
        for key in self:
            key.is_signing = key.state == "active" and key.publication == "right"

    @api.depends("selector", "domain_id.name")
    def _compute_record_name(self):
        for key in self:
            key.record_name = f"{key.selector}._domainkey.{key.domain_id.name}"

    @api.depends("record_name", "public_value")
    def _compute_record_words(self):
        for key in self:
            key.relative_name = relative_name(key.record_name, key.domain_id.name or "")
            key.record_type = "TXT"
            key.zone_text = f"{key.record_name}. IN TXT ( {zone_value(key.public_value or '')} )"

    @api.depends("publication", "is_answered", "checked_date")
    @api.depends_context("lang")
    def _compute_publication_text(self):
        for key in self:
            if key.checked_date and not key.is_answered:
                key.publication_text = self.env._("The DNS gave no answer the last time. That changes nothing.")
            else:
                words = key.publication and PUBLICATION_WORDS[Publication(key.publication)]
                key.publication_text = said(self.env, words)

    @api.depends("state", "publication", "is_automatic", "retired_date")
    @api.depends_context("lang")
    def _compute_what_next(self):
        for key in self:
            key.what_next = key._what_next()

    def _what_next(self):
        self.ensure_one()
        if self.state == "prepared":
            return self.env._(
                "Add the TXT record at your DNS host. It is looked for every hour; Check Now asks at once."
            )
        if self.state == "published":
            return self.env._("The DNS shows the key. Press Start Signing.")
        if self.state == "active":
            if self.is_signing:
                return self.env._("Mail of this domain leaves signed with this key.")
            return self.env._("The DNS does not show this key any more, so it does not sign. Put the record back.")
        if self._is_removable():
            return self.env._("No mail is on its way with it any more: its record may be removed from the DNS.")
        return self.env._(
            "Leave its record in the DNS until %s: mail that is on its way is verified by it.",
            fields.Date.to_string(self._removable_date()),
        )

    def _removable_date(self):
        return (self.retired_date or fields.Datetime.now()) + timedelta(days=DAYS_IN_TRANSIT)

    def _rotated_from(self):
        """Return the time from which the months until the next key count."""
        return max(filter(None, (self.active_date, self.discarded_date)))

    def _is_removable(self):
        return self.state == "retired" and self._removable_date() <= fields.Datetime.now()

    # ------------------------------------------------------------------
    # Making
    # ------------------------------------------------------------------

    @api.model
    def _prepare(self, domain, algorithm, *, selector="", pem="", bits=USUAL_RSA, is_automatic=True, replaces=None):
        """Make a key, or take one in that somebody brings, and return its record.

        Args:
            domain: spp.email.domain record.
            algorithm: "rsa" or "ed25519"; of a key that is brought, the key says it.
            selector: "" for the next free one.
            pem: a private key to take in; "" to make one.

        Raises:
            ValidationError: the selector is none or taken, or the key is none that can sign.
        """
        # sudo: keys are made by buttons only, whose callers have checked who presses them.
        keys = self.sudo()  # nosemgrep: odoo-sudo-without-context
        used = keys.search([("domain_id", "=", domain.id)]).mapped("selector")
        selector = (selector or next_selector(used)).strip().lower()
        if not is_selector(selector):
            raise ValidationError(
                self.env._("“%s” is no selector: letters, digits, hyphens and points, such as odoo2.", selector)
            )
        if selector in used:
            raise ValidationError(self.env._("This domain has a key of this selector already."))
        try:
            key = read_private_key(pem) if pem else make_private_key(KeyAlgorithm(algorithm), bits)
        except ConfigurationError as error:
            raise ValidationError(said(self.env, str(error))) from error
        return keys.create(
            {
                "domain_id": domain.id,
                "selector": selector,
                "algorithm": key.algorithm.value,
                "bits": key.bits,
                "private_key": key.pem(),
                "public_value": key.record(),
                "is_automatic": is_automatic,
                "replaces_id": replaces.id if replaces else False,
            }
        )

    # ------------------------------------------------------------------
    # States
    # ------------------------------------------------------------------

    def _activate(self):
        """Sign with this key from now on; another one of its kind is retired."""
        self.ensure_one()
        if self.publication != "right":
            raise UserError(self.env._("The DNS does not show this key, so nobody could verify what it signs."))
        if not self.has_private_key:
            raise UserError(self.env._("The private part of this key was deleted. Make a new key."))
        others = self.search(
            [
                ("domain_id", "=", self.domain_id.id),
                ("algorithm", "=", self.algorithm),
                ("state", "=", "active"),
                ("id", "!=", self.id),
            ]
        )
        others._retire()
        # The index on active keys must not see two of them.
        others.flush_recordset()
        self.write({"state": "active", "active_date": fields.Datetime.now(), "retired_date": False})

    def _retire(self):
        """Sign no more. The private part stays for some days, so that it can be taken back."""
        self.write({"state": "retired", "retired_date": fields.Datetime.now()})

    # ------------------------------------------------------------------
    # Buttons
    # ------------------------------------------------------------------

    def _for_manager(self):
        """Return the keys with the system's rights, for a manager of theirs who presses a button.

        Raises:
            AccessError: the user is none, or the domain is another company's.
        """
        self.check_access("read")
        self.domain_id.check_access("write")
        # sudo: rows are written by these buttons and jobs only.
        return self.sudo()  # nosemgrep: odoo-sudo-without-context

    def action_check(self):
        """Ask the DNS now."""
        self._for_manager()._look()
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def action_activate(self):
        key = self._for_manager()
        key._look()
        key._activate()

    def action_retire(self):
        self._for_manager()._retire()

    def action_discard(self):
        """Remove a key that never signed."""
        keys = self._for_manager()
        if keys.filtered("active_date"):
            raise UserError(self.env._("This key has signed mail. Retire it instead."))
        keys.replaces_id.discarded_date = fields.Datetime.now()
        keys.unlink()
        return {"type": "ir.actions.client", "tag": "soft_reload"}
