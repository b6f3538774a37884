# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The models that can take a mail: what they are called, what they lack, which values fit them."""

from odoo import Command, models
from odoo.exceptions import ValidationError

# What Odoo writes by itself.
OWN_COLUMNS = ("id", "create_uid", "create_date", "write_uid", "write_date", "display_name")
# Numbers and yes/no are never empty in the database.
NEVER_EMPTY = ("boolean", "integer", "float", "monetary")
# Links to these decide who may do what.
NEVER_LINKED = ("res.groups", "res.users", "res.company")


class SppEmailTargetModel(models.AbstractModel):
    _name = "spp.email.target.model"
    _description = "Models That Take Mail"

    def _names(self):
        """Return {technical name: what people call it} of all models that can take a mail."""
        # sudo: names of models, so that the choice is the same for all who may decide.
        targets = self.env["ir.model"].sudo().search([("is_mail_thread", "=", True)])  # nosemgrep
        profiles = self.env["spp.email.target.profile"]._profiles()
        return {
            target.model: profiles[target.model].name if target.model in profiles else target.name
            for target in targets
            # Some of the system's own records have a chatter as well; none is made by a mail.
            if target.model in self.env and not self.env[target.model]._abstract and not target.model.startswith("ir.")
        }

    def _offered_names(self):
        """Return the part of _names that the user may send mail to.

        The system makes the record, so a person chooses only what the person could make, or what managers have
        chosen for a mailbox or an alias before.
        """
        # sudo: only which models are named there is learned.
        servers = self.env["fetchmail.server"].sudo().search([("object_id", "!=", False)])  # nosemgrep
        aliases = self.env["mail.alias"].sudo()._read_group([], ["alias_model_id"])  # nosemgrep: as above
        chosen = set(servers.object_id.mapped("model")) | {model.model for (model,) in aliases if model}
        return {
            model: name
            for model, name in self._names().items()
            if model in chosen or self.env[model].has_access("create")
        }

    def _selection_offered(self):
        return sorted(self._offered_names().items(), key=lambda pair: pair[1].lower())

    def _missing_fields(self, model_name, given=()):
        """Return {name: label} of the required fields that neither the mail, nor a default, nor ``given`` fills.

        A model with a message_new of its own and without a profile fills what only its own code knows: {}.
        """
        profile = self.env["spp.email.target.profile"]._profiles().get(model_name)
        if not profile and self._has_own_creation(model_name):
            return {}
        # sudo: whether a default exists does not depend on who asks.
        model = self.env[model_name].sudo()  # nosemgrep
        filled = {*given, *(profile.fills if profile else ()), model._rec_name or "name"}
        filled.add(model._mail_get_primary_email_field() or "")
        return self._empty_fields(model, filled)

    def _empty_fields(self, model, filled):
        required = [
            name
            for name, field in model._fields.items()
            if field.required and field.store and not field.compute and not field.related
            if field.type not in NEVER_EMPTY and name not in filled and name not in model._inherits.values()
        ]
        defaults = model.default_get(required)
        missing = {
            name: model._fields[name].get_description(self.env, ["string"])["string"]
            for name in required
            if not defaults.get(name)
        }
        for parent in model._inherits:
            missing.update(self._empty_fields(model.env[parent], filled | set(model._fields.keys() & defaults.keys())))
        return missing

    def _has_own_creation(self, model_name):
        common = set(self.env.registry["mail.thread"].__mro__)
        own = set(self.env.registry[model_name].__mro__) - common
        return any("message_new" in vars(cls) for cls in own)

    def _missing_words(self, model_name, given=()):
        """Return the warning about _missing_fields, "" when there is nothing to warn of."""
        missing = self._missing_fields(model_name, given)
        if not missing:
            return ""
        return self.env._(
            "“%(model)s” cannot be made from a mail alone: it needs values for %(fields)s.",
            model=self._names().get(model_name, model_name),
            fields=", ".join(f"“{label}” ({name})" for name, label in missing.items()),
        )

    def _check_values(self, model_name, values):
        """Check that ``values`` can be written on new records of the model by this user.

        Raises:
            ValidationError: names the field that is not there, is not for writing, or that the value does not fit.
        """
        model = self.env[model_name]
        for name, value in values.items():
            field = model._fields.get(name)
            if field is None:
                raise self._no_field(model_name, name)
            is_written = field.store or field.inverse
            if name in OWN_COLUMNS or not is_written or not model._has_field_access(field, "write"):
                raise ValidationError(self.env._("The field “%s” cannot be given a value.", name))
            if not self._fits(model, field, value):
                raise ValidationError(
                    self.env._("“%(value)s” does not fit the field “%(name)s”.", value=value, name=name)
                )

    def _no_field(self, model_name, name):
        model = self._names().get(model_name, model_name)
        return ValidationError(self.env._("“%(name)s” is no field of “%(model)s”.", name=name, model=model))

    def _fits(self, model, field, value):
        if field.type == "boolean":
            return isinstance(value, bool)
        if field.type == "one2many":
            # The system writes the value: it would make or take over records of another model, logins for example.
            return False
        if field.type == "many2many":
            # sudo: as below.
            records = self.env[field.comodel_name].sudo()  # nosemgrep
            return field.comodel_name not in NEVER_LINKED and _only_links(value, records)
        if value is None or value is False:
            return not field.required
        if field.type == "many2one":
            # sudo: whether a record is there; the value is written by the system.
            records = self.env[field.comodel_name].sudo()  # nosemgrep
            return type(value) is int and bool(records.browse(value).exists())
        if field.type in ("char", "text", "html", "selection", "date", "datetime") and not isinstance(value, str):
            return False
        try:
            field.convert_to_cache(value, model.new(), validate=True)
        except (ValueError, TypeError):
            return False
        return True

    def _value_of_words(self, model_name, name, words):
        """Return (field name, value) for what a person typed: the field by name or label, the value as it is shown.

        Raises:
            ValidationError: there is no such field, or no such value.
        """
        model = self.env[model_name]
        labels = model.fields_get(attributes=["string", "type", "selection", "relation"])
        wanted = name.strip().lower()
        found = wanted if wanted in labels else None
        found = found or next((key for key, info in labels.items() if info["string"].lower() == wanted), None)
        if not found:
            raise self._no_field(model_name, name)
        return found, self._value_of_word(labels[found], found, words.strip())

    def _value_of_word(self, info, name, word):
        misfit = ValidationError(self.env._("“%(value)s” does not fit the field “%(name)s”.", value=word, name=name))
        if info["type"] == "boolean":
            known = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
            if word.lower() not in known:
                raise misfit
            return known[word.lower()]
        if info["type"] == "selection":
            for key, label in info["selection"]:
                if word in (key, label):
                    return key
            raise misfit
        if info["type"] == "many2one":
            # As the user: nobody names what the person may not see.
            records = self.env[info["relation"]]
            if word.isdigit():
                found = records.search([("id", "=", int(word))], limit=1).ids
            else:
                found = [record_id for record_id, _name in records.name_search(word, operator="=", limit=2)]
            if len(found) != 1:
                raise misfit
            return found[0]
        if info["type"] in ("integer", "float", "monetary"):
            try:
                return int(word) if info["type"] == "integer" else float(word)
            except ValueError as error:
                raise misfit from error
        return word


def _only_links(value, records):
    """Return whether ``value`` of a many2many field links records that are there, and makes or changes none."""
    if not isinstance(value, (list, tuple)):
        return False
    ids = []
    for item in value:
        if type(item) is int:
            ids.append(item)
        elif isinstance(item, (list, tuple)) and len(item) >= 2 and item[0] == Command.LINK:
            ids.append(item[1])
        elif isinstance(item, (list, tuple)) and len(item) == 3 and item[0] == Command.SET:
            ids.extend(item[2] if isinstance(item[2], (list, tuple)) else [None])
        else:
            return False
    return all(type(record_id) is int for record_id in ids) and len(records.browse(ids).exists()) == len(set(ids))
