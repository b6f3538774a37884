# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What each mail provider asks its customers to publish in the DNS."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from .dns_record import NeededRecord, RecordKind


@dataclass(frozen=True)
class Selector:
    """A DKIM key of a provider.

    Attributes:
        name: "<…>" where the provider makes a name of its own for each customer.
        target: where its CNAME leads, {dashed} standing for the domain with dashes; "" for a TXT record whose key
            only the provider knows.
    """

    name: str
    target: str = ""


@dataclass(frozen=True)
class ProviderDns:
    """Attributes:
    hosts: patterns of the names of its outgoing servers.
    spf: its term in the record of the domain; "" where its mail leaves with a return path of its own, so that the
        domain's record is never asked about it.
    selectors: its DKIM keys.
    return_path: (name below the domain, target of its CNAME) of an own return path, where it offers one.
    """

    hosts: tuple[str, ...]
    spf: str = ""
    selectors: tuple[Selector, ...] = ()
    return_path: tuple[str, str] = ("", "")


_MICROSOFT = ProviderDns(
    ("smtp.office365.com", "smtp-mail.outlook.com", "*.mail.protection.outlook.com"),
    "include:spf.protection.outlook.com",
    tuple(Selector(f"selector{number}", f"selector{number}-{{dashed}}._domainkey.<tenant>") for number in (1, 2)),
)
_GOOGLE = ProviderDns(("smtp.gmail.com", "smtp-relay.gmail.com"), "include:_spf.google.com", (Selector("google"),))
_OWN_SELECTOR = (Selector("<selector>"),)
PROVIDER_DNS = {
    "gmail": _GOOGLE,
    "google_relay": _GOOGLE,
    "microsoft": _MICROSOFT,
    "microsoft_relay": _MICROSOFT,
    "mailjet": ProviderDns(("in-v3.mailjet.com", "in.mailjet.com"), "include:spf.mailjet.com", (Selector("mailjet"),)),
    "ses": ProviderDns(("email-smtp.*.amazonaws.com", "email-smtp-fips.*.amazonaws.com"), "", _OWN_SELECTOR),
    "sendgrid": ProviderDns(
        ("smtp.sendgrid.net", "smtp.eu.sendgrid.net"),
        "",
        (Selector("s1", "s1.domainkey.<account>.sendgrid.net"), Selector("s2", "s2.domainkey.<account>.sendgrid.net")),
    ),
    "mailgun": ProviderDns(("smtp.mailgun.org", "smtp.eu.mailgun.org"), "include:mailgun.org", _OWN_SELECTOR),
    "brevo": ProviderDns(
        ("smtp-relay.brevo.com", "smtp-relay.sendinblue.com"),
        "",
        (
            Selector("brevo1", "b1.{dashed}.dkim.brevo.com"),
            Selector("brevo2", "b2.{dashed}.dkim.brevo.com"),
        ),
    ),
    "postmark": ProviderDns(
        ("smtp.postmarkapp.com", "smtp-broadcasts.postmarkapp.com"), "", _OWN_SELECTOR, ("pm-bounces", "pm.mtasv.net")
    ),
    "zoho": ProviderDns(("smtp.zoho.*", "smtppro.zoho.*"), "include:zoho.com", _OWN_SELECTOR),
    "ovh": ProviderDns(("ssl0.ovh.net", "*.mail.ovh.net"), "include:mx.ovh.com", _OWN_SELECTOR),
    "infomaniak": ProviderDns(("mail.infomaniak.com",), "include:spf.infomaniak.ch", _OWN_SELECTOR),
}

# Mailboxes of everybody: nobody but their owner publishes anything there. Odoo's own templates send as odoo.com.
_PUBLIC = frozenset(
    (
        "gmail.com googlemail.com outlook.com hotmail.com live.com msn.com yahoo.com yahoo.fr yahoo.es ymail.com "
        "aol.com icloud.com me.com mac.com gmx.com gmx.de gmx.net web.de mail.com proton.me protonmail.com zoho.com "
        "yandex.com mail.ru orange.fr wanadoo.fr free.fr laposte.net bluewin.ch odoo.com"
    ).split()
)


def is_public_mail_domain(domain: str) -> bool:
    """Return whether a domain is a mail provider's, where everybody has addresses."""
    return domain in _PUBLIC


def provider_of_host(host: str) -> str:
    """Return the code of the provider that an outgoing server belongs to; "" for one that is nobody's known."""
    name = host.strip().rstrip(".").lower()
    return next(
        (
            code
            for code, provider in PROVIDER_DNS.items()
            if any(fnmatchcase(name, pattern) for pattern in provider.hosts)
        ),
        "",
    )


def spf_term(code: str, host: str) -> str:
    """Return the SPF term of a provider for one of its servers; "" where it needs none."""
    if code == "zoho":
        # Zoho keeps its regions apart: smtppro.zoho.eu is let through by zoho.eu.
        region = host.strip().lower().partition(".zoho.")[2] or "com"
        return f"include:zoho.{region}"
    return PROVIDER_DNS[code].spf


def provider_records(code: str, domain: str, reason: str, selectors: tuple[str, ...] = ()) -> list[NeededRecord]:
    """Return the records, other than SPF, that a provider's customer publishes.

    Args:
        selectors: names of DKIM keys that an administrator typed in, for providers that make names of their own.
    """
    provider = PROVIDER_DNS[code]
    records = []
    for selector in provider.selectors:
        names = selectors or (selector.name,) if "<" in selector.name else (selector.name,)
        for name in names:
            target = selector.target.format(dashed=domain.replace(".", "-"))
            records.append(
                NeededRecord(
                    RecordKind.DKIM,
                    f"{name}._domainkey.{domain}",
                    target,
                    reason,
                    "CNAME" if target else "TXT",
                )
            )
    label, target = provider.return_path
    if label:
        records.append(
            NeededRecord(RecordKind.RETURN_PATH, f"{label}.{domain}", target, reason, "CNAME", is_required=False)
        )
    return records
