# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What an alias domain does with mail that is written to its catchall, and what it tells the sender."""

from markupsafe import Markup, escape

from odoo import fields, models
from odoo.tools import email_normalize

from ..engine.attempt import NoticeIntent
from ..engine.catchall import (
    CATCHALL_POLICY_WORDS,
    CatchallPolicy,
    contact_address,
    greeted,
    without_contact,
)
from ..engine.outcome import selection

# Odoo's own text, which is translated, and which an administrator may have changed.
TEXT = "mail.mail_bounce_catchall"
# Aliases that are looked at for one to name.
MOST_ALIASES = 50


class CompanyInText:
    """What Odoo's text names of a company: its name, and the address to write to."""

    def __init__(self, name, email):
        self.name, self.email = name, email


class MailAliasDomain(models.Model):
    _inherit = "mail.alias.domain"

    gateway_catchall_policy = fields.Selection(
        selection(CATCHALL_POLICY_WORDS),
        string="Mail to the Catchall",
        required=True,
        default=CatchallPolicy.BOUNCE.value,
        help="The catchall is for answers. What becomes of mail that a person writes to it, and that answers nothing. "
        "Machines are never told anything.",
    )

    def _gateway_catchall_company(self, company):
        """Return whose catchall this is: ``company`` if it uses this domain, else the first one that does."""
        return company if company in self.company_ids else self.company_ids[:1] or company

    def _gateway_catchall_notice(self, message, message_dict, references, text):
        """Return the NoticeIntent that tells who wrote to this domain's catchall; None when there is no text for it.

        Args:
            message: the EmailMessage.
            message_dict: what Odoo's message_parse made of it.
            references: of the notice.
            text: by which the sender knows the message again.
        """
        company = self._gateway_catchall_company(self.env.company)
        contact = self._gateway_contact_address(company)
        lang = self._gateway_notice_lang(message_dict["email_from"], company)
        body = self.env["ir.qweb"].with_context(lang=lang)._render(
            TEXT,
            {
                "message": {
                    "email_from": greeted(message_dict["email_from"] or ""),
                    "to": message_dict["to"],
                    "body": Markup("<br/>").join(escape(line) for line in text.split("\n")),  # noqa: S704 - escaped
                },
                "res_company": CompanyInText(company.name, contact),
            },
            raise_if_not_found=False,
        )
        if not body:
            return None
        values = [("references", references)] if references else []
        # Without one an answer would go to the catchall again.
        values.append(("reply_to", contact or self.bounce_email))
        html = str(body) if contact else without_contact(str(body))
        subject = f"Re: {message.get('subject') or ''}"
        return NoticeIntent(message_dict["email_from"] or "", subject, html, tuple(values), company_id=company.id)

    def _gateway_contact_address(self, company):
        """Return where people write to: the company's address, or its first alias that makes records; "" for none."""
        own = self._gateway_domain_addresses() | self.env["spp.email.former.address"]._every().keys()
        email = email_normalize(company.email) or ""
        return contact_address(email, own, "" if email and email not in own else self._gateway_first_alias(company))

    def _gateway_first_alias(self, company):
        """Return the address of the first alias of ``company`` in this domain that makes a record of anybody's mail."""
        aliases = self.env["mail.alias"].search(
            [
                ("alias_domain_id", "=", self.id),
                ("alias_name", "!=", False),
                ("alias_contact", "=", "everyone"),
                ("alias_force_thread_id", "in", (False, 0)),
                ("alias_status", "!=", "invalid"),
            ],
            order="id",
            limit=MOST_ALIASES,
        )
        return next((alias.alias_full_name for alias in aliases if alias._gateway_is_of(company)), "")

    def _gateway_notice_lang(self, email_from, company):
        """Return the language of the sender's contact, else the company's."""
        address = email_normalize(email_from) or ""
        partners = self.env["res.partner"]
        known = partners._gateway_partners_by_address([address]).get(address) if address else ()
        # Only active ones have their texts.
        installed = {code for code, _name in self.env["res.lang"].get_installed()}
        langs = [*partners.browse(known or ()).mapped("lang"), company.partner_id.lang, self.env.lang]
        return next((lang for lang in langs if lang in installed), None)


class MailAlias(models.Model):
    _inherit = "mail.alias"

    def _gateway_is_of(self, company):
        """Return whether the record that an alias belongs to is of ``company``, or of none."""
        model, record_id = self.alias_parent_model_id.model, self.alias_parent_thread_id
        if not record_id or model not in self.env:
            return True
        # sudo: only its company is looked at.
        parent = self.env[model].sudo().browse(record_id).exists()  # nosemgrep
        if not parent:
            return False
        owner = parent if model == "res.company" else parent._mail_get_companies()[parent.id]
        return not owner or owner == company
