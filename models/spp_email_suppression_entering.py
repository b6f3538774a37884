# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What people enter into the suppression list and change there."""

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from ..engine.suppression import Entry, Reach, SuppressionReason, SuppressionSource
from ..engine.suppression_address import suppression_address
from .spp_email_suppression import QUESTION
from .transaction_answers import forget

# All else follows from what people press, and is kept in the history.
BY_HAND = {"address", "company_id", "reach", "expiry_date", "note"}
CHANGEABLE = {"reach", "expiry_date", "note"}


class SppEmailSuppression(models.Model):
    _inherit = "spp.email.suppression"

    @api.model_create_multi
    def create(self, vals_list):
        """Enter addresses by hand. One that was removed is the same entry, with its history.

        Raises:
            AccessError: a value is not for people to say.
            UserError: the address is on the list.
            ValidationError: it is no address, or one of this database's own.
        """
        default = self.default_get(["company_id"])
        vals_list = [{**default, **vals} for vals in vals_list]
        for vals in vals_list:
            self._check_names(vals, BY_HAND)
        addresses = self._clean([vals.get("address") for vals in vals_list])
        known = self._rows(addresses)
        now = fields.Datetime.now()
        fresh, removed = [], []
        for vals, address in zip(vals_list, addresses, strict=True):
            row = known.get((address, vals["company_id"] or False))
            removed.append(row)
            if not row:
                fresh.append({"entered_date": now, "last_date": now, **vals, "address": address})
                continue
            row.check_access("write")
            if row.active:
                raise UserError(self.env._("%s is on the suppression list already.", address))
        forget(self.env, QUESTION)
        made = super().create(fresh)
        made._remember("entered")
        made = iter(made)
        for vals, row in zip(vals_list, removed, strict=True):
            if row:
                row._enter_by_hand(vals)
        return self.browse([(row or next(made)).id for row in removed])

    def _enter_by_hand(self, vals):
        """Put a removed address on the list again, as the values of a form say."""
        entry = Entry(
            SuppressionReason(vals.get("reason") or SuppressionReason.BY_HAND.value),
            fields.Datetime.now(),
            fields.Datetime.to_datetime(vals.get("expiry_date")) or None,
            Reach(vals.get("reach") or Reach.ALL.value),
        )
        facts = {"note": vals["note"]} if vals.get("note") else {}
        self._enter(self.company_id.id, self.address, entry, SuppressionSource.PERSON, **facts)

    def _create_from_file(self, vals_list):
        """Enter addresses that have no row yet, with all values of an Entry; return the rows."""
        self.check_access("create")
        # sudo: people do not say what a report says; a file does.
        rows = self.sudo().create(vals_list).with_env(self.env)  # nosemgrep
        rows.check_access("create")
        return rows

    def write(self, vals):
        """Change what people may: which mail, until when, and the note.

        Raises:
            AccessError: another value; what is removed or entered has a button, and a history.
        """
        self._check_names(vals, CHANGEABLE)
        forget(self.env, QUESTION)
        result = super().write(vals)
        if not self.env.su and {"reach", "expiry_date"} & set(vals):
            for row in self:
                row._remember("changed", row.words or "")
        return result

    def unlink(self):
        forget(self.env, QUESTION)
        return super().unlink()

    def action_archive(self):
        self._remove_by_hand("")

    def action_unarchive(self):
        """Enter removed addresses again, by hand."""
        for row in self.filtered(lambda row: not row.active):
            self.create([{"address": row.address, "company_id": row.company_id.id}])

    def _check_names(self, vals, allowed):
        """
        Raises:
            AccessError: people may not say this of an entry.
        """
        others = sorted(set(vals) - allowed - {"id"})
        if others and not self.env.su:
            raise AccessError(
                self.env._(
                    "Of an entry of the suppression list these values cannot be set: %s. "
                    "To take an address off the list, press Remove.",
                    ", ".join(others),
                )
            )

    def _clean(self, texts):
        """Return the addresses in the form in which they are listed."""
        addresses = []
        for text in texts:
            addresses.append(suppression_address(text or ""))
            if not addresses[-1]:
                raise ValidationError(
                    self.env._("“%s” is no address. Enter one such as ann@your-domain.org, without a name.", text or "")
                )
        for address in self._own_among(addresses):
            raise ValidationError(
                self.env._("%s is an address that this database itself reads or sends from.", address)
            )
        return addresses

    def _rows(self, addresses):
        """Return {(address, company id or False): row}, also of those that were removed."""
        # sudo: whether they are there; who may write on them is asked of the user.
        found = self.sudo().with_context(active_test=False).search([("address", "in", addresses)])  # nosemgrep
        return {(row.address, row.company_id.id): row for row in found.with_env(self.env)}

    def _own_among(self, addresses):
        """Return those of ``addresses`` that this database reads or sends from: a report about them is about us.

        Addresses of users are none of these: a colleague's mailbox can be as dead as anybody's.
        """
        # sudo: whether the addresses are ours, no content.
        return self.env["mail.alias.domain"].sudo()._gateway_own_among(addresses)  # nosemgrep
