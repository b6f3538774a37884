# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Who may see what a message says: the one question that every door to its content asks."""

from odoo import api, fields, models
from odoo.exceptions import AccessError

from .content_json import ContentJson
from .res_users_roles import DOORS, OFFICER


class SppEmailInbound(models.Model):
    _inherit = "spp.email.inbound"

    preview_html = fields.Html(groups=OFFICER)
    attachment_list = fields.Text(groups=OFFICER)
    is_content_shown = fields.Boolean(compute="_compute_is_content_shown")

    @api.depends(*DOORS)
    @api.depends_context("uid")
    def _compute_is_content_shown(self):
        for inbound in self:
            inbound.is_content_shown = inbound._may_see_content()

    @api.depends_context("uid")
    def _compute_preview(self):
        shown = self.filtered(lambda inbound: inbound._may_see_content())
        (self - shown).update({"preview_html": False, "attachment_list": False})
        return super(SppEmailInbound, shown)._compute_preview()

    @api.depends_context("uid")
    def _compute_reports_text(self):
        return super()._compute_reports_text()

    def _may_see_content(self):
        """Return whether the user may see what all of these messages say: text, attachments and header.

        Officers may, of messages that they see in the journal; of a confidential mailbox or intake only those who are
        in its team, whatever else they are. The system itself may: it has to process them.
        """
        if self.env.su:
            return True
        user, rows = self.env.user, self._origin
        if not user.has_group(OFFICER) or not rows.has_access("read"):
            return False
        return not any(door._gateway_is_closed_to(user) for door in rows._doors())

    def _doors(self):
        """Yield each mailbox and intake that these messages came by, and those of what they report about."""
        # sudo: of a mailbox only its team is looked at; officers may not read mailboxes.
        for row in self.sudo():  # nosemgrep
            for name in DOORS:
                yield row[name]

    def _is_confidential(self):
        """Return whether any of these messages came by a mailbox or intake whose team alone reads what they say."""
        return any(door.gateway_is_confidential for door in self._origin._doors())

    def _require_content(self):
        """Let only those pass who may see what these messages say.

        Raises:
            AccessError: they are not for the user at all, or not what they say.
        """
        if self.env.su:
            return
        self.check_access("read")
        if self._may_see_content():
            return
        if self.env.user.has_group(OFFICER):
            raise AccessError(
                self.env._("This mail is confidential: only the members of its team read it and decide about it.")
            )
        raise AccessError(self.env._("Only officers of the email gateway read what messages say."))

    def _refuse_content(self, specification):
        """Refuse a query that would tell what messages say: groups, numbers and order are made of many rows at once."""
        field = self._fields.get(specification.partition(":")[0].partition(".")[0])
        if isinstance(field, ContentJson) and not self.env.su:
            raise AccessError(self.env._("What messages say is not grouped, counted or sorted by."))

    def _read_group_groupby(self, alias, groupby_spec, query):
        self._refuse_content(groupby_spec)
        return super()._read_group_groupby(alias, groupby_spec, query)

    def _read_group_select(self, aggregate_spec, query):
        self._refuse_content(aggregate_spec)
        return super()._read_group_select(aggregate_spec, query)

    def _order_field_to_sql(self, alias, field_name, direction, nulls, query):
        self._refuse_content(field_name)
        return super()._order_field_to_sql(alias, field_name, direction, nulls, query)

    def _report_delivery_ids(self):
        # sudo: which deliveries a report is about is no more than the deliveries themselves show.
        return super(SppEmailInbound, self.sudo())._report_delivery_ids()  # nosemgrep

    def _check_may_decide(self):
        """In addition: nobody decides about what he may not read. It would become a record that he can."""
        result = super()._check_may_decide()
        self._require_content()
        return result

    def action_dry_run(self):
        self._require_content()
        return super().action_dry_run()

    def action_download(self):
        self._require_content()
        return super().action_download()


class SppEmailContent(models.Model):
    _inherit = "spp.email.content"

    def _load_each(self, inbound_ids):
        """Load nothing for a user who may not see it, whichever way he came."""
        if not self.env.su:
            self.env["spp.email.inbound"].browse(inbound_ids)._require_content()
        return super()._load_each(inbound_ids)
