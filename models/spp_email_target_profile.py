# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Target profiles: models that fail with Odoo's own message_new are served here, if the database has them."""

import psycopg2

from odoo import api, models
from odoo.exceptions import ConcurrencyError
from odoo.tools import email_normalize, html2plaintext, parse_contact_from_email

from ..engine.target_profile import PROFILES, Mail
from .mail_thread import ATTEMPT

# Not under the addon's own name: a contact that records point to outlives the addon.
PLACEHOLDER_MODULE, PLACEHOLDER_NAME = "__spp_email_gateway__", "partner_unknown_sender"


class SppEmailTargetProfile(models.AbstractModel):
    _name = "spp.email.target.profile"
    _description = "Target Profiles"

    @api.model
    def _profiles(self):
        """Return {model: engine.target_profile.TargetProfile} of those whose model is there. Extend it to add some."""
        return {profile.model: profile for profile in PROFILES if profile.model in self.env}

    def _register_hook(self):
        """Put the profiles before the models' own message_new.

        The addon cannot inherit from a model that need not be there, and custom values alone do not do: a model may
        mail the sender, or fail, before it looks at them.
        """
        result = super()._register_hook()
        for model_name in self._profiles():
            cls = self.env.registry[model_name]
            if not hasattr(vars(cls).get("message_new"), "origin"):
                cls.message_new = _profiled(cls.message_new)
        return result

    def _unregister_hook(self):
        result = super()._unregister_hook()
        for cls in self.env.registry.values():
            if hasattr(vars(cls).get("message_new"), "origin"):
                del cls.message_new
        return result

    @api.model
    def _record_values(self, model, message_dict, defaults):
        """Return the values of the new record of ``model`` (a recordset) for a message as Odoo parsed it."""
        profile = self._profiles()[model._name]
        name, address = parse_contact_from_email(message_dict.get("email_from") or "")
        body = message_dict.get("body") or ""
        mail = Mail(
            subject=message_dict.get("subject") or "",
            body=str(body),
            text=html2plaintext(body),
            sender_name=name or "",
            sender_address=email_normalize(address) or "",
            message_id=message_dict.get("message_id") or "",
            partner_id=self._sender(profile, model, email_normalize(address)),
            placeholder_id=self._placeholder(profile, model),
        )
        values = {}
        for field_name, reference in profile.references.items():
            record = self.env.ref(reference, raise_if_not_found=False)
            if record:
                values[field_name] = record.id
        return profile.record_values(mail, {**values, **(defaults or {})}, frozenset(model._fields))

    def _sender(self, profile, model, address):
        """Return the id of the one contact with this address, 0 when there is none or more than one."""
        if not address or not profile.placeholder_field:
            return 0
        partners = model.env["res.partner"]
        domain = [("email_normalized", "=", address), ("company_id", "in", (False, self.env.company.id))]
        if profile.contact_domain_field in partners._fields:
            domain.append((profile.contact_domain_field, "=", True))
        found = partners.search(domain, limit=2)
        return found.id if len(found) == 1 else 0

    def _placeholder(self, profile, model):
        """Return the id of the contact that stands for unknown senders, 0 where the model needs none."""
        field = model._fields.get(profile.placeholder_field)
        if field is None or not field.required:
            return 0
        known = model.env.ref(f"{PLACEHOLDER_MODULE}.{PLACEHOLDER_NAME}", raise_if_not_found=False)
        if known:
            return known.id
        contact = model.env["res.partner"].create({"name": self.env._("Unknown Sender (Email)")})
        try:
            model.env["ir.model.data"].create(
                {
                    "module": PLACEHOLDER_MODULE,
                    "name": PLACEHOLDER_NAME,
                    "model": "res.partner",
                    "res_id": contact.id,
                    "noupdate": True,
                }
            )
        except psycopg2.errors.UniqueViolation as error:
            # Another worker made it just now, and this transaction's snapshot does not show it.
            raise ConcurrencyError("the contact for unknown senders was made by another worker") from error
        return contact.id


def _profiled(origin):
    """Return message_new for a model with a profile; ``origin`` serves what does not come through the gateway."""

    @api.model
    def message_new(self, msg_dict, custom_values=None):
        attempt = self.env.context.get(ATTEMPT)
        if attempt is None:
            return origin(self, msg_dict, custom_values)
        profiles = self.env["spp.email.target.profile"]
        values = profiles._record_values(self, msg_dict, custom_values)
        attempt.trace.add("target profile", profiles._profiles()[self._name].name, "values from the message")
        return self.env.registry["mail.thread"].message_new(self, msg_dict, values)

    message_new.origin = origin
    return message_new
